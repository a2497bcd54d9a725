"""``wooshpay bulk``: one call for each row of a file."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Collection, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from wooshpay.bulk import Report, Row, Run, run
from wooshpay.bulk.engine import bind, find_operation
from wooshpay.bulk.files import BY_LINE, BadRow, Table
from wooshpay.bulk.money_moving import MOVES_MONEY
from wooshpay.bulk.runner import DEFAULT_CONCURRENCY, checked_name, finished_sentence
from wooshpay.cli.bulk_journals import ROWS_TO_KNOW, check_journal, check_left_behind
from wooshpay.cli.bulk_results import find_place
from wooshpay.cli.calls.ending import ending_signals
from wooshpay.cli.connection import Connection, with_connection
from wooshpay.core.declaration import Declaration
from wooshpay.core.redaction import Secret, redact_json
from wooshpay.core.whole_steps import interrupt
from wooshpay.describe.operations import facts_of
from wooshpay.errors import ConfigurationError, JournalError

if TYPE_CHECKING:
    from wooshpay.middleware import Telemetry

_MOST_PROBLEMS: Final = 10
# Written without rich, which may be in the middle of anything when a signal comes.
_INTERRUPTED: Final = b"\r\x1b[KInterrupted: waiting for the calls under way; once more does not wait.\n"


@click.command("bulk", short_help="Make one call for each row of a file; go on after an interruption.")
@click.argument("operation")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--id",
    "id_column",
    metavar="COLUMN",
    help="The column that identifies a row. Its values must never change. Required if the operation moves money. `line`"
    " uses the number of the row in the file; then you must not remove or reorder rows.",
)
@click.option("--ignore", "ignored", multiple=True, metavar="COLUMN", help="Do not send this column to WooshPay.")
@click.option(
    "--name",
    metavar="NAME",
    help="Name of the run. Its idempotency keys are made from the name, whichever journal is used. Default: the keys"
    " belong to this journal only.",
)
@click.option(
    "--journal",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where to record what was sent, to resume the run. Default: FILE.journal.",
)
@click.option(
    "--results",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    metavar="FILE",
    help="Where to write the result of each row, as CSV or JSON Lines; - is standard output. Default:"
    " FILE.results.csv, or the next free FILE.results.2.csv.",
)
@click.option("--overwrite", is_flag=True, help="Overwrite results that another run wrote.")
@click.option("--finished-ok", is_flag=True, help="Exit with 0 if the run finished before and has nothing to send.")
@click.option(
    "--rotated-key", is_flag=True, help="Accept that the run was begun with an API key that was rotated since."
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
    overwrite: bool,
    dry_run: bool,
    **settings: Any,
) -> None:
    """Make one call of OPERATION, such as refunds.create, for each row of FILE.

    FILE is CSV with a header, or JSON Lines where its name ends in .jsonl. A column is a parameter or a place in one:
    amount, metadata.order, payment_method_data.card.number. The whole file is checked before anything is sent.

    Run the same again after an interruption, also after a power cut: rows that are done are skipped, and calls that
    were under way are sent again with the same idempotency key. Ctrl-C lets the calls under way end.

    A run that has finished is not repeated. To send the same rows, or next month's rows, as a new run, choose a new
    --name.

    Exits with 0 if every row succeeded, with 1 if one did not or the run had finished before, and with 130 after
    Ctrl-C.
    """
    try:
        declaration = find_operation(operation.replace("-", "_"))
        name = None if name is None else checked_name(name)
        if not file.is_file():
            raise ConfigurationError(
                f"{file} is not a regular file, so it could not be read twice: first to check all rows, then to send"
                " them. Save the rows in a file."
            )
        table = Table(
            path=file,
            facts=facts_of(declaration),
            id_column=_id_column(declaration.name, id_column),
            ignored=frozenset(ignored),
        )
        ids = _check(table)
    except ConfigurationError as error:
        raise click.UsageError(error.message) from None
    if dry_run:
        _rehearse(table, ids, declaration, name)
        return
    own = journal is None
    journal = journal or file.with_name(f"{file.name}.journal")
    check_journal(journal, file=file)
    console = Console(stderr=True, highlight=False)
    last = Report(name=name, operation=declaration.name)

    def note(report: Report) -> None:
        nonlocal last
        last = report
        bar.update(task, completed=report.rows, errors=f"{report.errors} without success" if report.errors else "")

    telemetry = _telemetry()
    middlewares: dict[str, Any] = {}
    if telemetry is not None:
        middlewares = {"call_middlewares": [telemetry.call], "attempt_middlewares": [telemetry.attempt]}
    with connection.client(**middlewares) as client:
        which = Run(name=name, operation=declaration.name, host="")
        if own and not journal.exists():
            first = list(islice(_rows(table, ids), ROWS_TO_KNOW))
            check_left_behind(file, first, declaration, run=which, api_key=Secret(connection.key()))
        written = find_place(results, file=file, ids=ids, journal=journal, run=which, overwrite=overwrite)
        with closing(written), _telling_of_interruptions(), _bar(console) as bar:
            task = bar.add_task(declaration.name, total=len(ids), errors="")
            refused = unrecorded = False
            try:
                last = run(
                    client,
                    declaration.name,
                    _rows(table, ids),
                    name=name,
                    journal=journal,
                    on_result=written.write,
                    on_progress=note,
                    telemetry=telemetry,
                    **settings,
                )
            except ConfigurationError:
                refused = not last.rows
                raise
            except JournalError:
                unrecorded = True
                raise
            finally:
                bar.stop()
                if not refused:
                    _sum_up(console, last, len(ids), written.path, unrecorded=unrecorded)
    if not last.complete:
        raise SystemExit(1)


def _telemetry() -> Telemetry | None:
    """Return what reports to OpenTelemetry, if the process was started with it, as `opentelemetry-instrument` does."""
    if "opentelemetry.trace" not in sys.modules:
        return None
    from wooshpay.middleware import Telemetry

    return Telemetry()


def _id_column(operation: str, asked: str | None) -> str | None:
    """Return the column with the IDs; ``None`` stands for the number of the row.

    Raises:
        ConfigurationError: The operation moves money, and the user did not pass --id.
    """
    if asked is None and operation in MOVES_MONEY:
        raise ConfigurationError(
            f"{operation} moves money, so each row needs an ID that never changes. Pass --id COLUMN to name the column"
            " that holds it, such as your order number. If there is none, pass --id line to use the number of the row"
            " in the file; then you must not remove or reorder rows."
        )
    return None if asked == BY_LINE else asked


def _rehearse(table: Table, ids: Collection[str], declaration: Declaration, name: str | None) -> None:
    for row in _rows(table, ids):
        call = bind(declaration, row)
        request = {"row": row.id, "method": call.method, "path": call.path, "body": redact_json(call.body)}
        if name is not None:
            # Without a name, keys are made of the identity that the journal has when it is created.
            request["idempotency_key"] = Run(name=name, operation=declaration.name, host="").key(row.id, 1, "")
        click.echo(json.dumps(request, ensure_ascii=False))


def _check(table: Table) -> set[str]:
    """Read the whole file.

    Returns:
        The IDs of the rows.

    Raises:
        ConfigurationError: There are no rows, or something is wrong with some of them.
    """
    count = 0
    problems: list[BadRow] = []
    ids: dict[str, int] = {}
    for row in table.read():
        count += 1
        if isinstance(row, Row) and ids.setdefault(row.id, count) != count:
            row = BadRow(None, f"rows {ids[row.id]} and {count} have the same ID, {row.id!r:.60}")
        if isinstance(row, BadRow):
            problems.append(row)
            if len(problems) > _MOST_PROBLEMS:
                break
    if problems:
        lines = [str(bad) for bad in problems[:_MOST_PROBLEMS]]
        lines += ["and more"] if len(problems) > _MOST_PROBLEMS else []
        raise ConfigurationError("\n  ".join(["Nothing was sent, as the file cannot be read:", *lines]))
    if not count:
        raise ConfigurationError(f"{table.path} has no rows.")
    return set(ids)


def _rows(table: Table, ids: Collection[str]) -> Iterator[Row]:
    """Read the file that was checked before once more, now to send its rows.

    Raises:
        click.ClickException: It has changed since it was checked. This is not a `ConfigurationError`, whose exit code
            says that nothing was sent.
    """
    count = 0
    for row in table.read():
        if isinstance(row, BadRow):
            raise _changed(table, str(row))
        if row.id not in ids:
            raise _changed(table, f"row {row.id!r:.60} was not there before")
        count += 1
        yield row
    if count != len(ids):
        raise _changed(table, f"it had {len(ids):,} rows, and has {count:,} now")


def _changed(table: Table, how: str) -> click.ClickException:
    return click.ClickException(
        f"{table.path} has changed since it was checked: {how}. The run is not finished."
        " Restore the file, and run the same command again."
    )


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
def _telling_of_interruptions() -> Generator[None]:
    """On Ctrl-C, SIGTERM and SIGHUP say what happens now, as the calls under way may take a while to end."""

    def tell() -> None:
        with suppress(OSError):  # where standard error cannot be written, the interruption still counts
            os.write(2, _INTERRUPTED)

    def interrupted(number: int, frame: Any) -> None:
        tell()
        interrupt(KeyboardInterrupt())

    # Shells have programs in the background ignore Ctrl-C, which is meant for the one in the foreground.
    caught = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if caught:
        signal.signal(signal.SIGINT, interrupted)
    try:
        with ending_signals(caught=True, tell=tell):
            yield
    finally:
        if caught:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _sum_up(console: Console, report: Report, count: int, results: Path, *, unrecorded: bool) -> None:
    earlier = f" ({report.earlier:,} of them earlier)" if report.earlier else ""
    lines = [f"{report.rows:,} of {count:,} rows in {report.seconds:.1f} s: {report.succeeded:,} succeeded{earlier}"]
    meanings = {
        "replayed": "already done under this key: nothing was sent for them by this journal, and nothing was done now",
        "rejected": "refused by WooshPay: nothing was changed; --retry-rejected --finished-ok sends them again",
        "not_sent": "not sent: the same command sends them",
        "unknown": "may have been carried out: the same command sends them again with the same key",
        "refused": "not sent, as something is wrong with them",
    }
    for state, meaning in meanings.items():
        number: int = getattr(report, state)
        if number:
            lines.append(f"{number:,} {meaning}")
    if report.repeated:
        lines.append(
            f"{finished_sentence(report)} To send this file as a new run, add --name NAME with a new name. If it is"
            " repeated on purpose, add --finished-ok."
        )
    if report.stopped:
        lines.append(f"Stopped: {report.stopped}")
    if unrecorded:
        lines.append(
            "Calls that were under way when the journal failed may have been carried out: the same command sends them"
            " again with the same key"
        )
    if report.rows < count:
        lines.append(f"{count - report.rows:,} rows are left: the same command goes on")
    if str(results) != "-":
        lines.append(f"Row by row in {results}")
    for line in lines:
        console.print(line, soft_wrap=True, markup=False)
