"""What every inbox promises, held against every store for real."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from webhooks.inbox.sqlalchemy_stores import SQLALCHEMY
from webhooks.inbox.stores import STORES, Place, make_place

from wooshpay import ConfigurationError
from wooshpay.webhooks.inbox import Claim, Inbox, MemoryInbox, PostgresInbox, RedisInbox, SqliteInbox
from wooshpay.webhooks.inbox.contract import new_claim

SHORT = 0.3
# Seconds that no test waits for unless it is about to fail.
PATIENCE = 60.0


@pytest.fixture(params=[*STORES, *SQLALCHEMY])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return make_place(request.param, tmp_path, request.getfixturevalue)


class Open:
    """Opens inboxes, and closes them when the test is over."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.inboxes: list[Inbox] = []

    def __call__(self, lease: float = 60.0) -> Inbox:
        # What is in memory is seen by one inbox only.
        if self.place.store == "memory" and self.inboxes:
            (inbox,) = self.inboxes
            assert isinstance(inbox, MemoryInbox)
            inbox.lease = lease
            return inbox
        inbox = self.place.open(lease=lease)
        self.inboxes.append(inbox)
        return inbox

    def patient(self) -> Inbox:
        """Open an inbox whose operations may take as long as a busy machine needs for hundreds of them."""
        inbox: Inbox
        match self.place.store:
            case "redis":
                inbox = RedisInbox(self.place.address, prefix=self.place.prefix, timeout=PATIENCE)
            case "postgres" | "pgbouncer":
                inbox = PostgresInbox(self.place.address, timeout=PATIENCE)
            case _:
                return self()
        self.inboxes.append(inbox)
        return inbox


@pytest.fixture
async def open_inbox(place: Place) -> AsyncIterator[Open]:
    opened = Open(place)
    yield opened
    for inbox in opened.inboxes:
        await inbox.close()


async def claimed(inbox: Inbox, event_id: str = "evt_1") -> Claim:
    claim = await inbox.claim(event_id)
    assert isinstance(claim, Claim), claim
    return claim


async def test_an_event_is_claimed_once_and_then_held(open_inbox: Open) -> None:
    one, other = open_inbox(), open_inbox()
    assert (await claimed(one)).event_id == "evt_1"
    assert await one.claim("evt_1") == "held"
    assert await other.claim("evt_1") == "held"
    assert isinstance(await other.claim("evt_2"), Claim)


async def test_what_is_done_stays_done_for_every_worker(open_inbox: Open) -> None:
    one, other = open_inbox(), open_inbox()
    assert await one.done(await claimed(one))
    assert await one.claim("evt_1") == "done"
    assert await other.claim("evt_1") == "done"


async def test_what_is_given_back_can_be_claimed_at_once(open_inbox: Open) -> None:
    one, other = open_inbox(), open_inbox()
    await one.give_back(await claimed(one))
    await claimed(other)


async def test_a_lease_that_ended_lets_another_worker_take_over_and_the_first_one_has_lost(open_inbox: Open) -> None:
    one = open_inbox(SHORT)
    lost = await claimed(one)
    await asyncio.sleep(SHORT * 1.5)
    # Its lease does not end during the test, however slow the machine is.
    other = open_inbox()
    claim = await claimed(other)
    assert not await one.renew(lost)
    assert not await one.done(lost)
    await one.give_back(lost)
    assert await one.claim("evt_1") == "held", "the loser gave back what was not its own"
    assert await other.done(claim)
    assert not await one.done(lost)
    assert await one.claim("evt_1") == "done"


async def test_a_lease_that_ended_but_was_not_taken_over_can_still_be_finished(open_inbox: Open) -> None:
    inbox = open_inbox(SHORT)
    claim = await claimed(inbox)
    await asyncio.sleep(SHORT * 1.5)
    assert await inbox.done(claim)
    assert await inbox.claim("evt_1") == "done"


async def test_renewing_holds_an_event_beyond_its_lease(open_inbox: Open) -> None:
    for number in range(20):
        claim = await claimed(open_inbox(SHORT), f"evt_{number}")
        # A renewal is for another lease from now on, and this lease does not end during the test.
        inbox = open_inbox()
        if await inbox.renew(claim):
            break
        # The machine was so slow that the short lease ended first.
    else:
        pytest.fail("no claim was renewed")
    await asyncio.sleep(SHORT * 1.5)
    assert await inbox.claim(claim.event_id) == "held"


async def test_what_is_done_cannot_be_given_back_or_renewed_and_done_twice_is_done(open_inbox: Open) -> None:
    inbox = open_inbox()
    claim = await claimed(inbox)
    assert await inbox.done(claim)
    await inbox.give_back(claim)
    assert not await inbox.renew(claim)
    assert await inbox.done(claim)
    assert await inbox.claim("evt_1") == "done"


