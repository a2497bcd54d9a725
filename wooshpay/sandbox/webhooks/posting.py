"""One attempt: the POST of an event to an endpoint, and what the endpoint answered."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final

import attrs

from wooshpay.core.redaction import redact

if TYPE_CHECKING:
    import aiohttp

TIMEOUT_SECONDS: Final = 10.0
# Of a response that refuses an event: enough for the sentence that says why.
_MOST_BYTES: Final = 4096
_LONGEST_REASON: Final = 300


@attrs.frozen(kw_only=True)
class DeliveryAttempt:
    """One POST.

    Attributes:
        due: When it fell due, in milliseconds on the sandbox's clock.
        status: The status of the response; ``None`` if there was none.
        error: What went wrong, if there was no response.
        response: The first line of the response's body, if the status is not 2xx and the body is text or JSON.
            Secrets in it are hidden, and it has at most 300 characters.
    """

    due: int
    status: int | None = None
    error: str | None = None
    response: str | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the endpoint took the event."""
        return self.status is not None and 200 <= self.status < 300


async def post(
    session: aiohttp.ClientSession, url: str, body: bytes, headers: dict[str, str], due: int
) -> DeliveryAttempt:
    """Post an event to an endpoint.

    Args:
        session: Sends the request. Its time limits apply.
        url: The endpoint's URL.
        body: The event.
        headers: The headers that carry the signature.
        due: When the attempt fell due, in milliseconds on the sandbox's clock.
    """
    import aiohttp

    headers = {"Content-Type": "application/json", **headers}
    try:
        async with session.post(url, data=body, headers=headers, allow_redirects=False) as response:
            refused = not 200 <= response.status < 300
            reason = await _read_reason(response) if refused else None
            return DeliveryAttempt(due=due, status=response.status, response=reason)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        return DeliveryAttempt(due=due, error=redact(_problem(error)))


def _problem(error: Exception) -> str:
    """Say why there is no response, for the most frequent causes in a sentence of its own."""
    import aiohttp

    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"The host {error.host} is not known."
    if isinstance(error, aiohttp.ClientConnectorError) and error.os_error.errno == errno.ECONNREFUSED:
        return f"Connection refused: nothing listens at {error.host}:{error.port}."
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "The connection was closed before a response arrived."
    if isinstance(error, TimeoutError):
        return f"No response within {TIMEOUT_SECONDS:g} seconds."
    return f"{type(error).__name__}: {error}"


async def _read_reason(response: aiohttp.ClientResponse) -> str | None:
    import aiohttp

    data = b""
    try:
        while len(data) < _MOST_BYTES and (chunk := await response.content.read(_MOST_BYTES - len(data))):
            data += chunk
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        pass  # The status has arrived, and it decides. What there is of the reason is shown.
    return reason_of(data, response.content_type)


def reason_of(body: bytes, content_type: str) -> str | None:
    """Return the first line of a response that says why it refused an event, or ``None`` if it has none for people.

    Args:
        body: The beginning of the body.
        content_type: Its media type. Pages in HTML are not shown, as their first line says nothing.
    """
    text = body.decode(errors="replace").strip()
    if content_type == "application/json" or content_type.endswith("+json"):
        text = " ".join(text.split())
    elif content_type not in {"text/plain", "application/octet-stream"}:
        return None
    first = next(iter(text.splitlines()), "").strip()
    return redact(first)[:_LONGEST_REASON] or None
