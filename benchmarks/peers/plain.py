"""HTTP clients without an SDK, and the standard library's JSON: what a careful programmer writes by hand."""

from __future__ import annotations

import json

from benchmarks.payloads import CREATE
from benchmarks.peers import AsyncPeer, SyncPeer

_HEADERS = {"Authorization": "Basic c2tfdGVzdF9iZW5jaG1hcms6"}


def aiohttp_json(url: str) -> AsyncPeer:
    """aiohttp, with as many connections as it likes."""
    import aiohttp

    session = aiohttp.ClientSession(headers=_HEADERS, connector=aiohttp.TCPConnector(limit=0))
    payments, listed = f"{url}/v1/payment_intents", f"{url}/v1/payment_intents?limit=100"

    async def create() -> object:
        async with session.post(payments, json=CREATE) as response:
            return json.loads(await response.read())

    async def page() -> object:
        async with session.get(listed) as response:
            return json.loads(await response.read())

    return AsyncPeer("aiohttp + json", create, page, session.close)


def aiohttp_orjson(url: str) -> AsyncPeer:
    """The same with orjson both ways."""
    import aiohttp
    import orjson

    session = aiohttp.ClientSession(
        headers={**_HEADERS, "Content-Type": "application/json"}, connector=aiohttp.TCPConnector(limit=0)
    )
    payments, listed = f"{url}/v1/payment_intents", f"{url}/v1/payment_intents?limit=100"

    async def create() -> object:
        async with session.post(payments, data=orjson.dumps(CREATE)) as response:
            return orjson.loads(await response.read())

    async def page() -> object:
        async with session.get(listed) as response:
            return orjson.loads(await response.read())

    return AsyncPeer("aiohttp + orjson", create, page, session.close)


def httpx_async(url: str) -> AsyncPeer:
    """httpx, asynchronous."""
    import httpx

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    client = httpx.AsyncClient(base_url=url, headers=_HEADERS, limits=limits)

    async def create() -> object:
        return json.loads((await client.post("/v1/payment_intents", json=CREATE)).content)

    async def page() -> object:
        return json.loads((await client.get("/v1/payment_intents?limit=100")).content)

    return AsyncPeer("httpx + json", create, page, client.aclose)


def httpx_sync(url: str) -> SyncPeer:
    """httpx, synchronous."""
    import httpx

    client = httpx.Client(base_url=url, headers=_HEADERS)
    return SyncPeer(
        "httpx + json", lambda: json.loads(client.post("/v1/payment_intents", json=CREATE).content), client.close
    )


def requests_json(url: str) -> SyncPeer:
    """requests."""
    import requests

    session = requests.Session()
    session.headers.update(_HEADERS)
    payments = f"{url}/v1/payment_intents"
    return SyncPeer("requests + json", lambda: json.loads(session.post(payments, json=CREATE).content), session.close)
