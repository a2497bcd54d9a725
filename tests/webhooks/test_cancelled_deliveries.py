"""A sender hangs up, a loop is shut down, a worker is interrupted: the handler still runs once."""

from __future__ import annotations

import asyncio
import concurrent.futures
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import wraps
from typing import Any, Final
from urllib.parse import urlsplit

import django
import pytest
from support.children import environment
from webhooks.adapters import frameworks
from webhooks.adapters.frameworks import FRAMEWORKS
from webhooks.deliver import SECRET, body_of, headers_for
from webhooks.handling import PAID, PATIENCE, Slow, deliver, opened, until, until_settled

from wooshpay.api.events import Event
from wooshpay.webhooks import MemoryInbox, SqliteInbox, WebhookReceiver
from wooshpay.webhooks.inbox import Claim

# Seconds. Handlers here run until the claim was renewed more often than the lease lasts.
SHORT: Final = 2.0


class Counting(MemoryInbox):
    """An inbox that notes what happened to its claims."""

    def __init__(self, lease: float = 60.0) -> None:
        super().__init__(lease=lease)
        self.steps: list[str] = []

    async def renew(self, claim: Claim) -> bool:
        self.steps.append("renew")
        return await super().renew(claim)

    async def done(self, claim: Claim) -> bool:
        self.steps.append("done")
        return await super().done(claim)

    async def give_back(self, claim: Claim) -> None:
        self.steps.append("give_back")
        await super().give_back(claim)


async def hung_up(receiver: WebhookReceiver, begun: Callable[[], bool]) -> None:
    """Deliver an event, and cancel the delivery when its handler has begun."""
    delivery = asyncio.create_task(deliver(receiver))
    await until(begun)
    delivery.cancel()
    with pytest.raises(asyncio.CancelledError):
        await delivery


async def test_a_plain_handler_keeps_its_event_after_the_delivery_was_cancelled() -> None:
    """Given back while the thread still runs, the event would be shipped a second time by the next delivery."""
    slow, inbox = Slow(), Counting(SHORT)
    async with opened(inbox) as receiver:
        receiver.on(PAID)(slow)
        await hung_up(receiver, slow.begun.is_set)
        # Long enough for the lease to end twice, unless it is renewed.
        await until(lambda: inbox.steps.count("renew") >= 4)
        assert (await deliver(receiver)).status == 409
        slow.may_end.set()
        assert (await until_settled(receiver)).text == "This event was done before."
    assert slow.runs == 1
    assert "give_back" not in inbox.steps


async def test_a_plain_handler_that_fails_after_the_delivery_was_cancelled_gives_its_event_back() -> None:
    """Marked as done, the failed event would be lost."""
    slow, inbox = Slow(ValueError("out of stock")), Counting()
    async with opened(inbox) as receiver:
        receiver.on(PAID)(slow)
        await hung_up(receiver, slow.begun.is_set)
        slow.may_end.set()
        await until(lambda: inbox.steps == ["give_back"])
        assert (await deliver(receiver)).text == "Done."
    assert slow.runs == 2


@pytest.mark.parametrize("shielded", [False, True])
async def test_an_async_handler_goes_on_after_the_delivery_was_cancelled(shielded: bool) -> None:
    """Stopped halfway by a sender with little patience, it would be stopped halfway at each of 18 deliveries."""
    begun, go_on = asyncio.Event(), asyncio.Event()
    shipped: list[str] = []

    async def ship(event: Event) -> None:
        begun.set()
        await go_on.wait()
        shipped.append(event.id)

    async with opened(Counting()) as receiver:

        @receiver.on(PAID)
        async def paid(event: Event) -> None:
            await (asyncio.shield(asyncio.ensure_future(ship(event))) if shielded else ship(event))

        await hung_up(receiver, begun.is_set)
        assert (await deliver(receiver)).status == 409
        go_on.set()
        assert (await until_settled(receiver)).text == "This event was done before."
    assert shipped == ["evt_1"]


async def test_a_cancelled_delivery_that_still_waits_for_a_thread_is_handled_later() -> None:
    """The pool of threads may be busy for minutes; the sender does not wait so long, but the event must not be lost."""
    loop = asyncio.get_running_loop()
    pool = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="asyncio_busy")
    loop.set_default_executor(pool)
    busy = threading.Event()
    seen: list[str] = []
    async with opened(inbox := Counting(SHORT)) as receiver:
        receiver.on(PAID)(lambda event: seen.append(event.id))
        occupied = loop.run_in_executor(None, busy.wait, PATIENCE)
        delivery = asyncio.create_task(deliver(receiver))
        await until(lambda: inbox.steps.count("renew") >= 4)
        delivery.cancel()
        busy.set()
        await occupied
        assert (await until_settled(receiver)).text == "This event was done before."
    assert seen == ["evt_1"]
    pool.shutdown()


