"""Deliveries in the wrong order: a handler may have the object as it is now, fetched with a client."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import Any, Final

import pytest
from webhooks.deliver import SECRET, body_of, headers_for

from wooshpay import AsyncWooshPay, ConfigurationError, WooshPay
from wooshpay.api import OBJECTS, SECTIONS
from wooshpay.api.payment_intents import PaymentIntent
from wooshpay.sandbox import Sandbox, SyncSandbox
from wooshpay.webhooks import EventOf, MemoryInbox, Reply, WebhookReceiver
from wooshpay.webhooks.fresh import source_of
from wooshpay.webhooks.handlers import CLASS_OF

PAID: Final = "payment_intent.succeeded"
AUTHORIZED: Final = "payment_intent.amount_capturable_updated"


class Shop:
    """A merchant that writes down the status of its orders, and a sandbox whose deliveries the test hands over."""

    def __init__(self, sandbox: SyncSandbox, client: WooshPay) -> None:
        self.sandbox = sandbox
        self.client = client
        self.awaited = AsyncWooshPay(sandbox.api_key, base_url=sandbox.base_url)
        self.receiver = WebhookReceiver(SECRET, inbox=MemoryInbox())
        self.orders: dict[str, str] = {}
        # Nobody listens there: the test takes the bodies from the sandbox.
        client.webhook_endpoints.create(url="http://127.0.0.1:9/", enabled_events=["*"])

    def note(self, event: EventOf[PaymentIntent]) -> None:
        self.orders[event.data.object.id] = event.data.object.status

    def captured(self) -> str:
        """Authorize a payment, and capture it. Return its ID."""
        intent = self.client.payment_intents.create(
            amount=1999,
            currency="USD",
            capture_method="manual",
            confirm=True,
            payment_method_data={
                "type": "card",
                "card": {"number": "4111111111111111", "exp_month": "12", "exp_year": "2034", "cvc": "123"},
            },
        )
        assert self.client.payment_intents.capture(intent.id).status == "succeeded"
        return intent.id

    def body(self, type: str) -> bytes:
        """The body of the only event of a type."""
        [found] = {delivery.body for delivery in self.sandbox.deliveries if delivery.event_type == type}
        return found


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Sandbox() as sandbox, WooshPay(sandbox.api_key, base_url=sandbox.base_url, max_retries=0) as client:
        shop = Shop(sandbox, client)
        yield shop
        shop.receiver.close_now()


def now(shop: Shop, *bodies: bytes) -> list[Reply]:
    return [shop.receiver.receive_now(body, headers_for(body)) for body in bodies]


def awaited(shop: Shop, *bodies: bytes) -> list[Reply]:
    async def deliver() -> list[Reply]:
        found = [await shop.receiver.receive(body, headers_for(body)) for body in bodies]
        await shop.awaited.close()
        return found

    return asyncio.run(deliver())


Deliver = Callable[..., list[Reply]]
BOTH: Final = pytest.mark.parametrize("deliver", [now, awaited])


@BOTH
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_the_last_delivery_does_not_bring_an_old_status_back(shop: Shop, deliver: Deliver, kind: str) -> None:
    """The payment was captured, and its authorization is delivered last. Without `fresh`, it would seem uncaptured."""
    if kind == "def":
        shop.receiver.on(PAID, AUTHORIZED, fresh=shop.client)(shop.note)
    else:

        @shop.receiver.on(PAID, AUTHORIZED, fresh=shop.awaited)
        async def _(event: EventOf[PaymentIntent]) -> None:
            shop.note(event)

    intent = shop.captured()
    replies = deliver(shop, shop.body(PAID), shop.body(AUTHORIZED))
    assert [reply.text for reply in replies] == ["Done.", "Done."]
    assert shop.orders == {intent: "succeeded"}
    assert len(shop.sandbox.requests.of("payment_intents.retrieve")) == 2, "one request for each event"


def test_without_it_a_handler_gets_the_object_as_it_was(shop: Shop) -> None:
    """This is what `fresh` is for; and nothing is fetched unless it is asked for."""
    shop.receiver.on(PAID, AUTHORIZED)(shop.note)
    intent = shop.captured()
    now(shop, shop.body(PAID), shop.body(AUTHORIZED))
    assert shop.orders == {intent: "requires_capture"}
    assert shop.sandbox.requests.of("payment_intents.retrieve") == []


def test_nothing_is_fetched_for_an_event_that_was_done_before(shop: Shop) -> None:
    """WooshPay delivers an event up to 18 times, and a request counts against the rate limit."""
    shop.receiver.on(PAID, fresh=shop.client)(shop.note)
    shop.captured()
    now(shop, shop.body(PAID), shop.body(PAID))
    assert len(shop.sandbox.requests.of("payment_intents.retrieve")) == 1


@BOTH
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_if_the_object_cannot_be_fetched_the_event_is_delivered_again(
    shop: Shop, deliver: Deliver, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The handler must not run with an old object in its place."""
    if kind == "def":
        shop.receiver.on(PAID, fresh=shop.client)(shop.note)
    else:

        @shop.receiver.on(PAID, fresh=shop.awaited.with_options(max_retries=0))
        async def _(event: EventOf[PaymentIntent]) -> None:
            shop.note(event)

    shop.captured()
    shop.sandbox.faults.add("server_error", operation="payment_intents.retrieve")
    replies = deliver(shop, shop.body(PAID), shop.body(PAID))
    assert [reply.status for reply in replies] == [500, 200]
    assert "could not be fetched, so the handler did not run" in caplog.text
    assert list(shop.orders.values()) == ["succeeded"]


