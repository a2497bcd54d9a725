"""Thousands of calls from a list of rows, so that a run that was interrupted goes on without doing anything twice.

>>> from wooshpay import WooshPay, bulk
>>> with WooshPay() as client:
...     rows = (bulk.Row(order.number, {"payment_intent": order.payment, "amount": order.due}) for order in orders)
...     report = bulk.run(client, "refunds.create", rows, name="recall-2026-05", journal="refunds.db")

Every row has an ID, and its idempotency key is made of the run, the operation and that ID: the same row gets the same
key, today and when the run is resumed. A journal notes each row before its call is sent, and the result after. After an
interruption, run the same again: rows that are done are skipped, and calls that were under way are sent again with the
same key, for which WooshPay returns the first response again. A run that has finished says so when it is started again.
`wooshpay.bulk.celery` does the same on many machines.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from wooshpay.bulk.journal import Entry as Entry
    from wooshpay.bulk.journal import Journal as Journal
    from wooshpay.bulk.journal import Run as Run
    from wooshpay.bulk.journal import RunEntry as RunEntry
    from wooshpay.bulk.redis import RedisJournal as RedisJournal
    from wooshpay.bulk.rows import Report as Report
    from wooshpay.bulk.rows import Row as Row
    from wooshpay.bulk.rows import RowResult as RowResult
    from wooshpay.bulk.rows import RowState as RowState
    from wooshpay.bulk.runner import run as run
    from wooshpay.bulk.sqlite import SqliteJournal as SqliteJournal
    from wooshpay.errors import JournalError as JournalError

_HOMES: Final[dict[str, str]] = {
    "Entry": "wooshpay.bulk.journal",
    "Journal": "wooshpay.bulk.journal",
    "JournalError": "wooshpay.errors",
    "RedisJournal": "wooshpay.bulk.redis",
    "Report": "wooshpay.bulk.rows",
    "Row": "wooshpay.bulk.rows",
    "RowResult": "wooshpay.bulk.rows",
    "RowState": "wooshpay.bulk.rows",
    "Run": "wooshpay.bulk.journal",
    "RunEntry": "wooshpay.bulk.journal",
    "SqliteJournal": "wooshpay.bulk.sqlite",
    "run": "wooshpay.bulk.runner",
}

__all__ = sorted(_HOMES)  # pyright: ignore[reportUnsupportedDunderAll]  # the names stand in one table


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
