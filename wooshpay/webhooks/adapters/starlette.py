"""For Starlette, and FastAPI, which is built on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from wooshpay.webhooks.contract import AnyReceiver


def starlette_endpoint(receiver: AnyReceiver) -> Callable[[Request], Awaitable[Response]]:
    """Make an endpoint: ``app.post("/webhooks")(starlette_endpoint(receiver))``.

    It can be registered in every way: with FastAPI's decorators and ``add_api_route``, of an app or an ``APIRouter``,
    ``app.add_route("/webhooks", ..., methods=["POST"])``, and Starlette's ``Route``.

    Args:
        receiver: Handles every POST. Other methods are answered with 405.
    """
    from starlette.requests import ClientDisconnect, Request
    from starlette.responses import PlainTextResponse, Response

    async def wooshpay_webhooks(request: Request) -> Response:
        if request.method != "POST":
            return PlainTextResponse("", 405, {"Allow": "POST"})
        body = bytearray()
        try:
            async for part in request.stream():
                body += part
                if len(body) > receiver.largest_body:
                    return PlainTextResponse("", 413)
        except ClientDisconnect:
            return PlainTextResponse("", 400)  # nobody reads it
        raw = bytes(body)
        # Keep the body where `Request.body` looks for it, so that code which runs after this can still read it.
        vars(request)["_body"] = raw
        reply = await receiver.receive(raw, request.headers)
        return PlainTextResponse(reply.text, reply.status)

    # FastAPI looks annotations up in the globals of this module, which do not have the names of Starlette.
    wooshpay_webhooks.__annotations__ = {"request": Request, "return": Response}
    return wooshpay_webhooks
