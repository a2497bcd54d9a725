"""Output never fails a call: whatever a terminal, pipe or disk cannot take, users learn what happened to the money.

Without these rules a payment that went through ends in a traceback and exit code 1, is run again, and charged twice.
"""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import select
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.children import HANGS
from support.cli import MAIN, environment, run
from support.peer import ThreadedPeer, hold, reply

from wooshpay.cli.calls import operation as operation_module
from wooshpay.cli.texts import json_text, visible

CREATE: Final = ["refunds", "create", "--payment-intent", "pi_1", "--idempotency-key", "order-17"]
RETRIEVE: Final = ["refunds", "retrieve", "re_1"]
DELETE: Final = ["coupons", "delete", "re_1"]

# One of each kind: Chinese, an accent, a C1 control, an ANSI escape, a bidi override and isolate, marks without width,
# line separators, and half of a character pair, which JSON can carry and no encoding can.
ODD: Final = "茶é\x9b31m\x1b[31m\u202e\u2066\u200e\u200b\ufeff\u2028\x7f\ud800"
UNSAFE: Final = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
REFUND: Final = {"id": "re_1", "object": "refund", "amount": 5, "currency": "USD", "created": 1, "description": ODD}
BODY: Final = json.dumps(REFUND).encode()

DONE: Final = "refunds.create WAS carried out: ID re_1, idempotency key order-17. Do not run it again."


@pytest.fixture(scope="module")
def peer() -> Iterator[ThreadedPeer]:
    """WooshPay, as far as it answers every request with the same odd refund."""
    with ThreadedPeer(reply(200, BODY)) as found:
        yield found


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> None:  # pyright: ignore[reportUnusedFunction]
    """The peer stays for the whole module."""


