"""Handlers that get the object of an event as it is now, and not as it was when the event happened."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Sequence
from importlib import import_module
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from wooshpay.api import OBJECTS, SECTIONS, TAGS
from wooshpay.client import AsyncWooshPay, WooshPay
from wooshpay.core.declaration import Declaration
from wooshpay.errors import ConfigurationError, NotFoundError, PayloadError
from wooshpay.webhooks.handlers import CLASS_OF
from wooshpay.webhooks.records import shown

if TYPE_CHECKING:
    from wooshpay.api.events import Event
    from wooshpay.webhooks.handlers import Handler


class Source(NamedTuple):
    """Where the objects of a class come from.

    Attributes:
        name: The name of the class.
        operation: The SDK name of the operation that retrieves one by its ID.
    """

    name: str
    operation: str


def with_fresh_object(handler: Handler, types: Sequence[str], client: AsyncWooshPay | WooshPay) -> Handler:
    """Return a handler that first replaces ``event.data.object`` with the object as it is now.

    If the object cannot be fetched, the handler does not run, and the exception counts as its own.

    Args:
        handler: The handler.
        types: The types of events that it is registered for.
        client: Fetches the objects.

    Raises:
        ConfigurationError: The client does not fit the handler, or the object of a type cannot be retrieved.
    """
    sources = {type: source_of(type) for type in types}
    is_async = inspect.iscoroutinefunction(handler)
    _check_client(client, is_async)

    async def handle_async(event: Event) -> None:
        fetch, id = _fetching(client, sources[event.type], event)
        try:
            _replace(event, await fetch(id))
        except Exception as error:
            _keep_or_raise(event, error)
        await handler(event)  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]  # it is async

    def handle(event: Event) -> object:
        fetch, id = _fetching(client, sources[event.type], event)
        try:
            _replace(event, fetch(id))
        except Exception as error:
            _keep_or_raise(event, error)
        return handler(event)

    return functools.update_wrapper(handle_async if is_async else handle, handler, updated=())


def source_of(type: str) -> Source:
    """Find out how to retrieve the object that events of a type are about.

    Raises:
        ConfigurationError: It is not known what they are about, or the API cannot retrieve it.
    """
    tag, _, _ = type.rpartition(".")
    name = CLASS_OF.get(type) or TAGS.get(tag)
    if name is None:
        raise ConfigurationError(
            f"fresh: the SDK does not know which object events of type {shown(type)} are about, so it cannot fetch it."
            " Register the handler without fresh, and retrieve what you need in it."
        )
    section = OBJECTS[name]
    if section in SECTIONS:
        resource: type[Any] = getattr(import_module(f"wooshpay.api.{section}"), SECTIONS[section])  # type: ignore[valid-type]
        retrieve = vars(resource).get("retrieve")
        if isinstance(retrieve, Declaration) and retrieve.returns.__name__ == name and retrieve.returns_named_object:
            return Source(name, retrieve.name)
    raise ConfigurationError(
        f"fresh: events of type {shown(type)} are about a {name}, and WooshPay cannot retrieve one by its ID."
        " Register the handler without fresh."
    )


def _check_client(client: object, is_async: bool) -> None:
    if isinstance(client, AsyncWooshPay if is_async else WooshPay):
        return
    if not isinstance(client, (AsyncWooshPay, WooshPay)):
        raise ConfigurationError(
            "fresh must be a client that fetches the object, a WooshPay or an AsyncWooshPay, not"
            f" {'a class' if isinstance(client, type) else f'an object of type {type(client).__name__}'}."
        )
    if is_async:
        raise ConfigurationError(
            "fresh: the handler is async, and a WooshPay would block its event loop. Pass an AsyncWooshPay."
        )
    raise ConfigurationError(
        "fresh: the handler is a plain function, and an AsyncWooshPay must be awaited. Pass a WooshPay, or write the"
        " handler with async def."
    )


def _fetching(client: AsyncWooshPay | WooshPay, source: Source, event: Event) -> tuple[Any, str]:
    found = getattr(event.data, "object", None)
    id = getattr(found, "id", None)
    if type(found).__name__ != source.name or not isinstance(id, str) or not id:
        raise PayloadError(
            f"The object of event {event.id} cannot be fetched: it should be a {source.name} with an ID, but its class"
            f" is {type(found).__name__} and its ID {id!r}."
        )
    return attrgetter(source.operation)(client), id


def _replace(event: Event, found: Any) -> None:
    event.data.object = found


def _keep_or_raise(event: Event, error: Exception) -> None:
    """Keep the object that came with the event if its type says that the object was deleted. Otherwise raise."""
    if isinstance(error, NotFoundError):
        if event.type.endswith(".deleted"):
            return
        error.add_note(
            "The object was deleted, or the API key of `fresh` belongs to another account or mode than the endpoint."
        )
    error.add_note(f"The object of event {event.id} could not be fetched, so the handler did not run.")
    raise error
