"""The kinds of faults that there are, and what each does: the one place where that stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

import attrs

from wooshpay.core.json import JsonObject

FaultKind: TypeAlias = Literal[
    "refuse",
    "drop_before",
    "drop_after",
    "cut_body",
    "stall",
    "stall_after",
    "slow",
    "drip",
    "stale_close",
    "rate_limit",
    "server_error",
    "unavailable",
    "bad_gateway",
    "invalid_json",
]
"""What happens to the request; `FAULT_KINDS` says more of each."""

RetryAfterForm: TypeAlias = Literal["seconds", "milliseconds", "date", "none"]
"""How a 429 says when to come again; ``milliseconds`` is the header ``Retry-After-Ms``."""

FaultParameter: TypeAlias = Literal["bytes", "seconds", "retry_after", "retry_after_form"]


@attrs.frozen
class FaultFacts:
    """One kind of fault.

    Attributes:
        kind: Its name.
        title: A few words for a form.
        what: What happens.
        done: Whether the request's work is done.
        parameters: What can be set: names from `PARAMETERS`.
    """

    kind: FaultKind
    title: str
    what: str
    done: bool
    parameters: tuple[FaultParameter, ...] = ()

    def to_json(self) -> JsonObject:
        """The same as JSON."""
        return {**attrs.asdict(self), "parameters": list(self.parameters)}


@attrs.frozen
class ParameterFacts:
    """One setting of faults.

    Attributes:
        default: What it is where nothing is said.
        least: The least that it may be.
        what: What it means.
        options: The values to choose from; none where it is a number.
    """

    default: Any
    least: float | None
    what: str
    options: tuple[str, ...] = ()

    def to_json(self) -> JsonObject:
        """The same as JSON."""
        return {**attrs.asdict(self), "options": list(self.options)}


PARAMETERS: Final[Mapping[FaultParameter, ParameterFacts]] = {
    "bytes": ParameterFacts(20, 0, "How much of the answer arrives: before the cut, or at a time."),
    "seconds": ParameterFacts(1.0, 0, "How long it takes, in real time."),
    "retry_after": ParameterFacts(1.0, 0, "Seconds after which the client is asked to come again."),
    "retry_after_form": ParameterFacts(
        "seconds",
        None,
        "How it is told: Retry-After in seconds, Retry-After as a date, Retry-After-Ms, or not at all.",
        ("seconds", "milliseconds", "date", "none"),
    ),
}

_ALL: Final = (
    FaultFacts(
        "refuse",
        "Refused",
        "The connection is reset as soon as the head of the request is there. Its body is not read.",
        done=False,
    ),
    FaultFacts(
        "drop_before",
        "Reset before the work",
        "The request is read, nothing is done, and the connection is reset.",
        done=False,
    ),
    FaultFacts(
        "drop_after",
        "Reset after the work",
        "The work is done, but instead of the answer the connection is reset.",
        done=True,
    ),
    FaultFacts(
        "cut_body",
        "Body cut off",
        "The work is done. The head and the first bytes of the answer arrive, then the connection is closed.",
        done=True,
        parameters=("bytes",),
    ),
    FaultFacts("stall", "Stalled before the work", "Nothing is done and nothing ever comes.", done=False),
    FaultFacts("stall_after", "Stalled after the work", "The work is done and nothing ever comes.", done=True),
    FaultFacts(
        "slow",
        "Slow work",
        "The work is done and answered after some seconds; until then its idempotency key is in use.",
        done=True,
        parameters=("seconds",),
    ),
    FaultFacts(
        "drip",
        "Slow bytes",
        "The work is done at once. The answer arrives a few bytes at a time, spread over some seconds.",
        done=True,
        parameters=("seconds", "bytes"),
    ),
    FaultFacts(
        "stale_close",
        "Stale connection",
        "The answer arrives whole and promises keep-alive, but the connection is dead: a next request on it is "
        "reset with nothing done, and an idle one is closed after some seconds.",
        done=True,
        parameters=("seconds",),
    ),
    FaultFacts(
        "rate_limit",
        "429 Too Many Requests",
        "An error object with status 429 and a time to come again. Nothing is done.",
        done=False,
        parameters=("retry_after", "retry_after_form"),
    ),
    FaultFacts("server_error", "500 error", "An error object with status 500. Nothing is done.", done=False),
    FaultFacts("unavailable", "503 error", "An error object with status 503. Nothing is done.", done=False),
    FaultFacts("bad_gateway", "502 in HTML", "A page in HTML with status 502. Nothing is done.", done=False),
    FaultFacts(
        "invalid_json", "Broken JSON", "The work is done; the answer is 200 with a text that is no JSON.", done=True
    ),
)

FAULT_KINDS: Final[Mapping[FaultKind, FaultFacts]] = {facts.kind: facts for facts in _ALL}
"""What each kind of fault does, by name."""
