"""Deliveries and recorded calls, as a merchant's own tests use them."""

from __future__ import annotations

import json

import pytest
from flask import Flask

from wooshpay import SignatureError, WooshPay, WooshPayError, webhooks
from wooshpay.sandbox import SyncSandbox, WebhookOptions
from wooshpay.testing.requests import Requests
from wooshpay.testing.scenes import SCENES
from wooshpay.testing.webhooks import SignedEvent, Webhooks
from wooshpay.types import PaymentIntent
from wooshpay.webhooks import EventOf, MemoryInbox, WebhookReceiver
from wooshpay.webhooks.adapters.flask import flask_view


def types(deliveries: list[SignedEvent]) -> list[str]:
    return [delivery.type for delivery in deliveries]


# ---- deliveries


def give_up(client: WooshPay) -> None:
    """A payment that is made and canceled."""
    payment = client.payment_intents.create(amount=1999, currency="USD")
    client.payment_intents.cancel(payment.id, cancellation_reason="abandoned")


def test_what_happened_comes_once_in_order_and_verifies(wooshpay_client: WooshPay, wooshpay_webhooks: Webhooks) -> None:
    assert wooshpay_webhooks.take() == []
    give_up(wooshpay_client)
    deliveries = wooshpay_webhooks.take()
    assert types(deliveries) == ["payment_intent.created", "payment_intent.canceled"]
    for delivery in deliveries:
        event = webhooks.construct(delivery.body, delivery.headers, wooshpay_webhooks.secret)
        assert (event.id, event.type) == (delivery.id, delivery.type)
    assert wooshpay_webhooks.take() == []


def test_types_that_were_not_asked_for_wait(wooshpay_client: WooshPay, wooshpay_webhooks: Webhooks) -> None:
    give_up(wooshpay_client)
    assert types(wooshpay_webhooks.take("payment_intent.canceled")) == ["payment_intent.canceled"]
    assert types(wooshpay_webhooks.take()) == ["payment_intent.created"]


def test_they_come_twice_and_in_the_wrong_order_when_asked(
    wooshpay_client: WooshPay, wooshpay_webhooks: Webhooks
) -> None:
    give_up(wooshpay_client)
    deliveries = wooshpay_webhooks.take(times=2, newest_first=True)
    assert types(deliveries) == ["payment_intent.canceled"] * 2 + ["payment_intent.created"] * 2
    assert len({delivery.body for delivery in deliveries}) == 2


def test_what_falls_due_later_comes_after_the_clock_was_moved(
    wooshpay_client: WooshPay, wooshpay_sandbox: SyncSandbox, wooshpay_webhooks: Webhooks
) -> None:
    """And verifies, although the sandbox's clock is far ahead of the app's."""
    wooshpay_client.checkout.sessions.create(
        success_url="https://shop.example/thanks",
        line_items=[
            {"quantity": 1, "price_data": {"currency": "USD", "unit_amount": 100, "product_data": {"name": "Teapot"}}}
        ],
    )
    wooshpay_webhooks.take()
    wooshpay_sandbox.clock.advance(days=31)
    (expired,) = wooshpay_webhooks.take("checkout.session.expired")
    assert webhooks.construct(expired.body, expired.headers, wooshpay_webhooks.secret).type == expired.type


def test_an_event_of_any_type_is_made_where_the_app_can_look_its_object_up(
    wooshpay_client: WooshPay, wooshpay_webhooks: Webhooks
) -> None:
    made = wooshpay_webhooks.make("payment_intent.succeeded")
    payment = wooshpay_client.payment_intents.retrieve(made.event["data"]["object"]["id"])
    assert payment.status == "succeeded"
    assert wooshpay_webhooks.take() == [], "what was made on the way is no news to the test"


def test_every_ready_made_event_is_of_its_type_and_verifies(wooshpay_webhooks: Webhooks) -> None:
    for type in sorted(SCENES):
        made = wooshpay_webhooks.make(type)
        event = webhooks.construct(made.body, made.headers, wooshpay_webhooks.secret)
        assert (event.type, made.event["type"]) == (type, type)
    assert wooshpay_webhooks.take() == []


def test_an_event_about_an_object_of_the_tests_own(wooshpay_webhooks: Webhooks) -> None:
    made = wooshpay_webhooks.make("something.new", {"id": "new_1", "object": "something"})
    assert (made.type, json.loads(made.body)["data"]["object"]["id"]) == ("something.new", "new_1")


def test_an_unknown_type_without_an_object_says_what_to_give(wooshpay_webhooks: Webhooks) -> None:
    with pytest.raises(LookupError, match="about="):
        wooshpay_webhooks.make("something.new")


def test_a_forged_delivery_is_for_the_test_that_it_is_refused(wooshpay_webhooks: Webhooks) -> None:
    real = wooshpay_webhooks.make("refund.created")
    forged = wooshpay_webhooks.sign(real.event, secret="whsec_of_somebody_else")
    with pytest.raises(SignatureError):
        webhooks.construct(forged.body, forged.headers, wooshpay_webhooks.secret)


