"""A claim is renewed whatever its handler does to the event loop and the thread pool, and not forever."""

from __future__ import annotations

import asyncio
import gc
import logging
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

import pytest
from support.children import environment
from webhooks.deliver import SECRET, body_of, headers_for
from webhooks.handling import PAID, PATIENCE, Slow, deliver, opened, until, until_settled
from webhooks.inbox.stores import make_place

from wooshpay import ConfigurationError
from wooshpay.api.events import Event
from wooshpay.webhooks import MemoryInbox, RedisInbox, WebhookReceiver
from wooshpay.webhooks.inbox import Claim, InboxError, Taken
from wooshpay.webhooks.inbox.contract import usable_on_any_loop

SHORT: Final = 1.5


class Watched(MemoryInbox):
    """An inbox that notes on which event loop each claim was renewed."""

    def __init__(self, lease: float = SHORT) -> None:
        super().__init__(lease=lease)
        self.renewed_on: list[asyncio.AbstractEventLoop] = []
        self.renewed: list[Claim] = []
        self.renewals = threading.Semaphore(0)

    async def renew(self, claim: Claim) -> bool:
        self.renewed_on.append(asyncio.get_running_loop())
        self.renewed.append(claim)
        kept = await super().renew(claim)
        self.renewals.release()
        return kept

    def wait_for_renewals(self, count: int) -> None:
        """Block the calling thread until claims were renewed."""
        for _ in range(count):
            assert self.renewals.acquire(timeout=PATIENCE), "the claim was not renewed"


@pytest.mark.parametrize("now", [False, True], ids=["awaited", "plain"])
async def test_an_async_handler_that_blocks_its_event_loop_keeps_its_event(now: bool) -> None:
    """A forgotten time.sleep in a handler is common. The lease ended meanwhile, and a second worker shipped too."""
    inbox = Watched()
    seen: list[Claim | Taken] = []
    receiver = WebhookReceiver(SECRET, inbox=inbox)

    @receiver.on(PAID)
    async def paid(event: Event) -> None:
        inbox.wait_for_renewals(4)  # nothing else runs on this loop meanwhile
        seen.append(await inbox.claim(event.id))

    body = body_of()
    if now:
        reply = await asyncio.to_thread(receiver.receive_now, body, headers_for(body))
    else:
        reply = await deliver(receiver)
    assert (reply.status, seen) == (200, ["held"])
    await receiver.close()


