"""The parameters of a simulated action, declared once for HTTP, the dashboard, the command line and the documents."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

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