def test_a_delivery_shows_no_customer_data_in_its_repr(wooshpay_webhooks: Webhooks) -> None:
    assert repr(wooshpay_webhooks.make("refund.created")).endswith("type='refund.created')")


def test_an_apps_receiver_handles_a_repeated_delivery_once(
    wooshpay_client: WooshPay, wooshpay_webhooks: Webhooks
) -> None:
    """The whole way of a merchant's test: a call, what happens, the app's own address, and what became of it."""
    seen: list[str] = []
    receiver = WebhookReceiver(wooshpay_webhooks.secret, inbox=MemoryInbox())

    @receiver.on("payment_intent.canceled")
    def note(event: EventOf[PaymentIntent]) -> None:
        seen.append(event.id)

    app = Flask("shop")
    app.add_url_rule("/webhooks", view_func=flask_view(receiver), methods=["POST"])
    give_up(wooshpay_client)
    for delivery in wooshpay_webhooks.take(times=3):
        answer = app.test_client().post("/webhooks", data=delivery.body, headers=delivery.headers)
        assert answer.status_code == 200
    receiver.close_now()
    assert len(seen) == 1


# ---- recorded calls


def test_the_one_call_is_found_by_its_parameters(wooshpay_client: WooshPay, wooshpay_requests: Requests) -> None:
    wooshpay_client.customers.create(email="ada@example.com", metadata={"shop": "1", "order": "17"})
    wooshpay_client.customers.create(email="bob@example.com", metadata={"order": "18"})
    call = wooshpay_requests.one("customers.create", metadata={"order": "17"})
    assert (call.params["email"], call.status) == ("ada@example.com", 200)
    assert len(wooshpay_requests.of("customers.create")) == 2


def test_a_call_that_was_retried_is_one_call(
    wooshpay_client: WooshPay, wooshpay_sandbox: SyncSandbox, wooshpay_requests: Requests
) -> None:
    """Or every test with a fault would have to count attempts."""
    wooshpay_sandbox.faults.add("server_error", operation="customers.create")
    wooshpay_client.customers.create()
    assert [request.status for request in wooshpay_sandbox.requests] == [500, 200]
    assert wooshpay_requests.one("customers.create").status == 200


def test_two_calls_are_not_taken_for_one(wooshpay_client: WooshPay, wooshpay_requests: Requests) -> None:
    wooshpay_client.customers.create(email="ada@example.com")
    wooshpay_client.customers.create(email="ada@example.com")
    with pytest.raises(AssertionError, match=r"one call of customers.create with .*, found 2"):
        wooshpay_requests.one("customers.create", email="ada@example.com")


def test_a_missing_call_is_reported_with_those_that_there_were(
    wooshpay_client: WooshPay, wooshpay_requests: Requests
) -> None:
    with pytest.raises(AssertionError, match="Nothing was called"):
        wooshpay_requests.one("refunds.create")
    with pytest.raises(WooshPayError):
        wooshpay_client.refunds.create(payment_intent="pi_1")
    with pytest.raises(AssertionError, match=r"(?s)found 0.*refunds.create .*pi_1.* -> 404"):
        wooshpay_requests.one("refunds.create", payment_intent="pi_2")


def test_a_call_that_must_not_be_made(wooshpay_client: WooshPay, wooshpay_requests: Requests) -> None:
    wooshpay_requests.none("customers.create")
    wooshpay_client.customers.create(email="ada@example.com")
    wooshpay_requests.none("customers.create", email="bob@example.com")
    with pytest.raises(AssertionError, match="Expected no call"):
        wooshpay_requests.none("customers.create")


def test_what_set_the_stage_is_forgotten(wooshpay_client: WooshPay, wooshpay_requests: Requests) -> None:
    wooshpay_client.customers.create()
    wooshpay_requests.clear()
    assert list(wooshpay_requests) == []


# ---- the forms of deliveries


def test_both_headers_are_sent_and_each_is_enough(wooshpay_webhooks: Webhooks) -> None:
    """A program that reads `Signature` only must work in its tests as it does with WooshPay."""
    made = wooshpay_webhooks.make("refund.created")
    assert made.headers["Wooshpay-Signature"] == made.headers["Signature"]
    for name in ("Wooshpay-Signature", "Signature"):
        webhooks.verify(made.body, {name: made.headers[name]}, wooshpay_webhooks.secret, tolerance=60)


def test_deliveries_have_the_form_that_the_sandbox_was_told(
    wooshpay_sandbox: SyncSandbox, wooshpay_webhooks: Webhooks
) -> None:
    """The odd forms that receivers must survive are for tests without a server, too."""
    wooshpay_sandbox.webhooks = WebhookOptions(
        signature_header="Signature", signature_unit="seconds", created_unit="seconds", left_out=("livemode",)
    )
    made = wooshpay_webhooks.make("refund.created")
    assert "Wooshpay-Signature" not in made.headers
    assert len(made.headers["Signature"].partition(",")[0]) == len("t=1234567890")
    assert len(str(made.event["created"])) == 10
    assert "livemode" not in made.event
    assert made.event == json.loads(made.body)
    old = wooshpay_webhooks.sign(made.event, t=1_700_000_000_000)
    assert old.headers["Signature"].startswith("t=1700000000000,")
