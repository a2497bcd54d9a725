"""Arguments as text: what a shell or a table says becomes exactly what a Python program would have passed."""

from __future__ import annotations

from typing import Any, Final

import pytest
from support.arguments import FILE, every, nullable
from support.texts import in_places, in_whole

from wooshpay.api import declarations
from wooshpay.core.json import JsonObject
from wooshpay.describe.operations import all_facts
from wooshpay.describe.shapes import shape_of
from wooshpay.describe.values import Arguments, ValueProblem, places_in, read_arguments, read_text, type_at

FACTS: Final = {facts.name: facts for facts in all_facts()}
DECLARED: Final = {declaration.name: declaration for declaration in declarations()}

each_operation = pytest.mark.parametrize("name", list(FACTS))


def read(operation: str, *given: tuple[str, str], body: JsonObject | None = None) -> Arguments:
    return read_arguments(FACTS[operation], given, body)


def keywords(operation: str, *given: tuple[str, str]) -> JsonObject:
    """Read places of an operation, whatever else it must have."""
    return read(operation, *given, body={}).keywords


def problem(operation: str, *given: tuple[str, str], body: JsonObject | None = None) -> str:
    with pytest.raises(ValueProblem) as caught:
        read(operation, *given, body=body)
    return str(caught.value)


def ids_of(name: str) -> dict[str, str]:
    return {parameter.name: "x_1" for parameter in FACTS[name].parameters if parameter.place == "path"}


# ---- every operation ------------------------------------------------------------------------------------------


@each_operation
@pytest.mark.parametrize("write", [in_whole, in_places])
def test_arguments_of_any_shape_come_back_from_text_as_they_were(write: Any, name: str) -> None:
    arguments = {**every(DECLARED[name]), **({"file": "paper.png"} if name == "files.create" else {})}
    assert FILE not in arguments.values()
    found = read(name, *write(FACTS[name], {**ids_of(name), **arguments}))
    assert found == Arguments(ids=tuple(ids_of(name).values()), keywords=arguments)


@pytest.mark.parametrize(
    ("name", "parameter"), [(name, parameter) for name in FACTS for parameter in nullable(DECLARED[name])]
)
def test_null_is_null_where_a_parameter_takes_none(name: str, parameter: str) -> None:
    assert keywords(name, *ids_of(name).items(), (parameter, "null")) == {parameter: None}


@each_operation
def test_every_place_within_a_type_can_be_read_into(name: str) -> None:
    for parameter in FACTS[name].parameters:
        for place, hint in places_in(parameter.type):
            whole = f"{parameter.name}.{place}"
            assert shape_of(type_at(FACTS[name], whole)) == shape_of(hint), whole


