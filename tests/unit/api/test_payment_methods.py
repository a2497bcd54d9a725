"""Payment methods, and what may be sent to make one."""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Any

import pytest

from wooshpay.api.customers import Customer
from wooshpay.api.payment_methods import (
    Card,
    CardChecks,
    CardExpiryParam,
    PaymentMethod,
    PaymentMethodCardChecksParam,
    PaymentMethodCardParam,
)
from wooshpay.core.codec import structure
from wooshpay.core.declaration import Declaration
from wooshpay.core.objects import wire_names
from wooshpay.core.query import encode_query
from wooshpay.core.redaction import redact_json

Example = Callable[[str], dict[str, Any]]
Declared = Callable[[str], Declaration]


# ---- the object -----------------------------------------------------------------------------------------------


def test_the_check_of_the_postal_code_is_called_after_the_zip(example: Example) -> None:
    card = PaymentMethod.from_dict(example("payment_method_whole")).card
    assert isinstance(card, Card)
    assert isinstance(card.checks, CardChecks)
    assert (card.checks.address_zip_check, card.checks.cvc_check) == ("pass", "pass")


def test_an_expiry_in_text_is_a_number() -> None:
    answer = {"card": {"exp_month": "3", "exp_year": "2027"}}
    method = PaymentMethod.from_dict(answer)
    assert method.card is not None
    assert (method.card.exp_month, method.card.exp_year) == (3, 2027)
    assert method.to_dict() == answer


def test_a_month_in_two_digits_stays_text_as_the_zero_would_be_lost() -> None:
    method = PaymentMethod.from_dict({"card": {"exp_month": "03"}})
    assert method.card is not None
    month: Any = method.card.exp_month
    assert month == "03"


@pytest.mark.parametrize("nobody", [None, ""])
def test_a_detached_payment_method_has_no_customer(nobody: str | None, example: Example) -> None:
    method = PaymentMethod.from_dict({**example("payment_method_whole"), "customer": nobody})
    assert (method.customer, method.customer_id) == (None, None)


def test_the_customer_may_come_whole(example: Example) -> None:
    method = PaymentMethod.from_dict({"customer": example("customer_2023")})
    assert isinstance(method.customer, Customer)
    assert method.customer_id == example("customer_2023")["id"]


def test_the_details_of_a_wallet_are_in_extra() -> None:
    method = PaymentMethod.from_dict({"type": "alipay", "alipay": {"buyer_id": "2088"}})
    assert (method.type, method.extra) == ("alipay", {"alipay": {"buyer_id": "2088"}})


def test_strict_reading_accepts_a_documented_answer(example: Example) -> None:
    answer = example("payment_method_whole")
    assert structure(answer, PaymentMethod, strict=True).to_dict() == answer


# ---- the calls ------------------------------------------------------------------------------------------------


def test_a_card_is_sent_with_what_guides_send_and_may_hold_what_the_reference_lists() -> None:
    card: type = Card
    checks: type = CardChecks
    listed = {wire for _, wire in wire_names(card)}
    assert set(typing.get_type_hints(PaymentMethodCardParam)) == listed | {"number", "cvc", "name"}
    assert set(typing.get_type_hints(PaymentMethodCardChecksParam)) == {wire for _, wire in wire_names(checks)}
    marked = typing.get_type_hints(PaymentMethodCardParam, include_extras=True)
    required = {name for name, hint in marked.items() if typing.get_origin(hint) is typing.Required}
    assert required == {"number", "exp_month", "exp_year"}


@pytest.mark.parametrize(("month", "year"), [("03", "2027"), (3, 2027)])
def test_an_expiry_is_sent_as_it_is_given(month: Any, year: Any, declared: Declared) -> None:
    card: PaymentMethodCardParam = {"number": "4111111111111111", "exp_month": month, "exp_year": year, "cvc": "123"}
    call = declared("payment_methods.create").bind((), {"type": "card", "card": card})
    assert call.body == {"type": "card", "card": card}


def test_neither_a_call_nor_a_log_line_shows_the_card(declared: Declared) -> None:
    card = {"number": "4111111111111111", "exp_month": "03", "exp_year": "2027", "cvc": "987"}
    call = declared("payment_methods.create").bind((), {"type": "card", "card": card})
    for text in (repr(call), repr(redact_json(call.body))):
        assert "4111" not in text
        assert "987" not in text


def test_no_customer_can_be_given_while_making_one(declared: Declared) -> None:
    with pytest.raises(TypeError, match="customer"):
        declared("payment_methods.create").bind((), {"type": "card", "customer": "cus_1"})


def test_only_the_expiry_of_a_card_can_be_changed() -> None:
    assert set(typing.get_type_hints(CardExpiryParam)) == {"exp_month", "exp_year"}


def test_attaching_names_the_customer_and_detaching_nobody(declared: Declared) -> None:
    attach = declared("payment_methods.attach").bind(("pm_1",), {"customer": "cus_1"})
    assert (attach.path, attach.body) == ("/v1/payment_methods/pm_1/attach", {"customer": "cus_1"})
    detach = declared("payment_methods.detach").bind(("pm_1",), {})
    assert (detach.method, detach.path, detach.body) == ("POST", "/v1/payment_methods/pm_1/detach", {})


def test_a_list_is_filtered_by_query_alone(declared: Declared) -> None:
    call = declared("payment_methods.list").bind((), {"customer": "cus_1", "type": "9pay", "limit": 2})
    assert call.body is None
    assert encode_query(call.query) == "customer=cus_1&type=9pay&limit=2"
