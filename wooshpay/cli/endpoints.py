"""What the commands know of webhook endpoints: which addresses can be ones, and which types of events there are."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from fnmatch import fnmatchcase

import click

from wooshpay.sandbox import SandboxError
from wooshpay.sandbox.behaviours.webhook_endpoints import check_url
from wooshpay.testing.scenes import SCENES


def read_url(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """An option's address, refused where no webhook may go."""
    if value is not None:
        try:
            check_url(value)
        except SandboxError:
            raise click.BadParameter(
                "must be an address that starts with https://; http:// is for this machine or network."
            ) from None
    return value


def matching(patterns: Iterable[str]) -> list[str]:
    """The known types that are named, or match a pattern such as ``invoice.*``.

    Raises:
        click.UsageError: A name or pattern fits none.
    """
    found: dict[str, None] = {}
    for pattern in patterns:
        types = [type for type in SCENES if fnmatchcase(type, pattern)]
        if not types:
            raise click.UsageError(f"{unknown(pattern)} A pattern such as invoice.* is possible.")
        found |= dict.fromkeys(types)
    return list(found)


def unknown(type: str) -> str:
    """Say that there is no such type, and which ones are written much like it."""
    near = get_close_matches(type, SCENES, 3)
    hint = f"Did you mean {' or '.join(near)}?" if near else "`wooshpay trigger --list` shows all."
    return f"No event type {type!r} is known. {hint}"
