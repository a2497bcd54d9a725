"""A run: rows taken one by one, so many calls at once, and a quiet end when it is interrupted."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from os import PathLike
from typing import TYPE_CHECKING, Any, overload

import attrs

from wooshpay.bulk.decisions import moment
from wooshpay.bulk.engine import Engine, find_operation
from wooshpay.bulk.journal import Journal, Policy, Run
from wooshpay.bulk.observing import note_row, observed_run
from wooshpay.bulk.rows import Report, Row, RowResult
from wooshpay.bulk.sqlite import SqliteJournal
from wooshpay.config import check_count
from wooshpay.core.callers import AsyncCaller, SyncCaller
from wooshpay.core.log_fields import log_fields
from wooshpay.core.whole_steps import WholeStep
from wooshpay.errors import ConfigurationError

if TYPE_CHECKING:
    from wooshpay.client import AsyncWooshPay, WooshPay
    from wooshpay.middleware import Telemetry

DEFAULT_CONCURRENCY = 8

_logger = logging.getLogger("wooshpay.bulk")


@overload
def run(
    client: AsyncWooshPay,
    operation: str,
    rows: Iterable[Row] | AsyncIterable[Row],
    *,
    journal: Journal | str | PathLike[str],
    name: str | None = ...,
    concurrency: int = ...,
    max_errors: int | None = ...,
    retry_rejected: bool = ...,
    resend_expired: bool = ...,
    finished_ok: bool = ...,
    rotated_key: bool = ...,
    on_result: Callable[[RowResult], None] | None = ...,
    on_progress: Callable[[Report], None] | None = ...,
    telemetry: Telemetry | None = ...,
) -> Coroutine[Any, Any, Report]: ...
@overload
def run(
    client: WooshPay,
    operation: str,
    rows: Iterable[Row],
    *,
    journal: Journal | str | PathLike[str],
    name: str | None = ...,
    concurrency: int = ...,
    max_errors: int | None = ...,
    retry_rejected: bool = ...,
    resend_expired: bool = ...,
    finished_ok: bool = ...,
    rotated_key: bool = ...,
    on_result: Callable[[RowResult], None] | None = ...,
    on_progress: Callable[[Report], None] | None = ...,
    telemetry: Telemetry | None = ...,
) -> Report: ...
def run(
    client: AsyncWooshPay | WooshPay,
    operation: str,
    rows: Iterable[Row] | AsyncIterable[Row],
    *,
    journal: Journal | str | PathLike[str],
    name: str | None = None,
    concurrency: int = DEFAULT_CONCURRENCY,
    max_errors: int | None = None,
    retry_rejected: bool = False,
    resend_expired: bool = False,
    finished_ok: bool = False,
    rotated_key: bool = False,
    on_result: Callable[[RowResult], None] | None = None,
    on_progress: Callable[[Report], None] | None = None,
    telemetry: Telemetry | None = None,
) -> Coroutine[Any, Any, Report] | Report:
    """Make one call for each row, each of them once, however often the run is interrupted and started again.

    Ctrl-C, or canceling the task, takes no more rows, lets the calls under way end, and then goes on its way; a second
    one does not wait for them. What was done is in the journal either way: run the same again to go on.

    Args:
        client: With `AsyncWooshPay` the result is to be awaited, and the rows may be an asynchronous iterable; with
            `WooshPay` it is returned. Rows are read, and the callbacks called, in the thread that called this.
        operation: The SDK name of the operation, such as ``refunds.create``. It must be a POST.
        rows: What to do, read one by one as calls become free, so that there may be any number of them.
        journal: Where to record each row: an SQLite file, or a `Journal`, which is then not closed. A run
            belongs to the account, the mode and the host that it was begun with.
        name: Names the run. A run with a name shares its idempotency keys with every run of that name and operation,
            so that a lost journal does not make WooshPay do the rows again within a day. Without a name, it is the
            journal's own run of this operation, and no other journal has its keys.
        concurrency: How many calls are under way at once, at most.
        max_errors: Take no more rows after so many that did not succeed; never when left out. A key that WooshPay does
            not accept ends the run in any case.
        retry_rejected: Send rows that WooshPay refused in an earlier run again, with a new key.
        resend_expired: Send rows again that may have been carried out more than 23 hours ago. WooshPay may have
            forgotten their keys, so look first whether they were.
        finished_ok: Accept that the run finished before and has nothing to do, as in a program that repeats it on
            purpose. Otherwise such a report is not `complete`, and a warning is logged.
        rotated_key: Accept that the run was begun with another API key of the same account, which was rotated since.
        on_result: Told what became of each row.
        on_progress: Told how far the run is, after each row.
        telemetry: Reports the run to OpenTelemetry, and counts its rows by state.

    Returns:
        How many rows came to what.

    Raises:
        ConfigurationError: The operation does not exist, or is not a POST; a setting is not valid; or the run belongs
            to another account, mode or host.
        JournalError: The journal cannot be read or written.
    """
    if name is not None:
        name = checked_name(name)
    check_count("concurrency", concurrency, least=1)
    if max_errors is not None:
        check_count("max_errors", max_errors, least=1)
    declaration = find_operation(operation)
    caller = client._caller  # pyright: ignore[reportPrivateUsage]  # of the same package
    assert isinstance(caller, (AsyncCaller, SyncCaller)), "there are no others"
    awaited = caller if isinstance(caller, AsyncCaller) else AsyncCaller(caller.pipeline)
    config = awaited.pipeline.config
    which = Run(name=name, operation=operation, host=config.base_url)
    kept = journal if not isinstance(journal, (str, PathLike)) else SqliteJournal(journal)
    policy = Policy(retry_rejected=retry_rejected, resend_expired=resend_expired)

    async def begin() -> Engine:
        engine = Engine(declaration, awaited, kept, which, policy=policy, rotated_key=rotated_key)
        entry = await engine.begin()
        if not finished_ok:
            tally.report = attrs.evolve(tally.report, finished_before=entry.finished_at)
        return engine

    async def end() -> None:
        if kept is not journal:
            await kept.close()

    tally = _Tally(
        report=Report(name=name, operation=operation),
        max_errors=max_errors,
        on_result=on_result,
        on_progress=on_progress,
        monotonic=config.effects.monotonic,
        telemetry=telemetry,
    )
    if isinstance(caller, SyncCaller):
        if isinstance(rows, AsyncIterable):
            raise ConfigurationError("Rows that are iterated asynchronously need AsyncWooshPay.")
        return _Blocking(caller, concurrency, tally).run(rows, begin, end)
    return _Awaited(concurrency, tally).run(rows, begin, end)


def checked_name(name: str) -> str:
    """Remove the whitespace around the name of a run, and refuse one that is empty.

    Raises:
        ConfigurationError: The name is empty.
    """
    if not name.strip():
        raise ConfigurationError("The name of a run is empty. Choose one such as recall-2026-05, or leave it out.")
    return name.strip()


@attrs.define(kw_only=True, eq=False)
class _Tally:
    """Counts results, tells of them, and says when to take no more rows."""

    report: Report
    max_errors: int | None
    on_result: Callable[[RowResult], None] | None
    on_progress: Callable[[Report], None] | None
    monotonic: Callable[[], float]
    telemetry: Telemetry | None
    began: float = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.began = self.monotonic()

    def add(self, result: RowResult, engine: Engine) -> None:
        report = attrs.evolve(self.report.after(result), seconds=self.monotonic() - self.began)
        if engine.hopeless is not None:
            report = attrs.evolve(report, stopped=engine.hopeless)
        elif self.max_errors is not None and report.errors >= self.max_errors:
            report = attrs.evolve(report, stopped=f"{report.errors} rows did not succeed, which is max_errors.")
        self.report = report
        note_row(report.operation, result, self.telemetry)
        try:
            if self.on_result is not None:
                self.on_result(result)
        finally:
            # The row was done, also if its result could not be written.
            if self.on_progress is not None:
                self.on_progress(report)

    def observed(self) -> AbstractContextManager[None]:
        """Observe the run during a block."""
        return observed_run(lambda: self.report, self.telemetry, self.monotonic)

    @property
    def stopped(self) -> bool:
        return self.report.stopped is not None

    async def finish(self, engine: Engine) -> None:
        """Note in the journal how the pass ended, and warn if the run had finished before."""
        report = self.report
        if engine.hopeless is not None and report.not_sent == report.rows:
            await engine.release()
        if report.stopped is None and not report.left:
            await engine.finish()
        if report.repeated:
            _logger.warning(
                "%s To do the rows again as a new run, pass a new name=. If the run is repeated on purpose, pass"
                " finished_ok=True.",
                finished_sentence(report),
                extra=log_fields(
                    wooshpay_operation=report.operation,
                    wooshpay_run=report.name,
                    wooshpay_rows=report.rows,
                    wooshpay_rows_earlier=report.earlier,
                    wooshpay_rows_refused=report.refused,
                ),
            )

    def interrupted(self, interruption: BaseException) -> None:
        if isinstance(interruption, (KeyboardInterrupt, asyncio.CancelledError)):
            called = self.report.name or self.report.operation
            interruption.add_note(
                f"The bulk run {called!r} was interrupted after {self.report.rows} rows; run the same again to go on"
            )


def finished_sentence(report: Report) -> str:
    """Return a sentence: when the run finished, and for how many rows nothing was sent now."""
    assert report.finished_before is not None, "it had finished"
    called = f"The run {report.name!r}" if report.name is not None else "The run of this journal"
    sent = report.rows - report.earlier - report.refused
    return (
        f"{called} ({report.operation}) finished at {moment(report.finished_before)}. {sent:,} of the"
        f" {report.rows:,} rows were sent now, and nothing was sent for the other {report.earlier + report.refused:,}."
        if sent
        else f"{called} ({report.operation}) finished at {moment(report.finished_before)}, and nothing was sent now."
    )


class _Awaited:
    """A run in the running event loop."""

    def __init__(self, concurrency: int, tally: _Tally) -> None:
        self._free = asyncio.Semaphore(concurrency)
        self._tally = tally
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None

    async def run(
        self,
        rows: Iterable[Row] | AsyncIterable[Row],
        begin: Callable[[], Coroutine[Any, Any, Engine]],
        end: Callable[[], Coroutine[Any, Any, None]],
    ) -> Report:
        with self._tally.observed():
            try:
                engine = await begin()
                try:
                    await self._take(rows, engine)
                finally:
                    await self._finish()
                if self._failure is not None:
                    raise self._failure
                await self._tally.finish(engine)
            except BaseException as interruption:
                self._tally.interrupted(interruption)
                raise
            finally:
                await end()
        return self._tally.report

    async def _take(self, rows: Iterable[Row] | AsyncIterable[Row], engine: Engine) -> None:
        async for row in _each(rows):
            await self._free.acquire()
            if self._tally.stopped or self._failure is not None:
                return
            task = asyncio.create_task(self._do(row, engine))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _do(self, row: Row, engine: Engine) -> None:
        try:
            self._tally.add(await engine.do(row), engine)
        except Exception as error:  # of the journal, or of a callback: nothing may go on
            self._failure = self._failure or error
        finally:
            self._free.release()

    async def _finish(self) -> None:
        """Wait for the calls under way; who does not want to wait cancels once more."""
        try:
            while self._tasks:
                await asyncio.wait(self._tasks)
        except asyncio.CancelledError:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            raise


class _Blocking:
    """A run on the private loop of a synchronous client, with rows and callbacks in the calling thread."""

    def __init__(self, caller: SyncCaller, concurrency: int, tally: _Tally) -> None:
        self._caller = caller
        self._concurrency = concurrency
        self._tally = tally
        self._under_way: set[Future[RowResult]] = set()
        self._tasks: set[asyncio.Task[Any]] = set()

    def run(
        self,
        rows: Iterable[Row],
        begin: Callable[[], Coroutine[Any, Any, Engine]],
        end: Callable[[], Coroutine[Any, Any, None]],
    ) -> Report:
        with self._tally.observed():
            try:
                engine = self._caller.run(begin)
                with ThreadPoolExecutor(self._concurrency, thread_name_prefix="wooshpay-bulk") as pool:
                    try:
                        self._take(rows, engine, pool)
                    finally:
                        self._finish(engine)
                self._caller.run(lambda: self._tally.finish(engine))
            except BaseException as interruption:
                self._tally.interrupted(interruption)
                raise
            finally:
                self._caller.run(end)
        return self._tally.report

    def _take(self, rows: Iterable[Row], engine: Engine, pool: ThreadPoolExecutor) -> None:
        for row in rows:
            while len(self._under_way) >= self._concurrency:
                self._count_some(engine)
            if self._tally.stopped:
                return
            # In the context of the run, so that the calls belong to its span and their records to its trace.
            context = contextvars.copy_context()
            with WholeStep():
                self._under_way.add(pool.submit(context.run, self._caller.run, self._doing(engine, row)))

    def _doing(self, engine: Engine, row: Row) -> Callable[[], Coroutine[Any, Any, RowResult]]:
        async def do() -> RowResult:
            task = asyncio.current_task()
            assert task is not None, "this is a coroutine of a task"
            self._tasks.add(task)
            try:
                return await engine.do(row)
            finally:
                self._tasks.discard(task)

        return do

    def _count_some(self, engine: Engine) -> None:
        for future in wait(self._under_way, return_when=FIRST_COMPLETED).done:
            # A signal in between would leave a row that was sent out of the results.
            with WholeStep():
                self._under_way.discard(future)
                self._tally.add(future.result(), engine)

    def _finish(self, engine: Engine) -> None:
        """Wait for the calls under way; who does not want to wait interrupts once more."""
        failure: Exception | None = None
        try:
            while self._under_way:
                try:
                    self._count_some(engine)
                except Exception as error:  # of the journal, or of a callback; the others are waited for all the same
                    failure = failure or error
        except BaseException:
            self._caller.run(self._cancel)
            raise
        if failure is not None:
            raise failure

    async def _cancel(self) -> None:
        for task in list(self._tasks):
            task.cancel()


async def _each(rows: Iterable[Row] | AsyncIterable[Row]) -> AsyncIterator[Row]:
    if isinstance(rows, AsyncIterable):
        async for row in rows:
            yield row
    else:
        for row in rows:
            yield row
            # So that calls go on between rows that are at hand at once.
            await asyncio.sleep(0)
