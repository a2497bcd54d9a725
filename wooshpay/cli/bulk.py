"""``wooshpay bulk``: one call for each row of a file."""

from __future__ import annotations

import csv
import json
import os
import signal
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

import attrs
import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from wooshpay.bulk import Report, Row, RowResult, run
from wooshpay.bulk.engine import bind, find_operation
from wooshpay.bulk.files import JSON_LINES, BadRow, Table
from wooshpay.bulk.journal import Run
from wooshpay.bulk.runner import DEFAULT_CONCURRENCY
from wooshpay.cli.connection import Connection, with_connection
from wooshpay.core.redaction import redact_json
from wooshpay.describe.operations import facts_of
from wooshpay.errors import ConfigurationError

_FIELDS: Final = tuple(field.name for field in attrs.fields(RowResult) if field.name != "object")
_MOST_PROBLEMS: Final = 10
# Written without rich, which may be in the middle of anything when a signal comes.
_INTERRUPTED: Final = b"\r\x1b[KCtrl-C: waiting for the calls under way; once more does not wait.\n"


@click.command("bulk", short_help="Make one call for each row of a file; go on after an interruption.")
@click.argument("operation")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--id", "id_column", metavar="COLUMN", help="What tells a row from all others; else its number does.")
@click.option("--ignore", "ignored", multiple=True, metavar="COLUMN", help="A column that is not for WooshPay.")
@click.option("--name", metavar="NAME", help="The run's name, part of every key; else the name of the file.")
@click.option(
    "--journal",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where to note what became of each row; else FILE.journal.",
)
@click.option(
    "--results",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    metavar="FILE",
    help="Where to write what became of each row, as CSV or JSON Lines; else FILE.results.csv. - is standard output.",
)
@click.option(
    "--concurrency", type=click.IntRange(1, 100), default=DEFAULT_CONCURRENCY, show_default=True, help="Calls at once."
)
@click.option("--max-errors", type=click.IntRange(1), metavar="NUMBER", help="Stop after so many rows without success.")
@click.option("--retry-rejected", is_flag=True, help="Send rows again that WooshPay refused before, with a new key.")
@click.option(
    "--resend-expired",
    is_flag=True,
    help="Send rows again that may have been carried out over 23 hours ago. Look first whether they were.",
)
@click.option("--dry-run", is_flag=True, help="Print the requests without secrets, one per line; send nothing.")
@with_connection
def command(
    connection: Connection,
    operation: str,
    file: Path,
    id_column: str | None,
    ignored: tuple[str, ...],
    name: str | None,
    journal: Path | None,
    results: Path | None,
    dry_run: bool,
    **settings: Any,
) -> None:
    """Make one call of OPERATION, such as refunds.create, for each row of FILE.

    FILE is CSV with a header, or JSON Lines where its name ends in .jsonl. A column is a parameter or a place in one:
    amount, metadata.order, payment_method_data.card.number. The whole file is checked before anything is sent.

    Run the same again after an interruption, also after a power cut: what is done is passed over, and what was under
    way is sent again with the same idempotency key. Ctrl-C lets the calls under way end.

    Exits with 0 if every row succeeded, with 1 if one did not, and with 130 after Ctrl-C.
    """
    try:
        declaration = find_operation(operation.replace("-", "_"))
        table = Table(path=file, facts=facts_of(declaration), id_column=id_column, ignored=frozenset(ignored))
        count = _check(table)
    except ConfigurationError as error:
        raise click.UsageError(error.message) from None
    name = name or file.name
    if dry_run:
        which = Run(name=name, operation=declaration.name, host="")
        for row in _rows(table):
            call = bind(declaration, row)
            request = {"row": row.id, "method": call.method, "path": call.path, "body": redact_json(call.body)}
            click.echo(json.dumps({**request, "idempotency_key": which.key(row.id, 1)}, ensure_ascii=False))
        return
    journal = journal or file.with_name(f"{file.name}.journal")
    results = results or file.with_name(f"{file.name}.results.csv")
    console = Console(stderr=True, highlight=False)
    last = Report(name=name, operation=declaration.name)

    def note(report: Report) -> None:
        nonlocal last
        last = report
        bar.update(task, completed=report.rows, errors=f"{report.errors} without success" if report.errors else "")

    with connection.client() as client, _writing(results) as write, _telling_of_ctrl_c(), _bar(console) as bar:
        task = bar.add_task(declaration.name, total=count, errors="")
        try:
            run(
                client,
                declaration.name,
                _rows(table),
                name=name,
                journal=journal,
                on_result=write,
                on_progress=note,
                **settings,
            )
        finally:
            bar.stop()
            _sum_up(console, last, count, results)
    if not last.complete:
        raise SystemExit(1)


