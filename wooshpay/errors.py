"""The errors of the SDK. Every one says whether money may have moved.

``outcome`` is the first thing to look at:

- ``"not_sent"``: the request never reached WooshPay. Nothing happened; calling again is safe.
- ``"rejected"``: WooshPay answered and did not carry it out. No money moved; a payment whose card was declined
  when it was created stays, to be tried with another card.
- ``"unknown"``: it may have been carried out. Call again with the same ``idempotency_key``,
  or look the object up, before doing anything else.
"""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from wooshpay.core.json import Json
    from wooshpay.core.retry import Failure

# ``import *`` must not hide Python's own TimeoutError and PermissionError, which are missing here.
__all__ = [
    "APIError",
    "AuthenticationError",
    "CardError",
    "ClaimLost",
    "ConfigurationError",
    "ConflictError",
    "ConnectError",
    "DecodeError",
    "IdempotencyError",
    "InboxError",
    "InvalidRequestError",
    "JournalError",
    "NotFoundError",
    "Outcome",
    "PayloadError",
    "ProtocolError",
    "RateLimitError",
    "ServerError",
    "SignatureError",
    "TimestampError",
    "TransportError",
    "WebhookError",
    "WooshPayError",
]

Outcome: TypeAlias = Literal["not_sent", "rejected", "unknown"]

_ADVICE: dict[Outcome, str] = {
    "not_sent": "the request did not reach WooshPay",
    "rejected": "no money moved",
    "unknown": "it may have been carried out",
}


def _rebuild(cls: type[WooshPayError], state: dict[str, object]) -> WooshPayError:
    error = cls.__new__(cls)
    error.__dict__.update(state)
    error.args = (state["message"],)
    return error


class WooshPayError(Exception):
    """The root of every error that the SDK raises about a call.

    Attributes:
        message: What went wrong and what to change, free of secrets.
        outcome: Whether money may have moved: ``not_sent``, ``rejected`` or ``unknown``.
        idempotency_key: The key to call again with; ``None`` where the call carried none.
        request_id: WooshPay's id of the answer, when there was one.
        attempts: How many times the request was tried.
        operation: The SDK name of the call, such as ``refunds.create``.
    """

    def __init__(
        self,
        message: str,
        *,
        outcome: Outcome = "not_sent",
        idempotency_key: str | None = None,
        request_id: str | None = None,
        attempts: int = 0,
        operation: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.outcome: Outcome = outcome
        self.idempotency_key = idempotency_key
        self.request_id = request_id
        self.attempts = attempts
        self.operation = operation

    def __str__(self) -> str:
        facts: list[str] = []
        if self.operation is not None:
            facts.append(self.operation)
        if self.attempts > 1:
            facts.append(f"{self.attempts} attempts")
        if self.request_id is not None:
            facts.append(f"request {self.request_id}")
        if self.attempts > 0:
            facts.append(_ADVICE[self.outcome])
        if self.outcome == "unknown" and self.idempotency_key is not None:
            facts.append(f"call again with idempotency key {self.idempotency_key}")
        return f"{self.message} [{'; '.join(facts)}]" if facts else self.message

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {str(self)!r}>"

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), dict(self.__dict__))


class ConfigurationError(WooshPayError):
    """The client was set up, or used, in a way that cannot work. Nothing was sent."""


class TransportError(WooshPayError):
    """The request or its answer was lost on the way.

    Attributes:
        failure: ``not_connected`` (the request was not sent), ``refused`` (not sent, and trying again
            cannot help) or ``broken`` (it may have been carried out).
    """

    def __init__(
        self,
        message: str,
        *,
        failure: Failure = "broken",
        outcome: Outcome | None = None,
        idempotency_key: str | None = None,
        request_id: str | None = None,
        attempts: int = 0,
        operation: str | None = None,
    ) -> None:
        super().__init__(
            message,
            outcome=outcome or ("unknown" if failure == "broken" else "not_sent"),
            idempotency_key=idempotency_key,
            request_id=request_id,
            attempts=attempts,
            operation=operation,
        )
        self.failure: Failure = failure


