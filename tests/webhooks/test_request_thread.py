"""A web framework that has a thread for each request passes it to the receiver, and all guarantees still hold."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest
from webhooks.deliver import SECRET, body_of, headers_for
from webhooks.handling import PAID, PATIENCE, Slow, opened, until, until_settled

from wooshpay.api.events import Event
from wooshpay.webhooks import MemoryInbox, Reply, WebhookReceiver
from wooshpay.webhooks.request_threads import LoopRunner

T = TypeVar("T")


class Thread:
    """The thread of a request, as a framework may keep it: an executor with one thread."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self.waits = 0
        self.tidied = threading.Event()

    async def run(self, call: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._executor, call)

    def wait(self, loop: LoopRunner, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        self.waits += 1
        return loop.run(work)

    async def tidy(self) -> None:
        self.tidied.set()


@contextmanager
def request_thread() -> Generator[Thread]:
    with ThreadPoolExecutor(1, thread_name_prefix="request") as executor:
        yield Thread(executor)


async def deliver(receiver: WebhookReceiver, thread: Thread | None = None) -> Reply:
    return await receiver.receive(body_of(), headers_for(body_of()), thread=thread)


@pytest.mark.parametrize("inbox", [None, MemoryInbox()], ids=["no inbox", "inbox"])
async def test_a_plain_handler_runs_in_the_thread_of_the_request(inbox: MemoryInbox | None) -> None:
    """In a thread of the event loop's pool, it would use database connections that the framework does not know."""
    names: list[str] = []
    receiver = WebhookReceiver(SECRET, inbox=inbox)
    receiver.on(PAID)(lambda event: names.append(threading.current_thread().name))
    with request_thread() as thread:
        assert (await deliver(receiver, thread)).status == 200
    await receiver.close()
    assert names == ["request_0"]
    assert not thread.tidied.is_set(), "the framework tidies up itself at the end of the request"


def test_a_loop_that_is_shut_down_waits_for_a_handler_in_the_thread_of_the_request() -> None:
    """The shutdown cancels the task that waits for the thread. Taken for the handler's end, it would run twice."""
    slow = Slow()
    receiver = WebhookReceiver(SECRET, inbox=MemoryInbox())
    receiver.on(PAID)(slow)

    async def serve(thread: Thread) -> None:
        delivery = asyncio.create_task(deliver(receiver, thread))
        await until(slow.begun.is_set)
        threading.Timer(0.2, slow.may_end.set).start()
        assert not delivery.done()
        # asyncio.run cancels what is left, as servers do at their end.

    with request_thread() as thread:
        asyncio.run(serve(thread))
        assert slow.may_end.is_set()
    assert receiver.receive_now(body_of(), headers_for(body_of())).text == "This event was done before."
    receiver.close_now()
    assert slow.runs == 1


async def test_a_thread_that_takes_no_more_work_gives_the_event_back() -> None:
    """The request may have ended, and its thread with it. The handler has not begun, so a later delivery runs it."""
    seen: list[str] = []
    async with opened(MemoryInbox()) as receiver:
        receiver.on(PAID)(lambda event: seen.append(event.id))
        with request_thread() as thread:
            pass
        assert (await deliver(receiver, thread)).status == 500
        assert (await deliver(receiver)).text == "Done."
    assert seen == ["evt_1"]


@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_what_a_handler_left_open_is_closed_when_it_ends_after_its_request(kind: str) -> None:
    """The framework closes connections when the request ends, which was before the handler used them last."""
    slow = Slow()
    async with opened(MemoryInbox()) as receiver:
        if kind == "def":
            receiver.on(PAID)(slow)
        else:

            @receiver.on(PAID)
            async def paid(event: Event) -> None:
                await asyncio.to_thread(slow, event)

        with request_thread() as thread:
            delivery = asyncio.create_task(deliver(receiver, thread))
            await until(slow.begun.is_set)
            delivery.cancel()
            with pytest.raises(asyncio.CancelledError):
                await delivery
            assert not thread.tidied.is_set()
            slow.may_end.set()
            await until(thread.tidied.is_set)
        assert (await until_settled(receiver)).text == "This event was done before."


async def test_a_handler_that_was_cancelled_because_it_took_too_long_is_tidied_up_after() -> None:
    async with opened(MemoryInbox(), handler_timeout=0.2) as receiver:
        receiver.on(PAID)(lambda event: asyncio.sleep(PATIENCE))
        with request_thread() as thread:
            assert "did not finish within" in (await deliver(receiver, thread)).text
            await until(thread.tidied.is_set)


def test_code_without_an_event_loop_waits_as_its_framework_says() -> None:
    """Claims, async handlers and marks may need the waiting thread, and it must run what they send to it."""
    receiver = WebhookReceiver(SECRET, inbox=MemoryInbox())

    async def asynchronous(event: Event) -> None:
        await asyncio.sleep(0)

    seen: list[str] = []
    receiver.on("a")(lambda event: seen.append(threading.current_thread().name))
    receiver.on("b")(asynchronous)
    receiver.on("c")(lambda event: asynchronous(event))
    with request_thread() as thread:
        for type, waits in (("a", 2), ("b", 1), ("c", 2)):
            thread.waits = 0
            body = body_of(f"evt_{type}", type)
            assert receiver.receive_now(body, headers_for(body), thread=thread).text == "Done."
            assert thread.waits == waits
    receiver.close_now()
    assert seen == [threading.current_thread().name], "a plain handler runs in the calling thread"
