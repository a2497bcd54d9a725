"""The rules of the synchronous client: each one is a way in which clients of this kind have failed before."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import signal
import sys
import threading
import time
import types
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.pace import slowdown, wait_for
from support.peer import ThreadedPeer, after, close, reply, stall, when_all_are_here

import wooshpay
from wooshpay import Next, Request, RequestOptions, Response, RetryPolicy, WooshPay

from .conftest import Program

KEY = "sk_test_x"
NO_WAIT = RetryPolicy(base=0.0)
REFUND = {"id": "re_1", "object": "refund", "amount": 5, "created": 1, "currency": "USD", "status": "succeeded"}


def loop_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "wooshpay-loop"]


# ---- 1: one thread per client, from the first request on ----


def test_no_thread_starts_before_the_first_request_and_copies_share_it() -> None:
    with ThreadedPeer(reply(200, REFUND)) as peer:
        client = WooshPay(KEY, base_url=peer.url)
        copy = client.with_options(timeout=5.0)
        assert loop_threads() == []
        client.refunds.retrieve("re_1")
        copy.refunds.retrieve("re_1")
        assert len(loop_threads()) == 1
        assert peer.connections == 1
        client.close()
        assert loop_threads() == []


@pytest.mark.parametrize("way", ["with block", "close"])
def test_closing_a_copy_with_other_options_leaves_the_client_open(way: str) -> None:
    """``with client.with_options(...) as quick`` stopped the thread of the client that the whole program uses."""
    with ThreadedPeer(reply(200, REFUND)) as peer, WooshPay(KEY, base_url=peer.url) as client:
        client.refunds.retrieve("re_1")
        quick = client.with_options(timeout=5.0)
        if way == "with block":
            with quick:
                quick.refunds.retrieve("re_1")
                with quick.with_options(timeout=4.0) as quicker:
                    quicker.refunds.retrieve("re_1")
        else:
            quick.close()
            quick.with_options(timeout=4.0).close()
        client.refunds.retrieve("re_1")
        quick.refunds.retrieve("re_1")
        assert (len(loop_threads()), peer.connections) == (1, 1)
        client.close()
        with pytest.raises(wooshpay.ConfigurationError, match="closed"):
            quick.refunds.retrieve("re_1")
        assert loop_threads() == []


def test_the_calls_behave_like_the_awaited_ones() -> None:
    with ThreadedPeer(close(), reply(200, REFUND)) as peer:
        with WooshPay(KEY, base_url=peer.url, retry_policy=NO_WAIT) as client:
            answer = client.refunds.create.with_response(payment_intent="pi_1")
    assert answer.attempts == 2
    assert set(peer.keys) == {answer.idempotency_key}


# ---- 2: waiting can be interrupted, and then the call ends ----


def test_ctrl_c_cancels_the_request_and_leaves_the_key(program: Program) -> None:
    """A charge that goes on in the background after Ctrl-C is money moved behind the user's back."""
    with ThreadedPeer(stall()) as peer:
        child = program(
            """
            import sys, time
            from wooshpay import WooshPay
            client = WooshPay("sk_test_x", base_url=sys.argv[1])
            try:
                client.refunds.create(payment_intent="pi_1")
            except KeyboardInterrupt as interruption:
                print(interruption.__notes__[0], flush=True)
                time.sleep(60)  # the connection must be gone while the program still runs
            """,
            peer.url,
        )
        wait_for(lambda: len(peer.requests) == 1)
        assert peer.open_connections == 1
        child.send_signal(signal.SIGINT)
        assert child.stdout is not None
        note = child.stdout.readline()
        assert str(peer.keys[0]) in note
        wait_for(lambda: peer.open_connections == 0)
        child.kill()
        child.communicate()
    assert len(peer.requests) == 1


def test_ctrl_c_without_a_handler_ends_the_program_and_shows_the_key(program: Program) -> None:
    with ThreadedPeer(stall()) as peer:
        child = program(
            """
            import sys
            from wooshpay import WooshPay
            WooshPay("sk_test_x", base_url=sys.argv[1]).refunds.create(payment_intent="pi_1")
            """,
            peer.url,
        )
        wait_for(lambda: len(peer.requests) == 1)
        started = time.monotonic()
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=10 * slowdown())
    assert time.monotonic() - started < 5 * slowdown()
    assert child.returncode == -signal.SIGINT
    assert "KeyboardInterrupt" in errors
    assert str(peer.keys[0]) in errors
    assert errors.count("idempotency key") == 2, "once on the exception, once in the log"
    assert "never awaited" not in errors
    assert "Unclosed" not in errors