@pytest.mark.parametrize("store", ["sqlite", "redis", "postgres"])
async def test_every_store_can_be_renewed_while_the_event_loop_is_blocked(
    store: str, tmp_path: Path, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    """The connections of the blocked loop cannot be used meanwhile, and those of the other must be closed again.

    The tasks of a pool were cancelled before it was closed. So it stayed open, and every close logged a warning.
    """
    place = make_place(store, tmp_path, request.getfixturevalue)
    inbox, other = place.open(lease=2.0), place.open(lease=2.0)
    renewals = threading.Semaphore(0)
    renew = inbox.renew

    async def watched(claim: Claim) -> bool:
        kept = await renew(claim)
        renewals.release()
        return kept

    inbox.renew = watched  # type: ignore[method-assign]
    seen: list[Claim | Taken] = []
    async with opened(inbox) as receiver:

        @receiver.on(PAID)
        async def paid(event: Event) -> None:
            for _ in range(4):
                assert renewals.acquire(timeout=PATIENCE)
            seen.append(await other.claim(event.id))

        assert (await deliver(receiver)).status == 200
    assert [record.message for record in caplog.records if record.name.startswith("wooshpay")] == []
    await other.close()
    assert seen == ["held"]


async def test_a_fast_handler_costs_no_renewal() -> None:
    inbox = Watched(lease=60.0)
    async with opened(inbox) as receiver:
        receiver.on(PAID)(lambda event: None)
        for number in range(50):
            assert (await deliver(receiver, f"evt_{number}")).status == 200
    assert inbox.renewed_on == []


async def test_deliveries_one_after_another_are_looked_after_by_one_thread() -> None:
    """A thread or a task for each delivery would cost more than the whole delivery."""
    async with opened(Watched(lease=60.0)) as receiver:

        @receiver.on(PAID)
        async def paid(event: Event) -> None:
            await asyncio.sleep(0)

        await deliver(receiver, "evt_first")
        threads, tasks = threading.active_count(), len(asyncio.all_tasks())
        for number in range(20):
            await deliver(receiver, f"evt_{number}")
        assert (threading.active_count(), len(asyncio.all_tasks())) == (threads, tasks)


def test_a_receiver_that_is_only_constructed_starts_no_thread() -> None:
    """gunicorn --preload constructs it before it forks: a thread would be lost in every worker."""
    before = threading.active_count()
    WebhookReceiver(SECRET, inbox=MemoryInbox())
    assert threading.active_count() == before


def test_a_receiver_that_is_forgotten_leaves_no_thread() -> None:
    """Not every program closes its receiver."""

    async def use() -> None:
        receiver = WebhookReceiver(SECRET, inbox=MemoryInbox())
        receiver.on(PAID)(lambda event: None)
        await deliver(receiver)

    before = {thread.ident for thread in threading.enumerate()}
    asyncio.run(use())
    gc.collect()
    deadline = time.monotonic() + PATIENCE
    while {thread.ident for thread in threading.enumerate()} - before:
        assert time.monotonic() < deadline
        time.sleep(0.01)


async def test_an_inbox_for_one_event_loop_is_renewed_on_that_loop() -> None:
    """A Redis client from outside, or an unknown inbox, belongs to a loop: another one would mix up its responses."""
    inbox = Watched()
    inbox.any_loop = False
    async with opened(inbox) as receiver:

        @receiver.on(PAID)
        async def paid(event: Event) -> None:
            await until(lambda: len(inbox.renewed_on) >= 2)

        assert (await deliver(receiver)).status == 200
    assert set(inbox.renewed_on) == {asyncio.get_running_loop()}


def test_a_redis_client_from_outside_is_used_on_its_own_loop_only() -> None:
    redis: Any = object()
    assert not usable_on_any_loop(RedisInbox(redis))
    assert usable_on_any_loop(RedisInbox("redis://127.0.0.1:6379/0"))


def test_a_forked_child_renews_its_own_claims_and_none_of_its_parent() -> None:
    """The parent's thread does not exist in the child, although it looks as if it had been started."""
    program = """
import asyncio, os, threading
from webhooks.deliver import SECRET, body_of, headers_for
from wooshpay.webhooks import MemoryInbox, WebhookReceiver
class Watched(MemoryInbox):
    async def renew(self, claim):
        renewed.append(claim.event_id)
        more.release()
        return await super().renew(claim)
renewed, more = [], threading.Semaphore(0)
receiver = WebhookReceiver(SECRET, inbox=Watched(lease=0.5))
def deliver(event_id):
    body = body_of(event_id)
    return receiver.receive_now(body, headers_for(body)).status
child = None
@receiver.other
def handler(event):
    global child
    if event.id == "evt_parent":
        child = os.fork()
        if child == 0:
            renewed.clear()
            print(deliver("evt_child"), set(renewed), flush=True)
            os._exit(0)
        os.waitpid(child, 0)
    else:
        for _ in range(3):
            assert more.acquire(timeout=20)
print(deliver("evt_parent"))
receiver.close_now()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=90, env=environment()
    )
    assert done.stdout == "200 {'evt_child'}\n200\n", done.stderr


def test_a_plain_call_under_gevent_is_renewed_and_can_be_timed_out() -> None:
    """Greenlets share one thread, in which only one event loop can run: a second one for renewals would fail."""
    program = """
from gevent import monkey
monkey.patch_all()
import gevent, time
from webhooks.deliver import SECRET, body_of, headers_for
from wooshpay.webhooks import MemoryInbox, WebhookReceiver
class Watched(MemoryInbox):
    async def renew(self, claim):
        renewed.append(claim)
        return await super().renew(claim)
renewed, runs = [], []
receiver = WebhookReceiver(SECRET, inbox=Watched(lease=0.6))
@receiver.on("payment_intent.succeeded")
def paid(event):
    runs.append(event.id)
    deadline = time.monotonic() + 20
    while len(renewed) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    if len(runs) == 1:
        time.sleep(20)
def deliver():
    return receiver.receive_now(body_of(), headers_for(body_of()))
try:
    with gevent.Timeout(5):
        deliver()
except gevent.Timeout:
    print("timed out", len(renewed) >= 2)
print(deliver().text, len(runs))
receiver.close_now()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=90, env=environment()
    )
    assert done.stdout == "timed out True\nDone. 2\n", done.stderr


