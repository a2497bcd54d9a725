"""Types as JSON Schema 2020-12: parameter shapes as what may be sent, objects as what may come.

Answers are open: a field may have a value that is not listed yet, an object a field that is not known yet.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NotRequired, Required, TypeVar

import attrs

from wooshpay.api import TAGS
from wooshpay.core.catalog import load
from wooshpay.core.codec import Later, hints
from wooshpay.core.docstring import Docstring, read_docstring
from wooshpay.core.json import JsonObject
from wooshpay.core.listing import ListObject
from wooshpay.core.objects import AS_TEXT, Object, wire_names
from wooshpay.core.unset import Unset

_PLAIN: Final[dict[Any, str]] = {str: "string", int: "integer", float: "number", bool: "boolean"}
_NULL: Final = type(None)
_CODE: Final = re.compile(r"``(.+?)``")
_CONSTANTS: Final[dict[str, str]] = {"None": "null", "True": "true", "False": "false"}


def markdown(text: str) -> str:
    """Write a text of our docstrings for readers of any language: Markdown, and constants as JSON spells them."""
    return _CODE.sub(lambda code: f"`{_spelled(code[1])}`", text)


def _spelled(code: str) -> str:
    return re.sub(r"\b(?:None|True|False)\b", lambda constant: _CONSTANTS[constant[0]], code)


class Schemas:
    """The schemas that types need, each class once and referred to by its name.

    Attributes:
        made: Name to schema, for every class that was met so far.
    """

    def __init__(self) -> None:
        self.made: dict[str, JsonObject] = {}
        self._classes: dict[str, Any] = {}

    def of(self, hint: Any, *, answer: bool = False) -> JsonObject:
        """Give the schema of a type.

        Args:
            hint: The type, resolved.
            answer: Whether it is that of something WooshPay sends: values other than those listed are fine then.

        Raises:
            TypeError: There is no JSON form of the type.
        """
        origin: Any = typing.get_origin(hint) or hint
        arguments = typing.get_args(hint)
        if origin is typing.Annotated:
            inner = self.of(arguments[0], answer=answer)
            return either([inner, {"type": "string"}]) if AS_TEXT in arguments[1:] else inner
        if origin in (typing.Union, types.UnionType):
            return self._union(arguments, answer=answer)
        if origin is Literal:
            return {"type": "string", "examples" if answer else "enum": [*arguments]}
        if hint in _PLAIN:
            return {"type": _PLAIN[hint]}
        if hint is Any:
            return {}
        if origin in (list, Sequence):
            return {"type": "array", **_unless_any("items", self.of(arguments[0], answer=answer))}
        if origin in (dict, Mapping):
            return {"type": "object", **_unless_any("additionalProperties", self.of(arguments[1], answer=answer))}
        if typing.is_typeddict(origin):
            return self._shape(origin)
        if isinstance(origin, type) and issubclass(origin, (Object, Later)):
            return self._object(origin, arguments)
        raise TypeError(f"there is no JSON form of {hint}")

    def _union(self, options: Sequence[Any], *, answer: bool) -> JsonObject:
        kept = [option for option in options if option not in (_NULL, Unset)]
        listed = [value for option in kept if typing.get_origin(option) is Literal for value in typing.get_args(option)]
        found = [self.of(option, answer=answer) for option in kept if typing.get_origin(option) is not Literal]
        if listed and {"type": "string"} in found:
            # A list of values beside plain text is not all that there may be.
            found[found.index({"type": "string"})] = {"type": "string", "examples": listed}
        elif listed:
            found.insert(0, {"type": "string", "examples" if answer else "enum": listed})
        return either([*found, {"type": "null"}] if _NULL in options else found)

    def _shape(self, shape: Any) -> JsonObject:
        def make() -> JsonObject:
            text = read_docstring(shape.__doc__)
            properties: JsonObject = {}
            required: list[str] = []
            for name, hint in typing.get_type_hints(shape, include_extras=True).items():
                mark = typing.get_origin(hint)
                marked = mark in (Required, NotRequired)
                properties[name] = self.of(typing.get_args(hint)[0] if marked else hint)
                # The marks are text to the class itself, which is why its own account of them is not enough.
                if mark is Required or (not marked and name in shape.__required_keys__):
                    required.append(name)
            return _described_object(text, properties, required)

        return self._named(shape.__name__, shape, make)

    def _object(self, cls: Any, arguments: Sequence[Any]) -> JsonObject:
        cls = _loaded(cls)
        return self.refer(cls, _loaded(arguments[0]) if arguments else Any)

    def refer(self, cls: Any, item: Any) -> JsonObject:
        """Return a reference to the schema of an object class, and make the schema where that was not done yet.

        Args:
            cls: The class.
            item: The class of the entries, for `ListObject`.
        """
        if cls is Object:
            return self._named("AnyObject", cls, _any_object)
        name = cls.__name__ if cls is not ListObject else f"{getattr(item, '__name__', '')}List"
        return self._named(name, (cls, item), lambda: self.object(cls, item))

    def object(self, cls: Any, item: Any = Any) -> JsonObject:
        """Return the schema of an object class itself, with references to the classes in it.

        Args:
            cls: The class.
            item: The class of the entries, for `ListObject`.
        """
        if cls is Object:
            return _any_object()
        text = read_docstring(cls.__doc__)
        types_of = hints(cls)
        fields = {field.name: field for field in attrs.fields(cls)}
        properties: JsonObject = {}
        required: list[str] = []
        for field, wire in wire_names(cls):
            schema = self.of(_with_item(types_of[field], item), answer=True)
            if field == "object" and cls.TAG and schema == {"type": "string"}:
                schema = {**schema, "examples": [cls.TAG]}
            properties[wire] = described(schema, text.attributes.get(field, ""))
            if fields[field].default is attrs.NOTHING:
                required.append(wire)
        return _described_object(text, properties, required)

    def _named(self, name: str, identity: Any, make: typing.Callable[[], JsonObject]) -> JsonObject:
        if self._classes.setdefault(name, identity) != identity:
            raise TypeError(f"two classes of the API are called {name}")
        if name not in self.made:
            self.made[name] = {}  # a class may come to itself again
            self.made[name] = make()
        return {"$ref": f"#/components/schemas/{name}"}


def described(schema: JsonObject, text: str) -> JsonObject:
    """Add a description to a schema."""
    return {**schema, "description": markdown(text)} if text else schema


def either(schemas: Sequence[JsonObject]) -> JsonObject:
    """Join schemas: one of them holds. Plain types become a list of types."""
    if len(schemas) == 1:
        return schemas[0]
    schemas = [option for schema in schemas for option in (schema["anyOf"] if schema.keys() == {"anyOf"} else [schema])]
    *others, last = schemas
    if last == {"type": "null"} and len(others) == 1 and isinstance(others[0].get("type"), str):
        nullable = {**others[0], "type": [others[0]["type"], "null"]}
        return {**nullable, "enum": [*nullable["enum"], None]} if "enum" in nullable else nullable
    if all(schema.keys() == {"type"} for schema in schemas):
        return {"type": list(dict.fromkeys(name for schema in schemas for name in _types_in(schema)))}
    return {"anyOf": [*schemas]}


def _types_in(schema: JsonObject) -> Sequence[str]:
    found: str | list[str] = schema["type"]
    return [found] if isinstance(found, str) else found


def _any_object() -> JsonObject:
    return {
        "type": "object",
        "description": "Any object of the API; `object` says of which kind it is.",
        "properties": {"id": {"type": "string"}, "object": {"type": "string", "examples": sorted(TAGS)}},
    }


def _loaded(cls: Any) -> Any:
    """Give the class that a name of another section stands for."""
    kind: type = cls if isinstance(cls, type) else object
    return load(kind.__name__) if issubclass(kind, Later) else cls


def _with_item(hint: Any, item: Any) -> Any:
    """Put the class of the entries in the place of the type variable of `ListObject`."""
    if isinstance(hint, TypeVar):
        return item
    return hint[item] if getattr(hint, "__parameters__", ()) else hint


def _described_object(text: Docstring, properties: JsonObject, required: list[str]) -> JsonObject:
    schema: JsonObject = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    return described(schema, "\n\n".join([text.summary, *text.body]))


def _unless_any(keyword: str, schema: JsonObject) -> JsonObject:
    return {keyword: schema} if schema else {}
