"""What logs and traces say about a delivery: the event, the outcome, and the calls of its handler."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final, get_args

import attrs
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode
from support.effects import ScriptedClient
from support.telemetry import Observed, json_lines
from webhooks.adapters import frameworks
from webhooks.deliver import SECRET, body_of, headers_for
from webhooks.handling import PAID, Slow, deliver, opened, until

from wooshpay import NotFoundError, WooshPay
from wooshpay.api.events import Event
from wooshpay.api.payment_intents import PaymentIntent
from wooshpay.sandbox import Sandbox
from wooshpay.webhooks import EventOf, MemoryInbox, QueuedReceiver, Reply, WebhookReceiver
from wooshpay.webhooks.inbox import Claim, InboxError, Taken
from wooshpay.webhooks.observing import ObservedDelivery
from wooshpay.webhooks.replies import DeliveryOutcome

# Ten seconds after the event of `body_of` happened.
NOW: Final = 1668688188.0
CARD: Final = "4242424242424242"


@pytest.fixture
def observed() -> Iterator[Observed]:
    observed = Observed()
    yield observed
    observed.close()


@pytest.fixture
def written() -> Iterator[list[dict[str, Any]]]:
    with json_lines(logging.INFO) as lines:
        yield lines


class Broken(MemoryInbox):
    """An inbox whose store cannot be reached."""

    async def claim(self, event_id: str) -> Claim | Taken:
        raise InboxError("The store is down.")


class Stolen(MemoryInbox):
    """An inbox in which another worker has taken the event over when the handler has finished."""

    async def done(self, claim: Claim) -> bool:
        return False


@attrs.frozen(kw_only=True)
class Case:
    """A delivery, what it is answered with, and what logs and traces have to say about it."""

    outcome: DeliveryOutcome
    status: int
    inbox: Callable[[], MemoryInbox] | None = None
    type: str = PAID
    handler: Callable[[Any], object] | None = lambda event: None
    body: bytes = body_of()
    secret: str = SECRET
    largest_body: int = 10_000
    before: int = 0
    error: str | None = None
    known: bool = True


def out_of_stock(event: Event) -> None:
    raise ValueError("out of stock")


CASES: Final = [
    Case(outcome="handled", status=200),
    Case(outcome="handled", status=200, inbox=MemoryInbox),
    Case(outcome="done_before", status=200, inbox=MemoryInbox, before=1),
    Case(outcome="no_handler", status=200, type="galaxy.exploded"),
    Case(outcome="taken_over", status=409, inbox=Stolen),
    Case(outcome="failed", status=500, handler=out_of_stock, error="ValueError"),
    Case(outcome="failed", status=500, handler=out_of_stock, error="ValueError", inbox=MemoryInbox),
    Case(outcome="wrong_object", status=500, body=body_of(id="ch_1", object="charge"), error="wrong_object"),
    Case(outcome="inbox_failed", status=503, inbox=Broken, error="InboxError"),
    Case(outcome="refused", status=400, secret="whsec_other", error="SignatureError", known=False),
    Case(outcome="refused", status=400, body=b"[]", error="PayloadError", known=False),
    Case(outcome="refused", status=413, largest_body=10, error="refused", known=False),
]
EVENT: Final = {"wooshpay.event_type": PAID, "wooshpay.event_id": "evt_1", "wooshpay.event_age": 10.0}


def receive(case: Case, awaited: bool, observed: Observed) -> Reply:
    """Deliver the event of a case, as an async or a sync web framework does."""
    receiver = WebhookReceiver(
        SECRET,
        inbox=None if case.inbox is None else case.inbox(),
        largest_body=case.largest_body,
        now=lambda: NOW,
        telemetry=observed.telemetry,
    )
    if case.handler is not None:
        receiver.on(case.type)(case.handler)
    headers = headers_for(case.body, secret=case.secret, t=int(NOW))

    async def receive() -> list[Reply]:
        replies = [await receiver.receive(case.body, headers) for _ in range(case.before + 1)]
        await receiver.close()
        return replies

    if awaited:
        return asyncio.run(receive())[-1]
    replies = [receiver.receive_now(case.body, headers) for _ in range(case.before + 1)]
    receiver.close_now()
    return replies[-1]


@pytest.mark.parametrize("awaited", [True, False], ids=["awaited", "plain"])
@pytest.mark.parametrize(
    "case", CASES, ids=lambda case: f"{case.outcome}-{case.status}-{case.inbox and case.inbox.__name__}"
)
def test_a_delivery_is_one_consumer_span_and_one_record(
    case: Case, awaited: bool, observed: Observed, written: list[dict[str, Any]]
) -> None:
    """Refused ones too: a wrong secret shows as a rise of refusals, and not as a silence."""
    reply = receive(case, awaited, observed)
    assert (reply.status, reply.outcome) == (case.status, case.outcome)
    span = observed.spans[-1]
    assert len(observed.spans) == case.before + 1
    assert (span.name, span.kind) == (f"process {PAID}" if case.known else "process webhook", SpanKind.CONSUMER)
    assert dict(span.attributes or {}) == {
        **(EVENT if case.known else {}),
        "wooshpay.outcome": case.outcome,
        "http.response.status_code": case.status,
        **({"error.type": case.error} if case.error else {}),
    }
    assert span.status.status_code is (StatusCode.ERROR if case.error else StatusCode.UNSET)
    record = written[-1]
    assert record.pop("wooshpay_seconds") >= 0
    raised = {"wooshpay_error": case.error} if case.error and case.error[0].isupper() else {}
    assert record == {
        **({name.replace(".", "_"): value for name, value in EVENT.items()} if case.known else {}),
        "level": "INFO",
        "wooshpay_outcome": case.outcome,
        "wooshpay_status": case.status,
        **raised,
    }


def test_the_cases_and_the_tests_below_are_all_outcomes() -> None:
    elsewhere = {"held", "timed_out", "interrupted", "queued", "queue_failed"}
    assert {case.outcome for case in CASES} | elsewhere == set(get_args(DeliveryOutcome))


async def test_a_delivery_while_the_handler_runs_is_held(observed: Observed) -> None:
    slow = Slow()
    async with opened(MemoryInbox(), telemetry=observed.telemetry) as receiver:
        receiver.on(PAID)(slow)
        first = asyncio.ensure_future(deliver(receiver))
        await until(slow.begun.is_set)
        assert (await deliver(receiver)).outcome == "held"
        assert dict(observed.span.attributes or {})["wooshpay.outcome"] == "held"
        assert observed.span.status.status_code is StatusCode.UNSET, "WooshPay delivers it again; nothing is wrong"
        slow.may_end.set()
        await first
    assert [dict(span.attributes or {})["wooshpay.outcome"] for span in observed.spans] == ["held", "handled"]


async def test_a_handler_that_takes_too_long_has_timed_out(observed: Observed, written: list[dict[str, Any]]) -> None:
    async with opened(MemoryInbox(), telemetry=observed.telemetry, handler_timeout=0.05) as receiver:

        @receiver.on(PAID)
        async def hang(event: Event) -> None:
            await asyncio.Event().wait()

        assert (await deliver(receiver)).outcome == "timed_out"
    attributes = dict(observed.span.attributes or {})
    assert (attributes["wooshpay.outcome"], attributes["error.type"]) == ("timed_out", "timed_out")
    warning, ended = written
    assert warning == {"level": "ERROR", "wooshpay_event_id": "evt_1", "wooshpay_outcome": "timed_out"}
    assert (ended["wooshpay_outcome"], ended["wooshpay_status"]) == ("timed_out", 500)


async def test_a_claim_that_is_lost_while_the_handler_runs_is_found_by_the_id_of_its_event(
    observed: Observed, written: list[dict[str, Any]]
) -> None:
    """It is noticed by the thread that renews claims, which knows nothing of the delivery but the ID."""

    class Lost(MemoryInbox):
        async def renew(self, claim: Claim) -> bool:
            return False

    async with opened(Lost(lease=1), telemetry=observed.telemetry) as receiver:

        @receiver.on(PAID)
        async def hang(event: Event) -> None:
            await asyncio.Event().wait()

        assert (await deliver(receiver)).outcome == "taken_over"
    lost, ended = written
    assert lost == {"level": "ERROR", "wooshpay_event_id": "evt_1", "wooshpay_outcome": "taken_over"}
    assert (ended["wooshpay_event_id"], ended["wooshpay_outcome"]) == ("evt_1", "taken_over")
    assert observed.span.status.status_code is StatusCode.UNSET


async def test_a_handler_that_goes_on_after_the_sender_hung_up_is_observed_to_its_end(
    observed: Observed, written: list[dict[str, Any]]
) -> None:
    """The request ends at once, but the money depends on the handler, and so do its calls' parent span and outcome."""
    goes_on = asyncio.Event()
    client = ScriptedClient(call_middlewares=[observed.telemetry.call])
    async with opened(MemoryInbox(), telemetry=observed.telemetry) as receiver:

        @receiver.on(PAID)
        async def paid(event: Event) -> None:
            begun.set()
            await goes_on.wait()
            await client.refunds.retrieve("re_1")

        begun = asyncio.Event()
        request = asyncio.ensure_future(deliver(receiver))
        await begun.wait()
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        assert observed.spans == []
        goes_on.set()
        await until(lambda: len(observed.spans) == 2)
    call, delivery = observed.spans
    assert_child(call, delivery)
    attributes = dict(delivery.attributes or {})
    assert attributes["wooshpay.outcome"] == "handled"
    assert "http.response.status_code" not in attributes, "nobody got a response"
    assert [record["wooshpay_outcome"] for record in written if "wooshpay_event_id" in record] == ["handled"]
    assert "wooshpay_status" not in written[-1]


