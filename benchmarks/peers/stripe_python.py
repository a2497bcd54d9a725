"""stripe-python with its own types: its payment intents come under the same paths, with the same nested objects."""

from __future__ import annotations

from typing import Any

import stripe

from benchmarks.payloads import CREATE
from benchmarks.peers import AsyncPeer, SyncPeer


def aiohttp_backend(url: str) -> AsyncPeer:
    """Over aiohttp."""
    return _awaited("stripe-python (aiohttp)", url, stripe.AIOHTTPClient())


def httpx_backend(url: str) -> AsyncPeer:
    """Over httpx, its default."""
    return _awaited("stripe-python (httpx)", url, stripe.HTTPXClient())


def called(url: str) -> SyncPeer:
    """The synchronous client, over requests."""
    http = stripe.RequestsClient()
    client = _client(url, http)
    create: Any = CREATE
    return SyncPeer("stripe-python", lambda: client.v1.payment_intents.create(create), http.close)


def _awaited(name: str, url: str, http: stripe.HTTPClient) -> AsyncPeer:
    client = _client(url, http)
    create: Any = CREATE
    return AsyncPeer(
        name,
        lambda: client.v1.payment_intents.create_async(create),
        lambda: client.v1.payment_intents.list_async({"limit": 100}),
        http.close_async,
    )


def _client(url: str, http: stripe.HTTPClient) -> stripe.StripeClient:
    return stripe.StripeClient("sk_test_benchmark", base_addresses={"api": url}, http_client=http)
