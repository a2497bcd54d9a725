"""Reports deliveries of webhooks to OpenTelemetry: one CONSUMER span for each, and two metrics.

OpenTelemetry's conventions for messaging (``messaging.*``) are not stable yet, so only the stable ones for HTTP, errors
and exceptions are used here. All other names begin with ``wooshpay.``.
"""

from __future__ import annotations

import traceback
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from wooshpay.core.redaction import redact
from wooshpay.middleware.harmless import end_span, harmless, start_span

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter
    from opentelemetry.trace import Tracer
    from opentelemetry.util.types import AttributeValue

# Deliveries with these outcomes are part of normal work, even if WooshPay has to deliver the event again.
_NORMAL: Final = frozenset({"handled", "done_before", "no_handler", "held", "taken_over", "queued"})


class DeliveryTelemetry:
    """Makes the spans of deliveries, and measures them.

    Args:
        tracer: Makes the spans.
        meter: Makes the metrics.
    """

    def __init__(self, tracer: Tracer, meter: Meter) -> None:
        self.tracer = tracer
        self.duration = meter.create_histogram(
            "wooshpay.webhook.delivery.duration",
            unit="s",
            description="How long deliveries took, handlers included.",
        )
        self.age = meter.create_histogram(
            "wooshpay.webhook.event.age",
            unit="s",
            description="How old events were when they were delivered.",
        )

    def begin(self) -> DeliverySpan:
        """Begin the span of a delivery. Its parent is the current span, such as that of the HTTP request."""
        return DeliverySpan(self)


class DeliverySpan:
    """The span of one delivery.

    Args:
        telemetry: What made it.
    """

    def __init__(self, telemetry: DeliveryTelemetry) -> None:
        self._telemetry = telemetry
        self._span: Span = start_span(telemetry.tracer, "process webhook", SpanKind.CONSUMER, {})
        self._current: AbstractContextManager[Span] | None = None
        self._type: dict[str, AttributeValue] = {}
        self._age: float | None = None

    def enter(self) -> None:
        """Make the span the current one."""
        self._current = trace.use_span(
            self._span, end_on_exit=False, record_exception=False, set_status_on_exception=False
        )
        self._current.__enter__()

    def leave(self) -> None:
        """Make the span that was current before the current one again. This span goes on until `end`."""
        if self._current is not None:
            self._current.__exit__(None, None, None)

    @harmless
    def about(self, event_type: str, event_id: str, age: float | None) -> None:
        """Note which event was delivered.

        Args:
            event_type: The type of the event.
            event_id: The ID of the event.
            age: Seconds between the event and the receipt; ``None`` if the event has no time.
        """
        self._type = {"wooshpay.event_type": event_type}
        self._age = age
        self._span.update_name(f"process {event_type}")
        self._span.set_attributes({**self._type, "wooshpay.event_id": event_id})
        if age is not None:
            self._span.set_attribute("wooshpay.event_age", age)

    @harmless
    def record(self, error: BaseException) -> None:
        """Record an exception of the handler or of the inbox, without secrets."""
        # `Span.record_exception` would take the texts as they are.
        self._span.add_event(
            "exception",
            {
                "exception.type": _name(error),
                "exception.message": redact(str(error)),
                "exception.stacktrace": redact("".join(traceback.format_exception(error))),
            },
        )

    def end(self, outcome: str, status: int | None, error: str | None, seconds: float) -> None:
        """Note how the delivery ended.

        Args:
            outcome: The outcome of the delivery.
            status: The HTTP status of the response; ``None`` if there was none.
            error: The class of the exception, if there was one.
            seconds: How long it took.
        """
        self._note_end(outcome, status, error, seconds)
        end_span(self._span)

    @harmless
    def _note_end(self, outcome: str, status: int | None, error: str | None, seconds: float) -> None:
        result: dict[str, AttributeValue] = {"wooshpay.outcome": outcome}
        if status is not None:
            result["http.response.status_code"] = status
        if outcome not in _NORMAL:
            result["error.type"] = error or outcome
            self._span.set_status(Status(StatusCode.ERROR, outcome))
        self._span.set_attributes(result)
        self._telemetry.duration.record(seconds, {**self._type, **result})
        if self._age is not None:
            self._telemetry.age.record(self._age, {**self._type, "wooshpay.outcome": outcome})


def _name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
