"""An SDK as Fern generates them, squareup, by its generic calls, with models on its own base class."""

from __future__ import annotations

from typing import Any

import httpx
import pydantic
from square.core.client_wrapper import AsyncClientWrapper, SyncClientWrapper
from square.core.unchecked_base_model import UncheckedBaseModel, construct_type

from benchmarks import equals
from benchmarks.payloads import CREATE
from benchmarks.peers import AsyncPeer, SyncPeer

_HEADERS = {"content-type": "application/json"}


def awaited(url: str) -> AsyncPeer:
    """The asynchronous client, over httpx."""
    http = httpx.AsyncClient(timeout=60, follow_redirects=True)
    client = AsyncClientWrapper(token="sk", base_url=url, timeout=60, httpx_client=http).httpx_client
    model: Any = equals.payment_intent(define)
    listed: Any = equals.page_of(model, define)

    async def create() -> object:
        answer = await client.request("v1/payment_intents", method="POST", json=CREATE, headers=_HEADERS)
        return construct_type(type_=model, object_=answer.json())

    async def page() -> object:
        answer = await client.request("v1/payment_intents", method="GET", params={"limit": 100})
        return construct_type(type_=listed, object_=answer.json())

    return AsyncPeer("Fern", create, page, http.aclose)


def called(url: str) -> SyncPeer:
    """The synchronous client, over httpx."""
    http = httpx.Client(timeout=60, follow_redirects=True)
    client = SyncClientWrapper(token="sk", base_url=url, timeout=60, httpx_client=http).httpx_client
    model: Any = equals.payment_intent(define)

    def create() -> object:
        answer = client.request("v1/payment_intents", method="POST", json=CREATE, headers=_HEADERS)
        return construct_type(type_=model, object_=answer.json())

    return SyncPeer("Fern", create, http.close)


def define(name: str, fields: list[equals.Field]) -> type:
    """A model as Fern writes them."""
    return pydantic.create_model(name, __base__=UncheckedBaseModel, **equals.pydantic_fields(fields))
