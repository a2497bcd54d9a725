"""One specification for every framework, served over loopback; the deliveries are the sandbox's."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import Generator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import attrs
import pytest
from webhooks.adapters.frameworks import FORM, FRAMEWORKS
from webhooks.deliver import body_of, headers_for

from wooshpay import WooshPay
from wooshpay.api.payment_intents import PaymentIntent
from wooshpay.api.webhook_endpoints import WebhookEndpoint
from wooshpay.sandbox import Sandbox, SyncSandbox, WebhookOptions
from wooshpay.webhooks import EventOf, MemoryInbox, WebhookReceiver

LIMIT: Final = 16_384
PAID: Final = "payment_intent.succeeded"


@attrs.frozen
class Shop:
    """A merchant: the receiver in one framework, and the sandbox that delivers to it."""

    receiver: WebhookReceiver
    url: str
    endpoint: WebhookEndpoint
    sandbox: SyncSandbox
    client: WooshPay

    def pay(self) -> PaymentIntent:
        """Take a payment, and wait until it was told of."""
        payment = self.client.payment_intents.create(
            amount=1999,
            currency="USD",
            confirm=True,
            merchant_order_id="order-17",
            payment_method_data={
                "type": "card",
                "card": {"number": "4111111111111111", "exp_month": "12", "exp_year": "2090", "cvc": "123"},
            },
        )
        self.sandbox.settle()
        return payment

    def answers(self) -> list[list[int | None]]:
        """How each delivery was answered, attempt by attempt."""
        return [[attempt.status for attempt in delivery.attempts] for delivery in self.sandbox.deliveries]

    def send(self, body: bytes, *, method: str = "POST", chunked: bool = False) -> int:
        """Send a signed body; give the status of the answer."""
        parts = urlsplit(self.url)
        headers = headers_for(body, secret=self.endpoint.secret or "")
        connection = HTTPConnection(parts.netloc, timeout=10)
        with closing(connection):
            pieces: Any = iter([body[:500], body[500:]]) if chunked else body
            connection.request(method, parts.path, pieces, headers, encode_chunked=chunked)
            with connection.getresponse() as answer:
                answer.read()
                return answer.status


@contextmanager
def opened(framework: str) -> Generator[Shop]:
    with Sandbox() as sandbox, WooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        # The secret is there before the shop is: its address is told afterwards.
        endpoint = client.webhook_endpoints.create(url="https://shop.example/webhooks", enabled_events=[PAID])
        receiver = WebhookReceiver(endpoint.secret or "", inbox=MemoryInbox(), largest_body=LIMIT)
        try:
            with FRAMEWORKS[framework](receiver) as url:
                client.webhook_endpoints.update(endpoint.id, url=url)
                yield Shop(receiver, url, endpoint, sandbox, client)
                # Before the server of the framework ends, or it would wait for the sandbox's open connection.
                client.webhook_endpoints.delete(endpoint.id)
        finally:
            receiver.close_now()


@pytest.fixture(params=list(FRAMEWORKS))
def shop(request: pytest.FixtureRequest) -> Generator[Shop]:
    with opened(request.param) as shop:
        yield shop


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_payment_of_the_sandbox_reaches_the_typed_handler(shop: Shop, kind: str) -> None:
    seen: list[tuple[str | None, int | None]] = []

    def note(event: EventOf[PaymentIntent]) -> None:
        payment = event.data.object
        assert isinstance(payment, PaymentIntent)
        seen.append((payment.id, payment.amount_received))

    if kind == "def":
        shop.receiver.on(PAID)(note)
    else:

        @shop.receiver.on(PAID)
        async def _(event: EventOf[PaymentIntent]) -> None:
            await asyncio.sleep(0.01)
            note(event)

    payment = shop.pay()
    assert seen == [(payment.id, 1999)]
    assert shop.answers() == [[200]]


def test_a_duplicate_is_accepted_and_runs_nothing(shop: Shop) -> None:
    seen: list[str] = []
    shop.receiver.on(PAID)(lambda event: seen.append(event.id))
    shop.pay()
    shop.sandbox.resend(seen[0])
    shop.sandbox.settle()
    assert len(seen) == 1
    assert shop.answers() == [[200], [200]]


def test_every_delivery_is_accepted_after_the_clock_was_moved(shop: Shop) -> None:
    """Receivers compare the signature with their own clock, which does not follow that of the sandbox."""
    seen: list[str] = []
    shop.receiver.on(PAID)(lambda event: seen.append(event.id))
    shop.sandbox.clock.advance(days=400)
    shop.pay()
    shop.sandbox.clock.freeze()
    shop.pay()
    shop.sandbox.clock.advance(days=400)
    shop.pay()
    assert shop.answers() == [[200]] * 3
    assert len(seen) == 3


@pytest.mark.parametrize("name", ["Wooshpay-Signature", "Signature"])
def test_either_header_is_enough(shop: Shop, name: Literal["Wooshpay-Signature", "Signature"]) -> None:
    """WooshPay sends both, and a proxy may keep only one of them."""
    shop.sandbox.webhooks = WebhookOptions(signature_header=name)
    shop.pay()
    assert shop.answers() == [[200]]


def test_another_endpoints_signature_is_refused(shop: Shop) -> None:
    """A second endpoint with the same address has a secret of its own."""
    shop.receiver.on(PAID)(lambda event: pytest.fail("it reached the handler"))
    shop.client.webhook_endpoints.update(shop.endpoint.id, disabled=True)
    shop.client.webhook_endpoints.create(url=shop.url, enabled_events=[PAID])
    shop.pay()
    assert shop.answers() == [[400]]


def test_what_nobody_handles_is_accepted(shop: Shop) -> None:
    """Or WooshPay would send it 18 times."""
    shop.pay()
    assert shop.answers() == [[200]]


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_after_a_failure_the_event_comes_again_and_is_handled(
    shop: Shop, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[str] = []

    def ship(event: EventOf[PaymentIntent]) -> None:
        tries.append(event.id)
        if len(tries) == 1:
            raise ValueError("out of stock")

    if kind == "def":
        shop.receiver.on(PAID)(ship)
    else:

        @shop.receiver.on(PAID)
        async def _(event: EventOf[PaymentIntent]) -> None:
            ship(event)

    with caplog.at_level(logging.ERROR, "wooshpay.webhooks"):
        shop.pay()
    assert "out of stock" in caplog.text
    assert shop.answers() == [[500]]
    shop.sandbox.clock.advance(minutes=10)
    shop.sandbox.settle()
    assert shop.answers() == [[500, 200]]
    assert len(tries) == 2


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_body_may_be_as_large_as_the_limit_and_no_larger(shop: Shop, chunked: bool) -> None:
    seen: list[str] = []
    shop.receiver.other(lambda event: seen.append(event.id))
    empty = body_of("evt_large", "galaxy.exploded", text="")
    for surplus, status in ((0, 200), (1, 413), (LIMIT, 413)):
        body = body_of("evt_large", "galaxy.exploded", text="x" * (LIMIT - len(empty) + surplus))
        assert len(body) == LIMIT + surplus
        assert shop.send(body, chunked=chunked) == status
    assert seen == ["evt_large"]


def test_a_signed_event_of_an_odd_shape_is_refused_and_reaches_no_handler(shop: Shop) -> None:
    """Whatever is signed gets a response; an exception would be a page with a traceback in some frameworks."""
    shop.receiver.on(PAID)(lambda event: pytest.fail("it reached the handler"))
    for data in (b"null", b"[1]", b'"x"', b'{"object": null}', b'{"object": [1]}', b'{"object": "pi_1"}'):
        odd = b'{"id": "evt_1", "type": "payment_intent.succeeded", "data": %b}' % data
        assert shop.send(odd) == 400, data
        assert shop.send(odd.replace(b"payment_intent.succeeded", b"galaxy.exploded")) == 200, data
    for odd in (b"null", b"[]", b'{"id": "evt_1"}', b'{"type": "x"}', b'{"id": "evt_1", "type": ["x"]}'):
        assert shop.send(odd) == 400, odd


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_other_methods_are_refused(shop: Shop, method: str) -> None:
    shop.receiver.other(lambda event: pytest.fail("it reached the handler"))
    assert shop.send(body_of(), method=method) == 405


@pytest.mark.parametrize("framework", ["django-wsgi", "django-asgi"])
def test_django_asks_all_others_for_a_csrf_token(framework: str) -> None:
    """The specification means something for Django only if its middleware is at work."""
    with opened(framework) as shop:
        beside = attrs.evolve(shop, url=shop.url.removesuffix("/webhooks") + FORM)
        assert beside.send(body_of()) == 403


def test_the_adapters_load_no_framework() -> None:
    """Who uses one framework need not have the others, and an import costs nothing."""
    program = (
        "import sys; import wooshpay.webhooks.adapters\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "print(*sorted(loaded & {'aiohttp', 'starlette', 'fastapi', 'flask', 'werkzeug', 'django', 'asgiref'}))\n"
    )
    run = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "\n"