def test_any_exception_that_a_signal_raises_in_the_waiting_thread_cancels_the_call() -> None:
    """Timeouts built on SIGALRM, as job queues use them, must not leave the call running."""

    class Alarm(Exception):
        pass

    def ring(*_: object) -> None:
        raise Alarm

    with ThreadedPeer(stall()) as peer, WooshPay(KEY, base_url=peer.url) as client:
        before = signal.signal(signal.SIGALRM, ring)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            with pytest.raises(Alarm) as caught:
                client.refunds.create(payment_intent="pi_1")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        wait_for(lambda: peer.open_connections == 0)
        assert str(peer.keys[0]) in caught.value.__notes__[0]


# ---- 3: inside a running loop, and on its own ----


async def test_it_works_inside_a_running_loop_and_warns_once() -> None:
    with ThreadedPeer(reply(200, REFUND)) as peer, WooshPay(KEY, base_url=peer.url) as client:
        with pytest.warns(RuntimeWarning, match="AsyncWooshPay") as caught:
            assert client.refunds.retrieve("re_1").id == "re_1"
        assert caught[0].filename == __file__
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            client.refunds.retrieve("re_1")


def test_a_call_from_its_own_loop_thread_is_an_error_and_no_deadlock() -> None:
    problems: list[Exception] = []

    async def nested(request: Request, call_next: Next) -> Response:
        try:
            client.refunds.retrieve("re_2")
        except wooshpay.ConfigurationError as problem:
            problems.append(problem)
        return await call_next(request)

    with ThreadedPeer(reply(200, REFUND)) as peer:
        with WooshPay(KEY, base_url=peer.url, call_middlewares=[nested]) as client:
            client.refunds.retrieve("re_1")
    assert "own event loop thread" in str(problems[0])
    assert len(peer.requests) == 1


# ---- 4: fork ----


def test_a_forked_child_starts_anew_and_leaves_the_parents_connection_alone() -> None:
    with ThreadedPeer(reply(200, REFUND)) as peer, WooshPay(KEY, base_url=peer.url) as client:
        client.refunds.retrieve("re_1")
        for _ in range(3):
            assert run_in_fork(lambda: client.refunds.retrieve("re_1").id == "re_1")
            client.refunds.retrieve("re_1")
        assert len(loop_threads()) == 1
        by_connection = [request.connection for request in peer.requests]
    # The parent keeps its one connection; each child opened its own.
    assert by_connection == [1, 2, 1, 3, 1, 4, 1]


def test_fork_in_the_middle_of_calls_from_other_threads() -> None:
    """A lock that another thread held, or a loop that seemed to run, must not follow into the child."""
    with ThreadedPeer(after(0.002, reply(200, REFUND))) as peer, WooshPay(KEY, base_url=peer.url) as client:
        over = threading.Event()

        def work() -> int:
            done = 0
            while not over.is_set():
                assert client.refunds.retrieve("re_1").id == "re_1"
                done += 1
            return done

        with ThreadPoolExecutor(4) as pool:
            workers = [pool.submit(work) for _ in range(4)]
            for _ in range(10):
                time.sleep(0.01)
                assert run_in_fork(lambda: client.refunds.create(payment_intent="pi_1").id == "re_1")
            over.set()
            assert all(worker.result() > 0 for worker in workers)


def test_a_child_that_ends_like_a_program_says_nothing(program: Program) -> None:
    """Finalizers in the child would report, and clean up, what belongs to the parent."""
    with ThreadedPeer(reply(200, REFUND)) as peer:
        child = program(
            """
            import os, sys, warnings
            warnings.filterwarnings("ignore", "This process", DeprecationWarning)  # of Python 3.12 on, about fork
            from wooshpay import WooshPay
            client = WooshPay("sk_test_x", base_url=sys.argv[1])
            client.refunds.retrieve("re_1")
            pid = os.fork()
            if pid == 0:
                client.refunds.retrieve("re_1")
                sys.exit(7)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
            client.refunds.retrieve("re_1")
            """,
            peer.url,
        )
        output, errors = child.communicate(timeout=20 * slowdown())
    assert (child.returncode, output, errors) == (0, "", "")
    assert [request.connection for request in peer.requests] == [1, 2, 1]


def _retrieve_in_worker(url: str) -> str:
    with WooshPay(KEY, base_url=url) as client:
        return client.refunds.retrieve("re_1").id


def test_multiprocessing_workers_have_their_own() -> None:
    with ThreadedPeer(reply(200, REFUND)) as peer, WooshPay(KEY, base_url=peer.url) as client:
        client.refunds.retrieve("re_1")
        with multiprocessing.get_context("fork").Pool(2) as pool:
            assert pool.map(_retrieve_in_worker, [peer.url] * 4) == ["re_1"] * 4
            pool.close()
            pool.join()
        client.refunds.retrieve("re_1")


