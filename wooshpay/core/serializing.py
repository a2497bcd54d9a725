"""The JSON of objects without their secrets, for responses, logs and caches.

`Object.to_dict` returns everything. What writes objects without being asked for each field, such as the response of a
web framework or a log, must not publish a ``client_secret`` by accident, so it gets the JSON without secrets.
"""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

from wooshpay.core.json import Json, JsonObject, copy_json, is_array, is_object
from wooshpay.core.objects import Object, is_secret, received_of, wire_names
from wooshpay.core.redaction import SENSITIVE_FIELDS
from wooshpay.core.unset import UNSET
from wooshpay.core.writing import plain

# The merchant chose the keys in it, and wants the values back.
_MERCHANTS_OWN: Final = frozenset({"metadata"})


def to_public_dict(value: Object, *, nulls: bool = True) -> JsonObject:
    """Return the JSON of an object without its secrets, at any depth.

    A secret is a field that the ``repr`` hides, such as ``client_secret``, and what has such a name among the unknown
    fields. The number of an invoice is not a secret, and what is in ``metadata`` is kept. The values are those of the
    attributes, so an amount that came as text is a number.

    Args:
        value: The object.
        nulls: Whether documented fields that came as null are in the result.
    """
    cls: Any = type(value)
    result: JsonObject = {}
    received = received_of(value)
    for name, wire in wire_names(cls):
        item = getattr(value, name)
        if not is_secret(cls, wire) and (item is not None or (nulls and is_object(received) and wire in received)):
            result[wire] = _public_field(wire, item, nulls=nulls)
    return {**result, **public_json(dict(value.extra))}


def _public_field(wire: str, value: Any, *, nulls: bool) -> Json:
    if isinstance(value, Object):
        return to_public_dict(value, nulls=nulls)
    if is_array(value):
        return [_public_field(wire, item, nulls=nulls) for item in value]
    if is_object(value) and any(isinstance(item, Object) for item in value.values()):
        return {name: _public_field(name, item, nulls=nulls) for name, item in value.items()}
    return copy_json(value) if wire in _MERCHANTS_OWN else public_json(value)


def public_json(value: Json) -> Json:
    """Copy parsed JSON without the fields that have the name of a secret."""
    if is_object(value):
        return {
            name: copy_json(item) if name in _MERCHANTS_OWN else public_json(item)
            for name, item in value.items()
            if name not in SENSITIVE_FIELDS
        }
    return [public_json(item) for item in value] if is_array(value) else value


def json_default(value: Any) -> Any:
    """Return what a JSON writer can write in place of a value. Pass it as ``default=`` to `json.dumps` or orjson.

    >>> json.dumps(payment, default=wooshpay.json_default)

    Objects of the API become their JSON without secrets such as ``client_secret``; to write these too, pass
    ``payment.to_dict()``. Decimals and UUIDs become text, datetimes, dates and times become text in ISO 8601, and enums
    become their values.

    Args:
        value: The value that the JSON writer cannot write.

    Raises:
        TypeError: The value has no form in JSON.
    """
    if isinstance(value, Object):
        return to_public_dict(value)
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if value is UNSET:
        raise TypeError("UNSET has no form in JSON: it stands for a parameter that is not sent. Leave the field out.")
    return plain(value)