@BOTH
def test_an_object_that_is_not_found_is_a_failure_that_names_the_causes(
    shop: Shop, deliver: Deliver, caplog: pytest.LogCaptureFixture
) -> None:
    """With the key of another account every object would be missing. The old object must not pass for a fresh one."""
    shop.receiver.on(PAID, fresh=shop.client)(shop.note)
    body = body_of("evt_1", PAID, id="pi_gone", object="payment_intent", status="succeeded")
    assert [reply.status for reply in deliver(shop, body)] == [500]
    assert shop.orders == {}
    assert "belongs to another account or mode" in caplog.text


@BOTH
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_the_handler_of_a_deletion_gets_the_object_that_came_with_the_event(
    shop: Shop, deliver: Deliver, kind: str
) -> None:
    """A deleted invoice cannot be fetched, and the handler of its deletion would never run."""
    seen: list[str] = []
    if kind == "def":
        shop.receiver.on("invoice.deleted", fresh=shop.client)(lambda event: seen.append(event.data.object.id))
    else:

        @shop.receiver.on("invoice.deleted", fresh=shop.awaited)
        async def _(event: Any) -> None:
            seen.append(event.data.object.id)

    body = body_of("evt_1", "invoice.deleted", id="in_gone", object="invoice")
    assert [reply.status for reply in deliver(shop, body)] == [200]
    assert seen == ["in_gone"]


