"""Keeping to a rate, and to what WooshPay asks for, over all tasks and threads that share a limiter."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import attrs

from wooshpay.core.effects import Effects
from wooshpay.core.retry import LONGEST_RETRY_AFTER, parse_retry_after
from wooshpay.errors import ConfigurationError, TimeoutError

if TYPE_CHECKING:
    from wooshpay.core.request import Next, Request, Response

_ASKS_TO_WAIT: Final = frozenset({425, 429, 503})
_NEXT: Final = "next"
_NEVER: Final = float("-inf")


@attrs.define(eq=False)
class _State:
    """The state of a limiter at one moment. It never changes; the next state is linked from it.

    Turns are times on a clock of the limiter's own, which stands still while WooshPay asks to wait: so every turn,
    those already taken too, moves back by as much, and the order stays.

    Attributes:
        stood_still: Seconds that the limiter's clock is behind the real one.
        not_before: The limiter's clock never shows less than this.
        due: When the next attempt is due, if all come evenly; it may start up to the slack earlier.
        free: The due times of attempts whose callers gave up, in ascending order.
        later: The state that followed, under ``next``.
    """

    stood_still: float = 0.0
    not_before: float = _NEVER
    due: float = _NEVER
    free: tuple[float, ...] = ()
    later: dict[str, _State] = attrs.field(factory=dict[str, "_State"])


class RateLimit:
    """An attempt middleware that lets so many attempts start in a span of time, and the rest wait for their turn.

    A ``Retry-After`` that one call was answered holds for all calls: none is sent before that time, and then they
    follow one another at the rate. Calls get their turn in the order in which they asked; the turn of a call that was
    cancelled while it waited goes to the next one that asks. One limiter may serve several clients, event loops and
    threads.

    >>> limit = RateLimit(25, burst=5)
    >>> client = AsyncWooshPay(attempt_middlewares=[limit])
    """

    def __init__(
        self,
        rate: float,
        *,
        per: float = 1.0,
        burst: int = 1,
        longest_retry_after: float = LONGEST_RETRY_AFTER,
        effects: Effects | None = None,
    ) -> None:
        """Set the limiter up.

        Args:
            rate: How many attempts may start in one span.
            per: Seconds that a span takes.
            burst: How many may start at once after a pause.
            longest_retry_after: Seconds. A ``Retry-After`` that asks for more counts as this much, so that one odd
                response cannot stop all calls for good. Default: 300.
            effects: The clock and the waiting, for tests.

        Raises:
            ConfigurationError: A limit that lets nothing through.
        """
        if not (rate > 0 and per > 0 and burst >= 1):
            raise ConfigurationError("RateLimit needs a rate and a span above 0, and a burst of at least 1.")
        if not 0 < longest_retry_after < float("inf"):
            raise ConfigurationError("RateLimit needs a longest_retry_after above 0, in seconds.")
        self._gap = per / rate
        self._slack = self._gap * (burst - 1)
        self._longest = longest_retry_after
        self._effects = effects or Effects()
        self._state = _State()

    async def __call__(self, request: Request, call_next: Next) -> Response:
        """Wait for the attempt's turn, send it, and learn from the answer.

        Raises:
            TimeoutError: The turn would come after the deadline of the call. Nothing was sent.
        """
        turn, due = self._take_turn(request)
        try:
            while (wait := self._wait_for(turn, request)) > 0:
                await self._effects.sleep(wait)
        except BaseException:
            self._give_back(due)
            raise
        response = await call_next(request)
        if response.status in _ASKS_TO_WAIT:
            self._obey(response)
        return response

    # ---- the state, which many threads change ----

    def _latest(self) -> _State:
        state = self._state
        while (later := state.later.get(_NEXT)) is not None:
            state = later
        return state

    def _change(self, decide: Callable[[_State], _State]) -> None:
        """Replace the state by one computed from it. If another thread was faster, start from that thread's state.

        A lock would do the same, but a signal handler that interrupts the holder and then waits for a call of another
        thread would wait forever. `dict.setdefault` lets one of several win, and nothing can interrupt it.
        """
        while True:
            state = self._latest()
            new = decide(state)
            if state.later.setdefault(_NEXT, new) is new:
                self._state = new
                return

    def _now(self, state: _State) -> float:
        """Return the time on the limiter's own clock."""
        return max(self._effects.monotonic() - state.stood_still, state.not_before)

    def _take_turn(self, request: Request) -> tuple[float, float]:
        """Return when the attempt may start, and when it would be due if all came evenly."""
        taken = (0.0, 0.0)

        def take(state: _State) -> _State:
            nonlocal taken
            now = self._now(state)
            free = tuple(due for due in state.free if due >= now)
            due = free[0] if free else max(state.due, now)
            taken = max(due - self._slack, now), due
            self._wait_for(taken[0], request)  # raises if the turn comes too late, which leaves it to others
            if free:
                return attrs.evolve(state, free=free[1:], later={})
            return attrs.evolve(state, due=due + self._gap, free=free, later={})

        self._change(take)
        return taken

    def _give_back(self, due: float) -> None:
        self._change(lambda state: attrs.evolve(state, free=tuple(sorted((*state.free, due))), later={}))

    def _wait_for(self, turn: float, request: Request) -> float:
        """Return the seconds until a turn, as far as is known now."""
        start = turn + self._latest().stood_still
        wait = start - self._effects.monotonic()
        if wait > 0 and start >= request.deadline:
            raise TimeoutError(
                f"The rate limit of this client lets {request.operation} start in {wait:.3g} s, after its deadline:"
                " raise the rate or timeout=..., or call again later.",
                failure="refused",
            )
        return wait

    def _obey(self, response: Response) -> None:
        wait = parse_retry_after(response.headers, self._effects.now(), longest=self._longest)
        if wait is None:
            return

        def stand_still(state: _State) -> _State:
            until = self._effects.monotonic() + wait
            now = self._now(state)
            if until <= now + state.stood_still:
                return attrs.evolve(state, later={})
            return attrs.evolve(state, stood_still=until - now, not_before=now, later={})

        self._change(stand_still)
