"""The log: one line per call, which says what an operator asks first, and nothing secret."""

from __future__ import annotations

import logging

import pytest
from support.effects import KEY, ScriptedClient, answer

from wooshpay import CardError, Next, ProtocolError, Request, Response, WooshPayError

CARD = "4242424242424242"
REFUSED = {"error": {"type": "card_error", "code": "card_declined", "decline_code": "lost_card", "message": CARD}}


def lines(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == level and record.name == "wooshpay"]


async def test_a_call_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    client = ScriptedClient(answer(headers={"Request-Id": "req_1"}))
    await client.refunds.create(payment_intent="pi_1")
    assert lines(caplog, logging.INFO) == [
        "POST /v1/refunds (refunds.create): HTTP 200 in 0.000 s; 1 attempt, request req_1, key key_1"
    ]


async def test_its_line_counts_the_retries_and_the_time_that_they_took(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await ScriptedClient(answer(503), answer()).refunds.retrieve("re_1")
    first, last = lines(caplog, logging.INFO)
    assert "attempt 1 failed (HTTP 503), trying again in 0.50 s" in first
    assert last == "GET /v1/refunds/{refund_id} (refunds.retrieve): HTTP 200 in 0.500 s; 2 attempts"


async def test_a_refusal_says_why_in_codes_and_not_in_the_words_of_the_answer(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with pytest.raises(CardError):
        await ScriptedClient(answer(402, REFUSED)).refunds.create(payment_intent="pi_1")
    (line,) = lines(caplog, logging.INFO)
    assert "HTTP 402 CardError (card_declined lost_card), rejected in 0.000 s; 1 attempt, key key_1" in line
    assert CARD not in caplog.text


async def test_a_lost_answer_says_that_the_outcome_is_unknown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    lost = ProtocolError("It broke.", failure="broken")
    with pytest.raises(WooshPayError):
        await ScriptedClient(lost).refunds.create(payment_intent="pi_1")
    assert "ProtocolError, unknown in 1.500 s; 3 attempts, key key_1" in lines(caplog, logging.INFO)[-1]


async def test_each_attempt_is_a_line_for_those_who_debug(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await ScriptedClient(answer(503), answer()).refunds.retrieve("re_1")
    assert lines(caplog, logging.DEBUG) == [
        "GET /v1/refunds/{refund_id} (refunds.retrieve) attempt 1: HTTP 503",
        "GET /v1/refunds/{refund_id} (refunds.retrieve) attempt 2: HTTP 200",
    ]


async def test_no_line_is_made_where_nobody_reads_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    await ScriptedClient(answer(503), answer()).refunds.retrieve("re_1")
    assert caplog.records == []


async def test_time_spent_in_call_middlewares_counts(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def slow(request: Request, call_next: Next) -> Response:
        client.clock.advance(2)
        return await call_next(request)

    client = ScriptedClient(answer(), call_middlewares=[slow])
    await client.refunds.retrieve("re_1")
    assert "in 2.000 s" in lines(caplog, logging.INFO)[-1]


async def test_a_key_given_as_an_idempotency_key_does_not_reach_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    from wooshpay import RequestOptions

    await ScriptedClient().refunds.create(payment_intent="pi_1", options=RequestOptions(idempotency_key=KEY))
    assert "thekeythatnobodymaysee" not in caplog.text
