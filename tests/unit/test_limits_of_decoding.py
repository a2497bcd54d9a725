"""Answers at the limits of parsers and of Python itself: nested without end, numbers and texts without end.

What WooshPay answers with 2xx has happened. An answer that no parser takes whole still gives an object with
the fields that can be read; it never gives an exception in place of the payment.
"""

from __future__ import annotations

import copy
import json
import pickle
import sys
from collections.abc import Callable
from typing import Any

import pytest
from support.effects import ScriptedClient, answer

from wooshpay.api import OBJECTS
from wooshpay.api.charges import Charge
from wooshpay.api.payment_intents import PaymentIntent
from wooshpay.core import json as ours
from wooshpay.core.catalog import load
from wooshpay.core.codec import read
from wooshpay.core.json import is_object
from wooshpay.core.listing import ListObject
from wooshpay.webhooks.events import parse_unverified

BEYOND = 20_000
DIGITS = b"9" * 5_000
LONG = "x" * 10_000_000

LOADS: list[Callable[[bytes], Any]] = [vars(ours)["_loads_stdlib"], ours.loads]
both_parsers = pytest.mark.parametrize("loads", LOADS, ids=["standard library", "installed"])
depths = pytest.mark.parametrize("depth", [60, 100, 300, 800, BEYOND])
each_class = pytest.mark.parametrize("name", sorted(OBJECTS))


def nested_objects(depth: int) -> bytes:
    """A payment whose charge tells of its payment, whose charge tells of it, and so on."""
    opening = b'{"id":"pi_1","object":"payment_intent","amount":1,"latest_charge":{"id":"ch_1","payment_intent":'
    return opening * (depth // 2) + b'"pi_0"' + b"}}" * (depth // 2)


def nested(opening: str, closing: str, depth: int) -> bytes:
    return (opening * depth + closing * depth).encode()


DEEP: dict[str, Callable[[int], bytes]] = {
    "lists": lambda depth: nested("[", "]", depth),
    "objects": lambda depth: nested('{"a":', "}", depth).replace(b":}", b":1}"),
    "tagged objects": nested_objects,
    "lists of objects": lambda depth: nested('{"object":"list","data":[', "]}", depth),
    "both by turns": lambda depth: nested('[{"charges":', "}]", depth).replace(b":}", b":1}"),
    "brackets in text": lambda depth: b'"' + b"[" * depth + b'\\"{"',
}


@depths
@pytest.mark.parametrize("shape", DEEP)
async def test_a_payment_with_something_nested_without_end_is_a_payment(shape: str, depth: int) -> None:
    """The call must give the payment although no parser follows its answer to the bottom."""
    deep = DEEP[shape](depth)
    body = b'{"id":"pi_7","object":"payment_intent","amount":1999,"unknown":%b,"customer":%b}' % (deep, deep)
    async with ScriptedClient(answer(201, body)) as client:
        payment = await client.payment_intents.create(amount=1999, currency="USD")
    assert (payment.id, payment.amount) == ("pi_7", 1999)
    assert repr(payment).startswith("<PaymentIntent id='pi_7'")
    assert payment.to_dict()["id"] == "pi_7"
    event = b'{"id":"evt_1","type":"payment_intent.succeeded","data":{"object":%b}}' % body
    assert parse_unverified(event).id == "evt_1"


@pytest.mark.parametrize("depth", [60, 150])
@pytest.mark.parametrize("shape", DEEP)
def test_what_a_parser_can_follow_comes_back_exactly_and_can_be_pickled(shape: str, depth: int) -> None:
    deep = DEEP[shape](depth)
    body = b'{"id":"pi_7","unknown":%b,"customer":%b,"metadata":%b}' % (deep, deep, deep)
    payment = read(body, PaymentIntent)
    assert payment.to_dict() == json.loads(body)
    assert pickle.loads(pickle.dumps(payment)).to_dict() == json.loads(body)


def test_what_is_cut_off_stays_as_its_own_text() -> None:
    """It is not lost: whoever needs it can parse it."""
    inner = nested('{"a":', "}", 5000).replace(b":}", b':"[\\"}"}')
    found = read(b'{"id":"ch_1","before":[{}],"deep":%b,"after":[1]}' % inner, Charge)
    assert (found.id, found.extra["before"], found.extra["after"]) == ("ch_1", [{}], [1])
    depth = 0
    value: Any = found.extra["deep"]
    while is_object(value):
        depth, value = depth + 1, value["a"]
    assert depth > 10
    assert inner.decode() == '{"a":' * depth + value + "}" * depth


@each_class
def test_every_class_takes_answers_nested_without_end(name: str) -> None:
    cls: Any = load(name)
    of_class: Any = ListObject
    for depth in (300, 900):
        for made in (read(nested_objects(depth), cls), read(b"[%b]" % nested_objects(depth), of_class[cls])):
            repr(made)
            made.to_dict()


def test_text_that_holds_json_without_end_stays_text_or_becomes_an_object() -> None:
    for depth in (60, 300, 900, BEYOND):
        text = nested_objects(depth).decode()
        for field in ("latest_charge", "charges", "payment_method_types", "metadata"):
            answer_ = {"id": "pi_1", field: text}
            payment = read(json.dumps(answer_).encode(), PaymentIntent)
            assert payment.id == "pi_1"
            assert payment.to_dict() == answer_


@both_parsers
def test_numbers_without_end_are_read(loads: Callable[[bytes], Any]) -> None:
    """Python refuses to convert them, and by that would refuse the whole answer."""
    found = loads(b'{"id":"pi_1","amount":%b,"list":[-%b]}' % (DIGITS, DIGITS))
    assert found["id"] == "pi_1"
    assert found["amount"] == DIGITS.decode()
    assert found["list"] == ["-" + DIGITS.decode()]


@both_parsers
@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b'{"id":"cus_1","name":"Zo\xeb"}', "Zo�"),
        (b'{"id":"cus_1","name":"Zo\xc3"}', "Zo�"),
        (b'\xef\xbb\xbf{"id":"cus_1","name":"Zo\xc3\xab"}', "Zoë"),
        ('{"id":"cus_1","name":"Zoë"}'.encode("utf-16"), "Zoë"),
        ('{"id":"cus_1","name":"Zoë"}'.encode("utf-16-le"), "Zoë"),
    ],
    ids=["latin-1", "cut in a character", "byte order mark", "utf-16", "utf-16 without mark"],
)
def test_an_answer_in_a_wrong_encoding_is_read(loads: Callable[[bytes], Any], body: bytes, name: str) -> None:
    """One broken character in a name must not hide that the money moved."""
    assert loads(body) == {"id": "cus_1", "name": name}


