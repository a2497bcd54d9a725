"""IDs of the wrong form, such as a placeholder that nobody filled in: 404, and a message that names the parameter."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import pytest
from sandbox.rig import Api, order, payment

from wooshpay.describe.operations import Facts, all_facts
from wooshpay.sandbox import Sandbox
from wooshpay.sandbox.engine.ids import is_well_formed

WITH_IDS = [facts for facts in all_facts() if "{" in facts.path]
MALFORMED = ["{CHECKOUT_SESSION_ID}", "", "xyz_1693466278934609920", "pi_", "42", "pi 1", " pi_1", "pi_1\n", "pi_1%20"]
IN_PARAMETERS: list[tuple[str, str, dict[str, Any]]] = [
    ("/v1/payment_intents", "customer", payment()),
    ("/v1/payment_intents", "payment_method", payment()),
    ("/v1/checkout/sessions", "customer", order()),
    ("/v1/refunds", "payment_intent", {}),
    ("/v1/payouts", "beneficiary", {"payment_amount": 5500, "payment_currency": "USD", "source_currency": "USD"}),
    ("/v1/subscriptions", "customer", {}),
    ("/v1/invoices", "customer", {}),
    ("/v1/invoiceitems", "customer", {}),
    ("/v1/promotion_code", "coupon", {}),
    ("/v1/issuing/cards", "cardholder", {"currency": "USD", "type": "virtual"}),
]


def path_with(facts: Facts, name: str, id: str) -> str:
    """The path of an operation with one ID of the wrong form, and others of the right one."""
    return re.sub(r"\{(\w+)\}", lambda found: quote(id, safe="") if found[1] == name else "cus_1", facts.path)


@pytest.mark.parametrize("id", MALFORMED)
async def test_a_malformed_id_in_a_path_is_404_and_the_parameter_is_named(api: Api, sandbox: Sandbox, id: str) -> None:
    """Without it a program cannot tell a template that nobody filled in from an object that is gone."""
    for facts in WITH_IDS:
        for name in re.findall(r"\{(\w+)\}", facts.path):
            path = path_with(facts, name, id)
            reply = await api.send(facts.method, path, {} if facts.method == "POST" else None)
            assert (reply.status, reply.error["param"]) == (404, name), (facts.name, reply.body)
            assert "id is invalid" in reply.error["message"]
            assert name in reply.error["message"]
            assert repr(id) in reply.error["message"]
    assert sandbox.store.kinds() == []


@pytest.mark.parametrize(("path", "name", "body"), IN_PARAMETERS)
async def test_a_malformed_id_in_a_parameter_is_404_and_named(
    api: Api, sandbox: Sandbox, path: str, name: str, body: dict[str, Any]
) -> None:
    for id in [each for each in MALFORMED if each]:
        reply = await api.post(path, {**body, name: id})
        assert (reply.status, reply.error["param"]) == (404, name), reply.body
        assert f"id is invalid: {id!r}" in reply.error["message"]
        assert name in reply.error["message"]
    assert sandbox.store.kinds() == []


@pytest.mark.parametrize(
    ("path", "name"),
    [("/v1/payment_intents", "customer"), ("/v1/charges/list", "payment_intent"), ("/v1/issuing/transactions", "card"),
     ("/v1/setup_attempts/list", "setup_intent"), ("/v1/payouts/list", "destination"), ("/v1/invoices", "subscription"),
     ("/v1/products", "starting_after"), ("/v1/setup_intents", "ending_before")],
)  # fmt: skip
async def test_a_malformed_id_in_a_filter_is_404_instead_of_an_empty_list(api: Api, path: str, name: str) -> None:
    reply = await api.get(path, query={name: "{CHECKOUT_SESSION_ID}"})
    assert (reply.status, reply.error["param"]) == (404, name), reply.body
    assert "id is invalid: '{CHECKOUT_SESSION_ID}'" in reply.error["message"]


async def test_a_filter_by_an_object_that_does_not_exist_finds_nothing(api: Api) -> None:
    assert (await api.find("/v1/payment_intents?customer=cus_1693466278934609920"))["data"] == []


async def test_an_id_of_the_right_form_that_does_not_exist_keeps_its_message(api: Api) -> None:
    reply = await api.get("/v1/refunds/re_1693466278934609920")
    assert (reply.status, reply.error["message"]) == (404, "No such refund: 're_1693466278934609920'.")
    reply = await api.post("/v1/refunds", {"payment_intent": "pi_1693466278934609920"})
    assert reply.error["message"].startswith("No such payment intent: ")


@pytest.mark.parametrize("id", ["pm_card_visa", "pi_1693466278934609920", "coupon_1", "re_aB9"])
def test_what_has_the_form_of_an_id(id: str) -> None:
    assert is_well_formed(id)


@pytest.mark.parametrize("id", [*MALFORMED, "PI_1", "pi-1", "_1", "pi_1/2", "pi_ü"])
def test_what_does_not_have_the_form_of_an_id(id: str) -> None:
    assert not is_well_formed(id)
