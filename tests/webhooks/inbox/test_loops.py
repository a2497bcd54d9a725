"""Several threads and event loops use an inbox at once, such as to renew a claim while its own loop is blocked."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest
from redis.asyncio import Redis
from support.children import environment
from webhooks.inbox.sqlalchemy_stores import ON_ANY_LOOP
from webhooks.inbox.stores import STORES, Place, make_place

from wooshpay.core.loops import PerLoop
from wooshpay.webhooks.inbox import Claim, Inbox, MemoryInbox, RedisInbox

T = TypeVar("T")
SECONDS: Final = 60


@pytest.fixture(params=[*STORES, *ON_ANY_LOOP])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return make_place(request.param, tmp_path, request.getfixturevalue)


def in_another_thread(work: Callable[[], Awaitable[T]]) -> T:
    """Run something on an event loop of another thread, while this one's loop is blocked."""
    results: list[T] = []
    errors: list[BaseException] = []

    async def run() -> T:
        return await work()

    def target() -> None:
        try:
            results.append(asyncio.run(run()))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


async def test_a_claim_is_renewed_from_another_thread_while_its_own_event_loop_is_blocked(place: Place) -> None:
    """User code that blocks the event loop for longer than the lease would let a second worker in."""
    inbox = place.open()
    claim = await inbox.claim("evt_1")
    assert isinstance(claim, Claim)

    async def renew() -> list[object]:
        try:
            return [await inbox.renew(claim), await inbox.claim("evt_1")]
        finally:
            await inbox.close()

    # This call blocks the loop that made the claim.
    assert in_another_thread(renew) == [True, "held"]
    assert await inbox.renew(claim)
    assert await inbox.done(claim)
    await inbox.close()


async def test_every_operation_works_from_many_threads_at_once(place: Place) -> None:
    inbox = place.open()

    async def work(number: int) -> bool:
        for step in range(5):
            claim = await inbox.claim(f"evt_{number}_{step}")
            assert isinstance(claim, Claim)
            assert await inbox.renew(claim)
            assert await inbox.done(claim)
        # SQLite has one thread for all of them, and SQLAlchemy one pool: closing it is for the end.
        if place.store != "sqlite" and not place.store.startswith("sqlalchemy"):
            await inbox.close()
        return True

    def thread(number: int) -> bool:
        return asyncio.run(work(number))

    assert all(await asyncio.gather(*(asyncio.to_thread(thread, number) for number in range(6))))
    assert await inbox.counts() == (0, 30)
    await inbox.close()


async def test_a_redis_client_from_outside_is_used_on_its_own_event_loop(redis_url: str) -> None:
    """Its connections belong to one event loop. On another one, every renewal failed with a raw RuntimeError."""
    async with Redis.from_url(redis_url) as client:  # pyright: ignore[reportUnknownMemberType]  # so typed there
        inbox = RedisInbox(client, prefix="test:outside:")
        claim = await inbox.claim("evt_1")
        assert isinstance(claim, Claim)

        async def renew() -> bool:
            return await inbox.renew(claim)

        # This loop goes on meanwhile, so that it can serve the other thread.
        assert await asyncio.to_thread(in_another_thread, renew)
        assert await inbox.done(claim)
        await client.delete("test:outside:evt_1")
        await inbox.close()
        assert await client.ping(), "the client is not the inbox's to close"  # pyright: ignore[reportUnknownMemberType]


def test_a_redis_client_whose_event_loop_has_ended_is_used_on_the_next_one(redis_url: str) -> None:
    client = Redis.from_url(redis_url)  # pyright: ignore[reportUnknownMemberType]  # so typed there
    inbox = RedisInbox(client, prefix="test:next:")

    async def use() -> None:
        claim = await inbox.claim("evt_1")
        assert isinstance(claim, Claim)
        await inbox.give_back(claim)
        await client.aclose()

    for _ in range(2):
        asyncio.run(use())


