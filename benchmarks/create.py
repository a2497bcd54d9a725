"""Making payments asynchronously, 64 at a time, beside aiohttp by hand and other SDKs."""

from __future__ import annotations

from typing import Final

from benchmarks.goals import Goals
from benchmarks.over_http import Beside, awaited, throughput
from benchmarks.report import Figure
from benchmarks.rounds import Effort, Pairs

CONCURRENCY: Final = 64
OWN_WORK: Final = 25.0  # microseconds of CPU beyond the raw request
_WHAT: Final = f"Create, {CONCURRENCY} at a time"

BENCHMARK: Final = Goals(
    "Creating payment intents asynchronously, 64 at a time, beside aiohttp by hand and other SDKs.",
    functions=["benchmarks.create:with_stdlib"],
    fast=["benchmarks.create:with_speed"],
)


def with_stdlib(effort: Effort) -> list[Figure]:
    """With the standard library's JSON, beside all."""
    besides = [
        Beside("plain:aiohttp_json", 0.90),
        Beside("stripe_python:aiohttp_backend", 5),
        Beside("stripe_python:httpx_backend"),
        Beside("stainless:aiohttp_backend", 5),
        Beside("stainless:httpx_backend"),
        Beside("fern:awaited"),
        Beside("plain:httpx_async"),
    ]
    measured = awaited("create", CONCURRENCY, besides, effort)
    return [*(throughput(_WHAT, beside, pairs) for beside, pairs in measured), *_own_work("", measured[0][1])]


def with_speed(effort: Effort) -> list[Figure]:
    """With orjson, beside aiohttp with either JSON."""
    besides = [Beside("plain:aiohttp_json", 1.10), Beside("plain:aiohttp_orjson")]
    measured = awaited("create", CONCURRENCY, besides, effort)
    what = ", extra `speed`"
    figures = [throughput(_WHAT + what, beside, pairs) for beside, pairs in measured]
    return [*figures, *_own_work(what, measured[1][1])]


def _own_work(which: str, pairs: Pairs | None) -> list[Figure]:
    """What a call costs beyond the raw request with the same JSON library."""
    if pairs is None:
        return []
    ours, raw = pairs.names
    beyond = pairs.cpu_beyond * 1e6
    return [Figure(what=f"Create, own work beyond {raw}{which}", unit="us CPU", values={ours: beyond}, limit=OWN_WORK)]
