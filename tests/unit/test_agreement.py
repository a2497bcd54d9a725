"""Tests which values of a request and its response are compared, and which forms count as equal."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from support.arguments import every

from wooshpay.api import declarations
from wooshpay.core.agreement import find_mismatch

DECLARED = {declaration.name: declaration for declaration in declarations()}
ECHOING = {name for name, declaration in DECLARED.items() if declaration.echoes}
# Operations whose path ends in an ID or in an ID and a verb, but whose result is something else or has no ID.
OF_ANOTHER_OBJECT = {"issuing.cards.retrieve_limits"}


def test_operations_that_move_money_by_an_amount_say_what_must_agree() -> None:
    """A new one that is forgotten here would take another customer's response for its own."""
    assert {
        "payment_intents.create",
        "payment_intents.update",
        "refunds.create",
        "payouts.create",
        "invoice_items.create",
        "prices.create",
    } <= ECHOING
    with_amount = {
        name
        for name, declaration in DECLARED.items()
        if declaration.method == "POST"
        and {"amount", "payment_amount", "source_amount", "unit_amount", "amount_off"} & set(every(declaration))
    }
    assert with_amount <= ECHOING


@pytest.mark.parametrize("name", sorted(ECHOING))
def test_what_must_agree_is_a_parameter_and_a_field(name: str) -> None:
    declaration = DECLARED[name]
    assert set(declaration.echoes) <= set(every(declaration))
    assert set(declaration.echoes) <= {field.name for field in attrs.fields(declaration.returns)}


def test_objects_that_the_path_names_have_the_id_of_the_path() -> None:
    naming = {name for name, declaration in DECLARED.items() if declaration.returns_named_object}
    by_path = {
        name
        for name, declaration in DECLARED.items()
        if not declaration.is_list and declaration.path.count("{") and name not in OF_ANOTHER_OBJECT
    }
    assert naming == by_path


def test_the_last_id_of_a_path_is_the_one_that_counts() -> None:
    call = DECLARED["customers.retrieve_payment_method"].bind(("cus_1", "pm_1"), {})
    assert call.expected == {"id": "pm_1"}


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        ({"amount": 500}, {"amount": 500}),
        ({"amount": 500}, {"amount": "500"}),
        ({"amount": "500"}, {"amount": 500}),
        ({"amount": 500}, {"amount": 500.0}),
        ({"amount": 500}, {}),
        ({"amount": 500}, {"amount": None}),
        ({"amount": 500}, {"amount": "five hundred"}),
        ({"amount": 500}, {"amount": [500]}),
        ({"currency": "usd"}, {"currency": "USD"}),
        ({"payment_currency": "eur"}, {"payment_currency": "EUR"}),
        ({"payment_intent": "pi_1"}, {"payment_intent": {"id": "pi_1"}}),
        ({"payment_intent": "pi_1"}, {"payment_intent": 7}),
        ({"id": "pi_1"}, ["not", "an", "object"]),
        ({"id": "pi_1"}, None),
        ({}, {"id": "pi_2"}),
    ],
)
def test_what_says_the_same_or_nothing_agrees(sent: dict[str, Any], received: Any) -> None:
    assert find_mismatch(sent, received) is None


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        ({"amount": 500}, {"amount": 501}),
        ({"amount": 500}, {"amount": "501"}),
        ({"amount": 500}, {"amount": 0}),
        ({"amount": 1}, {"amount": 1.5}),
        ({"currency": "USD"}, {"currency": "EUR"}),
        ({"id": "pi_1"}, {"id": "pi_2"}),
        ({"id": "pi_1"}, {"id": "PI_1"}),
        ({"payment_intent": "pi_1"}, {"payment_intent": {"id": "pi_2"}}),
    ],
)
def test_what_says_something_else_is_a_mismatch(sent: dict[str, Any], received: Any) -> None:
    mismatch = find_mismatch(sent, received)
    assert mismatch is not None
    assert (mismatch.name, mismatch.sent, mismatch.received) == (*next(iter(sent.items())), *received.values())


def test_two_responses_say_the_same_only_if_all_that_is_compared_and_the_id_are_the_same() -> None:
    sent = {"amount": 500, "currency": "USD"}
    first = find_mismatch(sent, {"id": "pi_1", "amount": 1, "currency": "USD"})
    for other in ({"id": "pi_2", "amount": 1, "currency": "USD"}, {"id": "pi_1", "amount": 1, "currency": "EUR"}):
        second = find_mismatch(sent, other)
        assert first is not None
        assert second is not None
        assert first.facts != second.facts
