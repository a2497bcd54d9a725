"""Rows read from files: by the types that the declarations give, and with the line that is wrong."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from wooshpay import ConfigurationError
from wooshpay.bulk import Row
from wooshpay.bulk.engine import find_operation
from wooshpay.bulk.files import BadRow, Table
from wooshpay.describe.operations import facts_of


def table(path: Path, text: str | bytes, operation: str = "refunds.create", **settings: Any) -> Table:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Table(path=path, facts=facts_of(find_operation(operation)), **settings)


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    return tmp_path / "rows.csv"


@pytest.fixture
def jsonl(tmp_path: Path) -> Path:
    return tmp_path / "rows.jsonl"


REFUND = {"payment_intent": "pi_1", "amount": 500}


def test_columns_are_places_read_by_their_types(csv: Path) -> None:
    text = "payment_intent,amount,metadata.order,reason\npi_1,500,0017,duplicate\npi_2,,,\n"
    assert list(table(csv, text).read()) == [
        # An order number that looks like a number is a text all the same, where the API says so.
        Row("row 1", {**REFUND, "metadata": {"order": "0017"}, "reason": "duplicate"}),
        Row("row 2", {"payment_intent": "pi_2"}),
    ]


def test_nested_places_and_ids_in_the_path(csv: Path) -> None:
    text = "id,payment_method_data.type,payment_method_data.card.number\npi_1,card,4111111111111111\n"
    (row,) = table(csv, text, "payment_intents.confirm").read()
    assert isinstance(row, Row)
    card = {"type": "card", "card": {"number": "4111111111111111"}}
    assert row.arguments == {"id": "pi_1", "payment_method_data": card}
    assert "4111" not in repr(row)


def test_a_column_that_is_the_id_only(csv: Path) -> None:
    (row,) = table(csv, "number,payment_intent,amount\nR-1,pi_1,500\n", id_column="number").read()
    assert row == Row("R-1", REFUND)


def test_a_column_that_is_the_id_and_a_parameter(csv: Path) -> None:
    text = "payment_intent,metadata.order\npi_1,1001\n"
    (row,) = table(csv, text, id_column="metadata.order").read()
    assert row == Row("1001", {"payment_intent": "pi_1", "metadata": {"order": "1001"}})


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffpayment_intent,amount\r\npi_1,500\r\n",
        'payment_intent,amount\n"pi_1","500"',
        " payment_intent , amount\n\npi_1,500\n,\n\n",
    ],
    ids=["excel", "quoted", "blank_lines"],
)
def test_files_as_programs_write_them(csv: Path, text: str) -> None:
    assert list(table(csv, text).read()) == [Row("row 1", REFUND)]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("payment_intent,amount\npi_1,5.00\n", 2, "amount must be a whole number, not '5.00'"),
        ("payment_intent,amount\npi_1,5\n,7\n", 3, "payment_intent is missing"),
        ("payment_intent,reason\npi_1,because\n", 2, "reason must be"),
        ("payment_intent,amount\npi_1,5,7\n", 2, "more cells than the header"),
        ('payment_intent,amount\n"pi_1"x,5\n', 2, "is no CSV"),
        ('payment_intent,amount\n"pi\n_1",x\n', 3, "amount must be a whole number"),
    ],
    ids=["fraction", "missing", "choice", "cells", "quotes", "line_break"],
)
def test_what_is_wrong_is_told_with_its_line(csv: Path, text: str, line: int, said: str) -> None:
    bad = [row for row in table(csv, text).read() if isinstance(row, BadRow)]
    assert [row.line for row in bad] == [line]
    assert said in bad[0].problem


@pytest.mark.parametrize(
    ("text", "settings", "said"),
    [
        ("payment_intent,amuont\n", {}, "amuont is not a parameter here: did you mean amount"),
        ("payment_intent,amount,amount\n", {}, "two columns named 'amount'"),
        ("payment_intent\n", {"id_column": "number"}, "has no column 'number'; it has payment_intent"),
        ("payment_intent\n", {"ignored": frozenset({"note"})}, "has no column 'note'"),
        ("order\n", {"id_column": "nope"}, "has no column 'nope'; it has order"),
        ("payment_intent,note\n", {}, "If it is not for WooshPay, add --ignore note."),
        (b"payment_intent\n\xff\xfe\n", {}, "is not UTF-8"),
    ],
    ids=["unknown", "twice", "no_id", "no_ignored", "no_id_and_unknown", "not_ignored", "encoding"],
)
def test_a_file_that_cannot_be_meant_is_refused_whole(
    csv: Path, text: str | bytes, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        list(table(csv, text, **settings).read())


def test_columns_can_be_ignored(csv: Path) -> None:
    assert list(table(csv, "payment_intent,amount,note\npi_1,500,x\n", ignored=frozenset({"note"})).read()) == [
        Row("row 1", REFUND)
    ]


def test_lines_of_json_are_bodies(jsonl: Path) -> None:
    text = '{"payment_intent": "pi_1", "amount": 500, "metadata": {"order": "1"}}\n\n{"payment_intent": "pi_2"}\n'
    assert list(table(jsonl, text).read()) == [
        Row("row 1", {**REFUND, "metadata": {"order": "1"}}),
        Row("row 2", {"payment_intent": "pi_2"}),
    ]


@pytest.mark.parametrize(
    ("id_column", "id", "sent"),
    [("number", "17", {}), ("metadata.order", "1", {"metadata": {"order": "1"}})],
    ids=["own", "nested"],
)
def test_ids_in_lines_of_json(jsonl: Path, id_column: str, id: str, sent: dict[str, Any]) -> None:
    own = '"number": 17' if id_column == "number" else '"metadata": {"order": "1"}'
    (row,) = table(jsonl, f'{{"payment_intent": "pi_1", {own}}}', id_column=id_column).read()
    assert row == Row(id, {"payment_intent": "pi_1", **sent})


def test_ids_in_the_path_in_lines_of_json(jsonl: Path) -> None:
    (row,) = table(jsonl, '{"id": "pi_1", "amount_to_capture": 5}', "payment_intents.capture").read()
    assert row == Row("row 1", {"id": "pi_1", "amount_to_capture": 5})


@pytest.mark.parametrize(
    ("text", "settings", "said"),
    [
        ("{", {}, "is no JSON object"),
        ("[1]", {}, "is no JSON object"),
        ('{"payment_intent": "pi_1", "amuont": 5}', {}, "has amuont, which refunds.create does not know"),
        ('{"payment_intent": "pi_1"}', {"id_column": "number"}, "has no text or number at number"),
    ],
    ids=["broken", "list", "unknown", "no_id"],
)
def test_what_is_wrong_in_lines_of_json(jsonl: Path, text: str, settings: dict[str, Any], said: str) -> None:
    (bad,) = table(jsonl, text, **settings).read()
    assert isinstance(bad, BadRow)
    assert said in bad.problem


def test_a_large_file_takes_no_more_memory_than_a_small_one(csv: Path) -> None:
    lines = "".join(f"pi_{number},500\n" for number in range(3_000))
    rows = table(csv, f"payment_intent,amount\n{lines}")
    list(rows.read())
    tracemalloc.start()
    try:
        assert sum(1 for _ in rows.read()) == 3_000
        assert tracemalloc.get_traced_memory()[1] < 500_000
    finally:
        tracemalloc.stop()
