"""Operations called from a shell: what is printed, what is said when it fails, and how it ends."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from support.children import HANGS
from support.cli import KEY, MAIN, Run, environment, plain, run
from support.peer import Received, ThreadedPeer, answering, close, reply

from wooshpay.sandbox import Sandbox, SyncSandbox

CARD: Final = {"number": "4111111111111111", "exp_month": "12", "exp_year": "2034", "cvc": "123"}
REFUND: Final = {"id": "re_1", "object": "refund", "amount": 5, "created": 1, "currency": "USD", "status": "succeeded"}
LIVE: Final = "sk_live_abcdefghijklmnop"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SyncSandbox]:
    with Sandbox(seed=1) as found:
        yield found


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> None:  # pyright: ignore[reportUnusedFunction]
    """The sandbox stays for the whole module."""


def at(sandbox: SyncSandbox, *words: str, **options: Any) -> Run:
    return run(*words, WOOSHPAY_API_KEY=sandbox.api_key, WOOSHPAY_BASE_URL=sandbox.base_url, **options)


def to(peer: ThreadedPeer, *words: str, **options: Any) -> Run:
    return run(*words, WOOSHPAY_BASE_URL=peer.url, **options)


def paid(sandbox: SyncSandbox, amount: int = 1999) -> Any:
    done = at(
        sandbox, "payment-intents", "create", "--amount", str(amount), "--currency", "USD", "--confirm",
        "--payment-method-data.type", "card", "--payment-method-data.card", json.dumps(CARD),
    )  # fmt: skip
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)


def body_of(peer: ThreadedPeer) -> Any:
    [request] = peer.requests
    return request.json()


# ---- what is printed ------------------------------------------------------------------------------------------


def test_a_payment_from_beginning_to_end(sandbox: SyncSandbox) -> None:
    payment = paid(sandbox)
    assert (payment["status"], payment["amount_received"]) == ("succeeded", 1999)
    done = at(sandbox, "refunds", "create", "--payment-intent", payment["id"], "--amount", "500", "--metadata", "a=1")
    refund = json.loads(done.out)
    assert (refund["amount"], refund["metadata"]) == (500, {"a": "1"})
    assert done.out == json.dumps(refund, separators=(",", ":")) + "\n", "piped, an answer is one line"
    assert json.loads(at(sandbox, "refunds", "retrieve", refund["id"]).out) == refund


def test_an_answer_is_printed_as_it_came() -> None:
    answer = {**REFUND, "of_tomorrow": [None, 1.5], "status": "née", "amount": "5"}
    with ThreadedPeer(reply(200, answer)) as peer:
        assert to(peer, "refunds", "retrieve", "re_1").out == (
            json.dumps(answer, separators=(",", ":"), ensure_ascii=False) + "\n"
        )


def test_an_answer_that_is_a_list_is_one(sandbox: SyncSandbox) -> None:
    assert isinstance(json.loads(at(sandbox, "accounts", "list-payment-methods").out), (list, dict))


def test_a_list_gives_its_first_page_as_it_came(sandbox: SyncSandbox) -> None:
    paid(sandbox)
    page = json.loads(at(sandbox, "payment-intents", "list", "--limit", "1").out)
    assert (page["object"], len(page["data"])) == ("list", 1)


def pages(request: Received) -> Any:
    """A list of 250 customers, a hundred at most on a page."""
    found = dict(pair.split("=") for pair in request.target.partition("?")[2].split("&") if pair)
    start = int(found.get("starting_after", "cus_0").removeprefix("cus_"))
    end = min(start + int(found.get("limit", "10")), 250)
    data = [{"id": f"cus_{number}", "object": "customer", "created": 1} for number in range(start + 1, end + 1)]
    return {"object": "list", "data": data, "has_more": end < 250}


def test_all_pages_are_printed_line_by_line_and_asked_for_in_large_ones() -> None:
    with ThreadedPeer(answering(pages)) as peer:
        done = to(peer, "issuing", "cardholders", "list", "--all")
        assert [json.loads(line)["id"] for line in done.out.splitlines()] == [f"cus_{n}" for n in range(1, 251)]
        assert len(peer.requests) == 3
    with ThreadedPeer(answering(pages)) as peer:
        done = to(peer, "issuing", "cardholders", "list", "--all", "--limit", "50")
        assert len(done.out.splitlines()) == 250
        assert len(peer.requests) == 5


def test_a_list_as_a_table(sandbox: SyncSandbox) -> None:
    payment = paid(sandbox, 4711)
    done = at(sandbox, "payment-intents", "list", "--format", "table")
    head, *rows = done.out.splitlines()
    assert head.split() == ["id", "created", "amount", "currency", "status"]
    assert rows[0].split() == [payment["id"], "2026-01-01", "00:00:00", "4711", "USD", "succeeded"]
    assert not any(line.endswith(" ") for line in [head, *rows])
    assert at(sandbox, "payment-intents", "list", "--all", "--format", "table").out.startswith(done.out)


def test_an_empty_list_as_a_table_says_so(sandbox: SyncSandbox) -> None:
    done = at(sandbox, "disputes", "list", "--format", "table")
    assert (done.code, done.out, done.err) == (0, "", "There are no entries.\n")


def test_an_object_as_a_table() -> None:
    answer = {**REFUND, "metadata": {"a": "1"}, "lines": [{"x": 1}], "note": "\x1b[31mred", "tags": [], "gone": None}
    with ThreadedPeer(reply(200, answer)) as peer:
        rows = [
            line.split(maxsplit=1)
            for line in to(peer, "refunds", "retrieve", "x", "--format", "table").out.splitlines()
        ]
    assert rows[0] == ["field", "value"]
    assert ["metadata.a", "1"] in rows
    assert ["lines.0.x", "1"] in rows
    assert ["tags", "[]"] in rows
    assert ["created", "1970-01-01 00:00:01"] in rows
    assert not any("\x1b" in cell for row in rows for cell in row), "what a stranger wrote does not steer the terminal"


def test_a_dry_run_needs_no_key_and_sends_nothing() -> None:
    with ThreadedPeer(reply(200, REFUND)) as peer:
        done = to(peer, "refunds", "create", "--payment-intent", "pi_1", "--dry-run", WOOSHPAY_API_KEY="")
        assert peer.requests == []
    assert (done.code, done.err) == (0, "Nothing was sent.\n")
    assert done.out.splitlines()[0] == f"POST {peer.url}/v1/refunds"


def test_a_dry_run_shows_no_secret() -> None:
    done = run(
        "payment-intents", "create", "--amount", "1", "--currency", "USD", "--description", f"card {CARD['number']}",
        "--payment-method-data.card", json.dumps(CARD), "--dry-run", WOOSHPAY_API_KEY=LIVE,
    )  # fmt: skip
    assert done.out.splitlines()[0] == "POST https://api.wooshpay.com/v1/payment_intents"
    assert "Authorization: Basic [hidden]\n" in done.out
    assert '"cvc": "[hidden]"' in done.out
    assert '"description": "card [hidden]"' in done.out
    assert CARD["number"] not in done.out
    done = run("payment-intents", "retrieve", "pi_1", "--client-secret", "hush", "--dry-run")
    assert "hush" not in done.out


# ---- values ---------------------------------------------------------------------------------------------------


CREATE: Final = ["payment-methods", "create", "--type", "card"]


def test_what_is_secret_can_come_from_a_file_or_from_standard_input(tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text(json.dumps(CARD))
    for words, given in (([f"@{tmp_path / 'card.json'}"], ""), (["@-"], json.dumps(CARD))):
        with ThreadedPeer(reply(200, {"id": "pm_1", "object": "payment_method"})) as peer:
            assert to(peer, *CREATE, "--card", *words, given=given).code == 0
            assert body_of(peer) == {"type": "card", "card": CARD}


@pytest.mark.parametrize("word", ["-", "@-", '{"amount":1,"currency":"USD","off-session":true,"new":{"a":[1]}}'])
def test_a_whole_body_goes_out_with_what_is_added(word: str) -> None:
    body = '{"amount":1,"currency":"USD","off-session":true,"new":{"a":[1]}}'
    with ThreadedPeer(reply(200, {"id": "pi_1", "object": "payment_intent"})) as peer:
        to(peer, "payment-intents", "create", "--body", word, "--amount", "77", given=body)
        assert body_of(peer) == {"amount": 77, "currency": "USD", "off-session": True, "new": {"a": [1]}}


def test_a_file_is_uploaded_from_its_path_or_from_standard_input(sandbox: SyncSandbox, tmp_path: Path) -> None:
    (tmp_path / "receipt.png").write_bytes(b"\x89PNG" + bytes(range(256)))
    words = ["files", "create", "--purpose", "dispute_evidence"]
    found = json.loads(at(sandbox, *words, "--file", str(tmp_path / "receipt.png")).out)
    assert (found["size"], found["filename"]) == (260, "receipt.png")
    found = json.loads(at(sandbox, *words, "--file", "-", "--filename", "r.png", given=bytes(range(256))).out)
    assert (found["size"], found["filename"]) == (256, "r.png")


def test_names_may_be_written_as_in_python() -> None:
    with ThreadedPeer(reply(200, {"id": "pi_1", "object": "payment_intent"})) as peer:
        words = ["--amount=1", "--currency=USD", "--merchant_order_id=17", "--metadata.a_b=x"]
        assert to(peer, "payment_intents", "create", *words).code == 0
        assert body_of(peer) == {"amount": 1, "currency": "USD", "merchant_order_id": "17", "metadata": {"a_b": "x"}}


def test_a_value_that_looks_like_an_option_is_a_value() -> None:
    done = run("refunds", "create", "--payment-intent", "--a.b", "--dry-run")
    assert '"payment_intent": "--a.b"' in done.out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["payment-intents", "create", "--amount", "19.99"],
         "--amount must be a whole number, not '19.99'. It is in minor units, so 19.99 USD are 1999."),
        (["payment-intents", "create", "--amount", "1"], "--currency is missing."),
        (["payment-intents", "create", "--payment-method-data.crd.number", "1"],
         "--payment-method-data.crd is not a key here: did you mean card?"),
        (["payment-intents", "create", "--payment-method-data.card.cvc.x=1"],
         "--payment-method-data.card.cvc.x is no place, as payment_method_data.card.cvc is text."),
        (["refunds", "create", "--reason", "dup"], "--reason must be duplicate, fraudulent,"),
        (["refunds", "create", "--amount", "1", "--amount", "1"], "--amount is given twice."),
        (["refunds", "create", "--metadata", "@nowhere.json"],
         "--metadata cannot be read from nowhere.json: No such file or directory."),
        (["refunds", "create", "--metadata", "@-", "--body", "-"],
         "--metadata and --body cannot both be read from standard input."),
        (["refunds", "create", "--body", "[1]"], "--body must be a JSON object, @FILE that holds one, or -"),
        (["refunds", "create", "--payment-intent", "\udcff"], "--payment-intent is not in UTF-8."),
        (["refunds", "create", "--payment-intent", "pi_1", "--metadata", '{"note": "a\\ud800"}'],
         "refunds.create(): Parameter metadata.note: the text contains half of a surrogate pair"),
        (["refunds", "create", "--payment-intent", "pi_1", "--idempotency-key", " x"], "An idempotency key must be"),
        (["refunds", "retrieve"], "Missing argument 'REFUND_ID'"),
        (["refunds", "retrieve", ".."], "refund_id is empty or no possible id"),
        (["refunds", "retrieve", "re_1", "--amount", "1"], "No such option '--amount'"),
        (["refunds", "retrieve", "re_1", "--timeout", "0"], "timeout must be a positive number of seconds"),
        (["refunds", "retrieve", "re_1", "--base-url", "http://shop.example"], "Plain http would send"),
        (["refunds", "creat"], "No such command 'creat'. Did you mean create?"),
        (["refund"], "No such command 'refund'. Did you mean refunds?"),
        (["refunds", "create", "--api-key", "sk_test_x"], "A key on the command line is seen by everyone"),
        (["files", "create", "--purpose", "dispute_evidence", "--file", "nowhere.png"], "There is no file 'nowhere"),
    ],
    ids=lambda value: value[:60] if isinstance(value, str) else "",
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_before_anything_is_sent(words: list[str], sentence: str) -> None:
    done = run(*words, given="{}")
    assert (done.code, done.out) == (2, "")
    assert f"Error: {sentence}" in done.err.replace("payment_intents.retrieve(): ", "").replace(
        "refunds.retrieve(): ", ""
    )


def test_no_usage_error_repeats_a_secret() -> None:
    number = str(CARD["number"])
    for words in (
        ["payment-methods", "create", "--card", number],
        ["payment-methods", "create", number],
        ["payment-methods", "create", "--type", "card", f"--card.number{number}", "1"],
        ["refunds", "create", "--api-key", LIVE],
        ["refunds", LIVE],
    ):
        done = run(*words)
        assert done.code == 2
        assert number not in done.err
        assert LIVE not in done.err


# ---- the key --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [["balance", "retrieve"], ["refunds", "create", "--payment-intent", "pi_1"]])
def test_a_live_key_needs_live(words: list[str]) -> None:
    done = run(*words, WOOSHPAY_API_KEY=LIVE)
    assert (done.code, done.out) == (2, "")
    assert "WOOSHPAY_API_KEY holds a live key, which moves real money: add --live" in done.err


def test_live_with_a_test_key_is_a_misunderstanding() -> None:
    done = run("balance", "retrieve", "--live")
    assert done.code == 2
    assert "--live is for a live key, and WOOSHPAY_API_KEY holds none" in done.err


def test_live_reaches_the_live_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent there: the host's name is what cannot be reached."""
    monkeypatch.setattr("wooshpay.config.LIVE_URL", "https://127.0.0.1:9")
    done = run("balance", "retrieve", "--live", "--max-retries", "0", WOOSHPAY_API_KEY=LIVE)
    assert done.code == 1
    assert "127.0.0.1 could not be reached" in done.err


