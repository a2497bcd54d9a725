"""Whatever a store does, a delivery gets a response, and what was handled is not handled again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest
from webhooks.deliver import SECRET, body_of, headers_for
from webhooks.handling import PAID, PATIENCE, deliver, opened, until, until_settled

from wooshpay.api.events import Event
from wooshpay.errors import ClaimLost
from wooshpay.webhooks import MemoryInbox, Reply, WebhookReceiver
from wooshpay.webhooks.guard import GuardedInbox
from wooshpay.webhooks.inbox import Claim, InboxError, Taken
from wooshpay.webhooks.renewal import MOST_HANDLED, Renewals


class DriverError(Exception):
    """The error of a database driver, which knows nothing of inboxes."""


ERRORS: Final[dict[str, Callable[[], BaseException]]] = {
    "inbox": lambda: InboxError("The store does not answer."),
    "driver": lambda: DriverError("password=hunter2"),
    "timeout": TimeoutError,
    "os": lambda: ConnectionResetError(104, "reset"),
    "bug": lambda: AttributeError("cursor"),
    "cancelled inside": asyncio.CancelledError,
}


class Failing(MemoryInbox):
    """An inbox whose operations fail, or never end, as they are told to."""

    def __init__(self, lease: float = 60.0) -> None:
        super().__init__(lease=lease, now=lambda: self.clock)
        self.clock = 1_000.0
        self.broken: dict[str, Callable[[], BaseException]] = {}
        self.hanging: set[str] = set()
        self.calls: list[str] = []

    async def _check(self, name: str) -> None:
        self.calls.append(name)
        if name in self.hanging:
            await asyncio.Event().wait()
        if name in self.broken:
            raise self.broken[name]()

    async def claim(self, event_id: str) -> Claim | Taken:
        await self._check("claim")
        return await super().claim(event_id)

    async def renew(self, claim: Claim) -> bool:
        await self._check("renew")
        return await super().renew(claim)

    async def done(self, claim: Claim) -> bool:
        await self._check("done")
        return await super().done(claim)

    async def give_back(self, claim: Claim) -> None:
        await self._check("give_back")
        await super().give_back(claim)

    async def until_done(self, event_id: str) -> None:
        """Wait until an event that was claimed is done."""
        async with asyncio.timeout(PATIENCE):
            while await super().claim(event_id) != "done":
                await asyncio.sleep(0.005)

    async def taken_over(self, event_id: str) -> Claim:
        """Move past the end of the lease, and claim the event as another worker."""
        self.clock += self.lease + 1
        claim = await super().claim(event_id)
        assert isinstance(claim, Claim)
        return claim


@pytest.fixture(params=[False, True], ids=["awaited", "plain"])
def send(request: pytest.FixtureRequest) -> Callable[[WebhookReceiver], Reply]:
    def plainly(receiver: WebhookReceiver) -> Reply:
        body = body_of()
        return receiver.receive_now(body, headers_for(body))

    return plainly if request.param else lambda receiver: asyncio.run(deliver(receiver))


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("operation", ["claim", "done", "give_back"])
def test_any_exception_of_a_store_is_answered(
    operation: str, error: str, send: Callable[[WebhookReceiver], Reply], caplog: pytest.LogCaptureFixture
) -> None:
    """A traceback instead of a response would tell WooshPay nothing, and after `done` it would ship twice."""
    inbox = Failing()
    runs: list[int] = []
    receiver = WebhookReceiver(SECRET, inbox=inbox)

    @receiver.on(PAID)
    def paid(event: Event) -> None:
        runs.append(1)
        if operation == "give_back" and len(runs) == 1:
            raise ValueError("out of stock")

    inbox.broken = {operation: ERRORS[error]}
    try:
        assert send(receiver).status == (500 if operation == "give_back" else 503)
        assert len(runs) == (0 if operation == "claim" else 1)
        inbox.broken = {}
        if operation == "give_back":
            assert send(receiver).status == 409
            inbox.clock += 61  # what could not be given back waits for its lease
        assert send(receiver).status == 200
        assert len(runs) == (2 if operation == "give_back" else 1)
    finally:
        receiver.close_now()
    assert "hunter2" not in caplog.text, "the text of a driver's error may hold the password of the store"


@pytest.mark.parametrize("operation", ["claim", "done", "give_back"])
def test_a_store_that_never_answers_does_not_hold_the_delivery_up(
    operation: str, send: Callable[[WebhookReceiver], Reply], caplog: pytest.LogCaptureFixture
) -> None:
    inbox = Failing()
    receiver = WebhookReceiver(SECRET, inbox=inbox, inbox_timeout=0.1)
    receiver.on(PAID)(lambda event: 1 / 0 if operation == "give_back" else None)
    inbox.hanging = {operation}
    try:
        assert send(receiver).status == (500 if operation == "give_back" else 503)
        assert f"{operation}() of Failing did not return within 0.1 seconds" in caplog.text
    finally:
        receiver.close_now()


async def test_a_renewal_that_never_ends_is_tried_again() -> None:
    """Waiting for it forever would let the lease end while the handler runs."""
    inbox = Failing(lease=1.0)
    inbox.hanging = {"renew"}
    async with opened(inbox, inbox_timeout=0.05) as receiver:

        @receiver.on(PAID)
        async def paid(event: Event) -> None:
            await until(lambda: inbox.calls.count("renew") >= 3)

        assert (await deliver(receiver)).status == 200


@pytest.mark.parametrize("answer", [None, True, "taken", ("evt_1", "token")])
async def test_a_claim_that_is_neither_a_claim_nor_a_reason_is_an_error_of_the_inbox(answer: Any) -> None:
    """Taken for a claim, it would run the handler without one."""

    class Odd(MemoryInbox):
        async def claim(self, event_id: str) -> Claim | Taken:
            return answer  # type: ignore[no-any-return]

    async with opened(Odd()) as receiver:
        receiver.other(lambda event: pytest.fail("it ran without a claim"))
        assert (await deliver(receiver)).status == 503


async def test_a_receiver_that_cannot_start_a_thread_gives_the_event_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without renewals a second worker would come in: better that WooshPay delivers it again."""
    inbox = Failing()
    async with opened(inbox) as receiver:
        receiver.other(lambda event: pytest.fail("it ran"))

        def refuse(self: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(threading.Thread, "start", refuse)
        assert (await deliver(receiver)).status == 503
        monkeypatch.undo()
    assert inbox.calls == ["claim", "give_back"]


# ---- handled, but the store could not be told


async def test_a_handled_event_is_marked_as_soon_as_the_store_is_back() -> None:
    """The next delivery may reach another process, which knows nothing: it would run the event again."""
    inbox = Failing(lease=0.6)
    runs: list[int] = []
    async with opened(inbox) as receiver:
        receiver.on(PAID)(lambda event: runs.append(1))
        inbox.broken = {"done": ERRORS["driver"]}
        assert (await deliver(receiver)).status == 503
        await until(lambda: inbox.calls.count("done") >= 3)
        inbox.broken = {}
        await inbox.until_done("evt_1")
    assert runs == [1]


async def test_a_handled_event_is_not_run_again_although_its_claim_was_lost_meanwhile() -> None:
    """The store was down for longer than the lease, another worker took the event over and died: this one knows."""
    inbox = Failing()
    runs: list[int] = []
    async with opened(inbox) as receiver:
        receiver.on(PAID)(lambda event: runs.append(1))
        inbox.broken = {"done": ERRORS["os"]}
        assert (await deliver(receiver)).status == 503
        await inbox.taken_over("evt_1")
        inbox.clock += 61
        inbox.broken = {}
        assert (await deliver(receiver)).text == "This event was done before."
        assert (await deliver(receiver)).text == "This event was done before."
    assert runs == [1]


async def test_another_worker_that_took_the_event_over_is_left_alone() -> None:
    inbox = Failing()
    async with opened(inbox) as receiver:
        receiver.on(PAID)(lambda event: None)
        inbox.broken = {"done": ERRORS["os"]}
        assert (await deliver(receiver)).status == 503
        claim = await inbox.taken_over("evt_1")
        inbox.broken = {}
        assert (await deliver(receiver)).status == 409
        assert await inbox.renew(claim)


async def test_two_deliveries_at_once_after_a_failed_completion_both_get_a_response() -> None:
    """Both marked the event, and the second one to come back ended in a KeyError."""
    inbox = Failing()
    runs: list[int] = []
    meet = asyncio.Barrier(2)

    class Meeting(Failing):
        async def done(self, claim: Claim) -> bool:
            marked = await super().done(claim)
            await meet.wait()
            return marked

    async with opened(inbox) as receiver:
        receiver.on(PAID)(lambda event: runs.append(1))
        inbox.broken = {"done": ERRORS["os"]}
        assert (await deliver(receiver)).status == 503
        inbox.broken = {}
        inbox.__class__ = Meeting
        replies = await asyncio.gather(deliver(receiver), deliver(receiver))
        inbox.__class__ = Failing
        assert [reply.text for reply in replies] == ["This event was done before."] * 2
    assert runs == [1]


def test_deliveries_at_once_from_threads_and_tasks_after_a_failed_completion_all_get_a_response() -> None:
    inbox = Failing()
    runs: list[str] = []
    receiver = WebhookReceiver(SECRET, inbox=inbox)
    receiver.on(PAID)(lambda event: runs.append(event.id))
    many = 30
    bodies = [body_of(f"evt_{number}") for number in range(many)]
    inbox.broken = {"done": ERRORS["os"]}
    assert {receiver.receive_now(body, headers_for(body)).status for body in bodies} == {503}
    inbox.broken = {}
    gate = threading.Barrier(4)

    def plain() -> list[int]:
        gate.wait(PATIENCE)
        return [receiver.receive_now(body, headers_for(body)).status for body in bodies]

    def awaited() -> list[int]:
        async def all_of_them() -> list[int]:
            return [
                reply.status
                for reply in await asyncio.gather(*(receiver.receive(body, headers_for(body)) for body in bodies))
            ]

        gate.wait(PATIENCE)
        return asyncio.run(all_of_them())

    with ThreadPoolExecutor(4) as pool:
        results = [found.result() for found in [pool.submit(work) for work in (plain, awaited, plain, awaited)]]
    receiver.close_now()
    assert results == [[200] * many] * 4
    assert sorted(runs) == sorted(f"evt_{number}" for number in range(many))


async def test_handled_events_that_cannot_be_marked_do_not_grow_without_bound(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A store that refuses to write for days must not fill the memory."""
    inbox = Failing()
    renewals = Renewals(GuardedInbox(inbox, 1.0), 900.0)
    for number in range(MOST_HANDLED + 5):
        renewals.remember(renewals.take(Claim(f"evt_{number}", "token")))
    assert renewals.handled("evt_4") is None
    assert renewals.handled("evt_5") is not None
    assert renewals.handled(f"evt_{MOST_HANDLED + 4}") is not None
    assert caplog.text.count("is no longer remembered") == 5


async def test_events_that_cannot_be_marked_are_not_all_tried_again_every_time() -> None:
    """While the store is down, each round asks it once, and begins with another event next time."""
    inbox = Failing(lease=0.6)
    async with opened(inbox) as receiver:
        receiver.on(PAID)(lambda event: None)
        inbox.broken = {"done": ERRORS["os"]}
        for number in range(20):
            await deliver(receiver, f"evt_{number}")
        before = inbox.calls.count("done")
        await until(lambda: inbox.calls.count("done") > before + 1)
        assert inbox.calls.count("done") < before + 20
        inbox.broken = {}
        for number in range(20):
            await inbox.until_done(f"evt_{number}")


@pytest.mark.parametrize("error", [InboxError("The commit failed."), ClaimLost("Taken over.")])
async def test_the_inbox_s_errors_from_within_a_handler_keep_their_meaning(error: Exception) -> None:
    """They come from `transaction()`: nothing was written, so WooshPay is asked to deliver the event again."""
    async with opened(MemoryInbox()) as receiver:

        @receiver.on(PAID)
        async def paid(event: Event) -> None:
            raise error

        assert (await deliver(receiver)).status == (409 if isinstance(error, ClaimLost) else 503)


async def test_a_receiver_that_was_closed_can_be_used_again() -> None:
    """Tests and reloaders close and go on; each delivery must still be answered and looked after."""
    inbox = Failing(lease=0.6)
    async with opened(inbox) as receiver:

        @receiver.on(PAID)
        async def paid(event: Event) -> None:
            await until(lambda: inbox.calls.count("renew") >= 1)

        for number in range(3):
            inbox.calls.clear()
            assert (await until_settled(receiver, f"evt_{number}")).status == 200
            await receiver.close()
