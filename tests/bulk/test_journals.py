"""What every journal promises, tried with each for real: SQLite in a file, and Redis."""

from __future__ import annotations

import asyncio
import multiprocessing
import shutil
import sqlite3
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import pytest
from webhooks.servers import RedisServer

from wooshpay import ConfigurationError, JournalError
from wooshpay.bulk import Entry, Journal, RedisJournal, Run, RunEntry, SqliteJournal

RUN = Run(name="recall", operation="refunds.create", host="https://apitest.wooshpay.com")
OTHER = attrs.evolve(RUN, name="another")
ENTRY = Entry(
    fingerprint="f",
    generation=1,
    key="k",
    state="rejected",
    sent_at=1_800_000_000.25,
    tries=2,
    seen=3,
    object_id="re_1",
    status="failed",
    error="Nicht möglich: “x”",
    code="c",
)


RUN_ENTRY = RunEntry(
    identity="i",
    secret="s",
    mode="live",
    host=RUN.host,
    accounts=("a", "b"),
    passes=4,
    latest=1_800_000_000.25,
    finished_at=1_800_000_001.5,
)


@pytest.fixture(params=["sqlite", "redis"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a journal keeps its entries: two journals of one place have the same."""
    return str(tmp_path / "journal.db") if request.param == "sqlite" else request.getfixturevalue("redis_url")


def opened(place: str, prefix: str) -> Journal:
    return RedisJournal(place, prefix=f"{prefix}:") if place.startswith("redis") else SqliteJournal(place)


@pytest.fixture
async def journal(place: str, tmp_path: Path) -> AsyncIterator[Journal]:
    journal = opened(place, tmp_path.name)
    yield journal
    await journal.close()


async def entry_of(journal: Journal, row_id: str, run: Run = RUN) -> Entry | None:
    found: list[Entry | None] = []

    def look(entry: Entry | None) -> None:
        found.append(entry)

    await journal.change(run, row_id, look)
    return found[-1]


async def run_entry_of(journal: Journal, run: Run = RUN) -> RunEntry | None:
    found: list[RunEntry | None] = []

    def look(entry: RunEntry | None) -> None:
        found.append(entry)

    await journal.change_run(run, look)
    return found[-1]


async def test_an_entry_comes_back_as_it_was_kept(journal: Journal) -> None:
    assert await entry_of(journal, "r1") is None
    await journal.change(RUN, "r1", lambda _: ENTRY)
    assert await entry_of(journal, "r1") == ENTRY
    bare = Entry(fingerprint="f", generation=1, key="k", state="started", sent_at=0.0)
    await journal.change(RUN, "r1", lambda entry: bare if entry == ENTRY else None)
    assert await entry_of(journal, "r1") == bare


async def test_runs_and_rows_do_not_mix(journal: Journal) -> None:
    await journal.change(RUN, "r1", lambda _: ENTRY)
    for run, row in ((RUN, "r2"), (RUN, "r1:"), (OTHER, "r1"), (attrs.evolve(RUN, name=None), "r1")):
        assert await entry_of(journal, row, run) is None


async def test_a_run_is_the_same_run_for_another_host(journal: Journal) -> None:
    """Otherwise nobody could notice that it belongs to another mode."""
    await journal.change(RUN, "r1", lambda _: ENTRY)
    assert await entry_of(journal, "r1", attrs.evolve(RUN, host="https://api.x")) == ENTRY


async def test_the_entry_of_a_run_comes_back_as_it_was_kept(journal: Journal) -> None:
    assert await run_entry_of(journal) is None
    await journal.change_run(RUN, lambda _: RUN_ENTRY)
    assert await run_entry_of(journal) == RUN_ENTRY
    assert await run_entry_of(journal, OTHER) is None
    bare = attrs.evolve(RUN_ENTRY, finished_at=None, passes=0)
    await journal.change_run(RUN, lambda entry: bare if entry == RUN_ENTRY else None)
    assert await run_entry_of(journal) == bare


async def test_a_journal_that_is_opened_again_knows_all(journal: Journal, place: str, tmp_path: Path) -> None:
    await journal.change_run(RUN, lambda _: RUN_ENTRY)
    await journal.change(RUN, "r1", lambda _: ENTRY)
    await journal.close()
    await journal.close()
    again = opened(place, tmp_path.name)
    assert await entry_of(again, "r1") == ENTRY
    assert await run_entry_of(again) == RUN_ENTRY
    await again.close()


async def test_no_change_is_lost_among_many_at_once(journal: Journal) -> None:
    def add(entry: Entry | None) -> Entry:
        return attrs.evolve(entry, generation=entry.generation + 1) if entry else attrs.evolve(ENTRY, generation=1)

    await asyncio.gather(*(journal.change(RUN, "r1", add) for _ in range(60)))
    entry = await entry_of(journal, "r1")
    assert entry is not None
    assert entry.generation == 60


def count_up(place: str, prefix: str, times: int) -> None:
    """A process that adds to one entry, again and again."""

    def add(entry: Entry | None) -> Entry:
        return attrs.evolve(entry or ENTRY, generation=(entry.generation if entry else 0) + 1)

    async def work() -> None:
        journal = opened(place, prefix)
        for _ in range(times):
            await journal.change(RUN, "r1", add)
        await journal.close()

    asyncio.run(work())


async def test_no_change_is_lost_among_processes(journal: Journal, place: str, tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=count_up, args=(place, tmp_path.name, 30)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        await asyncio.to_thread(worker.join, 60)
        assert worker.exitcode == 0
    entry = await entry_of(journal, "r1")
    assert entry is not None
    assert entry.generation == 60


async def test_an_error_in_a_change_changes_nothing_and_reaches_its_caller_only(journal: Journal) -> None:
    def fail(entry: Entry | None) -> Entry:
        raise LookupError("of the caller's")

    await journal.change(RUN, "r1", lambda _: ENTRY)
    with pytest.raises(LookupError):
        await journal.change(RUN, "r1", fail)
    assert await entry_of(journal, "r1") == ENTRY


# ---- what only one of them can do wrong -----------------------------------------------------------------------


async def test_a_broken_file_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_text("no database, but a text that is long enough to be looked at" * 20)
    journal = SqliteJournal(tmp_path / "journal.db")
    with pytest.raises(JournalError, match="Check the file, its folder and the disk"):
        await run_entry_of(journal)
    await journal.close()


async def test_the_file_can_be_read_with_any_sqlite_tool(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.db")
    await journal.change(RUN, "r1", lambda _: ENTRY)
    await journal.close()
    connection = sqlite3.connect(tmp_path / "journal.db")
    rows = connection.execute("SELECT id, state, object_id FROM wooshpay_bulk_rows").fetchall()
    connection.close()
    assert rows == [("r1", "rejected", "re_1")]


OLD_TABLES = (
    "CREATE TABLE wooshpay_bulk_runs (run TEXT PRIMARY KEY, passes INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE wooshpay_bulk_rows (run TEXT NOT NULL, id TEXT NOT NULL, fingerprint TEXT NOT NULL,"
    " generation INTEGER NOT NULL, key TEXT NOT NULL, state TEXT NOT NULL, sent_at REAL NOT NULL, seen INTEGER,"
    " object_id TEXT, status TEXT, error TEXT, code TEXT, PRIMARY KEY (run, id)) WITHOUT ROWID",
)


async def test_a_file_of_an_earlier_version_is_refused(tmp_path: Path) -> None:
    """If it counted as empty, its rows would be done again."""
    connection = sqlite3.connect(tmp_path / "journal.db")
    for statement in OLD_TABLES:
        connection.execute(statement)
    connection.close()
    journal = SqliteJournal(tmp_path / "journal.db")
    with pytest.raises(JournalError, match="written by an earlier version of wooshpay"):
        await run_entry_of(journal)
    await journal.close()


async def test_an_earlier_version_cannot_take_a_file_for_its_own(tmp_path: Path) -> None:
    """It would find no rows in the file, and do them again."""
    journal = SqliteJournal(tmp_path / "journal.db")
    await journal.change_run(RUN, lambda _: RUN_ENTRY)
    await journal.close()
    connection = sqlite3.connect(tmp_path / "journal.db")
    begin = "INSERT INTO wooshpay_bulk_runs (run, passes) VALUES ('r', 1) ON CONFLICT (run) DO UPDATE SET passes = 2"
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(begin)
    connection.close()


async def test_a_row_in_redis_of_an_earlier_version_is_refused(redis_url: str, tmp_path: Path) -> None:
    """If it counted as new, it would be done again."""
    from redis.asyncio import Redis

    journal = RedisJournal(redis_url, prefix=f"{tmp_path.name}:")
    client: Redis = Redis.from_url(redis_url)  # pyright: ignore[reportUnknownMemberType]  # so typed there
    await client.set(f'{tmp_path.name}:row:["recall", "refunds.create", "{RUN.host}"]:r1', "{}")
    with pytest.raises(JournalError, match="in the format of an earlier version"):
        await journal.change(RUN, "r1", lambda _: ENTRY)
    await journal.change(RUN, "r2", lambda _: ENTRY)
    await client.aclose()
    await journal.close()


async def test_a_journal_is_for_the_eyes_of_its_owner(tmp_path: Path) -> None:
    """It holds IDs of orders and reasons why somebody's card was declined."""
    journal = SqliteJournal(tmp_path / "journal.db")
    await journal.change(RUN, "r1", lambda _: ENTRY)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    await journal.close()
    assert modes == dict.fromkeys(["journal.db", "journal.db-wal", "journal.db-shm"], 0o600)


async def test_nothing_is_written_through_a_symbolic_link(tmp_path: Path) -> None:
    (tmp_path / "journal.db").symlink_to(tmp_path / "elsewhere")
    journal = SqliteJournal(tmp_path / "journal.db")
    with pytest.raises(JournalError, match="is a symbolic link"):
        await journal.change(RUN, "r1", lambda _: ENTRY)
    await journal.close()
    assert not (tmp_path / "elsewhere").exists()


async def test_a_file_that_is_moved_without_its_companions_knows_what_was_sent(tmp_path: Path) -> None:
    """A program that is killed leaves FILE-wal. Whoever moves FILE alone must not have its rows done again."""
    journal = SqliteJournal(tmp_path / "journal.db")
    started = attrs.evolve(ENTRY, state="started")
    await journal.change_run(RUN, lambda _: RUN_ENTRY)
    await journal.change(RUN, "r1", lambda _: started)
    # What is on the disk now is what a kill would leave.
    shutil.copy(tmp_path / "journal.db", tmp_path / "moved.db")
    moved = SqliteJournal(tmp_path / "moved.db")
    assert (await run_entry_of(moved), await entry_of(moved, "r1")) == (RUN_ENTRY, started)
    await moved.close()
    await journal.close()


async def test_a_redis_that_is_gone_is_told_without_its_address(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    server.start()
    journal = RedisJournal(server.url)
    assert await run_entry_of(journal) is None
    server.kill()
    with pytest.raises(JournalError, match="Check that Redis runs") as failed:
        await run_entry_of(journal)
    assert str(server.port) not in str(failed.value)
    await journal.close()


async def test_what_redis_keeps_survives_its_restart(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    server.start()
    journal = RedisJournal(server.url)
    await journal.change(RUN, "r1", lambda _: ENTRY)
    await journal.close()
    server.kill()
    server.start()
    again = RedisJournal(server.url)
    assert await entry_of(again, "r1") == ENTRY
    await again.close()
    server.kill()


def test_a_retention_that_forgets_rows_before_their_keys_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="retention must be at least"):
        RedisJournal("redis://127.0.0.1", retention=3600)


class Between:
    """A network between a client and Redis that loses responses.

    Attributes:
        lost: How many responses to EVAL are lost, by a connection that breaks.
        silent: Whether nothing comes back at all.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self.lost = 0
        self.silent = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            while command := await reader.read(65536):
                back.write(command)
                response = await there.read(65536)
                if b"EVAL" in command and self.lost:
                    self.lost -= 1
                    return
                if not self.silent:
                    writer.write(response)
        finally:
            for stream in (back, writer):
                stream.close()


async def test_a_row_whose_response_from_redis_is_lost_is_not_taken_for_a_second_row(
    redis_url: str, tmp_path: Path
) -> None:
    """redis-py sends the command again, and it finds what the first one wrote. The row was refused, as if there were
    two rows with its ID.
    """
    from redis.asyncio import Redis

    between = Between(int(redis_url.rpartition(":")[2].partition("/")[0]))
    server = await asyncio.start_server(between.serve, "127.0.0.1", 0)
    client: Redis = Redis(host="127.0.0.1", port=server.sockets[0].getsockname()[1])
    journal = RedisJournal(client, prefix=f"{tmp_path.name}:")
    seen: list[Entry | None] = []

    def change(entry: Entry | None) -> Entry | None:
        seen.append(entry)
        return ENTRY

    between.lost = 1
    await journal.change(RUN, "r1", change)
    assert between.lost == 0
    assert seen == [None]
    await journal.close()
    await client.aclose()
    server.close()


async def test_a_redis_that_stays_silent_fails_in_time_also_for_a_client_from_outside(
    redis_url: str, tmp_path: Path
) -> None:
    """A client without limits of its own would wait forever, and the run with it."""
    from redis.asyncio import Redis

    between = Between(int(redis_url.rpartition(":")[2].partition("/")[0]))
    server = await asyncio.start_server(between.serve, "127.0.0.1", 0)
    client: Redis = Redis(host="127.0.0.1", port=server.sockets[0].getsockname()[1], socket_timeout=None)
    journal = RedisJournal(client, prefix=f"{tmp_path.name}:", timeout=0.2)
    outbox = journal.outbox()
    await journal.change(RUN, "r1", lambda entry: ENTRY)
    between.silent = True
    for call in (
        journal.change(RUN, "r1", lambda entry: ENTRY),
        journal.change_run(RUN, lambda entry: RUN_ENTRY),
        outbox.put("task", "row", "record"),
        outbox.remove("task", "row"),
        outbox.records("task"),
    ):
        with pytest.raises(JournalError, match=r"did not answer within 0.2 seconds"):
            await asyncio.wait_for(call, 30)
    await client.aclose()
    server.close()
