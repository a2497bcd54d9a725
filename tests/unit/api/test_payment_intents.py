"""Payment intents as WooshPay sent them in 2022 and since, and the way to the page where the customer pays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from wooshpay.api.charges import Charge
from wooshpay.api.customers import Customer
from wooshpay.api.invoices import Invoice
from wooshpay.api.payment_intents import LastPaymentError, NextAction, PaymentIntent, RedirectAction
from wooshpay.api.payment_methods import PaymentMethod
from wooshpay.api.shared import PaymentMethodOptions
from wooshpay.core.codec import UndocumentedType, structure

Example = Callable[[str], dict[str, Any]]

PAY = "https://apitest.wooshpay.com/v1/receives/c12/pay/pi_1664204164491640832"


def made(**fields: Any) -> PaymentIntent:
    """Read an answer that gives back what it was made of."""
    intent = PaymentIntent.from_dict(fields)
    assert intent.to_dict() == fields
    return intent


def with_action(action: Any) -> PaymentIntent:
    return made(id="pi_1", status="requires_action", next_action=action)


# ---- answers of 2022 and since --------------------------------------------------------------------------------


def test_json_text_of_2022_is_read_as_what_it_says(example: Example) -> None:
    intent = PaymentIntent.from_dict(example("payment_intent_2022"))
    assert intent.payment_method_types == ["card"]
    assert isinstance(intent.payment_method_options, PaymentMethodOptions)
    assert intent.payment_method_options.card is not None
    assert intent.payment_method_options.card.request_three_d_secure == "any"
    assert isinstance(intent.next_action, NextAction)
    assert intent.next_action.type == "ddc_redirect"
    assert intent.action_url is not None
    assert intent.action_url.startswith("https://jstest.wooshpay.com/v1/3ds/index.html?")


def test_an_empty_next_action_of_2022_is_none(example: Example) -> None:
    intent = PaymentIntent.from_dict(example("payment_intent_2022_succeeded"))
    assert intent.next_action is None
    assert (intent.action_url, intent.action_qr) == (None, None)
    assert intent.status == "succeeded"


def test_nulls_of_2022_are_none(example: Example) -> None:
    intent = PaymentIntent.from_dict(example("payment_intent_2022"))
    assert (intent.amount_received, intent.customer, intent.three_ds_status) == (None, None, None)


def test_an_answer_since_2023_is_read_whole(example: Example) -> None:
    intent = PaymentIntent.from_dict(example("payment_intent_2023"))
    assert (intent.amount, intent.currency, intent.capture_method) == (100000, "USD", "manual")
    assert isinstance(intent.next_action, NextAction)
    assert isinstance(intent.next_action.challenge_redirect, RedirectAction)
    assert intent.next_action.challenge_redirect.return_url == "https://wooshpay.com"
    assert intent.shipping is not None
    assert intent.shipping.address is not None
    assert intent.shipping.address.country == "GB"
    assert intent.metadata == {"k": "v"}


def test_the_name_that_python_cannot_spell_is_read_and_written(example: Example) -> None:
    intent = PaymentIntent.from_dict(example("payment_intent_whole"))
    assert intent.three_ds_status == "Y"
    assert intent.to_dict()["3ds_status"] == "Y"


def test_the_last_error_is_an_object_with_its_decline_code(example: Example) -> None:
    error = PaymentIntent.from_dict(example("payment_intent_whole")).last_payment_error
    assert isinstance(error, LastPaymentError)
    assert (error.code, error.decline_code) == ("card_declined", "insufficient_funds")
    assert error.charge_id == "ch_1693466278934609921"


def test_one_can_be_made_by_hand_of_the_fields_that_are_always_there() -> None:
    intent = PaymentIntent(
        id="pi_1",
        object="payment_intent",
        amount=1999,
        created=1692588799000,
        currency="USD",
        livemode=False,
        status="succeeded",
    )
    assert intent == PaymentIntent.from_dict(intent.to_dict())
    assert intent.to_dict()["amount"] == 1999
    assert "3ds_status" not in intent.to_dict()


# ---- the page to pay at ---------------------------------------------------------------------------------------

ACTIONS: dict[str, Any] = {
    "3-D Secure challenge": {
        "type": "challenge_redirect",
        "challenge_redirect": {"url": PAY, "return_url": "https://m"},
    },
    "3-D Secure device data": {"type": "ddc_redirect", "ddc_redirect": {"return_url": "https://m", "url": PAY}},
    "alipay": {"type": "alipay_handle_redirect", "alipay_handle_redirect": {"url": PAY}},
    "bank transfer in Indonesia": {
        "type": "bank_transfer_id_handle_redirect",
        "bank_transfer_id_handle_redirect": {"url": PAY},
    },
    "bank transfer in Vietnam": {
        "type": "bank_transfer_vn_handle_redirect",
        "bank_transfer_vn_handle_redirect": {"url": PAY},
    },
    "momo under a key of its own": {"type": "momo_handle_redirect", "momo_handle_redirect": {"url": PAY}},
    "momo as a bank transfer in Vietnam": {"type": "momo", "bank_transfer_vn_handle_redirect": {"url": PAY}},
    "dana, whose type names no key": {"type": "redirect_to_url", "dana_handle_redirect": {"url": PAY}},
    "gcash, whose type names no key": {"type": "redirect_to_url", "gcash_handle_redirect": {"url": PAY}},
    "ideal": {"type": "ideal_handle_redirect", "ideal_handle_redirect": {"url": PAY}},
    "ovo": {"type": "ovo_handle_redirect", "ovo_handle_redirect": {"url": PAY}},
    "pix": {"type": "pix_handle_redirect", "pix_handle_redirect": {"url": PAY}},
    "promptpay": {"type": "promptpay_handle_redirect", "promptpay_handle_redirect": {"url": PAY}},
    "redirect_to_url, as at Stripe": {
        "type": "redirect_to_url",
        "redirect_to_url": {"url": PAY, "return_url": "https://m"},
    },
    "a method unknown to the SDK": {"type": "moon_handle_redirect", "moon_handle_redirect": {"url": PAY}},
    "an unknown method whose type names no key": {"type": "redirect_to_url", "moon_handle_redirect": {"url": PAY}},
    "an unknown method without a type": {"moon_handle_redirect": {"url": PAY}},
    "a key that starts with a digit": {"type": "9pay_handle_redirect", "9pay_handle_redirect": {"url": PAY}},
    "a plain url": {"type": "redirect", "url": PAY},
    "JSON text": '{"type":"alipay_handle_redirect","alipay_handle_redirect":{"url":"' + PAY + '"}}',
}


@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS)
def test_action_url_finds_the_page_under_every_key(action: Any) -> None:
    assert with_action(action).action_url == PAY


@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS)
def test_a_redirect_alone_has_no_qr_code(action: Any) -> None:
    assert with_action(action).action_qr is None


def test_the_key_that_the_type_names_comes_first() -> None:
    both = {"challenge_redirect": {"url": "https://challenge"}, "ddc_redirect": {"url": "https://ddc"}}
    assert with_action({"type": "challenge_redirect", **both}).action_url == "https://challenge"
    assert with_action({"type": "ddc_redirect", **both}).action_url == "https://ddc"


def test_a_return_url_is_no_page_to_pay_at() -> None:
    assert with_action({"type": "ddc_redirect", "ddc_redirect": {"return_url": "https://m"}}).action_url is None


@pytest.mark.parametrize("name", ["qrcode", "qr_code", "image_url"])
@pytest.mark.parametrize("key", ["bank_transfer_vn_handle_redirect", "promptpay_handle_redirect"])
def test_action_qr_finds_the_code_beside_the_page(key: str, name: str) -> None:
    intent = with_action({"type": key, key: {"url": PAY, name: "00020101"}})
    assert (intent.action_url, intent.action_qr) == (PAY, "00020101")


def test_action_qr_finds_a_code_at_the_top() -> None:
    assert with_action({"type": "qr", "qrcode": "00020101"}).action_qr == "00020101"


def test_action_qr_finds_the_image_of_stripes_shape() -> None:
    shape = {"image_url_png": "https://img/qr.png", "hosted_instructions_url": PAY}
    intent = with_action({"type": "promptpay_display_qr_code", "promptpay_display_qr_code": shape})
    assert (intent.action_url, intent.action_qr) == (PAY, "https://img/qr.png")


@pytest.mark.parametrize(
    "action",
    [
        None,
        "",
        "null",
        "text",
        "{broken",
        7,
        [],
        {},
        {"type": "to_dict"},
        {"type": "action_url"},
        {"type": ["alipay_handle_redirect"]},
        {"type": "alipay_handle_redirect", "alipay_handle_redirect": {"url": ""}},
        {"type": "alipay_handle_redirect", "alipay_handle_redirect": {"url": 7}},
        {"type": "alipay_handle_redirect", "alipay_handle_redirect": None},
    ],
)
def test_without_a_page_there_is_no_action_and_no_error(action: Any) -> None:
    intent = with_action(action)
    assert (intent.action_url, intent.action_qr) == (None, None)


def test_without_next_action_there_is_no_action() -> None:
    intent = made(id="pi_1", status="succeeded")
    assert (intent.action_url, intent.action_qr) == (None, None)


# ---- ids that may come as objects -----------------------------------------------------------------------------


def test_an_id_stays_an_id() -> None:
    intent = made(customer="cus_1", payment_method="pm_1", latest_charge="ch_1", invoice="in_1")
    assert (intent.customer, intent.customer_id) == ("cus_1", "cus_1")
    assert (intent.payment_method_id, intent.latest_charge_id, intent.invoice_id) == ("pm_1", "ch_1", "in_1")


def test_a_whole_object_in_the_place_of_an_id_is_read() -> None:
    intent = made(
        customer={"id": "cus_1", "object": "customer", "email": "jo@example.com"},
        payment_method={"id": "pm_1", "object": "payment_method", "card": {"last4": "1111"}},
        latest_charge={"id": "ch_1", "object": "charge", "payment_intent": {"id": "pi_1", "object": "payment_intent"}},
    )
    assert isinstance(intent.customer, Customer)
    assert (intent.customer.email, intent.customer_id) == ("jo@example.com", "cus_1")
    assert isinstance(intent.payment_method, PaymentMethod)
    assert intent.payment_method.card is not None
    assert (intent.payment_method.card.last4, intent.payment_method_id) == ("1111", "pm_1")
    assert isinstance(intent.latest_charge, Charge)
    assert isinstance(intent.latest_charge.payment_intent, PaymentIntent)


def test_an_object_without_a_tag_or_with_an_unknown_one_is_of_the_documented_class() -> None:
    for tag in ({}, {"object": "customer_of_tomorrow"}):
        customer = made(customer={"id": "cus_1", **tag, "email": "jo@example.com"}).customer
        assert isinstance(customer, Customer)
        assert customer.email == "jo@example.com"


def test_an_object_under_an_unknown_tag_is_what_its_field_says() -> None:
    intent = made(invoice={"id": "in_1", "object": "invoice_of_tomorrow", "total": 7, "phase": "full"})
    assert isinstance(intent.invoice, Invoice)
    assert (intent.invoice_id, intent.invoice.total, intent.invoice.extra) == ("in_1", 7, {"phase": "full"})


@pytest.mark.parametrize("nothing", ["", None])
def test_an_empty_text_or_null_is_no_customer(nothing: str | None) -> None:
    intent = made(customer=nothing)
    assert (intent.customer, intent.customer_id) == (None, None)


# ---- times ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("created", [1692588799000, 1692588799])
def test_created_at_reads_milliseconds_and_seconds(created: int) -> None:
    intent = made(created=created)
    assert intent.created == created
    assert intent.created_at == datetime(2023, 8, 21, 3, 33, 19, tzinfo=UTC)


def test_canceled_time_reads_canceled_at() -> None:
    assert made(canceled_at=1692588799000).canceled_time == datetime(2023, 8, 21, 3, 33, 19, tzinfo=UTC)
    assert made().canceled_time is None


# ---- what the reference does not say --------------------------------------------------------------------------


def test_an_unknown_status_is_kept() -> None:
    assert made(status="requires_patience").status == "requires_patience"


def test_an_unknown_field_is_in_extra() -> None:
    assert made(id="pi_1", field_of_tomorrow={"a": 1}).extra == {"field_of_tomorrow": {"a": 1}}


def test_an_amount_that_came_as_text_is_a_number() -> None:
    assert made(amount="1999").amount == 1999


def test_an_amount_that_came_whole_with_a_point_is_a_number() -> None:
    intent = made(amount=1999.0)
    assert (intent.amount, type(intent.amount)) == (1999, int)
    assert type(intent.to_dict()["amount"]) is float


@pytest.mark.parametrize("odd", ["19.99", "", 19.99, True, [1], {"value": 1}])
def test_an_amount_of_another_type_is_kept_as_it_came(odd: Any) -> None:
    amount: Any = made(amount=odd).amount
    assert amount == odd
    assert type(amount) is type(odd)


@pytest.mark.parametrize(("text", "truth"), [("true", True), ("false", False)])
def test_a_truth_that_came_as_text_is_one(text: str, truth: bool) -> None:
    assert made(livemode=text).livemode is truth


def test_payment_method_types_that_are_no_list_are_kept() -> None:
    types: Any = made(payment_method_types="card").payment_method_types
    assert types == "card"


# ---- strict ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["payment_intent_2023", "payment_intent_whole"])
def test_strict_reading_accepts_a_documented_answer(file: str, example: Example) -> None:
    assert structure(example(file), PaymentIntent, strict=True).to_dict() == example(file)


@pytest.mark.parametrize(
    "odd",
    [
        {"amount": "1999"},
        {"livemode": "true"},
        {"created": 1692588799000.5},
        {"status": 7},
        {"customer": 7},
        {"payment_method_types": '["card"]'},
        {"next_action": "text"},
        {"metadata": []},
        {"shipping": {"address": "London"}},
    ],
    ids=lambda odd: next(iter(odd)),
)
def test_strict_reading_refuses_an_undocumented_type(odd: dict[str, Any]) -> None:
    with pytest.raises(UndocumentedType):
        structure(odd, PaymentIntent, strict=True)
