"""Reports to OpenTelemetry that cannot break what they report.

OpenTelemetry catches the exceptions of exporters, but not those of samplers and span processors that an application
brings. Without this module, an error in one of them would take the place of the response to a payment that was made.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec

from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, Span, SpanKind

from wooshpay.core.log_failures import writing_cannot_fail
from wooshpay.core.log_fields import log_fields

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer
    from opentelemetry.util.types import AttributeValue

P = ParamSpec("P")

_logger = logging.getLogger("wooshpay")


def harmless(report: Callable[P, None]) -> Callable[P, None]:
    """Make a function that reports something write its exceptions to the log instead of raising them."""

    @wraps(report)
    def reporting(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            report(*args, **kwargs)
        except Exception as error:
            _log(error)

    return reporting


def start_span(tracer: Tracer, name: str, kind: SpanKind, attributes: Mapping[str, AttributeValue]) -> Span:
    """Start a span. If that fails, return one that records nothing and leaves the current span the parent of others.

    Args:
        tracer: Makes the span.
        name: The name of the span.
        kind: The kind of the span.
        attributes: The attributes of the span.
    """
    try:
        return tracer.start_span(name, kind=kind, attributes=attributes)
    except Exception as error:
        _log(error)
        return NonRecordingSpan(trace.get_current_span().get_span_context())


@harmless
def end_span(span: Span) -> None:
    """End a span."""
    span.end()


@writing_cannot_fail
def _log(error: Exception) -> None:
    _logger.error(
        "Something could not be reported to OpenTelemetry (%s). Check the samplers, span processors and views of the"
        " application.",
        type(error).__name__,
        exc_info=error,
        extra=log_fields(wooshpay_error=type(error).__name__),
    )
