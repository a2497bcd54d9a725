"""What the benchmarks are made of: figures and their verdicts, samples in pairs, the canned server, equal classes."""

from __future__ import annotations

import http.client
import json
import sys
from collections.abc import Generator
from functools import partial
from typing import Any

import attrs
import msgspec
import pytest

from benchmarks import equals, payloads
from benchmarks.over_http import CannedServer, canned, check_answer
from benchmarks.peers import AsyncPeer, open_peer
from benchmarks.plot import bars
from benchmarks.report import Figure, as_json, as_markdown
from benchmarks.rounds import Effort, Pairs, Sample, Subject, compare, costs, rates, repeated

# ---- figures


def figure(first: float | None, second: float | None, *, goal: float | None = None, less: bool = True) -> Figure:
    return Figure(what="Create", unit="ms", values={"a": first, "b": second}, goal=goal, less_is_better=less)


@pytest.mark.parametrize(
    ("first", "second", "less", "met"),
    [(2.0, 2.0, True, True), (3.1, 2.0, True, False), (2.0, 3.0, False, False), (None, 2.0, True, None)],
)
def test_a_goal_is_met_or_missed(first: float | None, second: float | None, less: bool, met: bool | None) -> None:
    assert figure(first, second, goal=1.5 if less else 1.0, less=less).met is met


def test_a_ratio_is_the_median_of_the_pairs_not_the_ratio_of_the_medians() -> None:
    measured = attrs.evolve(figure(1.0, 10.0, goal=2.0), pairs=[1.0, 3.0, 9.0])
    assert (measured.ratio, measured.met) == (3.0, False)
    assert measured.spread == (2.0, 6.0)


def test_a_limit_is_held_against_the_value_itself() -> None:
    measured = Figure(what="import", unit="ms", values={"wooshpay": 39.0}, limit=40)
    assert measured.met
    assert measured.verdict == "<= 40 ms: met"
    assert attrs.evolve(measured, values={"wooshpay": 41.0}).met is False


def test_a_table_shows_every_value_the_ratio_and_the_goal() -> None:
    table = as_markdown([figure(3.0, 2.0, goal=1.5), figure(None, 2.0)])
    assert table.splitlines()[:4] == [
        "|  | a | b | ratio | goal |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| Create, ms | 3 | 2 | 1.50 | <= 1.5: met |",
        "| Create, ms | - | 2 |  |  |",
    ]


def test_goals_stand_in_one_table_with_cpu_spread_and_verdict() -> None:
    goal = Figure(
        what="Create",
        unit="calls/s",
        values={"wooshpay": 900.0, "aiohttp": 1000.0},
        cpu={"wooshpay": 110.0, "aiohttp": 100.0},
        pairs=[0.89, 0.90, 0.91],
        less_is_better=False,
        goal=0.9,
    )
    limit = Figure(what="import", unit="ms", values={"wooshpay": 41.0}, limit=40, note="Slow disk.")
    lines = as_markdown([goal, limit]).splitlines()
    expected = "| Create | 900 calls/s, 110 us CPU | aiohttp: 1,000 calls/s, 100 us CPU | 0.90 (0.90 to 0.91) |"
    assert lines[2] == f"{expected} >= 0.9: met |"
    assert lines[3] == "| import | 41 ms |  |  | <= 40 ms: missed |"
    assert "- import: Slow disk." in lines


def test_sizes_that_grow_have_no_ratio() -> None:
    row = Figure(what="CPU", unit="us", values={"1": 4.0, "10": 2.0}, by_size=True)
    assert row.ratio is None
    assert as_markdown([row]).splitlines()[0] == "|  | 1 | 10 |"


def test_json_holds_the_same() -> None:
    (row,) = json.loads(as_json([figure(3.0, 2.0, goal=1.0)]))["figures"]
    assert (row["values"], row["ratio"], row["met"]) == ({"a": 3.0, "b": 2.0}, 1.5, False)


def test_a_bar_reaches_the_line_when_the_goal_is_reached() -> None:
    drawn = bars([figure(1.0, 2.0, goal=1.0), figure(1.0, 2.0, goal=1.0, less=False), figure(1.0, 2.0)])
    assert [(bar.score, bar.met) for bar in drawn] == [(2.0, True), (0.5, False)]


# ---- rounds

PAIRS = Pairs(
    ("wooshpay", "other"),
    (Sample(2.0, 1.0), Sample(4.0, 3.0), Sample(6.0, 5.0)),
    (Sample(4.0, 3.0), Sample(4.0, 2.0), Sample(3.0, 1.0)),
)


def test_rates_and_costs_are_each_others_inverse() -> None:
    assert rates("", PAIRS, unit="/s").ratio == 1.0
    assert list(rates("", PAIRS, unit="/s").pairs) == [2.0, 1.0, 0.5]
    assert list(costs("", PAIRS, cpu=False).pairs) == [0.5, 1.0, 2.0]
    assert list(costs("", PAIRS).pairs) == [1 / 3, 1.5, 5.0]


