"""For Flask."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Response

    from wooshpay.webhooks.receiver import WebhookReceiver


def flask_view(receiver: WebhookReceiver) -> Callable[[], Response]:
    """Make a view: ``app.post("/webhooks")(flask_view(receiver))``.

    Args:
        receiver: Gets every POST.
    """
    from flask import Response, request

    def wooshpay_webhooks() -> Response:
        if (request.content_length or 0) > receiver.largest_body:
            return Response(status=413)
        reply = receiver.receive_now(request.get_data(cache=False), request.headers)
        return Response(reply.text, reply.status, mimetype="text/plain")

    return wooshpay_webhooks
