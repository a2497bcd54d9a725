"""From an answer that is no success to an error. Pure, and never fails itself, whatever the body is."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

import attrs

from wooshpay import errors
from wooshpay.core.json import Json, JsonObject, is_object, loads
from wooshpay.core.redaction import (
    LEAST_CARD,
    SENSITIVE_FIELDS,
    excerpt,
    one_line,
    pattern_of,
    redact_json,
    sensitive_values,
    without,
)
from wooshpay.core.retry import may_be_done

if TYPE_CHECKING:
    from wooshpay.core.request import Request, Response

_LONGEST_MESSAGE: Final = 500
_LONGEST_BODY: Final = 65_536

_BY_TYPE: Final[dict[str, type[errors.APIError]]] = {
    "card_error": errors.CardError,
    "idempotency_error": errors.IdempotencyError,
}
_BY_STATUS: Final[dict[int, type[errors.APIError]]] = {
    400: errors.InvalidRequestError,
    401: errors.AuthenticationError,
    402: errors.CardError,
    403: errors.PermissionError,
    404: errors.NotFoundError,
    405: errors.InvalidRequestError,
    409: errors.ConflictError,
    410: errors.NotFoundError,
    413: errors.InvalidRequestError,
    415: errors.InvalidRequestError,
    422: errors.InvalidRequestError,
    429: errors.RateLimitError,
}
_HINTS: Final[dict[type[errors.APIError], str]] = {
    errors.AuthenticationError: "Check that the API key is right, active and of the same mode as the host.",
    errors.PermissionError: "Use a secret key that has this permission, or enable the feature in the dashboard.",
    errors.RateLimitError: "Send fewer requests at a time, or allow more retries.",
}
_ABOUT_THE_KEY: Final = (errors.AuthenticationError, errors.PermissionError)


@attrs.frozen(kw_only=True)
class Failing:
    """What an error answer says, whatever its form: an object, text, a flat body, plain text, HTML.

    Attributes:
        message: WooshPay's own words, secrets removed; ``None`` where it said nothing readable.
        type: WooshPay's kind of error.
        code: WooshPay's code.
        param: The parameter at fault.
        decline_code: The issuer's reason.
        body: The parsed JSON, or the text, its secrets hidden.
        is_page: Whether it is an HTML page, which comes from something between WooshPay and the client.
    """

    message: str | None
    type: str | None = None
    code: str | None = None
    param: str | None = None
    decline_code: str | None = None
    body: Json = None
    is_page: bool = False

    @property
    def key_in_use(self) -> bool:
        """Whether it says that another request with the same idempotency key is still being worked on."""
        if self.code == "idempotency_key_in_use":
            return True
        words = (self.message or "").lower()
        return "idempotency" in words and ("in progress" in words or "in use" in words)


def read_failing(body: bytes, known: re.Pattern[str] | None = None) -> Failing:
    """Read the body of an error answer.

    Args:
        body: The bytes received.
        known: Finds secrets that the answer may repeat.
    """
    try:
        parsed: Json = loads(body)
    except (ValueError, RecursionError):
        text = body.decode("utf-8", "replace")
        message = _clean(_without_markup(text), known)
        return Failing(message=message, body=without(excerpt(text, _LONGEST_BODY), known), is_page=_is_page(text))
    if not is_object(parsed):
        return Failing(message=_clean(parsed, known), body=redact_json(parsed, known))
    error: Json = parsed.get("error")
    facts = {**parsed, **error} if is_object(error) else parsed
    message = facts.get("message") or facts.get("error_description")
    message = message or (error if isinstance(error, str) else None) or facts.get("msg") or facts.get("detail")
    return Failing(
        message=_clean(message, known),
        type=_text(facts.get("type"), known),
        code=_text(facts.get("code"), known),
        param=_text(facts.get("param"), known),
        decline_code=_text(facts.get("decline_code"), known),
        body=redact_json(parsed, known),
    )


def error_of(request: Request, response: Response, retry_after: float | None) -> errors.APIError:
    """Make the error of an answer that is no success.

    Args:
        request: The request.
        response: The response, with a status from 300 to 599.
        retry_after: Seconds that WooshPay asked to wait.
    """
    known = _sent_secrets(request)
    failing = read_failing(response.body, known)
    cls = _class_of(response.status, failing)
    said = failing.message or f"WooshPay answered with HTTP {response.status} and no message"
    parts = [said if said.endswith((".", "!", "?")) else f"{said}."]
    if 300 <= response.status < 400:
        parts = ["WooshPay answered with a redirect, which is not followed, as it could lead the key elsewhere."]
        parts.append("Check base_url.")
    if response.status == 407:
        parts.append("Check the credentials of the proxy, in proxy=... or HTTPS_PROXY.")
    elif failing.is_page and cls in _ABOUT_THE_KEY:
        parts.append("Check the network and the proxy: the page says nothing about the API key.")
    elif cls in _HINTS:
        parts.append(_HINTS[cls])
    if response.gave_up is not None:
        parts.append(response.gave_up)
    detail = _clean("/".join(part for part in (failing.type, failing.code, failing.decline_code) if part), known)
    parts.append(f"(HTTP {response.status}, {detail})" if detail else f"(HTTP {response.status})")
    unclear = response.ambiguous or (request.method != "GET" and may_be_done(response.status))
    in_use = response.status == 409 and failing.key_in_use
    return cls(
        " ".join(parts),
        status=response.status,
        type=failing.type,
        code=failing.code,
        param=failing.param,
        decline_code=failing.decline_code,
        body=failing.body,
        retry_after=retry_after,
        outcome="unknown" if unclear or in_use else "rejected",
        idempotency_key=request.idempotency_key,
        request_id=_clean(response.request_id),
        attempts=response.attempts,
        operation=request.operation,
    )


def improper(request: Request, response: Response) -> errors.ProtocolError | None:
    """Return the error of a response whose status is not valid in HTTP, or ``None`` for any other response.

    Args:
        request: The request.
        response: The response. A status below 200, such as 000, must not pass for a success.
    """
    if 200 <= response.status < 600:
        return None
    return errors.ProtocolError(
        f"The response has the status {response.status:03}, which is not a valid HTTP status of a final response."
        " Check base_url and any proxy.",
        outcome="rejected" if request.method == "GET" else "unknown",
        idempotency_key=request.idempotency_key,
        request_id=_clean(response.request_id),
        attempts=response.attempts,
        operation=request.operation,
    )


def error_in_success(request: Request, response: Response) -> errors.APIError | None:
    """Return the error that a response with a 2xx status holds instead of an object, or ``None`` if it holds none.

    Such a response contradicts itself, so what happened to the money is not known. The error is never a `CardError`:
    a program that asks for another card after a `CardError` might charge twice.

    Args:
        request: The request.
        response: The response, with a 2xx status.
    """
    try:
        parsed: Json = loads(response.body)
    except (ValueError, RecursionError):
        return None
    if not is_object(parsed) or not _only_tells_of_an_error(parsed):
        return None
    failing = read_failing(response.body, _sent_secrets(request))
    said = failing.message or "WooshPay gave no message"
    return errors.APIError(
        f"WooshPay answered with HTTP {response.status}, but with an error instead of a result: {said}",
        status=response.status,
        type=failing.type,
        code=failing.code,
        param=failing.param,
        decline_code=failing.decline_code,
        body=failing.body,
        outcome="rejected" if request.method == "GET" else "unknown",
        idempotency_key=request.idempotency_key,
        request_id=_clean(response.request_id),
        attempts=response.attempts,
        operation=request.operation,
    )


def _only_tells_of_an_error(body: JsonObject) -> bool:
    """Return whether a body is clearly an error. A body with an ID or an ``object`` never is."""
    if body.get("id") is not None or body.get("object") is not None:
        return False
    error: Json = body.get("error")
    if isinstance(error, (str, dict)) and error:
        return True
    kind: Json = body.get("type")
    return isinstance(kind, str) and kind.endswith("_error") and isinstance(body.get("message"), str)


def _class_of(status: int, failing: Failing) -> type[errors.APIError]:
    if failing.type in _BY_TYPE:
        return _BY_TYPE[failing.type]
    if status >= 500:
        return errors.ServerError
    if status == 402 and failing.type == "invalid_request_error":
        return errors.InvalidRequestError
    if status == 409 and failing.key_in_use:
        return errors.IdempotencyError
    return _BY_STATUS.get(status, errors.APIError)


def _text(value: Json, known: re.Pattern[str] | None) -> str | None:
    if isinstance(value, str) and value:
        return excerpt(without(value[:_LONGEST_BODY], known), _LONGEST_MESSAGE)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and value < LEAST_CARD else None


def _clean(value: Json, known: re.Pattern[str] | None = None) -> str | None:
    """Give the words of an answer as one line without secrets, or ``None`` where there are none."""
    return (one_line(value, _LONGEST_MESSAGE, known) or None) if isinstance(value, str) else None


def _sent_secrets(request: Request) -> re.Pattern[str] | None:
    """Find what was sent and must not be seen, as an answer may repeat it: an account's number looks like any other."""
    found = [value for name, value in parse_qsl(request.url.partition("?")[2]) if name in SENSITIVE_FIELDS]
    if isinstance(request.body, bytes):
        try:
            found += sensitive_values(loads(request.body))
        except (ValueError, RecursionError):
            pass  # a middleware made it something else than JSON
    return pattern_of(found)


def readable_text(request: Request, body: bytes) -> str:
    """Give the body of an answer as text for an error to keep, its secrets hidden."""
    known = _sent_secrets(request)
    text = body.decode("utf-8", "replace")
    try:
        parsed: Json = loads(body)
        shown = redact_json(parsed, known)
        return text if shown == parsed else json.dumps(shown, ensure_ascii=False)
    except (ValueError, RecursionError):
        return without(excerpt(text, _LONGEST_BODY), known)


def _is_page(text: str) -> bool:
    return "<" in text[:200]


def _without_markup(text: str) -> str:
    if not _is_page(text):
        return text[: 4 * _LONGEST_MESSAGE]
    title = re.search(r"<title[^>]*>([^<]*)</title>", text[:20_000], re.IGNORECASE)
    page = f": {title.group(1).strip()}" if title and title.group(1).strip() else ""
    return f"An HTML page came instead of JSON{page}, probably from a proxy or a gateway in between"