async def test_a_delivery_that_is_cancelled_without_an_inbox_was_interrupted(observed: Observed) -> None:
    receiver = WebhookReceiver(SECRET, telemetry=observed.telemetry)
    begun = asyncio.Event()

    @receiver.on(PAID)
    async def paid(event: Event) -> None:
        begun.set()
        await asyncio.Event().wait()

    request = asyncio.ensure_future(deliver(receiver))
    await begun.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    attributes = dict(observed.span.attributes or {})
    assert (attributes["wooshpay.outcome"], attributes["error.type"]) == ("interrupted", "CancelledError")


@pytest.mark.parametrize("inbox", [None, MemoryInbox])
def test_a_handler_that_ends_the_process_was_interrupted(
    inbox: Callable[[], MemoryInbox] | None, observed: Observed
) -> None:
    case = Case(outcome="interrupted", status=0, inbox=inbox, handler=lambda event: sys.exit(1))
    with suppress(SystemExit):
        receive(case, False, observed)
    assert dict(observed.span.attributes or {})["wooshpay.outcome"] == "interrupted"


# ---- the handler


def span_id(span: ReadableSpan) -> int:
    context = span.get_span_context()
    assert context is not None
    return context.span_id


def assert_child(call: ReadableSpan, delivery: ReadableSpan) -> None:
    assert call.parent is not None
    assert call.parent.span_id == span_id(delivery)
    assert call.name == "GET /v1/refunds/{refund_id}"
    assert delivery.kind is SpanKind.CONSUMER


