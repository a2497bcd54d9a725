"""Signal handlers, finalizers and asynchronous exceptions at every point of a call: no hang, and no result lost unsaid.

A signal handler and a finalizer run between any two lines of the code they interrupt, in the same thread. Here a trace
function stands in for them, because it can be told at which line to run. Each program ends itself with the stacks of
its threads if it hangs.
"""

from __future__ import annotations

import pytest
from support.peer import ThreadedPeer, reply

from .conftest import Program

REFUND = {"id": "re_1", "object": "refund", "amount": 5, "created": 1, "currency": "USD", "status": "succeeded"}


def run(program: Program, url: str, source: str) -> str:
    child = program(PREPARED + source, url)
    output, errors = child.communicate(timeout=90)
    assert child.returncode == 0, f"{output}\n{errors}"
    return output


PREPARED = """
import faulthandler, linecache, sys, threading, time
faulthandler.dump_traceback_later(40, exit=True)
import wooshpay, wooshpay.transport.loop, wooshpay.transport.http
from wooshpay import AsyncWooshPay, RequestOptions, WooshPay
url = sys.argv[1]

def traced(modules, events, place, act, work):
    '''Do the work, and act at one place of it. Return what came of it, and whether that place was reached.'''
    left = place
    def trace(frame, event, argument):
        nonlocal left
        if event in events and frame.f_globals.get("__name__") in modules:
            left -= 1
            if left == 0:
                act()
        return trace
    sys.settrace(trace)
    try:
        came = work()
    except BaseException as error:
        came = error
    finally:
        sys.settrace(None)
    return came, left <= 0

def wait_until_blocked(thread):
    '''Return once the thread waits for the end of its call. Before, an exception would reach it too early. While this
    thread runs Python code, another one whose current line is this one can only be inside of the lock.'''
    while True:
        frame = sys._current_frames()[thread.ident]
        line = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
        if frame.f_code.co_name == "carry_out" and "done.acquire" in line:
            return
        time.sleep(0.001)

def loops():
    return [thread for thread in threading.enumerate() if thread.name == "wooshpay-loop"]
"""


def test_closing_at_any_line_of_the_first_call_neither_hangs_nor_leaves_a_thread(program: Program) -> None:
    """A lock that the interrupted code holds would be waited for by the handler: forever."""
    with ThreadedPeer(reply(200, REFUND)) as peer:
        output = run(
            program,
            peer.url,
            """
ends, place = set(), 0
while True:
    place += 1
    client = WooshPay("sk_test_x", base_url=url)
    came, reached = traced(
        {"wooshpay.transport.loop", "threading"}, {"line"}, place, client.close,
        lambda: client.refunds.create(payment_intent="pi_1"),
    )
    if not reached:
        break
    if isinstance(came, wooshpay.WooshPayError):
        assert "closed" in came.message, came
        assert came.idempotency_key, came
    else:
        assert came.id == "re_1", came
    ends.add(type(came).__name__)
    assert loops() == [], (place, came)
    try:
        client.refunds.retrieve("re_1")
    except wooshpay.ConfigurationError:
        pass
    else:
        raise AssertionError("closed, but it still calls")
client.close()
print(place > 50, sorted(ends))
""",
        )
    assert output.startswith("True ['ConfigurationError', "), output


def test_calling_at_any_line_of_the_first_call_uses_one_loop(program: Program) -> None:
    """A handler may make a call of its own with the same client."""
    with ThreadedPeer(reply(200, REFUND)) as peer:
        output = run(
            program,
            peer.url,
            """
place = 0
while True:
    place += 1
    inner = []
    client = WooshPay("sk_test_x", base_url=url)
    came, reached = traced(
        {"wooshpay.transport.loop"}, {"line"}, place, lambda: inner.append(client.refunds.retrieve("re_1").id),
        lambda: client.refunds.create(payment_intent="pi_1"),
    )
    if not reached:
        break
    assert (came.id, inner) == ("re_1", ["re_1"]), (came, inner)
    for thread in loops()[1:]:
        thread.join(5)
    assert client.refunds.retrieve("re_1").id == "re_1"
    assert len(loops()) == 1
    client.close()
    assert loops() == []
client.close()
print(place > 20)
""",
        )
    assert output == "True\n"


