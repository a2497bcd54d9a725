"""The journals of ``wooshpay bulk``: which file one may be, and whether another one already holds the rows."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import click

from wooshpay.bulk import Row, Run
from wooshpay.bulk.engine import bind
from wooshpay.bulk.fingerprints import account_of, fingerprint_of
from wooshpay.bulk.sqlite import peek
from wooshpay.core.declaration import Declaration
from wooshpay.core.redaction import Secret
from wooshpay.errors import ConfigurationError

ROWS_TO_KNOW: Final = 20
"""How many rows are compared to find out which run sent them."""

_JOURNALS_TO_SEARCH: Final = 200


def check_journal(journal: Path, *, file: Path) -> None:
    """Refuse a journal that is the input.

    Raises:
        click.UsageError: It is.
    """
    if any(is_same_file(place, file) for place in files_of(journal)):
        raise click.UsageError(f"--journal {journal} is the file of the rows. Name another file for the journal.")


def check_left_behind(file: Path, rows: Sequence[Row], declaration: Declaration, *, run: Run, api_key: Secret) -> None:
    """Refuse to begin a run whose rows an unfinished run beside the file has sent: the file was renamed.

    With a new journal, the rows that were done would be done again.

    Args:
        file: The file of the rows, which has no journal yet.
        rows: The first rows.
        declaration: The operation.
        run: The run.
        api_key: The API key.

    Raises:
        click.UsageError: There is such a run.
    """
    for journal in islice(sorted(file.parent.glob("*.journal")), _JOURNALS_TO_SEARCH):
        entry, known = peek(journal, run, [row.id for row in rows])
        if entry is None or entry.finished_at is not None or account_of(api_key, entry.secret) not in entry.accounts:
            continue
        for row in rows:
            kept = known.get(row.id)
            if kept is None or kept.state == "not_sent":
                continue
            # A row with invalid parameters is refused later, when it is processed.
            with contextlib.suppress(TypeError, ValueError, ConfigurationError):
                call = bind(declaration, row)
                if kept.fingerprint != fingerprint_of(call, api_key=api_key, secret=entry.secret):
                    continue
                raise click.UsageError(
                    f"Row {row.id!r:.60} of {file} was already sent by the unfinished run in {journal}. Nothing was"
                    f" sent now. If the file was renamed, add --journal {journal} to resume that run. If it is a new"
                    f" run, name its journal: --journal {file}.journal"
                )


def files_of(journal: Path) -> list[Path]:
    """Return the file of a journal, and those that SQLite keeps beside it."""
    return [journal, *(journal.with_name(f"{journal.name}-{part}") for part in ("wal", "shm", "journal"))]


def is_same_file(one: Path, other: Path) -> bool:
    """Return whether two paths lead to the same file, by another spelling, a symbolic link or a hard link."""
    try:
        return one.samefile(other)
    except OSError:
        return os.path.realpath(one) == os.path.realpath(other)
