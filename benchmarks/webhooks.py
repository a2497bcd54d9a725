"""From a signed delivery to the typed event, beside bare HMAC and JSON, and beside stripe-python."""

from __future__ import annotations

import hmac
import json
import time
from typing import Final

from benchmarks import payloads
from benchmarks.goals import Goals
from benchmarks.peers import say_left_out
from benchmarks.report import Figure, not_installed
from benchmarks.rounds import Effort, Subject, compare, costs, rates, repeated

SECRET: Final = "whsec_5WbX5kEWLlfzsGNjH64I8lOOqUB6e8FH"

BENCHMARK: Final = Goals(
    "Verifying and reading an event, beside bare HMAC and json.loads, and beside stripe-python.",
    functions=["benchmarks.webhooks:with_stdlib"],
    fast=["benchmarks.webhooks:with_speed"],
)


def with_stdlib(effort: Effort) -> list[Figure]:
    """With the standard library's JSON."""
    return _measured("", 1.6, 15, effort)


def with_speed(effort: Effort) -> list[Figure]:
    """With orjson, beside the standard library's ``json.loads`` all the same."""
    return _measured(", extra `speed`", None, None, effort)


def _measured(which: str, goal: float | None, times_stripe: float | None, effort: Effort) -> list[Figure]:
    from wooshpay import webhooks
    from wooshpay.api.payment_intents import PaymentIntent

    body, t = payloads.event(), int(time.time())
    headers = {"Wooshpay-Signature": webhooks.sign(body, SECRET, t=t)}
    header = headers["Wooshpay-Signature"]
    signature = header.partition("v1=")[2]

    def bare() -> None:
        expected = hmac.digest(SECRET.encode(), b"%d." % t + body, "sha256").hex()
        if not hmac.compare_digest(expected, signature):
            raise RuntimeError("The signature does not match.")
        json.loads(body)

    ours = repeated("wooshpay", lambda: webhooks.construct(body, headers, SECRET))
    least = repeated("HMAC + json.loads", bare)
    peer = _stripe(body, header)
    if not isinstance(webhooks.construct(body, headers, SECRET).data.object, PaymentIntent):
        raise RuntimeError("The event was not decoded.")
    pairs = compare(ours, [least] if peer is None else [least, peer], effort)
    what = f"Webhook of {len(body) / 1000:.1f} KB to event{which}"
    beside = (
        rates(what, pairs[peer.name], unit="events/s", goal=times_stripe, cpu=True)
        if peer
        else not_installed(what, "stripe-python", "events/s", times_stripe)
    )
    return [costs(what, pairs[least.name], goal=goal), beside]


def _stripe(body: bytes, header: str) -> Subject | None:
    try:
        import stripe
    except ImportError as missing:
        say_left_out("stripe-python", missing)
        return None
    construct = stripe.Webhook.construct_event
    return repeated("stripe-python", lambda: construct(body, header, SECRET, tolerance=86_400))
