"""What live objects occupy, beside msgspec's structs with the same fields, and beside others."""

from __future__ import annotations

import gc
import json
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any, Final

from benchmarks import equals, payloads
from benchmarks.goals import Goals
from benchmarks.peers import say_left_out
from benchmarks.report import Figure
from benchmarks.rounds import Effort

LIVE: Final = 10_000

BENCHMARK: Final = Goals(
    "Memory of live payment intents, beside msgspec's structs with the same fields, dicts and other SDKs.",
    functions=["benchmarks.memory:live"],
)


def live(effort: Effort) -> list[Figure]:
    """Bytes for each of many payment intents decoded from bytes of their own."""
    from wooshpay.api.payment_intents import PaymentIntent
    from wooshpay.core.codec import reader
    from wooshpay.core.json import loads

    count = max(1, round(LIVE * effort.part))
    read = reader(PaymentIntent)
    ours = _bytes_each(lambda body: read(loads(body)), count)
    others: dict[str, tuple[Callable[[], Callable[[bytes], object]], float | None]] = {
        "msgspec Struct": (_msgspec, 1.1),
        "dict (json)": (lambda: json.loads, None),
        "Stainless": (_stainless, None),
        "stripe-python": (_stripe, None),
    }
    figures: list[Figure] = []
    for name, (make, goal) in others.items():
        try:
            theirs = _bytes_each(make(), count)
        except ImportError as missing:
            say_left_out(name, missing)
            theirs = None
        figures.append(
            Figure(
                what=f"Memory of each of {count:,} PaymentIntents",
                unit="bytes",
                values={"wooshpay": ours, name if theirs else f"{name} (not installed)": theirs},
                goal=goal,
            )
        )
    return figures


def _bytes_each(decode: Callable[[bytes], object], count: int) -> float:
    bodies = [payloads.text("payment_intent").replace(b"1693466278934609920", b"%019d" % n) for n in range(count)]
    decode(bodies[0])  # what is made once for all is not counted
    gc.collect()
    tracemalloc.start()
    kept = [decode(body) for body in bodies]
    gc.collect()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (used - sys.getsizeof(kept)) / count


def _msgspec() -> Callable[[bytes], object]:
    import msgspec

    def define(name: str, fields: list[equals.Field]) -> type:
        given: list[Any] = [
            (field.name, field.hint) if field.required else (field.name, field.hint, None) for field in fields
        ]
        renamed = {field.name: field.wire for field in fields if field.name != field.wire}
        return msgspec.defstruct(name, given, kw_only=True, rename=renamed)

    return msgspec.json.Decoder(equals.payment_intent(define)).decode


def _stainless() -> Callable[[bytes], object]:
    from dodopayments._models import construct_type  # what its client decodes with; public there is only the client

    from benchmarks.peers.stainless import define

    model = equals.payment_intent(define)
    return lambda body: construct_type(type_=model, value=json.loads(body))


def _stripe() -> Callable[[bytes], object]:
    import stripe

    return lambda body: stripe.PaymentIntent.construct_from(json.loads(body), "sk_test_benchmark")
