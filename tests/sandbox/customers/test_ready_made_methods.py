"""Ready-made payment methods such as pm_card_visa: they work wherever the API accepts the ID of a payment method."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sandbox.customers.helpers import customer, ids
from sandbox.customers.setups import BACK
from sandbox.rig import Api, Reply, payment
from sandbox.test_shapes import check

from wooshpay.describe.operations import all_facts
from wooshpay.sandbox import CARDS, Sandbox, TestCard

VISA, DECLINED, CHALLENGED = "pm_card_visa", "pm_card_declined", "pm_card_3ds"
METHODS = "/v1/payment_methods"

Use = Callable[[Api], Awaitable[Any]]


async def paid(api: Api, id: str = VISA, **fields: Any) -> Any:
    return await api.make("/v1/payment_intents", payment(confirm=True, payment_method=id, **fields))


async def open_invoice(api: Api, owner: str) -> str:
    await api.make("/v1/invoiceitems", {"customer": owner, "amount": 500, "currency": "USD"})
    made = await api.make("/v1/invoices", {"customer": owner})
    return str((await api.make(f"/v1/invoices/{made['id']}/finalize"))["id"])


async def plan(api: Api) -> str:
    terms = {"currency": "USD", "unit_amount": 1000, "recurring": {"interval": "month"}}
    return str((await api.make("/v1/prices", {**terms, "product_data": {"name": "Plus"}}))["id"])


async def subscription(api: Api, owner: str, **fields: Any) -> Any:
    items = [{"price": await plan(api), "quantity": 1}]
    return await api.make("/v1/subscriptions", {"customer": owner, "items": items, **fields})


# ---- every operation


async def create_intent(api: Api) -> Any:
    return (await paid(api))["payment_method"]


async def update_intent(api: Api) -> Any:
    intent = await api.make("/v1/payment_intents", payment())
    changed = await api.make(f"/v1/payment_intents/{intent['id']}", {"payment_method": VISA})
    assert changed["status"] == "requires_confirmation"
    done = await api.make(f"/v1/payment_intents/{intent['id']}/confirm")
    assert done["status"] == "succeeded"
    return done["payment_method"]


async def confirm_intent(api: Api) -> Any:
    intent = await api.make("/v1/payment_intents", payment())
    done = await api.make(f"/v1/payment_intents/{intent['id']}/confirm", {"payment_method": VISA})
    assert done["status"] == "succeeded"
    return done["payment_method"]


async def create_setup(api: Api) -> Any:
    owner = await customer(api)
    body = {"confirm": True, "customer": owner, "payment_method": VISA, "return_url": BACK}
    done = await api.make("/v1/setup_intents", body)
    assert done["status"] == "succeeded"
    return done["payment_method"]


async def update_setup(api: Api) -> Any:
    setup = await api.make("/v1/setup_intents", {"customer": await customer(api)})
    changed = await api.make(f"/v1/setup_intents/{setup['id']}", {"payment_method": VISA})
    assert changed["status"] == "requires_confirmation"
    return changed["payment_method"]


async def confirm_setup(api: Api) -> Any:
    setup = await api.make("/v1/setup_intents", {"customer": await customer(api)})
    body = {"payment_method": VISA, "return_url": BACK}
    done = await api.make(f"/v1/setup_intents/{setup['id']}/confirm", body)
    assert done["status"] == "succeeded"
    return done["payment_method"]


async def create_customer(api: Api) -> Any:
    made = await api.make("/v1/customers", {"payment_method": VISA})
    assert ids(await api.find(f"/v1/customers/{made['id']}/payment_methods")) == [made["payment_method"]]
    return made["payment_method"]


async def update_customer(api: Api) -> Any:
    owner = await customer(api)
    changed = await api.make(f"/v1/customers/{owner}", {"payment_method": VISA})
    assert ids(await api.find(f"/v1/customers/{owner}/payment_methods")) == [changed["payment_method"]]
    return changed["payment_method"]


async def attach(api: Api) -> Any:
    owner = await customer(api)
    made = await api.make(f"{METHODS}/{VISA}/attach", {"customer": owner})
    assert made["customer"] == owner
    assert await api.find(f"/v1/customers/{owner}/payment_methods/{made['id']}") == made
    return made["id"]


async def create_invoice(api: Api) -> Any:
    owner = await customer(api)
    made = await api.make("/v1/invoices", {"customer": owner, "default_payment_method": VISA})
    assert ids(await api.find(f"/v1/customers/{owner}/payment_methods")) == [made["default_payment_method"]]
    return made["default_payment_method"]


async def pay_invoice(api: Api) -> Any:
    invoice = await open_invoice(api, await customer(api))
    done = await api.make(f"/v1/invoices/{invoice}/pay", {"payment_method": VISA, "off_session": True})
    assert done["status"] == "paid"
    return (await api.find(f"/v1/charges/{done['charge']}"))["payment_method"]


async def create_subscription(api: Api) -> Any:
    made = await subscription(api, await customer(api), default_payment_method=VISA)
    assert made["status"] == "active"
    return made["default_payment_method"]


async def update_subscription(api: Api) -> Any:
    owner = await customer(api)
    made = await subscription(api, owner, trial_period_days=7)
    changed = await api.make(f"/v1/subscriptions/{made['id']}", {"default_payment_method": VISA})
    assert ids(await api.find(f"/v1/customers/{owner}/payment_methods")) == [changed["default_payment_method"]]
    return changed["default_payment_method"]


USES: dict[tuple[str, str], Use] = {
    ("payment_intents.create", "payment_method"): create_intent,
    ("payment_intents.update", "payment_method"): update_intent,
    ("payment_intents.confirm", "payment_method"): confirm_intent,
    ("setup_intents.create", "payment_method"): create_setup,
    ("setup_intents.update", "payment_method"): update_setup,
    ("setup_intents.confirm", "payment_method"): confirm_setup,
    ("customers.create", "payment_method"): create_customer,
    ("customers.update", "payment_method"): update_customer,
    ("invoices.create", "default_payment_method"): create_invoice,
    ("invoices.pay", "payment_method"): pay_invoice,
    ("payment_methods.attach", "paymentmethod_id"): attach,
    ("subscriptions.create", "default_payment_method"): create_subscription,
    ("subscriptions.update", "default_payment_method"): update_subscription,
}

# Operations that take the ID of a method which exists already: what they do with a ready-made one is tested below.
ABOUT_ONE = {
    ("customers.retrieve_payment_method", "paymentmethod_id"),
    ("payment_methods.retrieve", "paymentmethod_id"),
    ("payment_methods.update", "paymentmethod_id"),
    ("payment_methods.detach", "paymentmethod_id"),
    ("setup_intents.list", "payment_method"),
}


def test_no_operation_that_takes_the_id_of_a_payment_method_is_forgotten_here() -> None:
    names = {"payment_method", "default_payment_method", "paymentmethod_id"}
    declared = {
        (facts.name, parameter.wire)
        for facts in all_facts()
        for parameter in facts.parameters
        if parameter.wire in names
    }
    assert declared == USES.keys() | ABOUT_ONE


@pytest.mark.parametrize("use", USES.values(), ids=[" ".join(key) for key in USES])
async def test_each_use_makes_a_payment_method_of_its_own(api: Api, use: Use) -> None:
    """As with Stripe's test methods: two uses are two cards that only look alike."""
    first, second = await use(api), await use(api)
    assert first != second
    for id in (first, second):
        assert id.startswith("pm_")
        assert id != VISA
        found = await api.find(f"{METHODS}/{id}")
        check(found)
        assert (found["type"], found["card"]["last4"]) == ("card", "1111")