@pytest.mark.parametrize("awaited", [True, False], ids=["awaited", "plain"])
@pytest.mark.parametrize("inbox", [None, MemoryInbox])
def test_the_calls_of_an_async_handler_are_children_of_the_delivery(
    awaited: bool, inbox: Callable[[], MemoryInbox] | None, observed: Observed
) -> None:
    client = ScriptedClient(call_middlewares=[observed.telemetry.call])

    async def paid(event: Event) -> None:
        await client.refunds.retrieve("re_1")

    assert receive(Case(outcome="handled", status=200, inbox=inbox, handler=paid), awaited, observed).status == 200
    assert_child(*observed.spans)


@pytest.mark.parametrize("awaited", [True, False], ids=["awaited", "plain"])
@pytest.mark.parametrize("inbox", [None, MemoryInbox])
def test_the_calls_of_a_plain_handler_are_children_of_the_delivery(
    awaited: bool, inbox: Callable[[], MemoryInbox] | None, observed: Observed
) -> None:
    """It runs in a thread, and its client calls on a thread of its own."""
    threads: list[int] = []
    with (
        Sandbox() as sandbox,
        WooshPay(sandbox.api_key, base_url=sandbox.base_url, call_middlewares=[observed.telemetry.call]) as client,
    ):

        def paid(event: Event) -> None:
            threads.append(threading.get_ident())
            with suppress(NotFoundError):
                client.refunds.retrieve("re_1")

        assert receive(Case(outcome="handled", status=200, inbox=inbox, handler=paid), awaited, observed).status == 200
    assert (threads == [threading.get_ident()]) is not awaited
    assert_child(*observed.spans)


