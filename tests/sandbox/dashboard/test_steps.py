"""The next steps on the pages of objects: which buttons there are, and what they do."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from sandbox.dashboard.visitor import Sight, Visitor
from sandbox.rig import CHALLENGED, GOOD, Api, Shop, order, payment

from wooshpay.sandbox import Sandbox
from wooshpay.sandbox.engine import registry
from wooshpay.sandbox.engine.act_parameters import ActParameter
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.pages.dashboard.operations import OPERATIONS
from wooshpay.sandbox.pages.dashboard.steps import STEPS, steps_of

PENDING_REFUND = "4000000000007726"


def buttons(sight: Sight) -> dict[str, tuple[str, str, dict[str, str]]]:
    """The buttons among the next steps: method, address and values, by their texts."""
    found: dict[str, tuple[str, str, dict[str, str]]] = {}
    _, _, part = sight.text.partition('aria-labelledby="steps"')
    for method, action, body in re.findall(
        r'<form method="(\w+)" action="([^"]+)">(.*?)</form>', part.partition("</section>")[0], re.DOTALL
    ):
        values = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', body))
        label = re.search(r"<button[^>]*>([^<]*)<", body)
        assert label is not None
        found[unescape(label.group(1))] = (method, action, {name: unescape(text) for name, text in values.items()})
    return found


async def press(visitor: Visitor, id: str, label: str) -> Sight:
    """Press a button that needs nothing else; the result."""
    method, action, values = buttons(await visitor.look(f"object/{id}"))[label]
    assert method == "post"
    assert values.pop("token")
    return await visitor.send(action, **values)


async def open_form(visitor: Visitor, id: str, label: str) -> Sight:
    """Press a button that leads to a form."""
    method, action, values = buttons(await visitor.look(f"object/{id}"))[label]
    assert (method, "token" in values) == ("get", False)
    query = "&".join(f"{name}={value}" for name, value in values.items())
    return await visitor.look(f"{action}?{query}")


def hidden(sight: Sight, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', sight.text)
    assert found is not None
    return found.group(1)


# ---- the declaration


def test_a_step_is_offered_only_if_its_action_exists_and_takes_its_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table is written before some of the actions: a button without its action would always fail."""

    def work(state: Any, params: Any) -> dict[str, Any]:
        return {}

    intent = Record(
        {
            "id": "pi_1",
            "object": "payment_intent",
            "status": "requires_action",
            "next_action": {"type": "challenge_redirect"},
        }
    )
    registry.load()
    monkeypatch.setattr(registry, "_acts", {})
    monkeypatch.setattr(registry, "_act_parameters", {})
    assert "Customer" not in steps_of(intent)
    named = ActParameter("payment_intent", "The payment.", "id")
    for parameters, labels in (
        ((), []),
        ((named,), []),
        (
            (named, ActParameter("outcome", "How it ends.", "choice", choices=("passed",))),
            ["Pass the authentication"],
        ),
    ):
        monkeypatch.setattr(registry, "_acts", {"payment_intents.authenticate": work})
        monkeypatch.setattr(registry, "_act_parameters", {"payment_intents.authenticate": parameters})
        assert [button.label for button in steps_of(intent).get("Customer", [])] == labels


def test_every_preset_of_an_operation_is_one_of_its_parameters() -> None:
    """A misspelt preset would open a form without the object that the button is about."""
    for step in STEPS:
        if step.action in OPERATIONS:
            names = {parameter.name for parameter in OPERATIONS[step.action].parameters}
            assert step.preset.keys() <= names, step
            assert step.actor == "You", step


async def test_every_operation_of_the_dashboard_is_one_of_the_api(visitor: Visitor) -> None:
    """The paths are written a second time, so they must not drift from the API's own."""
    from wooshpay.api import declarations

    paths = {declaration.name: (declaration.method, declaration.path) for declaration in declarations()}
    for operation in OPERATIONS.values():
        assert paths[operation.name] == ("POST", operation.path)
        assert (await visitor.look(f"operations/{operation.name}")).status == 200


