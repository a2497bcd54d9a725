"""Everything that a behaviour works with: the objects, the clock, ids, and events that come up."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

import attrs

from wooshpay.core.json import JsonObject
from wooshpay.core.log_fields import log_fields
from wooshpay.sandbox.engine.account_options import AccountOptions
from wooshpay.sandbox.engine.addresses import OwnNames
from wooshpay.sandbox.engine.clock import Alarm, Clock
from wooshpay.sandbox.engine.errors import bug, not_found
from wooshpay.sandbox.engine.ids import Ids, require_id
from wooshpay.sandbox.engine.registry import find_duty, find_reactions, find_view
from wooshpay.sandbox.engine.store import Record, Store, snapshot

API_VERSION: Final = "1.0.1"

_logger = logging.getLogger("wooshpay.sandbox")


@attrs.frozen(kw_only=True)
class Account:
    """The merchant whose sandbox this is.

    Attributes:
        api_key: The secret key.
        publishable_key: The publishable key.
        dashboard_key: Opens the dashboard.
        webhook_secret: The secret of the endpoint that the sandbox was started with.
    """

    api_key: str = attrs.field(repr=False)
    publishable_key: str = attrs.field(repr=False)
    dashboard_key: str = attrs.field(repr=False)
    webhook_secret: str = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Cause:
    """The request that events come from."""

    request_id: str
    idempotency_key: str | None = None


def _nobody(event: Record) -> None:
    """Before deliveries are set up nobody is told."""


@attrs.define(kw_only=True, eq=False)
class State:
    """The sandbox without its server.

    Attributes:
        account: The merchant.
        clock: The time.
        ids: Makes ids.
        store: The objects.
        base_url: The URL that clients and browsers use, without a slash at the end; hosted pages are under it.
        own_names: The host names under which the dashboard is served.
        deliver: Told of every new event.
        options: How the account differs from others.
    """

    account: Account
    clock: Clock
    ids: Ids
    store: Store = attrs.field(factory=Store)
    base_url: str = ""
    own_names: OwnNames = attrs.field(factory=OwnNames)
    deliver: Callable[[Record], None] = _nobody
    options: AccountOptions = attrs.field(factory=AccountOptions)
    _cause: Cause | None = None

    def __attrs_post_init__(self) -> None:
        self.clock.on_alarm(self._ring)

    def add(self, prefix: str, kind: str, fields: JsonObject, **private: object) -> Record:
        """Make and keep a new object: id, kind, time of creation and test mode come first."""
        head = {"id": self.ids.new(prefix), "object": kind, "created": self.clock.second, "livemode": False}
        return self.store.add(Record({**head, **fields}, **private))

    def need(self, kind: str, id: str, *, param: str | None = None) -> Record:
        """Find an object.

        Raises:
            SandboxError: 404, there is no object with this ID, or it does not have the form of an ID.
        """
        record = self.store[kind].get(id)
        if record is None:
            require_id(id, param=param or "id")
            raise not_found(kind, id, param=param)
        return record

    def view(self, record: Record) -> JsonObject:
        """The object as the API answers it: a copy, without fields that do not apply."""
        make = find_view(record.kind)
        return make(self, record) if make is not None else plain_view(record)

    def emit(self, type: str, record: Record) -> Record:
        """Let an event come up about an object as it now stands."""
        cause = self._cause
        event = self.add(
            "evt",
            "event",
            {
                "api_version": API_VERSION,
                "type": type,
                "data": {"object": self.view(record)},
                "request": {"id": cause.request_id, "idempotency_key": cause.idempotency_key} if cause else None,
            },
        )
        if cause is not None and cause.idempotency_key is None:
            event["request"].pop("idempotency_key")
        self.deliver(event)
        for react in find_reactions(type):
            react(self, record)
        return event

    def remind(self, due: int, duty: str, record: Record) -> None:
        """Let a duty fall due for an object."""
        self.clock.set_alarm(due, duty, record.id)

    @contextmanager
    def caused_by(self, cause: Cause) -> Generator[None]:
        """Note which request the events of this block come from."""
        self._cause = cause
        try:
            yield
        finally:
            self._cause = None

    def _ring(self, alarm: Alarm) -> None:
        try:
            find_duty(alarm.name)(self, alarm.subject)
        except Exception as error:
            _logger.exception(
                "The alarm %s of %s failed in the sandbox",
                alarm.name,
                alarm.subject,
                extra=log_fields(wooshpay_object_id=alarm.subject, wooshpay_error=type(error).__name__),
            )
            # In this form the error does not undo the unit of work, which would set the alarm again, forever.
            raise bug() from error


def plain_view(record: Record) -> JsonObject:
    """The fields of an object, without the ones that do not apply."""
    return {name: snapshot(value) for name, value in record.items() if value is not None}
