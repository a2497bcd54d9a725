"""What the SDK writes to the logger ``wooshpay``: a line per call (INFO) and per attempt (DEBUG), nothing secret."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from wooshpay.core.log_failures import writing_cannot_fail
from wooshpay.core.log_fields import log_fields
from wooshpay.core.redaction import one_line, redact
from wooshpay.errors import APIError

if TYPE_CHECKING:
    from wooshpay.core.request import Request, Response
    from wooshpay.core.retry import Attempt
    from wooshpay.errors import TransportError, WooshPayError

logger: Final = logging.getLogger("wooshpay")

# Characters of what an answer adds to a line.
_LONGEST: Final = 500


def calls_are_logged() -> bool:
    """Whether anybody reads the line per call."""
    return logger.isEnabledFor(logging.INFO)


@writing_cannot_fail
def log_call(
    request: Request, seconds: float, response: Response | None = None, error: WooshPayError | None = None
) -> None:
    """Write the line of a call that is over.

    Args:
        request: The request of the call.
        seconds: How long it took, retries and waiting included.
        response: Its answer, where it succeeded.
        error: What the caller gets instead.
    """
    if error is None:
        assert response is not None
        result, attempts, request_id = f"HTTP {response.status}", response.attempts, response.request_id
    else:
        result, attempts, request_id = _said(error), error.attempts, error.request_id
    facts = [f"{attempts} attempt{'' if attempts == 1 else 's'}"]
    if request_id is not None:
        facts.append(f"request {request_id}")
    if request.idempotency_key is not None:
        facts.append(f"key {request.idempotency_key}")
    logger.info(
        "%s %s (%s): %s in %.3f s; %s",
        *(request.method, request.template, request.operation, result, seconds, one_line(", ".join(facts), _LONGEST)),
        extra={
            **_request_fields(request),
            **(_error_fields(error) if error is not None else log_fields(wooshpay_outcome="succeeded")),
            **_response_fields(response, error),
            **log_fields(wooshpay_seconds=seconds),
        },
    )


@writing_cannot_fail
def log_unusable(request: Request, response: Response, error: WooshPayError) -> None:
    """Write that a call succeeded according to its HTTP status, but that its response holds no usable result."""
    if not logger.isEnabledFor(logging.INFO):
        return
    logger.info(
        "%s %s (%s): the response cannot be used: %s",
        *(request.method, request.template, request.operation, _said(error)),
        extra={
            **_request_fields(request),
            **_error_fields(error),
            **_response_fields(response, error),
        },
    )


def _request_fields(request: Request) -> dict[str, object]:
    return log_fields(
        wooshpay_operation=request.operation,
        wooshpay_method=request.method,
        wooshpay_template=request.template,
        wooshpay_idempotency_key=request.idempotency_key,
    )


def _response_fields(response: Response | None, error: WooshPayError | None) -> dict[str, object]:
    """Return what is known about the response to a call; an error knows it too."""
    found = response or error
    if found is None:
        return {}
    return log_fields(
        wooshpay_status=getattr(found, "status", None),  # errors of the connection have none
        wooshpay_attempts=found.attempts,
        wooshpay_request_id=found.request_id,
    )


def _error_fields(error: WooshPayError) -> dict[str, object]:
    refusal = error if isinstance(error, APIError) else None
    return log_fields(
        wooshpay_outcome=error.outcome,
        wooshpay_error=type(error).__name__,
        wooshpay_code=None if refusal is None else refusal.code,
        wooshpay_decline_code=None if refusal is None else refusal.decline_code,
    )


def _said(error: WooshPayError) -> str:
    kind = type(error).__name__
    if not isinstance(error, APIError):
        return f"{kind}, {error.outcome}"
    reasons = " ".join(text for text in (error.code, error.decline_code) if text)
    return one_line(f"HTTP {error.status} {kind}{f' ({reasons})' if reasons else ''}, {error.outcome}", _LONGEST)


@writing_cannot_fail
def log_attempt(request: Request, response: Response | None, error: TransportError | None = None) -> None:
    """Write the line of an attempt that is over."""
    if not logger.isEnabledFor(logging.DEBUG):
        return
    result = f"HTTP {response.status}" if response is not None else redact(error.message if error else "no answer")
    logger.debug(
        "%s %s (%s) attempt %d: %s",
        *(request.method, request.template, request.operation, request.attempt, result),
        extra={
            **_request_fields(request),
            **log_fields(
                wooshpay_attempt=request.attempt,
                wooshpay_status=None if response is None else response.status,
                wooshpay_request_id=None if response is None else response.request_id,
                wooshpay_error=None if error is None else type(error).__name__,
                wooshpay_failure=None if error is None else error.failure,
            ),
        },
    )


@writing_cannot_fail
def log_retry(request: Request, attempt: Attempt, wait: float) -> None:
    """Write that a call waits for another attempt."""
    if not logger.isEnabledFor(logging.INFO):
        return
    logger.info(
        "%s: attempt %d failed (%s), trying again in %.2f s%s",
        request.operation,
        attempt.number,
        f"HTTP {attempt.status}" if attempt.status is not None else attempt.failure,
        wait,
        " with the same key" if attempt.keyed else "",
        extra={
            **_request_fields(request),
            **log_fields(
                wooshpay_attempt=attempt.number,
                wooshpay_status=attempt.status,
                wooshpay_failure=attempt.failure,
                wooshpay_wait=wait,
            ),
        },
    )


def log_interruption(
    text: str, request: Request, response: Response | None = None, error: WooshPayError | None = None
) -> None:
    """Write that a call was ended from outside, and with which key to make sure of it.

    Args:
        text: The sentence to write.
        request: The request of the call.
        response: The response, if it had come.
        error: The error with which the call had ended, if it had.
    """
    logger.warning(
        "%s",
        text,
        extra={
            **_request_fields(request),
            **(
                _error_fields(error)
                if error is not None
                else log_fields(wooshpay_outcome="unknown" if response is None else "succeeded")
            ),
            **_response_fields(response, error),
        },
    )
