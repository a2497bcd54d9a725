"""For Starlette, and FastAPI, which is built on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from wooshpay.webhooks.contract import AnyReceiver


def starlette_endpoint(receiver: AnyReceiver) -> Callable[[Request], Awaitable[Response]]:
    """Make an endpoint: ``app.add_route("/webhooks", starlette_endpoint(receiver), methods=["POST"])``.

    Args:
        receiver: Gets every POST.
    """
    from starlette.requests import ClientDisconnect
    from starlette.responses import PlainTextResponse

    async def endpoint(request: Request) -> Response:
        body = bytearray()
        try:
            async for part in request.stream():
                body += part
                if len(body) > receiver.largest_body:
                    return PlainTextResponse("", 413)
        except ClientDisconnect:
            return PlainTextResponse("", 400)  # nobody reads it
        reply = await receiver.receive(bytes(body), request.headers)
        return PlainTextResponse(reply.text, reply.status)

    return endpoint
