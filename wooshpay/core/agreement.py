"""Checks that a response belongs to its request.

A server, proxy or gateway that mixes responses up can send one at the very moment in which another request goes out.
No check of the connection notices that. So what must agree is compared: the ID in the path with the ID of the object,
and the values that an operation's declaration names with those of the object.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from wooshpay.core.json import Json, JsonObject
from wooshpay.core.redaction import one_line, redact
from wooshpay.core.request import Request, Response
from wooshpay.errors import ProtocolError


@attrs.frozen
class Mismatch:
    """A field whose value in the response differs from the one in the request.

    Attributes:
        name: The field.
        sent: The value in the request.
        received: The value in the response.
        facts: The response's ID and all compared values. Two responses with equal facts report the same result.
    """

    name: str
    sent: Json
    received: Json
    facts: tuple[Json, ...]


def examine(request: Request, response: Response) -> ProtocolError | Mismatch | None:
    """Return what keeps a success from being accepted, or ``None``.

    Returns:
        An error if the body is not JSON: it was cut off, or broken by its compression. A mismatch if it is about
        something else.
    """
    if not response.body and response.status == 204:
        return None
    try:
        received = response.parsed
    except RecursionError:
        return None  # the decoder reads deeply nested bodies as far as it can
    except ValueError:
        return ProtocolError("The body of the response is not JSON.", failure="broken")
    return find_mismatch(request.expected, received) if request.expected else None


def mismatch_error(mismatch: Mismatch) -> ProtocolError:
    """Return the error for a response that is about something else."""
    return ProtocolError(
        f"The response belongs to another request: its {mismatch.name} is {_shown(mismatch.received)}, not"
        f" {_shown(mismatch.sent)} as in this one.",
        failure="broken",
    )


def _shown(value: Json) -> str:
    return one_line(redact(str(value)), 100)


def find_mismatch(expected: Mapping[str, Json], received: Json) -> Mismatch | None:
    """Return the first field that does not agree, or ``None``.

    A field that the response does not have, or has in a form that cannot be compared, says nothing.

    Args:
        expected: Fields with the values that the request named.
        received: The body of the response, parsed.
    """
    if received.__class__ is not dict:
        return None
    for name, sent in expected.items():
        value = received.get(name)
        if value != sent and sent is not None and not _agree(name, sent, value):
            return Mismatch(name, sent, value, _facts(expected, received))
    return None


def _agree(name: str, sent: Json, received: Any) -> bool:
    if received.__class__ is dict:  # an expanded object in place of its ID
        received = received.get("id")
    if isinstance(sent, str) and isinstance(received, str) and name.endswith("currency"):
        return sent.casefold() == received.casefold()
    if "amount" in name:
        first, second = _number(sent), _number(received)
        return first is None or second is None or first == second
    return not isinstance(sent, str) or not isinstance(received, str) or sent == received


def _number(value: Json) -> int | float | None:
    """Read an amount, which arrives as text from some servers."""
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            return None
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _facts(expected: Mapping[str, Json], received: JsonObject) -> tuple[Json, ...]:
    return (received.get("id"), *(received.get(name) for name in expected))
