"""Notes on exceptions that interrupt a call from outside, such as Ctrl-C: they say what happened to the call."""

from __future__ import annotations

from wooshpay.core.json import is_object
from wooshpay.core.log import log_interruption
from wooshpay.core.pipeline import note_interruption
from wooshpay.core.redaction import one_line
from wooshpay.core.request import Request, Response
from wooshpay.errors import WooshPayError

_LONGEST_ID = 100


def note_end(
    interruption: BaseException,
    request: Request,
    response: Response | None,
    error: BaseException | None,
    *,
    unsent: bool,
) -> None:
    """Add a note to an exception: what is known about the call that it interrupted.

    Args:
        interruption: The exception, such as one that a signal handler raised.
        request: The request of the call.
        response: The response, if it had come.
        error: The error with which the call had ended, if it had.
        unsent: Whether it is known that the call had not begun.
    """
    if request.method == "GET":
        return
    if response is not None:
        text = _carried_out(request, response)
        interruption.add_note(text)
        log_interruption(text, request, response)
    elif isinstance(error, WooshPayError):
        text = f"{request.operation} had already ended: {error}"
        interruption.add_note(text)
        log_interruption(text, request, error=error)
    elif unsent:
        interruption.add_note(f"{request.operation} was interrupted before anything was sent")
    else:
        note_interruption(interruption, request)


def _carried_out(request: Request, response: Response) -> str:
    found = object_id(response)
    facts = f"HTTP {response.status}" if found is None else f"HTTP {response.status}, {one_line(found, _LONGEST_ID)}"
    text = f"{request.operation} was carried out ({facts}), but an exception came before the result was returned"
    if request.idempotency_key is None:
        return text
    return f"{text}; call it again with idempotency key {request.idempotency_key} for the result"


def object_id(response: Response) -> str | None:
    """Return the ID of the object in a response as WooshPay sent it, or ``None`` if there is none."""
    try:
        body = response.parsed
    except (ValueError, RecursionError):
        return None
    found = body.get("id") if is_object(body) else None
    return found if isinstance(found, str) else None
