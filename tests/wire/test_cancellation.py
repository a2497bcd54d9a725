"""A call that is cancelled or times out ends, whatever its phase, and no half-used connection serves another."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from support.pace import slowdown
from support.peer import Connection, Peer, Received, answering, stall
from support.stuck import PHASES, Stuck, StuckReading, StuckWriting

import wooshpay
from wooshpay import AsyncWooshPay, RequestOptions, RetryPolicy

KEY = "sk_test_x"
# What the kernel's buffers cannot hold, so that writing can stand still; aiohttp remarks on its size.
LARGE = {"note": "x" * 16_000_000}
large_bodies = pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")


async def wait_for(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    async with asyncio.timeout(seconds * slowdown()):
        while not condition():
            await asyncio.sleep(0.01)


async def answered_by(stuck: Stuck, *calls: asyncio.Task[Any]) -> list[str]:
    """Let the server answer until the calls are done; give the ids that they got."""
    await wait_for(lambda: bool(stuck.answered()) and all(call.done() for call in calls))
    return [call.result().id for call in calls]


def echo(received: Received) -> dict[str, str]:
    """A refund with the id that was asked for, or with the key of the call that makes one."""
    asked = received.headers.get("idempotency-key") or received.target.rpartition("/")[2]
    return {"id": asked, "object": "refund"}


@large_bodies
@pytest.mark.parametrize("phase", PHASES)
async def test_a_cancelled_call_ends_and_the_next_ones_get_their_own_answers(phase: str, no_task_left: object) -> None:
    events: list[wooshpay.RetryEvent] = []
    with PHASES[phase]() as stuck:
        async with AsyncWooshPay(KEY, base_url=stuck.url, max_connections=2, on_retry=events.append) as client:
            call = asyncio.create_task(
                client.refunds.create(payment_intent="pi_1", metadata=LARGE if phase == "writing" else {})
            )
            await wait_for(lambda: stuck.standing_still() == 1 and (phase != "backing off" or bool(events)))
            before = asyncio.all_tasks()
            call.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await call
            assert any("idempotency key auto_" in note for note in caught.value.__notes__)
            assert asyncio.all_tasks() <= before - {call}, "no task goes on behind it"
            if phase == "connecting":
                await wait_for(lambda: stuck.standing_still() == 0)
            sent = len(stuck.carried_out())
            await wait_for(lambda: stuck.open == (1 if phase == "backing off" else 0))
            assert sent == (phase in {"reading", "reading the body", "backing off"})
            stuck.relent()
            names = [f"re_{number}" for number in range(6)]
            assert await answered_by(stuck, *(asyncio.create_task(client.refunds.retrieve(n)) for n in names)) == names
            assert len(stuck.carried_out()) == sent


@large_bodies
async def test_an_attempt_that_times_out_half_written_is_not_written_to_its_end(no_task_left: object) -> None:
    """The server reads again later. What it then finds must not be a charge that its caller believes to have ended."""
    with StuckWriting() as stuck:
        async with AsyncWooshPay(KEY, base_url=stuck.url, attempt_timeout=0.5, max_retries=0) as client:
            with pytest.raises(wooshpay.TimeoutError) as caught:
                await client.refunds.create(payment_intent="pi_1", metadata=LARGE)
            assert caught.value.outcome == "unknown"
            await wait_for(lambda: stuck.carried_out() == [] and stuck.open == 0)


@large_bodies
async def test_an_upload_that_is_cancelled_half_written_is_not_written_to_its_end(no_task_left: object) -> None:
    with StuckWriting() as stuck:
        async with AsyncWooshPay(KEY, base_url=stuck.url) as client:
            call = asyncio.create_task(client.files.create(file=b"x" * 16_000_000, purpose="dispute_evidence"))
            await wait_for(lambda: stuck.standing_still() == 1)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await asyncio.sleep(0)
            assert asyncio.all_tasks() == {asyncio.current_task()}
            await wait_for(lambda: stuck.carried_out() == [] and stuck.open == 0)


async def test_a_call_cancelled_while_it_waits_for_a_connection_gives_its_place_to_the_next(
    no_task_left: object,
) -> None:
    with StuckReading() as stuck:
        async with AsyncWooshPay(KEY, base_url=stuck.url, max_connections=1) as client:
            first = asyncio.create_task(client.refunds.retrieve("re_first"))
            await wait_for(lambda: stuck.standing_still() == 1)
            waiting = [asyncio.create_task(client.refunds.create(payment_intent=f"pi_{n}")) for n in range(5)]
            last = asyncio.create_task(client.refunds.retrieve("re_last"))
            await asyncio.sleep(0)
            for call in waiting:
                call.cancel()
            results = await asyncio.gather(*waiting, return_exceptions=True)
            assert {type(result) for result in results} == {asyncio.CancelledError}
            stuck.callers[0].answer(200, {"id": "re_first", "object": "refund"})
            stuck.relent()
            assert await answered_by(stuck, first, last) == ["re_first", "re_last"]
            assert stuck.carried_out() == []


@pytest.mark.parametrize("turns", range(6))
async def test_a_connection_that_comes_free_in_the_moment_of_cancellation_is_not_lost(
    turns: int, no_task_left: object
) -> None:
    """The place was given to a call that is cancelled before it runs: the next in line must get it."""
    with StuckReading() as stuck:
        async with AsyncWooshPay(KEY, base_url=stuck.url, max_connections=1) as client:
            first, second, third = (
                asyncio.create_task(client.refunds.retrieve(name)) for name in ("re_first", "re_second", "re_third")
            )
            await wait_for(lambda: stuck.standing_still() == 1)
            first.cancel()
            for _ in range(turns):
                await asyncio.sleep(0)
            second.cancel()
            stuck.relent()
            done = await asyncio.gather(first, second, return_exceptions=True)
            assert [type(result) for result in done] == [asyncio.CancelledError, asyncio.CancelledError]
            assert await answered_by(stuck, third) == ["re_third"]


async def silent_for_the_cancelled(connection: Connection) -> None:
    """Answer all calls but the one that is to be cancelled."""
    await (stall() if connection.received[-1].target.endswith("re_cancelled") else answering(echo))(connection)


@pytest.mark.parametrize("kept", [False, True], ids=["a new connection", "a kept connection"])
@pytest.mark.parametrize("answers", [False, True], ids=["silence", "an answer on its way"])
async def test_cancelling_after_any_number_of_turns_of_the_loop_leaves_the_next_call_its_own_answer(
    kept: bool, answers: bool, no_task_left: object
) -> None:
    """Sweeps over every point at which a call can stand. A cancellation that is swallowed would let it go on."""
    async with Peer(answering(echo) if answers else silent_for_the_cancelled) as peer, asyncio.timeout(20):
        for turns in range(40):
            async with AsyncWooshPay(KEY, base_url=peer.url, max_connections=1) as client:
                if kept:
                    assert (await client.refunds.retrieve("re_before")).id == "re_before"
                call = asyncio.create_task(client.refunds.retrieve("re_cancelled"))
                for _ in range(turns):
                    await asyncio.sleep(0)
                already_done = call.done()
                call.cancel()
                await asyncio.wait([call])
                assert call.cancelled() or (already_done and call.result().id == "re_cancelled")
                assert answers or call.cancelled()
                assert (await client.refunds.retrieve("re_next")).id == "re_next"


async def test_calls_cancelled_at_random_never_get_or_give_another_calls_answer(no_task_left: object) -> None:
    chance = random.Random(20_260_424)
    outcomes = {"returned": 0, "cancelled": 0}
    async with Peer(answering(echo)) as peer:
        async with AsyncWooshPay(KEY, base_url=peer.url, max_connections=8) as client:

            async def create(number: int) -> None:
                key = f"key-{number}"
                call = asyncio.create_task(
                    client.refunds.create(payment_intent="pi_1", options=RequestOptions(idempotency_key=key))
                )
                if chance.random() < 0.5:
                    # Turns of the loop and not seconds: how many calls are cancelled must not depend on the machine.
                    for _ in range(chance.randrange(20)):
                        await asyncio.sleep(0)
                    call.cancel()
                try:
                    assert (await call).id == key
                    outcomes["returned"] += 1
                except asyncio.CancelledError:
                    outcomes["cancelled"] += 1

            async def work(numbers: range) -> None:
                for number in numbers:
                    await create(number)

            await asyncio.gather(*(work(range(start, 1500, 32)) for start in range(32)))
            # All eight places are free again: eight calls at once are eight on the wire.
            calls = [asyncio.create_task(client.refunds.retrieve(f"re_{n}")) for n in range(8)]
            assert [(await call).id for call in calls] == [f"re_{n}" for n in range(8)]
    assert min(outcomes.values()) > 100, outcomes


@pytest.mark.parametrize("stop", ["wait_for", "timeout", "a failing neighbour"])
async def test_the_usual_ways_to_give_a_call_up_end_it(stop: str, no_task_left: object) -> None:
    with StuckReading() as stuck:
        async with AsyncWooshPay(KEY, base_url=stuck.url, retry_policy=RetryPolicy(base=0.0)) as client:

            async def together(*calls: Coroutine[Any, Any, object]) -> None:
                async with asyncio.TaskGroup() as group:
                    for call in calls:
                        group.create_task(call)

            async def fail() -> None:
                await asyncio.sleep(0.2)
                raise LookupError("the neighbour")

            if stop == "wait_for":
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(client.refunds.create(payment_intent="pi_1"), 0.2)
            elif stop == "timeout":
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await client.refunds.create(payment_intent="pi_1")
            else:
                with pytest.raises(ExceptionGroup) as caught:
                    await together(client.refunds.create(payment_intent="pi_1"), fail())
                assert [type(error) for error in caught.value.exceptions] == [LookupError]
            await wait_for(lambda: stuck.open == 0)
            assert len(stuck.carried_out()) == 1
