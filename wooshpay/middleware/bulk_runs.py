"""Reports bulk runs to OpenTelemetry: one INTERNAL span for each run, and a counter of rows by state."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Final

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from wooshpay.core.redaction import one_line, redact
from wooshpay.errors import WooshPayError
from wooshpay.middleware.harmless import end_span, harmless, start_span

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from opentelemetry.metrics import Meter
    from opentelemetry.trace import Tracer

_LONGEST_NAME: Final = 200


class BulkTelemetry:
    """Makes the spans of bulk runs, and counts rows.

    Args:
        tracer: Makes the spans.
        meter: Makes the metrics.
    """

    def __init__(self, tracer: Tracer, meter: Meter) -> None:
        self._tracer = tracer
        self._rows = meter.create_counter(
            "wooshpay.bulk.rows", unit="{row}", description="Rows of bulk runs, by their state."
        )

    @harmless
    def count(self, operation: str, state: str, *, earlier: bool) -> None:
        """Count a row.

        Args:
            operation: The SDK name of the operation.
            state: The state of the row.
            earlier: Whether an earlier pass of the run had done it, so that nothing was sent now.
        """
        self._rows.add(1, {"wooshpay.operation": operation, "wooshpay.state": state, "wooshpay.earlier": earlier})

    def begin(self, operation: str, run: str | None) -> RunSpan:
        """Begin the span of a run.

        Args:
            operation: The SDK name of the operation.
            run: The name of the run.
        """
        span = start_span(self._tracer, f"bulk {operation}", SpanKind.INTERNAL, {"wooshpay.operation": operation})
        if run is not None:
            span.set_attribute("wooshpay.run", one_line(run, _LONGEST_NAME))
        return RunSpan(span)


class RunSpan:
    """The span of one run: within the block it is the current span, and the parent of the spans of its calls."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self._current = trace.use_span(span, end_on_exit=False, record_exception=False, set_status_on_exception=False)

    def __enter__(self) -> Self:
        """Begin."""
        self._current.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End."""
        if error is not None:
            self._fail(error)
        end_span(self._span)
        self._current.__exit__(None, None, None)

    @harmless
    def _fail(self, error: BaseException) -> None:
        name = type(error).__name__
        self._span.set_attribute("error.type", name)
        # Of other exceptions only the name, since their text may hold anything.
        text = redact(error.message) if isinstance(error, WooshPayError) else name
        self._span.set_status(Status(StatusCode.ERROR, text))

    @harmless
    def note(self, counts: Mapping[str, int]) -> None:
        """Note how many rows the run processed, by state.

        Args:
            counts: The counts, by the names of the fields of `wooshpay.bulk.Report`.
        """
        for name, count in counts.items():
            self._span.set_attribute("wooshpay.rows" if name == "rows" else f"wooshpay.rows_{name}", count)
