"""What the command says when something goes wrong: sentences on standard error, without secrets."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Final

import click

from wooshpay.cli.streams import reason_of
from wooshpay.cli.texts import visible
from wooshpay.core.redaction import redact
from wooshpay.errors import ConfigurationError, Outcome, WooshPayError

_OUTCOMES: Final[dict[Outcome, str]] = {
    "not_sent": "The request did not reach WooshPay.",
    "rejected": "No money moved.",
    "unknown": "It may have been carried out.",
}


def explain(error: WooshPayError) -> str:
    """Say what happened, whether money may have moved, and how to go on."""
    lines = [f"Error: {_shown(error.message)}"]
    if isinstance(error, ConfigurationError) or not error.attempts:
        return lines[0]
    facts = [f"{error.attempts} attempts"] if error.attempts > 1 else []
    facts += [f"request {visible(error.request_id)}"] if error.request_id else []
    lines.append(_OUTCOMES[error.outcome] + (f" ({', '.join(facts)})" if facts else ""))
    if error.outcome == "unknown" and error.idempotency_key is not None:
        lines.append("To be sure without doing it twice, run the same again with")
        lines.append(f"  --idempotency-key {error.idempotency_key}")
    return "\n".join(lines)


def redacted(error: click.UsageError) -> click.UsageError:
    """Take secrets, and characters that steer a terminal, out of an error that repeats what was typed."""
    return click.UsageError(_shown(error.format_message()), error.ctx)


def explain_file_error(error: OSError) -> str:
    """Write a sentence about a file or a stream that cannot be used."""
    if error.filename is None:
        return f"Error: A file or stream could not be used: {reason_of(error)}."
    return f"Error: {_shown(str(error.filename))} could not be used: {reason_of(error)}."


def unexpected(error: BaseException) -> str:
    """Write a sentence about an error that only a bug in this package can raise, with its place in the code."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"An unexpected error, which is a bug in wooshpay: {_shown(f'{type(error).__name__}: {error}')}{place}."


def _shown(text: str) -> str:
    return visible(redact(text), keep="\n")
