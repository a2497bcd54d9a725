"""For Flask."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import IO, TYPE_CHECKING, cast

if TYPE_CHECKING:
    from flask import Response

    from wooshpay.webhooks.contract import AnyReceiver

_numbers = count(1)


def flask_view(receiver: AnyReceiver) -> Callable[..., Response]:
    """Make a view: ``app.post("/webhooks")(flask_view(receiver))``.

    Every view has a name of its own, ``wooshpay_webhooks``, ``wooshpay_webhooks_2`` and so on, so that an app can have
    several. If you build the URL with ``url_for``, pass Flask a name: ``app.post("/webhooks", endpoint="hooks")``.

    The view ignores arguments, so it can be a method of a ``MethodView``, or be used for a path with a variable part.

    Args:
        receiver: Handles every POST. Other methods are answered with 405.
    """
    from flask import Response, request
    from werkzeug.wsgi import LimitedStream

    def wooshpay_webhooks(*args: object, **kwargs: object) -> Response:
        if request.method != "POST":
            return Response(status=405, headers={"Allow": "POST"})
        limit = receiver.largest_body
        # One byte more shows that a body is too large. The length of a chunked body is not known before its end.
        limited = cast("IO[bytes]", LimitedStream(request.stream, limit + 1, is_max=True))
        request.stream = limited  # pyright: ignore[reportAttributeAccessIssue]  # Werkzeug's property can be set
        if (request.content_length or 0) > limit:
            return Response(status=413)
        # Flask keeps it, so that whoever logs requests after this view can read it too.
        body = request.get_data()
        if len(body) > limit:
            return Response(status=413)
        reply = receiver.receive_now(body, request.headers)
        return Response(reply.text, reply.status, mimetype="text/plain")

    number = next(_numbers)
    if number > 1:
        wooshpay_webhooks.__name__ += f"_{number}"
    return wooshpay_webhooks
