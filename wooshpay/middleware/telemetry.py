"""What is reported to OpenTelemetry: calls in this module, deliveries and bulk runs in the modules beside it.

A call is one CLIENT span, with its attempts as events, and three metrics.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from opentelemetry import metrics, trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from wooshpay._version import __version__
from wooshpay.core.effects import Effects
from wooshpay.core.redaction import redact
from wooshpay.errors import TransportError, WooshPayError
from wooshpay.middleware.bulk_runs import BulkTelemetry
from wooshpay.middleware.deliveries import DeliverySpan, DeliveryTelemetry
from wooshpay.middleware.harmless import end_span, harmless, start_span

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider
    from opentelemetry.util.types import AttributeValue

    from wooshpay.core.request import Next, Request, Response

_NAME: Final = "wooshpay"


class Telemetry:
    """Reports to OpenTelemetry: the calls of clients, the deliveries of webhook receivers, and bulk runs.

    For calls, it is two middlewares: `call` makes the span and the metrics, `attempt` the events. Span names,
    attributes and metrics hold the path's template and never the ID of an object, an API key or a parameter.

    >>> telemetry = Telemetry()
    >>> client = AsyncWooshPay(call_middlewares=[telemetry.call], attempt_middlewares=[telemetry.attempt])
    >>> receiver = WebhookReceiver("whsec_...", telemetry=telemetry)
    >>> report = await bulk.run(client, "refunds.create", rows, journal="recall.db", telemetry=telemetry)

    Metrics: ``wooshpay.client.call.duration`` (seconds, a histogram), ``wooshpay.client.retries``,
    ``wooshpay.client.calls.active``, ``wooshpay.webhook.delivery.duration`` and ``wooshpay.webhook.event.age``
    (seconds, histograms), and ``wooshpay.bulk.rows``.

    Attributes:
        bulk: Reports bulk runs. `wooshpay.bulk` calls it.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        effects: Effects | None = None,
    ) -> None:
        """Set the reporting up.

        Args:
            tracer_provider: Receives the spans. Default: the global provider.
            meter_provider: Receives the metrics. Default: the global provider.
            effects: The clock, for tests.
        """
        self._tracer = trace.get_tracer(_NAME, __version__, tracer_provider)
        meter = metrics.get_meter(_NAME, __version__, meter_provider)
        self._duration = meter.create_histogram(
            "wooshpay.client.call.duration", unit="s", description="How long calls took, retries included."
        )
        self._retries = meter.create_counter(
            "wooshpay.client.retries", unit="{attempt}", description="Attempts after the first of their call."
        )
        self._active = meter.create_up_down_counter(
            "wooshpay.client.calls.active", unit="{call}", description="Calls under way."
        )
        self._deliveries = DeliveryTelemetry(self._tracer, meter)
        self.bulk = BulkTelemetry(self._tracer, meter)
        self._monotonic = (effects or Effects()).monotonic
        # The span of the call that an attempt belongs to. The user's own current span must not get its events.
        self._span: ContextVar[Span | None] = ContextVar("wooshpay_span", default=None)

    async def call(self, request: Request, call_next: Next) -> Response:
        """The call middleware: one span and one measurement per logical call."""
        start = self._monotonic()
        result: dict[str, AttributeValue] = {}
        span = start_span(self._tracer, f"{request.method} {request.template}", SpanKind.CLIENT, _described(request))
        self._began(request)
        try:
            with trace.use_span(span, end_on_exit=False, record_exception=False, set_status_on_exception=False):
                token = self._span.set(span)
                try:
                    response = await call_next(request)
                finally:
                    self._span.reset(token)
            _answered(span, response, result)
            return response
        except BaseException as error:
            _failed(span, error, result)
            raise
        finally:
            self._ended(request, self._monotonic() - start, result)
            end_span(span)

    @harmless
    def _began(self, request: Request) -> None:
        self._active.add(1, {"wooshpay.operation": request.operation})

    @harmless
    def _ended(self, request: Request, seconds: float, result: Mapping[str, AttributeValue]) -> None:
        operation: dict[str, AttributeValue] = {"wooshpay.operation": request.operation}
        self._active.add(-1, operation)
        self._duration.record(seconds, {**operation, **result})

    async def attempt(self, request: Request, call_next: Next) -> Response:
        """The attempt middleware: one event per attempt on the span of its call."""
        if request.attempt > 1:
            self._retried(request)
        start = self._monotonic()
        facts: dict[str, AttributeValue] = {"wooshpay.attempt": request.attempt}
        try:
            response = await call_next(request)
        except BaseException as error:
            facts["error.type"] = type(error).__name__
            if isinstance(error, TransportError):
                facts["wooshpay.failure"] = error.failure
            raise
        else:
            facts["http.response.status_code"] = response.status
            return response
        finally:
            self._attempted({**facts, "wooshpay.attempt.duration": self._monotonic() - start})

    @harmless
    def _retried(self, request: Request) -> None:
        self._retries.add(1, {"wooshpay.operation": request.operation})

    @harmless
    def _attempted(self, facts: Mapping[str, AttributeValue]) -> None:
        span = self._span.get()
        if span is not None:
            span.add_event("attempt", facts)

    def delivery(self) -> DeliverySpan:
        """Begin the span of a delivery. `wooshpay.webhooks.WebhookReceiver` calls it."""
        return self._deliveries.begin()


def _described(request: Request) -> dict[str, AttributeValue]:
    """What the span says of a request, after OpenTelemetry's conventions for HTTP clients."""
    target = urlsplit(request.url)
    facts: dict[str, AttributeValue] = {
        "http.request.method": request.method,
        "url.scheme": target.scheme,
        "url.template": request.template,
        "server.address": target.hostname or "",
        "server.port": target.port or (443 if target.scheme == "https" else 80),
        "wooshpay.operation": request.operation,
    }
    if request.idempotency_key is not None:
        facts["wooshpay.idempotency_key"] = request.idempotency_key
    return facts


@harmless
def _answered(span: Span, response: Response, result: dict[str, AttributeValue]) -> None:
    result["http.response.status_code"] = response.status
    if response.status >= 300:
        result["error.type"] = str(response.status)
        span.set_status(Status(StatusCode.ERROR))
    span.set_attributes({**result, "wooshpay.attempts": response.attempts})
    if response.request_id is not None:
        span.set_attribute("wooshpay.request_id", response.request_id)


@harmless
def _failed(span: Span, error: BaseException, result: dict[str, AttributeValue]) -> None:
    kind = type(error).__name__
    result["error.type"] = kind
    span.set_attribute("error.type", kind)
    # Of others' errors only the name: what they say may hold anything.
    span.set_status(Status(StatusCode.ERROR, redact(error.message) if isinstance(error, WooshPayError) else kind))
    if isinstance(error, WooshPayError):
        span.set_attribute("wooshpay.attempts", error.attempts)
        span.set_attribute("wooshpay.outcome", error.outcome)
