"""Rows as Celery tasks, for more than one machine. It needs Celery: the extra ``celery``.

>>> from celery import Celery
>>> from wooshpay import WooshPay, bulk
>>> from wooshpay.bulk.celery import bulk_task
>>> app = Celery("refunds", broker="redis://127.0.0.1:6379/0")
>>> journal = bulk.RedisJournal("redis://127.0.0.1:6379/1")
>>> refund = bulk_task(app, "refunds.create", client=WooshPay(), journal=journal)
>>> refund.delay("recall-2026-05", "order-1001", {"payment_intent": "pi_1", "amount": 500})

A message is acknowledged when its row is done. If the worker dies, the message is delivered again and the row is sent
again with the same idempotency key, which is made of the name of the run, the operation and the ID of the row. If the
response to a row was lost, or the row did not reach WooshPay, Celery retries the task, with the same key.

A broker can lose a message: with Redis this happens when a worker is killed right after it took the message. Every row
is therefore written to the outbox of the journal before its message is published, and removed when it is finished.
`Task.unfinished` lists what remains, and `Task.resume` puts it into the queue again.

Whoever can read the broker or the outbox can read the arguments of the rows. Pass cards as saved payment methods only.
"""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Protocol

import attrs

from wooshpay.bulk.engine import Engine, find_operation
from wooshpay.bulk.journal import Journal, Policy, Run
from wooshpay.bulk.observing import log_row, note_row
from wooshpay.bulk.outbox import HasOutbox, Outbox, UnfinishedRow
from wooshpay.bulk.queued import QueuedRows, delivered
from wooshpay.bulk.rows import Row, RowResult
from wooshpay.config import check_count, check_seconds
from wooshpay.core.callers import AsyncCaller, SyncCaller
from wooshpay.core.celery import DURABLE, gap, retry
from wooshpay.core.celery import App as App  # it is part of the signature
from wooshpay.errors import ConfigurationError, JournalError

if TYPE_CHECKING:
    from wooshpay.client import WooshPay
    from wooshpay.core.json import JsonObject
    from wooshpay.middleware import Telemetry

RESUME_AFTER: Final = 3600.0
"""Seconds that `Task.resume` leaves a row to its message, by default."""

_NAMES: Final = ("run", "row_id", "arguments")
_REVOKED: Final = "The task was revoked, so this attempt was not made. An earlier attempt may have been carried out."
_EXPIRED: Final = "The task expired, so this attempt was not made. An earlier attempt may have been carried out."
_TERMINATED: Final = "The task was terminated while the row was being sent. It may have been carried out."


class Task(Protocol):
    """The task that `bulk_task` returns. It is a Celery task with three methods of its own."""

    name: str

    def delay(self, run: str, row_id: str, arguments: Mapping[str, Any], /) -> Any:
        """Put a row into the queue. This writes to the outbox and to the broker, and waits for both.

        Args:
            run: The name of the run, which goes into the keys of its rows.
            row_id: The ID of the row, which no other row of the run ever has.
            arguments: The operation's arguments by their names in Python.

        Raises:
            ConfigurationError: The ID of the row is not valid.
            JournalError: The outbox cannot be written. The row was not put into the queue.
        """
        ...

    def apply_async(self, args: tuple[str, str, Mapping[str, Any]], /, **options: Any) -> Any:
        """Put a row into the queue, with Celery's own options."""
        ...

    def unfinished(self, run: str | None = None, *, older_than: float | None = None) -> list[UnfinishedRow]:
        """List the rows that were put into the queue and are not finished, the oldest first.

        Args:
            run: Only rows of this run; default: of all runs.
            older_than: Only rows that were last queued, attempted or due at least so many seconds ago; default: all.

        Raises:
            JournalError: The outbox cannot be read.
        """
        ...

    def resume(self, run: str | None = None, *, older_than: float = RESUME_AFTER) -> int:
        """Put unfinished rows into the queue again. They keep their idempotency keys and task IDs.

        This is safe even if the message of a row is still in the queue: the journal passes over a row that is done,
        and a row that is sent twice has the same key both times. Refused rows are left alone, since they would be
        refused again. A row that has been unfinished for almost as long as the journal remembers rows is refused, too.

        Args:
            run: Only rows of this run; default: of all runs.
            older_than: Only rows that were last queued, attempted or due at least so many seconds ago. To avoid useless
                messages, choose more than a row usually waits in the queue.

        Returns:
            The number of rows that were put into the queue.

        Raises:
            JournalError: The outbox cannot be read or written.
        """
        ...

    def forget(self, run: str, row_id: str) -> int:
        """Remove an unfinished row from the outbox, so that it is neither listed nor resumed any more.

        A message of the row that is still in the queue is still processed. To stop that, revoke the task.

        Returns:
            The number of records that were removed: more than one if the row was queued with different arguments.

        Raises:
            JournalError: The outbox cannot be read or written.
        """
        ...


