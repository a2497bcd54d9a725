"""What the SDK writes to the logger ``wooshpay``: a line per call (INFO) and per attempt (DEBUG), nothing secret."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

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
    )


def _said(error: WooshPayError) -> str:
    kind = type(error).__name__
    if not isinstance(error, APIError):
        return f"{kind}, {error.outcome}"
    reasons = " ".join(text for text in (error.code, error.decline_code) if text)
    return one_line(f"HTTP {error.status} {kind}{f' ({reasons})' if reasons else ''}, {error.outcome}", _LONGEST)


def log_attempt(request: Request, response: Response | None, error: TransportError | None = None) -> None:
    """Write the line of an attempt that is over."""
    if not logger.isEnabledFor(logging.DEBUG):
        return
    result = f"HTTP {response.status}" if response is not None else redact(error.message if error else "no answer")
    logger.debug(
        "%s %s (%s) attempt %d: %s", request.method, request.template, request.operation, request.attempt, result
    )


def log_retry(request: Request, attempt: Attempt, wait: float) -> None:
    """Write that a call waits for another attempt."""
    logger.info(
        "%s: attempt %d failed (%s), trying again in %.2f s%s",
        request.operation,
        attempt.number,
        f"HTTP {attempt.status}" if attempt.status is not None else attempt.failure,
        wait,
        " with the same key" if attempt.keyed else "",
    )


def log_interruption(text: str) -> None:
    """Write that a call was ended from outside, and with which key to make sure of it."""
    logger.warning("%s", text)
