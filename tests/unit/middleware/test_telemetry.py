"""What is reported to OpenTelemetry, read from its in-memory exporter."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler, SamplingResult
from opentelemetry.trace import SpanKind, StatusCode
from support import children
from support.effects import KEY, ScriptedClient, Step, answer
from support.telemetry import Observed
from webhooks.deliver import SECRET, body_of, headers_for

from wooshpay import CardError, ConnectError, ProtocolError, Request, RequestOptions, WooshPay, WooshPayError, bulk
from wooshpay.middleware import Telemetry
from wooshpay.sandbox import Sandbox
from wooshpay.webhooks import WebhookReceiver

CARD = "4242424242424242"


def client_of(observed: Observed, *steps: Step, **settings: Any) -> ScriptedClient:
    return ScriptedClient(
        *steps,
        clock=observed.clock,
        call_middlewares=[observed.telemetry.call],
        attempt_middlewares=[observed.telemetry.attempt],
        **settings,
    )


@pytest.fixture
def observed() -> Iterator[Observed]:
    observed = Observed()
    yield observed
    observed.close()


async def test_a_call_is_one_client_span_named_by_the_template_and_never_by_an_id(observed: Observed) -> None:
    """A name with ids in it would make as many names as payments."""
    refund = answer(200, {"id": "re_secretive", "object": "refund"}, {"Request-Id": "req_1"})
    await client_of(observed, refund).refunds.retrieve("re_secretive")
    span = observed.span
    assert (span.name, span.kind) == ("GET /v1/refunds/{refund_id}", SpanKind.CLIENT)
    assert dict(span.attributes or {}) == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "server.address": "apitest.wooshpay.com",
        "server.port": 443,
        "url.scheme": "https",
        "url.template": "/v1/refunds/{refund_id}",
        "wooshpay.attempts": 1,
        "wooshpay.operation": "refunds.retrieve",
        "wooshpay.request_id": "req_1",
    }
    assert span.status.status_code is StatusCode.UNSET
    assert "re_secretive" not in span.to_json()


async def test_retries_are_events_of_the_one_span(observed: Observed) -> None:
    lost = ProtocolError("It broke.", failure="broken")
    await client_of(observed, lost, answer(503), answer()).refunds.create(payment_intent="pi_1")
    span = observed.span
    assert [event.name for event in span.events] == ["attempt"] * 3
    assert [dict(event.attributes or {}) for event in span.events] == [
        {
            "error.type": "ProtocolError",
            "wooshpay.attempt": 1,
            "wooshpay.attempt.duration": 0.0,
            "wooshpay.failure": "broken",
        },
        {"http.response.status_code": 503, "wooshpay.attempt": 2, "wooshpay.attempt.duration": 0.0},
        {"http.response.status_code": 200, "wooshpay.attempt": 3, "wooshpay.attempt.duration": 0.0},
    ]
    assert span.attributes is not None
    assert span.attributes["wooshpay.attempts"] == 3
    assert span.attributes["wooshpay.idempotency_key"] == "key_1"
    assert observed.points("wooshpay.client.retries") == [({"wooshpay.operation": "refunds.create"}, 2)]


async def test_a_refusal_is_an_error_of_its_status(observed: Observed) -> None:
    with pytest.raises(CardError):
        await client_of(observed, answer(402, {"error": {"type": "card_error", "message": CARD}})).refunds.create(
            payment_intent="pi_1"
        )
    span = observed.span
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes is not None
    assert span.attributes["error.type"] == "402"
    assert CARD not in span.to_json()


async def test_a_failure_says_whether_money_may_have_moved(observed: Observed) -> None:
    with pytest.raises(ConnectError):
        await client_of(observed, ConnectError(f"No way to {KEY}.", failure="refused")).refunds.create(
            payment_intent="pi_1"
        )
    span = observed.span
    assert span.attributes is not None
    assert span.attributes["error.type"] == "ConnectError"
    assert span.attributes["wooshpay.outcome"] == "not_sent"
    assert span.status.status_code is StatusCode.ERROR
    assert KEY not in span.to_json()


async def test_the_histogram_has_the_time_with_retries_by_operation_and_result(observed: Observed) -> None:
    client = client_of(observed, answer(503), answer())
    await client.refunds.retrieve("re_1")
    ((attributes, point),) = observed.points("wooshpay.client.call.duration")
    assert attributes == {"http.response.status_code": 200, "wooshpay.operation": "refunds.retrieve"}
    assert (point.count, point.sum) == (1, 0.5)


async def test_calls_under_way_are_counted_and_all_come_to_an_end(observed: Observed) -> None:
    waiting = asyncio.Event()

    async def hang(request: Request, call_next: object) -> Any:
        await waiting.wait()

    client = ScriptedClient(call_middlewares=[observed.telemetry.call, hang])
    call = asyncio.ensure_future(client.refunds.retrieve("re_1"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert observed.points("wooshpay.client.calls.active") == [({"wooshpay.operation": "refunds.retrieve"}, 1)]
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert observed.points("wooshpay.client.calls.active") == [({"wooshpay.operation": "refunds.retrieve"}, 0)]
    assert observed.span.status.description == "CancelledError"


async def test_attempts_of_calls_at_the_same_time_stay_apart(observed: Observed) -> None:
    client = client_of(observed, answer(503), answer(503), answer())
    await asyncio.gather(*(client.refunds.retrieve(f"re_{number}") for number in range(5)))
    spans = observed.exporter.get_finished_spans()
    assert len(spans) == 5
    for span in spans:
        assert span.attributes is not None
        assert len(span.events) == span.attributes["wooshpay.attempts"]


async def test_the_users_own_span_is_the_parent_and_gets_no_events(observed: Observed) -> None:
    tracer = observed.tracers.get_tracer("shop")
    with tracer.start_as_current_span("checkout") as checkout:
        await client_of(observed).refunds.retrieve("re_1")
        await ScriptedClient(attempt_middlewares=[observed.telemetry.attempt]).refunds.retrieve("re_1")
    inner, outer = observed.exporter.get_finished_spans()
    assert inner.parent is not None
    assert inner.parent.span_id == checkout.get_span_context().span_id
    assert outer.events == ()


def test_a_plain_call_belongs_to_the_callers_span_although_it_runs_on_another_thread(observed: Observed) -> None:
    telemetry = observed.telemetry
    with (
        Sandbox() as sandbox,
        WooshPay(
            sandbox.api_key,
            base_url=sandbox.base_url,
            call_middlewares=[telemetry.call],
            attempt_middlewares=[telemetry.attempt],
        ) as client,
    ):
        with observed.tracers.get_tracer("shop").start_as_current_span("checkout") as checkout:
            client.customers.create()
        with pytest.raises(WooshPayError):
            client.customers.retrieve("cus_1", options=RequestOptions(timeout=5))
    made, outer, missing = observed.exporter.get_finished_spans()
    assert outer.name == "checkout"
    assert made.parent is not None
    assert made.parent.span_id == checkout.get_span_context().span_id
    assert missing.parent is None
    assert missing.status.status_code is StatusCode.ERROR


def test_without_the_extra_only_telemetry_is_missing_and_its_error_names_the_extra() -> None:
    """Receivers, clients and bulk runs are used by many who have no OpenTelemetry."""
    program = """