def bulk_task(
    app: App,
    operation: str,
    *,
    client: WooshPay,
    journal: Journal,
    outbox: Outbox | None = None,
    name: str | None = None,
    retries: int = 12,
    first_gap: float = 1.0,
    longest_gap: float = 600.0,
    retry_rejected: bool = False,
    resend_expired: bool = False,
    rotated_key: bool = False,
    telemetry: Telemetry | None = None,
) -> Task:
    """Create a task that does one row of a run once, however often its message is delivered.

    The task returns the result of the row, as a dict: ``row``, ``state``, ``object_id``, ``status``,
    ``error``, ``code``, ``idempotency_key`` and ``earlier``, with the meanings of `RowResult`. If WooshPay rejects a
    row, that is a result too, and not a failure of the task.

    A second task, named like the first with ``.resume`` at the end, calls `Task.resume`. Let Celery beat run it every
    few minutes: then no row stays unfinished because the broker lost its message.

    Args:
        app: The Celery app.
        operation: The SDK name of the operation, such as ``refunds.create``. It must be a POST.
        client: Makes the calls. It may be created when the module is imported: every forked worker gets its own
            connections.
        journal: Records the rows: a `RedisJournal` for many machines, a `SqliteJournal` for one.
        outbox: Keeps the unfinished rows. Default: the outbox of the journal.
        name: The name of the task, which no other task of the app has. Two tasks for the same operation, such as for
            two accounts, need different names. Default: ``wooshpay.bulk.`` and the operation.
        retries: How often Celery retries a row whose response was lost, or which did not reach WooshPay.
        first_gap: Seconds before the first retry. Each further gap is twice as long; up to half of it is random.
        longest_gap: The longest gap, in seconds. With Redis as the broker it must be shorter than the visibility
            timeout.
        retry_rejected: Send rows that WooshPay rejected again, with a new key, when they are queued again.
        resend_expired: Send rows again that may have been carried out more than 23 hours ago.
        rotated_key: Accept that the client's API key is another one than the journal was begun with.
        telemetry: Counts the rows by state in OpenTelemetry, once per attempt.

    Raises:
        ConfigurationError: The operation does not exist or is not a POST, the journal has no outbox, or a setting is
            not valid.
    """
    declaration = find_operation(operation)
    check_count("retries", retries, least=0)
    check_seconds("first_gap", first_gap)
    check_seconds("longest_gap", longest_gap)
    caller = client._caller  # pyright: ignore[reportPrivateUsage]  # of the same package
    if not isinstance(caller, SyncCaller):
        raise ConfigurationError("Celery's tasks are plain functions: give them a WooshPay, not an AsyncWooshPay.")
    if outbox is None:
        if not isinstance(journal, HasOutbox):
            raise ConfigurationError(
                f"The journal, a {type(journal).__name__}, has no outbox, and without one a row is lost if the broker"
                " loses its message. Use a RedisJournal or a SqliteJournal, or pass outbox."
            )
        outbox = journal.outbox()
    awaited = AsyncCaller(caller.pipeline)
    config = caller.pipeline.config
    policy = Policy(retry_rejected=retry_rejected, resend_expired=resend_expired)
    task_name = name or f"wooshpay.bulk.{operation}"
    queued = QueuedRows(outbox, task_name, config.base_url, config.effects.now)

    def send(task: Any, run: str, row_id: str, arguments: Mapping[str, Any]) -> JsonObject:
        again: int = task.request.retries
        row = Row(row_id, arguments)
        which = Run(name=run, operation=operation, host=config.base_url)
        engine = Engine(declaration, awaited, journal, which, policy=policy, rotated_key=rotated_key)
        unfinished = delivered(run, row, task.request)

        async def attempt() -> RowResult:
            try:
                result = await engine.do(row)
            except ConfigurationError as error:
                # The whole run was refused, for example because the API key was rotated. Nothing is wrong with the
                # row, so it is resumed once the reason is gone.
                await queued.note(unfinished, RowResult(row=row.id, state="not_sent", error=error.message))
                raise
            await queued.note(unfinished, result)
            return result

        try:
            result = caller.run(attempt)
        except ConfigurationError:
            raise
        except Exception as error:
            # The journal failed, or Celery's soft time limit ended the attempt. The row may have been sent; its key
            # makes sure that it is not done twice. Celery would acknowledge the message of a task that fails.
            raise retry(task, gap(again, first_gap, longest_gap), error) from error
        note_row(operation, result, telemetry)
        log_row(operation, run, result, again + 1)
        if result.state in {"not_sent", "unknown"} and again < retries:
            raise retry(task, gap(again, first_gap, longest_gap))
        return _as_json(result)

    task_class: Any = _task_class(app, caller, queued)
    made: Task = app.task(
        send,
        base=task_class,
        name=task_name,
        bind=True,
        # By default, Celery also registers a task with all other apps of the process. If one of them has a task for the
        # same operation and another account, its rows would be sent by the client of this one.
        shared=False,
        **DURABLE,
        max_retries=retries,
    )

    # The signal holds its receivers weakly; the task holds this one.
    import_module("celery.signals").task_revoked.connect(task_class._on_revoked)

    def resume(run: str | None = None, older_than: float = RESUME_AFTER) -> int:
        return made.resume(run, older_than=older_than)

    app.task(resume, name=f"{task_name}.resume", shared=False, ignore_result=True)
    return made