# ---- the merchant


async def test_a_payment_is_refunded_in_part_through_the_api(
    visitor: Visitor, api: Api, shop: Shop, sandbox: Sandbox
) -> None:
    """A refund is an operation: it is in the request log, and webhooks follow."""
    await api.make("/v1/webhook_endpoints", {"url": shop.hook(), "enabled_events": ["charge.refund.updated"]})
    paid = await api.make("/v1/payment_intents", payment(GOOD))
    form = await open_form(visitor, paid["id"], "Refund…")
    assert f'value="{paid["id"]}"' in form.text
    assert "USD has 2 decimals: 2000 is 20.00 USD" in form.text
    sent = await visitor.send(
        "operations/refunds.create",
        key=hidden(form, "key"),
        **{"parameter.payment_intent": paid["id"], "parameter.amount": "500", "parameter.reason": "duplicate"},
    )
    refund = sandbox.store.all("refund")[-1]
    assert (sent.status, sent.location) == (303, f"/dashboard/object/{refund['id']}")
    assert (refund["amount"], refund["reason"]) == (500, "duplicate")
    entry = sandbox.requests.of("refunds.create")[-1]
    assert (entry.status, entry.idempotency_key) == (200, hidden(form, "key"))
    await sandbox.settle()
    assert shop.types() == ["charge.refund.updated"]


async def test_a_form_that_is_sent_twice_refunds_once(visitor: Visitor, api: Api, sandbox: Sandbox) -> None:
    """A double click must not give the money back twice."""
    paid = await api.make("/v1/payment_intents", payment(GOOD))
    form = await open_form(visitor, paid["id"], "Refund…")
    values = {"parameter.payment_intent": paid["id"], "parameter.amount": "500", "key": hidden(form, "key")}
    first = await visitor.send("operations/refunds.create", **values)
    again = await visitor.send("operations/refunds.create", **values)
    assert first.location == again.location
    assert len(sandbox.store.all("refund")) == 1
    other = await open_form(visitor, paid["id"], "Refund…")
    assert hidden(other, "key") != hidden(form, "key")


async def test_a_refund_that_is_refused_says_so_beside_the_field_and_keeps_the_rest(
    visitor: Visitor, api: Api, sandbox: Sandbox
) -> None:
    paid = await api.make("/v1/payment_intents", payment(GOOD))
    sight = await visitor.send(
        "operations/refunds.create",
        **{"parameter.payment_intent": paid["id"], "parameter.amount": "999999", "parameter.reason": "fraudulent"},
    )
    assert sight.status == 400
    assert re.search(r'id="field-amount"[^>]*aria-invalid="true"', sight.text)
    assert 'id="field-amount-error"' in sight.text
    assert 'value="999999"' in sight.text
    assert '<option value="fraudulent" selected>' in sight.text
    assert sandbox.store.all("refund") == []


async def test_a_fault_hits_an_operation_of_the_dashboard_too(visitor: Visitor, api: Api, sandbox: Sandbox) -> None:
    """It is a real request. The sentence says that the work may have been done."""
    paid = await api.make("/v1/payment_intents", payment(GOOD))
    sandbox.faults.add("drop_after", operation="refunds.create")
    sight = await visitor.send("operations/refunds.create", **{"parameter.payment_intent": paid["id"]})
    assert (sight.status, "The work may have been done" in sight.text) == (502, True)
    assert len(sandbox.store.all("refund")) == 1


async def test_an_authorized_payment_is_captured_or_canceled(visitor: Visitor, api: Api, sandbox: Sandbox) -> None:
    for label, operation, more, status in (
        ("Capture…", "payment_intents.capture", {"parameter.amount_to_capture": "1500"}, "succeeded"),
        ("Cancel…", "payment_intents.cancel", {"parameter.cancellation_reason": "abandoned"}, "canceled"),
    ):
        held = await api.make("/v1/payment_intents", payment(GOOD, capture_method="manual"))
        assert (await open_form(visitor, held["id"], label)).status == 200
        sent = await visitor.send(f"operations/{operation}", **{"parameter.id": held["id"], **more})
        assert sent.location == f"/dashboard/object/{held['id']}"
        assert sandbox.store.get(held["id"])["status"] == status


