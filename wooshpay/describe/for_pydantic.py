"""Objects in pydantic, and therefore in FastAPI: how they are validated, serialized and described.

pydantic is not a dependency. It calls the two hooks of `Object`, which come here.

A validator is one function, so a model or a route with an object in it costs nothing to set up. The JSON Schema, which
refers to dozens of other classes, is made when somebody asks for it.
"""

from __future__ import annotations

import typing
from contextvars import ContextVar
from functools import cache
from typing import Any, Final

from pydantic import GetJsonSchemaHandler, TypeAdapter
from pydantic_core import CoreSchema, PydanticCustomError, SchemaSerializer, to_jsonable_python
from pydantic_core import core_schema as core

from wooshpay.core.catalog import class_for_tag
from wooshpay.core.codec import UnknownObject, structure
from wooshpay.core.json import Json, JsonObject, copy_json, is_array, is_object
from wooshpay.core.objects import Object, is_secret
from wooshpay.core.serializing import public_json, to_public_dict
from wooshpay.describe.schemas import Schemas

SECRETS: Final = "wooshpay_secrets"
"""Asks for secrets in pydantic's serialization context: ``model_dump(context={"wooshpay_secrets": True})``."""


def core_schema(cls: type[Object], source: Any) -> CoreSchema:
    """Return how pydantic validates and serializes an object class.

    Args:
        cls: The class.
        source: The annotation, such as ``ListObject[PaymentIntent]``.
    """
    _annotations[_ref_of(source)] = source

    def validate(value: Any) -> Object:
        return _validated(value, cls, source)

    def serialize(value: Any, info: core.SerializationInfo) -> Json:
        # pydantic has a context for serialization since 2.7.
        context: Any = getattr(info, "context", None)
        secrets = is_object(context) and context.get(SECRETS)
        if not isinstance(value, Object):
            # A model made or copied without validation may hold anything, such as the JSON of the object.
            return value if secrets else public_json(value)
        made = value.to_dict() if secrets else to_public_dict(value, nulls=not info.exclude_none)
        include: Any = info.include
        exclude: Any = info.exclude
        if include is None and exclude is None:
            return made
        # pydantic does not apply them to what a function returns.
        return to_jsonable_python(made, include=include, exclude=exclude)

    return core.no_info_plain_validator_function(
        validate,
        ref=_ref_of(source),
        serialization=core.plain_serializer_function_ser_schema(serialize, info_arg=True),
    )


@cache
def serializer(cls: type[Object]) -> SchemaSerializer:
    """Return how pydantic serializes an object whose class no annotation tells."""
    return SchemaSerializer(core_schema(cls, cls))


def _validated(value: Any, cls: type[Object], source: Any) -> Object:
    if isinstance(value, cls):
        return value
    if not is_object(value):
        raise PydanticCustomError(
            "wooshpay_object_type", "Input should be a JSON object or an instance of {name}", {"name": cls.__name__}
        )
    tag: Json = value.get("object")
    if cls is Object:
        found = class_for_tag(tag) or UnknownObject
        return structure(copy_json(value), found)
    # Ignore a tag that the SDK does not know: old responses have mistakes there.
    if cls.TAG and tag != cls.TAG and class_for_tag(tag) is not None:
        raise PydanticCustomError(
            "wooshpay_object_tag",
            "Input should be an object of type '{expected}', but its field 'object' is '{tag}'",
            {"expected": cls.TAG, "tag": tag},
        )
    made: Object = structure(copy_json(value), source)
    return made


# ---- JSON Schema ----------------------------------------------------------------------------------------------

# The references of the classes whose schemas are being made: a class may refer to itself.
_in_progress: Final[ContextVar[frozenset[str]]] = ContextVar("_in_progress", default=frozenset())


class _Referring(Schemas):
    """Schemas that refer to object classes with the references of pydantic."""

    def __init__(self, handler: GetJsonSchemaHandler) -> None:
        super().__init__()
        self._handler = handler

    def refer(self, cls: Any, item: Any) -> JsonObject:
        """Return a reference to an object class, and have pydantic make its schema."""
        annotation = cls if item is Any else cls[item]
        reference = core.definition_reference_schema(_ref_of(annotation))
        if _ref_of(annotation) in _in_progress.get():
            return self._handler(reference)
        return self._handler(core.definitions_schema(reference, [_definition(annotation)]))


def json_schema(cls: type[Object], schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonObject:
    """Return the JSON Schema of an object class: what may come, or what is serialized, which has no secrets.

    Args:
        cls: The class.
        schema: What `core_schema` returned for it.
        handler: pydantic's handler, which makes references to other classes.
    """
    ref = _ref_in(schema)
    token = _in_progress.set(_in_progress.get() | {ref})
    try:
        made: JsonObject = _with_single_types(_Referring(handler).object(cls, _item_of(_annotations[ref])))
    finally:
        _in_progress.reset(token)
    if handler.mode == "serialization" and "properties" in made:
        made["properties"] = {wire: part for wire, part in made["properties"].items() if not is_secret(cls, wire)}
    if "required" in made:
        made["required"] = [wire for wire in made["required"] if not is_secret(cls, wire)]
    return made


def _with_single_types(schema: Any) -> Any:
    """Write ``{"type": ["string", "null"]}`` as two schemas: the models of older versions of FastAPI take one type."""
    if is_array(schema):
        return [_with_single_types(part) for part in schema]
    if not is_object(schema):
        return schema
    schema = {name: _with_single_types(part) for name, part in schema.items()}
    names: Any = schema.get("type")
    if not is_array(names):
        return schema
    described = {"description": schema.pop("description")} if "description" in schema else {}
    options = [{"type": name} if name == "null" else {**schema, "type": name} for name in names]
    return {"anyOf": options, **described}


# Reference to annotation, which pydantic does not pass to the second hook.
_annotations: Final[dict[str, Any]] = {}


@cache
def _definition(annotation: Any) -> CoreSchema:
    """Return the schema of a class as pydantic knows it, with what makes its JSON Schema."""
    found: Any = TypeAdapter(annotation).core_schema
    while found["type"] == "definitions":
        (found,) = found["definitions"]
    made: Any = {**found, "ref": _ref_of(annotation)}
    schema: CoreSchema = made
    return schema


def _ref_in(schema: Any) -> str:
    ref: str = schema["ref"]
    return ref


def _item_of(annotation: Any) -> Any:
    return (*typing.get_args(annotation), Any)[0]


def _ref_of(annotation: Any) -> str:
    cls: Any = typing.get_origin(annotation) or annotation
    arguments = ",".join(_ref_of(argument) for argument in typing.get_args(annotation))
    name = f"wooshpay.{getattr(cls, '__name__', cls)}"
    return f"{name}[{arguments}]" if arguments else name
