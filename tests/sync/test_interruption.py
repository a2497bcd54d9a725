"""Ctrl-C, in every phase of a call: real signals to real processes. No charge goes on behind the user's back."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from textwrap import dedent

import pytest
from support.pace import slowdown, wait_for
from support.peer import ThreadedPeer, stall
from support.stuck import PHASES, Stuck, StuckReading

from wooshpay import WooshPay

from .conftest import Program

KEY = "sk_test_x"
ORDER = "order-1"
REFUND = {"id": "re_1", "object": "refund", "amount": 5, "created": 1, "currency": "USD", "status": "succeeded"}
ARRIVES = {"reading", "reading the body", "backing off"}
"""The phases in which the server has the whole request already."""


def said(child: subprocess.Popen[str], word: str) -> None:
    """Wait until a program has written this line."""
    assert child.stdout is not None
    assert child.stdout.readline() == f"{word}\n"


def interrupt(child: subprocess.Popen[str], stuck: Stuck, phase: str) -> None:
    wait_for(lambda: stuck.standing_still() == 1)
    if phase == "backing off":
        said(child, "trying again later")
    child.send_signal(signal.SIGINT)


# The request is too large for the kernel's buffers, so that it can stand still half-written.
PREPARED = """
import asyncio, sys, warnings
from wooshpay import AsyncWooshPay, RequestOptions, WooshPay
warnings.filterwarnings("ignore", "Sending a large body", ResourceWarning)  # of aiohttp
url, phase = sys.argv[1:]
arguments = {"payment_intent": "pi_1", "metadata": {"note": "x" * (16_000_000 if phase == "writing" else 1)}}
options = RequestOptions(idempotency_key="order-1")
def tell(event):
    print("trying again later", flush=True)
