"""A declaration as facts: what an operation is called, where its parameters travel, what comes back."""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Final, Literal, TypeAlias

import attrs

from wooshpay import errors
from wooshpay.api import SECTIONS, declarations
from wooshpay.core.declaration import Declaration
from wooshpay.core.docstring import Docstring, read_docstring
from wooshpay.core.json import JsonObject
from wooshpay.core.listing import ListObject
from wooshpay.core.request import Method
from wooshpay.core.unset import Unset
from wooshpay.core.upload import FILE_FIELD, NAME_OF_FILE

Place: TypeAlias = Literal["path", "query", "body", "query+body", "form", "file", "filename"]
"""Where a parameter travels. ``form`` and ``file`` are fields of a multipart body, ``filename`` is no field of it."""

_UNSET: Final = re.compile(r" \| Unset\b")


@attrs.frozen(kw_only=True)
class Parameter:
    """One parameter of an operation.

    Attributes:
        name: Its name in Python.
        wire: Its name in the API.
        place: Where it travels.
        type: Its type, resolved; that it may be left out is not part of it.
        annotation: The same as it stands in the code.
        required: Whether a call must have it.
        description: What it means.
    """

    name: str
    wire: str
    place: Place
    type: Any
    annotation: str
    required: bool
    description: str


@attrs.frozen(kw_only=True)
class Facts:
    """What a declaration says.

    Attributes:
        name: The SDK name, such as ``refunds.create``.
        section: The section, such as ``refunds``.
        method: The HTTP verb.
        path: The path template.
        parameters: Those of the path, the required ones, then the others; ``options`` is not among them.
        returns: The type of the result: an object class, a `ListObject` of one, or ``Any`` for plain JSON.
        result: The same as it stands in the code.
        publishable: Whether a publishable key may make the call.
        text: The docstring.
    """

    name: str
    section: str
    method: Method
    path: str
    parameters: tuple[Parameter, ...]
    returns: Any
    result: str
    publishable: bool
    text: Docstring

    @property
    def is_list(self) -> bool:
        """Whether the result is a page of a list."""
        return typing.get_origin(self.returns) is ListObject

    @property
    def errors(self) -> dict[str, str]:
        """The errors that WooshPay answers with, by class; those of the SDK itself are left out."""
        return {
            name: when
            for name, when in self.text.raises.items()
            if issubclass(getattr(errors, name, object), errors.APIError)
        }


def facts_of(declaration: Declaration) -> Facts:
    """Read a declaration."""
    text = declaration.text
    hints: dict[str, Any] = typing.get_type_hints(declaration.function)
    parameters: list[Parameter] = []
    for name, parameter in declaration.signature.parameters.items():
        if name == "options":
            continue
        in_path = parameter.kind is inspect.Parameter.POSITIONAL_ONLY
        parameters.append(
            Parameter(
                name=name,
                wire=declaration.wire.get(name, name),
                place="path" if in_path else _place(declaration, name),
                type=without_unset(hints[name]),
                annotation=_UNSET.sub("", str(parameter.annotation)),
                required=parameter.default is inspect.Parameter.empty,
                description=text.args.get(name, ""),
            )
        )
    return Facts(
        name=declaration.name,
        section=declaration.name.rpartition(".")[0],
        method=declaration.method,
        path=declaration.path,
        parameters=tuple(sorted(parameters, key=lambda parameter: not parameter.required)),
        returns=hints["return"],
        result=str(declaration.signature.return_annotation),
        publishable=declaration.publishable,
        text=text,
    )


def all_facts() -> Iterator[Facts]:
    """Read every declaration, in the order of the sections."""
    return map(facts_of, declarations())


def purpose_of(section: str) -> str:
    """What a section is for, in the words of its class."""
    resource: type = getattr(import_module(f"wooshpay.api.{section}"), SECTIONS[section])
    text = read_docstring(resource.__doc__)
    return " ".join([text.summary, *text.body])


def options_of(hint: Any) -> tuple[Any, ...]:
    """The types that a union offers; any other type is the only one."""
    return typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)


def without_unset(hint: Any) -> Any:
    """Take `Unset` out of a union."""
    kept = [option for option in options_of(hint) if option is not Unset]
    return typing.Union[tuple(kept)]  # noqa: UP007  # how many there are is known at run time only


def values_of(hint: Any) -> tuple[str, ...]:
    """The values that a type lists, also as those of the entries of a list; none where it lists none."""
    if typing.get_origin(hint) is Literal:
        return typing.get_args(hint)
    inner = options_of(hint) if len(options_of(hint)) > 1 else typing.get_args(hint)
    return tuple(value for option in inner for value in values_of(option))


def to_json(facts: Facts) -> JsonObject:
    """Give the facts as JSON."""
    return {
        "operation": facts.name,
        "section": facts.section,
        "method": facts.method,
        "path": facts.path,
        "parameters": [
            {
                "name": parameter.name,
                "wire": parameter.wire,
                "in": parameter.place,
                "type": parameter.annotation,
                "values": list(values_of(parameter.type)),
                "required": parameter.required,
                "description": parameter.description,
            }
            for parameter in facts.parameters
        ],
        "returns": facts.result,
        "summary": facts.text.summary,
        "reference": facts.text.reference,
        "inferred": facts.text.inferred,
    }


def _place(declaration: Declaration, name: str) -> Place:
    if declaration.params_in != "multipart":
        return declaration.params_in
    if name == FILE_FIELD:
        return "file"
    return "filename" if name == NAME_OF_FILE else "form"