@both_parsers
@pytest.mark.parametrize("body", [b"[" * BEYOND, b"[" * 100 + b"]", b'{"a":' * BEYOND, b'{"a":1}}', b"\xff", b"\x00"])
def test_what_is_no_json_is_still_refused(loads: Callable[[bytes], Any], body: bytes) -> None:
    """A page of a proxy must never pass for an answer."""
    with pytest.raises(ValueError, match=r"JSON|Expecting|Extra data"):
        loads(body)


@pytest.mark.parametrize(
    "value", [LONG, "[" * 10_000_000, "[" * 500_000 + "]", "\ud83d" * 1_000_000, "4" * 1_000_000, [LONG]], ids=len
)
def test_ten_megabytes_of_text_are_a_value_like_any_other(value: Any) -> None:
    fields = dict.fromkeys(("description", "amount", "customer", "metadata", "charges", "unknown", "livemode"), value)
    made = PaymentIntent.from_dict({"id": "pi_1", **fields})
    assert made.to_dict() == {"id": "pi_1", **fields}
    assert len(repr(made)) < 10_000
    assert copy.copy(made) == made


def test_a_number_that_python_cannot_print_has_a_repr() -> None:
    made = PaymentIntent.from_dict({"id": "pi_1", "amount": 10 ** (sys.get_int_max_str_digits() + 10)})
    assert repr(made).startswith("<PaymentIntent id='pi_1' amount=")


def test_of_a_name_that_comes_twice_the_last_value_counts() -> None:
    """As in every common parser: a check that was made with another one must not see another amount."""
    payment = read(b'{"id":"pi_1","amount":1,"amount":2,"customer":"a","customer":{"id":"b"}}', PaymentIntent)
    assert (payment.amount, payment.customer_id) == (2, "b")
    assert payment.to_dict() == {"id": "pi_1", "amount": 2, "customer": {"id": "b"}}
