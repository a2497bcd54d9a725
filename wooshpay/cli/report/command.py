"""The command: charges are read page by page, and only their sums are kept."""

from __future__ import annotations

import os
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress as Bar
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

from wooshpay.api.shared import CreatedFilter
from wooshpay.cli.api_time import time_for
from wooshpay.cli.connection import Connection, with_connection
from wooshpay.cli.files import write_new
from wooshpay.cli.periods import Instant, period_options, read_period
from wooshpay.cli.report.figures import Figures
from wooshpay.cli.streams import complain
from wooshpay.cli.texts import visible

_PAGE = 100


@click.command("report")
@period_options(since="30d", end="the end of today")
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write it as a page, too: one file."
)
@click.option("--overwrite", is_flag=True, help="Replace the page if it exists.")
@with_connection
def command(since: Instant, until: Instant | None, html: Path | None, overwrite: bool, connection: Connection) -> None:
    """Plot what was taken and given back over time, and how many charges of each method succeeded.

    Volume is what was captured of charges that succeeded, on the day of the charge; refunds stand on their own day
    where WooshPay gives it with the charge. Days, weeks and months are those of UTC.
    """
    if html is not None and not html.parent.is_dir():
        raise click.UsageError(f"There is no directory {html.parent}.")
    if html is not None and os.path.lexists(html) and not overwrite:
        raise click.UsageError(f"{html} already exists. Add --overwrite, or name another file with --html.")
    notes = Console(stderr=True, highlight=False)
    spinner = SpinnerColumn("dots" if notes.encoding.startswith("utf") else "line")
    bar = Bar(
        *(spinner, TextColumn("{task.completed:,.0f} charges"), TimeElapsedColumn()),
        console=notes,
        transient=True,
        disable=not notes.is_terminal,
    )
    with connection.client() as client, bar:
        period = read_period(since, until, time_for(since, until, connection, client))
        figures = Figures.of(period)
        task = bar.add_task("", total=None)
        # Without --until no end is sent: charges that are dated later are counted, and not left out silently.
        bounds: CreatedFilter = {"gte": period.since or 0}
        if not period.open_ended:
            bounds["lt"] = period.until
        for charge in client.charges.list(limit=_PAGE, created=bounds):
            figures.add(charge)
            bar.advance(task)
    from wooshpay.cli.report.terminal import print_report

    try:
        if html is not None:
            from wooshpay.cli.report.page import make_page

            write_new(html, make_page(figures), replace=overwrite)
            complain(visible(f"The page is {html}"))
    finally:
        # Last, as reading all charges may have taken minutes: the page is kept where the terminal fails, and the report
        # is shown where the page cannot be written.
        print_report(figures, Console(highlight=False))
