"""``wooshpay openapi``: the API as an OpenAPI 3.1 document."""

from __future__ import annotations

import json
from typing import TextIO

import click

from wooshpay.describe.openapi import document


@click.command("openapi")
@click.option(
    "-o",
    "--output",
    type=click.File("w", encoding="utf-8", lazy=True, atomic=True),
    default="-",
    metavar="FILE",
    help="Write it to this file.",
)
def command(output: TextIO) -> None:
    """Print the API as an OpenAPI 3.1 document, in JSON.

    It is made of what the SDK declares, and is always the same for one version of the SDK.
    """
    output.write(json.dumps(document(), indent=2) + "\n")