def test_an_object_without_an_id_is_a_failure(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """There is nothing to ask for, and the object that came with the event may be an old one."""
    shop.receiver.on(PAID, fresh=shop.client)(shop.note)
    shop.receiver.on("customer.updated", fresh=shop.client)(lambda event: pytest.fail("it reached the handler"))
    bodies = [
        body_of("evt_1", PAID, object="payment_intent", status="succeeded"),
        body_of("evt_2", "customer.updated", id="src_1", object="source"),
    ]
    assert [reply.status for reply in now(shop, *bodies)] == [500, 500]
    assert "should be a PaymentIntent with an ID" in caplog.text
    assert "should be a Customer with an ID, but its class is UnknownObject and its ID 'src_1'" in caplog.text


def test_a_plain_handler_and_its_request_run_off_the_event_loop(shop: Shop) -> None:
    """The request of a WooshPay blocks the thread that makes it."""
    threads: list[int] = []
    shop.receiver.on(PAID, fresh=shop.client)(lambda event: threads.append(threading.get_ident()))
    shop.captured()
    assert [reply.status for reply in awaited(shop, shop.body(PAID))] == [200]
    assert threads != [threading.get_ident()]


def test_a_plain_function_that_returns_a_coroutine_is_awaited_after_the_object_was_fetched(shop: Shop) -> None:
    async def note(event: EventOf[PaymentIntent]) -> None:
        shop.note(event)

    shop.receiver.on(PAID, AUTHORIZED, fresh=shop.client)(lambda event: note(event))
    intent = shop.captured()
    now(shop, shop.body(PAID), shop.body(AUTHORIZED))
    assert shop.orders == {intent: "succeeded"}


# ---- what is refused when a handler is registered -------------------------------------------------------------


async def handle_async(event: Any) -> None:
    """Do nothing."""


@pytest.mark.parametrize("handler", [handle_async, partial(handle_async)])
def test_the_client_must_fit_the_handler(handler: Any) -> None:
    """A WooshPay would block the event loop, and what an AsyncWooshPay returns would never be awaited."""
    receiver = WebhookReceiver(SECRET)
    with closing(WooshPay("sk_test_x")) as client, pytest.raises(ConfigurationError, match="Pass an AsyncWooshPay"):
        receiver.on(PAID, fresh=client)(handler)
    with pytest.raises(ConfigurationError, match="Pass a WooshPay, or write the handler with async def"):
        receiver.on(PAID, fresh=AsyncWooshPay("sk_test_x"))(print)
    wrong: Any = True
    with pytest.raises(ConfigurationError, match="fresh must be a client"):
        receiver.on(PAID, fresh=wrong)(print)
    wrong = "sk_test_hunter2"
    with pytest.raises(ConfigurationError, match="not an object of type str") as caught:
        receiver.on(PAID, fresh=wrong)(print)
    assert "hunter2" not in str(caught.value), "an API key may be passed by mistake"
    assert receiver.types == (), "a handler that was refused is not registered"


def test_every_known_type_of_event_can_be_fetched() -> None:
    """The operation returns an object of the class that the handler expects, and its ID is all that it takes."""
    for type, name in CLASS_OF.items():
        source = source_of(type)
        assert (source.name, source.operation.rpartition(".")[2]) == (name, "retrieve")
        assert source.operation.rpartition(".")[0] == OBJECTS[name]
        assert OBJECTS[name] in SECTIONS


@pytest.mark.parametrize(
    ("type", "sentence"),
    [
        ("galaxy.exploded", "does not know which object events of type galaxy.exploded are about"),
        ("customer.source.created", "does not know which object"),
        ("balance.available", "about a Balance, and WooshPay cannot retrieve one by its ID"),
        ("setup_attempt.created", "about a SetupAttempt, and WooshPay cannot retrieve one by its ID"),
        ("bank_account.created", "about a BankAccount, and WooshPay cannot retrieve one by its ID"),
    ],
)
def test_what_cannot_be_fetched_is_refused_when_the_handler_is_registered(type: str, sentence: str) -> None:
    """At the first delivery it would be too late to notice."""
    with closing(WooshPay("sk_test_x")) as client, pytest.raises(ConfigurationError) as caught:
        WebhookReceiver(SECRET).on(type, fresh=client)(print)
    assert sentence in str(caught.value)


# ---- which types there are ------------------------------------------------------------------------------------


def test_the_types_of_a_receiver_are_those_with_handlers() -> None:
    """They are what the endpoint is to be sent; a handler of the others needs all of them."""
    receiver = WebhookReceiver(SECRET)
    assert not receiver.types
    receiver.on("payout.paid", "payout.failed")(print)
    receiver.on("charge.refunded")(print)
    assert list(receiver.types) == ["charge.refunded", "payout.failed", "payout.paid"]
    receiver.other(print)
    assert list(receiver.types) == ["*"]
