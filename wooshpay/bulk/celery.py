"""Rows as tasks of Celery, for more than one machine. It needs Celery, the extra ``celery``.

>>> from celery import Celery
>>> from wooshpay import WooshPay, bulk
>>> from wooshpay.bulk.celery import bulk_task
>>> app = Celery("refunds", broker="redis://127.0.0.1:6379/0")
>>> journal = bulk.RedisJournal("redis://127.0.0.1:6379/1")
>>> refund = bulk_task(app, "refunds.create", client=WooshPay(), journal=journal)
>>> refund.delay("recall-2026-05", "order-1001", {"payment_intent": "pi_1", "amount": 500})

A message is acknowledged when its row is done. One whose worker died is delivered again, and the row is sent again with
the same key: its key is made of the run's name, the operation and the row's id. A row whose answer was lost, or which
did not reach WooshPay, is tried again by Celery, with the same key.

What is put into the broker can be read there: hand card numbers over in no other way than as a saved payment method.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from wooshpay.bulk.engine import Engine, find_operation
from wooshpay.bulk.journal import Journal, Policy, Run
from wooshpay.bulk.rows import Row, RowResult
from wooshpay.config import check_count, check_seconds
from wooshpay.core.callers import AsyncCaller, SyncCaller
from wooshpay.errors import ConfigurationError, JournalError

if TYPE_CHECKING:
    from wooshpay.client import WooshPay
    from wooshpay.core.json import JsonObject


class App(Protocol):
    """What is needed of a ``celery.Celery``."""

    def task(self, function: Callable[..., Any], /, **options: Any) -> Any:
        """Make a task of a function."""
        ...


class Task(Protocol):
    """What `bulk_task` gives: a task of Celery, with all that those can do."""

    name: str

    def delay(self, run: str, row_id: str, arguments: Mapping[str, Any], /) -> Any:
        """Put a row into the queue.

        Args:
            run: The run's name, which goes into the keys of its rows.
            row_id: What tells this row from all others of the run, for ever.
            arguments: The operation's arguments by their names in Python.
        """
        ...

    def apply_async(self, args: tuple[str, str, Mapping[str, Any]], /, **options: Any) -> Any:
        """Put a row into the queue, with Celery's own options."""
        ...


def bulk_task(
    app: App,
    operation: str,
    *,
    client: WooshPay,
    journal: Journal,
    name: str | None = None,
    retries: int = 12,
    first_gap: float = 1.0,
    longest_gap: float = 600.0,
    retry_rejected: bool = False,
    resend_expired: bool = False,
) -> Task:
    """Make a task that does one row of a run, once, however often its message is delivered.

    The task's result is what became of the row, as a dict: ``row``, ``state``, ``object_id``, ``status``, ``error``,
    ``code``, ``idempotency_key`` and ``earlier``, with the meanings of `RowResult`. A row that WooshPay rejects is a
    result, too, and not a failure of the task.

    Args:
        app: Celery.
        operation: The SDK name of the operation, such as ``refunds.create``. It must be a POST.
        client: Makes the calls. It may be made when the module is imported: every forked worker gets its own
            connections.
        journal: Where to note what became of the rows: a `RedisJournal` for many machines, a `SqliteJournal` for one.
        name: The task's name; ``wooshpay.bulk.`` and the operation when left out.
        retries: How often Celery tries a row again whose answer was lost, or that did not reach WooshPay.
        first_gap: Seconds before the first of these; each further gap is twice as long, half of it left to chance.
        longest_gap: Seconds that no gap exceeds. With a Redis broker it must be less than its visibility timeout.
        retry_rejected: Send rows that WooshPay refused again when they are put into the queue again, with a new key.
        resend_expired: Send rows again that may have been carried out more than 23 hours ago.

    Raises:
        ConfigurationError: There is no such operation, or it is no POST; or a setting cannot work.
    """
    declaration = find_operation(operation)
    check_count("retries", retries, least=0)
    check_seconds("first_gap", first_gap)
    check_seconds("longest_gap", longest_gap)
    caller = client._caller  # pyright: ignore[reportPrivateUsage]  # of the same package
    if not isinstance(caller, SyncCaller):
        raise ConfigurationError("Celery's tasks are plain functions: give them a WooshPay, not an AsyncWooshPay.")
    awaited = AsyncCaller(caller.pipeline)
    host = caller.pipeline.config.base_url
    policy = Policy(retry_rejected=retry_rejected, resend_expired=resend_expired)

    def send(task: Any, run: str, row_id: str, arguments: Mapping[str, Any]) -> JsonObject:
        again: int = task.request.retries
        row = Row(row_id, arguments)
        which = Run(name=run, operation=operation, host=host)
        engine = Engine(declaration, awaited, journal, which, policy=policy)
        countdown = _gap(again, first_gap, longest_gap)
        try:
            result = caller.run(lambda: engine.do(row))
        except JournalError as error:
            # If the row was sent, its key makes sure that it is not done twice.
            raise task.retry(exc=error, countdown=countdown) from error
        if result.state in {"not_sent", "unknown"} and again < retries:
            raise task.retry(countdown=countdown)
        return _as_json(result)

    made: Task = app.task(
        send,
        name=name or f"wooshpay.bulk.{operation}",
        bind=True,
        acks_late=True,
        reject_on_worker_lost=True,
        max_retries=retries,
    )
    return made


def _gap(again: int, first: float, longest: float) -> float:
    whole = min(longest, first * 2.0 ** min(again, 60))
    return random.uniform(whole / 2, whole)  # noqa: S311  # it only spreads the load


def _as_json(result: RowResult) -> JsonObject:
    return attrs.asdict(result, filter=lambda attribute, _: attribute.name != "object")