def test_the_key_may_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")
    with ThreadedPeer(reply(200, {"object": "balance"})) as peer:
        done = to(peer, "balance", "retrieve", "--api-key-file", str(tmp_path / "key"), WOOSHPAY_API_KEY="")
        assert done.code == 0
        assert peer.requests[0].headers["authorization"].startswith("Basic c2tfdGVzdF9")
    done = run("balance", "retrieve", "--api-key-file", str(tmp_path / "nowhere"))
    assert (done.code, "cannot be read from" in done.err) == (2, True)


def test_without_a_key_it_says_where_to_put_one() -> None:
    done = run("balance", "retrieve", WOOSHPAY_API_KEY="")
    assert done.code == 2
    assert "There is no API key. Set WOOSHPAY_API_KEY, or name a file" in done.err


# ---- failing --------------------------------------------------------------------------------------------------


def test_an_error_of_wooshpay_is_sentences_on_standard_error(sandbox: SyncSandbox) -> None:
    done = at(sandbox, "payment-intents", "retrieve", "pi_nope")
    assert (done.code, done.out) == (1, "")
    first, second = done.err.splitlines()
    assert first.startswith("Error: No such payment intent: 'pi_nope'. (HTTP 404,")
    assert second.startswith("No money moved. (request req_")


def test_where_the_answer_is_lost_the_key_to_go_on_with_is_named() -> None:
    with ThreadedPeer(close(), close(), reply(200, REFUND)) as peer:
        words = ["refunds", "create", "--payment-intent", "pi_1"]
        done = to(peer, *words, "--max-retries", "1", "--timeout", "20")
        key, again = peer.keys
        assert (done.code, done.out, key == again) == (1, "", True)
        assert "It may have been carried out. (2 attempts)\n" in done.err
        assert f"run the same again with\n  --idempotency-key {key}\n" in done.err
        assert to(peer, *words, "--idempotency-key", str(key)).code == 0
        assert peer.keys == [key, key, key]


