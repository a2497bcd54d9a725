"""Setting a machine's clock must not give an event to a second worker, nor keep it from all of them."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from wooshpay.webhooks.inbox import Claim, Inbox, MemoryInbox, SqliteInbox, machine_clock

pytestmark = pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="only Linux has this clock")

LEASE: Final = 60.0
DAY: Final = 86_400.0
YEAR: Final = 365 * DAY


class Machine:
    """The clocks of a machine, in the hands of a test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall = 1.8e9
        self.uptime = 1000.0
        self._boots = 1
        monkeypatch.setattr(time, "time", lambda: self.wall)
        monkeypatch.setattr(time, "monotonic", lambda: self.uptime)
        monkeypatch.setattr(time, "clock_gettime", self.read)
        monkeypatch.setattr(machine_clock, "boot_id", lambda: f"boot {self._boots}")

    def read(self, clock: int) -> float:
        """Read a clock other than the wall clock."""
        assert clock == time.CLOCK_BOOTTIME
        return self.uptime

    def wait(self, seconds: float) -> None:
        """Move the clock forward."""
        self.wall += seconds
        self.uptime += seconds

    def start_again(self, *, wall: float) -> None:
        """Start the machine again, with the wall clock at some time."""
        self._boots += 1
        self.wall, self.uptime = wall, 10.0


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "inbox.db"


@pytest.fixture(params=["sqlite", "memory"])
async def inbox(request: pytest.FixtureRequest, machine: Machine, path: Path) -> AsyncIterator[Inbox]:
    inbox = SqliteInbox(path, lease=LEASE) if request.param == "sqlite" else MemoryInbox(lease=LEASE)
    yield inbox
    await inbox.close()


async def claimed(inbox: Inbox, event_id: str = "evt_1") -> Claim:
    claim = await inbox.claim(event_id)
    assert isinstance(claim, Claim), claim
    return claim


@pytest.mark.parametrize("jump", [YEAR, -YEAR])
async def test_a_claim_holds_when_the_clock_is_set(machine: Machine, inbox: Inbox, jump: float) -> None:
    """With the wall clock, a jump forward let a second worker in while the first one was still running."""
    claim = await claimed(inbox)
    machine.wall += jump
    assert await inbox.claim("evt_1") == "held"
    machine.wait(LEASE - 1)
    assert await inbox.renew(claim)
    machine.wait(LEASE - 1)
    assert await inbox.claim("evt_1") == "held"


@pytest.mark.parametrize("jump", [YEAR, -YEAR])
async def test_the_event_of_a_dead_worker_is_free_after_its_lease_whatever_the_clock_says(
    machine: Machine, inbox: Inbox, jump: float
) -> None:
    """With the wall clock, a jump backward kept the event from every worker for as long: WooshPay gives up earlier."""
    await claimed(inbox)
    machine.wall += jump
    machine.wait(LEASE + 1)
    await claimed(inbox)


@pytest.mark.parametrize("jump", [YEAR, -YEAR])
async def test_what_is_done_is_remembered_for_the_retention_whatever_the_clock_says(
    machine: Machine, inbox: Inbox, jump: float
) -> None:
    """A clock that was a year ahead for a moment made every event forgotten, and redeliveries ran again."""
    assert await inbox.done(await claimed(inbox))
    machine.wall += jump
    assert await inbox.forget_old() == 0
    machine.wait(7 * DAY - 1)
    assert await inbox.claim("evt_1") == "done"
    machine.wall = 1.8e9 + 8 * DAY
    machine.uptime += 2
    assert await inbox.forget_old() == 1
    await claimed(inbox)


async def test_after_the_machine_was_started_again_the_wall_clock_decides(machine: Machine, path: Path) -> None:
    """The uptime begins at zero: by it, what was claimed before would be held for as long as the machine had run."""
    machine.uptime = YEAR
    before = SqliteInbox(path, lease=LEASE)
    assert await before.done(await claimed(before, "evt_done"))
    await claimed(before, "evt_held")
    await before.close()
    machine.start_again(wall=machine.wall + LEASE / 2)
    after = SqliteInbox(path, lease=LEASE)
    assert await after.claim("evt_done") == "done"
    assert await after.claim("evt_held") == "held"
    machine.wait(LEASE)
    await claimed(after, "evt_held")
    machine.wait(8 * DAY)
    assert await after.forget_old() == 2
    await after.close()