def shell(peer: ThreadedPeer, *words: str, after: str = "", **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command through a shell, with redirections behind it. The exit code is the command's own."""
    line = f"set -o pipefail; {shlex.join([*MAIN, *words])} {after}"
    settings = environment(WOOSHPAY_BASE_URL=peer.url)
    if variables:
        del settings["PYTHONUTF8"]
    return subprocess.run(["bash", "-c", line], env={**settings, **variables}, capture_output=True, timeout=HANGS)


# ---- characters -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["json", "table"])
@pytest.mark.parametrize("words", [CREATE, RETRIEVE], ids=["post", "get"])
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "latin-1", "ascii", "cp932"])
def test_characters_that_the_output_cannot_encode_are_escaped(
    peer: ThreadedPeer, encoding: str, words: list[str], form: str
) -> None:
    """A customer's name that Windows' code page lacks must not turn a payment into a traceback."""
    done = shell(peer, *words, "--format", form, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    text = done.stdout.decode(encoding)
    if form == "json":
        assert json.loads(text) == REFUND, "escaped, JSON stays the same JSON"
    else:
        assert "re_1" in text
        assert not UNSAFE.search(text)


def test_in_the_c_locale_nothing_is_lost(peer: ThreadedPeer) -> None:
    done = shell(peer, *CREATE, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout) == REFUND


def on_terminal(peer: ThreadedPeer, *words: str, **variables: str) -> str:
    """What a terminal gets from a command, with standard output and standard error on it."""
    ours, theirs = pty.openpty()
    try:
        settings = {**environment(WOOSHPAY_BASE_URL=peer.url, COLUMNS="80", TERM="dumb"), **variables}
        subprocess.run(
            [*MAIN, *words], env=settings, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, timeout=HANGS
        )
        os.close(theirs)
        theirs = -1
        found = b""
        try:
            while chunk := os.read(ours, 65536):
                found += chunk
        except OSError:  # Linux says so at the end
            pass
        return found.decode().replace("\r\n", "\n")
    finally:
        os.close(ours)
        if theirs != -1:
            os.close(theirs)


@pytest.mark.parametrize("force", [{}, {"FORCE_COLOR": ""}], ids=["as usual", "rich denies that it is a terminal"])
def test_json_on_a_terminal_holds_nothing_that_steers_it(peer: ThreadedPeer, force: dict[str, str]) -> None:
    """A customer may call himself anything, also what moves the cursor or turns the text of an amount around."""
    shown = on_terminal(peer, *RETRIEVE, **force)
    assert not UNSAFE.search(shown)
    assert "茶é" in shown
    assert json.loads(shown) == REFUND


def test_a_table_on_a_terminal_holds_nothing_that_steers_it() -> None:
    """Names of fields come from the response, too."""
    answer = {"object": "list", "data": [{ODD: ODD}, ODD, None, {"metadata": {ODD: {"a": [ODD]}}}], "has_more": False}
    with ThreadedPeer(reply(200, json.dumps(answer).encode())) as peer:
        for words in (["charges", "list"], ["charges", "list", "--all"], ["refunds", "retrieve", "re_1"]):
            shown = on_terminal(peer, *words, "--format", "table")
            assert not UNSAFE.search(shown)
            assert "\\u202e" in shown


def test_an_error_on_a_terminal_holds_nothing_that_steers_it() -> None:
    error = {"error": {"type": "invalid_request_error", "code": ODD, "message": f"{ODD} is wrong", "param": ODD}}
    with ThreadedPeer(reply(400, json.dumps(error).encode(), {"Request-Id": "req_\x9b"})) as peer:
        shown = on_terminal(peer, *CREATE)
    assert "is wrong" in shown
    assert not UNSAFE.search(shown)


def test_a_usage_error_shows_what_was_typed_without_what_steers_the_terminal() -> None:
    with ThreadedPeer(reply(200, BODY)) as peer:
        assert not UNSAFE.search(on_terminal(peer, "refunds", "create", "--reason", "\x1b[31m\x9b\u202e"))


def test_piped_json_keeps_marks_of_direction_and_stays_on_one_line() -> None:
    """Data is data: a program that compares the bytes of a Persian or Arabic name must find them."""
    name = "\u0646\u0627\u0645\u200c\u0647\u0627\u200f"
    with ThreadedPeer(
        reply(200, json.dumps({"id": "re_1", "object": "refund", "a": f"{name}\u2028\x85"}).encode())
    ) as p:
        done = run(*RETRIEVE, WOOSHPAY_BASE_URL=p.url)
    assert name in done.out
    assert len(done.out.splitlines()) == 1, "also for tools that take U+2028 and U+0085 for ends of lines"


@given(st.text(st.characters()), st.sampled_from(["utf-8", "cp1252", "ascii"]), st.booleans())
def test_escaped_json_is_the_same_json(text: str, encoding: str, terminal: bool) -> None:
    for indent in (None, 2):
        written = json_text({text: text}, terminal=terminal, encoding=encoding, indent=indent)
        assert json.loads(written.encode(encoding).decode(encoding)) == {text: text}


@given(st.text(st.characters()))
def test_visible_text_has_no_unsafe_character(text: str) -> None:
    assert not UNSAFE.search(visible(text).replace("\n", "\x00"))


def test_a_response_that_is_nested_too_deeply_for_a_json_writer_is_printed_all_the_same() -> None:
    body = b'{"id":"re_1","object":"refund","deep":' + b"[" * 1000 + b"]" * 1000 + b"}"
    with ThreadedPeer(reply(200, body)) as peer:
        for form in ("json", "table"):
            done = run(*CREATE, "--format", form, WOOSHPAY_BASE_URL=peer.url)
            assert (done.code, done.err) == (0, "")
            assert "re_1" in done.out


# ---- writes that fail -----------------------------------------------------------------------------------------

FULL: Final = "> /dev/full"
CLOSED: Final = ">&-"
NO_READER: Final = "| head -c 0"


@pytest.mark.parametrize("form", ["json", "table"])
@pytest.mark.parametrize("broken", [FULL, CLOSED, NO_READER])
def test_if_the_result_of_a_post_cannot_be_written_the_last_words_say_that_it_was_carried_out(
    peer: ThreadedPeer, broken: str, form: str
) -> None:
    """Exit code 1 means that a call failed; a script would make the payment once more."""
    done = shell(peer, *CREATE, "--format", form, after=broken)
    assert done.returncode == 3
    assert done.stderr.decode().splitlines()[-1] == DONE
    assert b"Traceback" not in done.stderr


def test_a_limit_on_the_size_of_files_is_like_a_full_disk(peer: ThreadedPeer, tmp_path: Path) -> None:
    line = f"ulimit -f 0; {shlex.join([*MAIN, *CREATE])} > {tmp_path}/limited"
    limited = subprocess.run(
        ["bash", "-c", line], env=environment(WOOSHPAY_BASE_URL=peer.url), capture_output=True, timeout=HANGS
    )
    assert limited.returncode == 3
    assert limited.stderr.decode().splitlines()[-1] == DONE


def test_a_key_that_the_sdk_made_is_named(peer: ThreadedPeer) -> None:
    done = shell(peer, *CREATE[:-2], after=FULL)
    assert re.search(r"ID re_1, idempotency key auto_[0-9a-f]{32}\.", done.stderr.decode())


def test_a_delete_that_cannot_be_shown_was_carried_out_too(peer: ThreadedPeer) -> None:
    done = shell(peer, *DELETE, after=FULL)
    assert done.returncode == 3
    assert done.stderr.decode().splitlines()[-1] == "coupons.delete WAS carried out: ID re_1. Do not run it again."


@pytest.mark.parametrize("broken", [FULL, CLOSED])
def test_a_get_that_cannot_be_shown_is_a_sentence(peer: ThreadedPeer, broken: str) -> None:
    done = shell(peer, *RETRIEVE, after=broken)
    assert done.returncode == 4
    assert re.fullmatch(rb"Error: Standard output could not be written: .+\.\n", done.stderr)


def test_a_reader_that_has_enough_of_a_get_is_no_error(peer: ThreadedPeer) -> None:
    done = shell(peer, *RETRIEVE, after=NO_READER)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("error", ["2>&-", "2>/dev/full", "2> >(exit)"])
@pytest.mark.parametrize(("broken", "code"), [("", 0), (FULL, 3)])
def test_standard_error_may_be_broken_too(peer: ThreadedPeer, error: str, broken: str, code: int) -> None:
    done = shell(peer, *CREATE, after=f"{error} {broken}")
    assert done.returncode == code


def test_a_pipe_that_another_program_made_non_blocking_loses_nothing() -> None:
    """Node.js does so to the streams that it shares; a write to a pipe that is full then fails instead of waiting."""
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    with subprocess.Popen([*MAIN, "openapi"], env=environment(), stdout=theirs, stderr=subprocess.PIPE) as running:
        assert running.stderr is not None
        # More than a pipe holds is written before anything is read.
        while len(select.select([ours], [], [])[0]) != 1:
            assert running.poll() is None
        os.close(theirs)
        with open(ours, "rb") as pipe:
            assert json.loads(pipe.read())["openapi"].startswith("3.1")
        assert running.stderr.read() == b""
    assert running.returncode == 0


@pytest.mark.parametrize("error", ["2>&-", "2>/dev/full"])
def test_a_retry_that_cannot_be_reported_does_not_end_the_call(error: str) -> None:
    with ThreadedPeer(reply(500), reply(200, BODY)) as peer:
        done = shell(peer, *CREATE, after=error)
        assert (done.returncode, json.loads(done.stdout)["id"]) == (0, "re_1")
        assert peer.keys == ["order-17", "order-17"]


def test_a_closed_stream_does_not_lend_its_descriptor_to_the_connection() -> None:
    """Else a library that prints would write into the request to WooshPay."""
    with ThreadedPeer(reply(200, BODY)) as peer:
        program = (
            "import os, sys, aiohttp\n"
            "from wooshpay.cli import main\n"
            "send = aiohttp.ClientSession._request\n"
            "async def loud(*args, **kwargs):\n"
            "    for number in (1, 2):\n"
            "        try:\n"
            "            os.write(number, b'GET /smuggled HTTP/1.1\\r\\n\\r\\n')\n"
            "        except OSError:\n"
            "            pass\n"
            "    return await send(*args, **kwargs)\n"
            "aiohttp.ClientSession._request = loud\n"
            "main()\n"
        )
        line = f"{shlex.join([sys.executable, '-c', program, *CREATE])} >&- 2>&- <&-"
        done = subprocess.run(["bash", "-c", line], env=environment(WOOSHPAY_BASE_URL=peer.url), timeout=HANGS)
        assert done.returncode == 3
        assert [request.method for request in peer.requests] == ["POST"]


# ---- our own errors, and interruptions ------------------------------------------------------------------------


def test_a_bug_in_printing_is_not_a_failed_payment(peer: ThreadedPeer, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(value: Any) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(operation_module, "print_json", broken)
    done = run(*CREATE, WOOSHPAY_BASE_URL=peer.url)
    assert done.code == 3
    first, last = done.err.splitlines()
    assert first.startswith(
        "Error: The result cannot be shown. An unexpected error, which is a bug in wooshpay: KeyError"
    )
    assert last == DONE


@pytest.mark.parametrize("kind", [ValueError, TypeError, RuntimeError])
def test_a_bug_after_the_request_was_made_is_no_usage_error(
    kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2 means that nothing was sent."""

    def broken(event: Any) -> None:
        raise kind("a bug")

    monkeypatch.setattr(operation_module, "_tell", broken)
    with ThreadedPeer(reply(500), reply(200, BODY)) as peer:
        done = run(*CREATE, WOOSHPAY_BASE_URL=peer.url)
        assert len(peer.requests) == 1
    assert done.code == 1
    assert "refunds.create may have been carried out." in done.err
    assert done.err.endswith("--idempotency-key order-17\n")


def test_a_success_without_a_body_is_printed_as_an_empty_object() -> None:
    with ThreadedPeer(reply(204, b"")) as peer:
        done = run(*DELETE, WOOSHPAY_BASE_URL=peer.url)
    assert (done.code, done.out, done.err) == (0, "{}\n", "")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=lambda it: str(it)
)
def test_an_interrupted_post_names_its_key(number: signal.Signals, code: int) -> None:
    """A supervisor's SIGTERM would else end the process without a word, and the key would be gone."""
    with ThreadedPeer(hold(asyncio.Event(), reply(200, BODY))) as peer:
        running = subprocess.Popen(
            [*MAIN, *CREATE], env=environment(WOOSHPAY_BASE_URL=peer.url), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        while not peer.requests:
            assert running.poll() is None
        running.send_signal(number)
        out, err = running.communicate(timeout=HANGS)
    assert (running.returncode, out) == (code, "")
    assert err == (
        "Interrupted. refunds.create may have been carried out."
        " To be sure without doing it twice, run the same again with\n  --idempotency-key order-17\n"
    )


def test_an_interruption_after_the_response_says_that_it_was_carried_out(
    peer: ThreadedPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(value: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(operation_module, "print_json", interrupted)
    done = run(*CREATE, WOOSHPAY_BASE_URL=peer.url)
    assert (done.code, done.err.splitlines()[-1]) == (3, DONE)


def test_an_interruption_before_the_request_says_that_nothing_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*words: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(operation_module, "_called", interrupted)
    done = run(*CREATE)
    assert (done.code, done.err) == (130, "Interrupted. Nothing was sent.\n")


def test_an_interrupted_get_needs_no_words(peer: ThreadedPeer, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(value: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(operation_module, "print_json", interrupted)
    done = run(*RETRIEVE, WOOSHPAY_BASE_URL=peer.url)
    assert (done.code, done.err) == (130, "")