@pytest.mark.parametrize("awaited", [True, False], ids=["awaited", "plain"])
@pytest.mark.parametrize("inbox", [None, MemoryInbox])
def test_the_exception_of_a_handler_is_recorded_without_secrets(
    awaited: bool, inbox: Callable[[], MemoryInbox] | None, observed: Observed
) -> None:
    def fail(event: Event) -> None:
        raise LookupError(f"no stock for card {CARD} and {SECRET}")

    receive(Case(outcome="failed", status=500, inbox=inbox, handler=fail), awaited, observed)
    (event,) = observed.span.events
    attributes = dict(event.attributes or {})
    assert (event.name, attributes["exception.type"]) == ("exception", "LookupError")
    assert str(attributes["exception.message"]).startswith("no stock for card [hidden]")
    assert "in fail" in str(attributes["exception.stacktrace"])
    assert CARD not in observed.span.to_json()
    assert SECRET not in observed.span.to_json()


def test_a_trace_and_the_log_lead_from_a_payment_to_what_its_handler_did(
    observed: Observed, written: list[dict[str, Any]]
) -> None:
    """A sandbox delivers real events over HTTP, and the handler calls it back, as in production."""
    settings: dict[str, Any] = {
        "call_middlewares": [observed.telemetry.call],
        "attempt_middlewares": [observed.telemetry.attempt],
    }
    with Sandbox() as sandbox, WooshPay(sandbox.api_key, base_url=sandbox.base_url, **settings) as client:
        endpoint = client.webhook_endpoints.create(url="http://127.0.0.1:1/", enabled_events=[PAID])
        assert endpoint.secret
        receiver = WebhookReceiver(endpoint.secret, inbox=MemoryInbox(), telemetry=observed.telemetry)

        @receiver.on("payment_intent.succeeded")
        def paid(event: EventOf[PaymentIntent]) -> None:
            client.refunds.create(payment_intent=event.data.object.id)

        with frameworks.aiohttp(receiver) as url:
            client.webhook_endpoints.update(endpoint.id, url=url)
            client.payment_intents.create(
                amount=1999,
                currency="USD",
                confirm=True,
                payment_method_data={
                    "type": "card",
                    "card": {"number": "4111111111111111", "exp_month": "12", "exp_year": "2034", "cvc": "123"},
                },
            )
            sandbox.settle()
        receiver.close_now()
        requests = {entry.operation: entry.id for entry in sandbox.requests.of("refunds.create")}
    refund, delivery = (line for line in written if {"refunds.create", PAID} & set(map(str, line.values())))
    assert (refund["wooshpay_outcome"], refund["wooshpay_status"], refund["wooshpay_attempts"]) == ("succeeded", 200, 1)
    assert refund["wooshpay_request_id"] == requests["refunds.create"]
    assert (delivery["wooshpay_outcome"], delivery["wooshpay_status"]) == ("handled", 200)
    assert 0 <= delivery["wooshpay_event_age"] < 60
    spans = {span.name: span for span in observed.spans}
    call, process = spans["POST /v1/refunds"], spans[f"process {PAID}"]
    assert call.parent is not None
    assert call.parent.span_id == span_id(process)
    assert dict(process.attributes or {})["wooshpay.event_id"] == delivery["wooshpay_event_id"]
    text = json.dumps(written) + "".join(span.to_json() for span in observed.spans)
    for secret in (sandbox.api_key, endpoint.secret, "4111111111111111"):
        assert secret not in text


# ---- around it


@pytest.mark.parametrize("awaited", [True, False], ids=["awaited", "plain"])
def test_the_request_of_the_web_framework_is_the_parent(awaited: bool, observed: Observed) -> None:
    """So that one trace shows the request, the delivery and what the handler did."""
    with observed.tracers.get_tracer("shop").start_as_current_span("POST /webhooks") as request:
        receive(CASES[0], awaited, observed)
        assert trace.get_current_span() is request, "the delivery must not stay the current span"
    delivery, _ = observed.spans
    assert delivery.parent is not None
    assert delivery.parent.span_id == request.get_span_context().span_id


def test_deliveries_and_the_age_of_events_are_measured(observed: Observed) -> None:
    for case in (CASES[0], next(case for case in CASES if case.error == "SignatureError")):
        receive(case, False, observed)
    durations = {
        tuple(sorted(attributes.items())) for attributes, _ in observed.points("wooshpay.webhook.delivery.duration")
    }
    handled = {"wooshpay.event_type": PAID, "wooshpay.outcome": "handled"}
    refused = {"wooshpay.outcome": "refused", "http.response.status_code": 400, "error.type": "SignatureError"}
    assert durations == {
        tuple(sorted({**handled, "http.response.status_code": 200}.items())),
        tuple(sorted(refused.items())),
    }
    ((attributes, point),) = observed.points("wooshpay.webhook.event.age")
    assert (attributes, point.count, point.sum) == (handled, 1, 10.0)


