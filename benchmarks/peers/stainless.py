"""An SDK as Stainless generates them, dodopayments, by its generic calls, with models on its own base class."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import dodopayments
import pydantic
from dodopayments import BaseModel

from benchmarks import equals
from benchmarks.payloads import CREATE
from benchmarks.peers import AsyncPeer, SyncPeer


def aiohttp_backend(url: str) -> AsyncPeer:
    """Over aiohttp, which its extra ``aiohttp`` brings."""
    import_module("httpx_aiohttp")  # without it the client below is no ImportError
    return _awaited("Stainless (aiohttp)", url, dodopayments.DefaultAioHttpClient())


def httpx_backend(url: str) -> AsyncPeer:
    """Over httpx, its default."""
    return _awaited("Stainless (httpx)", url, None)


def called(url: str) -> SyncPeer:
    """The synchronous client, over httpx."""
    client = dodopayments.DodoPayments(bearer_token="sk", base_url=url)
    model: Any = equals.payment_intent(define)
    return SyncPeer("Stainless", lambda: client.post("/v1/payment_intents", cast_to=model, body=CREATE), client.close)


def define(name: str, fields: list[equals.Field]) -> type:
    """A model as Stainless writes them."""
    return pydantic.create_model(name, __base__=BaseModel, **equals.pydantic_fields(fields))


def _awaited(name: str, url: str, http: Any) -> AsyncPeer:
    client = dodopayments.AsyncDodoPayments(bearer_token="sk", base_url=url, http_client=http)
    model: Any = equals.payment_intent(define)
    listed: Any = equals.page_of(model, define)
    return AsyncPeer(
        name,
        lambda: client.post("/v1/payment_intents", cast_to=model, body=CREATE),
        lambda: client.get("/v1/payment_intents", cast_to=listed, options={"params": {"limit": 100}}),
        client.close,
    )
