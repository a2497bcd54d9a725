"""Operations of the merchant that the dashboard offers, such as a refund.

They are real requests to the sandbox's API with the secret key, so they appear in the request log, faults hit them, and
webhooks follow, as if the merchant's own program had made them.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias
from urllib.parse import quote

import aiohttp
import attrs
from aiohttp import web
from yarl import URL

from wooshpay.core.json import Json, JsonObject, dumps, loads
from wooshpay.sandbox.behaviours.refunds import REASONS
from wooshpay.sandbox.engine.act_parameters import ActParameter
from wooshpay.sandbox.engine.errors import SandboxError, missing
from wooshpay.sandbox.engine.params import as_object
from wooshpay.sandbox.pages.dashboard.desk import Desk

Method: TypeAlias = Literal["POST", "DELETE"]

_CANCELLATIONS: Final = ("requested_by_customer", "duplicate", "fraudulent", "abandoned")
# A fault such as "stall" never answers.
_TIMEOUT_SECONDS: Final = 10.0


@attrs.frozen(kw_only=True)
class Operation:
    """An operation of the merchant with a form on the dashboard.

    Attributes:
        name: Its SDK name.
        says: A sentence about it, for people.
        path: The path of the API; ``{id}`` in it is replaced by the parameter of this name.
        parameters: The parameters that the form offers, in order.
        button: The text of the button that sends it.
    """

    name: str
    says: str
    path: str
    parameters: tuple[ActParameter, ...]
    button: str


def _id(of: str, says: str) -> ActParameter:
    return ActParameter("id", says, "id", required=True, of=of)


OPERATIONS: Final[Mapping[str, Operation]] = {
    operation.name: operation
    for operation in (
        Operation(
            name="refunds.create",
            says="Refund a succeeded payment, in full or in part. You can refund until nothing is left to refund.",
            path="/v1/refunds",
            parameters=(
                ActParameter(
                    "payment_intent", "The payment to refund.", "id", required=True, of="payment_intent"
                ),
                ActParameter("amount", "The amount to refund. Default: all that is left.", "amount"),
                ActParameter("reason", "The reason for the refund.", "choice", choices=REASONS),
            ),
            button="Refund",
        ),
        Operation(
            name="payment_intents.capture",
            says="Capture an authorized payment.",
            path="/v1/payment_intents/{id}/capture",
            parameters=(
                _id("payment_intent", "The payment to capture."),
                ActParameter("amount_to_capture", "The amount to capture. Default: all of it.", "amount"),
            ),
            button="Capture",
        ),
        Operation(
            name="payment_intents.cancel",
            says="Cancel a payment that has not succeeded. Nobody can pay it afterwards.",
            path="/v1/payment_intents/{id}/cancel",
            parameters=(
                _id("payment_intent", "The payment to cancel."),
                ActParameter(
                    "cancellation_reason", "The reason.", required=True, kind="choice", default=_CANCELLATIONS[0],
                    choices=_CANCELLATIONS,
                ),
            ),
            button="Cancel the payment",
        ),
        Operation(
            name="checkout.sessions.expire",
            says="Expire an open Checkout Session. Nobody can pay it afterwards.",
            path="/v1/checkout/sessions/{id}/expire",
            parameters=(_id("checkout.session", "The Checkout Session to expire."),),
            button="Expire the session",
        ),
        Operation(
            name="invoices.finalize",
            says="Finalize a draft invoice, so that it can be paid.",
            path="/v1/invoices/{id}/finalize",
            parameters=(_id("invoice", "The invoice to finalize."),),
            button="Finalize the invoice",
        ),
        Operation(
            name="invoices.pay",
            says="Charge an open invoice to the customer's saved payment method.",
            path="/v1/invoices/{id}/pay",
            parameters=(_id("invoice", "The invoice to charge."),),
            button="Charge the invoice",
        ),
        Operation(
            name="invoices.void",
            says="Void an open invoice. Nobody can pay it afterwards.",
            path="/v1/invoices/{id}/void",
            parameters=(_id("invoice", "The invoice to void."),),
            button="Void the invoice",
        ),
    )
}  # fmt: skip


def new_key() -> str:
    """Return an idempotency key for a form, so that sending it twice does the work once."""
    return f"dashboard_{secrets.token_hex(12)}"


async def carry_out(
    desk: Desk, request: web.Request, operation: Operation, values: JsonObject, key: str | None = None
) -> JsonObject:
    """Make the request of an operation.

    Args:
        desk: The sandbox.
        request: The request of the browser; it tells where the sandbox listens.
        operation: The operation.
        values: Its parameters.
        key: The idempotency key.

    Raises:
        SandboxError: The API refused the request or did not answer.
    """
    path = operation.path
    if "{id}" in path:
        id = values.get("id")
        if not isinstance(id, str):
            raise missing("id")
        path = path.replace("{id}", quote(id, safe=""))
        values = {name: value for name, value in values.items() if name != "id"}
    return await call(desk, request, "POST", path, values, key)


async def call(
    desk: Desk, request: web.Request, method: Method, path: str, values: JsonObject, key: str | None = None
) -> JsonObject:
    """Make a request to the API as the merchant.

    Args:
        desk: The sandbox.
        request: The request of the browser; it tells where the sandbox listens.
        method: The HTTP method.
        path: The path, quoted.
        values: The parameters, sent as JSON.
        key: The idempotency key.

    Returns:
        The body of the response.

    Raises:
        SandboxError: The API refused the request or did not answer.
    """
    headers = {
        "Authorization": aiohttp.encode_basic_auth(desk.state.account.api_key, ""),
        "Content-Type": "application/json",
        "User-Agent": "wooshpay-sandbox-dashboard",
    }
    if key is not None:
        headers["Idempotency-Key"] = key
    url = _own_address(request).join(URL(path, encoded=True))
    try:
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request(method, url, data=dumps(values), headers=headers, allow_redirects=False) as response,
        ):
            return _answer(response.status, await response.read())
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise SandboxError(
            f"The request got no complete response ({type(error).__name__}). A fault may have hit it: see the request"
            " log. The work may have been done.",
            status=502,
            code="no_response",
        ) from None


def _own_address(request: web.Request) -> URL:
    """Return where this very connection came in: it works whatever the public URL and the names in front of it are."""
    transport = request.transport
    name = transport.get_extra_info("sockname") if transport is not None else None
    if name is None:
        raise ConnectionResetError("the browser closed the connection")
    return URL.build(scheme="http", host=name[0], port=name[1])


def _answer(status: int, body: bytes) -> JsonObject:
    try:
        answer: Json = loads(body)
    except ValueError:
        answer = None
    found = as_object(answer)
    if status < 400 and found is not None:
        return found
    # Errors come as {"error": {...}}; an account option makes them flat.
    facts = as_object((found or {}).get("error")) or found or {}
    param = facts.get("param")
    raise SandboxError(
        str(facts.get("message") or f"The response has the status {status} and no message."),
        status=status if status >= 400 else 502,
        code=str(facts.get("code") or "no_code"),
        param=param if isinstance(param, str) else None,
    )
