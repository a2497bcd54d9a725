"""What the command says when something goes wrong: sentences on standard error, without secrets."""

from __future__ import annotations

from typing import Final

import click

from wooshpay.core.redaction import redact
from wooshpay.errors import ConfigurationError, Outcome, WooshPayError

_OUTCOMES: Final[dict[Outcome, str]] = {
    "not_sent": "The request did not reach WooshPay.",
    "rejected": "No money moved.",
    "unknown": "It may have been carried out.",
}


def explain(error: WooshPayError) -> str:
    """Say what happened, whether money may have moved, and how to go on."""
    lines = [f"Error: {redact(error.message)}"]
    if isinstance(error, ConfigurationError) or not error.attempts:
        return lines[0]
    facts = [f"{error.attempts} attempts"] if error.attempts > 1 else []
    facts += [f"request {error.request_id}"] if error.request_id else []
    lines.append(_OUTCOMES[error.outcome] + (f" ({', '.join(facts)})" if facts else ""))
    if error.outcome == "unknown" and error.idempotency_key is not None:
        lines.append("To be sure without doing it twice, run the same again with")
        lines.append(f"  --idempotency-key {error.idempotency_key}")
    return "\n".join(lines)


def redacted(error: click.UsageError) -> click.UsageError:
    """Take secrets out of an error that repeats what was typed."""
    return click.UsageError(redact(error.format_message()), error.ctx)