class ConnectError(TransportError):
    """No connection could be made: DNS, a refused or reset connection, a bad certificate, a proxy."""


class TimeoutError(TransportError, builtins.TimeoutError):
    """A time limit ended the call: connecting, one attempt, or the deadline over all of them.

    It is also Python's own `TimeoutError`, which ``except TimeoutError`` and ``except asyncio.TimeoutError`` catch.
    """


class ProtocolError(TransportError):
    """The connection broke after the request was sent, or the answer was not proper HTTP."""


class APIError(WooshPayError):
    """WooshPay answered with an error.

    Attributes:
        status: The HTTP status.
        type: WooshPay's kind of error, such as ``card_error``.
        code: WooshPay's code, such as ``card_declined``.
        param: The parameter at fault.
        decline_code: The issuer's reason on a declined card.
        body: The answer: parsed JSON, or text where it was not JSON. Secrets in it are hidden. Where the state of an
            object forbids the call, the object's own status may be in ``body["status"]``.
        retry_after: Seconds that WooshPay asked to wait, where it said so.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        type: str | None = None,
        code: str | None = None,
        param: str | None = None,
        decline_code: str | None = None,
        body: Json = None,
        retry_after: float | None = None,
        outcome: Outcome = "rejected",
        idempotency_key: str | None = None,
        request_id: str | None = None,
        attempts: int = 0,
        operation: str | None = None,
    ) -> None:
        super().__init__(
            message,
            outcome=outcome,
            idempotency_key=idempotency_key,
            request_id=request_id,
            attempts=attempts,
            operation=operation,
        )
        self.status = status
        self.type = type
        self.code = code
        self.param = param
        self.decline_code = decline_code
        self.body = body
        self.retry_after = retry_after


class AuthenticationError(APIError):
    """401: the API key is not valid."""


class PermissionError(APIError, builtins.PermissionError):
    """403: the API key may not do this. It is also Python's own `PermissionError`."""


class NotFoundError(APIError):
    """404: there is no such object, or no such route."""


class InvalidRequestError(APIError):
    """400 and its like: a parameter is missing or wrong, or the object's state forbids the call."""


class CardError(APIError):
    """402: the card was declined. ``code`` and ``decline_code`` tell why."""


class ConflictError(APIError):
    """409: the call clashes with another one."""


class IdempotencyError(APIError):
    """The idempotency key was used before with other parameters, or is still in use."""


class RateLimitError(APIError):
    """429: too many requests."""


class ServerError(APIError):
    """5xx: a fault on WooshPay's side."""


class DecodeError(WooshPayError):
    """WooshPay answered with success, but the body is not JSON, or with ``strict=True`` not as documented.

    Attributes:
        status: The HTTP status.
        body: The answer as text. Secrets in it are hidden.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 200,
        body: str = "",
        outcome: Outcome = "unknown",
        idempotency_key: str | None = None,
        request_id: str | None = None,
        attempts: int = 0,
        operation: str | None = None,
    ) -> None:
        super().__init__(
            message,
            outcome=outcome,
            idempotency_key=idempotency_key,
            request_id=request_id,
            attempts=attempts,
            operation=operation,
        )
        self.status = status
        self.body = body


class WebhookError(WooshPayError):
    """A delivery to a webhook endpoint could not be accepted. Answer it with HTTP 400."""


class SignatureError(WebhookError):
    """The signature is missing, malformed, or made with another secret or for another body."""


class TimestampError(WebhookError):
    """The signature is right, but its time is outside the allowed tolerance."""


class PayloadError(WebhookError):
    """The body is not the raw bytes that were received, or is not an event."""


class InboxError(WooshPayError):
    """The inbox could not be reached or read. Answer the delivery with HTTP 503: WooshPay sends it again."""


class ClaimLost(WooshPayError):
    """The lease ended and another worker took the event over, so what this one did was taken back."""


class JournalError(WooshPayError):
    """The journal of a bulk run could not be read or written. Run again when it can be: it goes on where it was."""