# ---- 5: the end ----


@pytest.mark.parametrize("ending", ["", "raise SystemExit(3)", "1 / 0"])
def test_exit_without_close_is_quick_and_silent(program: Program, ending: str) -> None:
    with ThreadedPeer(reply(200, REFUND)) as peer:
        child = program(
            f"""
            import sys
            from wooshpay import WooshPay
            client = WooshPay("sk_test_x", base_url=sys.argv[1])
            print(client.refunds.retrieve("re_1").id)
            {ending}
            """,
            peer.url,
        )
        started = time.monotonic()
        output, errors = child.communicate(timeout=20 * slowdown())
    assert time.monotonic() - started < 10 * slowdown()
    assert output == "re_1\n"
    assert child.returncode == {"": 0, "raise SystemExit(3)": 3, "1 / 0": 1}[ending]
    if ending == "1 / 0":
        assert errors.strip().endswith("ZeroDivisionError: division by zero")
        assert errors.count("Traceback") == 1
    else:
        assert errors == ""


def test_exit_while_another_thread_waits_for_an_answer(program: Program) -> None:
    with ThreadedPeer(stall()) as peer:
        child = program(
            """
            import sys, threading, time
            from wooshpay import WooshPay
            client = WooshPay("sk_test_x", base_url=sys.argv[1])
            def work():
                try:
                    client.refunds.create(payment_intent="pi_1")
                except Exception as error:
                    print(type(error).__name__, error.outcome, flush=True)
            threading.Thread(target=work, daemon=True).start()
            print("started", flush=True)
            time.sleep(0.7)
            """,
            peer.url,
        )
        wait_for(lambda: len(peer.requests) == 1)
        started = time.monotonic()
        output, errors = child.communicate(timeout=20 * slowdown())
    assert time.monotonic() - started < 8 * slowdown()
    assert child.returncode == 0
    # Idle clients end silently; a charge under way leaves one line with the key to ask again with.
    assert errors.count("\n") == 1
    assert str(peer.keys[0]) in errors
    assert output.startswith("started")


def test_close_may_be_called_again_from_any_thread_and_then_calls_are_refused() -> None:
    with ThreadedPeer(reply(200, REFUND)) as peer:
        client = WooshPay(KEY, base_url=peer.url)
        client.refunds.retrieve("re_1")
        closers = [threading.Thread(target=client.close) for _ in range(4)]
        for closer in closers:
            closer.start()
        for closer in closers:
            closer.join()
        client.close()
        with pytest.raises(wooshpay.ConfigurationError, match="closed"):
            client.refunds.retrieve("re_1")
        with pytest.raises(wooshpay.ConfigurationError, match="closed"):
            client.with_options(timeout=3.0).refunds.retrieve("re_1")


def test_close_before_any_call_is_fine() -> None:
    client = WooshPay(KEY, base_url="http://127.0.0.1:9")
    client.close()
    with pytest.raises(wooshpay.ConfigurationError, match="closed"):
        client.refunds.retrieve("re_1")


def test_close_ends_calls_under_way_with_an_honest_error() -> None:
    with ThreadedPeer(stall()) as peer:
        client = WooshPay(KEY, base_url=peer.url)
        with ThreadPoolExecutor(3) as pool:
            calls = [
                pool.submit(
                    client.refunds.create, payment_intent="pi_1", options=RequestOptions(idempotency_key=f"k{n}")
                )
                for n in range(3)
            ]
            wait_for(lambda: len(peer.requests) == 3)
            client.close()
            problems = [call.exception(timeout=5 * slowdown()) for call in calls]
    for problem in problems:
        assert isinstance(problem, wooshpay.TransportError)
        assert problem.outcome == "unknown"
    keys = {getattr(problem, "idempotency_key", None) for problem in problems}
    assert keys == {"k0", "k1", "k2"}


def test_a_client_that_is_forgotten_takes_its_thread_along() -> None:
    with ThreadedPeer(reply(200, REFUND)) as peer:
        for _ in range(3):
            WooshPay(KEY, base_url=peer.url).refunds.retrieve("re_1")
        gc.collect()
        wait_for(lambda: loop_threads() == [])
        wait_for(lambda: peer.open_connections == 0)


# ---- 6: threads, gevent, uWSGI ----