def test_trying_again_is_told(sandbox: SyncSandbox) -> None:
    sandbox.faults.add("server_error", operation="balance.retrieve", times=1)
    done = at(sandbox, "balance", "retrieve")
    assert done.code == 0
    assert "Attempt 1: HTTP 500. Trying again in " in done.err


def test_settings_of_the_call_are_obeyed() -> None:
    with ThreadedPeer(reply(500)) as peer:
        assert to(peer, "balance", "retrieve", "--max-retries", "0").code == 1
        assert len(peer.requests) == 1


# ---- as a real process ----------------------------------------------------------------------------------------


def start(peer: ThreadedPeer, *words: str, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*MAIN, *words], env=environment(WOOSHPAY_BASE_URL=peer.url), text=True, stderr=subprocess.PIPE, **options
    )


def test_a_reader_that_has_enough_ends_it_without_a_word() -> None:
    def endless(request: Received) -> Any:
        start = int(request.target.partition("starting_after=cus_")[2].partition("&")[0] or "0")
        data = [{"id": f"cus_{start + n}", "object": "customer", "name": "x" * 1000} for n in range(1, 101)]
        return {"object": "list", "data": data, "has_more": True}

    with ThreadedPeer(answering(endless)) as peer:
        running = start(peer, "issuing", "cardholders", "list", "--all", stdout=subprocess.PIPE)
        assert running.stdout is not None
        assert json.loads(running.stdout.readline())["id"] == "cus_1"
        running.stdout.close()
        assert running.stderr is not None
        assert running.stderr.read() == ""
        running.stderr.close()
        assert running.wait(timeout=HANGS) == 141