class LosesAResponse:
    """A Redis client that loses the response to its first SET, and sends it again as redis-py does."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def set(self, *args: Any, **kwargs: Any) -> Any:
        await self._client.set(*args, **kwargs)
        return await self._client.set(*args, **kwargs)


async def test_a_claim_whose_response_was_lost_is_not_held_by_nobody(redis_url: str) -> None:
    """redis-py sends the command again and is told that the event is taken: by the first one, which nobody knew of."""
    async with Redis.from_url(redis_url) as client:  # pyright: ignore[reportUnknownMemberType]  # so typed there
        losing: Any = LosesAResponse(client)
        inbox = RedisInbox(losing, prefix="test:lost:")
        claim = await inbox.claim("evt_1")
        assert isinstance(claim, Claim)
        await inbox.give_back(claim)
        await inbox.close()


# ---- one object for each loop


async def test_what_could_not_be_made_is_made_by_the_next_call() -> None:
    """A server that was away for a moment must not be taken for broken once more than it was."""
    tries: list[int] = []

    async def make() -> str:
        tries.append(1)
        await asyncio.sleep(0)
        if len(tries) == 1:
            raise OSError("not yet")
        return "made"

    async def close(made: str) -> None:
        tries.clear()

    each = PerLoop(make, close)
    waiting = asyncio.ensure_future(each.get())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    while len(asyncio.all_tasks()) > 1:
        await asyncio.sleep(0)
    assert await each.get() == "made", "the error that nobody had waited for was raised now"
    assert len(tries) == 2
    await each.close()
    assert tries == []


async def test_an_error_that_nobody_waited_for_is_not_logged_as_forgotten() -> None:
    forgotten: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: forgotten.append(context))

    async def make() -> str:
        await asyncio.sleep(0)
        raise OSError("not now")

    async def close(made: str) -> None:
        """Nothing was made."""

    async def give_up(each: PerLoop[str]) -> None:
        waiting = asyncio.ensure_future(each.get())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await each.close()

    await give_up(PerLoop(make, close))
    gc.collect()
    assert forgotten == []


# ---- the memory inbox


class Guarded(dict[str, tuple[str, float]]):
    """A dictionary that may be touched only by who holds the lock."""

    def __init__(self, lock: threading.Lock) -> None:
        super().__init__()
        self.touched = 0
        self._guard = lock

    def _check(self) -> None:
        self.touched += 1
        assert self._guard.locked(), "used without the lock"

    def get(self, key: str, default: Any = None) -> Any:
        self._check()
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        self._check()
        return super().__contains__(key)

    def __setitem__(self, key: str, value: tuple[str, float]) -> None:
        self._check()
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        self._check()
        super().__delitem__(key)

    def __len__(self) -> int:
        self._check()
        return super().__len__()

    def __bool__(self) -> bool:
        return len(self) > 0

    def items(self) -> Any:
        self._check()
        return super().items()


@pytest.fixture
def guarded() -> tuple[Inbox, list[Guarded]]:
    inbox = MemoryInbox()
    lock = inbox._lock  # pyright: ignore[reportPrivateUsage]  # only from inside can a missing lock be seen for sure
    parts = [Guarded(lock), Guarded(lock)]
    inbox._held, inbox._done = parts  # pyright: ignore[reportPrivateUsage]
    return inbox, parts


@pytest.mark.parametrize("name", ["claim", "renew", "done", "give_back", "counts", "forget_old"])
async def test_the_memory_inbox_touches_its_events_under_its_lock(
    guarded: tuple[Inbox, list[Guarded]], name: str
) -> None:
    """Without it two threads could both see an event as free."""
    inbox, parts = guarded
    claim = Claim("evt_1", "a token") if name == "claim" else await inbox.claim("evt_1")
    assert isinstance(claim, Claim)
    before = sum(part.touched for part in parts)
    if name in ("counts", "forget_old"):
        await getattr(inbox, name)()
    elif name == "claim":
        await inbox.claim("evt_1")
    else:
        await getattr(inbox, name)(claim)
    assert sum(part.touched for part in parts) > before


# ---- forks

FORK: Final = """
import asyncio, os, sys
from wooshpay.webhooks.inbox import Claim, SqliteInbox

inbox = SqliteInbox(sys.argv[1])
assert isinstance(asyncio.run(inbox.claim("evt_parent")), Claim)
child = os.fork()
if child == 0:
    {close}
    assert asyncio.run(inbox.claim("evt_parent")) == "held"
    assert isinstance(asyncio.run(inbox.claim("evt_child")), Claim)
    inbox.close_now()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert asyncio.run(inbox.claim("evt_child")) == "held"
inbox.close_now()
"""


@pytest.mark.parametrize("close", ["inbox.close_now()", "asyncio.run(inbox.close())", "pass"])
def test_a_forked_worker_closes_and_uses_an_inbox_of_its_parent_s(tmp_path: Path, close: str) -> None:
    """Its thread is not there after a fork: a worker that closed it at once waited forever."""
    program = [sys.executable, "-c", FORK.format(close=close), str(tmp_path / "inbox.db")]
    done = subprocess.run(program, capture_output=True, text=True, timeout=SECONDS, check=False, env=environment())
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "not closed"])
def test_connections_of_the_loop_that_renews_are_closed_with_it(postgres_url: str, closed: bool) -> None:
    """PostgreSQL kept those of every receiver that was closed until the garbage collector found them."""
    joint = "&" if "?" in postgres_url else "?"
    name = "renewing" if closed else "renewing_to_the_end"
    program = f"""
import gc, logging, sys, time
import psycopg
from wooshpay import webhooks
from wooshpay.webhooks import WebhookReceiver
from wooshpay.webhooks.inbox import PostgresInbox
from webhooks.deliver import SECRET, body_of, headers_for

gc.disable()
logging.basicConfig(level=logging.WARNING)
receiver = WebhookReceiver(SECRET, inbox=PostgresInbox(sys.argv[1], lease=0.6))

@receiver.on("payment_intent.succeeded")
def paid(event):
    time.sleep(1.5)

body = body_of("evt_{name}")
assert receiver.receive_now(body, headers_for(body)).status == 200

def connections():
    with psycopg.connect(sys.argv[1].replace("{name}", "looking"), autocommit=True) as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = '{name}'"
        return connection.execute(query).fetchone()[0]

assert connections() >= 2
if {closed}:
    receiver.close_now()
    for _ in range(100):
        if connections() == 0:
            break
        time.sleep(0.1)
    assert connections() == 0
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, f"{postgres_url}{joint}application_name={name}"],
        cwd=Path(__file__).parents[2],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert (done.returncode, done.stderr) == (0, "")
