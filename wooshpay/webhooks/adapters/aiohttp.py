"""For aiohttp's server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohttp import web

    from wooshpay.webhooks.contract import AnyReceiver


def aiohttp_handler(receiver: AnyReceiver) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Make a request handler: ``app.router.add_post("/webhooks", aiohttp_handler(receiver))``.

    Args:
        receiver: Gets every POST.
    """
    from aiohttp import web

    async def handle(request: web.Request) -> web.Response:
        # The application's own client_max_size counts too; aiohttp answers what is beyond it with 413 itself.
        if (request.content_length or 0) > receiver.largest_body:
            return web.Response(status=413)
        reply = await receiver.receive(await request.read(), request.headers)
        return web.Response(status=reply.status, text=reply.text)

    return handle
