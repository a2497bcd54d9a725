"""The log: one line per call, which says what an operator asks first, and nothing secret."""

from __future__ import annotations

import ast
import asyncio
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, get_args, get_type_hints

import pytest
from support.effects import KEY, ScriptedClient, answer
from support.telemetry import JsonLines, json_lines
from webhooks.deliver import SECRET, body_of, headers_for

import wooshpay
from wooshpay import CardError, Next, ProtocolError, Request, RequestOptions, Response, WooshPayError, bulk
from wooshpay.bulk import RowState
from wooshpay.core.log_fields import LogFields
from wooshpay.webhooks import WebhookReceiver
from wooshpay.webhooks.replies import DeliveryOutcome

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
    await ScriptedClient().refunds.create(payment_intent="pi_1", options=RequestOptions(idempotency_key=KEY))
    assert "thekeythatnobodymaysee" not in caplog.text


# ---- fields


@pytest.fixture
def written() -> Iterator[list[dict[str, Any]]]:
    """Return the records of the logger `wooshpay` as JSON, from level DEBUG on."""
    with json_lines() as lines:
        yield lines


CREATE: Final = {
    "wooshpay_operation": "refunds.create",
    "wooshpay_method": "POST",
    "wooshpay_template": "/v1/refunds",
    "wooshpay_idempotency_key": "key_1",
}


async def test_the_records_of_a_call_have_fields_that_a_dashboard_can_count(written: list[dict[str, Any]]) -> None:
    """Without fields, an alert on retries or refusals has to parse sentences."""
    done = answer(headers={"Request-Id": "req_1"})
    await ScriptedClient(answer(503), done).refunds.create(payment_intent="pi_1")
    assert written == [
        {"level": "DEBUG", **CREATE, "wooshpay_attempt": 1, "wooshpay_status": 503},
        {"level": "INFO", **CREATE, "wooshpay_attempt": 1, "wooshpay_status": 503, "wooshpay_wait": 0.5},
        {"level": "DEBUG", **CREATE, "wooshpay_attempt": 2, "wooshpay_status": 200, "wooshpay_request_id": "req_1"},
        {
            "level": "INFO",
            **CREATE,
            "wooshpay_outcome": "succeeded",
            "wooshpay_status": 200,
            "wooshpay_attempts": 2,
            "wooshpay_seconds": 0.5,
            "wooshpay_request_id": "req_1",
        },
    ]


async def test_the_record_of_a_refusal_has_its_codes(written: list[dict[str, Any]]) -> None:
    with pytest.raises(CardError):
        await ScriptedClient(answer(402, REFUSED, {"Request-Id": "req_2"})).refunds.create(payment_intent="pi_1")
    assert written[-1] == {
        "level": "INFO",
        **CREATE,
        "wooshpay_outcome": "rejected",
        "wooshpay_error": "CardError",
        "wooshpay_code": "card_declined",
        "wooshpay_decline_code": "lost_card",
        "wooshpay_status": 402,
        "wooshpay_attempts": 1,
        "wooshpay_seconds": 0.0,
        "wooshpay_request_id": "req_2",
    }


async def test_the_record_of_a_lost_response_says_that_the_outcome_is_unknown(written: list[dict[str, Any]]) -> None:
    lost = ProtocolError("It broke.", failure="broken")
    with pytest.raises(WooshPayError):
        await ScriptedClient(lost).refunds.create(payment_intent="pi_1")
    assert written[0] == {
        "level": "DEBUG",
        **CREATE,
        "wooshpay_attempt": 1,
        "wooshpay_error": "ProtocolError",
        "wooshpay_failure": "broken",
    }
    assert written[-1] == {
        "level": "INFO",
        **CREATE,
        "wooshpay_outcome": "unknown",
        "wooshpay_error": "ProtocolError",
        "wooshpay_attempts": 3,
        "wooshpay_seconds": 1.5,
    }


@pytest.mark.parametrize(
    "body",
    [b"[", {"error": {"message": "no"}}],
    ids=["not-json", "error-in-success"],
)
async def test_a_response_that_cannot_be_used_has_a_record_of_its_own(
    written: list[dict[str, Any]], body: object
) -> None:
    """Its HTTP status is 200, so the record of the call alone would say that the payment succeeded."""
    with pytest.raises(WooshPayError) as raised:
        await ScriptedClient(answer(200, body), max_retries=0).refunds.create(payment_intent="pi_1")
    last = written[-1]
    assert last["wooshpay_error"] == type(raised.value).__name__
    assert last["wooshpay_outcome"] == raised.value.outcome
    assert (last["wooshpay_status"], last["wooshpay_operation"]) == (200, "refunds.create")


async def test_the_record_of_an_interrupted_call_has_the_key_to_go_on_with(written: list[dict[str, Any]]) -> None:
    async def cancel(request: Request, call_next: Next) -> Response:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await ScriptedClient(attempt_middlewares=[cancel]).refunds.create(payment_intent="pi_1")
    assert written == [{"level": "WARNING", **CREATE, "wooshpay_outcome": "unknown"}]


async def test_fields_hold_no_secret_and_no_card_number(written: list[dict[str, Any]]) -> None:
    """A server can write anything into a header or a code, and a caller can pass anything as an idempotency key."""
    refused = {"error": {"type": "card_error", "code": CARD, "decline_code": KEY, "message": CARD}}
    client = ScriptedClient(answer(402, refused, {"Request-Id": f"req {CARD} {KEY}\nforged"}))
    with pytest.raises(CardError):
        await client.refunds.create(payment_intent="pi_1", options=RequestOptions(idempotency_key=KEY))
    text = json.dumps(written)
    assert CARD not in text
    assert KEY not in text
    assert "\\n" not in text


