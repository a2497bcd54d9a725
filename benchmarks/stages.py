"""Where a call's own CPU goes: each of its stages alone, and all of them over a transport that answers at once."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Coroutine
from typing import Any, Final

from benchmarks import payloads
from benchmarks.goals import Goals
from benchmarks.report import Figure
from benchmarks.rounds import Effort, calibrated, repeated, sample
from wooshpay.core.request import Request, Response

BENCHMARK: Final = Goals(
    "Where the CPU of a create goes, stage by stage, without the socket.",
    functions=["benchmarks.stages:with_stdlib"],
    fast=["benchmarks.stages:with_speed"],
)

# What the JSON library has no part in is measured once.
_ALIKE: Final = ("arguments bound", "through the pipeline", "objects made")


class AtOnce:
    """A transport without a network: whatever is sent, the answer is there."""

    def __init__(self, body: bytes) -> None:
        self._answer = Response(status=200, headers={}, body=body)

    async def send(self, request: Request, /) -> Response:
        """Give the answer."""
        return self._answer

    async def close(self) -> None:
        """Do nothing: there is no connection."""


def with_stdlib(effort: Effort) -> list[Figure]:
    """With the standard library's JSON."""
    return _measured("", _stages(), effort)


def with_speed(effort: Effort) -> list[Figure]:
    """With orjson."""
    return _measured(", extra `speed`", {name: once for name, once in _stages().items() if name not in _ALIKE}, effort)


def _stages() -> dict[str, Callable[[], object]]:
    from wooshpay.api.payment_intents import PaymentIntent, PaymentIntents
    from wooshpay.config import resolve
    from wooshpay.core.callers import AsyncCaller
    from wooshpay.core.codec import reader
    from wooshpay.core.declaration import Async
    from wooshpay.core.json import dumps, loads
    from wooshpay.core.pipeline import Pipeline

    body = payloads.text("payment_intent")
    sent: dict[str, Any] = payloads.CREATE
    pipeline = Pipeline(resolve("sk_test_1", None, {}), AtOnce(body))
    declared: Any = PaymentIntents.create
    call = declared.bind((), dict(sent))
    request, data, make = pipeline.prepare(call), loads(body), reader(PaymentIntent)
    create = PaymentIntents[Async](AsyncCaller(pipeline)).create

    if not isinstance(_driven(create(**sent)), PaymentIntent):
        raise RuntimeError("The call did not give a payment intent.")
    return {
        "arguments bound": lambda: declared.bind((), dict(sent)),
        "request prepared, its JSON included": lambda: pipeline.prepare(call),
        "JSON written": lambda: dumps(sent),
        "through the pipeline": lambda: _driven(pipeline.run(request)),
        "JSON read": lambda: loads(body),
        "objects made": lambda: make(data),
        "all of it": lambda: _driven(create(**sent)),
    }


def _driven(call: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine that waits for nothing comes to."""
    try:
        call.send(None)
    except StopIteration as end:
        return end.value
    raise RuntimeError("The call waited for something.")


def _measured(which: str, stages: dict[str, Callable[[], object]], effort: Effort) -> list[Figure]:
    subjects = [repeated(name, once) for name, once in stages.items()]
    calls = {subject.name: calibrated(subject, effort.seconds) for subject in subjects}
    taken: dict[str, list[float]] = {name: [] for name in stages}
    for _ in range(effort.rounds):
        for subject in subjects:
            taken[subject.name].append(sample(subject, calls[subject.name]).cpu * 1e6)
    return [
        Figure(what=f"Create, {name}{which}", unit="us CPU", values={"wooshpay": statistics.median(values)})
        for name, values in taken.items()
    ]
