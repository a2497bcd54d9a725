"""Lists of a hundred payment intents, every one a typed object, beside aiohttp by hand and other SDKs."""

from __future__ import annotations

from typing import Final

from benchmarks.goals import Goals
from benchmarks.over_http import Beside, awaited, throughput
from benchmarks.report import Figure
from benchmarks.rounds import Effort

CONCURRENCY: Final = 4
_WHAT: Final = "List of 100"

BENCHMARK: Final = Goals(
    "Listing a hundred payment intents asynchronously, beside aiohttp by hand and other SDKs.",
    functions=["benchmarks.lists:with_stdlib"],
    fast=["benchmarks.lists:with_speed"],
)


def with_stdlib(effort: Effort) -> list[Figure]:
    """With the standard library's JSON, beside all."""
    besides = [
        Beside("plain:aiohttp_json", 0.70),
        Beside("stripe_python:aiohttp_backend", 15),
        Beside("stainless:aiohttp_backend"),
        Beside("fern:awaited"),
    ]
    return [throughput(_WHAT, beside, pairs) for beside, pairs in awaited("page", CONCURRENCY, besides, effort)]


def with_speed(effort: Effort) -> list[Figure]:
    """With orjson, beside aiohttp with either JSON."""
    besides = [Beside("plain:aiohttp_json", 1.0), Beside("plain:aiohttp_orjson")]
    what = f"{_WHAT}, extra `speed`"
    return [throughput(what, beside, pairs) for beside, pairs in awaited("page", CONCURRENCY, besides, effort)]