import sys
sys.modules["opentelemetry"] = None
import wooshpay.bulk, wooshpay.bulk.celery
from wooshpay.bulk import run
from wooshpay.webhooks import WebhookReceiver, sign
receiver = WebhookReceiver("whsec_x")
body = b'{"id": "evt_1", "type": "galaxy.exploded"}'
print(receiver.receive_now(body, {"Wooshpay-Signature": sign(body, "whsec_x")}).outcome)
receiver.close_now()
try:
    from wooshpay.middleware import Telemetry
except ModuleNotFoundError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env=children.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.splitlines() == [
        "no_handler",
        "Telemetry needs opentelemetry-api, which is not installed: pip install 'wooshpay[otel]'.",
    ], done.stderr


# ---- OpenTelemetry itself fails -------------------------------------------------------------------------------


class Broken(SpanProcessor, Sampler):
    """A span processor and a sampler of the application with an error in one place."""

    def __init__(self, place: str) -> None:
        self.place = place

    def _fail(self, place: str) -> None:
        if self.place == place:
            raise RuntimeError(f"an error of the application in {place}")

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        self._fail("on_start")

    def on_end(self, span: Any) -> None:
        self._fail("on_end")

    def should_sample(self, *args: Any, **kwargs: Any) -> SamplingResult:
        self._fail("should_sample")
        return ALWAYS_ON.should_sample(*args, **kwargs)

    def get_description(self) -> str:
        return "broken"