def test_own_work_is_the_median_of_the_differences() -> None:
    assert PAIRS.cpu_beyond == 1.0


def test_each_sample_of_another_stands_right_before_one_of_ours() -> None:
    ran: list[str] = []
    subjects = [repeated(name, partial(ran.append, name)) for name in ("ours", "x", "y")]
    pairs = compare(subjects[0], subjects[1:], Effort(rounds=3, seconds=1e-9))
    assert {name: len(taken.first) for name, taken in pairs.items()} == {"x": 3, "y": 3}
    assert ran[-12:] == ["x", "ours", "y", "ours"] * 3


# ---- the canned server


@pytest.fixture(scope="module")
def server() -> Generator[CannedServer]:
    with canned() as running:
        yield running


def ask(server: CannedServer, method: str, path: str, body: bytes | None = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        raw = answer.read()
        return answer.status, json.loads(raw) if raw else None
    finally:
        connection.close()


def test_the_server_answers_with_the_payment_intent(server: CannedServer) -> None:
    assert ask(server, "POST", "/v1/payment_intents", b"{}") == (200, json.loads(payloads.text("payment_intent")))


def test_the_server_lists_as_many_as_asked_for(server: CannedServer) -> None:
    _, page = ask(server, "GET", "/v1/payment_intents?limit=3")
    assert len({entry["id"] for entry in page["data"]}) == 3


def test_the_server_pages_to_the_end_without_repeating(server: CannedServer) -> None:
    first, last = (
        ask(server, "GET", f"/v1/payment_methods?customer=cus_5&limit=3{after}")[1]
        for after in ("", "&starting_after=pm_0000000000000000003")
    )
    assert [len(first["data"]), first["has_more"]] == [3, True]
    assert [len(last["data"]), last["has_more"]] == [2, False]
    assert not {entry["id"] for entry in first["data"]} & {entry["id"] for entry in last["data"]}


def test_the_server_knows_nothing_else(server: CannedServer) -> None:
    assert ask(server, "GET", "/v1/payment_intents/../secrets") == (404, None)


def test_a_request_in_pieces_is_answered_once(server: CannedServer) -> None:
    before = server.served()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.putrequest("POST", "/v1/payment_intents")
    connection.putheader("CONTENT-LENGTH", "4")
    connection.endheaders()
    for piece in (b"{", b"  }"):
        connection.send(piece)
    assert connection.getresponse().status == 200
    connection.close()
    assert server.served() == before + 1


@pytest.mark.parametrize("made", [0, 2], ids=["from a cache", "tried twice"])
def test_a_subject_that_makes_other_than_one_request_for_a_call_ends_the_run(server: CannedServer, made: int) -> None:
    def run(calls: int) -> None:
        for _ in range(made * calls):
            ask(server, "POST", "/v1/payment_intents")

    with pytest.raises(RuntimeError, match=f"cheat made {made} requests for 1 calls"):
        server.counted(Subject("cheat", run)).run(1)


# ---- those who take part


def test_an_answer_that_was_not_decoded_ends_the_run() -> None:
    whole = json.loads(payloads.text("payment_intent"))
    check_answer("whole", whole)
    whole["latest_charge"]["payment_method_details"]["card"]["last4"] = None
    with pytest.raises(RuntimeError, match="hollow did not decode what it received"):
        check_answer("hollow", whole)


def test_one_who_is_not_installed_is_said_and_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "httpx_aiohttp", None)
    assert open_peer(AsyncPeer, "stainless:aiohttp_backend", "http://127.0.0.1:1") is None
    assert "stainless:aiohttp_backend is left out" in capsys.readouterr().err


def test_equal_classes_have_every_field_of_ours() -> None:
    from wooshpay.api.payment_intents import PaymentIntent
    from wooshpay.core.objects import wire_names

    made: dict[str, list[str]] = {}

    def define(name: str, fields: list[equals.Field]) -> type:
        made[name] = [field.wire for field in fields]
        return msgspec.defstruct(
            name,
            [(field.name, field.hint) if field.required else (field.name, field.hint, None) for field in fields],
            kw_only=True,
            rename={field.name: field.wire for field in fields if field.name != field.wire},
        )

    cls: Any = equals.payment_intent(define)
    decoded: Any = msgspec.json.decode(payloads.text("payment_intent"), type=cls)
    assert decoded.latest_charge.payment_method_details.card.checks.cvc_check == "pass"
    assert made["PaymentIntent"] == [wire for _, wire in wire_names(PaymentIntent)]


def test_the_payment_intent_is_of_the_size_and_depth_that_the_goals_name() -> None:
    body = payloads.text("payment_intent")
    assert 2_400 <= len(body) <= 2_600
    assert body.count(b"{") - 1 == 16
