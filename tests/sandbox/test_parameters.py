"""What bad input gets: 400 and an error object that names the parameter, and nothing changed."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.rig import Api, card, order, payment

from wooshpay.sandbox import Sandbox
from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.requests.reading import read_query


@pytest.mark.parametrize("body", [b"{", b"[]", b'"text"', b"1", b"\xff\xfe", b"amount=5&currency=usd"])
async def test_a_body_that_is_no_json_object(api: Api, body: bytes) -> None:
    reply = await api.send("POST", "/v1/customers", data=body)
    assert (reply.status, reply.error["code"]) == (400, "invalid_json")


async def test_an_empty_body_has_no_parameters(api: Api) -> None:
    assert (await api.send("POST", "/v1/customers", data=b"")).status == 200


CASES: list[tuple[str, dict[str, Any], str, str]] = [
    ("/v1/payment_intents", {"currency": "USD"}, "parameter_missing", "amount"),
    ("/v1/payment_intents", {"amount": 5}, "parameter_missing", "currency"),
    ("/v1/payment_intents", payment(amount=0), "parameter_invalid_integer", "amount"),
    ("/v1/payment_intents", payment(amount=-5), "parameter_invalid_integer", "amount"),
    ("/v1/payment_intents", payment(amount=1.5), "parameter_invalid_integer", "amount"),
    ("/v1/payment_intents", payment(amount=True), "parameter_invalid_integer", "amount"),
    ("/v1/payment_intents", payment(amount="a"), "parameter_invalid_integer", "amount"),
    ("/v1/payment_intents", payment(amount=100_000_000), "amount_too_large", "amount"),
    ("/v1/payment_intents", payment(currency="US"), "parameter_invalid", "currency"),
    ("/v1/payment_intents", payment(currency={"code": "USD"}), "parameter_invalid", "currency"),
    ("/v1/payment_intents", payment(capture_method="later"), "parameter_invalid", "capture_method"),
    ("/v1/payment_intents", payment(metadata="text"), "parameter_invalid", "metadata"),
    ("/v1/payment_intents", payment(metadata={"a": {"b": "c"}}), "parameter_invalid", "metadata[a]"),
    ("/v1/payment_intents", payment(payment_method_types="card"), "parameter_invalid", "payment_method_types"),
    ("/v1/payment_intents", payment(payment_method_types=["gold"]), "parameter_invalid", "payment_method_types[0]"),
    ("/v1/payment_intents", payment(confirm="yes"), "parameter_invalid", "confirm"),
    ("/v1/payment_intents", payment(confirm=True), "parameter_missing", "payment_method_data"),
    ("/v1/payment_intents", payment(payment_method_data={}), "parameter_missing", "payment_method_data[type]"),
    (
        "/v1/payment_intents",
        payment(payment_method_data={"type": "card"}),
        "parameter_missing",
        "payment_method_data[card]",
    ),
    (
        "/v1/payment_intents",
        payment(payment_method_data={"type": "card", "card": {"exp_month": 1, "exp_year": 2090}}),
        "parameter_missing",
        "payment_method_data[card][number]",
    ),
    (
        "/v1/payment_intents",
        payment(payment_method_data=card(exp_month="13")),
        "parameter_invalid_integer",
        "payment_method_data[card][exp_month]",
    ),
    (
        "/v1/payment_intents",
        payment(payment_method_data=card(cvc="x")),
        "invalid_cvc",
        "payment_method_data[card][cvc]",
    ),
    ("/v1/payment_intents", payment(confirm=True, return_url="javascript:alert(1)"), "url_invalid", "return_url"),
    ("/v1/checkout/sessions", order(success_url=None), "parameter_missing", "success_url"),
    ("/v1/checkout/sessions", order(success_url="javascript:alert(1)"), "url_invalid", "success_url"),
    ("/v1/checkout/sessions", order(success_url="https://a.example/\r\nX: y"), "url_invalid", "success_url"),
    ("/v1/checkout/sessions", order(cancel_url="data:text/html,x"), "url_invalid", "cancel_url"),
    ("/v1/checkout/sessions", order(line_items=None), "parameter_missing", "line_items"),
    ("/v1/checkout/sessions", order(line_items=[]), "parameter_missing", "line_items"),
    ("/v1/checkout/sessions", order(line_items=[{"quantity": 1}]), "parameter_missing", "line_items[0][price_data]"),
    ("/v1/checkout/sessions", order(line_items=["tea"]), "parameter_invalid", "line_items[0]"),
    (
        "/v1/checkout/sessions",
        order(line_items=[{"price_data": {"currency": "USD", "unit_amount": 5}, "quantity": 1}]),
        "parameter_missing",
        "line_items[0][price_data][product_data]",
    ),
    (
        "/v1/checkout/sessions",
        order(line_items=[{"price_data": {"currency": "USD", "unit_amount": 5, "product_data": {"name": "Tea"}}}]),
        "parameter_missing",
        "line_items[0][quantity]",
    ),
    ("/v1/checkout/sessions", order(mode="setup"), "parameter_invalid", "line_items"),
    ("/v1/checkout/sessions", order(expires_at=1), "parameter_invalid", "expires_at"),
    (
        "/v1/checkout/sessions",
        order(payment_intent_data={"capture_method": "later"}),
        "parameter_invalid",
        "payment_intent_data[capture_method]",
    ),
    ("/v1/refunds", {}, "parameter_missing", "payment_intent"),
    ("/v1/webhook_endpoints", {"enabled_events": ["*"]}, "parameter_missing", "url"),
    ("/v1/webhook_endpoints", {"url": "https://a.example"}, "parameter_missing", "enabled_events"),
    (
        "/v1/webhook_endpoints",
        {"url": "https://a.example", "enabled_events": []},
        "parameter_missing",
        "enabled_events",
    ),
    ("/v1/webhook_endpoints", {"url": "http://a.example.com", "enabled_events": ["*"]}, "url_invalid", "url"),
    ("/v1/webhook_endpoints", {"url": "a.example.com", "enabled_events": ["*"]}, "url_invalid", "url"),
]


@pytest.mark.parametrize(("path", "body", "code", "param"), CASES)
async def test_is_refused_by_name_and_changes_nothing(
    api: Api, sandbox: Sandbox, path: str, body: dict[str, Any], code: str, param: str
) -> None:
    reply = await api.post(path, body)
    assert (reply.status, reply.error["type"]) == (400, "invalid_request_error")
    assert (reply.error["code"], reply.error["param"]) == (code, param)
    assert param in reply.error["message"] or "https://" in reply.error["message"]
    assert sandbox.store.kinds() == []


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/v1/payment_intents", payment(customer="cus_1"), "customer"),
        ("/v1/payment_intents", payment(payment_method="pm_1"), "payment_method"),
        ("/v1/checkout/sessions", order(customer="cus_1"), "customer"),
        ("/v1/checkout/sessions", order(line_items=[{"price": "price_1", "quantity": 1}]), "line_items[0][price]"),
        ("/v1/checkout/sessions", order(discounts=[{"coupon": "SPRING"}]), "discounts[0][coupon]"),
        ("/v1/refunds", {"payment_intent": "pi_1"}, "payment_intent"),
    ],
)
async def test_an_unknown_id_in_a_parameter_is_404(
    api: Api, sandbox: Sandbox, path: str, body: dict[str, Any], param: str
) -> None:
    reply = await api.post(path, body)
    assert (reply.status, reply.error["code"], reply.error["param"]) == (404, "resource_missing", param)
    assert sandbox.store.kinds() == []


async def test_digits_in_a_text_count_as_a_number(api: Api) -> None:
    assert (await api.make("/v1/payment_intents", payment(amount="2000")))["amount"] == 2000


async def test_currencies_are_answered_in_upper_case(api: Api) -> None:
    assert (await api.make("/v1/payment_intents", payment(currency="eur")))["currency"] == "EUR"


async def test_what_was_not_sent_is_absent_rather_than_null(api: Api) -> None:
    for path, body in (("/v1/payment_intents", payment()), ("/v1/checkout/sessions", order()), ("/v1/customers", {})):
        assert None not in (await api.make(path, body)).values()


async def test_a_null_is_as_good_as_nothing(api: Api) -> None:
    intent = await api.make("/v1/payment_intents", payment(customer=None, description=None, metadata=None))
    assert intent["metadata"] == {}
    assert "customer" not in intent


def test_brackets_in_the_query_nest() -> None:
    assert read_query(
        [("created[gte]", "5"), ("created[lt]", "9"), ("types[]", "a"), ("types[]", "b"), ("x", "y")]
    ) == {
        "created": {"gte": "5", "lt": "9"},
        "types": ["a", "b"],
        "x": "y",
    }


@pytest.mark.parametrize("name", ["a[", "a]b", "[a]", "a[b][", "a[b]c"])
def test_odd_brackets_are_a_plain_name(name: str) -> None:
    assert read_query([(name, "1")]) == {name: "1"}


def test_a_query_is_not_nested_without_end() -> None:
    with pytest.raises(SandboxError):
        read_query([("a" + "[b]" * 1000, "1")])


def test_metadata_merges() -> None:
    def merge(sent: Any) -> Any:
        return Params({"metadata": sent}).metadata({"a": "1", "b": "2"})

    assert merge({"b": "3", "c": "4"}) == {"a": "1", "b": "3", "c": "4"}
    assert merge({"a": ""}) == {"b": "2"}
    assert merge({"a": None}) == {"b": "2"}
    assert merge("") == {}
    assert merge(None) == {}
    assert merge({"n": 5, "t": True}) == {"a": "1", "b": "2", "n": "5", "t": "true"}
    assert Params({}).metadata({"a": "1"}) == {"a": "1"}
