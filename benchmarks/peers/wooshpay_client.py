"""This SDK, with everything that it does by default: keys, retries, deadlines, typed objects."""

from __future__ import annotations

from benchmarks.payloads import CREATE
from benchmarks.peers import AsyncPeer, SyncPeer
from wooshpay import AsyncWooshPay, WooshPay

KEY = "sk_test_benchmark"


def awaited(url: str) -> AsyncPeer:
    """The asynchronous client."""
    client = AsyncWooshPay(KEY, base_url=url)
    return AsyncPeer(
        "wooshpay",
        lambda: client.payment_intents.create(**CREATE),
        lambda: client.payment_intents.list(limit=100).page(),
        client.close,
    )


def called(url: str) -> SyncPeer:
    """The synchronous client."""
    client = WooshPay(KEY, base_url=url)
    return SyncPeer("wooshpay", lambda: client.payment_intents.create(**CREATE), client.close)
