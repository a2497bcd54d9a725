"""Invoices by hand: each row of the state table, each refusal, and the money."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.billing.desk import (
    DAY,
    HOUR,
    NEW_YEAR,
    SAVED_BUT_REFUSED,
    attach,
    balance,
    bill,
    customer,
    events,
    finalized,
    fresh,
    price,
    refused,
)
from sandbox.rig import CHALLENGED, GOOD, Api, card

from wooshpay.sandbox import Sandbox


async def in_state(api: Api, status: str, owner: str) -> dict[str, Any]:
    """An invoice with some status."""
    if status == "draft":
        return await bill(api, owner, 500)
    invoice = await finalized(api, owner, 500)
    if status in {"paid", "void"}:
        return dict(await api.make(f"/v1/invoices/{invoice['id']}/{'pay' if status == 'paid' else 'void'}"))
    return invoice


# ---- draft


async def test_a_new_invoice_is_an_empty_draft(api: Api, sandbox: Sandbox) -> None:
    owner = await customer(api, None, phone="1", address={"city": "London"})
    invoice = await api.make("/v1/invoices", {"customer": owner, "description": "Tea", "metadata": {"a": "1"}})
    assert invoice["id"].startswith("in_")
    facts = {
        "status": "draft",
        "billing_reason": "manual",
        "collection_method": "charge_automatically",
        "auto_advance": False,
        "amount_due": 0,
        "total": 0,
        "amount_precision": 2,
        "currency": "USD",
        "description": "Tea",
        "metadata": {"a": "1"},
        "customer_name": "Ada",
        "customer_email": "ada@example.com",
        "customer_phone": "1",
        "customer_address": {"city": "London"},
        "paid": False,
    }
    assert {name: invoice[name] for name in facts} == facts
    assert invoice["lines"]["data"] == []
    # These come when it is finalized.
    assert not invoice.keys() & {"number", "hosted_invoice_url", "payment_intent", "charge", "due_date"}
    event = sandbox.store.events()[-1]
    assert (event["type"], event["data"]["object"]) == ("invoice.created", invoice)


async def test_lines_of_a_draft_add_up_and_may_be_negative(api: Api) -> None:
    owner = await customer(api, None)
    draft = await api.make("/v1/invoices", {"customer": owner})
    tea = await price(api, 250, "once")
    lines = [
        {"unit_amount": 300, "quantity": 3, "description": "Cups", "metadata": {"a": "1"}},
        {"unit_amount": -100, "description": "Sorry"},
        {"amount": 40, "currency": "USD"},
        {"amount": 20, "unit_amount": 10, "quantity": 2},
        {"price": tea, "quantity": 2},
    ]
    invoice = await api.make(f"/v1/invoices/{draft['id']}/add_lines", {"lines": lines})
    found = invoice["lines"]["data"]
    assert [line["amount"] for line in found] == [900, -100, 40, 20, 500]
    assert (found[0]["description"], found[0]["metadata"], found[0]["quantity"]) == ("Cups", {"a": "1"}, 3)
    assert (found[4]["price"]["id"], found[4]["description"]) == (tea, "Tea club")
    assert all(line["id"].startswith("il_") and line["type"] == "invoiceitem" for line in found)
    assert (invoice["subtotal"], invoice["total"], invoice["amount_due"]) == (1360, 1360, 1360)
    item = await api.find(f"/v1/invoiceitems/{found[0]['invoice_item']}")
    assert (item["invoice"], item["amount"], item["unit_amount"]) == (draft["id"], 900, 300)


@pytest.mark.parametrize(
    ("lines", "code", "param"),
    [
        (None, "parameter_missing", "lines"),
        ([], "parameter_missing", "lines"),
        ([{"description": "x"}], "parameter_missing", "lines[0][amount]"),
        ([{"amount": 5, "unit_amount": 2, "quantity": 3}], "parameter_invalid", "lines[0][amount]"),
        ([{"amount": 5, "quantity": 3}], "parameter_invalid", "lines[0][quantity]"),
        ([{"amount": 5}, {"amount": 5, "currency": "EUR"}], "parameter_invalid", "lines"),
        ([{"unit_amount": 99_999_999, "quantity": 2}], "amount_too_large", "lines[0][quantity]"),
        ([{"amount": 1}] * 251, "too_many_lines", "lines"),
    ],
)
async def test_lines_that_are_refused_leave_the_draft_as_it_was(api: Api, lines: Any, code: str, param: str) -> None:
    draft = await bill(api, await customer(api, None), 500)
    reply = await api.post(f"/v1/invoices/{draft['id']}/add_lines", {"lines": lines} if lines is not None else {})
    refused(reply, 400, code, param)
    assert await fresh(api, draft) == draft


async def test_an_unknown_price_in_a_line_is_404(api: Api) -> None:
    draft = await bill(api, await customer(api, None))
    reply = await api.post(f"/v1/invoices/{draft['id']}/add_lines", {"lines": [{"price": "price_1"}]})
    refused(reply, 404, "resource_missing", "lines[0][price]")


async def test_a_recurring_price_is_for_subscriptions(api: Api) -> None:
    draft = await bill(api, await customer(api, None))
    reply = await api.post(f"/v1/invoices/{draft['id']}/add_lines", {"lines": [{"price": await price(api)}]})
    refused(reply, 400, "price_type_invalid", "lines[0][price]")


async def test_at_most_250_lines_in_all(api: Api) -> None:
    draft = await bill(api, await customer(api, None), *[1] * 250)
    assert draft["total"] == 250
    path = f"/v1/invoices/{draft['id']}/add_lines"
    refused(await api.post(path, {"lines": [{"amount": 1}]}), 400, "too_many_lines", "lines")


async def test_a_draft_is_deleted(api: Api, sandbox: Sandbox) -> None:
    draft = await bill(api, await customer(api, None), 500)
    reply = await api.delete(f"/v1/invoices/{draft['id']}")
    assert reply.body == {"id": draft["id"], "object": "invoice", "deleted": True}
    assert events(sandbox)[-1] == "invoice.deleted"
    refused(await api.get(f"/v1/invoices/{draft['id']}"), 404, "resource_missing")


async def test_an_empty_draft_takes_the_currency_of_its_first_line(api: Api) -> None:
    draft = await api.make("/v1/invoices", {"customer": await customer(api, None)})
    lines = [{"amount": 500, "currency": "jpy"}]
    invoice = await api.make(f"/v1/invoices/{draft['id']}/add_lines", {"lines": lines})
    assert (invoice["currency"], invoice["amount_precision"], invoice["total"]) == ("JPY", 0, 500)


# ---- finalize


async def test_finalize_opens_it_with_a_number_a_page_and_an_intent(api: Api, sandbox: Sandbox) -> None:
    owner = await customer(api)
    first, second = await finalized(api, owner, 500), await finalized(api, owner, 300)
    assert (first["status"], first["number"], second["number"]) == ("open", "INV-000001", "INV-000002")
    assert first["status_transitions"] == {"finalized_at": NEW_YEAR}
    assert first["hosted_invoice_url"].startswith(sandbox.base_url)
    intent = await api.find(f"/v1/payment_intents/{first['payment_intent']}")
    assert (intent["amount"], intent["currency"], intent["customer"]) == (500, "USD", owner)
    assert intent["status"] == "requires_payment_method"
    # Nothing is collected by itself without auto_advance.
    assert await balance(api) == 0
    assert events(sandbox, "invoice", "payment_intent")[-3:] == [
        "invoice.created",
        "payment_intent.created",
        "invoice.finalized",
    ]


async def test_finalize_with_nothing_due_is_paid_at_once(api: Api, sandbox: Sandbox) -> None:
    invoice = await finalized(api, await customer(api, None), 500, -500)
    assert (invoice["status"], invoice["paid"], invoice["amount_paid"]) == ("paid", True, 0)
    assert "payment_intent" not in invoice
    assert events(sandbox)[-3:] == ["invoice.finalized", "invoice.paid", "invoice.payment_succeeded"]


async def test_an_invoice_below_zero_gives_credit_that_the_next_ones_use(api: Api) -> None:
    owner = await customer(api)
    below = await finalized(api, owner, -700)
    assert (below["status"], below["total"], below["amount_due"]) == ("paid", -700, 0)
    small = await finalized(api, owner, 500)
    assert (small["status"], small["starting_balance"], small["amount_due"]) == ("paid", -700, 0)
    # Credit is for its own currency only.
    assert (await bill(api, owner, currency="eur"))["starting_balance"] == 0
    draft = await bill(api, owner, 1000)
    assert (draft["starting_balance"], draft["amount_due"]) == (-200, 800)
    paid = await api.make(f"/v1/invoices/{draft['id']}/pay")
    assert (paid["amount_due"], paid["amount_paid"], await balance(api)) == (800, 800, 800)
    assert (await finalized(api, owner, 50))["amount_due"] == 50


async def test_finalize_with_auto_advance_collects(api: Api, sandbox: Sandbox) -> None:
    draft = await bill(api, await customer(api), 500)
    invoice = await api.make(f"/v1/invoices/{draft['id']}/finalize", {"auto_advance": True})
    assert (invoice["status"], await balance(api)) == ("paid", 500)


async def test_a_draft_with_auto_advance_goes_on_after_an_hour(api: Api, sandbox: Sandbox) -> None:
    draft = await bill(api, await customer(api), 500, auto_advance=True)
    assert draft["next_payment_attempt"] == NEW_YEAR + HOUR
    sandbox.clock.advance(minutes=59)
    assert (await fresh(api, draft))["status"] == "draft"
    sandbox.clock.advance(minutes=1)
    assert (await fresh(api, draft))["status"] == "paid"


# ---- send


async def test_send_finalizes_and_asks_for_the_money(api: Api, sandbox: Sandbox) -> None:
    draft = await bill(api, await customer(api), 500, collection_method="send_invoice", days_until_due=10)
    invoice = await api.make(f"/v1/invoices/{draft['id']}/send")
    assert (invoice["status"], invoice["due_date"]) == ("open", NEW_YEAR + 10 * DAY)
    assert events(sandbox)[-2:] == ["invoice.finalized", "invoice.sent"]
    again = await api.make(f"/v1/invoices/{draft['id']}/send")
    assert again == invoice
    assert (await api.make(f"/v1/invoices/{draft['id']}/pay"))["status"] == "paid"


async def test_the_customer_has_thirty_days_where_nothing_is_said(api: Api) -> None:
    invoice = await finalized(api, await customer(api), 500, collection_method="send_invoice")
    assert invoice["due_date"] == NEW_YEAR + 30 * DAY


async def test_a_due_date_that_was_given_stays(api: Api) -> None:
    due = NEW_YEAR + 3 * DAY
    invoice = await finalized(api, await customer(api), 500, collection_method="send_invoice", due_date=due)
    assert invoice["due_date"] == due


async def test_what_is_collected_automatically_is_not_sent(api: Api) -> None:
    invoice = await bill(api, await customer(api), 500)
    refused(await api.post(f"/v1/invoices/{invoice['id']}/send"), 400, "invoice_unexpected_state")
    assert await fresh(api, invoice) == invoice


# ---- pay


async def test_pay_takes_the_money_of_a_draft_or_an_open_invoice(api: Api, sandbox: Sandbox) -> None:
    owner = await customer(api)
    for invoice in (await bill(api, owner, 500), await finalized(api, owner, 300)):
        paid = await api.make(f"/v1/invoices/{invoice['id']}/pay")
        assert (paid["status"], paid["paid"], paid["amount_paid"]) == ("paid", True, invoice["total"])
        assert paid["status_transitions"]["paid_at"] == NEW_YEAR
        charge = (await api.get("/v1/charges/list")).body["data"][0]
        assert (charge["id"], charge["amount"]) == (paid["charge"], invoice["total"])
    assert await balance(api) == 800
    assert events(sandbox)[-3:] == ["payment_intent.succeeded", "invoice.paid", "invoice.payment_succeeded"]
    event = sandbox.store.events()[-2]
    assert event["data"]["object"] == paid


async def test_pay_with_a_method_that_is_given(api: Api) -> None:
    owner = await customer(api, None)
    invoice = await finalized(api, owner, 500)
    method = await api.make("/v1/payment_methods", card())
    paid = await api.make(f"/v1/invoices/{invoice['id']}/pay", {"payment_method": method["id"]})
    assert paid["status"] == "paid"


async def test_pay_prefers_the_invoices_own_method_then_the_customers_then_the_newest(api: Api) -> None:
    owner = await customer(api, None)
    first, second, third = [await attach(api, owner) for _ in range(3)]
    await api.make(f"/v1/customers/{owner}", {"payment_method": second})

    async def payer(**fields: Any) -> str:
        invoice = await finalized(api, owner, 100, **fields)
        paid = await api.make(f"/v1/invoices/{invoice['id']}/pay")
        return str((await api.find(f"/v1/payment_intents/{paid['payment_intent']}"))["payment_method"])

    assert await payer(default_payment_method=first) == first
    assert await payer() == second
    await api.make(f"/v1/payment_methods/{second}/detach")
    assert await payer() == third


async def test_a_refused_payment_leaves_it_open(api: Api, sandbox: Sandbox) -> None:
    owner = await customer(api, SAVED_BUT_REFUSED)
    invoice = await finalized(api, owner, 500)
    reply = await api.post(f"/v1/invoices/{invoice['id']}/pay")
    assert (reply.status, reply.error["code"]) == (402, "card_declined")
    now = await fresh(api, invoice)
    assert (now["status"], now["paid"]) == ("open", False)
    intent = await api.find(f"/v1/payment_intents/{invoice['payment_intent']}")
    assert intent["status"] == "requires_payment_method"
    assert events(sandbox)[-2:] == ["payment_intent.payment_failed", "invoice.payment_failed"]
    paid = await api.make(f"/v1/invoices/{invoice['id']}/pay", {"payment_method": await attach(api, owner)})
    assert paid["status"] == "paid"


async def test_a_challenge_leaves_it_open_until_the_customer_acted(api: Api) -> None:
    owner = await customer(api, CHALLENGED)
    invoice = await finalized(api, owner, 500)
    path = f"/v1/invoices/{invoice['id']}/pay"
    asked = await api.make(path)
    intent = await api.find(f"/v1/payment_intents/{invoice['payment_intent']}")
    assert (asked["status"], intent["status"]) == ("open", "requires_action")
    await api.act("payment_intents.authenticate", payment_intent=intent["id"])
    assert (await fresh(api, invoice))["status"] == "paid"


async def test_a_challenge_while_the_customer_is_away_is_refused(api: Api) -> None:
    invoice = await finalized(api, await customer(api, CHALLENGED), 500)
    reply = await api.post(f"/v1/invoices/{invoice['id']}/pay", {"off_session": True})
    assert (reply.status, reply.error["decline_code"]) == (402, "authentication_required")
    assert (await fresh(api, invoice))["status"] == "open"


async def test_its_intent_may_be_confirmed_in_place_of_pay(api: Api) -> None:
    invoice = await finalized(api, await customer(api, None), 500)
    path = f"/v1/payment_intents/{invoice['payment_intent']}/confirm"
    await api.make(path, {"payment_method_data": card(GOOD)})
    paid = await fresh(api, invoice)
    assert (paid["status"], paid["amount_paid"]) == ("paid", 500)


async def test_a_payment_whose_outcome_comes_later(api: Api, sandbox: Sandbox) -> None:
    for number, status in (("4000000000000077", "paid"), ("4000000000000051", "open")):
        owner = await customer(api, None)
        invoice = await finalized(api, owner, 500)
        method = await api.make("/v1/payment_methods", card(number))
        path = f"/v1/invoices/{invoice['id']}"
        assert (await api.make(f"{path}/pay", {"payment_method": method["id"]}))["status"] == "open"
        refused(await api.post(f"{path}/void"), 400, "invoice_unexpected_state")
        refused(await api.post(f"{path}/pay", {"paid_out_of_band": True}), 400, "invoice_unexpected_state")
        sandbox.clock.advance(minutes=1)
        assert (await fresh(api, invoice))["status"] == status


async def test_paid_out_of_band_moves_no_money(api: Api, sandbox: Sandbox) -> None:
    invoice = await finalized(api, await customer(api), 500)
    paid = await api.make(f"/v1/invoices/{invoice['id']}/pay", {"paid_out_of_band": True})
    assert (paid["status"], paid["paid_out_of_band"], paid["amount_paid"]) == ("paid", True, 500)
    assert (await api.find(f"/v1/payment_intents/{invoice['payment_intent']}"))["status"] == "canceled"
    assert await balance(api) == 0
    assert events(sandbox)[-1] == "invoice.paid"


async def test_pay_without_any_method_says_what_to_do_and_changes_nothing(api: Api) -> None:
    draft = await bill(api, await customer(api, None), 500)
    reply = await api.post(f"/v1/invoices/{draft['id']}/pay")
    refused(reply, 400, "parameter_missing", "payment_method")
    assert "attach one" in reply.error["message"]
    assert await fresh(api, draft) == draft


async def test_pay_with_another_customers_method_is_refused(api: Api) -> None:
    draft = await bill(api, await customer(api), 500)
    method = await attach(api, await customer(api, None))
    reply = await api.post(f"/v1/invoices/{draft['id']}/pay", {"payment_method": method})
    refused(reply, 400, "payment_method_unexpected_state", "payment_method")
    assert await fresh(api, draft) == draft
    reply = await api.post(f"/v1/invoices/{draft['id']}/pay", {"payment_method": method, "paid_out_of_band": True})
    refused(reply, 400, "parameter_invalid", "paid_out_of_band")
    reply = await api.post(f"/v1/invoices/{draft['id']}/pay", {"payment_method": "pm_1"})
    refused(reply, 404, "resource_missing", "payment_method")


async def test_pay_repeated_with_its_key_charges_once(api: Api) -> None:
    invoice = await finalized(api, await customer(api), 500)
    replies = [await api.post(f"/v1/invoices/{invoice['id']}/pay", {}, key="k") for _ in range(2)]
    assert replies[0].body == replies[1].body
    assert await balance(api) == 500


# ---- void


async def test_void_ends_it_and_its_intent(api: Api, sandbox: Sandbox) -> None:
    invoice = await finalized(api, await customer(api), 500)
    void = await api.make(f"/v1/invoices/{invoice['id']}/void")
    assert (void["status"], void["status_transitions"]["voided_at"]) == ("void", NEW_YEAR)
    assert (await api.find(f"/v1/payment_intents/{invoice['payment_intent']}"))["status"] == "canceled"
    assert events(sandbox)[-1] == "invoice.voided"


async def test_void_gives_credit_back(api: Api) -> None:
    owner = await customer(api)
    await finalized(api, owner, -300)
    invoice = await finalized(api, owner, 500)
    assert invoice["amount_due"] == 200
    await api.make(f"/v1/invoices/{invoice['id']}/void")
    assert (await bill(api, owner, 500))["amount_due"] == 200


# ---- wrong states, wrong parameters


@pytest.mark.parametrize(
    ("status", "actions"),
    [
        ("draft", ["void"]),
        ("open", ["add_lines", "finalize", "delete"]),
        ("paid", ["add_lines", "finalize", "send", "pay", "void", "delete"]),
        ("void", ["add_lines", "finalize", "send", "pay", "void", "delete"]),
    ],
)
async def test_what_a_state_does_not_allow(api: Api, sandbox: Sandbox, status: str, actions: list[str]) -> None:
    invoice = await in_state(api, status, await customer(api))
    before = len(events(sandbox))
    for action in actions:
        path = f"/v1/invoices/{invoice['id']}"
        body = {"lines": [{"amount": 5}]} if action == "add_lines" else None
        reply = await api.delete(path) if action == "delete" else await api.post(f"{path}/{action}", body)
        refused(reply, 400, "invoice_unexpected_state")
    assert await fresh(api, invoice) == invoice
    assert len(events(sandbox)) == before


@pytest.mark.parametrize("action", ["", "/finalize", "/send", "/pay", "/void", "/add_lines"])
async def test_an_unknown_invoice_is_404(api: Api, action: str) -> None:
    path = f"/v1/invoices/in_1{action}"
    reply = await api.post(path, {"lines": [{"amount": 5}]}) if action else await api.get(path)
    refused(reply, 404, "resource_missing")


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({}, 400, "parameter_missing", "customer"),
        ({"customer": "cus_1"}, 404, "resource_missing", "customer"),
        ({"subscription": "sub_1"}, 404, "resource_missing", "subscription"),
        ({"collection_method": "by_post"}, 400, "parameter_invalid", "collection_method"),
        ({"days_until_due": 5}, 400, "parameter_invalid", "days_until_due"),
        ({"due_date": NEW_YEAR + DAY}, 400, "parameter_invalid", "due_date"),
        ({"collection_method": "send_invoice", "due_date": NEW_YEAR - DAY}, 400, "parameter_invalid", "due_date"),
        (
            {"collection_method": "send_invoice", "due_date": NEW_YEAR + DAY, "days_until_due": 1},
            400,
            "parameter_invalid",
            "due_date",
        ),
        ({"default_payment_method": "pm_1"}, 404, "resource_missing", "default_payment_method"),
        ({"currency": "dollars"}, 400, "parameter_invalid", "currency"),
        ({"pending_invoice_items_behavior": "some"}, 400, "parameter_invalid", "pending_invoice_items_behavior"),
    ],
)
async def test_what_create_refuses(
    api: Api, sandbox: Sandbox, body: dict[str, Any], status: int, code: str, param: str
) -> None:
    owner = await customer(api)
    whole = {"customer": owner, **body} if body else {}
    refused(await api.post("/v1/invoices", whole), status, code, param)
    assert sandbox.store.all("invoice") == []


async def test_a_default_method_must_be_attached(api: Api) -> None:
    owner = await customer(api)
    method = await api.make("/v1/payment_methods", card())
    reply = await api.post("/v1/invoices", {"customer": owner, "default_payment_method": method["id"]})
    refused(reply, 400, "parameter_invalid", "default_payment_method")


# ---- list


async def test_lists_filter_by_customer_and_page(api: Api) -> None:
    ada, bob = await customer(api), await customer(api)
    mine = [(await bill(api, ada, amount))["id"] for amount in (1, 2, 3)]
    await bill(api, bob, 4)
    page = (await api.get("/v1/invoices", query={"customer": ada, "limit": "2"})).body
    assert ([entry["id"] for entry in page["data"]], page["has_more"]) == ([mine[2], mine[1]], True)
    query = {"customer": ada, "limit": "2", "starting_after": mine[1]}
    rest = (await api.get("/v1/invoices", query=query)).body
    assert ([entry["id"] for entry in rest["data"]], rest["has_more"]) == ([mine[0]], False)
    back = (await api.get("/v1/invoices", query={"customer": ada, "ending_before": mine[0]})).body
    assert [entry["id"] for entry in back["data"]] == [mine[2], mine[1]]
    assert len((await api.get("/v1/invoices")).body["data"]) == 4