# ---- what each card does


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.payment_method)
async def test_a_payment_ends_as_it_does_with_the_card_number(api: Api, card: TestCard) -> None:
    def seen(reply: Reply) -> tuple[int, Any, Any]:
        body = reply.body if reply.status == 200 else reply.error
        return reply.status, body.get("status") or body["code"], body.get("decline_code")

    by_number = await api.post("/v1/payment_intents", payment(card.number))
    by_method = await api.post("/v1/payment_intents", payment(confirm=True, payment_method=card.payment_method))
    assert seen(by_method) == seen(by_number)


async def test_the_card_is_as_if_its_number_had_been_sent(api: Api) -> None:
    """Programs recognize a card by its fingerprint, brand and last four digits."""
    await api.make("/v1/payment_intents", payment("4111111111111111"))
    await paid(api)
    second, first = (await api.find(METHODS))["data"]
    assert first["card"].pop("exp_year") >= 2026
    assert second["card"].pop("exp_year") >= 2026
    assert first["card"] == second["card"]


async def test_a_card_that_would_have_expired_by_now_is_valid(api: Api, sandbox: Sandbox) -> None:
    """A test that moves the clock by decades still finds valid cards, and they last for some years."""
    sandbox.clock.advance(days=365 * 60)
    intent = await paid(api)
    year = 1970 + sandbox.clock.now // 31_556_952_000
    method = await api.find(f"{METHODS}/{intent['payment_method']}")
    assert method["card"]["exp_year"] >= year + 5


