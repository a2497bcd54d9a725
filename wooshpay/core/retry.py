"""Whether a call is tried again, and when. A decision on facts; nothing here waits or sends."""

from __future__ import annotations

import math
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Failure: TypeAlias = Literal["not_connected", "refused", "broken"]
"""How an attempt without an answer ended.

``not_connected``: DNS, refused, reset while connecting: the request was not sent.
``refused``: a bad certificate, URL or proxy: the request was not sent, and trying again cannot help. The one exception
is an upload whose file changed while it was sent: then a part may have arrived, and ``outcome`` says so.
``broken``: disconnected, reset, timed out, or the body was cut off: it may have been carried out.
"""

_SERVER_FAULTS: Final = frozenset({408, 500, 502, 503, 504})
_MOST_DOUBLINGS: Final = 64
_TOO_EARLY_OR_MANY: Final = frozenset({425, 429})
LONGEST_RETRY_AFTER: Final = 300.0
"""Seconds. A server that asks for a longer wait is assumed to be mistaken, or to have a wrong clock."""


def may_be_done(status: int) -> bool:
    """Return whether a request may have been carried out although its response has this status, which is not 2xx.

    Only a 4xx status says that WooshPay refused the request. A redirect may come from anything between WooshPay and
    the client, after the work as well as before it.
    """
    return not 400 <= status < 500 or status == 408


@attrs.frozen(kw_only=True)
class Attempt:
    """What is known after one attempt that brought no success.

    Attributes:
        number: 1 for the first attempt.
        method: The HTTP verb.
        keyed: Whether the request carries an idempotency key.
        failure: How it ended without an answer; ``None`` where there was one.
        status: The status of the answer; ``None`` where there was none.
        key_in_use: Whether a 409 says that the idempotency key is still being worked on.
        replayed: Whether the answer says that it repeats the first answer under this key.
        retry_after: Seconds that WooshPay asked to wait.
    """

    number: int
    method: str
    keyed: bool
    failure: Failure | None = None
    status: int | None = None
    key_in_use: bool = False
    replayed: bool = False
    retry_after: float | None = None

    @property
    def ambiguous(self) -> bool:
        """Whether the attempt may have been carried out. A GET changes nothing, so it never is."""
        if self.method == "GET":
            return False
        return self.failure == "broken" or self.key_in_use or (self.status is not None and may_be_done(self.status))

    @property
    def repeatable(self) -> bool:
        """Whether carrying the request out twice does the same as once."""
        return self.method != "POST" or self.keyed


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """When a call is tried again. Subclass it and override `wait` for other rules.

    Attributes:
        base: Seconds; the first wait is a random part of this.
        factor: How much longer each further wait may be.
        longest: Seconds; no random wait is longer than this.
    """

    base: float = 0.5
    factor: float = 2.0
    longest: float = 8.0

    def wait(self, attempt: Attempt, uniform: Callable[[float, float], float]) -> float | None:
        """Decide on the next attempt.

        Args:
            attempt: What is known of the last attempt.
            uniform: Gives a random number between two bounds.

        Returns:
            Seconds to wait before the next attempt, or ``None`` to give up. The limits on the number of
            attempts and on the time are not asked here; they hold in any case.
        """
        if not self.may_retry(attempt):
            return None
        # From some thousand attempts on, the power is beyond what a number can be.
        power = self.factor ** min(attempt.number - 1, _MOST_DOUBLINGS)
        backoff = uniform(0.0, min(self.longest, self.base * power))
        return backoff if attempt.retry_after is None else max(backoff, attempt.retry_after)

    def may_retry(self, attempt: Attempt) -> bool:
        """Whether another attempt is safe and may help."""
        if attempt.replayed:
            return False
        if attempt.failure is not None:
            if attempt.failure == "refused":
                return False
            return attempt.failure == "not_connected" or attempt.repeatable
        if attempt.status in _SERVER_FAULTS:
            return attempt.repeatable
        if attempt.status in _TOO_EARLY_OR_MANY:
            return True
        return attempt.status == 409 and attempt.key_in_use and attempt.method == "POST"


@attrs.frozen(kw_only=True)
class RetryEvent:
    """Told to ``on_retry`` before each wait.

    Attributes:
        operation: The SDK name of the call.
        attempt: The number of the attempt that failed.
        wait: Seconds until the next one.
        status: The status of the answer, where there was one.
        error: What went wrong, as a sentence, where there was no answer.
        idempotency_key: The key of the call.
    """

    operation: str
    attempt: int
    wait: float
    status: int | None
    error: str | None
    idempotency_key: str | None


def parse_retry_after(headers: Mapping[str, str], now: float, *, longest: float = LONGEST_RETRY_AFTER) -> float | None:
    """Read how long to wait from ``Retry-After-Ms`` or ``Retry-After`` (seconds or an HTTP date).

    Args:
        headers: The headers of the answer.
        now: Seconds since 1970.
        longest: Seconds. A longer time is reduced to this. Default: 300.

    Returns:
        Seconds, from 0 to ``longest``; ``None`` if there is no usable value.
    """
    seconds = _asked_for(headers, now)
    return None if seconds is None else min(seconds, longest)


def _asked_for(headers: Mapping[str, str], now: float) -> float | None:
    milliseconds = _number(headers.get("Retry-After-Ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("Retry-After")
    seconds = _number(text)
    if seconds is not None or text is None:
        return seconds
    try:
        when = parsedate_to_datetime(text)
        # HTTP dates are in GMT, whether they say so or not.
        return max(0.0, (when if when.tzinfo is not None else when.replace(tzinfo=UTC)).timestamp() - now)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _number(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return max(0.0, number) if math.isfinite(number) else None