@pytest.mark.parametrize("created", [0, None, "soon", [], 10**40])
def test_an_event_without_a_possible_time_has_no_age(created: object, observed: Observed) -> None:
    """An age of 56 years would raise every alarm."""
    body = json.dumps({**json.loads(body_of()), "created": created}).encode()
    receive(attrs.evolve(CASES[0], body=body), False, observed)
    assert "wooshpay.event_age" not in dict(observed.span.attributes or {})
    assert observed.points("wooshpay.webhook.event.age") == []


def test_an_event_that_seems_to_come_from_the_future_is_new(observed: Observed) -> None:
    """The clocks of two machines differ, and a histogram refuses what is below zero."""
    body = json.dumps({**json.loads(body_of()), "created": int(NOW * 1000) + 5000}).encode()
    receive(attrs.evolve(CASES[0], body=body), False, observed)
    assert dict(observed.span.attributes or {})["wooshpay.event_age"] == 0.0


async def test_nothing_is_observed_when_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A delivery must not become slower for a log that is switched off."""

    def observe(*args: object) -> None:
        pytest.fail("it was observed")

    monkeypatch.setattr(ObservedDelivery, "__init__", observe)
    async with opened(MemoryInbox()) as receiver:
        receiver.on(PAID)(lambda event: None)
        with json_lines(logging.WARNING) as lines:
            assert (await deliver(receiver)).status == 200
    assert lines == []


def test_a_hostile_event_type_is_safe_in_every_field(observed: Observed, written: list[dict[str, Any]]) -> None:
    """Whoever knows the secret of a test endpoint could forge a line, or fill the index of a log server."""
    hostile = f"paid\nFORGED {CARD} {'x' * 1000}"
    case = Case(outcome="handled", status=200, type=hostile, body=body_of(type=hostile))
    receive(case, False, observed)
    span = observed.span
    for text in (
        str(written[-1]["wooshpay_event_type"]),
        span.name,
        str(dict(span.attributes or {})["wooshpay.event_type"]),
    ):
        assert CARD not in text
        assert "\n" not in text
        assert len(text) < 250


def test_the_outcome_is_not_part_of_the_tuple() -> None:
    """Programs compare and unpack the response."""
    reply = Reply(200, "This event was done before.", "evt_1", outcome="done_before")
    assert tuple(reply) == (200, "This event was done before.", "evt_1")
    assert reply.outcome == "done_before"
    assert reply._replace(status=500).outcome == "failed"


@pytest.mark.parametrize("down", [False, True])
def test_a_delivery_that_is_put_into_a_queue_is_observed_in_the_web_server_too(
    down: bool, observed: Observed, written: list[dict[str, Any]]
) -> None:
    """Without this, a broker that is down would only show in the HTTP server's own log."""

    def put(message: Mapping[str, object]) -> None:
        if down:
            raise OSError("the queue is away")

    receiver = WebhookReceiver(SECRET, inbox=MemoryInbox(), now=lambda: NOW, telemetry=observed.telemetry)
    receiver.on(PAID)(lambda event: None)
    body = body_of()
    headers = headers_for(body, t=int(NOW))
    reply = QueuedReceiver(receiver, put).receive_now(body, headers)
    expected = "queue_failed" if down else "queued"
    assert (reply.outcome, reply.status) == (expected, 503 if down else 200)
    (span,) = observed.spans
    assert (span.attributes or {})["wooshpay.outcome"] == expected
    assert span.status.status_code is (StatusCode.ERROR if down else StatusCode.UNSET)
    assert (written[-1]["wooshpay_outcome"], written[-1]["wooshpay_event_id"]) == (expected, "evt_1")


@pytest.mark.parametrize(
    ("status", "outcome"), [(200, "handled"), (400, "refused"), (409, "held"), (413, "refused"), (503, "inbox_failed")]
)
def test_a_response_of_an_adapter_has_the_usual_outcome_of_its_status(status: int, outcome: str) -> None:
    assert Reply(status, "").outcome == outcome
