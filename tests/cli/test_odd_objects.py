"""Exports and reports survive any object that JSON can carry: one odd object in a million must neither end an export
nor be lost, and every file can be read back."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet  # type: ignore[import-untyped]  # pyarrow has no types
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from rich.console import Console
from support.cli import run
from support.peer import ThreadedPeer, reply

from wooshpay.api.charges import Charge
from wooshpay.cli.calls.output import json_of
from wooshpay.cli.export.columns import cells, choose_columns
from wooshpay.cli.export.formats import Csv, Format, JsonLines, Parquet
from wooshpay.cli.periods import Period
from wooshpay.cli.report.figures import Figures
from wooshpay.cli.report.page import make_page
from wooshpay.cli.report.terminal import print_report
from wooshpay.core.json import is_array, is_object, loads
from wooshpay.core.objects import wire_names

FIELDS: Final = [wire for _, wire in wire_names(Charge)]
COLUMNS: Final = choose_columns(Charge)
HUGE: Final = 10**400
DEEP: Final = b"[" * 600 + b"]" * 600

# Text with halves of character pairs, NUL and formulas; numbers that no column of 64 bits can hold; no numbers.
texts = st.text(st.characters()) | st.sampled_from(
    ["\ud800", "=1+1", "\n=1", "\x00", "\u202e", "\uff0d1", "[/bold]", "\x1b[2J"]
)
numbers = (
    st.integers() | st.sampled_from([2**63, -(2**63) - 1, HUGE, -HUGE]) | st.floats() | st.sampled_from([1e308, -0.0])
)
scalars = st.none() | st.booleans() | numbers | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8
)
FIRST_OF_MONTH: Final = 1_793_491_200_000
DAY: Final = Period(FIRST_OF_MONTH, FIRST_OF_MONTH + 86_400_000)
CHARGE: Final = {"status": "succeeded", "created": FIRST_OF_MONTH, "currency": "USD"}

charges = st.dictionaries(
    st.sampled_from([*FIELDS, "extra", "new", "\ud800", ""]), values, max_size=12
) | st.fixed_dictionaries(
    {"status": st.just("succeeded"), "created": st.just(1_793_491_200_000) | values, "amount": values},
    optional={
        "currency": values | st.sampled_from(["USD", "[/x]", "\x1b[2J", "usd\n"]),
        "amount_refunded": values | st.integers(0, 100),
        "amount_captured": values | st.integers(-100, 100),
        "refunds": values | st.fixed_dictionaries({"object": st.just("list"), "data": st.lists(values, max_size=3)}),
        "payment_method_details": values | st.fixed_dictionaries({"type": texts}),
    },
)


def as_received(value: Any) -> Any:
    """An entry of a list as the client decodes it, and as an export takes it."""
    parsed = loads(json.dumps(value).encode())
    return json_of(Charge.from_dict(parsed)) if is_object(parsed) else parsed


def finished(form: Format, entries: list[Any], directory: Path, name: str) -> Path:
    part, target = directory / f"{name}.part", directory / name
    target.unlink(missing_ok=True)
    part.write_bytes(form.head() + form.rows(entries))
    form.finish(part, target)
    return target


def strict(text: str) -> Any:
    """Parse JSON as others than Python do: without NaN."""
    return json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} is not JSON"))


def as_stored(value: Any) -> Any:
    """A value as valid JSON holds it: NaN and the infinities are text."""
    if isinstance(value, float) and not math.isfinite(value):
        return json.dumps(value)
    if is_object(value):
        return {name: as_stored(inner) for name, inner in value.items()}
    return [as_stored(inner) for inner in value] if is_array(value) else value


any_entries = given(st.lists(charges | values, min_size=1, max_size=5))
few = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@few
@any_entries
@example([{"amount": HUGE, "status": "\ud800", "created": math.nan, "extra": {"a": 1}}, None, "\ud800", [1], {}])
def test_json_lines_hold_every_object_whole(tmp_path: Path, given_entries: list[Any]) -> None:
    entries = [as_received(entry) for entry in given_entries]
    lines = finished(JsonLines(), entries, tmp_path, "a.jsonl").read_bytes().decode().rstrip("\n").split("\n")
    assert [strict(line) for line in lines] == [as_stored(entry) for entry in entries]


@few
@any_entries
@example([{"amount": HUGE, "status": "\ud800", "created": math.nan, "extra": {"a": 1}}, None, "\ud800", [1], {}])
def test_a_csv_has_a_row_for_every_object(tmp_path: Path, given_entries: list[Any]) -> None:
    entries = [as_received(entry) for entry in given_entries]
    text = finished(Csv(COLUMNS), entries, tmp_path, "a.csv").read_bytes().decode()
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows[0] == [column.name for column in COLUMNS]
    assert [len(row) for row in rows] == [len(COLUMNS)] * (len(entries) + 1)
    assert not any(cell[:1] in tuple("=@\t\r\n\uff1d\uff0b\uff0d\uff20") for row in rows for cell in row if cell)


@few
@any_entries
@example([{"amount": HUGE, "status": "\ud800", "created": math.nan, "extra": {"a": 1}}, None, "\ud800", [1], {}])
def test_a_parquet_table_has_a_row_for_every_object(tmp_path: Path, given_entries: list[Any]) -> None:
    entries = [as_received(entry) for entry in given_entries]
    parquet: Any = pyarrow.parquet
    table = parquet.read_table(finished(Parquet(COLUMNS), entries, tmp_path, "a.parquet"))
    assert table.num_rows == len(entries)
    assert [list(row.values()) for row in table.to_pylist()] == [cells(COLUMNS, entry) for entry in entries]


@few
@any_entries
def test_chosen_columns_of_odd_objects_can_be_written_too(tmp_path: Path, given_entries: list[Any]) -> None:
    entries = [as_received(entry) for entry in given_entries]
    chosen = choose_columns(Charge, ["id", "amount", "metadata.order", "captured", "refunds.data"])
    forms: dict[str, Format] = {
        "a.csv": Csv(chosen),
        "a.jsonl": JsonLines(chosen),
        "a.parquet": Parquet(chosen),
    }
    for name, form in forms.items():
        assert finished(form, entries, tmp_path, name).exists()


def test_a_value_of_an_odd_type_stays_in_a_csv_that_has_no_extra_column() -> None:
    """An amount beyond 64 bits would else be an empty cell, which a sum takes for nothing."""
    columns = choose_columns(Charge, ["id", "amount"])
    assert Csv(columns).rows([{"id": "ch_1", "amount": 2**70}, {"id": "ch_2", "amount": [1]}]) == (
        f"ch_1,{2**70}\r\nch_2,[1]\r\n".encode()
    )


@few
@any_entries
@example([{**CHARGE, "amount": HUGE, "currency": "[/x]"}])
@example([{**CHARGE, "amount": 5, "refunds": {"object": "list", "data": [None]}}])
def test_a_report_of_any_charges_can_be_shown(given_entries: list[Any]) -> None:
    figures = Figures.of(DAY)
    for entry in given_entries:
        parsed = loads(json.dumps(entry).encode())
        figures.add(Charge.from_dict(parsed) if is_object(parsed) else parsed)
    shown = io.StringIO()
    print_report(figures, Console(file=shown, width=80, force_terminal=True, no_color=True, color_system=None))
    assert "\x1b" not in shown.getvalue()
    make_page(figures).encode()


def test_a_charge_whose_amount_cannot_be_read_is_counted_and_named() -> None:
    """A sum that lacks a payment without a word is a wrong sum."""
    figures = Figures.of(DAY)
    for amount in (5, "ten", HUGE, None, 1.5):
        figures.add(Charge.from_dict({**CHARGE, "amount": amount}))
    figures.add(None)
    assert (figures.charges, figures.unreadable, figures.money["USD"].taken) == (6, 5, [5])
    shown = io.StringIO()
    print_report(figures, Console(file=shown, width=80))
    sentence = "5 of them have a time, amount or currency that cannot be read"
    assert sentence in shown.getvalue()
    assert sentence in make_page(figures)


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_bars_are_drawn_with_what_the_terminal_has(encoding: str) -> None:
    figures = Figures.of(DAY)
    figures.add(Charge.from_dict({**CHARGE, "amount": 5}))
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    print_report(figures, Console(file=file, width=80))
    file.seek(0)
    assert ("####" in file.read()) is (encoding != "utf-8")


@pytest.mark.parametrize("words", ["--until 9999-12-31", "--since 0001-01-01T00:00+07:00", "--since 0001-01-01"])
def test_the_ends_of_the_calendar_are_no_traceback(words: str) -> None:
    with ThreadedPeer(reply(200, {"object": "list", "data": [], "has_more": False})) as peer:
        done = run("report", *words.split(), WOOSHPAY_BASE_URL=peer.url)
    assert done.code in {0, 2}


# ---- as commands ----------------------------------------------------------------------------------------------

ODD_PAGE: Final = (
    b'{"object":"list","has_more":false,"data":[{"id":"ch_1","object":"charge","amount":99999999999999999999999,'
    b'"created":1e300,"description":"\\ud800","currency":null,"new":NaN,"metadata":[[]],"refunds":"none","status":"succeeded"},'
    b'{"object":"charge","created":-1e300,"deep":' + DEEP + b'},null,"text",{"id":null,"amount":[1]},[{}]]}'
)


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_page_of_odd_objects_is_exported_whole(suffix: str, tmp_path: Path) -> None:
    target = tmp_path / f"charges.{suffix}"
    with ThreadedPeer(reply(200, ODD_PAGE)) as peer:
        done = run("export", "charges", "-o", str(target), WOOSHPAY_BASE_URL=peer.url)
    assert (done.code, done.err.splitlines()[-1]) == (0, f"6 charges in {target}")
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


def test_a_page_of_odd_objects_is_reported() -> None:
    with ThreadedPeer(reply(200, ODD_PAGE)) as peer:
        done = run("report", WOOSHPAY_BASE_URL=peer.url)
    assert done.code == 0
    assert done.out.startswith("6 charges")


def test_a_page_that_cannot_be_resumed_from_is_not_written_twice(tmp_path: Path) -> None:
    """Its last entry has no ID. Were the page noted, the next run would read it once more and write it twice."""
    first = {"object": "list", "data": [{"id": "ch_1", "object": "charge"}], "has_more": True}
    second = {"object": "list", "data": [{"id": "ch_2", "object": "charge"}, {"object": "charge"}], "has_more": True}
    last = {**second, "has_more": False}
    target = tmp_path / "charges.jsonl"
    with ThreadedPeer(reply(200, first), reply(200, second), reply(200, last)) as peer:
        stopped = run("export", "charges", "-o", str(target), WOOSHPAY_BASE_URL=peer.url)
        assert (stopped.code, "have no id to continue from" in stopped.err) == (1, True)
        assert run("export", "charges", "-o", str(target), WOOSHPAY_BASE_URL=peer.url).code == 0
        assert "starting_after=ch_1" in peer.requests[-1].target
    assert [json.loads(line).get("id") for line in target.read_text().splitlines()] == ["ch_1", "ch_2", None]
