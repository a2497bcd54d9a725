"""A run: rows taken one by one, so many calls at once, and a quiet end when it is interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from os import PathLike
from typing import TYPE_CHECKING, Any, overload

import attrs

from wooshpay.bulk.engine import Engine, find_operation
from wooshpay.bulk.journal import Journal, Policy, Run
from wooshpay.bulk.rows import Report, Row, RowResult
from wooshpay.bulk.sqlite import SqliteJournal
from wooshpay.config import check_count
from wooshpay.core.callers import AsyncCaller, SyncCaller
from wooshpay.errors import ConfigurationError

if TYPE_CHECKING:
    from wooshpay.client import AsyncWooshPay, WooshPay

DEFAULT_CONCURRENCY = 8


@overload
def run(
    client: AsyncWooshPay,
    operation: str,
    rows: Iterable[Row] | AsyncIterable[Row],
    *,
    name: str,
    journal: Journal | str | PathLike[str],
    concurrency: int = ...,
    max_errors: int | None = ...,
    retry_rejected: bool = ...,
    resend_expired: bool = ...,
    on_result: Callable[[RowResult], None] | None = ...,
    on_progress: Callable[[Report], None] | None = ...,
) -> Coroutine[Any, Any, Report]: ...
@overload
def run(
    client: WooshPay,
    operation: str,
    rows: Iterable[Row],
    *,
    name: str,
    journal: Journal | str | PathLike[str],
    concurrency: int = ...,
    max_errors: int | None = ...,
    retry_rejected: bool = ...,
    resend_expired: bool = ...,
    on_result: Callable[[RowResult], None] | None = ...,
    on_progress: Callable[[Report], None] | None = ...,
) -> Report: ...
def run(
    client: AsyncWooshPay | WooshPay,
    operation: str,
    rows: Iterable[Row] | AsyncIterable[Row],
    *,
    name: str,
    journal: Journal | str | PathLike[str],
    concurrency: int = DEFAULT_CONCURRENCY,
    max_errors: int | None = None,
    retry_rejected: bool = False,
    resend_expired: bool = False,
    on_result: Callable[[RowResult], None] | None = None,
    on_progress: Callable[[Report], None] | None = None,
) -> Coroutine[Any, Any, Report] | Report:
    """Make one call for each row, each of them once, however often the run is interrupted and started again.

    Ctrl-C, or canceling the task, takes no more rows, lets the calls under way end, and then goes on its way; a second
    one does not wait for them. What was done is in the journal either way: run the same again to go on.

    Args:
        client: With `AsyncWooshPay` the result is to be awaited, and the rows may be an asynchronous iterable; with
            `WooshPay` it is returned. Rows are read, and the callbacks called, in the thread that called this.
        operation: The SDK name of the operation, such as ``refunds.create``. It must be a POST.
        rows: What to do, read one by one as calls become free, so that there may be any number of them.
        name: Names the run for ever: a run of the same name, operation and host goes on where the last one ended. A new
            name does everything anew.
        journal: Where to note what became of the rows: an SQLite file, or a `Journal`, which is then not closed.
        concurrency: How many calls are under way at once, at most.
        max_errors: Take no more rows after so many that did not succeed; never when left out. A key that WooshPay does
            not accept ends the run in any case.
        retry_rejected: Send rows that WooshPay refused in an earlier run again, with a new key.
        resend_expired: Send rows again that may have been carried out more than 23 hours ago. WooshPay may have
            forgotten their keys, so look first whether they were.
        on_result: Told what became of each row.
        on_progress: Told how far the run is, after each row.

    Returns:
        How many rows came to what.

    Raises:
        ConfigurationError: There is no such operation, or it is no POST; or a setting cannot work.
        JournalError: The journal cannot be read or written.
    """
    if not name.strip():
        raise ConfigurationError("A run needs a name, such as recall-2026-05: it goes into the key of every row.")
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
        return Engine(declaration, awaited, kept, which, seen=await kept.begin(which), policy=policy)

    async def end() -> None:
        if kept is not journal:
            await kept.close()

    tally = _Tally(
        report=Report(name=name, operation=operation),
        max_errors=max_errors,
        on_result=on_result,
        on_progress=on_progress,
        monotonic=config.effects.monotonic,
    )
    if isinstance(caller, SyncCaller):
        if isinstance(rows, AsyncIterable):
            raise ConfigurationError("Rows that are iterated asynchronously need AsyncWooshPay.")
        return _Blocking(caller, concurrency, tally).run(rows, begin, end)
    return _Awaited(concurrency, tally).run(rows, begin, end)


@attrs.define(kw_only=True, eq=False)
class _Tally:
    """Counts results, tells of them, and says when to take no more rows."""

    report: Report
    max_errors: int | None
    on_result: Callable[[RowResult], None] | None
    on_progress: Callable[[Report], None] | None
    monotonic: Callable[[], float]
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
        if self.on_result is not None:
            self.on_result(result)
        if self.on_progress is not None:
            self.on_progress(report)

    @property
    def stopped(self) -> bool:
        return self.report.stopped is not None

    def interrupted(self, interruption: BaseException) -> None:
        if isinstance(interruption, (KeyboardInterrupt, asyncio.CancelledError)):
            interruption.add_note(
                f"The bulk run {self.report.name!r} was interrupted after {self.report.rows} rows;"
                " run the same again to go on"
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
        try:
            engine = await begin()
            try:
                await self._take(rows, engine)
            finally:
                await self._finish()
            if self._failure is not None:
                raise self._failure
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
        try:
            engine = self._caller.run(begin)
            with ThreadPoolExecutor(self._concurrency, thread_name_prefix="wooshpay-bulk") as pool:
                try:
                    self._take(rows, engine, pool)
                finally:
                    self._finish(engine)
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
            self._under_way.add(pool.submit(self._caller.run, self._doing(engine, row)))

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
