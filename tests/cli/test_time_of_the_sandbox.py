"""Export and report count time by the sandbox's clock, so that nothing is left out because that clock was moved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.cli import Run, run
from support.peer import ThreadedPeer, reply

from wooshpay import Next, Request, Response, WooshPay
from wooshpay.cli.api_time import time_of_api
from wooshpay.cli.connection import Connection
from wooshpay.sandbox import Sandbox, SyncSandbox


def pay(sandbox: SyncSandbox, amount: int) -> None:
    with WooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        client.payment_intents.create(
            amount=amount,
            currency="USD",
            confirm=True,
            payment_method_data={
                "type": "card",
                "card": {"number": "4111111111111111", "exp_month": "12", "exp_year": "2099", "cvc": "123"},
            },
        )


@pytest.fixture(params=["400 days ahead", "in the past"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[SyncSandbox]:
    """A sandbox with a payment of 70 days ago and one of today, by a clock that is not the machine's.

    With a seed the clock stands at the beginning of 2026, which is long ago for whoever runs this test.
    """
    with Sandbox(seed=None if request.param == "400 days ahead" else 7) as sandbox:
        if request.param == "400 days ahead":
            sandbox.clock.advance(days=400)
        pay(sandbox, 100)
        sandbox.clock.advance(days=70)
        pay(sandbox, 60)
        yield sandbox


def command(sandbox: SyncSandbox, *words: str) -> Run:
    return run(*words, WOOSHPAY_API_KEY=sandbox.api_key, WOOSHPAY_BASE_URL=sandbox.base_url)


def amounts(target: Path) -> list[int]:
    rows: list[Any] = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    return sorted(row["amount"] for row in rows)


@pytest.mark.parametrize(
    ("since", "written"), [(None, [60, 100]), ("30d", [60]), ("11w", [60, 100]), ("1h", [60])], ids=str
)
def test_export_counts_back_from_the_time_of_the_sandbox(
    sandbox: SyncSandbox, tmp_path: Path, since: str | None, written: list[int]
) -> None:
    target = tmp_path / "charges.jsonl"
    done = command(sandbox, "export", "charges", "-o", str(target), *(["--since", since] if since else []))
    assert done.code == 0, done.err
    assert amounts(target) == written


def test_an_end_that_is_counted_back_is_in_the_time_of_the_sandbox_too(sandbox: SyncSandbox, tmp_path: Path) -> None:
    target = tmp_path / "charges.jsonl"
    done = command(sandbox, "export", "charges", "-o", str(target), "--until", "30d")
    assert (done.code, amounts(target)) == (0, [100]), done.err


def test_report_ends_with_today_in_the_time_of_the_sandbox(sandbox: SyncSandbox) -> None:
    done = command(sandbox, "report")
    assert (done.code, done.out.split(",")[0]) == (0, "1 charges"), done.err
    assert "taken 0.60 USD" in done.out
    done = command(sandbox, "report", "--since", "100d")
    assert "taken 1.60 USD" in done.out


@pytest.mark.parametrize("words", [("report",), ("export", "charges", "-o", "charges.jsonl", "--since", "30d")])
def test_the_command_says_whose_time_it_counts_in(
    sandbox: SyncSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """Otherwise a report of "the last 30 days" that ends in another year looks like a mistake."""
    monkeypatch.chdir(tmp_path)
    done = command(sandbox, *words)
    assert "The clock of the sandbox is at 202" in done.err
    assert "not from this machine's" in done.err


def test_a_sandbox_with_the_machines_time_needs_no_words() -> None:
    with Sandbox() as sandbox:
        done = command(sandbox, "report")
    assert "clock" not in done.err


def test_a_payment_in_the_last_instant_of_a_day_is_reported() -> None:
    """`created` is rounded to the nearest second, which is tomorrow then."""
    midnight = 1_772_323_200_000
    with Sandbox(now=lambda: midnight - 1) as sandbox:
        pay(sandbox, 100)
        assert sandbox.store.all("charge")[0]["created"] == midnight
        assert "taken 1.00 USD" in command(sandbox, "report").out


def test_charges_after_the_end_of_the_report_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that does not tell its time may be ahead of this machine: then the report says what it lacks."""
    with Sandbox() as sandbox:
        sandbox.clock.advance(days=400)
        pay(sandbox, 100)
        monkeypatch.setattr("wooshpay.cli.api_time.CLOCK_PATH", "/sandbox/no_such_control")
        done = command(sandbox, "report")
    assert "0 charges" in done.out
    assert "1 more are dated" in done.out
    assert "Use --until with a later time to include them." in " ".join(done.out.split())


def test_an_export_without_an_end_leaves_nothing_out_even_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    target = tmp_path / "charges.jsonl"
    with Sandbox() as sandbox:
        sandbox.clock.advance(days=400)
        pay(sandbox, 100)
        monkeypatch.setattr("wooshpay.cli.api_time.CLOCK_PATH", "/sandbox/no_such_control")
        assert command(sandbox, "export", "charges", "-o", str(target)).code == 0
    assert amounts(target) == [100]


def test_wooshpay_itself_is_not_asked_for_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The path exists on sandboxes only, and a live key is not sent to it."""
    with Sandbox() as sandbox, WooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        monkeypatch.delenv("WOOSHPAY_BASE_URL", raising=False)
        for connection in (
            Connection(),
            Connection(base_url="https://apitest.wooshpay.com/v1"),
            Connection(base_url="https://apitest.wooshpay.com./v1"),
            Connection(base_url=sandbox.base_url, live=True),
        ):
            assert not connection.may_reach_sandbox({})
            assert time_of_api(connection, client, lambda: 17.0) == 17.0
        assert Connection().may_reach_sandbox({"WOOSHPAY_BASE_URL": sandbox.base_url})
        assert time_of_api(Connection(base_url=sandbox.base_url), client, lambda: 17.0) != 17.0


@pytest.mark.parametrize("answer", [b"{}", b'{"now": "soon"}', b'{"now": -1}', b'{"now": 1e300}', b"[]", b"<html>"])
def test_a_host_that_answers_something_else_is_no_sandbox(answer: bytes) -> None:

    async def middleware(request: Request, call_next: Next) -> Response:
        return Response(status=200, headers={"Content-Type": "application/json"}, body=answer)

    with WooshPay("sk_test_1", base_url="https://proxy.example", call_middlewares=[middleware]) as client:
        assert time_of_api(Connection(base_url="https://proxy.example"), client, lambda: 17.0) == 17.0


@pytest.mark.parametrize(
    ("since", "until", "asks"),
    [
        (None, None, 0),
        (None, "2026-01-01", 0),
        ("2025-01-01", "2026-01-01", 0),
        ("2025-01-01", None, 1),
        ("30d", "2099-01-01", 1),
        (None, "1h", 1),
    ],
)
def test_the_sandbox_is_asked_once_and_only_if_its_time_matters(
    tmp_path: Path, since: str | None, until: str | None, asks: int
) -> None:
    words = [*(["--since", since] if since else []), *(["--until", until] if until else [])]
    clock = {"object": "sandbox.clock", "now": 1_893_456_000_000, "frozen": False}
    charges: dict[str, Any] = {"object": "list", "data": [], "has_more": False, "url": "/v1/charges/list"}
    with ThreadedPeer(*[reply(200, clock)] * asks, reply(200, charges)) as peer:
        done = run("export", "charges", "-o", str(tmp_path / "charges.csv"), *words, WOOSHPAY_BASE_URL=peer.url)
        assert done.code == 0, done.err
        assert [request.target for request in peer.requests].count("/sandbox/clock") == asks