def test_a_loop_that_is_shut_down_waits_for_a_plain_handler_and_marks_its_event() -> None:
    """The thread cannot be stopped, so what it did would be done again by the next delivery."""
    slow, inbox = Slow(), Counting()
    receiver = WebhookReceiver(SECRET, inbox=inbox)
    receiver.on(PAID)(slow)

    async def serve() -> None:
        task = asyncio.create_task(deliver(receiver))
        await until(slow.begun.is_set)
        threading.Timer(0.2, slow.may_end.set).start()
        assert not task.done()
        # asyncio.run cancels what is left, as servers do at their end.

    asyncio.run(serve())
    assert slow.may_end.is_set()
    assert inbox.steps == ["done"]
    assert receiver.receive_now(body_of(), headers_for(body_of())).text == "This event was done before."
    receiver.close_now()


def test_a_loop_that_is_shut_down_waits_until_an_async_handler_has_cleaned_up() -> None:
    """Given back while it still cleans up, the event would be handled by two workers at once."""
    order: list[str] = []

    class Noting(MemoryInbox):
        async def give_back(self, claim: Claim) -> None:
            order.append("given back")
            await super().give_back(claim)

    receiver = WebhookReceiver(SECRET, inbox=Noting())
    tasks: list[asyncio.Task[Any]] = []

    async def serve() -> None:
        begun = asyncio.Event()

        @receiver.on(PAID)
        async def paid(event: Event) -> None:
            try:
                begun.set()
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0.05)
                order.append("cleaned up")

        tasks.append(asyncio.create_task(deliver(receiver)))
        await begun.wait()

    asyncio.run(serve())
    assert order == ["cleaned up", "given back"]
    receiver.close_now()


def test_a_loop_that_is_shut_down_while_the_event_is_being_marked_still_marks_it() -> None:
    """The handler has shipped: a completion that is cancelled would let the next delivery ship again."""
    begun: list[str] = []

    class SlowToMark(MemoryInbox):
        async def done(self, claim: Claim) -> bool:
            begun.append("done")
            await asyncio.sleep(0.05)
            return await super().done(claim)

    inbox = SlowToMark()
    receiver = WebhookReceiver(SECRET, inbox=inbox)
    receiver.on(PAID)(lambda event: None)
    tasks: list[asyncio.Task[Any]] = []

    async def serve() -> None:
        tasks.append(asyncio.create_task(deliver(receiver)))
        await until(lambda: bool(begun))

    asyncio.run(serve())
    assert asyncio.run(inbox.claim("evt_1")) == "done"
    receiver.close_now()


@pytest.mark.parametrize("fails", [False, True])
def test_a_handler_whose_loop_was_closed_under_it_is_settled_when_it_ends(fails: bool) -> None:
    """Some programs close a loop without waiting. Its thread goes on, and somebody must tell the inbox."""
    slow, inbox = Slow(ValueError("out of stock") if fails else None), Counting(SHORT)
    receiver = WebhookReceiver(SECRET, inbox=inbox)
    receiver.on(PAID)(slow)
    loop = asyncio.new_event_loop()
    task = loop.create_task(deliver(receiver))
    loop.run_until_complete(until(slow.begun.is_set))
    inner = [left for left in asyncio.all_tasks(loop) if left is not task]
    loop.close()
    slow.may_end.set()
    _wait_until(lambda: inbox.steps[-1:] == ["give_back" if fails else "done"])
    receiver.close_now()
    for left in (task, *inner):
        left._log_destroy_pending = False  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]  # the loop was closed on purpose


async def test_close_waits_for_handlers_whose_sender_hung_up_and_cancels_those_that_take_too_long() -> None:
    """The inbox must not be closed under a handler: its completion would be lost."""
    ended: list[str] = []
    begun = asyncio.Event()
    inbox = Counting()
    async with opened(inbox) as receiver:

        @receiver.on(PAID)
        async def paid(event: Event) -> None:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(event.id)

        await hung_up(receiver, begun.is_set)
        await receiver.close(wait=0.05)
        assert ended == ["evt_1"]
        assert inbox.steps == ["give_back"]


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), GeneratorExit(), asyncio.CancelledError()])
def test_a_plain_call_that_is_interrupted_gives_its_event_back(error: BaseException) -> None:
    """gunicorn and gevent raise such exceptions in a handler that takes too long: the handler has ended."""
    inbox = Counting()
    receiver = WebhookReceiver(SECRET, inbox=inbox)
    runs: list[int] = []

    @receiver.on(PAID)
    def paid(event: Event) -> None:
        runs.append(1)
        if len(runs) == 1:
            raise error

    body = body_of()
    if isinstance(error, asyncio.CancelledError):
        assert receiver.receive_now(body, headers_for(body)).status == 500, "the handler's own affair"
    else:
        with pytest.raises(type(error)):
            receiver.receive_now(body, headers_for(body))
    assert inbox.steps == ["give_back"]
    assert receiver.receive_now(body, headers_for(body)).text == "Done."
    receiver.close_now()


