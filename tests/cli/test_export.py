"""Export: every object once, whatever ends a run, and columns that a spreadsheet and a database can take."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet  # type: ignore[import-untyped]  # pyarrow has no types
import pytest
from support.children import HANGS
from support.cli import MAIN, Run, environment, run

from wooshpay import AsyncWooshPay
from wooshpay.api.charges import Charge
from wooshpay.cli.export.columns import Column, UnknownColumn, cells, choose_columns
from wooshpay.cli.export.formats import Csv, Parquet
from wooshpay.sandbox import Sandbox, SyncSandbox

CHARGES = 450


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SyncSandbox]:
    with Sandbox() as found:
        asyncio.run(_charge(found, CHARGES))
        yield found


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> None:  # pyright: ignore[reportUnusedFunction]
    """The sandbox stays for the whole module."""


async def _charge(sandbox: SyncSandbox, count: int) -> None:
    async with AsyncWooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:

        async def pay(number: int) -> None:
            await client.payment_intents.create(
                amount=number + 50,
                currency="USD",
                confirm=True,
                description="=HYPERLINK(1)" if number == 0 else "Tea, 茶",
                metadata={"order": str(number)},
                payment_method_data={
                    "type": "card",
                    "card": {"number": "4111111111111111", "exp_month": "12", "exp_year": "2034", "cvc": "123"},
                },
            )

        for start in range(0, count, 50):
            await asyncio.gather(*(pay(number) for number in range(start, min(start + 50, count))))


def export(sandbox: SyncSandbox, *words: str) -> Run:
    return run("export", *words, WOOSHPAY_API_KEY=sandbox.api_key, WOOSHPAY_BASE_URL=sandbox.base_url)


def ids(sandbox: SyncSandbox) -> list[str]:
    return [charge["id"] for charge in sandbox.store.all("charge")]


def read_lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def read_table(path: Path) -> Any:
    parquet: Any = pyarrow.parquet
    return parquet.read_table(path)


# ---- what is written ------------------------------------------------------------------------------------------


def test_json_lines_hold_every_object_whole_and_once(sandbox: SyncSandbox, tmp_path: Path) -> None:
    done = export(sandbox, "charges", "-o", str(tmp_path / "charges.jsonl"))
    assert (done.code, done.out) == (0, "")
    assert f"{CHARGES} charges in" in done.err
    rows = read_lines(tmp_path / "charges.jsonl")
    assert sorted(row["id"] for row in rows) == sorted(ids(sandbox))
    assert rows[0] == sandbox.store.get(rows[0]["id"])
    assert [path.name for path in tmp_path.iterdir()] == ["charges.jsonl"], "nothing of the work is left"


def test_a_table_has_headings_and_a_row_for_each(sandbox: SyncSandbox, tmp_path: Path) -> None:
    target = tmp_path / "charges.csv"
    assert export(sandbox, "charges", "-o", str(target)).code == 0
    rows = list(csv.DictReader(io.StringIO(target.read_text(encoding="utf-8"), newline="")))
    assert len(rows) == CHARGES
    assert list(rows[0])[:5] == ["id", "created", "amount", "currency", "status"]
    by_order = {json.loads(row["metadata"])["order"]: row for row in rows}
    assert (by_order["7"]["amount"], by_order["7"]["captured"], by_order["7"]["description"]) == (
        "57",
        "true",
        "Tea, 茶",
    )


def test_what_a_customer_wrote_is_no_formula_in_a_spreadsheet(sandbox: SyncSandbox, tmp_path: Path) -> None:
    """A description that begins with = would be run by whoever opens the file."""
    target = tmp_path / "charges.csv"
    assert export(sandbox, "charges", "-o", str(target), "--columns", "amount,description").code == 0
    assert "50,'=HYPERLINK(1)" in target.read_text(encoding="utf-8").splitlines()


def test_parquet_has_typed_columns(sandbox: SyncSandbox, tmp_path: Path) -> None:
    target = tmp_path / "charges.parquet"
    assert export(sandbox, "charges", "-o", str(target)).code == 0
    table = read_table(target)
    assert table.num_rows == CHARGES
    assert {name: str(table.schema.field(name).type) for name in ("id", "amount", "captured", "metadata")} == {
        "id": "string",
        "amount": "int64",
        "captured": "bool",
        "metadata": "string",
    }
    assert sum(table.column("amount").to_pylist()) == sum(range(50, 50 + CHARGES))
    assert [path.name for path in tmp_path.iterdir()] == ["charges.parquet"]


def test_chosen_columns_may_lie_deeper(sandbox: SyncSandbox, tmp_path: Path) -> None:
    target = tmp_path / "charges.jsonl"
    names = "metadata.order,payment_method_details.card.brand"
    assert export(sandbox, "charges", "-o", str(target), "--columns", names).code == 0
    assert {"metadata.order": "3", "payment_method_details.card.brand": "visa"} in read_lines(target)


def test_only_what_was_made_in_the_span_is_written(sandbox: SyncSandbox, tmp_path: Path) -> None:
    target = tmp_path / "charges.jsonl"
    assert export(sandbox, "charges", "-o", str(target), "--until", "2020-01-01").code == 0
    assert target.read_bytes() == b""
    target.unlink()
    assert export(sandbox, "charges", "-o", str(target), "--since", "1h").code == 0
    assert len(read_lines(target)) == CHARGES


def test_a_list_that_takes_no_time_is_filtered_here(sandbox: SyncSandbox, tmp_path: Path) -> None:
    asyncio.run(_price(sandbox))
    target = tmp_path / "products.jsonl"
    assert export(sandbox, "products", "-o", str(target), "--until", "2020-01-01").code == 0
    assert target.read_bytes() == b""


async def _price(sandbox: SyncSandbox) -> None:
    async with AsyncWooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        await client.products.create(name="Tea")


# ---- interruptions --------------------------------------------------------------------------------------------


def count_of(target: Path) -> int:
    try:
        count: int = json.loads(target.with_name(f"{target.name}.part.json").read_text())["count"]
        return count
    except (OSError, ValueError):
        return 0


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_a_killed_export_goes_on_and_loses_and_repeats_nothing(
    sandbox: SyncSandbox, tmp_path: Path, suffix: str
) -> None:
    target = tmp_path / f"charges.{suffix}"
    command = [*MAIN, "export", "charges", "-o", str(target)]
    settings = environment(WOOSHPAY_API_KEY=sandbox.api_key, WOOSHPAY_BASE_URL=sandbox.base_url)
    slow = sandbox.faults.add("slow", operation="charges.list", times=None, seconds=0.4)
    try:
        for least in (100, 200):
            process = subprocess.Popen(command, env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            end = time.monotonic() + 60
            while count_of(target) < least and time.monotonic() < end:
                time.sleep(0.01)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            assert not target.exists()
            # What a kill in the middle of a write leaves behind.
            with target.with_name(f"{target.name}.part").open("ab") as part:
                part.write(b"half a li")
    finally:
        sandbox.faults.remove(slow)
    done = export(sandbox, "charges", "-o", str(target))
    assert done.code == 0, done.err
    assert "Resuming after" in done.err
    if suffix == "jsonl":
        found = [row["id"] for row in read_lines(target)]
    elif suffix == "csv":
        found = [row["id"] for row in csv.DictReader(io.StringIO(target.read_text(encoding="utf-8"), newline=""))]
    else:
        table = read_table(target)
        found = table.column("id").to_pylist()
    assert len(found) == CHARGES
    assert set(found) == set(ids(sandbox))


def test_ctrl_c_says_how_to_resume(sandbox: SyncSandbox, tmp_path: Path) -> None:
    target = tmp_path / "charges.jsonl"
    slow = sandbox.faults.add("slow", operation="charges.list", times=None, seconds=0.4)
    try:
        process = subprocess.Popen(
            [*MAIN, "export", "charges", "-o", str(target)],
            env=environment(WOOSHPAY_API_KEY=sandbox.api_key, WOOSHPAY_BASE_URL=sandbox.base_url),
            stderr=subprocess.PIPE,
            text=True,
        )
        end = time.monotonic() + 60
        while count_of(target) < 100 and time.monotonic() < end:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=HANGS)
    finally:
        sandbox.faults.remove(slow)
    assert process.returncode == 130
    assert "run the same command again to resume" in said
    assert "Traceback" not in said


def test_what_was_begun_for_something_else_is_not_gone_on_with(sandbox: SyncSandbox, tmp_path: Path) -> None:
    """Or one file would hold two exports."""
    target = tmp_path / "charges.csv"
    sandbox.faults.add("stall", operation="charges.list")
    first = export(sandbox, "charges", "-o", str(target), "--since", "30d", "--timeout", "1", "--max-retries", "0")
    assert first.code == 1
    other = export(sandbox, "charges", "-o", str(target), "--since", "60d")
    assert other.code == 2
    assert "--since 30d" in other.err
    assert "--overwrite" in other.err
    assert export(sandbox, "charges", "-o", str(target), "--since", "30d").code == 0


def test_a_finished_file_is_not_replaced_unless_asked(sandbox: SyncSandbox, tmp_path: Path) -> None:
    target = tmp_path / "charges.csv"
    target.write_text("mine")
    refused = export(sandbox, "charges", "-o", str(target))
    assert refused.code == 2
    assert target.read_text() == "mine"
    assert export(sandbox, "charges", "-o", str(target), "--overwrite").code == 0
    assert target.read_text() != "mine"


# ---- what is refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["charge"], "Did you mean charges"),
        (["balance"], "no list of all its objects"),
        (["charges", "--columns", "id,amont"], "did you mean amount"),
        (["charges", "--since", "yesterday"], "2026-11-24"),
        (["charges", "--since", "1d", "--until", "2020-01-01"], "--since must lie before --until"),
        (["charges", "-o", "/nowhere/charges.csv"], "no directory /nowhere"),
    ],
    ids=["near", "no list", "column", "time", "span", "directory"],
)
def test_a_wrong_word_is_answered_with_the_right_one(sandbox: SyncSandbox, words: list[str], hint: str) -> None:
    done = export(sandbox, *words)
    assert done.code == 2
    assert hint in " ".join(done.err.split())


# ---- the columns themselves -----------------------------------------------------------------------------------


def test_columns_come_from_the_declared_fields() -> None:
    columns = choose_columns(Charge)
    assert {"captured", "metadata", "failure_code"} <= {column.name for column in columns}
    assert columns[-1] == Column("extra", "text")
    assert {column.name: column.kind for column in columns}["amount_refunded"] == "integer"


def test_an_unknown_column_is_refused() -> None:
    with pytest.raises(UnknownColumn, match="did you mean currency"):
        choose_columns(Charge, ["curency.code"])


def test_what_does_not_fit_its_column_is_kept_beside_it() -> None:
    """A wrong type in one of a million objects must neither end the export nor be lost."""
    columns = choose_columns(Charge)
    row = dict(
        zip(
            (column.name for column in columns),
            cells(columns, {"id": "ch_1", "amount": "ten", "new": [1]}),
            strict=True,
        )
    )
    assert (row["id"], row["amount"]) == ("ch_1", None)
    assert isinstance(row["extra"], str)
    assert json.loads(row["extra"]) == {"amount": "ten", "new": [1]}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"),
        ("@x", "'@x"),
        ("-cmd|x", "'-cmd|x"),
        ("\n=1+1", '"\'\n=1+1"'),
        ("\r=1+1", '"\'\r=1+1"'),
        ("\t=1+1", "'\t=1+1"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("\uff0b1", "'\uff0b1"),
        ("\uff0d1", "'\uff0d1"),
        ("\uff20x", "'\uff20x"),
        ("+44 20 7946", "+44 20 7946"),
        ("-5", "-5"),
        ("Tea", "Tea"),
    ],
    ids=[
        "equals",
        "at",
        "minus",
        "line feed",
        "return",
        "tab",
        "wide equals",
        "wide plus",
        "wide minus",
        "wide at",
        "phone",
        "number",
        "text",
    ],
)
def test_only_what_could_run_gets_an_apostrophe(text: str, written: str) -> None:
    assert Csv([Column("a", "text")]).rows([{"a": text}]) == f"{written}\r\n".encode()


def test_a_table_of_many_batches_is_whole(tmp_path: Path) -> None:
    form = Parquet([Column("n", "integer")])
    part, target = tmp_path / "part", tmp_path / "target"
    part.write_bytes(form.rows({"n": number} for number in range(12_000)))
    form.finish(part, target)
    table = read_table(target)
    assert table.column("n").to_pylist() == list(range(12_000))