async def test_a_stranger_can_neither_finish_nor_give_back(open_inbox: Open) -> None:
    inbox = open_inbox()
    await claimed(inbox)
    stranger = new_claim("evt_1")
    assert not await inbox.done(stranger)
    await inbox.give_back(stranger)
    assert not await inbox.renew(stranger)
    assert await inbox.claim("evt_1") == "held"


async def test_of_many_at_once_one_gets_the_event(open_inbox: Open) -> None:
    """Without one atomic step two workers would both see it free."""
    inboxes = [open_inbox() for _ in range(4)]
    for number in range(20):
        taken = await asyncio.gather(*(inbox.claim(f"evt_{number}") for inbox in inboxes for _ in range(4)))
        assert sum(isinstance(claim, Claim) for claim in taken) == 1
        assert taken.count("held") == 15


async def test_hundreds_of_deliveries_at_once_wait_for_their_turn(open_inbox: Open) -> None:
    """A store that ran out of connections would turn them away, and WooshPay would come again hours later."""
    inbox = open_inbox.patient()
    taken = await asyncio.gather(*(inbox.claim(f"evt_{number}") for number in range(300)))
    assert all(isinstance(claim, Claim) for claim in taken)


async def test_many_workers_that_start_at_once_on_an_empty_file_all_get_in(tmp_path: Path) -> None:
    """SQLite switches to WAL without waiting for others: some would be told that the database is locked."""
    for number in range(10):
        inboxes = [SqliteInbox(tmp_path / f"inbox{number}.db") for _ in range(12)]
        taken = await asyncio.gather(*(inbox.claim("evt_1") for inbox in inboxes))
        assert sum(isinstance(claim, Claim) for claim in taken) == 1
        for inbox in inboxes:
            await inbox.close()


async def test_counts(open_inbox: Open) -> None:
    inbox = open_inbox()
    assert await inbox.counts() == (0, 0)
    claims = [await claimed(inbox, f"evt_{number}") for number in range(5)]
    for claim in claims[:2]:
        await inbox.done(claim)
    await inbox.give_back(claims[2])
    assert await inbox.counts() == (2, 2)


@pytest.mark.parametrize(
    "event_id",
    [
        "evt_1 or 1=1; --'\"",
        "%s %(id)s %",
        "e" * 1000,
        "e" * 10_000,
        "evt_ü_雪",
        "a:b*?[x]",
        "a\\b",
        "a\0b",
        "a\ud800",
        "",
    ],
)
async def test_any_text_is_an_id(open_inbox: Open, event_id: str) -> None:
    """A signed event of an odd shape gets a response too; PostgreSQL stores no NUL, and UTF-8 has no lone surrogate."""
    inbox = open_inbox()
    assert await inbox.done(await claimed(inbox, event_id))
    assert await inbox.claim(event_id) == "done"
    assert await inbox.counts() == (0, 1)


async def test_what_is_durable_survives_its_inbox(place: Place) -> None:
    if place.store == "memory":
        return  # it promises nothing of the kind
    first = place.open()
    await first.done(await claimed(first))
    await claimed(first, "evt_2")
    await first.close()
    second = place.open()
    assert await second.claim("evt_1") == "done"
    assert await second.claim("evt_2") == "held"
    await second.close()


def test_an_inbox_can_be_used_by_one_event_loop_after_the_other(place: Place) -> None:
    """A synchronous program has a new loop for each asyncio.run."""
    inbox = place.open()

    async def use(event_id: str) -> None:
        assert await inbox.done(await claimed(inbox, event_id))
        await inbox.close()

    for number in range(3):
        asyncio.run(use(f"evt_{number}"))


async def test_closing_twice_and_before_any_use(place: Place) -> None:
    inbox = place.open()
    await inbox.close()
    await claimed(inbox)
    await inbox.close()
    await inbox.close()


@pytest.mark.parametrize(("lease", "retention"), [(0.0, 1e6), (-1.0, 1e6), (60.0, 3600.0)])
def test_times_that_would_let_an_event_run_twice_are_refused(lease: float, retention: float) -> None:
    with pytest.raises(ConfigurationError):
        MemoryInbox(lease=lease, retention=retention)
    with pytest.raises(ConfigurationError):
        SqliteInbox("inbox.db", lease=lease, retention=retention)
    with pytest.raises(ConfigurationError):
        RedisInbox("redis://127.0.0.1", lease=lease, retention=retention)
    with pytest.raises(ConfigurationError):
        PostgresInbox("postgresql://127.0.0.1", lease=lease, retention=retention)
