"""``wooshpay openapi``: the API as an OpenAPI 3.1 document."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from wooshpay.cli.files import write_new
from wooshpay.cli.streams import write_line
from wooshpay.describe.openapi import document


@click.command("openapi")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    default="-",
    metavar="FILE",
    help="Write it to this file.",
)
@click.option("--overwrite", is_flag=True, help="Replace FILE if it exists.")
def command(output: Path, overwrite: bool) -> None:
    """Print the API as an OpenAPI 3.1 document, in JSON.

    It is made of what the SDK declares, and is always the same for one version of the SDK.
    """
    text = json.dumps(document(), indent=2)
    if str(output) == "-":
        write_line(text)
        return
    if os.path.lexists(output) and not overwrite:
        raise click.UsageError(f"{output} already exists. Add --overwrite, or name another file with --output.")
    write_new(output, f"{text}\n", replace=overwrite)
