"""For Flask."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Response

    from wooshpay.webhooks.contract import AnyReceiver


def flask_view(receiver: AnyReceiver) -> Callable[[], Response]:
    """Make a view: ``app.post("/webhooks")(flask_view(receiver))``.

    Args:
        receiver: Gets every POST.
    """
    from flask import Response, request

    def wooshpay_webhooks() -> Response:
        length, limit = request.content_length, receiver.largest_body
        # In chunks, a body tells its length only by ending.
        body = b"" if length is None or length > limit else request.get_data(cache=False)
        while length is None and len(body) <= limit and (part := request.stream.read(limit + 1)):
            body += part
        if (length or len(body)) > limit:
            return Response(status=413)
        reply = receiver.receive_now(body, request.headers)
        return Response(reply.text, reply.status, mimetype="text/plain")

    return wooshpay_webhooks