# ---- one value ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hint", "text", "value"),
    [
        (str, " 1999 ", " 1999 "),
        (str, "null", "null"),
        (str | None, "null", None),
        (int, "1999", 1999),
        (int, " 1999\n", 1999),
        (int, "-1", -1),
        (int, "0017", 17),
        (float, "12.5", 12.5),
        (float, "25", 25),
        (bool, "TRUE", True),
        (bool, "false", False),
        (int | str, "1798761600000", 1798761600000),
        (int | str, "now", "now"),
        (int | str, "007", "007"),
        (str | int, "01", "01"),
        (list[int], "[1, 2]", [1, 2]),
        (list[int], "1", [1]),
        (dict[str, str], "order=17", {"order": "17"}),
        (dict[str, str], "formula=a=b", {"formula": "a=b"}),
        (dict[str, str], "order=", {"order": ""}),
        (dict[str, str], '{"order": "17"}', {"order": "17"}),
        (dict[str, Any], "a=1", {"a": 1}),
        (Any, '{"a": [null]}', {"a": [None]}),
        (Any, "not json", "not json"),
    ],
    ids=lambda value: repr(value),
)
def test_a_text_is_read_by_the_type(hint: Any, text: str, value: Any) -> None:
    found = read_text(hint, text, "it")
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("hint", "text", "sentence"),
    [
        (int, "19.99", "it must be a whole number, not '19.99'"),
        (int, "1_000", "it must be a whole number, not '1_000'"),
        (int, "٣", "it must be a whole number, not '٣'"),
        (int, "", "it must be a whole number, not ''"),
        (int, "1" * 31, "it must be a whole number, not '1111111111111111111111111111111'"),
        (float, "nan", "it must be a number, not 'nan'"),
        (float, "1e3", "it must be a number, not '1e3'"),
        (bool, "yes", "it must be true or false, not 'yes'"),
        (dict[str, str], "order", "it must be KEY=VALUE or a JSON object"),
        (dict[str, str] | None, "", "it must be KEY=VALUE or a JSON object, or null to remove all"),
        (dict[str, str], "{", "it must be JSON, an object {...} (expecting property name"),
        (list[int], "[1, NaN]", "it must be JSON, a list [...]"),
        (list[int], "[" * 100_000, "it must be JSON, a list [...]"),
        (int, "x" * 50, f"it must be a whole number, not '{'x' * 40}...'"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_text_that_is_no_such_value_is_refused_in_a_sentence(hint: Any, text: str, sentence: str) -> None:
    with pytest.raises(ValueProblem) as caught:
        read_text(hint, text, "it")
    assert str(caught.value).startswith(sentence)


def test_a_listed_value_is_checked_and_a_usual_one_is_not() -> None:
    assert keywords("refunds.create", ("reason", "duplicate")) == {"reason": "duplicate"}
    assert problem("refunds.create", ("reason", "dup")) == (
        "reason must be duplicate, fraudulent, requested_by_customer, requested_by_merchant or resolved_dispute,"
        " not 'dup'"
    )
    assert keywords("checkout.sessions.create", ("payment_method_types", "newpay")) == {
        "payment_method_types": ["newpay"]
    }
    assert "must be one of its 50 values, such as card, not 'crd'" in problem(
        "payment_intents.create", ("payment_method_data.type", "crd")
    )


# ---- places ---------------------------------------------------------------------------------------------------


def test_hyphens_stand_for_the_underscores_of_names_and_for_themselves_in_free_pairs() -> None:
    assert keywords(
        "payment_intents.create", ("payment-method-data.card.exp-month", "01"), ("metadata.my-order", "17")
    ) == {"payment_method_data": {"card": {"exp_month": "01"}}, "metadata": {"my-order": "17"}}


def test_the_key_of_a_free_pair_may_have_dots() -> None:
    assert keywords("refunds.create", ("metadata.shop.order", "17")) == {"metadata": {"shop.order": "17"}}


def test_lists_and_free_pairs_grow_with_each_text() -> None:
    assert keywords(
        "checkout.sessions.create",
        ("metadata", "a=1"),
        ("payment_method_types", "card"),
        ("metadata", '{"b": "2"}'),
        ("payment_method_types", '["alipay", "dana"]'),
    ) == {"metadata": {"a": "1", "b": "2"}, "payment_method_types": ["card", "alipay", "dana"]}


def test_parts_are_put_into_the_whole_in_whatever_order_they_come() -> None:
    assert keywords(
        "checkout.sessions.create",
        ("line_items.1.quantity", "2"),
        ("line-items.0.quantity", "9"),
        ("line_items", '{"price": "price_1", "quantity": 1}'),
        ("line_items.1.price", "price_2"),
    ) == {"line_items": [{"price": "price_1", "quantity": 9}, {"price": "price_2", "quantity": 2}]}


def test_more_than_ten_entries_stay_in_order() -> None:
    given = [(f"line_items.{index}.quantity", str(index)) for index in reversed(range(12))]
    assert [entry["quantity"] for entry in keywords("checkout.sessions.create", *given)["line_items"]] == [*range(12)]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([("amont", "1")], "amont is not a parameter here: did you mean amount?"),
        ([("amount", "1"), ("amount", "1")], "amount is given twice"),
        (
            [("payment_method_data.card.exp-month", "1"), ("payment_method_data.card.exp_month", "1")],
            "payment_method_data.card.exp_month is given twice",
        ),
        ([("payment_method_data.crd", "1")], "payment_method_data.crd is not a key here: did you mean card?"),
        (
            [("payment_method_data.card.zip", "1")],
            "payment_method_data.card.zip is not a key here: there are number, exp_month, exp_year, cvc and name",
        ),
        ([("amount.x", "1")], "amount.x is no place, as amount is a whole number"),
        ([("metadata", "null"), ("metadata.a", "1")], "metadata.a cannot be set, as metadata is given otherwise"),
        ([("metadata.", "1")], "metadata. ends in a dot: a key must follow"),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_a_place_that_there_is_not_is_refused(given: list[tuple[str, str]], sentence: str) -> None:
    assert problem("payment_intents.create", *given, body={}).startswith(sentence)


def test_entries_of_a_list_are_numbered_without_gaps() -> None:
    assert problem("checkout.sessions.create", ("line_items.1.quantity", "2")) == (
        "line_items.1 must not come without line_items.0: entries are numbered from 0 without gaps"
    )
    assert problem("checkout.sessions.create", ("line_items.first.quantity", "2")) == (
        "line_items.first must be a number from 0, as line_items is a list"
    )


# ---- the whole call -------------------------------------------------------------------------------------------


def test_ids_go_into_the_path_in_the_order_of_the_path() -> None:
    found = read("customers.retrieve_payment_method", ("paymentmethod_id", "pm_1"), ("customer_id", "cus_1"))
    assert (found.ids, found.keywords) == (("cus_1", "pm_1"), {})


def test_what_is_required_is_missed_before_anything_is_sent() -> None:
    assert problem("refunds.create", ("amount", "5")) == "payment_intent is missing"
    assert problem("refunds.retrieve", body={}) == "refund_id is missing"


def test_a_whole_body_is_added_to_and_overruled() -> None:
    found = read(
        "payment_intents.create",
        ("amount", "1999"),
        ("payment_method_data.type", "card"),
        ("metadata", "b=2"),
        body={
            "amount": 1,
            "off-session": True,
            "payment_method_data": {"type": "alipay", "card": {}},
            "metadata": {"a": "1"},
            "of_tomorrow": [1],
        },
    )
    assert found.keywords == {
        "amount": 1999,
        "off_session": True,
        "payment_method_data": {"type": "card", "card": {}},
        "metadata": {"b": "2"},
    }
    assert found.unknown == {"of_tomorrow": [1]}


def test_the_body_that_was_given_stays_as_it_was() -> None:
    body = {"metadata": {"a": "1"}}
    read("refunds.create", ("metadata.a", "2"), body=body)
    assert body == {"metadata": {"a": "1"}}


def test_no_secret_is_repeated() -> None:
    card = "4111111111111111"
    assert card not in problem("payment_intents.create", ("payment_method_data", f'{{"card": {card}'))
    assert card not in problem("payment_intents.create", ("amount", f"{card} "), ("confirm", card))
    assert "737" not in problem("payment_intents.create", ("payment_method_data.card.cvc.x", "737"))
    assert card not in repr(read("payment_intents.create", ("payment_method_data.card.number", card), body={}))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (("metadata", '{"order": "1", "order": "2"}'), "metadata has the key 'order' twice in one JSON object"),
        (("payment_method_data", '{"card": {"number": "1", "number": "2"}}'), "has the key 'number' twice"),
    ],
    ids=["pairs", "inside"],
)
def test_a_key_that_is_there_twice_is_refused(given: tuple[str, str], sentence: str) -> None:
    """One of them would silently win, and nobody meant that one of them is not sent."""
    assert sentence in problem("payment_intents.create", given, body={})