"""


@pytest.mark.parametrize("phase", PHASES)
def test_ctrl_c_ends_the_call_in_every_phase_and_the_client_goes_on(program: Program, phase: str) -> None:
    """The program catches it and lives on: what was interrupted must neither go on nor disturb what follows."""
    with PHASES[phase]() as stuck:
        child = program(
            PREPARED
            + dedent("""
            client = WooshPay("sk_test_x", base_url=url, on_retry=tell)
            try:
                client.refunds.create(**arguments, options=options)
            except KeyboardInterrupt as interruption:
                print("interrupted", flush=True)
                [note] = interruption.__notes__
                assert "refunds.create" in note and "order-1" in note, note
            sys.stdin.readline()
            assert client.refunds.retrieve("re_next").id == "re_next"
            client.close()
            """),
            stuck.url,
            phase,
        )
        interrupt(child, stuck, phase)
        said(child, "interrupted")
        if phase == "connecting":
            wait_for(lambda: stuck.standing_still() == 0)
        assert stuck.carried_out() == ([ORDER] if phase in ARRIVES else [])
        assert stuck.open == (1 if phase == "backing off" else 0)
        stuck.relent()
        assert child.stdin is not None
        child.stdin.write("go on\n")
        child.stdin.flush()
        wait_for(lambda: stuck.answered() > 0)
        output, errors = child.communicate(timeout=20 * slowdown())
        assert stuck.carried_out() == ([ORDER] if phase in ARRIVES else [])
    assert (child.returncode, output) == (0, "")
    assert errors.splitlines() == [
        "refunds.create was interrupted and may have been carried out;"
        " to be sure, call it again with idempotency key order-1"
    ]


@pytest.mark.parametrize("phase", ["connecting", "writing", "backing off"])
def test_ctrl_c_that_nobody_catches_ends_the_program_and_shows_the_key(program: Program, phase: str) -> None:
    with PHASES[phase]() as stuck:
        child = program(
            PREPARED
            + dedent("""
            WooshPay("sk_test_x", base_url=url, on_retry=tell).refunds.create(**arguments, options=options)
            """),
            stuck.url,
            phase,
        )
        interrupt(child, stuck, phase)
        _, errors = child.communicate(timeout=10 * slowdown())
        assert stuck.carried_out() == ([ORDER] if phase in ARRIVES else [])
    assert child.returncode == -signal.SIGINT
    assert errors.count(ORDER) == 2, "once on the exception, once in the log"
    assert errors.count("Traceback") == 1
    assert not any(word in errors for word in ("never awaited", "Unclosed", "unclosed", "destroyed"))


@pytest.mark.parametrize("phase", PHASES)
def test_ctrl_c_ends_an_awaited_call_and_shows_the_key(program: Program, phase: str) -> None:
    with PHASES[phase]() as stuck:
        child = program(
            PREPARED
            + dedent("""
            async def main():
                async with AsyncWooshPay("sk_test_x", base_url=url, on_retry=tell) as client:
                    await client.refunds.create(**arguments, options=options)
            asyncio.run(main())
            """),
            stuck.url,
            phase,
        )
        interrupt(child, stuck, phase)
        _, errors = child.communicate(timeout=10 * slowdown())
        assert stuck.carried_out() == ([ORDER] if phase in ARRIVES else [])
    assert child.returncode == -signal.SIGINT
    assert errors.count(ORDER) == 2, "once on the exception that ended the call, once in the log"
    assert "KeyboardInterrupt" in errors
    assert not any(word in errors for word in ("never awaited", "Unclosed", "unclosed", "destroyed"))


def test_ctrl_c_while_waiting_for_a_free_connection_sends_nothing_later(program: Program) -> None:
    """When the other call ends and its connection comes free, the interrupted one must not take it."""
    with StuckReading() as stuck:
        child = program(
            """
            import logging, sys, threading, time
            from wooshpay import RequestOptions, WooshPay
            client = WooshPay("sk_test_x", base_url=sys.argv[1], max_connections=1)
            other = threading.Thread(target=client.refunds.retrieve, args=("re_other",))
            other.start()
            print("started", flush=True)
            sys.stdin.readline()
            try:
                client.refunds.create(payment_intent="pi_1", options=RequestOptions(idempotency_key="order-1"))
            except KeyboardInterrupt as interruption:
                assert "order-1" in interruption.__notes__[0]
                print("interrupted", flush=True)
            other.join()
            assert client.refunds.retrieve("re_next").id == "re_next"
            client.close()
            """,
            stuck.url,
        )
        said(child, "started")
        wait_for(lambda: stuck.standing_still() == 1)
        assert child.stdin is not None
        child.stdin.write("go on\n")
        child.stdin.flush()
        time.sleep(0.3)  # nothing on the wire shows that the call waits
        child.send_signal(signal.SIGINT)
        said(child, "interrupted")
        stuck.callers[0].answer(200, {"id": "re_other", "object": "refund"})
        stuck.relent()
        wait_for(lambda: stuck.answered() == 1)
        _, errors = child.communicate(timeout=20 * slowdown())
        assert stuck.carried_out() == []
    assert child.returncode == 0, errors
    assert errors.count(ORDER) == 1


def test_a_second_ctrl_c_while_the_call_is_being_cancelled_still_shows_the_key(program: Program) -> None:
    """People press it twice. A middleware that is slow to let go must not cost them the key."""
    with ThreadedPeer(stall()) as peer:
        child = program(
            """
            import asyncio, os, sys
            from wooshpay import RequestOptions, WooshPay
            async def clinging(request, call_next):
                try:
                    return await call_next(request)
                except asyncio.CancelledError:
                    print("cancelling", flush=True)
                    await asyncio.sleep(30)
            client = WooshPay("sk_test_x", base_url=sys.argv[1], call_middlewares=[clinging])
            try:
                client.refunds.create(payment_intent="pi_1", options=RequestOptions(idempotency_key="order-1"))
            except KeyboardInterrupt as interruption:
                print(*interruption.__notes__, flush=True)
                os._exit(0)
            """,
            peer.url,
        )
        wait_for(lambda: len(peer.requests) == 1)
        child.send_signal(signal.SIGINT)
        said(child, "cancelling")
        child.send_signal(signal.SIGINT)
        output, errors = child.communicate(timeout=20 * slowdown())
    assert output.endswith(f"call it again with idempotency key {ORDER}\n"), errors


@contextmanager
def alarm(error: BaseException, when: Callable[[], bool]) -> Generator[None]:
    """Have a signal handler raise an exception in this thread, once something is the case."""

    def ring(*_: object) -> None:
        raise error

    def watch() -> None:
        wait_for(when)
        os.kill(os.getpid(), signal.SIGALRM)

    before = signal.signal(signal.SIGALRM, ring)
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        watcher.join()
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("kind", [RuntimeError, NotImplementedError, ValueError, SystemExit, BaseException])
def test_whatever_a_signal_handler_raises_cancels_the_call(kind: type[BaseException]) -> None:
    """A job queue's own time limit may be any exception, one that the event loop also knows among them."""
    error = kind("the time for this job is over")
    with ThreadedPeer(stall()) as peer, WooshPay(KEY, base_url=peer.url) as client:
        with alarm(error, lambda: len(peer.requests) == 1):
            with pytest.raises(kind) as caught:
                client.refunds.create(payment_intent="pi_1")
        assert caught.value is error
        wait_for(lambda: peer.open_connections == 0)
        assert str(peer.keys[0]) in caught.value.__notes__[0]