async def test_a_refused_card_is_not_attached(api: Api, sandbox: Sandbox) -> None:
    owner = await customer(api)
    for path, body in (
        (f"{METHODS}/{DECLINED}/attach", {"customer": owner}),
        (f"/v1/customers/{owner}", {"payment_method": DECLINED}),
        ("/v1/customers", {"payment_method": DECLINED}),
        ("/v1/invoices", {"customer": owner, "default_payment_method": DECLINED}),
    ):
        reply = await api.post(path, body)
        assert (reply.status, reply.error["decline_code"]) == (402, "generic_decline")
    assert (await api.find(METHODS))["data"] == []
    assert [found["id"] for found in sandbox.store.all("customer")] == [owner]


async def test_a_subscription_whose_later_payments_are_declined(api: Api, sandbox: Sandbox) -> None:
    """The usual way to test dunning: a card that can be saved although every payment with it is declined."""
    owner = await customer(api)
    made = await subscription(api, owner, trial_period_days=7, default_payment_method="pm_card_declined_after_saving")
    assert made["status"] == "trialing"
    sandbox.clock.advance(days=8)
    assert (await api.find(f"/v1/subscriptions/{made['id']}"))["status"] == "past_due"


async def test_a_payment_without_the_customer(api: Api) -> None:
    owner = await customer(api)
    done = await paid(api, customer=owner, off_session=True)
    assert done["status"] == "succeeded"
    reply = await api.post(
        "/v1/payment_intents",
        payment(confirm=True, customer=owner, payment_method="pm_card_3ds_off_session", off_session=True),
    )
    assert (reply.status, reply.error["decline_code"]) == (402, "authentication_required")


async def test_a_payment_can_save_it_for_its_customer(api: Api) -> None:
    owner = await customer(api)
    done = await paid(api, customer=owner, setup_future_usage="off_session")
    assert ids(await api.find(f"/v1/customers/{owner}/payment_methods")) == [done["payment_method"]]


# ---- nothing is left behind


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("/v1/payment_intents", payment(payment_method=VISA, customer="cus_1")),
    ("/v1/payment_intents", payment(payment_method=VISA, amount=0)),
    ("/v1/setup_intents", {"payment_method": VISA, "usage": "never"}),
    ("/v1/customers/{owner}", {"payment_method": VISA, "metadata": 1}),
    ("/v1/invoices", {"customer": "{owner}", "default_payment_method": VISA, "metadata": 1}),
    ("/v1/invoices", {"customer": "{owner}", "default_payment_method": VISA, "currency": "dollars"}),
    ("/v1/subscriptions", {"customer": "{owner}", "default_payment_method": VISA, "items": [], "metadata": {}}),
    (
        "/v1/subscriptions",
        {"customer": "{owner}", "default_payment_method": VISA, "items": [{"price": "{plan}"}], "metadata": 1},
    ),
    (f"{METHODS}/{VISA}/attach", {"customer": "cus_1"}),
]