def test_an_interrupted_plain_call_leaves_its_async_handler_running_and_holds_its_event() -> None:
    """Ctrl-C in the thread that waits does not end a handler that cleans up slowly on the receiver's own loop."""
    program = """
import asyncio, os, signal, threading, time
from webhooks.deliver import SECRET, body_of, headers_for
from wooshpay.webhooks import MemoryInbox, WebhookReceiver
receiver = WebhookReceiver(SECRET, inbox=MemoryInbox())
go_on, runs = threading.Event(), []
@receiver.on("payment_intent.succeeded")
async def paid(event):
    runs.append(event.id)
    os.kill(os.getpid(), signal.SIGINT)
    while not go_on.is_set():
        await asyncio.sleep(0.01)
def deliver():
    return receiver.receive_now(body_of(), headers_for(body_of()))
try:
    deliver()
    time.sleep(10)
except KeyboardInterrupt:
    print("interrupted")
print(deliver().status)
go_on.set()
while (reply := deliver()).status == 409:
    time.sleep(0.01)
print(reply.text, runs)
receiver.close_now()
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60, env=environment()
    )
    assert done.stdout == "interrupted\n409\nThis event was done before. ['evt_1']\n", done.stderr


def test_a_plain_call_that_is_interrupted_while_it_claims_gives_its_event_back() -> None:
    """Nobody would run the handler, and the claim would be renewed for as long as a handler may take."""
    program = """
import asyncio, os, signal, threading, time
from webhooks.deliver import SECRET, body_of, headers_for
from wooshpay.webhooks import MemoryInbox, WebhookReceiver
class Interrupting(MemoryInbox):
    async def claim(self, event_id):
        if not interrupted:
            interrupted.append(event_id)
            os.kill(os.getpid(), signal.SIGINT)
            # The driver of a store may not notice for a while that it was cancelled.
            deadline = time.monotonic() + 1.5
            while time.monotonic() < deadline:
                try:
                    await asyncio.sleep(0.1)
                except asyncio.CancelledError:
                    pass
        return await super().claim(event_id)
interrupted, runs = [], []
receiver = WebhookReceiver(SECRET, inbox=Interrupting(lease=2.0))
receiver.other(lambda event: runs.append(event.id))
def deliver():
    return receiver.receive_now(body_of(), headers_for(body_of()))
try:
    deliver()
    time.sleep(10)
except KeyboardInterrupt:
    print("interrupted")
time.sleep(1)
deadline = time.monotonic() + 20
while (reply := deliver()).status == 409 and time.monotonic() < deadline:
    time.sleep(0.05)
print(reply.text, runs)
receiver.close_now()
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=90, env=environment()
    )
    assert done.stdout == "interrupted\nDone. ['evt_1']\n", done.stderr


@pytest.mark.parametrize("with_inbox", [True, False])
async def test_a_handler_that_raises_cancelled_error_by_itself_has_failed(with_inbox: bool) -> None:
    """A task of its own was cancelled, not the delivery: the server must get a response."""
    receiver = WebhookReceiver(SECRET, inbox=MemoryInbox() if with_inbox else None)

    @receiver.on(PAID)
    async def paid(event: Event) -> None:
        inner = asyncio.ensure_future(asyncio.sleep(60))
        inner.cancel()
        await inner

    assert (await deliver(receiver)).status == 500
    await receiver.close()


async def test_a_plain_handler_that_raises_stop_iteration_has_failed() -> None:
    """asyncio cannot carry this exception from a thread: the delivery would never be answered."""
    async with opened(MemoryInbox()) as receiver:
        receiver.on(PAID)(lambda event: next(iter(())))
        async with asyncio.timeout(PATIENCE):
            assert (await deliver(receiver)).status == 500


# ---- with real servers