def test_thirty_two_threads_share_one_client() -> None:
    with ThreadedPeer(reply(200, REFUND)) as peer, WooshPay(KEY, base_url=peer.url) as client:
        with ThreadPoolExecutor(32) as pool:
            calls = [
                pool.submit(
                    client.refunds.create.with_response,
                    payment_intent="pi_1",
                    options=RequestOptions(idempotency_key=f"key-{number}"),
                )
                for number in range(640)
            ]
            answers = [call.result() for call in calls]
        assert len(loop_threads()) == 1
    assert [answer.idempotency_key for answer in answers] == [f"key-{number}" for number in range(640)]
    assert sorted(map(str, peer.keys)) == sorted(f"key-{number}" for number in range(640))


def test_a_first_call_from_many_threads_at_once_starts_one_thread() -> None:
    with ThreadedPeer(reply(200, REFUND)) as peer, WooshPay(KEY, base_url=peer.url) as client:
        barrier = threading.Barrier(16)

        def first(_: int) -> str:
            barrier.wait()
            return client.refunds.retrieve("re_1").id

        with ThreadPoolExecutor(16) as pool:
            assert set(pool.map(first, range(16))) == {"re_1"}
        assert len(loop_threads()) == 1


def test_it_works_in_a_process_patched_by_gevent(program: Program) -> None:
    # Greenlets that waited for one another would never be answered.
    with ThreadedPeer(when_all_are_here(20, reply(200, REFUND))) as peer:
        child = program(
            """
            from gevent import monkey
            monkey.patch_all()
            import sys
            import gevent
            from wooshpay import WooshPay
            client = WooshPay("sk_test_x", base_url=sys.argv[1])
            jobs = [gevent.spawn(client.refunds.retrieve, "re_1") for _ in range(20)]
            gevent.joinall(jobs, raise_error=True)
            assert [job.value.id for job in jobs] == ["re_1"] * 20
            client.close()
            print("fine")
            """,
            peer.url,
        )
        output, errors = child.communicate(timeout=30 * slowdown())
    assert output == "fine\n", errors
    assert child.returncode == 0


@pytest.mark.parametrize(
    ("options", "works"), [({}, False), ({"enable-threads": True}, True), ({"threads": b"4"}, True)]
)
def test_uwsgi_without_threads_is_told_the_flag(
    options: dict[str, object], works: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "uwsgi", types.SimpleNamespace(opt=options))
    with ThreadedPeer(reply(200, REFUND)) as peer, WooshPay(KEY, base_url=peer.url) as client:
        if works:
            assert client.refunds.retrieve("re_1").id == "re_1"
        else:
            with pytest.raises(wooshpay.ConfigurationError, match="--enable-threads"):
                client.refunds.retrieve("re_1")


# ---- 7: pages on demand ----


def test_pages_are_fetched_one_by_one_when_they_are_needed() -> None:
    def page(first: int) -> dict[str, object]:
        return {
            "object": "list",
            "has_more": True,
            "data": [{"id": f"we_{n}", "object": "webhook_endpoint"} for n in range(first, first + 2)],
        }

    with ThreadedPeer(*(reply(200, page(first)) for first in range(0, 20, 2))) as peer:
        with WooshPay(KEY, base_url=peer.url) as client:
            entries = iter(client.webhook_endpoints.list(limit=2))
            assert peer.requests == []
            assert [next(entries).id for _ in range(3)] == ["we_0", "we_1", "we_2"]
            assert len(peer.requests) == 2
    assert "starting_after=we_1" in peer.requests[1].target


# ---- helpers ----


def run_in_fork(check: object) -> bool:
    """Run a check in a forked child; True where it held there."""
    assert callable(check)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of fork in threaded processes
        pid = os.fork()
    if pid == 0:
        try:
            signal.alarm(20)
            code = 0 if check() else 1
        except BaseException:
            code = 2
        os._exit(code)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status) == 0


def test_context_variables_reach_middlewares() -> None:
    """Tracing hangs on them: the span of the caller must be the parent of what happens on the loop."""
    import contextvars

    current: contextvars.ContextVar[str] = contextvars.ContextVar("current")
    seen: list[str] = []

    async def look(request: Request, call_next: Next) -> Response:
        seen.append(current.get())
        return await call_next(request)

    with ThreadedPeer(reply(200, REFUND)) as peer, WooshPay(KEY, base_url=peer.url, call_middlewares=[look]) as client:
        current.set("span 1")
        client.refunds.retrieve("re_1")
    assert seen == ["span 1"]


def test_no_event_loop_is_left_in_the_calling_thread() -> None:
    with ThreadedPeer(reply(200, REFUND)) as peer, WooshPay(KEY, base_url=peer.url) as client:
        client.refunds.retrieve("re_1")
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