@pytest.mark.parametrize(("path", "body"), REFUSED, ids=range(len(REFUSED)))
async def test_a_refused_call_makes_no_payment_method(api: Api, path: str, body: dict[str, Any]) -> None:
    """Otherwise the list of a customer's cards would grow with every mistake."""
    names = {"{owner}": await customer(api), "{plan}": await plan(api)}

    def fill(text: str) -> str:
        for name, id in names.items():
            text = text.replace(name, id)
        return text

    reply = await api.post(fill(path), json.loads(fill(json.dumps(body))))
    assert reply.status in {400, 404}, reply.body
    assert (await api.find(METHODS))["data"] == []


# ---- the ready-made ID itself


async def test_a_ready_made_method_can_be_looked_at(api: Api) -> None:
    found = await api.find(f"{METHODS}/{CHALLENGED}")
    check(found)
    assert (found["id"], found["object"], found["type"]) == (CHALLENGED, "payment_method", "card")
    assert (found["card"]["last4"], "customer" in found) == ("1390", False)
    assert (await api.find(METHODS))["data"] == [], "looking must not make a payment method"


@pytest.mark.parametrize(("path", "body"), [("", {"metadata": {"a": "1"}}), ("/detach", {})], ids=["update", "detach"])
async def test_a_ready_made_method_cannot_be_changed(api: Api, path: str, body: Any) -> None:
    reply = await api.post(f"{METHODS}/{VISA}{path}", body)
    assert (reply.status, reply.error["code"]) == (400, "payment_method_unexpected_state")
    assert "ready-made" in reply.error["message"]
    assert "Attach it" in reply.error["message"]


async def test_no_customer_has_the_ready_made_method_itself(api: Api) -> None:
    owner = await customer(api)
    await api.make(f"{METHODS}/{VISA}/attach", {"customer": owner})
    assert (await api.get(f"/v1/customers/{owner}/payment_methods/{VISA}")).status == 404
    assert (await api.find(f"/v1/setup_intents?payment_method={VISA}"))["data"] == []


async def test_a_misspelled_one_is_not_found(api: Api) -> None:
    reply = await api.post("/v1/payment_intents", payment(confirm=True, payment_method="pm_card_viza"))
    assert (reply.status, reply.error["param"]) == (404, "payment_method")


# ---- with a seed, with a state file


async def test_with_a_seed_the_ids_are_the_same_in_every_run() -> None:
    runs: list[str] = []
    for _ in range(2):
        async with Sandbox(seed=4) as sandbox, aiohttp.ClientSession() as session:
            api = Api(session, sandbox.base_url, sandbox.api_key)
            intent = await paid(api)
            method = await api.find(f"{METHODS}/{intent['payment_method']}")
            runs.append(f"{intent['id']} {method}")
    assert runs[0] == runs[1]


async def test_what_was_made_of_one_is_in_the_state_file(tmp_path: Path) -> None:
    file = tmp_path / "sandbox.db"
    async with Sandbox(state=file) as sandbox, aiohttp.ClientSession() as session:
        api = Api(session, sandbox.base_url, sandbox.api_key)
        owner = await customer(api)
        saved = (await api.make(f"{METHODS}/pm_card_declined_after_saving/attach", {"customer": owner}))["id"]
    async with Sandbox(state=file) as sandbox, aiohttp.ClientSession() as session:
        api = Api(session, sandbox.base_url, sandbox.api_key)
        reply = await api.post("/v1/payment_intents", payment(confirm=True, payment_method=saved, customer=owner))
        assert (reply.status, reply.error["decline_code"]) == (402, "generic_decline")