def _check(table: Table) -> int:
    """Read the whole file; give the number of rows, or say what is wrong with them."""
    count = 0
    problems: list[BadRow] = []
    for row in table.read():
        count += 1
        if isinstance(row, BadRow):
            problems.append(row)
            if len(problems) > _MOST_PROBLEMS:
                break
    if problems:
        lines = [f"line {bad.line}: {bad.problem}" for bad in problems[:_MOST_PROBLEMS]]
        lines += ["and more"] if len(problems) > _MOST_PROBLEMS else []
        raise ConfigurationError("\n  ".join(["Nothing was sent, as the file cannot be read:", *lines]))
    if not count:
        raise ConfigurationError(f"{table.path} has no rows.")
    return count


def _rows(table: Table) -> Iterator[Row]:
    for row in table.read():
        if isinstance(row, BadRow):
            raise ConfigurationError(f"The file has changed meanwhile: line {row.line}: {row.problem}.")
        yield row


@contextmanager
def _writing(path: Path) -> Generator[Callable[[RowResult], None]]:
    """Give what writes results, one by one."""
    if str(path) == "-":
        yield _writer(sys.stdout, json_lines=True)
        return
    with click.open_file(str(path), "w", encoding="utf-8") as file:
        yield _writer(file, json_lines=path.suffix.lower() in JSON_LINES)


def _writer(file: IO[str], *, json_lines: bool) -> Callable[[RowResult], None]:
    def facts(result: RowResult) -> dict[str, Any]:
        return {field: getattr(result, field) for field in _FIELDS}

    if json_lines:
        return lambda result: print(json.dumps(facts(result), ensure_ascii=False), file=file, flush=True)  # to a file
    table = csv.DictWriter(file, _FIELDS, lineterminator="\n")
    table.writeheader()
    return lambda result: table.writerow(facts(result))


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("[red]{task.fields[errors]}"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


@contextmanager
def _telling_of_ctrl_c() -> Generator[None]:
    """On Ctrl-C say what happens now, as the calls under way may take a while to end."""

    def interrupted(number: int, frame: Any) -> None:
        os.write(2, _INTERRUPTED)
        signal.default_int_handler(number, frame)

    before = signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _sum_up(console: Console, report: Report, count: int, results: Path) -> None:
    earlier = f" ({report.earlier:,} of them earlier)" if report.earlier else ""
    lines = [f"{report.rows:,} of {count:,} rows in {report.seconds:.1f} s: {report.succeeded:,} succeeded{earlier}"]
    meanings = {
        "rejected": "refused by WooshPay: nothing was changed; --retry-rejected sends them again",
        "not_sent": "not sent: the same command sends them",
        "unknown": "may have been carried out: the same command sends them again with the same key",
        "refused": "not sent, as something is wrong with them",
    }
    for state, meaning in meanings.items():
        number: int = getattr(report, state)
        if number:
            lines.append(f"{number:,} {meaning}")
    if report.stopped:
        lines.append(f"Stopped: {report.stopped}")
    if report.rows < count:
        lines.append(f"{count - report.rows:,} rows are left: the same command goes on")
    if str(results) != "-":
        lines.append(f"Row by row in {results}")
    for line in lines:
        console.print(line, soft_wrap=True, markup=False)
