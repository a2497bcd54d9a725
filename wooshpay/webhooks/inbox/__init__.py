"""Inboxes: an event is worked on by one worker at a time, and takes effect once.

inbox = SqliteInbox("webhooks.db")                       # several processes on one machine
inbox = RedisInbox("redis://127.0.0.1:6379/0")           # several machines; needs the extra redis
inbox = PostgresInbox("postgresql://127.0.0.1/shop")     # several machines; needs the extra postgres
inbox = DjangoInbox()                                    # the databases of a Django project; needs the extra django
inbox = SqlAlchemyInbox(engine)                           # the application's own database; needs the extra sqlalchemy
inbox = MemoryInbox()                                    # one process, for tests
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from wooshpay.errors import ClaimLost, InboxError
from wooshpay.webhooks.inbox.contract import Claim, Counts, Inbox, Taken

if TYPE_CHECKING:
    from wooshpay.webhooks.inbox.django.inbox import DjangoInbox
    from wooshpay.webhooks.inbox.memory import MemoryInbox
    from wooshpay.webhooks.inbox.postgres import PostgresInbox
    from wooshpay.webhooks.inbox.redis import RedisInbox
    from wooshpay.webhooks.inbox.sqlalchemy import SqlAlchemyInbox
    from wooshpay.webhooks.inbox.sqlite import SqliteInbox

__all__ = [
    "Inbox",
    "MemoryInbox",
    "SqliteInbox",
    "RedisInbox",
    "PostgresInbox",
    "DjangoInbox",
    "SqlAlchemyInbox",
    "Claim",
    "Taken",
    "Counts",
    "InboxError",
    "ClaimLost",
]

_HOMES: Final = {
    "MemoryInbox": "memory",
    "SqliteInbox": "sqlite",
    "RedisInbox": "redis",
    "PostgresInbox": "postgres",
    "DjangoInbox": "django.inbox",
    "SqlAlchemyInbox": "sqlalchemy",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
