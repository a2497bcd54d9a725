"""One row: what goes out, and what is noted of each way that it can end."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from bulk.world import MemoryJournal
from support.effects import FakeClock, ScriptedClient, Step, answer

from wooshpay import ConfigurationError, ConnectError, ProtocolError, bulk
from wooshpay.bulk import Row, RowResult, Run
from wooshpay.bulk.engine import Engine, find_operation
from wooshpay.bulk.journal import KEY_LIFETIME
from wooshpay.core.callers import AsyncCaller

ROW = Row("r1", {"payment_intent": "pi_1", "amount": 5})
LOST = ProtocolError("cut off")
NOT_CONNECTED = ConnectError("no way", failure="not_connected")
IN_USE = {"error": {"type": "idempotency_error", "code": "idempotency_key_in_use", "message": "in use"}}
REUSED = {"error": {"type": "idempotency_error", "message": "other parameters"}}
DECLINED = {"error": {"type": "card_error", "code": "card_declined", "message": "declined"}}


class Bench:
    """Runs over one journal, each of a client of its own."""

    def __init__(self) -> None:
        self.journal = MemoryJournal()
        self.clock = FakeClock()
        self.client = self.answering()

    def answering(self, *steps: Step) -> ScriptedClient:
        self.client = ScriptedClient(*steps, clock=self.clock, max_retries=0)
        return self.client

    async def run(self, *rows: Row, operation: str = "refunds.create", **settings: Any) -> list[RowResult]:
        results: list[RowResult] = []
        await bulk.run(
            self.client, operation, rows, name="recall", journal=self.journal, on_result=results.append, **settings
        )
        return results


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_a_row_is_noted_before_it_is_sent(bench: Bench) -> None:
    """A program that dies in the middle must find it again."""
    noted: list[str] = []

    def look(request: object) -> Any:
        noted.append(bench.journal.entries["r1"].state)
        return answer()

    bench.answering(look)
    (result,) = await bench.run(ROW)
    assert noted == ["started"]
    assert bench.journal.entries["r1"].state == "succeeded"
    assert (result.state, result.object_id, result.status, result.earlier) == ("succeeded", "re_1", "succeeded", False)
    assert result.object is not None
    assert result.object.to_dict()["id"] == "re_1"
    assert bench.client.transport.last_json == {"payment_intent": "pi_1", "amount": 5}
    assert bench.client.transport.keys == [result.idempotency_key]


@pytest.mark.parametrize(
    ("step", "state", "code"),
    [
        (answer(402, DECLINED), "rejected", "card_declined"),
        (answer(400, {"error": {"message": "bad"}}), "rejected", None),
        (answer(404, {"error": {"message": "none"}}), "rejected", None),
        (answer(409, REUSED), "rejected", None),
        (answer(409, {"error": {"message": "locked"}}), "not_sent", None),
        (answer(429, {"error": {"message": "slow down"}}), "not_sent", None),
        (answer(401, {"error": {"message": "who"}}), "not_sent", None),
        (NOT_CONNECTED, "not_sent", None),
        (LOST, "unknown", None),
        (answer(500), "unknown", None),
        (answer(503), "unknown", None),
        (answer(409, IN_USE), "unknown", "idempotency_key_in_use"),
        (answer(200, b"<html>"), "unknown", None),
    ],
    ids=["402", "400", "404", "reused", "409", "429", "401", "not_connected", "lost", "500", "503", "in_use", "html"],
)
async def test_what_is_noted_of_a_call_without_success(bench: Bench, step: Step, state: str, code: str | None) -> None:
    bench.answering(step)
    (result,) = await bench.run(ROW)
    assert (result.state, result.code) == (state, code)
    assert result.error
    assert bench.journal.entries["r1"].state == state
    assert bench.journal.entries["r1"].error == result.error


@pytest.mark.parametrize(
    "late",
    [answer(headers={"Idempotent-Replayed": "true"}), answer(409, {"error": {"message": "locked"}}), LOST, answer(500)],
    ids=["replayed", "409", "lost", "500"],
)
async def test_a_row_that_succeeded_for_another_worker_meanwhile_has_succeeded(bench: Bench, late: Step) -> None:
    """The same command in two terminals: one said that its journal had not sent the row, and Celery's outbox kept
    it as refused, although the other one had just sent it and noted that.
    """

    def meanwhile(request: object) -> Any:
        entry = bench.journal.entries["r1"]
        bench.journal.entries["r1"] = attrs.evolve(
            entry, state="succeeded", object_id="re_1", status="succeeded", tries=entry.tries + 1
        )
        if isinstance(late, BaseException):
            raise late
        return late

    bench.answering(meanwhile)
    (result,) = await bench.run(ROW)
    assert (result.state, result.object_id, result.error) == ("succeeded", "re_1", None)
    assert bench.journal.entries["r1"].state == "succeeded"


@pytest.mark.parametrize("first", [LOST, answer(500), NOT_CONNECTED, answer(429)], ids=["lost", "500", "no", "429"])
async def test_the_next_run_sends_what_has_no_answer_with_the_same_key(bench: Bench, first: Step) -> None:
    client = bench.answering(first)
    await bench.run(ROW)
    (key,) = client.transport.keys
    client = bench.answering()
    (result,) = await bench.run(ROW)
    assert (result.state, client.transport.keys) == ("succeeded", [key])


async def test_that_a_second_try_did_not_arrive_does_not_tell_what_the_first_did(bench: Bench) -> None:
    """Noted as never sent, the row could be changed, and then be done twice."""
    bench.answering(LOST)
    await bench.run(ROW)
    bench.answering(NOT_CONNECTED)
    (result,) = await bench.run(ROW)
    assert result.state == "unknown"
    bench.clock.advance(KEY_LIFETIME)
    (result,) = await bench.run(ROW)
    assert result.state == "unknown"
    bench.clock.advance(1)
    client = bench.answering()
    (result,) = await bench.run(ROW)
    assert (result.state, client.transport.requests) == ("refused", [])


async def test_what_is_done_is_told_again_and_not_sent(bench: Bench) -> None:
    await bench.run(ROW)
    client = bench.answering(answer(500))
    (result,) = await bench.run(ROW)
    assert client.transport.requests == []
    assert (result.state, result.object_id, result.status, result.earlier) == ("succeeded", "re_1", "succeeded", True)


async def test_what_was_rejected_is_sent_again_only_when_asked_for(bench: Bench) -> None:
    client = bench.answering(answer(402, DECLINED))
    await bench.run(ROW)
    (first,) = client.transport.keys
    client = bench.answering()
    (result,) = await bench.run(ROW)
    assert (result.state, result.earlier, client.transport.requests) == ("rejected", True, [])
    (result,) = await bench.run(ROW, retry_rejected=True)
    assert result.state == "succeeded"
    assert client.transport.keys != [first]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"amount": 5}, "payment_intent is missing"),
        ({"payment_intent": "pi_1", "amuont": 5}, "no parameter 'amuont'"),
        ({"payment_intent": "pi_1", "metadata": {"a": object()}}, "Parameter metadata.a: cannot serialize an object"),
        ({"payment_intent": "pi_1", "options": None}, "options cannot be given for a row"),
    ],
    ids=["missing", "unknown", "no_json", "options"],
)
async def test_a_row_that_makes_no_call_is_refused_and_hinders_no_other(
    bench: Bench, arguments: dict[str, Any], said: str
) -> None:
    bad, good = await bench.run(Row("bad", arguments), ROW)
    assert (bad.state, bad.idempotency_key, good.state) == ("refused", None, "succeeded")
    assert bad.error is not None
    assert said in bad.error
    # Mended, it is a row like any other.
    bench.answering()
    (mended,) = await bench.run(Row("bad", {"payment_intent": "pi_1"}))
    assert mended.state == "succeeded"


async def test_ids_in_the_path_are_arguments_like_others(bench: Bench) -> None:
    (result,) = await bench.run(Row("r1", {"id": "pi_1"}), operation="payment_intents.capture")
    assert bench.client.transport.last.url.endswith("/v1/payment_intents/pi_1/capture")
    (result,) = await bench.run(Row("r2", {"id": "../x"}), operation="payment_intents.capture")
    assert bench.client.transport.last.url.endswith("/v1/payment_intents/..%2Fx/capture")
    (result,) = await bench.run(Row("r3", {"id": ""}), operation="payment_intents.capture")
    assert result.state == "refused"


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        ("refunds.creat", "no operation 'refunds.creat'"),
        ("refunds.wait", "no operation"),
        ("refund", "no operation"),
        ("refunds.retrieve", "carries no idempotency key"),
        ("charges.list", "carries no idempotency key"),
        ("webhook_endpoints.delete", "carries no idempotency key"),
        ("files.create", "takes a file"),
    ],
)
def test_only_what_carries_a_key_can_be_run_in_bulk(operation: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        find_operation(operation)


@pytest.mark.parametrize("id", ["", " ", "x" * 201, 5, None], ids=["empty", "blank", "long", "number", "none"])
def test_an_id_must_tell_rows_apart(id: Any) -> None:
    with pytest.raises(ConfigurationError, match="ID of a row"):
        Row(id, {})


def test_a_row_shows_none_of_its_values() -> None:
    row = Row("r1", {"payment_method_data": {"card": {"number": "4111111111111111"}}})
    assert repr(row) == "Row(id='r1', arguments=<payment_method_data>)"


async def test_errors_in_the_journal_hold_no_secret(bench: Bench) -> None:
    bench.answering(answer(400, {"error": {"message": "no such card: 4111111111111111, key sk_test_abcdef"}}))
    (result,) = await bench.run(ROW)
    assert "4111" not in str(bench.journal.entries["r1"])
    assert "abcdef" not in str(result)


async def test_a_row_of_a_queue_needs_the_account_of_its_run_too(bench: Bench) -> None:
    """Where rows come from a queue, no pass begins that could look after it."""

    def engine(client: ScriptedClient) -> Engine:
        caller = client._caller  # pyright: ignore[reportPrivateUsage]  # as bulk does
        assert isinstance(caller, AsyncCaller)
        run = Run(name="recall", operation="refunds.create", host=caller.pipeline.config.base_url)
        return Engine(find_operation("refunds.create"), caller, bench.journal, run)

    first = ScriptedClient(clock=bench.clock)
    assert [(await engine(first).do(ROW)).earlier for _ in range(2)] == [False, True]
    other = ScriptedClient(clock=bench.clock, api_key="sk_test_another")
    with pytest.raises(ConfigurationError, match="made with another API key"):
        await engine(other).do(ROW)
    assert (len(first.transport.requests), other.transport.requests) == (1, [])
