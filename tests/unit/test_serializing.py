"""`json_default`: objects in whatever a program writes as JSON, with the standard library and with orjson."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Any

import orjson
import pytest

import wooshpay
from wooshpay import UNSET, ListObject, json_default
from wooshpay.types import Event, PaymentIntent, UnknownObject

SECRET = "pi_1_secret_hunter2"


def with_json(value: Any) -> Any:
    return json.loads(json.dumps(value, default=json_default))


def with_orjson(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value, default=json_default))


each_writer = pytest.mark.parametrize("written", [with_json, with_orjson], ids=["json", "orjson"])
Writer = Callable[[Any], Any]


class Color(Enum):
    RED = "red"


@each_writer
def test_objects_are_written_with_unknown_fields_and_without_secrets(written: Writer) -> None:
    """Logs, caches and responses are written this way. A client secret must not get there by accident."""
    received = {
        "id": "pi_1",
        "object": "payment_intent",
        "description": None,
        "amount": "1999",
        "client_secret": SECRET,
        "metadata": {"secret": "the merchant's own word"},
        "new": {"deep": [{"client_secret": SECRET, "kept": 1}]},
    }
    shown = {
        "id": "pi_1",
        "object": "payment_intent",
        "description": None,
        "amount": 1999,
        "metadata": {"secret": "the merchant's own word"},
        "new": {"deep": [{"kept": 1}]},
    }
    payment = PaymentIntent.from_dict(received)
    assert written(payment) == shown
    assert written({"payments": [payment]}) == {"payments": [shown]}
    assert written(ListObject(object="list", data=[payment])) == {"object": "list", "data": [shown]}
    assert written(Event.from_dict({"data": {"object": received}})) == {"data": {"object": shown}}
    assert written(payment.to_dict())["client_secret"] == SECRET


@each_writer
def test_a_secret_of_an_object_of_a_kind_that_the_sdk_does_not_know_is_left_out(written: Writer) -> None:
    made = UnknownObject.from_dict({"id": "x_1", "object": "new", "client_secret": SECRET, "kept": 1})
    assert written(made) == {"id": "x_1", "object": "new", "kept": 1}


@each_writer
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal("19.90"), "19.90"),
        (datetime(2026, 11, 30, 12, tzinfo=UTC), "2026-11-30T12:00:00+00:00"),
        (date(2026, 11, 30), "2026-11-30"),
        (time(12), "12:00:00"),
        (Color.RED, "red"),
        (uuid.UUID(int=5), str(uuid.UUID(int=5))),
        (MappingProxyType({"a": 1}), {"a": 1}),
        (PaymentIntent.from_dict({"id": "pi_1"}).extra, {}),
    ],
)
def test_what_stands_beside_objects_is_written_too(written: Writer, value: Any, expected: Any) -> None:
    """An order has an amount of money and a time beside its payment."""
    assert written({"value": value}) == {"value": expected}


@each_writer
@pytest.mark.parametrize("value", [object(), UNSET, wooshpay.WooshPay("sk_test_x"), {1, 2}, b"x"])
def test_what_has_no_form_in_json_is_refused(written: Writer, value: Any) -> None:
    """A client leads to the API key, and UNSET written as anything would be read as a value."""
    with pytest.raises(TypeError):
        written({"value": value})
