"""From the bytes of an answer to the typed object, beside parsing the JSON alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from benchmarks import payloads
from benchmarks.goals import Goals
from benchmarks.report import Figure
from benchmarks.rounds import Effort, compare, costs, repeated

BENCHMARK: Final = Goals(
    "Decoding a payment intent and a checkout session from bytes, beside json.loads alone.",
    functions=["benchmarks.decode:with_stdlib"],
    fast=["benchmarks.decode:with_speed"],
)


def with_stdlib(effort: Effort) -> list[Figure]:
    """With the standard library's JSON."""
    return _measured("", 1.7, effort)


def with_speed(effort: Effort) -> list[Figure]:
    """With orjson, beside the standard library's ``json.loads`` all the same."""
    return _measured(", extra `speed`", 1.1, effort)


def _measured(which: str, goal: float, effort: Effort) -> list[Figure]:
    from wooshpay.api.checkout.sessions import CheckoutSession
    from wooshpay.api.payment_intents import PaymentIntent
    from wooshpay.core.codec import reader
    from wooshpay.core.json import loads

    def measure(name: str, cls: type) -> Figure:
        body, read = payloads.text(name), reader(cls)
        _check(lambda raw: read(loads(raw)), body)
        ours = repeated("wooshpay", lambda: read(loads(body)))
        (pairs,) = compare(ours, [repeated("json.loads", lambda: json.loads(body))], effort).values()
        return costs(f"Decode {cls.__name__} of {len(body) / 1000:.1f} KB{which}", pairs, goal=goal)

    return [measure("payment_intent", PaymentIntent), measure("checkout_session", CheckoutSession)]


def _check(decode: Callable[[bytes], Any], body: bytes) -> None:
    """What is timed loses nothing: it gives typed objects, keeps unknown fields, and all of the JSON comes back."""
    unknown = {**json.loads(body), "not_documented": {"deep": [1, "two"]}}
    decoded = decode(json.dumps(unknown).encode())
    if decoded.extra != {"not_documented": {"deep": [1, "two"]}} or decoded.to_dict() != unknown:
        raise RuntimeError("Decoding lost something.")
