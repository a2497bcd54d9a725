"""Logs and traces of bulk runs: a record and a span for each run, and a counter of rows by state."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Final, get_args

from wooshpay.bulk.rows import Report, RowResult, RowState
from wooshpay.core.log_failures import writing_cannot_fail
from wooshpay.core.log_fields import log_fields
from wooshpay.core.redaction import one_line

if TYPE_CHECKING:
    from wooshpay.middleware import Telemetry

_STATES: Final[tuple[str, ...]] = get_args(RowState)
_LONGEST: Final = 200

_logger = logging.getLogger("wooshpay.bulk")


@contextmanager
def observed_run(
    report: Callable[[], Report], telemetry: Telemetry | None, monotonic: Callable[[], float]
) -> Generator[None]:
    """Observe a run during this block: its span is the parent of those of its calls.

    Args:
        report: Returns how far the run has come.
        telemetry: Reports to OpenTelemetry.
        monotonic: Returns monotonic seconds.
    """
    began, first = monotonic(), report()
    span = None if telemetry is None else telemetry.bulk.begin(first.operation, first.name)
    error: str | None = None
    with span or nullcontext():
        try:
            yield
        except BaseException as raised:
            error = type(raised).__name__
            raise
        finally:
            last = report()
            if span is not None:
                span.note(counts_of(last))
            _log_run(last, monotonic() - began, error)


def counts_of(report: Report) -> dict[str, int]:
    """Return how many rows a run has processed, in all and by state."""
    return {
        "rows": report.rows,
        **{state: getattr(report, state) for state in _STATES},
        "earlier": report.earlier,
    }


@writing_cannot_fail
def _log_run(report: Report, seconds: float, error: str | None) -> None:
    if not _logger.isEnabledFor(logging.INFO):
        return
    counts = counts_of(report)
    states = ", ".join(f"{counts[state]} {state}" for state in _STATES if counts[state])
    _logger.info(
        "Bulk run %s (%s)%s after %d rows in %.3f s%s",
        *("without a name" if report.name is None else one_line(repr(report.name), _LONGEST), report.operation),
        *(f" was ended by {error}" if error else " stopped" if report.stopped else " ended", report.rows, seconds),
        f": {states}" if states else "",
        extra=log_fields(
            wooshpay_operation=report.operation,
            wooshpay_run=report.name,
            wooshpay_seconds=seconds,
            wooshpay_error=error,
            wooshpay_rows=report.rows,
            wooshpay_rows_succeeded=report.succeeded,
            wooshpay_rows_replayed=report.replayed,
            wooshpay_rows_rejected=report.rejected,
            wooshpay_rows_not_sent=report.not_sent,
            wooshpay_rows_unknown=report.unknown,
            wooshpay_rows_refused=report.refused,
            wooshpay_rows_earlier=report.earlier,
        ),
    )


def note_row(operation: str, result: RowResult, telemetry: Telemetry | None) -> None:
    """Count a row by its state."""
    if telemetry is not None:
        telemetry.bulk.count(operation, result.state, earlier=result.earlier)


@writing_cannot_fail
def log_row(operation: str, run: str, result: RowResult, attempt: int) -> None:
    """Write the log record of a row that is processed in a queue.

    Args:
        operation: The SDK name of the operation.
        run: The name of the run.
        result: The result of the row.
        attempt: The number of this attempt; the first is 1.
    """
    if not _logger.isEnabledFor(logging.INFO):
        return
    _logger.info(
        "Row %s of bulk run %s (%s): %s",
        *(one_line(repr(result.row), _LONGEST), one_line(repr(run), _LONGEST), operation, result.state),
        extra=log_fields(
            wooshpay_operation=operation,
            wooshpay_run=run,
            wooshpay_row=result.row,
            wooshpay_state=result.state,
            wooshpay_attempt=attempt,
            wooshpay_code=result.code,
            wooshpay_idempotency_key=result.idempotency_key,
        ),
    )