# ---- a lost claim


class Stolen(Watched):
    """An inbox whose claims are taken over by another worker before the first renewal."""

    async def renew(self, claim: Claim) -> bool:
        if not self.renewed:
            await super().give_back(claim)
            assert isinstance(await super().claim(claim.event_id), Claim)
        return await super().renew(claim)


async def test_an_async_handler_that_lost_its_claim_is_cancelled(caplog: pytest.LogCaptureFixture) -> None:
    """Another worker handles the event already, after this process was suspended for example."""
    ended: list[str] = []
    async with opened(Stolen(lease=0.3)) as receiver:

        @receiver.on(PAID)
        async def paid(event: Event) -> None:
            try:
                await asyncio.sleep(PATIENCE)
            except asyncio.CancelledError:
                ended.append("cancelled")
                raise

        reply = await deliver(receiver)
    assert (reply.status, reply.text) == (409, "Another worker took this event over.")
    assert ended == ["cancelled"]
    assert "was lost" in caplog.text


async def test_a_handler_whose_transaction_marked_the_event_has_not_lost_it(caplog: pytest.LogCaptureFixture) -> None:
    """What is done cannot be renewed. That was taken for a lost claim, and the rest of the handler was cancelled."""
    from wooshpay.webhooks.inbox.current import current_claim, settle

    inbox = Watched(lease=0.3)
    async with opened(inbox) as receiver:

        @receiver.on(PAID)
        async def paid(event: Event) -> None:
            assert await inbox.done(current_claim(inbox))
            # The rows are committed, but the handler's loop has not yet come to note it.
            await until(lambda: len(inbox.renewed_on) >= 1)
            settle(inbox)
            await asyncio.sleep(0.5)

        assert (await deliver(receiver)).status == 200
    assert "was lost" not in caplog.text


# ---- handlers that hang