def test_an_interrupted_call_leaves_those_of_other_threads_alone() -> None:
    """They share the client, not the fate."""
    results: list[str] = []
    with StuckReading() as stuck, WooshPay(KEY, base_url=stuck.url) as client:
        other = threading.Thread(target=lambda: results.append(client.refunds.retrieve("re_other").id))
        other.start()
        wait_for(lambda: stuck.standing_still() == 1)
        with alarm(LookupError("rang"), lambda: stuck.standing_still() == 2):
            with pytest.raises(LookupError, match="rang"):
                client.refunds.create(payment_intent="pi_1")
        wait_for(lambda: stuck.open == 1)
        stuck.callers[0].answer(200, {"id": "re_other", "object": "refund"})
        other.join(10)
    assert results == ["re_other"]


def test_a_greenlet_that_is_killed_or_times_out_ends_its_call(program: Program) -> None:
    """gevent raises in a waiting greenlet as a signal does in a thread; the other greenlets' calls go on."""
    with StuckReading() as stuck:
        child = program(
            """
            from gevent import monkey
            monkey.patch_all()
            import sys
            import gevent
            from wooshpay import RequestOptions, WooshPay
            client = WooshPay("sk_test_x", base_url=sys.argv[1])
            other = gevent.spawn(client.refunds.retrieve, "re_other")
            notes = []
            def work(name):
                try:
                    client.refunds.create(payment_intent="pi_1", options=RequestOptions(idempotency_key=name))
                except BaseException as interruption:
                    notes.extend(interruption.__notes__)
                    raise
            killed = gevent.spawn(work, "order-1")
            gevent.sleep(0.5)
            killed.kill()
            try:
                with gevent.Timeout(0.5):
                    work("order-2")
            except gevent.Timeout:
                pass
            assert ["order-1" in notes[0], "order-2" in notes[1]] == [True, True], notes
            print("interrupted", flush=True)
            print(other.get().id, flush=True)
            client.close()
            """,
            stuck.url,
        )
        wait_for(lambda: stuck.standing_still() == 3, 30)
        said(child, "interrupted")
        wait_for(lambda: stuck.open == 1)
        [caller] = [caller for caller in stuck.callers if not caller.gone]
        caller.answer(200, {"id": "re_other", "object": "refund"})
        output, errors = child.communicate(timeout=20 * slowdown())
    assert (child.returncode, output) == (0, "re_other\n"), errors
