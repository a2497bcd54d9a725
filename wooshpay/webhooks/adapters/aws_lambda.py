"""For AWS Lambda, behind API Gateway, a function URL or an Application Load Balancer."""

from __future__ import annotations

import base64
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from wooshpay.core.json import JsonObject, is_array, is_object
from wooshpay.errors import ConfigurationError
from wooshpay.webhooks.replies import Reply

if TYPE_CHECKING:
    from wooshpay.webhooks.contract import AnyReceiver


def lambda_handler(receiver: AnyReceiver) -> Callable[[JsonObject, object], dict[str, Any]]:
    """Create the handler of a Lambda function: ``handler = lambda_handler(receiver)``.

    It accepts the events of API Gateway (payload formats 1.0 and 2.0), of function URLs and of Application Load
    Balancers, and returns the response in the form that they expect. Handlers of the receiver may be plain or async;
    the async ones run on an event loop that lives as long as the process, so what they keep open stays usable.

    Create the receiver, its inbox and clients in the module, outside the handler, so that later invocations use them
    again.

    Args:
        receiver: Handles every POST. Other methods are answered with 405.

    Returns:
        The handler. It raises `ConfigurationError` for an event that is not an HTTP request, such as a message of SQS.
    """

    def handler(event: JsonObject, context: object = None) -> dict[str, Any]:
        if _method(event) != "POST":
            return _response(event, 405, "", {"Allow": "POST"})
        body = _body(event)
        reply = body if isinstance(body, Reply) else receiver.receive_now(body, _headers(event))
        return _response(event, reply.status, reply.text, {"Content-Type": "text/plain; charset=utf-8"})

    return handler


def _method(event: object) -> str:
    """Return the HTTP method. Its position in the event depends on the format."""
    request = _within(event, "requestContext")
    for place, name in ((event, "httpMethod"), (request, "httpMethod"), (_within(request, "http"), "method")):
        method: object = place.get(name) if is_object(place) else None
        if isinstance(method, str):
            return method.upper()
    raise ConfigurationError(
        "The event of this Lambda function is not an HTTP request. Connect the function to API Gateway (with the proxy"
        " integration), to a function URL or to an Application Load Balancer."
    )


def _within(outer: object, name: str) -> JsonObject:
    found: object = outer.get(name) if is_object(outer) else None
    return found if is_object(found) else {}


def _body(event: JsonObject) -> Any:
    """Return the raw body as it was signed, or the response if there is none."""
    body: Any = event.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        return body  # not the proxy integration; the receiver refuses what is not raw, and says why
    if not event.get("isBase64Encoded"):
        # What is not text in UTF-8 cannot have been signed, so it only has to be refused.
        return body.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:
        return Reply(400, "The body is said to be in Base64, but it is not.")


def _headers(event: JsonObject) -> list[tuple[str, str]]:
    """Return the headers as pairs. The form with several values shows whether one came twice."""
    headers = _within(event, "multiValueHeaders") or _within(event, "headers")
    return [(name, value) for name, values in headers.items() for value in _texts(values)]


def _texts(values: Any) -> list[str]:
    return [value for value in (values if is_array(values) else [values]) if isinstance(value, str)]


def _response(event: JsonObject, status: int, text: str, headers: dict[str, str]) -> dict[str, Any]:
    response: dict[str, Any] = {"statusCode": status, "body": text, "isBase64Encoded": False}
    if "elb" not in _within(event, "requestContext"):
        return {**response, "headers": headers}
    response["statusDescription"] = f"{status} {HTTPStatus(status).phrase}"
    if "multiValueHeaders" in event:
        # A load balancer that sends this form ignores the other one.
        return {**response, "multiValueHeaders": {name: [value] for name, value in headers.items()}}
    return {**response, "headers": headers}
