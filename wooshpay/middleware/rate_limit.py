"""Keeping to a rate, and to what WooshPay asks for, over all tasks and threads that share a limiter."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from wooshpay.core.effects import Effects
from wooshpay.core.retry import parse_retry_after
from wooshpay.errors import ConfigurationError, TimeoutError

if TYPE_CHECKING:
    from wooshpay.core.request import Next, Request, Response

_ASKS_TO_WAIT: Final = frozenset({425, 429, 503})


class RateLimit:
    """An attempt middleware that lets so many attempts start in a span of time, and the rest wait for their turn.

    A ``Retry-After`` that one call was answered holds for all calls: none is sent before that time, and then they
    follow one another at the rate. Calls get their turn in the order in which they asked. One limiter may serve
    several clients, event loops and threads.

    >>> limit = RateLimit(25, burst=5)
    >>> client = AsyncWooshPay(attempt_middlewares=[limit])
    """

    def __init__(self, rate: float, *, per: float = 1.0, burst: int = 1, effects: Effects | None = None) -> None:
        """Set the limiter up.

        Args:
            rate: How many attempts may start in one span.
            per: Seconds that a span takes.
            burst: How many may start at once after a pause.
            effects: The clock and the waiting, for tests.

        Raises:
            ConfigurationError: A limit that lets nothing through.
        """
        if not (rate > 0 and per > 0 and burst >= 1):
            raise ConfigurationError("RateLimit needs a rate and a span above 0, and a burst of at least 1.")
        self._gap = per / rate
        self._slack = self._gap * (burst - 1)
        self._effects = effects or Effects()
        self._lock = threading.Lock()
        # Turns are times on a clock of the limiter's own, which stands still while WooshPay asks to wait: so every
        # turn, those already taken too, moves back by as much, and the order stays.
        self._stood_still = 0.0
        self._not_before = float("-inf")
        # When the next attempt is due, if all come evenly; it may start up to the slack earlier.
        self._due = float("-inf")

    async def __call__(self, request: Request, call_next: Next) -> Response:
        """Wait for the attempt's turn, send it, and learn from the answer.

        Raises:
            TimeoutError: The turn would come after the deadline of the call. Nothing was sent.
        """
        turn = self._take_turn(request)
        while (wait := self._wait_for(turn, request)) > 0:
            await self._effects.sleep(wait)
        response = await call_next(request)
        if response.status in _ASKS_TO_WAIT:
            self._obey(response)
        return response

    def _now(self) -> float:
        """The time on the limiter's own clock."""
        return max(self._effects.monotonic() - self._stood_still, self._not_before)

    def _take_turn(self, request: Request) -> float:
        with self._lock:
            now = self._now()
            due = max(self._due, now)
            turn = max(due - self._slack, now)
            self._wait_for(turn, request)  # a turn that comes too late is left to others
            self._due = due + self._gap
            return turn

    def _wait_for(self, turn: float, request: Request) -> float:
        """Seconds until a turn, as far as is known now."""
        start = turn + self._stood_still
        wait = start - self._effects.monotonic()
        if wait > 0 and start >= request.deadline:
            raise TimeoutError(
                f"The rate limit of this client lets {request.operation} start in {wait:.3g} s, after its deadline:"
                " raise the rate or timeout=..., or call again later.",
                failure="refused",
            )
        return wait

    def _obey(self, response: Response) -> None:
        wait = parse_retry_after(response.headers, self._effects.now())
        if wait is None:
            return
        with self._lock:
            until = self._effects.monotonic() + wait
            now = self._now()
            if until > now + self._stood_still:
                self._stood_still = until - now
                self._not_before = now
