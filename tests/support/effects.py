"""A clock that only moves when told to, and a transport that answers from a script: no network, no waiting."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any

import attrs
from multidict import CIMultiDict

from wooshpay import AsyncWooshPay, Effects, Request, Response, TransportError
from wooshpay.config import Config
from wooshpay.core.upload import Upload

KEY = "sk_test_thekeythatnobodymaysee"
REFUND = {"id": "re_1", "object": "refund", "amount": 5, "created": 1, "currency": "USD", "status": "succeeded"}


@attrs.define
class FakeClock:
    """Time and chance under the control of a test. Sleeping moves the clock and is written down."""

    monotonic: float = 1000.0
    now: float = 1_700_000_000.0
    slept: list[float] = attrs.field(factory=list[float])
    # Where in the range a random number lies: 1.0 makes every backoff as long as it may be.
    luck: float = 1.0
    keys: itertools.count[int] = attrs.field(factory=lambda: itertools.count(1))

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self.monotonic += seconds
        self.now += seconds

    def effects(self) -> Effects:
        return Effects(
            monotonic=lambda: self.monotonic,
            now=lambda: self.now,
            sleep=self.sleep,
            uniform=lambda low, high: low + self.luck * (high - low),
            new_key=lambda: f"key_{next(self.keys)}",
        )


def answer(status: int = 200, body: object = None, headers: Mapping[str, str] | None = None) -> Response:
    """An answer; anything but bytes goes out as JSON, and nothing at all as a refund."""
    data = body if isinstance(body, bytes) else json.dumps(REFUND if body is None else body).encode()
    return Response(status=status, headers=CIMultiDict(headers or {}), body=data)


Step = Response | TransportError | Callable[[Request], Response]


class ScriptedTransport:
    """Answers each request with the next step of the script, and the last one forever."""

    def __init__(self, *steps: Step) -> None:
        self.steps: list[Step] = list(steps) or [answer()]
        self.requests: list[Request] = []
        self.closed = False

    async def send(self, request: Request, /) -> Response:
        self.requests.append(request)
        step = self.steps[min(len(self.requests), len(self.steps)) - 1]
        if isinstance(step, TransportError):
            raise step
        return step if isinstance(step, Response) else step(request)

    async def close(self) -> None:
        self.closed = True

    @property
    def keys(self) -> list[str | None]:
        return [request.idempotency_key for request in self.requests]

    @property
    def last(self) -> Request:
        return self.requests[-1]

    @property
    def last_json(self) -> Any:
        body = self.last.body
        assert not isinstance(body, Upload), "an upload is no JSON"
        return json.loads(body or b"null")


class ScriptedClient(AsyncWooshPay):
    """A client whose answers come from a script and whose time is a `FakeClock`."""

    def __init__(self, *steps: Step, api_key: str = KEY, clock: FakeClock | None = None, **settings: Any) -> None:
        self.clock = clock or FakeClock()
        self.transport = ScriptedTransport(*steps)
        super().__init__(api_key, effects=settings.pop("effects", self.clock.effects()), **settings)

    def _open_transport(self, config: Config) -> ScriptedTransport:
        return self.transport