def on_terminal(peer: ThreadedPeer, *words: str, **variables: str) -> str:
    """What a terminal of 80 columns gets."""
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [*MAIN, *words],
            env=environment(WOOSHPAY_BASE_URL=peer.url, COLUMNS="80", **variables),
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=subprocess.PIPE,
            timeout=60,
            check=True,
        )
        assert done.stderr == b""
        os.close(theirs)
        theirs = -1
        found = b""
        while True:
            try:
                chunk = os.read(ours, 65536)
            except OSError:  # Linux says so at the end
                break
            if not chunk:
                break
            found += chunk
        return found.decode().replace("\r\n", "\n")
    finally:
        os.close(ours)
        if theirs != -1:
            os.close(theirs)


def test_on_a_terminal_json_is_readable_and_coloured_unless_nobody_wants_it() -> None:
    with ThreadedPeer(reply(200, REFUND)) as peer:
        words = ["refunds", "retrieve", "re_1"]
        coloured = on_terminal(peer, *words, TERM="xterm-256color")
        assert "\x1b[" in coloured
        assert plain(coloured) == json.dumps(REFUND, indent=2) + "\n"
        assert on_terminal(peer, *words, TERM="xterm-256color", NO_COLOR="1").count("\x1b[3") == 0
        assert on_terminal(peer, *words, TERM="dumb") == plain(coloured)


def test_a_table_leaves_out_columns_that_a_terminal_has_no_room_for() -> None:
    row = {**REFUND, "email": "someone.with.a.long.name@shop.example", "description": "y" * 60, "customer": "cus_1"}
    with ThreadedPeer(reply(200, {"object": "list", "data": [row], "has_more": False})) as peer:
        head, line = on_terminal(peer, "charges", "list", "--format", "table", TERM="dumb").splitlines()
    assert head.split()[:5] == ["id", "created", "amount", "currency", "status"]
    assert "description" not in head
    assert max(len(head), len(line)) <= 80
