"""Setup attempts, of which WooshPay's page shows the filters only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from wooshpay.api.payment_methods import PaymentMethod
from wooshpay.api.setup_attempts import SetupAttempt, SetupAttemptDetails
from wooshpay.api.setup_intents import SetupError, SetupIntent
from wooshpay.core.codec import structure
from wooshpay.core.declaration import Declaration
from wooshpay.core.query import encode_query

Example = Callable[[str], dict[str, Any]]


def test_a_failed_attempt_says_why(example: Example) -> None:
    attempt = SetupAttempt.from_dict(example("setup_attempt_whole"))
    assert attempt.status == "failed"
    assert isinstance(attempt.setup_error, SetupError)
    assert (attempt.setup_error.code, attempt.setup_error.decline_code) == ("card_declined", "insufficient_funds")
    assert attempt.created_at == datetime(2024, 9, 25, 9, 25, 30, tzinfo=UTC)


def test_the_details_of_the_card_are_kept_as_received(example: Example) -> None:
    details = SetupAttempt.from_dict(example("setup_attempt_whole")).payment_method_details
    assert isinstance(details, SetupAttemptDetails)
    assert (details.type, details.card) == ("card", {"three_d_secure": {"result": "failed"}})


def test_what_it_belongs_to_comes_as_an_id_or_whole(example: Example) -> None:
    attempt = SetupAttempt.from_dict(example("setup_attempt_whole"))
    whole = SetupAttempt.from_dict(
        {"setup_intent": example("setup_intent_2024"), "payment_method": example("payment_method_whole")}
    )
    assert isinstance(whole.setup_intent, SetupIntent)
    assert isinstance(whole.payment_method, PaymentMethod)
    for made in (attempt, whole):
        assert made.setup_intent_id == "seti_1838873795297804288"
        assert made.payment_method_id == "pm_1838873795201335296"


def test_strict_reading_accepts_the_whole_answer(example: Example) -> None:
    answer = example("setup_attempt_whole")
    assert structure(answer, SetupAttempt, strict=True).to_dict() == answer


def test_attempts_are_listed_by_query_and_by_body(declared: Callable[[str], Declaration]) -> None:
    params = {"setup_intent": "seti_1", "created": {"gt": "1727256330000"}}
    call = declared("setup_attempts.list").bind((), dict(params))
    assert call.path == "/v1/setup_attempts/list"
    assert call.query == call.body == params
    assert encode_query(call.query) == "setup_intent=seti_1&created%5Bgt%5D=1727256330000"