def test_a_finalizer_in_the_thread_that_just_starts_may_close_the_client(program: Program) -> None:
    """The garbage collector runs in any thread, also in the one for which the first call waits."""
    with ThreadedPeer(reply(200, REFUND)) as peer:
        output = run(
            program,
            peer.url,
            """
client = WooshPay("sk_test_x", base_url=url)
real = threading.Thread._set_ident
def begin(thread):
    real(thread)
    if thread.name == "wooshpay-loop":
        client.close()
threading.Thread._set_ident = begin
try:
    client.refunds.create(payment_intent="pi_1")
except wooshpay.ConfigurationError as error:
    print(error.outcome)
assert loops() == []
""",
        )
    assert output == "not_sent\n"


def test_an_exception_at_any_line_of_a_call_costs_no_time_and_no_result(program: Program) -> None:
    """Time limits of job queues raise in the waiting thread, at whatever line it is. If the response is there by then,
    the user has to know, with the ID and the key, and no second may be spent on cancelling what is over."""
    with ThreadedPeer(reply(200, REFUND)) as peer:
        output = run(
            program,
            peer.url,
            """
wooshpay.transport.loop._CANCEL_WAIT = 3600.0  # whoever waits for what is over hangs
class Stop(Exception):
    pass
def stop():
    raise Stop
carried_out, unsent, place = 0, 0, 0
options = RequestOptions(idempotency_key="order-1")
client = WooshPay("sk_test_x", base_url=url)
client.refunds.retrieve("re_1")
while True:
    place += 1
    came, reached = traced(
        {"wooshpay.transport.loop", "wooshpay.core.callers"}, {"line", "return"}, place, stop,
        lambda: client.refunds.create(payment_intent="pi_1", options=options),
    )
    if not reached:
        break
    if isinstance(came, Stop):
        notes = " ".join(getattr(came, "__notes__", []))
        if "was carried out" in notes:
            carried_out += 1
            assert "re_1" in notes and "order-1" in notes and "may have been" not in notes, notes
        unsent += "before anything was sent" in notes
client.close()
print(place > 20, carried_out, unsent)
""",
        )
    reached, carried_out, unsent = output.split()
    assert reached == "True"
    assert int(carried_out) >= 4, "the lines after the response, in the loop's part and in the caller's"
    assert int(unsent) >= 1, "the lines before the request"


def test_an_exception_set_from_another_thread_comes_when_the_response_is_there(program: Program) -> None:
    """`PyThreadState_SetAsyncExc`, as gevent-like schedulers and debuggers use it, waits until the lock is acquired."""
    with ThreadedPeer(reply(200, REFUND)) as peer:
        output = run(
            program,
            peer.url,
            """
import ctypes, logging
wooshpay.transport.loop._CANCEL_WAIT = 3600.0
logging.basicConfig(stream=sys.stdout, format="%(message)s")
class Stop(Exception):
    pass
async def strike(request, call_next):
    response = await call_next(request)
    wait_until_blocked(caller)
    assert ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(caller.ident), ctypes.py_object(Stop)) == 1
    return response
def work():
    try:
        client.refunds.create(payment_intent="pi_1", options=RequestOptions(idempotency_key="order-1"))
    except Stop as error:
        print(*error.__notes__)
client = WooshPay("sk_test_x", base_url=url, call_middlewares=[strike])
caller = threading.Thread(target=work)
caller.start()
caller.join()
client.close()
""",
        )
    note = (
        "refunds.create was carried out (HTTP 200, re_1), but an exception came before the result was returned;"
        " call it again with idempotency key order-1 for the result"
    )
    assert output == f"{note}\n{note}\n", "once in the log, once on the exception"


def test_an_error_that_was_already_there_is_told_with_the_exception(program: Program) -> None:
    with ThreadedPeer(reply(402, {"error": {"message": "Declined.", "type": "card_error"}})) as peer:
        output = run(
            program,
            peer.url,
            """
import ctypes
wooshpay.transport.loop._CANCEL_WAIT = 3600.0
class Stop(Exception):
    pass
async def strike(request, call_next):
    wait_until_blocked(caller)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(caller.ident), ctypes.py_object(Stop))
    return await call_next(request)
def work():
    try:
        client.refunds.create(payment_intent="pi_1")
    except Stop as error:
        print(*error.__notes__)
client = WooshPay("sk_test_x", base_url=url, call_middlewares=[strike])
caller = threading.Thread(target=work)
caller.start()
caller.join()
client.close()
""",
        )
    assert "refunds.create had already ended: Declined." in output
    assert "no money moved" in output
    assert "may have been carried out" not in output