async def test_an_abandoned_claim_is_forgotten_one_retention_after_its_lease(machine: Machine, inbox: Inbox) -> None:
    if isinstance(inbox, MemoryInbox):
        return  # it keeps them
    await claimed(inbox)
    machine.wait(7 * DAY)
    assert await inbox.forget_old() == 0
    machine.wait(LEASE + 1)
    assert await inbox.forget_old() == 1


async def test_a_clock_from_outside_decides_alone(machine: Machine, path: Path) -> None:
    now = [5.0]
    inbox = SqliteInbox(path, lease=LEASE, now=lambda: now[0])
    await claimed(inbox)
    machine.wait(YEAR)
    assert await inbox.claim("evt_1") == "held"
    now[0] += LEASE + 1
    await claimed(inbox)
    await inbox.close()


# ---- files and workers of older versions

OLD_TABLE: Final = (
    "CREATE TABLE wooshpay_inbox"
    " (id TEXT PRIMARY KEY, token TEXT NOT NULL, done INTEGER NOT NULL, expires REAL NOT NULL) WITHOUT ROWID"
)
OLD_CLAIM: Final = (
    "INSERT INTO wooshpay_inbox (id, token, done, expires) VALUES (:id, :token, 0, :until)"
    " ON CONFLICT (id) DO UPDATE SET token = excluded.token, done = 0, expires = excluded.expires"
    " WHERE wooshpay_inbox.expires <= :now RETURNING token"
)


async def test_a_file_of_an_older_version_keeps_its_events(machine: Machine, path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(OLD_TABLE)
        rows = [
            ("evt_done", 1, machine.wall + DAY),
            ("evt_held", 0, machine.wall + 30),
            ("evt_old", 1, machine.wall - 1),
        ]
        connection.executemany("INSERT INTO wooshpay_inbox VALUES (?, 'a token', ?, ?)", rows)
    inbox = SqliteInbox(path, lease=LEASE)
    assert await inbox.claim("evt_done") == "done"
    assert await inbox.claim("evt_held") == "held"
    assert await inbox.forget_old() == 1
    machine.wait(31)
    await claimed(inbox, "evt_held")
    assert await inbox.counts() == (1, 1)
    await inbox.close()


async def test_while_old_and_new_workers_share_a_file_neither_takes_over_what_the_other_holds(
    machine: Machine, path: Path
) -> None:
    """An update is rolled out worker by worker. An old one does not know the columns of the uptime."""
    inbox = SqliteInbox(path, lease=LEASE)
    await claimed(inbox)
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        values = {"id": "evt_1", "token": "of the old one", "until": machine.wall + LEASE, "now": machine.wall}
        assert old.execute(OLD_CLAIM, values).fetchall() == []
        machine.wait(LEASE + 1)
        values |= {"until": machine.wall + LEASE, "now": machine.wall}
        assert old.execute(OLD_CLAIM, values).fetchall() == [("of the old one",)]
    assert await inbox.claim("evt_1") == "held"
    machine.wait(LEASE + 1)
    await claimed(inbox)
    await inbox.close()


def test_without_an_id_of_the_boot_the_wall_clock_decides(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for missing in (True, False):
        machine_clock.boot_id.cache_clear()
        with monkeypatch.context() as patch:
            if missing:
                patch.delattr(time, "CLOCK_BOOTTIME")
            else:
                patch.setattr(machine_clock, "_BOOT_ID", tmp_path / "missing")
            patch.setattr(time, "time", lambda: 17.0)
            assert machine_clock.machine_moment() == (17.0, None, 0.0)
    machine_clock.boot_id.cache_clear()
    moment = machine_clock.machine_moment()
    assert moment.boot
    assert moment.uptime > 0