async def test_an_open_session_is_expired_and_then_offers_nothing(visitor: Visitor, api: Api, sandbox: Sandbox) -> None:
    session = await api.make("/v1/checkout/sessions", order())
    sent = await press(visitor, session["id"], "Expire")
    assert sent.location == f"/dashboard/object/{session['id']}"
    assert sandbox.store.get(session["id"])["status"] == "expired"
    after = await visitor.look(f"object/{session['id']}")
    assert buttons(after) == {}
    assert "Next steps" not in after.text


async def test_an_id_that_is_no_path_of_its_own_stays_one_segment(visitor: Visitor, sandbox: Sandbox) -> None:
    """An ID such as ``../payouts`` must not reach another operation of the API with the secret key."""
    for id in ("../refunds", "x/../../refunds?a=1", "é", "a b", "%2e%2e/refunds"):
        sight = await visitor.send("operations/invoices.pay", **{"parameter.id": id})
        assert sight.status in {400, 404}, id
    assert {entry.operation for entry in sandbox.requests} <= {"invoices.pay"}
    assert (await visitor.send("operations/invoices.pay")).status == 400
    assert (await visitor.send("operations/none.such")).status == 404
    assert (await visitor.look("operations/none.such")).status == 404


# ---- others


async def test_a_pending_refund_is_completed_or_rejected_by_the_bank(
    visitor: Visitor, api: Api, sandbox: Sandbox
) -> None:
    for label, status in (("Let it succeed", "succeeded"), ("Let it fail", "failed")):
        paid = await api.make("/v1/payment_intents", payment(PENDING_REFUND))
        refund = await api.make("/v1/refunds", {"payment_intent": paid["id"]})
        assert refund["status"] == "pending"
        sight = await press(visitor, refund["id"], label)
        assert (sight.status, "The action was carried out" in sight.text) == (200, True)
        assert f'href="/dashboard/object/{refund["id"]}"' in sight.text
        assert sandbox.store.get(refund["id"])["status"] == status
        assert buttons(await visitor.look(f"object/{refund['id']}")) == {}


async def test_a_payment_is_disputed_and_the_dispute_decided(visitor: Visitor, api: Api, sandbox: Sandbox) -> None:
    for label, status in (("Decide for you (won)", "won"), ("Decide for the customer (lost)", "lost")):
        paid = await api.make("/v1/payment_intents", payment(GOOD))
        form = await open_form(visitor, paid["id"], "Dispute…")
        assert paid["id"] in form.text
        sent = await visitor.send("acts/disputes.create", **{"parameter.payment_intent": paid["id"]})
        assert sent.status == 200
        dispute = sandbox.store.all("dispute")[-1]
        assert (await press(visitor, dispute["id"], label)).status == 200
        assert sandbox.store.get(dispute["id"])["status"] == status


async def test_a_payment_that_did_not_succeed_offers_no_refund(visitor: Visitor, api: Api) -> None:
    waiting = await api.make("/v1/payment_intents", payment(CHALLENGED))
    assert not {"Refund…", "Dispute…"} & buttons(await visitor.look(f"object/{waiting['id']}")).keys()


async def test_an_action_that_no_longer_fits_is_refused_with_a_sentence(visitor: Visitor, api: Api) -> None:
    """Somebody else may have acted since the page was opened."""
    paid = await api.make("/v1/payment_intents", payment(PENDING_REFUND))
    refund = await api.make("/v1/refunds", {"payment_intent": paid["id"]})
    _, action, values = buttons(await visitor.look(f"object/{refund['id']}"))["Let it fail"]
    values.pop("token")
    assert (await visitor.send(action, **values)).status == 200
    sight = await visitor.send(action, **values)
    assert (sight.status, 'role="alert"' in sight.text) == (400, True)