@pytest.mark.parametrize("what", ["threads", "descriptors"])
def test_a_process_that_has_run_out_of_something_gets_a_sentence(program: Program, what: str) -> None:
    """The raw error came with the note that the call may have been carried out, and an event loop was left open."""
    with ThreadedPeer(reply(200, REFUND)) as peer:
        output = run(
            program,
            peer.url,
            f"""
import asyncio, gc, os
real_start, real_loop = threading.Thread.start, asyncio.new_event_loop
def no_thread(thread):
    raise RuntimeError("can't start new thread")
def no_descriptors():
    raise OSError(24, "Too many open files")
client = WooshPay("sk_test_x", base_url=url)
client.refunds
before = os.listdir("/proc/self/fd")
if {what!r} == "threads":
    threading.Thread.start = no_thread
else:
    asyncio.new_event_loop = no_descriptors
try:
    client.refunds.create(payment_intent="pi_1")
except wooshpay.ConnectError as error:
    assert not hasattr(error, "__notes__"), error.__notes__
    print(error.outcome, "ulimit" in error.message)
gc.collect()
assert os.listdir("/proc/self/fd") == before
threading.Thread.start, asyncio.new_event_loop = real_start, real_loop
print(client.refunds.retrieve("re_1").id)
client.close()
""",
        )
    assert output == "not_sent True\nre_1\n"


def test_an_exception_while_the_result_of_an_awaited_call_is_read_says_that_it_was_carried_out(
    program: Program,
) -> None:
    """The response has arrived; that Ctrl-C hits while its JSON is read must not hide that money has moved."""
    with ThreadedPeer(reply(200, REFUND)) as peer:
        output = run(
            program,
            peer.url,
            """
import asyncio
class Stop(BaseException):
    pass
def stop():
    raise Stop
async def main():
    async with AsyncWooshPay("sk_test_x", base_url=url) as client:
        await client.refunds.retrieve("re_1")
        for call in (client.refunds.create, client.refunds.create.with_response):
            real = client._pipeline.decode
            client._pipeline.decode = lambda *_: stop()
            try:
                await call(payment_intent="pi_1", options=RequestOptions(idempotency_key="order-1"))
            except Stop as error:
                print(*error.__notes__)
            client._pipeline.decode = real
asyncio.run(main())
""",
        )
    assert output.count("refunds.create was carried out (HTTP 200, re_1)") == 2
    assert output.count("order-1") == 2


def test_a_process_without_a_free_descriptor_loses_none_and_calls_again_when_there_is_one(program: Program) -> None:
    """With a real limit: what was opened for the call that failed must be closed, or the process never recovers."""
    with ThreadedPeer(reply(200, REFUND)) as peer:
        output = run(
            program,
            peer.url,
            """
import gc, os, resource
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
client = WooshPay("sk_test_x", base_url=url, retry_policy=wooshpay.RetryPolicy(base=0.0))
client.refunds
client.refunds.retrieve("re_1")
client.close()
client = WooshPay("sk_test_x", base_url=url, retry_policy=wooshpay.RetryPolicy(base=0.0))
before = len(os.listdir("/proc/self/fd"))
held = []
try:
    while True:
        held.append(os.open("/dev/null", os.O_RDONLY))
except OSError:
    pass
for _ in range(3):  # for the event loop; none is left for a connection
    os.close(held.pop())
problems = []
for _ in range(5):
    try:
        client.refunds.create(payment_intent="pi_1")
    except wooshpay.ConnectError as error:
        problems.append((error.outcome, error.attempts, "ulimit -n" in error.message, hasattr(error, "__notes__")))
for descriptor in held:
    os.close(descriptor)
print(set(problems), len(problems))
print(client.refunds.retrieve("re_1").id)
client.close()
gc.collect()
print(len(os.listdir("/proc/self/fd")) - before)
""",
        )
    assert output == "{('not_sent', 3, True, False)} 5\nre_1\n0\n"
