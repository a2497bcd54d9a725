"""Simulated actions and their parameters, declared once for HTTP, the dashboard, the command line and the documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import attrs

if TYPE_CHECKING:
    from wooshpay.core.json import JsonObject

ParameterKind: TypeAlias = Literal["id", "amount", "currency", "choice", "text", "integer", "flag", "object"]


@attrs.frozen
class ActParameter:
    """One parameter of a simulated action.

    Attributes:
        name: Its name, as it is sent.
        says: A sentence about it, for people.
        kind: The kind of value. An ``amount`` is in minor units; an ``object`` is a JSON object.
        required: Whether the action refuses to run without it.
        choices: The values it can have, for the kind ``choice``.
        of: The object whose ID is expected, such as ``checkout.session``, for the kind ``id``.
        default: The value that is used when it is not sent; ``None`` if there is no such value.
    """

    name: str
    says: str
    kind: ParameterKind = "text"
    required: bool = attrs.field(default=False, kw_only=True)
    choices: tuple[str, ...] = attrs.field(default=(), kw_only=True)
    of: str = attrs.field(default="", kw_only=True)
    default: str | int | bool | None = attrs.field(default=None, kw_only=True)

    def to_json(self) -> JsonObject:
        """Return the same as JSON."""
        return {**attrs.asdict(self), "choices": list(self.choices)}


@attrs.frozen(kw_only=True)
class SimulatedAction:
    """Something that a customer, a cardholder, a bank or WooshPay does, which a test can ask for.

    Attributes:
        name: Its name, such as ``checkout.sessions.pay``.
        summary: A sentence that says what it does.
        details: Further paragraphs; empty if the summary says it all.
        parameters: The parameters that it takes, in the order in which forms show them.
    """

    name: str
    summary: str
    details: str = ""
    parameters: tuple[ActParameter, ...] = ()

    def to_json(self) -> JsonObject:
        """Return the same as JSON."""
        return {
            "object": "sandbox.act",
            "name": self.name,
            "summary": self.summary,
            "details": self.details,
            "parameters": [parameter.to_json() for parameter in self.parameters],
        }
