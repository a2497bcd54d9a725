"""Reports the outcome of a call when something else fails: the output, a signal, or our own code."""

from __future__ import annotations

import signal

from wooshpay.cli.calls.ending import Ended
from wooshpay.cli.exits import FAILED, RESULT_NOT_SHOWN, of_signal
from wooshpay.cli.failures import unexpected
from wooshpay.cli.streams import OutputError, complain
from wooshpay.cli.texts import visible
from wooshpay.core.interruptions import object_id
from wooshpay.core.redaction import redact
from wooshpay.core.request import Next, Request, Response


class CallWatch:
    """A call middleware that remembers how far the call got.

    Attributes:
        request: The request, once the SDK has begun to send it.
        response: The response to it, once it is complete.
    """

    def __init__(self) -> None:
        self.request: Request | None = None
        self.response: Response | None = None

    async def __call__(self, request: Request, call_next: Next) -> Response:
        self.request = request
        self.response = await call_next(request)
        return self.response

    @property
    def carried_out(self) -> bool:
        """Return whether WooshPay reported success."""
        return self.response is not None and self.response.status < 300


def tell_outcome(operation: str, watch: CallWatch, error: BaseException) -> int | None:
    """Write the outcome of a call that changes something to standard error.

    Args:
        operation: The operation's name.
        watch: How far the call got.
        error: What went wrong, other than the call itself.

    Returns:
        The exit code; ``None`` where nothing can have changed.
    """
    request = watch.request
    if request is None:
        if isinstance(error, KeyboardInterrupt):
            complain("Interrupted. Nothing was sent.")
        return None
    if request.method == "GET":
        return None
    if watch.carried_out:
        complain(f"Error: The result cannot be shown. {_reason(error)}\n{_done(operation, watch)}")
        return RESULT_NOT_SHOWN
    doubt = f"{operation} may have been carried out."
    how = _how_to_be_sure(request)
    if isinstance(error, KeyboardInterrupt):
        number = error.number if isinstance(error, Ended) else signal.SIGINT
        complain(f"Interrupted. {doubt} {how}")
        return of_signal(number)
    complain(f"Error: {_reason(error)}\n{doubt} {how}")
    return FAILED


def _reason(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "The command was interrupted."
    return str(error) if isinstance(error, OutputError) else unexpected(error)


def _done(operation: str, watch: CallWatch) -> str:
    assert watch.request is not None
    key = watch.request.idempotency_key
    found = None if watch.response is None else object_id(watch.response)
    facts = [f"ID {visible(redact(found))}"] if found else []
    facts += [f"idempotency key {key}"] if key is not None else []
    what = f": {', '.join(facts)}" if facts else ""
    return f"{operation} WAS carried out{what}. Do not run it again."


def _how_to_be_sure(request: Request) -> str:
    if request.idempotency_key is None:
        return "Check in WooshPay whether it was, before you run it again."
    return f"To be sure without doing it twice, run the same again with\n  --idempotency-key {request.idempotency_key}"
