"""Closing a client, or leaving the program, while calls run in other threads: every caller hears what is true."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
from collections import Counter

import pytest
from support.pace import slowdown, wait_for
from support.peer import ThreadedPeer, after, reply

import wooshpay
from wooshpay import WooshPay
from wooshpay.transport.loop import Job, PrivateLoop

from .conftest import Program

KEY = "sk_test_x"
REFUND = {"id": "re_1", "object": "refund", "amount": 5, "created": 1, "currency": "USD", "status": "succeeded"}


def test_closing_under_load_tells_every_caller_the_truth(caplog: pytest.LogCaptureFixture) -> None:
    """Not a call may hang, lose its key, or be called unsent when the server has seen it."""
    returned: list[str | None] = []
    ended: list[wooshpay.WooshPayError] = []

    def work(client: WooshPay) -> None:
        while True:
            try:
                returned.append(client.refunds.create.with_response(payment_intent="pi_1").idempotency_key)
            except wooshpay.ConfigurationError as refused:
                ended.append(refused)
                return
            except wooshpay.TransportError as broken:
                ended.append(broken)

    with ThreadedPeer(after(0.0005, reply(200, REFUND))) as peer:
        for turn in range(25):
            client = WooshPay(KEY, base_url=peer.url, max_connections=4)
            threads = [threading.Thread(target=work, args=(client,)) for _ in range(8)]
            for thread in threads:
                thread.start()
            time.sleep(0.02 + turn % 5 * 0.002)
            client.close()
            for thread in threads:
                thread.join(10)
                assert not thread.is_alive(), "a caller still waits for a closed client"
        arrived = set(peer.keys)
    assert returned
    assert Counter(returned) == Counter(arrived & set(returned)), "each of those that returned was carried out, once"
    assert all(error.idempotency_key for error in ended)
    for error in ended:
        assert error.outcome == ("unknown" if isinstance(error, wooshpay.TransportError) else "not_sent")
        assert error.outcome == "unknown" or error.idempotency_key not in arrived
    assert not [record for record in caplog.records if record.name == "asyncio"], "no task is destroyed"


def test_a_call_that_meets_a_closing_client_is_refused_and_never_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has found the loop just before close() takes it away, and comes to it while connections are closing."""
    found, closing = threading.Event(), threading.Event()
    begun: list[str] = []
    refused: list[wooshpay.WooshPayError] = []

    async def work(name: str) -> None:
        begun.append(name)

    async def at_end() -> None:
        closing.set()
        await asyncio.sleep(0.3)

    def linger(*_: object) -> None:
        found.set()
        closing.wait(10)

    def late() -> None:
        with pytest.raises(wooshpay.ConfigurationError, match="closed") as caught:
            loop.run(work, "late")
        refused.append(caught.value)

    loop = PrivateLoop(at_end)
    loop.run(work, "early")
    monkeypatch.setattr(PrivateLoop, "_warn_if_blocking", linger)
    thread = threading.Thread(target=late)
    thread.start()
    found.wait(10)
    loop.close()
    thread.join(10)
    assert [error.outcome for error in refused] == ["not_sent"]
    assert begun == ["early"]


def test_closing_does_not_take_the_result_from_a_call_that_has_it() -> None:
    """Its answer has come, its thread has not yet run on: that is a success, not a broken call."""

    async def work(answer: str) -> str:
        return answer

    async def at_end() -> None:
        pass

    async def carry_out() -> None:
        job.start()
        while job.done.locked():
            await asyncio.sleep(0)

    job: Job[str] = Job(PrivateLoop(at_end), work, "answer")
    asyncio.run(carry_out())
    job.done.acquire()  # as its caller does first
    job.lose()
    assert (job.result, job.error) == ("answer", None)


def test_a_thousand_clients_opened_and_closed_leak_nothing() -> None:
    with ThreadedPeer(reply(200, REFUND)) as peer:

        def once() -> None:
            with WooshPay(KEY, base_url=peer.url) as client:
                client.refunds.retrieve("re_1")

        once()
        wait_for(lambda: peer.open_connections == 0)
        gc.collect()
        files, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
        for _ in range(999):
            once()
        wait_for(lambda: peer.open_connections == 0)
        assert threading.active_count() == threads
        gc.collect()
        assert len(os.listdir("/proc/self/fd")) <= files
    assert peer.connections == 1000


def test_a_thousand_clients_that_never_call_cost_no_thread_and_no_file() -> None:
    files, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
    clients = [WooshPay(KEY, base_url="http://127.0.0.1:9") for _ in range(1000)]
    assert (len(os.listdir("/proc/self/fd")), threading.active_count()) == (files, threads)
    for client in clients:
        client.close()


def test_worker_threads_finish_their_calls_before_the_program_ends(program: Program) -> None:
    """The main thread is at its end, even by an exception; the interpreter still waits for these, and so must we."""
    with ThreadedPeer(after(0.3, reply(200, REFUND))) as peer:
        child = program(
            """
            import sys, threading
            from concurrent.futures import ThreadPoolExecutor
            from wooshpay import WooshPay
            client = WooshPay("sk_test_x", base_url=sys.argv[1])
            def work():
                ids = client.refunds.retrieve("re_1").id, client.refunds.retrieve("re_1").id
                # In one piece: the other thread writes, too.
                sys.stdout.write(" ".join(ids) + "\\n")
                sys.stdout.flush()
            threading.Thread(target=work).start()
            ThreadPoolExecutor(2).submit(work)
            1 / 0
            """,
            peer.url,
        )
        output, errors = child.communicate(timeout=20 * slowdown())
    assert output == "re_1 re_1\n" * 2
    assert errors.count("Traceback") == 1
    assert "ZeroDivisionError" in errors
    assert child.returncode == 1


def test_a_call_when_the_interpreter_is_already_ending_is_refused(program: Program) -> None:
    """In an exit function that runs after the client's own: a sentence, and no hang."""
    with ThreadedPeer(reply(200, REFUND)) as peer:
        child = program(
            """
            import atexit, sys
            def last():
                try:
                    client.refunds.retrieve("re_1")
                except wooshpay.ConfigurationError as error:
                    print(error)
            atexit.register(last)
            import wooshpay
            client = wooshpay.WooshPay("sk_test_x", base_url=sys.argv[1])
            client.refunds.retrieve("re_1")
            """,
            peer.url,
        )
        output, errors = child.communicate(timeout=20 * slowdown())
    assert "closed" in output
    assert (child.returncode, errors) == (0, "")