async def test_an_async_handler_that_hangs_is_cancelled_and_its_event_given_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Renewed forever, the claim would turn 18 deliveries away, and the event would be lost."""
    runs: list[int] = []
    async with opened(MemoryInbox(), handler_timeout=0.2) as receiver:

        @receiver.on(PAID)
        async def paid(event: Event) -> None:
            runs.append(1)
            if len(runs) == 1:
                await asyncio.Event().wait()

        reply = await deliver(receiver)
        assert (reply.status, reply.event_id) == (500, "evt_1")
        assert "within 0.2 seconds" in reply.text
        assert (await until_settled(receiver)).text == "Done."
    [record] = [record for record in caplog.records if "handler_timeout" in record.message]
    assert record.levelno == logging.ERROR
    assert "evt_1" in record.message


async def test_a_plain_handler_that_hangs_does_not_hold_its_event_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    """Its thread cannot be stopped. The sender gets its response, and the lease is left to end."""
    slow, inbox = Slow(), Watched(lease=0.5)
    async with opened(inbox, handler_timeout=1.0) as receiver:
        receiver.on(PAID)(slow)
        assert (await deliver(receiver)).status == 500
        assert "cannot be stopped" in caplog.text
        first = set(inbox.renewed)
        renewed = len(inbox.renewed)
        assert len(first) == 1
        # The next delivery gets the event as soon as the lease has ended.
        retry = asyncio.create_task(until_settled(receiver))
        await until(lambda: slow.runs == 2)
        assert not first & set(inbox.renewed[renewed:])
        slow.may_end.set()
        assert (await retry).status == 200


async def test_a_plain_handler_that_ends_after_its_limit_is_still_marked_as_done() -> None:
    """Nobody took the event over meanwhile, so what the handler did counts."""
    slow = Slow()
    async with opened(MemoryInbox(), handler_timeout=0.2) as receiver:
        receiver.on(PAID)(slow)
        assert (await deliver(receiver)).status == 500
        slow.may_end.set()
        assert (await until_settled(receiver)).text == "This event was done before."
    assert slow.runs == 1


async def test_an_async_handler_that_ignores_its_cancellation_still_lets_the_sender_go() -> None:
    go_on = asyncio.Event()
    async with opened(MemoryInbox(), handler_timeout=0.1) as receiver:

        @receiver.on(PAID)
        async def paid(event: Event) -> None:
            while not go_on.is_set():
                try:
                    await go_on.wait()
                except asyncio.CancelledError:
                    continue

        assert (await deliver(receiver)).status == 500
        assert (await deliver(receiver)).status == 409, "it still runs"
        go_on.set()
        assert (await until_settled(receiver)).text == "This event was done before."


def test_a_plain_call_that_takes_too_long_is_no_longer_renewed(caplog: pytest.LogCaptureFixture) -> None:
    """In a plain call nothing can be cancelled: the claim ends with its lease."""
    inbox = MemoryInbox(lease=0.3)
    receiver = WebhookReceiver(SECRET, inbox=inbox, handler_timeout=0.2)

    @receiver.on(PAID)
    def paid(event: Event) -> None:
        deadline = time.monotonic() + PATIENCE
        while asyncio.run(inbox.claim(event.id)) == "held":
            assert time.monotonic() < deadline, "the claim was renewed forever"
            time.sleep(0.01)

    body = body_of()
    assert receiver.receive_now(body, headers_for(body)).status == 409
    assert "handler_timeout" in caplog.text
    receiver.close_now()


def test_a_loop_that_is_shut_down_does_not_wait_for_ever_for_a_handler_that_hangs() -> None:
    """The event is settled by the receiver when the thread ends at last."""
    slow, inbox = Slow(), MemoryInbox()
    receiver = WebhookReceiver(SECRET, inbox=inbox, handler_timeout=0.2)
    receiver.on(PAID)(slow)
    loop = asyncio.new_event_loop()
    task = loop.create_task(deliver(receiver))
    loop.run_until_complete(until(slow.begun.is_set))
    left = asyncio.all_tasks(loop)
    for one in left:
        one.cancel()
    loop.run_until_complete(asyncio.wait(left, timeout=PATIENCE))
    assert task.done()
    loop.close()
    slow.may_end.set()
    deadline = time.monotonic() + PATIENCE
    while asyncio.run(inbox.claim("evt_1")) != "done":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    receiver.close_now()


@pytest.mark.parametrize("name", ["handler_timeout", "inbox_timeout"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), "60", True, None])
def test_a_limit_that_cannot_work_is_refused_when_the_receiver_is_made(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=name):
        WebhookReceiver(SECRET, **{name: value})


# ---- renewals that fail


async def test_a_renewal_that_fails_is_tried_again_before_the_lease_ends(caplog: pytest.LogCaptureFixture) -> None:
    """One lost packet must not hand the event to a second worker. Any exception counts, not only an InboxError."""
    errors: list[Exception] = [InboxError("x"), OSError("x"), TimeoutError(), ValueError("x"), KeyError("x")]

    class Stumbling(MemoryInbox):
        async def renew(self, claim: Claim) -> bool:
            if errors:
                raise errors.pop()
            kept.append(await super().renew(claim))
            return kept[-1]

    kept: list[bool] = []
    inbox = Stumbling(lease=SHORT)
    async with opened(inbox) as receiver:

        @receiver.on(PAID)
        async def paid(event: Event) -> None:
            await until(lambda: len(kept) >= 2)

        assert (await deliver(receiver)).status == 200
    assert kept == [True, True]
    assert caplog.text.count("could not be renewed") == 5
