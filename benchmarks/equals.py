"""Classes of other libraries with the same fields as ours, made from ours, so that all decode and hold the same."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterable
from typing import Any

import attrs

from benchmarks import payloads
from wooshpay.core.codec import hints
from wooshpay.core.json import loads
from wooshpay.core.objects import Object, wire_names

# From a class name and its fields, the class.
Define = Callable[[str, "list[Field]"], type]


@attrs.frozen
class Field:
    """A field of an object.

    Attributes:
        name: In Python.
        wire: In JSON.
        hint: Its type.
        required: Whether it is always there.
    """

    name: str
    wire: str
    hint: Any
    required: bool


def payment_intent(define: Define) -> type:
    """The class of the benchmarks' payment intent and, within it, those of all that is nested in it."""
    from wooshpay.api.payment_intents import PaymentIntent

    return _Maker(define).equal(PaymentIntent.from_dict(loads(payloads.text("payment_intent"))))


def page_of(item: type, define: Define) -> type:
    """The class of a list of them."""
    return define(
        "ListObject",
        [
            Field("object", "object", str, True),
            Field("data", "data", list[item], True),  # type: ignore[valid-type]  # made at run time
            Field("has_more", "has_more", bool, True),
            Field("url", "url", str, True),
        ],
    )


def pydantic_fields(fields: Iterable[Field]) -> dict[str, Any]:
    """Fields as ``pydantic.create_model`` takes them, for those whose models are pydantic's."""
    import pydantic

    return {
        field.name: (field.hint, pydantic.Field(alias=field.wire, default=... if field.required else None))
        for field in fields
    }


class _Maker:
    def __init__(self, define: Define) -> None:
        self._define = define
        self._made: dict[type, type] = {}

    def equal(self, example: Object) -> type:
        """The class equal to that of an object; where the object holds others, so does the class."""
        cls: Any = type(example)
        if cls not in self._made:
            required = {field.name for field in attrs.fields(cls) if field.default is attrs.NOTHING}
            resolved = hints(cls)
            self._made[cls] = self._define(
                cls.__name__,
                [
                    Field(name, wire, self._hint(getattr(example, name), resolved[name]), name in required)
                    for name, wire in wire_names(cls)
                ],
            )
        return self._made[cls]

    def _hint(self, value: object, hint: Any) -> Any:
        options = tuple(_plain(option) for option in _options(hint) if not _is_object(option))
        if isinstance(value, Object):
            options = (*options, self.equal(value))
        return typing.Union[options] if options else Any  # noqa: UP007  # the options are known at run time only


def _options(hint: Any) -> tuple[Any, ...]:
    is_union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return typing.get_args(hint) if is_union else (hint,)


def _is_object(option: Any) -> bool:
    # Also what stands for a class of another section, or a list of such.
    cls = typing.get_origin(option) or option
    return isinstance(cls, type) and cls.__module__.startswith("wooshpay.")


def _plain(option: Any) -> Any:
    return str if typing.get_origin(option) is typing.Literal else option
