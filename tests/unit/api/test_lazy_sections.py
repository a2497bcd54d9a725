"""A section is imported when it is used, and no other with it: a class of twenty fields costs a millisecond."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache

import pytest
from support.children import HANGS

from wooshpay.api import SECTIONS

# Sections whose modules use another one's when they run, not only for the eyes of type checkers.
NEEDS = {
    "customers": {"payment_methods"},
    "webhook_endpoints": {"endpoint_plans", "events"},
}


def allowed(section: str) -> set[str]:
    """The section itself, what all share, the package around it with what its sections share, and `NEEDS`."""
    package = section.rpartition(".")[0]
    around = {package, f"{package}.shared"} if package else set[str]()
    return {section, "shared", *around, *NEEDS.get(section, set())}


# Each section is used in a child of its own, which has nothing but the client: a fork is a fresh start.
PROGRAM = """
import json, operator, os, sys

def ours():
    return sorted(name.removeprefix("wooshpay.api.") for name in sys.modules if name.startswith("wooshpay.api."))

import wooshpay
client = wooshpay.{client}("sk_test_x")
report = {{"the client": ours()}}
from wooshpay.api import SECTIONS
from wooshpay.core.codec import reader
from wooshpay.core.declaration import Declaration

def use(section):
    resource = operator.attrgetter(section)(client)
    reached = ours()
    for operation in vars(type(resource)).values():
        if isinstance(operation, Declaration):
            getattr(resource, operation.function.__name__)
            read = reader(operation.returns)
            # Ids, as an answer has them that expands nothing.
            read({{"id": "x_1", "object": "mystery", "customer": "cus_1", "payment_intent": "pi_1", "refunds": None}})
            read({{"object": "list", "data": [{{"id": "x_1", "customer": "cus_1"}}]}})
    return [reached, ours()]

for section in SECTIONS:
    source, target = os.pipe()
    child = os.fork()
    if not child:
        os.write(target, json.dumps(use(section)).encode())
        os._exit(0)
    os.close(target)
    with open(source, "rb") as answer:
        report[section] = json.loads(answer.read() or "null")
    os.waitpid(child, 0)
print(json.dumps(report))
"""


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=HANGS, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def report(client: str) -> dict[str, list[list[str]]]:
    """By section: the modules there when it was reached, and when all its operations were used."""
    found: dict[str, list[list[str]]] = json.loads(run(PROGRAM.format(client=client)))
    return found


clients = pytest.mark.parametrize("client", ["WooshPay", "AsyncWooshPay"])


@clients
def test_creating_a_client_imports_no_section(client: str) -> None:
    assert report(client)["the client"] == []


@clients
@pytest.mark.parametrize("section", SECTIONS)
def test_using_a_section_imports_no_other_but_those_that_it_needs(section: str, client: str) -> None:
    assert report(client)[section] is not None
    for modules in report(client)[section]:
        assert section in modules
        assert set(modules) <= allowed(section)


def test_the_sections_that_need_others_are_really_so() -> None:
    """Else the table above would allow what nobody asked for."""
    for section, needed in NEEDS.items():
        assert needed <= set(report("WooshPay")[section][0])


@pytest.mark.parametrize(
    ("section", "answer", "expanded"),
    [
        ("refunds", {"id": "re_1", "payment_intent": {"id": "pi_1", "object": "payment_intent"}}, "payment_intents"),
        ("charges", {"id": "ch_1", "customer": {"id": "cus_1", "object": "customer"}}, "customers"),
        ("payment_intents", {"id": "pi_1", "latest_charge": {"id": "ch_1", "object": "charge"}}, "charges"),
        ("events", {"id": "evt_1", "data": {"object": {"id": "po_1", "object": "payout"}}}, "payouts"),
        ("invoices", {"id": "in_1", "subscription": {"id": "sub_1"}}, "subscriptions"),
    ],
)
def test_an_object_of_another_section_imports_it_when_it_arrives(
    section: str, answer: dict[str, object], expanded: str
) -> None:
    output = run(
        f"import sys, wooshpay\n"
        f"client = wooshpay.WooshPay('sk_test_x')\n"
        f"from wooshpay.core.codec import reader\n"
        f"read = reader(type(client.{section}).retrieve.returns)\n"
        f"read({{'id': 'x_1'}})\n"
        f"print('wooshpay.api.{expanded}' in sys.modules)\n"
        f"made = read({answer!r})\n"
        f"print('wooshpay.api.{expanded}' in sys.modules)\n"
        f"assert made.to_dict() == {answer!r}\n"
    )
    assert output.split() == ["False", "True"]


def test_refunding_needs_nothing_of_invoices() -> None:
    modules = report("WooshPay")["refunds"][1]
    assert "refunds" in modules
    assert not {"invoices", "subscriptions", "payment_intents", "charges", "issuing.cards"} & set(modules)