def test_no_field_can_be_refused_by_logging_or_is_missing_in_the_list() -> None:
    """`logging` raises KeyError for a field that has the name of an attribute of its records."""
    names = set(get_type_hints(LogFields))
    assert all(name.startswith("wooshpay_") for name in names)
    assert not names & JsonLines.STANDARD
    documented = set(re.findall(r"^ +(wooshpay_\w+): ", LogFields.__doc__ or "", re.MULTILINE))
    assert names - documented == {f"wooshpay_rows_{state}" for state in get_args(RowState)} - {
        "wooshpay_rows_succeeded"
    }


@pytest.mark.parametrize("level", [logging.WARNING, logging.INFO])
async def test_fields_of_records_that_nobody_reads_are_not_computed(
    level: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call must not become slower for a log that is switched off."""
    made: list[dict[str, object]] = []

    def counted(**fields: Any) -> dict[str, object]:
        made.append(fields)
        return {}

    monkeypatch.setattr("wooshpay.core.log.log_fields", counted)
    caplog.set_level(level)
    await ScriptedClient(answer(503), answer()).refunds.retrieve("re_1")
    assert not [fields for fields in made if "wooshpay_attempt" in fields and "wooshpay_wait" not in fields]
    assert bool(made) is (level == logging.INFO)


def test_the_guides_list_the_fields_and_the_outcomes() -> None:
    """A field that is only in the code cannot be found by the person who writes the alert."""
    package = Path(__file__).parents[2] / "wooshpay"
    middleware, received = ((package / name / "README.md").read_text() for name in ("middleware", "webhooks"))
    rows = [line.split("|")[1] for line in middleware.splitlines() if line.startswith("| `wooshpay_")]
    assert set(re.findall(r"wooshpay_\w+", " ".join(rows))) == set(get_type_hints(LogFields))
    outcomes = [outcome for outcome in get_args(DeliveryOutcome) if f"\n| `{outcome}` | " in received]
    assert outcomes == list(get_args(DeliveryOutcome))


def log_calls() -> Iterator[tuple[str, ast.Call]]:
    package = Path(wooshpay.__file__).parent
    for path in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in {"debug", "info", "warning", "error", "exception", "critical", "log"}
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id in {"logger", "_logger", "logging"}
            ):
                yield path.relative_to(package).as_posix(), node


def test_every_record_of_the_package_has_fields() -> None:
    """A record without them is missing in the dashboard that counts the others."""
    without = [name for name, call in log_calls() if "extra" not in {keyword.arg for keyword in call.keywords}]
    # A connection does not know which calls it was used for.
    assert without == ["transport/connections.py"]
    assert sum(1 for _ in log_calls()) > 20


# ---- the application's logging fails --------------------------------------------------------------------------


class Broken(logging.Handler):
    """A handler that raises an exception, or lets its filter do so."""

    def __init__(self, where: str) -> None:
        super().__init__()
        if where == "filter":
            self.addFilter(self._refuse)

    def _refuse(self, record: logging.LogRecord) -> bool:
        raise KeyError("tenant")

    def emit(self, record: logging.LogRecord) -> None:
        """Fail, as a handler does that sends the line to a server which is down."""
        raise ConnectionError("the server of the logs is down")


@pytest.fixture(params=["handler", "filter"])
def broken_log(request: pytest.FixtureRequest) -> Iterator[None]:
    logger, handler = logging.getLogger("wooshpay"), Broken(request.param)
    level = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    yield
    logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.mark.usefixtures("broken_log")
async def test_a_payment_whose_line_cannot_be_written_is_returned(capsys: pytest.CaptureFixture[str]) -> None:
    """With an exception in place of the payment, the program would pay again, with another idempotency key."""
    client = ScriptedClient(answer(503), answer(200, {"id": "re_1", "object": "refund"}))
    refund = await client.refunds.create(payment_intent="pi_1")
    assert refund.id == "re_1"
    assert "A line of wooshpay could not be written to the log" in capsys.readouterr().err


@pytest.mark.usefixtures("broken_log")
async def test_the_error_of_a_call_whose_line_cannot_be_written_is_raised() -> None:
    """Programs decide by its class what to do."""
    with pytest.raises(CardError):
        await ScriptedClient(answer(402, REFUSED)).refunds.create(payment_intent="pi_1")


@pytest.mark.usefixtures("broken_log")
def test_a_delivery_whose_line_cannot_be_written_is_answered() -> None:
    """WooshPay would deliver an event that is done again and again, and get a 500 each time."""
    receiver = WebhookReceiver(SECRET)
    receiver.on("payment_intent.succeeded")(lambda event: None)
    body = body_of()
    assert receiver.receive_now(body, headers_for(body)).status == 200
    receiver.close_now()


@pytest.mark.usefixtures("broken_log")
async def test_a_bulk_run_whose_line_cannot_be_written_returns_its_report(tmp_path: Path) -> None:
    """The report is what says which rows moved money."""
    client = ScriptedClient(answer(200, {"id": "re_1", "object": "refund"}))
    row, journal = bulk.Row("1", {"payment_intent": "pi_1"}), tmp_path / "recall.db"
    assert (await bulk.run(client, "refunds.create", [row], journal=journal)).succeeded == 1