def broken_telemetry(place: str) -> Telemetry:
    broken = Broken(place)
    tracers = TracerProvider(sampler=broken, shutdown_on_exit=False)
    tracers.add_span_processor(broken)
    return Telemetry(tracer_provider=tracers)


each_place = pytest.mark.parametrize("place", ["should_sample", "on_start", "on_end"])


@each_place
async def test_a_payment_whose_call_cannot_be_reported_is_returned(
    place: str, caplog: pytest.LogCaptureFixture
) -> None:
    """With an exception in place of the payment, the program would pay again, with another idempotency key."""
    telemetry = broken_telemetry(place)
    made = answer(200, {"id": "pi_1", "object": "payment_intent"})
    client = ScriptedClient(made, call_middlewares=[telemetry.call], attempt_middlewares=[telemetry.attempt])
    payment = await client.payment_intents.create(amount=1999, currency="USD")
    assert payment.id == "pi_1"
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert line.startswith("Something could not be reported to OpenTelemetry (RuntimeError).")


@each_place
async def test_an_error_of_a_call_that_cannot_be_reported_is_the_error_of_the_call(place: str) -> None:
    """Programs decide by its class whether the customer may try another card."""
    telemetry = broken_telemetry(place)
    declined = answer(402, {"error": {"type": "card_error", "code": "card_declined", "message": "no"}})
    client = ScriptedClient(declined, call_middlewares=[telemetry.call], attempt_middlewares=[telemetry.attempt])
    with pytest.raises(CardError):
        await client.payment_intents.create(amount=1999, currency="USD")


@each_place
@pytest.mark.parametrize("how", ["async", "sync"])
def test_a_delivery_that_cannot_be_reported_is_handled(place: str, how: str) -> None:
    """WooshPay would deliver the event until it gives up, and the order would never be paid."""
    handled: list[str] = []
    receiver = WebhookReceiver(SECRET, telemetry=broken_telemetry(place))
    receiver.on("payment_intent.succeeded")(lambda event: handled.append(event.id))
    body = body_of()
    if how == "sync":
        reply = receiver.receive_now(body, headers_for(body))
    else:
        reply = asyncio.run(receiver.receive(body, headers_for(body)))
    assert (reply.status, handled) == (200, ["evt_1"])
    receiver.close_now()


@each_place
async def test_a_bulk_run_that_cannot_be_reported_returns_its_report(place: str, tmp_path: Path) -> None:
    """The rows have been sent, and the report is what says which of them moved money."""
    refund = answer(200, {"id": "re_1", "object": "refund"})
    row, journal = bulk.Row("1", {"payment_intent": "pi_1"}), tmp_path / "recall.db"
    telemetry = broken_telemetry(place)
    report = await bulk.run(ScriptedClient(refund), "refunds.create", [row], journal=journal, telemetry=telemetry)
    assert report.succeeded == 1