@contextmanager
def calling(url: str, body: bytes) -> Generator[socket.socket]:
    """Send a delivery and hang up at the end, without having read a response."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    head = "".join(f"{name}: {value}\r\n" for name, value in headers_for(body).items())
    with socket.create_connection((parts.hostname, parts.port or 80)) as connection:
        connection.sendall(
            f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode()
            + body
        )
        yield connection


def send(url: str, body: bytes) -> tuple[int, str]:
    """Send a delivery and wait for the response."""
    with calling(url, body) as connection:
        connection.settimeout(PATIENCE)
        answer = b""
        while b"\r\n\r\n" not in answer or not answer.partition(b"\r\n\r\n")[2]:
            part = connection.recv(65_536)
            if not part:
                break
            answer += part
    return int(answer.split()[1]), answer.partition(b"\r\n\r\n")[2].decode()


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


SERVERS: Final = ("aiohttp-cancelling", "django-asgi", "starlette")


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize("server", SERVERS)
def test_a_client_of_a_real_server_hangs_up_and_delivers_again(
    server: str, kind: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row of the issue: with a plain handler in a thread, the second delivery shipped twice."""
    slow = Slow()
    cancelled = threading.Event()
    renewals: list[Claim] = []

    class Noting(SqliteInbox):
        async def renew(self, claim: Claim) -> bool:
            renewals.append(claim)
            return await super().renew(claim)

    inbox = Noting(tmp_path / "inbox.db", lease=SHORT)
    receiver = WebhookReceiver(SECRET, inbox=inbox)
    if kind == "def":
        receiver.on(PAID)(slow)
    else:

        @receiver.on(PAID)
        async def paid(event: Event) -> None:
            slow.runs += 1
            slow.begun.set()
            while not slow.may_end.is_set():
                await asyncio.sleep(0.005)

    def watched(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        async def watching(*args: Any, **kwargs: Any) -> Any:
            try:
                return await function(*args, **kwargs)
            except asyncio.CancelledError:
                cancelled.set()
                raise

        return watching

    if server == "django-asgi":
        # This view ends with its handler and not before.
        view: Callable[..., Any] = vars(frameworks)["django_async_view"]
        made = watched(view(receiver))

        def make(_: WebhookReceiver) -> Callable[..., Any]:
            return made

        monkeypatch.setattr(frameworks, "django_async_view", make)
    else:
        monkeypatch.setattr(receiver, "receive", watched(receiver.receive))
    body = body_of()
    try:
        with FRAMEWORKS[server](receiver) as url:
            with calling(url, body):
                assert slow.begun.wait(PATIENCE)
            # Proves that the server cancels indeed, or the test would show nothing.
            if server == "aiohttp-cancelling":
                assert cancelled.wait(PATIENCE)
            assert send(url, body)[0] == 409
            _wait_until(lambda: len(renewals) >= 4)
            assert send(url, body)[0] == 409, "the claim was not renewed after the client had gone"
            slow.may_end.set()
            # Before Django 5.0, a request whose client hangs up is not cancelled.
            if server == "django-asgi" and django.VERSION >= (5, 0):
                assert cancelled.wait(PATIENCE)
            _wait_until(lambda: send(url, body)[0] != 409)
            status, text = send(url, body)
            assert (status, "This event was done before." in text) == (200, True)
    finally:
        slow.may_end.set()
        receiver.close_now()
    assert slow.runs == 1


def test_closing_waits_for_a_plain_handler_in_the_thread_that_called_the_receiver(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Flask runs handlers so. Its claim was no longer renewed while it went on, and the process could end under it."""
    inbox = MemoryInbox()
    receiver = WebhookReceiver(SECRET, inbox=inbox)
    slow = Slow()
    receiver.on(PAID)(slow)
    replies: list[int] = []
    body = body_of()
    thread = threading.Thread(target=lambda: replies.append(receiver.receive_now(body, headers_for(body)).status))
    thread.start()
    assert slow.begun.wait(PATIENCE)
    sleep = time.sleep

    def look_again(seconds: float) -> None:
        slow.may_end.set()
        sleep(seconds)

    monkeypatch.setattr("wooshpay.webhooks.renewal._sleep", look_again)
    receiver.close_now()
    waited = slow.may_end.is_set()
    slow.may_end.set()
    thread.join(PATIENCE)
    receiver.close_now()
    assert (waited, replies) == (True, [200])
    assert asyncio.run(inbox.counts()) == (0, 1)


def test_closing_from_within_a_handler_does_not_wait_for_it() -> None:
    """As a signal handler does that interrupts the handler: it would wait for what cannot go on."""
    receiver = WebhookReceiver(SECRET, inbox=MemoryInbox())
    receiver.on(PAID)(lambda event: receiver.close_now())
    body = body_of()
    began = time.monotonic()
    receiver.receive_now(body, headers_for(body))
    assert time.monotonic() - began < PATIENCE
    receiver.close_now()
