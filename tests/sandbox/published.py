"""A program that holds the sandbox against the document that it publishes, with requests made by schemathesis.

It runs in a process of its own, as schemathesis loads much and warns of much. It prints its findings as JSON.
Requests made of the document alone would hardly ever succeed: ids would be unknown and currencies no currencies. So
many of their values are replaced by ones that mean something, and there is a shop's worth of objects to begin with.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import hypothesis
import requests
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis import checks
from schemathesis.core.failures import FailureGroup

sys.path.insert(0, str(Path(__file__).parents[1]))

from sandbox.issuing.counter import BILLING
from sandbox.money.kit import DISPUTED, american, payout
from sandbox.rig import GOOD, card, order, payment  # it stands beside

from wooshpay.api import TAGS
from wooshpay.core.catalog import load
from wooshpay.core.codec import structure
from wooshpay.core.json import is_array, is_object
from wooshpay.describe.operations import all_facts
from wooshpay.sandbox import Sandbox, SyncSandbox

# The types of schemathesis are not known in full.
REGISTRY: Any = checks.CHECKS  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]  # so typed there
LOAD: Any = schemathesis.openapi.from_dict
EVERY_CHECK: Any = list(HealthCheck)
CHECKED = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")
PAGE = "https://shop.example/page"

TEA = {"product": "{product}", "currency": "usd", "unit_amount": 1999}
ITEMS = [{"price": "{price:recurring}", "quantity": 1}]

# What parameters of these names are worth trying with; those not here are ids, or left as they were made.
WORDS: dict[str, list[Any]] = {
    "currency": ["usd", "USD", "eur"],
    "amount": [500, 2000, 1, 99_999_999],
    "unit_amount": [1999, 50, 0],
    "quantity": [1, 2],
    "email": ["ada@example.com"],
    "url": [PAGE],
    "success_url": [PAGE],
    "cancel_url": [PAGE],
    "return_url": [PAGE],
    "limit": [1, 2, 100],
    "interval": ["month", "week", "year", "day"],
    "interval_count": [1, 3],
    "created": [1_800_000_000_000, {"gte": 1}, {"lt": 1_700_000_000}],
    "query": ["metadata['order']:'1'", "merchant_order_id:'A'", "amount>5"],
    "metadata": [{"order": "1"}, {}, None],
    "percent_off": [10, 100],
    "amount_off": [100],
    "duration": ["once", "forever", "repeating"],
    "mode": ["payment", "setup", "subscription"],
    "line_items": [order()["line_items"]],
    "payment_method_data": [card(), card("4000000000000002"), {"type": "alipay"}],
    "payment_method_types": [["card"], ["card", "alipay"]],
    "country": ["US", "GB", "DE"],
    "confirm": [True, False],
    "name": ["Ada"],
    "enabled_events": [["*"], ["payment_intent.succeeded"]],
    "product_data": [{"name": "Tea"}],
    "starting_after": [None],
    "ending_before": [None],
    "trial_period_days": [7, 0],
    "number": [GOOD, "4000002500003155"],
    "exp_month": ["12"],
    "exp_year": ["2090"],
    "cvc": ["123"],
    "items": [ITEMS],
    "subscription_items": [ITEMS],
    "usage": [{"type": "payin"}, {"type": "payout"}],
    "from_currencies": [["EUR", "JPY"]],
    "to_currency": ["USD"],
    "status": ["active", "inactive", "open", "succeeded", "pending"],
    "destination_data": [american()],
    "payment_amount": [5500],
    "payment_currency": ["USD"],
    "source_currency": ["USD"],
    "billing": [BILLING],
    "collection_method": ["charge_automatically", "send_invoice"],
    "days_until_due": [30],
    "recurring": [{"interval": "month", "interval_count": 1}],
}

# Names of parameters that hold an id, where it is not the kind itself.
KINDS = {"card": "issuing.card", "cardholder": "issuing.cardholder", "authorization": "issuing.authorization"}

# What is there from the beginning; {kind} stands for the newest id of a kind.
OPENING: list[tuple[str, dict[str, Any]]] = [
    ("/v1/customers", {"name": "Ada", "email": "ada@example.com", "metadata": {"order": "1"}}),
    ("/v1/payment_intents", payment(GOOD, customer="{customer}", merchant_order_id="A")),
    ("/v1/payment_intents", payment(GOOD, capture_method="manual")),
    ("/v1/payment_intents", payment("4000002500003155", return_url=PAGE)),
    ("/v1/payment_intents", payment("4000000000000077")),
    ("/v1/payment_intents", payment()),
    ("/v1/refunds", {"payment_intent": "{payment_intent:succeeded}", "amount": 100}),
    ("/v1/payment_methods", {**card(), "billing_details": {"name": "Ada"}}),
    ("/v1/payment_methods/{payment_method}/attach", {"customer": "{customer}"}),
    ("/v1/setup_intents", {"customer": "{customer}", "payment_method": "{payment_method}", "confirm": True}),
    ("/v1/products", {"name": "Tea"}),
    ("/v1/prices", {"product": "{product}", "currency": "usd", "unit_amount": 1999}),
    (
        "/v1/prices",
        {"product": "{product}", "currency": "usd", "unit_amount": 999, "recurring": {"interval": "month"}},
    ),
    ("/v1/coupons", {"percent_off": 10, "duration": "forever", "name": "Spring"}),
    ("/v1/promotion_code", {"coupon": "{coupon}", "code": "SPRING"}),
    ("/v1/checkout/sessions", order(customer="{customer}")),
    ("/v1/payment_links", {"line_items": order()["line_items"]}),
    ("/v1/webhook_endpoints", {"url": "http://127.0.0.1:9/", "enabled_events": ["charge.captured"]}),
    ("/v1/invoiceitems", {"customer": "{customer}", "price_data": TEA, "quantity": 1}),
    ("/v1/invoices", {"customer": "{customer}", "collection_method": "charge_automatically"}),
    (
        "/v1/subscriptions",
        {"customer": "{customer}", "items": ITEMS, "default_payment_method": "{payment_method}"},
    ),
    ("/v1/payment_intents", payment(DISPUTED)),
    ("/sandbox/acts/balance.top_up", {"amount": 10_000_000, "currency": "USD"}),
    ("/v1/payouts", payout()),
    ("/v1/fx_quotes", {"from_currencies": ["EUR"], "to_currency": "USD", "usage": {"type": "payin"}}),
    ("/v1/issuing/cardholders", {"name": "Jo Doe", "billing": BILLING}),
    (
        "/v1/issuing/cards",
        {"cardholder": "{issuing.cardholder}", "currency": "usd", "type": "virtual", "status": "active"},
    ),
    ("/sandbox/acts/issuing.authorize", {"card": "{issuing.card}", "amount": 500}),
    ("/sandbox/acts/issuing.capture", {"authorization": "{issuing.authorization}"}),
    ("/sandbox/acts/issuing.authorize", {"card": "{issuing.card}", "amount": 700}),
    ("/sandbox/clock", {"advance": {"hours": 1}}),
]  # fmt: skip


class Objects:
    """The ids that there are, by kind."""

    def __init__(self, sandbox: SyncSandbox, chance: random.Random) -> None:
        self._sandbox = sandbox
        self._chance = chance
        self._kept: dict[str, list[dict[str, Any]]] = {}

    def refresh(self) -> None:
        """Look at what there is now."""
        self._kept = {kind: self._sandbox.store.all(kind)[-40:] for kind in self._sandbox.store.kinds()}

    def any(self, kind: str) -> str | None:
        """One of a kind."""
        found = self._kept.get(kind)
        return self._chance.choice(found)["id"] if found else None

    def newest(self, kind: str, status: str = "") -> str:
        """The newest of a kind, in a status or of a type."""
        found = [each for each in self._kept.get(kind, []) if status in {"", each.get("status"), each.get("type")}]
        return str(found[-1]["id"]) if found else f"no_{kind}"

    def filled(self, value: Any) -> Any:
        """Put ids in the place of ``{kind}`` and ``{kind:status}``."""
        if is_object(value):
            return {name: self.filled(item) for name, item in value.items()}
        if is_array(value):
            return [self.filled(item) for item in value]
        if isinstance(value, str) and value.startswith("{") and "CHECKOUT" not in value:
            return self.newest(*value.strip("{}").split(":"))
        return value


class Improver:
    """Makes what was generated worth sending."""

    def __init__(self, objects: Objects, chance: random.Random) -> None:
        self._objects = objects
        self._chance = chance

    def improve(self, value: Any) -> Any:
        """Replace values that have a meaning by their name."""
        if is_array(value):
            return [self.improve(item) for item in value]
        if not is_object(value):
            return value
        return {name: self._better(name, item) for name, item in value.items()}

    def _better(self, name: str, value: Any) -> Any:
        if self._chance.random() < 0.15:
            return value
        if name in WORDS:
            return self._objects.filled(self._chance.choice(WORDS[name]))
        if isinstance(value, str):
            return self._objects.any(KINDS.get(name, name)) or value
        return self.improve(value)


class Run:
    """One run over all operations."""

    def __init__(self, sandbox: SyncSandbox, *, seconds: float, seed: int) -> None:
        self.chance = random.Random(seed)
        self.objects = Objects(sandbox, self.chance)
        self.improver = Improver(self.objects, self.chance)
        self.sandbox = sandbox
        self.session = requests.Session()
        # Where a wrong request is asked for, it may also be one without a key: then this is left out again.
        self.key = {"Authorization": aiohttp.encode_basic_auth(sandbox.api_key, "")}
        self.session.headers.update(self.key)
        self.ends = time.monotonic() + seconds
        self.statuses: Counter[int] = Counter()
        self.succeeded: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.refused: dict[str, Counter[str]] = {}
        self.findings: dict[str, dict[str, Any]] = {}
        # What stands in a path is of the kind that is answered for an object of that path.
        self.kinds = {
            facts.path.partition("/{")[0]: str(getattr(facts.returns, "TAG", ""))
            for facts in sorted(all_facts(), key=lambda facts: facts.name.endswith(".retrieve"))
            if facts.path.count("{") == 1
        }
        checks.load_all_checks()
        self.checks: list[Any] = REGISTRY.get_by_names(list(CHECKED))

    def note(self, operation: str, text: str, **more: Any) -> None:
        """Keep a finding; one of a sort is enough."""
        self.findings.setdefault(f"{operation}: {text[:300]}", more)

    def open(self) -> None:
        """Make what is there from the beginning."""
        for path, body in OPENING:
            self.objects.refresh()
            where = "/".join(str(self.objects.filled(step)) for step in path.split("/"))
            made = self.objects.filled(body)
            reply = self.session.post(self.sandbox.base_url + where, json=made, timeout=10)
            if reply.status_code != 200:
                self.note(path, f"the opening fails: {reply.text}", body=made)

    def drive(self, operation: Any, examples: int, mode: Any) -> None:
        """Send so many requests of an operation."""

        @hypothesis.settings(
            max_examples=examples,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=EVERY_CHECK,
            verbosity=hypothesis.Verbosity.quiet,
        )
        @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
        def send(case: Any) -> None:
            if time.monotonic() < self.ends:
                self.send(case, operation.definition.raw["operationId"])

        send()

    def send(self, case: Any, name: str) -> None:
        """Send one request and look at the answer."""
        if case.headers and self.chance.random() < 0.9:
            # The simplest keys come again and again, and only the first does anything.
            case.headers.pop("Idempotency-Key", None)
        kind = self.kinds.get(case.path.partition("/{")[0], "")
        places: list[str] = list(case.path_parameters or {})
        for place in places:
            named = case.path.partition(f"/{{{place}}}")[0].rpartition("/")[2].removesuffix("s")
            known = self.objects.any(named) or self.objects.any(kind)
            if known is not None and self.chance.random() < 0.85:
                case.path_parameters[place] = known
        if is_object(case.body):
            case.body = self.improver.improve(case.body)
        if is_object(case.query):
            case.query = {key: each for key, each in self.improver.improve(case.query).items() if each is not None}
        response = case.call(session=self.session, headers=self.key, timeout=10)
        self.calls[name] += 1
        self.statuses[response.status_code] += 1
        try:
            case.validate_response(response, checks=self.checks)
        except FailureGroup as group:
            for failure in group.exceptions:
                self.note(
                    name,
                    f"{type(failure).__name__}: {failure}",
                    sent=case.as_curl_command(),
                    answer=response.text[:999],
                )
        if response.status_code != 200:
            error = response.json().get("error", {})
            self.refused.setdefault(name, Counter())[str(error.get("message"))] += 1
            if not error.keys() >= {"type", "code", "message"}:
                self.note(name, f"no error object: {response.text}", sent=case.as_curl_command())
            return
        self.succeeded[name] += 1
        for found in objects_in(response.json()):
            # Members of objects that are kept as they came may be anything: the document says that they may.
            try:
                structure(found, load(TAGS[found["object"]]), strict=True)
            except ValueError as wrong:
                self.note(name, f"not as the SDK's class has it: {wrong}", sent=case.as_curl_command())

    def report(self) -> dict[str, Any]:
        """The figures."""
        return {
            "calls": self.calls.total(),
            "operations": len(self.calls),
            "statuses": dict(sorted(self.statuses.items())),
            "never succeeded": {
                name: dict(self.refused[name].most_common(3))
                for name in sorted(self.calls.keys() - self.succeeded.keys())
            },
            "findings": self.findings,
        }


def objects_in(answer: Any) -> Iterator[dict[str, Any]]:
    """The objects of an answer whose class is known: the answer itself, or the entries of a list."""
    entries = answer["data"] if answer.get("object") in {"list", "search_result"} else [answer]
    return (entry for entry in entries if entry.get("object") in TAGS and not entry.get("deleted"))


def main(arguments: list[str]) -> int:
    """Run, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=10, help="requests for each operation")
    parser.add_argument("--seconds", type=float, default=45)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="")
    options = parser.parse_args(arguments)
    with Sandbox(seed=options.seed) as sandbox:
        document = requests.get(f"{sandbox.base_url}/openapi.json", timeout=30).json()
        schema = LOAD(document)
        schema.config.update(base_url=sandbox.base_url)
        run = Run(sandbox, seconds=options.seconds, seed=options.seed)
        run.open()
        found: list[Any] = [result.ok() for result in schema.get_all_operations()]
        chosen = [each for each in found if options.only in each.definition.raw["operationId"]]
        # What makes objects comes first, what removes them last.
        order_of: Callable[[Any], int] = lambda each: ["post", "get", "delete"].index(each.method)  # noqa: E731  # its type stands beside it
        modes = schemathesis.GenerationMode
        for operation in sorted(chosen, key=order_of):
            run.objects.refresh()
            run.drive(operation, options.examples, modes.POSITIVE)
            if operation.body or operation.query:
                run.drive(operation, max(1, options.examples // 3), modes.NEGATIVE)
            sandbox.clock.advance(hours=7)
        json.dump(run.report(), sys.stdout, indent=1)
    return 1 if run.findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
