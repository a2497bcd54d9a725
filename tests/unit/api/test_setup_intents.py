"""Setup intents, and the way to the page where the customer proves who they are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from wooshpay.api.checkout.sessions import CheckoutSession
from wooshpay.api.customers import Customer
from wooshpay.api.payment_intents import NextAction, RedirectAction
from wooshpay.api.payment_methods import PaymentMethod
from wooshpay.api.setup_attempts import SetupAttempt
from wooshpay.api.setup_intents import SetupError, SetupIntent
from wooshpay.api.shared import PaymentMethodOptions
from wooshpay.core.codec import UndocumentedType, structure
from wooshpay.core.declaration import Declaration

Example = Callable[[str], dict[str, Any]]
Declared = Callable[[str], Declaration]

PAGE = "https://jstest.wooshpay.com/v1/3ds/challenge.html"


def with_action(action: Any) -> SetupIntent:
    answer = {"id": "seti_1", "status": "requires_action", "next_action": action}
    intent = SetupIntent.from_dict(answer)
    assert intent.to_dict() == answer
    return intent


# ---- answers --------------------------------------------------------------------------------------------------


def test_a_card_that_needs_a_challenge_says_where(example: Example) -> None:
    intent = SetupIntent.from_dict(example("setup_intent_2024"))
    assert (intent.status, intent.usage) == ("requires_action", "on_session")
    assert isinstance(intent.next_action, NextAction)
    assert isinstance(intent.next_action.challenge_redirect, RedirectAction)
    assert intent.next_action.challenge_redirect.return_url == "https://www.example.com/saved"
    assert intent.action_url is not None
    assert intent.action_url.startswith(PAGE)
    assert intent.action_qr is None


def test_json_text_and_empty_texts_of_2022_are_read_as_what_they_say(example: Example) -> None:
    intent = SetupIntent.from_dict(example("setup_intent_2022"))
    assert intent.payment_method_types == ["card"]
    assert isinstance(intent.payment_method_options, PaymentMethodOptions)
    assert intent.payment_method_options.card is not None
    assert intent.payment_method_options.card.request_three_d_secure == "auto"
    assert (intent.next_action, intent.action_url, intent.action_qr) == (None, None, None)
    assert (intent.customer, intent.customer_id, intent.metadata) == (None, None, None)


@pytest.mark.parametrize("created", [1665553291, 1665553291000])
def test_the_time_of_creation_is_read_in_seconds_and_milliseconds(created: int) -> None:
    assert SetupIntent.from_dict({"created": created}).created_at == datetime(2022, 10, 12, 5, 41, 31, tzinfo=UTC)


def test_the_last_error_names_the_payment_method_that_failed(example: Example) -> None:
    error = SetupIntent.from_dict(example("setup_intent_whole")).last_setup_error
    assert isinstance(error, SetupError)
    assert (error.code, error.decline_code) == ("card_declined", "insufficient_funds")
    assert error.payment_method_id == "pm_1838873795201335296"


def test_what_it_refers_to_may_come_whole(example: Example) -> None:
    intent = SetupIntent.from_dict(
        {
            "customer": example("customer_2023"),
            "payment_method": example("payment_method_whole"),
            "latest_attempt": example("setup_attempt_whole"),
        }
    )
    assert isinstance(intent.customer, Customer)
    assert isinstance(intent.payment_method, PaymentMethod)
    assert intent.payment_method_id == "pm_1838873795201335296"
    assert isinstance(intent.latest_attempt, SetupAttempt)
    assert intent.latest_attempt_id == "setatt_1838873795297804300"


def test_a_session_names_its_setup_intent_or_holds_it(example: Example) -> None:
    whole = CheckoutSession.from_dict({"setup_intent": example("setup_intent_2024")})
    assert isinstance(whole.setup_intent, SetupIntent)
    assert (whole.setup_intent.status, whole.setup_intent_id) == ("requires_action", "seti_1838873795297804288")
    assert CheckoutSession.from_dict(example("checkout_session_setup_2025")).setup_intent == "seti_1953770262453288960"


@pytest.mark.parametrize("field", ["status", "usage", "cancellation_reason"])
def test_an_unknown_value_of_an_enumeration_is_kept(field: str) -> None:
    assert getattr(SetupIntent.from_dict({field: "of_tomorrow"}), field) == "of_tomorrow"


@pytest.mark.parametrize("file", ["setup_intent_2024", "setup_intent_whole"])
def test_strict_reading_accepts_documented_answers(file: str, example: Example) -> None:
    assert structure(example(file), SetupIntent, strict=True).to_dict() == example(file)


@pytest.mark.parametrize(
    "odd",
    [{"next_action": "text"}, {"payment_method_types": '["card"]'}, {"customer": 7}, {"livemode": "false"}],
    ids=lambda odd: next(iter(odd)),
)
def test_strict_reading_refuses_an_undocumented_type(odd: dict[str, Any]) -> None:
    with pytest.raises(UndocumentedType):
        structure(odd, SetupIntent, strict=True)


def test_no_repr_shows_the_client_secret(example: Example) -> None:
    for file in ("setup_intent_2022", "setup_intent_2024", "setup_intent_whole"):
        intent = SetupIntent.from_dict(example(file))
        assert intent.client_secret is not None
        for shown in (intent, intent.next_action, getattr(intent.next_action, "challenge_redirect", None)):
            assert "RSWWKd4j8HqTUZNGgvCYEFoF" not in repr(shown)
        assert "client_secret=[hidden]" in repr(intent)


# ---- the page to go to ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "action",
    [
        {"type": "challenge_redirect", "challenge_redirect": {"url": PAGE, "return_url": "https://m"}},
        {"type": "redirect_to_url", "gcash_handle_redirect": {"url": PAGE}},
        {"type": "moon_handle_redirect", "moon_handle_redirect": {"url": PAGE}},
        '{"type":"challenge_redirect","challenge_redirect":{"url":"' + PAGE + '"}}',
    ],
)
def test_action_url_finds_the_page_as_that_of_a_payment_does(action: Any) -> None:
    assert with_action(action).action_url == PAGE


def test_action_qr_finds_a_code() -> None:
    assert with_action({"type": "qr", "qrcode": "00020101"}).action_qr == "00020101"


@pytest.mark.parametrize("action", [None, "", "text", 7, True, [], [7], {}, {"object": "charge", "id": "ch_1"}])
def test_without_a_page_there_is_no_action_and_no_error(action: Any) -> None:
    intent = with_action(action)
    assert (intent.action_url, intent.action_qr) == (None, None)


# ---- the calls ------------------------------------------------------------------------------------------------


def test_a_card_is_saved_as_the_guide_does(declared: Declared) -> None:
    params = {
        "confirm": True,
        "customer": "cus_1706288169156083712",
        "payment_method_types": ["card"],
        "payment_method_data": {
            "type": "card",
            "card": {"number": "4761344136141390", "exp_month": "03", "exp_year": "2027", "cvc": "022"},
        },
        "usage": "on_session",
        "return_url": "https://www.example.com/saved",
    }
    call = declared("setup_intents.create").bind((), dict(params))
    assert (call.path, call.body) == ("/v1/setup_intents", params)
    assert "4761344136141390" not in repr(call)


def test_notes_and_customer_may_change_while_confirming(declared: Declared) -> None:
    params = {"return_url": "https://m", "customer": "cus_1", "description": "d", "metadata": {"k": "v"}}
    call = declared("setup_intents.confirm").bind(("seti_1",), dict(params))
    assert (call.path, call.body) == ("/v1/setup_intents/seti_1/confirm", params)


def test_canceling_needs_no_reason_unlike_that_of_a_payment(declared: Declared) -> None:
    call = declared("setup_intents.cancel").bind(("seti_1",), {})
    assert (call.path, call.body) == ("/v1/setup_intents/seti_1/cancel", {})


def test_setup_intents_are_listed_by_query_alone(declared: Declared) -> None:
    call = declared("setup_intents.list").bind((), {"payment_method": "pm_1"})
    assert (call.path, call.query, call.body) == ("/v1/setup_intents", {"payment_method": "pm_1"}, None)