if TYPE_CHECKING:

    class _CeleryTask:
        """The methods of ``celery.Task`` that are used here."""

        def apply_async(self, args: Any = None, kwargs: Any = None, task_id: Any = None, **options: Any) -> Any: ...
else:
    _CeleryTask = object


class _RowTask(_CeleryTask):
    """What a task for rows adds to the tasks of an app. Canvas, `delay` and retries all go through `apply_async`."""

    abstract = True
    _caller: SyncCaller
    _queued: QueuedRows

    def apply_async(self, args: Any = None, kwargs: Any = None, task_id: Any = None, **options: Any) -> Any:
        given = _given(args, kwargs)
        if options.get("retries") or given is None:
            # The outbox has the row already; or Celery is about to say which arguments are wrong.
            return super().apply_async(args, kwargs, task_id, **options)
        task_id = task_id or str(uuid.uuid4())
        row = Row(given["row_id"], given["arguments"])
        unfinished = self._queued.describe(given["run"], row, task_id, options)
        new = self._caller.run(lambda: self._queued.put(unfinished))
        try:
            return super().apply_async(args, kwargs, task_id, **options)
        except Exception as error:
            # The caller learns that the row was not queued, so it must not be resumed later behind their back.
            if new:
                self._take_back(unfinished, error)
            raise

    def _take_back(self, row: UnfinishedRow, error: Exception) -> None:
        try:
            self._caller.run(lambda: self._queued.remove(row))
        except JournalError:
            error.add_note(f"The row {row.row!r} could not be removed from the outbox. resume() would queue it.")

    def unfinished(self, run: str | None = None, *, older_than: float | None = None) -> list[UnfinishedRow]:
        return self._caller.run(lambda: self._queued.find(run, older_than))

    def resume(self, run: str | None = None, *, older_than: float = RESUME_AFTER) -> int:
        return sum(self._put_again(row) for row in self.unfinished(run, older_than=older_than))

    def _put_again(self, row: UnfinishedRow) -> bool:
        resumed = self._caller.run(lambda: self._queued.resume(row))
        if resumed is None:
            return False
        super().apply_async((row.run, row.row, dict(row.arguments)), None, row.task_id, **row.options)
        return True

    def forget(self, run: str, row_id: str) -> int:
        rows = [row for row in self.unfinished(run) if row.row == row_id]
        for row in rows:
            self._caller.run(functools.partial(self._queued.remove, row))
        return len(rows)


def _task_class(app: App, caller: SyncCaller, queued: QueuedRows) -> type:
    receiver = staticmethod(_on_revoked(caller, queued))
    values = {"abstract": True, "_caller": caller, "_queued": queued, "_on_revoked": receiver}
    return type("RowTask", (_RowTask, app.Task), values)


def _given(args: Any, kwargs: Any) -> dict[str, Any] | None:
    """Return the arguments of a task by name; ``None`` if they are not those of a row."""
    given: dict[str, Any] = {**dict(zip(_NAMES, args or (), strict=False)), **(kwargs or {})}
    return given if set(given) == set(_NAMES) else None


def _on_revoked(caller: SyncCaller, queued: QueuedRows) -> Callable[..., None]:
    """Make the receiver of Celery's signal ``task_revoked``, which is sent in the worker's main process.

    A row whose task was revoked or has expired must not be resumed: somebody decided that it is not to be sent.
    """

    def revoked(*, sender: Any, request: Any, terminated: bool = False, expired: bool = False, **_: Any) -> None:
        given = _given(request.args, request.kwargs)
        if getattr(sender, "_queued", None) is not queued or given is None:
            return
        row = Row(given["row_id"], given["arguments"])
        error = _TERMINATED if terminated else _EXPIRED if expired else _REVOKED
        result = RowResult(row=row.id, state="refused", error=error)
        caller.run(lambda: queued.note(delivered(given["run"], row, request), result))

    return revoked


def _as_json(result: RowResult) -> JsonObject:
    return attrs.asdict(result, filter=lambda attribute, _: attribute.name != "object")
