"""One asynchronous client and many event loops: one after the other, at the same time, and closed without a word."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import Callable
from typing import Any

import pytest
import uvloop
from support.pace import wait_for
from support.peer import Connection, ThreadedPeer, reply
from support.stuck import Stuck, StuckWriting

from wooshpay import AsyncWooshPay

KEY = "sk_test_x"
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


async def echo(connection: Connection) -> None:
    """Answer with the refund that was asked for, and with the number of the connection."""
    name = connection.received[-1].target.rpartition("/")[2]
    await reply(200, {"id": name, "object": "refund", "connection": connection.number})(connection)


async def retrieve(client: AsyncWooshPay, names: list[str]) -> list[Any]:
    refunds: list[Any] = await asyncio.gather(*(client.refunds.retrieve(name) for name in names))
    return refunds


@pytest.mark.parametrize("loop", LOOPS)
def test_a_client_made_before_any_loop_serves_twenty_one_after_the_other(loop: str) -> None:
    with asyncio.Runner(loop_factory=LOOPS[loop]) as first:
        first.run(asyncio.sleep(0))  # what the kind of loop keeps for the whole process
    files = len(os.listdir("/proc/self/fd"))
    with ThreadedPeer(echo) as peer:
        client = AsyncWooshPay(KEY, base_url=peer.url)
        used: list[set[int]] = []
        for turn in range(20):
            names = [f"re_{turn}_{number}" for number in range(5)]
            with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
                refunds = runner.run(retrieve(client, names))
            assert [refund.id for refund in refunds] == names
            used.append({refund.extra["connection"] for refund in refunds})
            wait_for(lambda: peer.open_connections == 0)
    assert len(set[int]().union(*used)) == sum(map(len, used)), "no connection outlives its loop"
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= files


def in_a_loop_that_is_only_closed(client: AsyncWooshPay, name: str) -> None:
    loop = asyncio.new_event_loop()
    assert loop.run_until_complete(client.refunds.retrieve(name)).id == name
    loop.close()


# What is left for the garbage collector, as the loop's owner did not end it: asyncio's own transports say so.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_loops_that_were_closed_under_the_client_neither_break_it_nor_fill_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whoever calls only ``loop.close()`` gets no error, and no line for each loop that they ever had."""
    files = len(os.listdir("/proc/self/fd"))
    with ThreadedPeer(echo) as peer:
        client = AsyncWooshPay(KEY, base_url=peer.url)
        for turn in range(20):
            in_a_loop_that_is_only_closed(client, f"re_{turn}")
        with asyncio.Runner() as runner:
            assert runner.run(client.refunds.retrieve("re_last")).id == "re_last"
        gc.collect()
        wait_for(lambda: peer.open_connections == 0)
    assert len(os.listdir("/proc/self/fd")) <= files
    assert [record.getMessage() for record in caplog.records] == []


def test_loops_in_several_threads_at_once_share_the_client_and_no_connection() -> None:
    results: dict[int, list[Any]] = {}
    with ThreadedPeer(echo) as peer:
        client = AsyncWooshPay(KEY, base_url=peer.url, max_connections=3)

        def work(number: int) -> None:
            barrier.wait()
            results[number] = asyncio.run(retrieve(client, [f"re_{number}_{turn}" for turn in range(50)]))

        barrier = threading.Barrier(4)
        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    used: set[int] = set()
    for number, refunds in results.items():
        assert [refund.id for refund in refunds] == [f"re_{number}_{turn}" for turn in range(50)]
        connections = {refund.extra["connection"] for refund in refunds}
        assert len(connections) <= 3
        assert not connections & used
        used |= connections
    assert len(results) == 4


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
@pytest.mark.parametrize("loop", LOOPS)
def test_a_request_given_up_half_written_is_not_written_to_its_end_on_any_loop(loop: str) -> None:
    async def give_up(stuck: Stuck) -> None:
        async with AsyncWooshPay(KEY, base_url=stuck.url) as client:
            call = asyncio.create_task(client.refunds.create(payment_intent="pi_1", metadata={"x": "y" * 16_000_000}))
            while stuck.standing_still() != 1:
                await asyncio.sleep(0.01)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            while stuck.carried_out() == [] and stuck.open:
                await asyncio.sleep(0.01)
            assert stuck.carried_out() == []

    with StuckWriting() as stuck, asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(asyncio.wait_for(give_up(stuck), 15))
