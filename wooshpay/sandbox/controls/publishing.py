"""The sandbox's OpenAPI document, made of the SDK's declarations."""

from __future__ import annotations

import asyncio
from functools import cache

from aiohttp import web

from wooshpay.core.json import dumps
from wooshpay.sandbox.engine.state import State

PATH = "/openapi.json"


class Publisher:
    """Answers ``GET /openapi.json``. The document is made when it is first asked for.

    Args:
        state: The sandbox.
    """

    def __init__(self, state: State) -> None:
        self._state = state

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Put the document on a server."""
        router.add_get(PATH, self._answer)

    async def _answer(self, request: web.Request) -> web.Response:
        # It takes a while and reads no object, so that requests need not wait for it.
        body = await asyncio.to_thread(_document, self._state.base_url)
        return web.Response(body=body, content_type="application/json")


@cache
def _document(base_url: str) -> bytes:
    from wooshpay.describe.openapi import document

    return dumps(document(servers={base_url: "This sandbox."}))
