"""The command: page after page into the file, with each page's end noted."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import attrs
import click
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from wooshpay.cli.api_time import time_for
from wooshpay.cli.calls.output import json_of
from wooshpay.cli.connection import Connection, with_connection
from wooshpay.cli.export.columns import UnknownColumn, choose_columns
from wooshpay.cli.export.formats import Csv, Format, JsonLines, Parquet
from wooshpay.cli.export.part import DamagedPart, DifferentPlan, Part, Progress
from wooshpay.cli.export.sections import Section, find_section
from wooshpay.cli.periods import Instant, Period, milliseconds, period_options, read_period
from wooshpay.cli.streams import complain, reason_of
from wooshpay.cli.texts import visible

Name: TypeAlias = Literal["csv", "jsonl", "parquet"]

_PAGE: Final = 100
_SUFFIXES: Final[dict[str, Name]] = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}


@click.command("export")
@click.argument("section")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="SECTION.csv when left out."
)
@click.option(
    "--format",
    "name",
    type=click.Choice(["csv", "jsonl", "parquet"]),
    help="That of FILE's name, or csv when left out.",
)
@period_options()
@click.option(
    "--columns",
    metavar="NAMES",
    help="Only these, with commas: id,amount,payment_method_details.card.brand,metadata.order.",
)
@click.option("--overwrite", is_flag=True, help="Replace FILE, and do not go on with an earlier export.")
@with_connection
def command(
    section: str,
    output: Path | None,
    name: Name | None,
    since: Instant | None,
    until: Instant | None,
    columns: str | None,
    overwrite: bool,
    connection: Connection,
) -> None:
    """Write all objects of a SECTION, such as charges or payment-intents, to a file.

    csv is for spreadsheets: a column for each field, amounts in minor units, what lies deeper as JSON. jsonl has the
    objects whole as WooshPay gave them. parquet has typed columns, and needs pyarrow.

    Run the same command again after an interruption, of whatever kind: it goes on where it stopped. Until it is
    through, the file is called FILE.part.
    """
    found = find_section(section)
    target, name = _target(found, output, name)
    chosen = [text for text in (columns or "").split(",") if text]
    form = _format(found, name, chosen)
    part = Part(target)
    if overwrite:
        part.forget()
    elif os.path.lexists(target):
        raise click.UsageError(f"{target} already exists. Add --overwrite, or name another file with --output.")
    client = connection.client()
    plan = {
        "section": found.name,
        "account": sha256(f"{client} {connection.key()}".encode()).hexdigest()[:16],
        "format": name,
        "since": since.text if since else None,
        "until": until.text if until else None,
        "columns": ",".join(chosen) or None,
    }
    console = Console(stderr=True, highlight=False)
    with client:
        period = read_period(since, until, time_for(since, until, connection, client))
        try:
            progress = part.open(Progress(plan=plan, since=period.since, until=period.until), form.head())
        except DifferentPlan as error:
            raise click.UsageError(_different(error, part)) from None
        except DamagedPart as error:
            raise click.UsageError(f"{error}. Move it away, or add --overwrite to start the export again.") from None
        except OSError as error:
            part.close()
            raise click.ClickException(visible(f"{part.path} cannot be written: {reason_of(error)}.")) from None
        try:
            if progress.count:
                complain(f"Resuming after {progress.count:,} objects of an earlier run.")
            with _shown(console, found) as show:
                progress = _fetch(found, client, progress, part, form, show)
            part.close()
            if name == "parquet":
                complain("Writing the table.")
            form.finish(part.path, target, replace=overwrite)
            part.forget()
        except KeyboardInterrupt:
            complain(visible(f"Stopped. {part.path} is kept: run the same command again to resume."))
            raise
        except FileExistsError:
            raise click.ClickException(
                visible(
                    f"{target} was created by another program in the meantime. {part.path} is kept. Move {target}"
                    " away, and run the same command again."
                )
            ) from None
        except OSError as error:
            raise click.ClickException(
                visible(
                    f"{error.filename or part.path} cannot be written: {reason_of(error)}. What is exported so far is"
                    " kept: run the same command again to resume."
                )
            ) from None
        finally:
            part.close()
    complain(visible(f"{progress.count:,} {found.name.replace('_', ' ')} in {target}"))


def _fetch(
    section: Section,
    client: Any,
    progress: Progress,
    part: Part,
    form: Format,
    show: Callable[[Progress, int | None], None],
) -> Progress:
    if progress.complete:
        return progress
    # Without --until no end is sent: what is dated later than today, by clocks that differ, is in the file too.
    period = Period(progress.since, progress.until, open_ended=progress.plan["until"] is None)
    params: dict[str, Any] = {"limit": _PAGE}
    if section.filters_by_time and period.filter:
        params["created"] = period.filter
    if progress.cursor is not None:
        params["starting_after"] = progress.cursor
    # A page whose last entry has no ID leaves nothing to resume from: a resumed export would have to read it once more.
    # So it is noted together with the end of the export.
    held, held_count, holds = b"", 0, False
    for page in section.listed(client, **params).pages():
        entries = list(page)
        wanted = [entry for entry in entries if period.holds(getattr(entry, "created_at", None))]
        rows = form.rows([json_of(entry) for entry in wanted])
        cursor = getattr(entries[-1], "id", None) if entries else progress.cursor
        holds = holds or (bool(entries) and (not isinstance(cursor, str) or not cursor))
        if holds:
            held, held_count = held + rows, held_count + len(wanted)
            continue
        progress = part.add(rows, attrs.evolve(progress, cursor=cursor, count=progress.count + len(wanted)))
        last = getattr(entries[-1], "created_at", None) if entries else None
        show(progress, milliseconds(last) if last is not None else None)
    return part.add(held, attrs.evolve(progress, count=progress.count + held_count, complete=True))


def _target(section: Section, output: Path | None, name: Name | None) -> tuple[Path, Name]:
    if output is None:
        name = name or "csv"
        return Path(f"{section.name.replace('_', '-')}.{name}"), name
    if not output.parent.is_dir():
        raise click.UsageError(f"There is no directory {output.parent}.")
    return output, name or _SUFFIXES.get(output.suffix.lower(), "csv")


def _format(section: Section, name: Name, chosen: Sequence[str]) -> Format:
    try:
        columns = choose_columns(section.object_class, chosen)
    except UnknownColumn as error:
        raise click.UsageError(str(error)) from None
    if name == "jsonl":
        return JsonLines(columns if chosen else ())
    if name == "csv":
        return Csv(columns)
    if find_spec("pyarrow") is None:
        raise click.UsageError("Parquet needs pyarrow. Install with: pip install 'wooshpay[parquet]'")
    return Parquet(columns)


def _different(error: DifferentPlan, part: Part) -> str:
    if error.name == "account":
        what = "another key or host"
    else:
        before = error.before if error.before is not None else "left out"
        what = f"{'SECTION' if error.name == 'section' else f'--{error.name}'} {before}"
    return (
        f"{part.path} is of an export that was stopped, with {what}."
        " Ask for the same to resume it, or start again with --overwrite."
    )


@contextmanager
def _shown(console: Console, section: Section) -> Generator[Callable[[Progress, int | None], None]]:
    """A bar on a terminal, and nothing elsewhere."""
    bar = Bar(
        TextColumn(section.name.replace("_", " ")),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[count]:,}"),
        TextColumn("{task.fields[speed]:,.0f}/s"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
    task = bar.add_task("", total=None, count=0, speed=0.0)
    before: list[int] = []

    def show(progress: Progress, reached: int | None) -> None:
        if not before:
            before.append(progress.count)
        elapsed = bar.tasks[0].elapsed or 0.0
        speed = (progress.count - before[0]) / elapsed if elapsed else 0.0
        if progress.since is not None and reached is not None:
            # Lists come newest first, so the time that is reached says how much is left.
            bar.update(task, total=progress.until - progress.since, completed=progress.until - reached)
        bar.update(task, count=progress.count, speed=speed)

    with bar:
        yield show
