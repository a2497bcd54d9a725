"""Whole runs on both clients against the sandbox: how many at once, when they stop, and how they are interrupted."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from bulk.world import MemoryJournal, payment, refunded, rows

from wooshpay import AsyncWooshPay, ConfigurationError, JournalError, WooshPay, bulk
from wooshpay.bulk import Report, Row, RowResult
from wooshpay.sandbox import SyncSandbox

Runs: TypeAlias = Callable[..., Report]


@pytest.fixture(params=["sync", "async"])
def run(request: pytest.FixtureRequest, sandbox: SyncSandbox, tmp_path: Path) -> Runs:
    """A run of refunds on a client of either world."""

    def start(source: Any, **settings: Any) -> Report:
        settings = {"name": "recall", "journal": tmp_path / "journal.db", **settings}
        key = settings.pop("api_key", sandbox.api_key)
        if request.param == "sync":
            with WooshPay(key, base_url=sandbox.base_url) as client:
                return bulk.run(client, "refunds.create", source, **settings)

        async def awaited() -> Report:
            async with AsyncWooshPay(key, base_url=sandbox.base_url) as client:
                return await bulk.run(client, "refunds.create", source, **settings)

        return asyncio.run(awaited())

    return start


def test_every_row_is_done_once_and_a_second_run_does_nothing(run: Runs, sandbox: SyncSandbox) -> None:
    paid = payment(sandbox)
    results: list[RowResult] = []
    report = run(rows(paid, 60), on_result=results.append)
    assert (report.succeeded, report.rows, report.earlier, report.complete) == (60, 60, 0, True)
    assert report.seconds > 0
    assert refunded(sandbox) == sorted(map(str, range(60)))
    by_row = {result.row: result.object_id for result in results}
    again: list[RowResult] = []
    sandbox.requests.clear()
    report = run(rows(paid, 60), on_result=again.append)
    assert (report.succeeded, report.earlier) == (60, 60)
    assert len(sandbox.requests) == 0
    assert {result.row: result.object_id for result in again} == by_row


def test_another_name_is_another_run(run: Runs, sandbox: SyncSandbox) -> None:
    paid = payment(sandbox)
    assert run(rows(paid, 3)).earlier == 0
    assert run(rows(paid, 3), name="another").earlier == 0
    assert sandbox.store.count("refund") == 6


def test_so_many_calls_are_under_way_at_once_and_no_more(run: Runs, sandbox: SyncSandbox) -> None:
    paid = payment(sandbox)
    sandbox.faults.add("slow", operation="refunds.create", times=None, seconds=0.2)
    taken = 0
    done = 0
    most = 0

    def source() -> Iterator[Row]:
        nonlocal taken, most
        for row in rows(paid, 30):
            taken += 1
            most = max(most, taken - done)
            yield row

    def count(result: RowResult) -> None:
        nonlocal done
        done += 1

    report = run(source(), concurrency=10, on_result=count)
    # Rows are read as calls become free: one may be at hand, but no list of them.
    assert 10 <= most <= 11
    assert report.succeeded == 30
    # One after the other it would take six seconds.
    assert report.seconds < 5


def test_rows_and_callbacks_stay_in_the_thread_of_the_caller(run: Runs, sandbox: SyncSandbox) -> None:
    """A cursor of a database, or a bar on the terminal, belongs to one thread."""
    paid = payment(sandbox)
    threads: set[int] = set()

    def note(_: object = None) -> None:
        threads.add(threading.get_ident())

    def source() -> Iterator[Row]:
        for row in rows(paid, 10):
            note()
            yield row

    run(source(), on_result=note, on_progress=note)
    assert threads == {threading.get_ident()}


def test_progress_is_told_row_by_row(run: Runs, sandbox: SyncSandbox) -> None:
    told: list[Report] = []
    report = run(rows(payment(sandbox), 5), on_progress=told.append)
    assert [each.rows for each in told] == [1, 2, 3, 4, 5]
    assert told[-1] == report


def test_rows_with_one_id_are_done_once(run: Runs, sandbox: SyncSandbox) -> None:
    paid = payment(sandbox)
    twice = [*rows(paid, 3), *rows(paid, 2), *rows(paid, 1, amount=7)]
    results: list[RowResult] = []
    report = run(twice, concurrency=1, on_result=results.append)
    assert (report.succeeded, report.refused) == (3, 3)
    assert sandbox.store.count("refund") == 3
    assert all("two rows with this ID" in (result.error or "") for result in results[3:])


def test_a_changed_row_is_refused_and_the_others_go_on(run: Runs, sandbox: SyncSandbox) -> None:
    paid = payment(sandbox)
    run(rows(paid, 2))
    report = run([*rows(paid, 1, amount=9), *list(rows(paid, 3))[1:]])
    assert (report.succeeded, report.earlier, report.refused, report.complete) == (2, 1, 1, False)
    assert refunded(sandbox) == ["0", "1", "2"]


def test_a_run_ends_after_so_many_errors(run: Runs, sandbox: SyncSandbox) -> None:
    report = run(rows("pi_0000000000000000000", 100), max_errors=5, concurrency=2)
    assert 5 <= report.errors <= 7
    assert report.stopped is not None
    assert "max_errors" in report.stopped


def test_a_wrong_key_ends_a_run_at_once_and_spoils_no_row(run: Runs, sandbox: SyncSandbox) -> None:
    paid = payment(sandbox)
    report = run(rows(paid, 100), api_key="sk_test_wrong", concurrency=2)
    assert report.stopped is not None
    assert report.not_sent == report.rows < 5
    assert run(rows(paid, 10)).succeeded == 10


def test_answers_that_are_lost_are_asked_for_again(run: Runs, sandbox: SyncSandbox) -> None:
    paid = payment(sandbox)
    sandbox.faults.add("drop_after", operation="refunds.create", times=None, probability=0.3, seed=7)
    first = run(rows(paid, 60), concurrency=4)
    assert first.rows == 60
    sandbox.faults.clear()
    assert run(rows(paid, 60)).succeeded == 60
    assert refunded(sandbox) == sorted(map(str, range(60)))


def test_an_error_in_the_source_or_in_a_callback_lets_calls_end_and_comes_out(run: Runs, sandbox: SyncSandbox) -> None:
    paid = payment(sandbox)

    def source() -> Iterator[Row]:
        yield from rows(paid, 5)
        raise LookupError("the database went away")

    with pytest.raises(LookupError, match="went away"):
        run(source())
    assert refunded(sandbox) == list("01234")

    def refuse(result: RowResult) -> None:
        raise ArithmeticError("of the user's")

    with pytest.raises(ArithmeticError):
        run(rows(paid, 500), on_result=refuse, concurrency=2)
    assert sandbox.store.count("refund") < 100


def test_a_journal_that_cannot_be_written_sends_nothing(run: Runs, sandbox: SyncSandbox, tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="Check the file"):
        run(rows(payment(sandbox), 5), journal=tmp_path / "no" / "folder.db")
    assert sandbox.store.count("refund") == 0


def test_a_journal_that_was_handed_in_is_left_open(run: Runs, sandbox: SyncSandbox) -> None:
    journal = MemoryJournal()
    run(rows(payment(sandbox), 2), journal=journal)
    assert len(journal.entries) == 2
    assert not journal.closed


@pytest.mark.parametrize("settings", [{"name": " "}, {"concurrency": 0}, {"max_errors": 0}], ids=str)
def test_settings_that_cannot_work_are_refused(run: Runs, settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        run([], **settings)


def test_rows_may_come_from_the_same_client(sandbox: SyncSandbox, tmp_path: Path) -> None:
    """Refunding what a list gives is what bulk runs are mostly for."""
    for _ in range(12):
        payment(sandbox, 1000)
    with WooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        charges = client.charges.list(limit=5)
        source = (Row(charge.id, {"payment_intent": charge.payment_intent_id}) for charge in charges)
        report = bulk.run(client, "refunds.create", source, name="all", journal=tmp_path / "journal.db")
    assert report.succeeded == 12


async def test_rows_may_be_iterated_asynchronously(sandbox: SyncSandbox, tmp_path: Path) -> None:
    paid = await asyncio.to_thread(payment, sandbox)

    async def source() -> AsyncIterator[Row]:
        for row in rows(paid, 20):
            await asyncio.sleep(0)
            yield row

    async with AsyncWooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        report = await bulk.run(client, "refunds.create", source(), name="a", journal=tmp_path / "journal.db")
    assert report.succeeded == 20
    wrong: Any = source()
    with WooshPay(sandbox.api_key, base_url=sandbox.base_url) as plain:
        with pytest.raises(ConfigurationError, match="need AsyncWooshPay"):
            bulk.run(plain, "refunds.create", wrong, name="a", journal=tmp_path / "journal.db")
    await wrong.aclose()


async def test_canceling_takes_no_more_rows_and_lets_calls_end(sandbox: SyncSandbox, tmp_path: Path) -> None:
    paid = await asyncio.to_thread(payment, sandbox)
    sandbox.faults.add("slow", operation="refunds.create", times=None, seconds=0.3)
    results: list[RowResult] = []
    async with AsyncWooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        task = asyncio.create_task(
            bulk.run(
                client,
                "refunds.create",
                rows(paid, 1000),
                name="a",
                journal=tmp_path / "journal.db",
                concurrency=4,
                on_result=results.append,
            )
        )
        while len(results) < 4:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as canceled:
            await task
    assert "run the same again" in canceled.value.__notes__[0]
    assert len(results) == sandbox.store.count("refund") <= 12
    assert {result.state for result in results} == {"succeeded"}


async def test_canceling_twice_does_not_wait(sandbox: SyncSandbox, tmp_path: Path) -> None:
    paid = await asyncio.to_thread(payment, sandbox)
    sandbox.faults.add("stall", operation="refunds.create", times=None)
    journal = MemoryJournal()
    async with AsyncWooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        task = asyncio.create_task(
            bulk.run(client, "refunds.create", rows(paid, 10), name="a", journal=journal, concurrency=2)
        )
        while len(journal.entries) < 2:
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.sleep(0.05)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 10)
    assert {entry.state for entry in journal.entries.values()} == {"started"}
