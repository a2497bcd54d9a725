"""What a strict sandbox answers to parameters that an operation does not declare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from wooshpay.core.redaction import redact
from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.requests.fitting import Unknown

# So many unknown parameters are named in a message; the request log has all of them.
_NAMED: Final = 10


def unknown_parameters(operation: str, unknown: Sequence[Unknown]) -> SandboxError:
    """Return the error for parameters that the operation does not declare.

    Args:
        operation: The SDK name of the operation.
        unknown: The parameters, at least one.
    """
    from difflib import get_close_matches  # only for a mistake

    first, *others = unknown
    place = first.name.removesuffix(f"[{first.own}]") if first.name != first.own else ""
    near = get_close_matches(first.own, first.known, n=1, cutoff=0)
    advice = f" The nearest known one is {f'{place}[{near[0]}]' if place else near[0]}." if near else ""
    also = ", ".join(redact(parameter.name) for parameter in others[:_NAMED])
    return SandboxError(
        f"{operation} has no parameter {redact(first.name)}.{advice}"
        + (f" Also unknown: {also}{', ...' if len(others) > _NAMED else ''}." if others else "")
        + " WooshPay drops parameters that it does not know; this sandbox is strict and refuses them.",
        code="parameter_unknown",
        param=redact(first.name),
    )
