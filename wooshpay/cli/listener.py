"""A listener at a running sandbox: it registers an endpoint, follows its deliveries, and survives restarts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final

import attrs

from wooshpay import (
    AsyncWooshPay,
    AuthenticationError,
    NotFoundError,
    PermissionError,
    ServerError,
    TransportError,
    WooshPayError,
)
from wooshpay.core.json import Json, is_object

_LOOK_EVERY: Final = 0.2
_PART_SECONDS: Final = 3.0
_BACK: Final = "The sandbox is back."


class ListenError(Exception):
    """The listener cannot begin, or cannot go on. The text says why and what to do."""


@attrs.frozen(kw_only=True)
class Attempt:
    """One POST of an event to the endpoint.

    Attributes:
        event: The event's ID.
        type: Its type.
        about: The ID of the object that it is about; empty if the object has none.
        due: When the attempt fell due, in milliseconds on the sandbox's clock.
        status: The status of the response; ``None`` if there was none.
        reason: Why the event was refused, or why there was no response; empty if nothing is known.
        next_at: When the event is posted again; ``None`` if it is not.
    """

    event: str
    type: str
    about: str
    due: int
    status: int | None
    reason: str
    next_at: int | None

    @property
    def succeeded(self) -> bool:
        """Whether the endpoint took the event."""
        return self.status is not None and 200 <= self.status < 300


@attrs.frozen
class Notice:
    """Something that happened to the listener itself, as a sentence."""

    text: str


@attrs.define(eq=False)
class Listener:
    """Follows the deliveries of one endpoint.

    Attributes:
        client: A client of the sandbox. It must not retry by itself.
        base_url: The URL of the sandbox, for messages.
        url: The endpoint's URL.
        types: The types of events; all if there are none.
        secret: The secret to sign with. Once registered, that of the endpoint, and it does not change any more.
        endpoint: The ID of the endpoint; empty before it is registered.
        owned: Whether the endpoint is removed at the end.
    """

    client: AsyncWooshPay
    base_url: str
    url: str
    types: list[str]
    secret: str | None = attrs.field(default=None, repr=False)
    endpoint: str = ""
    owned: bool = False
    _position: str = ""

    async def register(self) -> None:
        """Register the endpoint.

        Raises:
            ListenError: The sandbox refuses it, or this is not a sandbox.
            TransportError: The sandbox does not answer.
            ServerError: It is starting or stopping.
        """
        body: dict[str, Any] = {"url": self.url}
        if self.types:
            body["enabled_events"] = self.types
        if self.secret is not None:
            body["secret"] = self.secret
        try:
            found = await self.client.request("POST", "/sandbox/listeners", body=body)
        except (AuthenticationError, PermissionError):
            raise ListenError(
                f"The sandbox at {self.base_url} has another API key. Set WOOSHPAY_API_KEY to the one that it"
                " printed when it started."
            ) from None
        except (TransportError, ServerError):
            raise
        except NotFoundError:
            raise ListenError(f"{self.base_url} is not a sandbox of this version of wooshpay.") from None
        except WooshPayError as error:
            raise ListenError(getattr(error, "message", "") or str(error)) from None
        endpoint = found.get("endpoint") if is_object(found) else None
        if not is_object(found) or not is_object(endpoint):
            raise ListenError(f"{self.base_url} is not a sandbox of this version of wooshpay.")
        self.endpoint, self.secret, self.owned = endpoint["id"], endpoint["secret"], found["owned"]
        self._position = self._position or found["position"]

    async def follow(self) -> AsyncGenerator[Attempt | Notice, None]:
        """Go through the attempts as they are finished, until the caller stops.

        Raises:
            ListenError: The sandbox came back with another key, or does not allow the endpoint any more.
        """
        # What to say once the endpoint is registered again, if it has to be.
        again = ""
        while True:
            try:
                if again:
                    await self.register()
                    yield Notice(again)
                    again = ""
                for attempt in await self._news():
                    yield attempt
            except NotFoundError:
                again = "The endpoint was deleted in the sandbox, and is registered again."
            except (AuthenticationError, PermissionError):
                again = _BACK  # with another key, which registering says
            except (TransportError, ServerError):
                if again != _BACK:
                    yield Notice(f"The sandbox at {self.base_url} does not answer. Waiting for it.")
                again = _BACK
            await asyncio.sleep(_LOOK_EVERY)

    async def remove(self) -> None:
        """Remove the endpoint, if it is the listener's own. A sandbox that does not answer is left alone."""
        if not (self.owned and self.endpoint):
            return
        try:
            async with asyncio.timeout(_PART_SECONDS):
                await self.client.webhook_endpoints.delete(self.endpoint)
        except (WooshPayError, TimeoutError):
            pass

    async def _news(self) -> list[Attempt]:
        query = {"endpoint": self.endpoint, "after": self._position}
        page = await self.client.request("GET", "/sandbox/attempts", query=query)
        if not is_object(page):
            return []
        self._position = page["position"]
        wanted = set(self.types)
        return [_attempt(each) for each in page["data"] if not wanted or each["event_type"] in wanted]


def _attempt(found: Mapping[str, Json]) -> Attempt:
    return Attempt(
        event=str(found["event"]),
        type=str(found["event_type"]),
        about=str(found["about"] or ""),
        due=_number(found["due"]) or 0,
        status=_number(found["status"]),
        reason=str(found["response"] or found["error"] or ""),
        next_at=_number(found["next_at"]),
    )


def _number(value: Json) -> int | None:
    return value if isinstance(value, int) else None
