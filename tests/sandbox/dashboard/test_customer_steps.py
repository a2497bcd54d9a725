"""What customers do, at the press of a button on the page of the object."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.dashboard.test_steps import buttons, open_form, press
from sandbox.dashboard.visitor import Visitor
from sandbox.rig import CHALLENGED, Api, card, order, payment

from wooshpay.sandbox import Sandbox
from wooshpay.sandbox.engine.registry import act_parameters, acts, find_act
from wooshpay.sandbox.pages.dashboard.operations import OPERATIONS
from wooshpay.sandbox.pages.dashboard.steps import STEPS


def test_every_step_of_the_table_is_offered() -> None:
    """A step whose action or preset is misspelt is left out silently, so its button would be missed by nobody."""
    for step in STEPS:
        if step.action in OPERATIONS:
            continue
        assert find_act(step.action) is not None, step
        declared = {parameter.name: parameter for parameter in act_parameters(step.action)}
        for name, value in step.preset.items():
            assert name in declared, step
            if declared[name].choices:
                assert value in declared[name].choices, step
            if value == "{id}":
                assert declared[name].of == step.kind, step


def test_every_action_on_an_object_has_a_button() -> None:
    """Someone who does not know the names of the actions finds them on the object."""
    with_object = {name for name in acts() if any(p.kind == "id" for p in act_parameters(name))}
    assert with_object <= {step.action for step in STEPS}


async def test_every_action_has_a_form_and_refuses_an_empty_one_politely(visitor: Visitor) -> None:
    for name in acts():
        sight = await visitor.look(f"acts/{name}")
        assert sight.status == 200
        for parameter in act_parameters(name):
            assert f'id="field-{parameter.name}"' in sight.text
        assert (await visitor.send(f"acts/{name}")).status in {200, 400}, name


async def test_a_customer_pays_an_open_session(visitor: Visitor, api: Api, sandbox: Sandbox) -> None:
    session = await api.make("/v1/checkout/sessions", order())
    declined = await press(visitor, session["id"], "Try, and be declined")
    assert (declined.status, "What the customer sees" in declined.text) == (200, True)
    assert sandbox.store.get(session["id"])["status"] == "open"
    paid = await press(visitor, session["id"], "Pay")
    assert 'href="https://shop.example/thanks?session=' in paid.text
    # From the result it is one click to each object concerned.
    for id in (session["id"], session["payment_intent"]):
        assert f'href="/dashboard/object/{id}"' in paid.text
    assert sandbox.store.get(session["id"])["payment_status"] == "paid"
    assert buttons(await visitor.look(f"object/{session['id']}")) == {}


async def test_a_customer_leaves_an_open_session(visitor: Visitor, api: Api, sandbox: Sandbox) -> None:
    session = await api.make("/v1/checkout/sessions", order())
    left = await press(visitor, session["id"], "Leave without paying")
    assert 'href="https://shop.example/basket"' in left.text
    assert sandbox.store.get(session["id"])["status"] == "open"


async def test_a_customer_chooses_the_card(visitor: Visitor, api: Api, sandbox: Sandbox) -> None:
    session = await api.make("/v1/checkout/sessions", order())
    form = await open_form(visitor, session["id"], "Choose the method and the outcome…")
    assert '<option value="pm_card_visa">' in form.text
    sent = await visitor.send(
        "acts/checkout.sessions.pay",
        **{"parameter.session": session["id"], "parameter.card": "pm_card_nosuch", "parameter.email": "a@b.example"},
    )
    assert (sent.status, 'id="field-card-error"' in sent.text) == (400, True)
    assert 'value="a@b.example"' in sent.text
    assert sandbox.store.get(session["id"])["status"] == "open"


@pytest.mark.parametrize(
    ("label", "status"),
    [("Pass the authentication", "succeeded"), ("Fail the authentication", "requires_payment_method")],
)
async def test_a_customer_answers_a_challenge(
    visitor: Visitor, api: Api, sandbox: Sandbox, label: str, status: str
) -> None:
    waiting = await api.make("/v1/payment_intents", payment(CHALLENGED))
    shown = buttons(await visitor.look(f"object/{waiting['id']}"))
    assert {"Pass the authentication", "Fail the authentication", "Cancel…"} == shown.keys()
    assert (await press(visitor, waiting["id"], label)).status == 200
    assert sandbox.store.get(waiting["id"])["status"] == status


@pytest.mark.parametrize(("label", "status"), [("Pay", "succeeded"), ("Fail to pay", "requires_payment_method")])
async def test_a_customer_pays_with_a_wallet(
    visitor: Visitor, api: Api, sandbox: Sandbox, label: str, status: str
) -> None:
    given: dict[str, Any] = {"confirm": True, "payment_method_data": {"type": "alipay"}, "currency": "USD"}
    waiting = await api.make("/v1/payment_intents", {"amount": 2000, "payment_method_types": ["alipay"], **given})
    shown = buttons(await visitor.look(f"object/{waiting['id']}"))
    assert "Pass the authentication" not in shown
    assert (await press(visitor, waiting["id"], label)).status == 200
    assert sandbox.store.get(waiting["id"])["status"] == status


async def test_a_customer_agrees_to_save_a_card(visitor: Visitor, api: Api, sandbox: Sandbox) -> None:
    setup = await api.make("/v1/setup_intents", {"confirm": True, "payment_method_data": card(CHALLENGED)})
    assert setup["status"] == "requires_action"
    await press(visitor, setup["id"], "Pass the authentication")
    assert sandbox.store.get(setup["id"])["status"] == "succeeded"


async def test_a_customer_pays_an_invoice_and_a_link(visitor: Visitor, api: Api, sandbox: Sandbox) -> None:
    customer = await api.make("/v1/customers", {"email": "ada@example.com"})
    invoice = await api.make("/v1/invoices", {"customer": customer["id"], "currency": "usd"})
    lines = [{"amount": 500, "description": "Tea"}]
    await api.make(f"/v1/invoices/{invoice['id']}/add_lines", {"lines": lines})
    assert (await press(visitor, invoice["id"], "Finalize")).status == 303
    assert (await press(visitor, invoice["id"], "Pay on the invoice's page")).status == 200
    assert sandbox.store.get(invoice["id"])["status"] == "paid"
    price = await api.make("/v1/prices", {"currency": "USD", "unit_amount": 500, "product_data": {"name": "Tea"}})
    link = await api.make("/v1/payment_links", {"line_items": [{"price": price["id"], "quantity": 1}]})
    assert (await press(visitor, link["id"], "Pay")).status == 200
    assert sandbox.store.all("checkout.session")[-1]["payment_status"] == "paid"
    await api.make(f"/v1/payment_links/{link['id']}", {"active": False})
    assert buttons(await visitor.look(f"object/{link['id']}")) == {}
