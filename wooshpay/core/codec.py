"""From JSON to objects and back. cattrs is the converter; the hooks it runs are generated per class.

A hook never raises for what a 2xx answer holds: a value of an undocumented type is kept as it came, a
lossless one is converted, an unknown field goes to ``extra``. The strict converter raises instead.

How a generated hook works: it sets every documented field straight from the dict and counts the fields
that held something; a value that would be kept whatever its type is not looked at. Where the count is the
number of keys received, nothing is left to explain. Where nulls make up the difference, as in most objects, they are
noted in ``_received``. For all else, and from the first value on that is not as documented, `_read_rest` goes on
in plain steps: it tells unknown fields from nulls, converts, and notes nulls and converted values, so that
`unstructure` gives back exactly what came. The hook itself stays short: the time it takes is the time to get it
through the processor's cache.
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, ClassVar, Final, Protocol, TypeVar

import attrs
import cattrs

from wooshpay.core.annotations import Annotations, evaluate
from wooshpay.core.catalog import class_for_tag, load
from wooshpay.core.json import Json, JsonObject, copy_json, loads, loads_shallow, same_json
from wooshpay.core.listing import ListObject
from wooshpay.core.objects import AS_TEXT, NOTHING_EXTRA, Object, model, received_of, wire_names

T = TypeVar("T")

Hook = Callable[[Any, Any], Any]
Read = Callable[[Any], Any]


class UndocumentedType(ValueError):
    """Raised by the strict converter where a value is not of the documented type."""


@attrs.frozen
class Whole:
    """Stands in ``_received`` of an object that was made of something else than a JSON object."""

    value: Json


@model
class UnknownObject(Object):
    """An object of a kind that this version of the SDK does not know. Its fields are in ``extra``."""

    TAG: ClassVar[str] = ""

    id: str | None = None
    object: str | None = None


# ---- finding classes ------------------------------------------------------------------------------------------


class Later:
    """Stands for a class of another section, which is imported only when an object of it arrives."""


def hints(cls: type) -> dict[str, Any]:
    """Return the field types of an object class; classes of other sections are subclasses of `Later`."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        annotations = getattr(base, "__annotations__", None)
        if isinstance(annotations, Annotations):
            found |= evaluate(annotations.written, base.__module__, _later)
    return found


def _later(name: str) -> type[Later]:
    return type(name, (Later,), {})


# ---- lossless conversions -------------------------------------------------------------------------------------
# Each gives the very value it got where there is nothing to convert without loss.


def _to_int(value: Json) -> Json:
    if isinstance(value, str) and len(value) < 20:
        digits = value.removeprefix("-")
        if digits.isascii() and digits.isdigit() and (digits == "0" or digits[0] != "0"):
            return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _to_float(value: Json) -> Json:
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return value
        return number if repr(number) == value and math.isfinite(number) else _to_int(value)
    return value


def _to_bool(value: Json) -> Json:
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def _same(value: Json) -> Json:
    return value


def _from_json_text(value: Json) -> Json:
    """Parse JSON text inside a string: answers of 2022 have it where an object or a list is documented."""
    if isinstance(value, str) and value[:1] in {"{", "[", "n"} and value.rstrip()[-1:] in {"}", "]", "l"}:
        try:
            return loads(value.encode())
        except (ValueError, RecursionError):
            return value
    return value


# ---- one field ------------------------------------------------------------------------------------------------


@attrs.frozen
class Plan:
    """How a generated hook reads one field.

    Attributes:
        expected: The class of documented values; ``None`` where any JSON is fine.
        convert: Makes an object of a documented value, or of the items in it.
        other: Reads any other value. What it changes counts as a conversion.
        expandable: The field holds an id or a whole object; ``""`` is read as no id.
    """

    expected: type | None = None
    convert: Read | None = None
    other: Read = _same
    expandable: bool = False

    @property
    def convertible(self) -> type | None:
        """The class of the values that ``convert`` is for."""
        return dict if self.expandable else self.expected


class _Planner:
    """Makes the plans for the fields of one class."""

    def __init__(self, converter: cattrs.Converter, *, strict: bool, parameters: Mapping[Any, Any]) -> None:
        self._converter = converter
        self._strict = strict
        self._parameters = parameters

    def plan(self, hint: Any) -> Plan:
        """Plan a field of this type. ``| None`` says nothing here, as any field may be missing."""
        options = [self._parameters.get(option, option) for option in _options(hint)]
        options = [option for option in options if option is not type(None)]
        objects = [option for option in options if _is_object(option)]
        if objects:
            read = self._object(objects)
            if str in options:
                return Plan(str, read, _blank_or(self._refusing(_same, hint, (str,))), expandable=True)
            return Plan(dict, read, self._refusing(_other_than_object(read, objects[0]), hint))
        if options and all(_is_text(option) for option in options):
            return Plan(str, None, self._refusing(_same, hint))
        if len(options) != 1:
            return Plan()
        origin = typing.get_origin(options[0]) or options[0]
        if origin is list:
            entry = self.plan((*typing.get_args(options[0]), Any)[0])
            items = _items(entry, strict=self._strict)
            return Plan(list, items, self._refusing(_other_than_list(items), hint))
        if origin is float:
            return Plan(float, None, self._refusing(_to_float, hint, (int,)))
        if origin in (dict, Mapping):
            entry = self.plan((*typing.get_args(options[0]), Any, Any)[1])
            values = None if entry.convert is None else _values(entry, strict=self._strict)
            return Plan(dict, values, self._refusing(_other_than_dict(values), hint))
        plain: dict[Any, Read] = {int: _to_int, bool: _to_bool}
        if origin not in plain:
            return Plan()
        return Plan(origin, None, self._refusing(plain[origin], hint))

    def _object(self, objects: list[Any]) -> Read:
        first = objects[0]
        if len(objects) == 1 and first is not Object and not issubclass(_class_of(first), Later):
            return _read_of(first, self._converter)

        named = first.__name__ if len(objects) == 1 and first is not Object else None

        reads: dict[str, Read] = {}

        def find(tag: Json) -> Read:
            cls = class_for_tag(tag)
            if cls is None:
                cls = load(named) if named is not None else UnknownObject
                return _read_of(cls, self._converter)
            return reads.setdefault(tag, _read_of(cls, self._converter))

        def by_tag(value: JsonObject) -> Any:
            tag: Json = value.get("object")
            read = reads.get(tag) if isinstance(tag, str) else None
            return (read or find(tag))(value)

        return by_tag

    def _refusing(self, read: Read, hint: Any, fine: tuple[type, ...] = ()) -> Read:
        if _may_be_text(hint):
            read, fine = _blank_or(read), (*fine, str)
        if not self._strict:
            return read

        def refuse(value: Json) -> Json:
            if value.__class__ in fine:
                return read(value)
            raise UndocumentedType(f"{type(value).__name__} where {hint} is documented")

        return refuse


def _read_of(hint: Any, converter: cattrs.Converter) -> Read:
    # cattrs passes the type as well, which the hooks made here do not need.
    hook: Any = converter.get_structure_hook(hint)
    read: Read = hook
    return read


def _may_be_text(hint: Any) -> bool:
    return any(AS_TEXT in getattr(option, "__metadata__", ()) for option in (hint, *typing.get_args(hint)))


def _blank_or(read: Read) -> Read:
    return lambda value: None if value == "" else read(value)


def _options(hint: Any) -> tuple[Any, ...]:
    if typing.get_origin(hint) is typing.Annotated:
        return _options(typing.get_args(hint)[0])
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return tuple(inner for option in typing.get_args(hint) for inner in _options(option))
    return (hint,)


def _class_of(option: Any) -> Any:
    return typing.get_origin(option) or option


def _is_object(option: Any) -> bool:
    cls = _class_of(option)
    return isinstance(cls, type) and issubclass(cls, (Object, Later))


def _is_text(option: Any) -> bool:
    return option is str or typing.get_origin(option) is typing.Literal


def _items(entry: Plan, *, strict: bool) -> Read | None:
    convert, expected = entry.convert, entry.expected
    convertible = entry.convertible
    if strict and expected is not None:

        def item(value: Json) -> Any:
            if convert is not None and value.__class__ is convertible:
                return convert(value)
            return value if value.__class__ is expected else entry.other(value)

        return lambda values: [item(value) for value in values]
    if convert is None:
        return None
    return lambda values: [convert(value) if value.__class__ is convertible else value for value in values]


def _other_than_object(read: Read, option: Any) -> Read:
    envelope = _class_of(option) is ListObject

    def other(value: Json) -> Any:
        if value == "":
            return None
        parsed = _from_json_text(value)
        if envelope and parsed.__class__ is list:
            return _read_text(read, {"object": "list", "data": parsed}, value)
        if parsed.__class__ is dict:
            return _read_text(read, parsed, value)
        return parsed if parsed is None else value

    return other


def _other_than_list(items: Read | None) -> Read:
    read = items or _same

    def other(value: Json) -> Any:
        if value.__class__ is dict and value.get("data").__class__ is list:
            return read(value["data"])
        parsed = _from_json_text(value)
        if parsed.__class__ is list:
            return _read_text(read, parsed, value)
        return parsed if parsed is None else value

    return other


def _values(entry: Plan, *, strict: bool) -> Read:
    items = _items(entry, strict=strict) or _same
    return lambda pairs: dict(zip(pairs, items([*pairs.values()]), strict=True))


def _other_than_dict(values: Read | None) -> Read:
    read = values or _same

    def other(value: Json) -> Any:
        parsed = _from_json_text(value)
        return _read_text(read, parsed, value) if parsed.__class__ is dict else parsed

    return other


def _read_text(read: Read, parsed: Json, text: Json) -> Any:
    """Make objects of what JSON text holds, or leave the text as it came where they would nest without end."""
    try:
        return read(parsed)
    except RecursionError:
        return text


# ---- one class ------------------------------------------------------------------------------------------------


def _make_hook(hint: Any, converter: cattrs.Converter, *, strict: bool) -> Hook:
    cls: Any = _class_of(hint)
    arguments = typing.get_args(hint)
    parameters = dict(zip(getattr(cls, "__parameters__", ()), arguments, strict=True)) if arguments else {}
    planner = _Planner(converter, strict=strict, parameters=parameters)
    types_of = hints(cls)
    fields = [(name, wire, planner.plan(types_of[name])) for name, wire in wire_names(cls)]
    known = frozenset(wire for _, wire, _ in fields)

    def rest(made: Any, data: JsonObject, place: int) -> Any:
        return _read_rest(made, data, fields[place:], known)

    def note(made: Any, data: JsonObject, found: int) -> Any:
        nulls = [key for key, value in data.items() if value is None]
        if found + len(nulls) == len(data) and known.issuperset(nulls):
            made.extra = NOTHING_EXTRA
            made._received = _only_nulls(tuple(nulls))
            return made
        return _read_rest(made, data, (), known)

    scope: dict[str, Any] = {"cls": cls, "new": cls.__new__, "nothing": NOTHING_EXTRA}
    scope |= {"odd": _odd, "rest": rest, "note": note}
    lines = [
        "def structure(data, _=None):",
        "    if data.__class__ is not dict:",
        "        return odd(cls, data)",
        "    made = new(cls)",
        f"    found = {len(fields)}",
    ]
    for place, (name, wire, plan) in enumerate(fields):
        scope[f"convert{place}"] = plan.convert
        lines.append(f"    value = data.get({wire!r})")
        lines += (f"    {line}" for line in _field_code(plan, place))
        lines.append(f"    made.{name} = value")
    lines += [
        "    if found != len(data):",
        "        return note(made, data, found)",
        "    made.extra = nothing",
        "    made._received = None",
        "    return made",
    ]
    # The text is made of field names of our own classes only; nothing received gets into it.
    exec(compile("\n".join(lines), f"<structure {cls.__name__}>", "exec"), scope)  # noqa: S102  # see above
    hook: Hook = scope["structure"]
    return hook


def _field_code(plan: Plan, place: int) -> list[str]:
    missing, rest = "    found -= 1", f"    return rest(made, data, {place})"
    if plan.expected is None or (plan.convert is None and plan.other is _same):
        return ["if value is None:", missing]
    convert = f"    value = convert{place}(value)"
    if plan.expandable:
        whole = ["elif value.__class__ is dict:", convert]
        lines = ["if value is None:", missing, *whole, "else:", rest]
        return ["if value.__class__ is not str or not value:", *(f"    {line}" for line in lines)]
    if plan.expected is dict:
        # Objects are mostly absent, all else is mostly there: the usual case comes first.
        documented = [convert] if plan.convert else ["    pass"]
        return ["if value is None:", missing, "elif value.__class__ is dict:", *documented, "else:", rest]
    documented = ["else:", convert] if plan.convert else []
    unusual = ["    if value is not None:", f"    {rest}", missing]
    return [f"if value.__class__ is not {plan.expected.__name__}:", *unusual, *documented]


def _read_rest(made: Any, data: JsonObject, fields: Sequence[tuple[str, str, Plan]], known: frozenset[str]) -> Any:
    """Read the fields from the first unusual one on, and note what `unstructure` must know besides them."""
    received: JsonObject = {}
    for name, wire, plan in fields:
        value = data.get(wire)
        if value is not None and value.__class__ is not plan.convertible:
            other = plan.other(value)
            if other is not value:
                received[wire] = value
            value = other
        elif value is not None and plan.convert is not None:
            value = plan.convert(value)
        setattr(made, name, value)
    nulls = [key for key, value in data.items() if value is None]
    if known.issuperset(data):
        made.extra = NOTHING_EXTRA
    else:
        made.extra = {key: value for key, value in data.items() if key not in known}
        nulls = [key for key in nulls if key in known]
    if received:
        received.update(dict.fromkeys(nulls))
        made._received = received
    else:
        made._received = _only_nulls(tuple(nulls)) if nulls else None
    return made


@lru_cache(maxsize=1024)
def _only_nulls(names: tuple[str, ...]) -> JsonObject:
    """What is noted of an object with nothing odd but nulls: one dict for all objects with the same ones."""
    return dict.fromkeys(names)


def _odd(cls: Any, data: Json) -> Any:
    """Make an object although WooshPay sent no JSON object: empty, but it gives the JSON back."""
    made: Any = cls.__new__(cls)
    for name, _ in wire_names(cls):
        setattr(made, name, None)
    made.extra = NOTHING_EXTRA
    made._received = Whole(data)
    return made


# ---- the converters -------------------------------------------------------------------------------------------


def _make_converter(*, strict: bool) -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=False)

    def factory(hint: Any) -> Hook:
        return _make_hook(hint, converter, strict=strict)

    converter.register_structure_hook_factory(_is_object, factory)
    converter.register_unstructure_hook_func(_is_object, unstructure)
    return converter


def structure(data: Json, cls: type[T], *, strict: bool = False) -> T:
    """Make an object of parsed JSON.

    Args:
        data: Parsed JSON.
        cls: The object class.
        strict: Raise `UndocumentedType` where a value is not of the documented type.
    """
    return (STRICT if strict else TOLERANT).structure(data, cls)


@cache
def reader(hint: Any, *, strict: bool = False) -> Read:
    """Give the function that makes what an operation returns out of parsed JSON."""
    if not _is_object(hint):
        return _same
    read = _read_of(hint, STRICT if strict else TOLERANT)
    if _class_of(hint) is not ListObject:
        return read
    return lambda data: read(_in_envelope(data))


class Parsed(Protocol):
    """Has the JSON of a body."""

    @property
    def parsed(self) -> Json:
        """The body as JSON."""
        ...


def read(body: bytes, hint: Any, *, strict: bool = False, parsed: Parsed | None = None) -> Any:
    """Make what an operation returns out of the body of an answer.

    Args:
        body: The bytes received.
        hint: What the operation returns.
        strict: Raise `UndocumentedType` where a value is not of the documented type.
        parsed: The response that the body came in, which may have parsed it before.

    Raises:
        ValueError: The body is not JSON.
    """
    make = reader(hint, strict=strict)
    try:
        return make(loads(body) if parsed is None else parsed.parsed)
    except RecursionError:
        return make(loads_shallow(body))


def _in_envelope(data: Json) -> Json:
    """Put a bare array, or the one entry that the reference shows for a customer's payment methods, in a list."""
    if data.__class__ is list:
        return {"object": "list", "data": data}
    if data.__class__ is dict and "data" not in data and isinstance(data.get("id"), str):
        return {"object": "list", "has_more": False, "data": [data]}
    return data


_PLAIN: Final = frozenset({str, int, float, bool})


def unstructure(value: Object) -> JsonObject:
    """Return the JSON of an object: what was received, with what was changed since."""
    received = received_of(value)
    cls: Any = type(value)
    result: JsonObject = {}
    for name, wire in wire_names(cls):
        item = getattr(value, name)
        if item is not None:
            # Most values are plain, and a call for each would take as long as all the rest.
            result[wire] = item if item.__class__ in _PLAIN else to_json(item)
    for name, item in value.extra.items():
        result[name] = item if item.__class__ in _PLAIN else copy_json(item)
    if received.__class__ is Whole:
        whole: JsonObject = result or copy_json(received.value)
        return whole
    if received is not None:
        result.update(_unchanged(value, received))
    return result


def _unchanged(value: Object, received: JsonObject) -> JsonObject:
    """Return those of the noted fields that have still the value with which they were read."""
    cls: Any = type(value)
    kept: JsonObject = {}
    for name, wire in wire_names(cls):
        if wire not in received:
            continue
        item, came = getattr(value, name), received[wire]
        if came is None:
            if item is None:
                kept[wire] = None
            continue
        # Read it once more to know what the attribute was: an object in it may have been changed in place.
        as_read = getattr(structure({wire: copy_json(came)}, cls), name)
        if same_json(to_json(item), to_json(as_read)):
            kept[wire] = copy_json(came)
    return kept


def to_json(value: Any) -> Json:
    """Return the JSON of the value of one field. It shares nothing with the value."""
    if isinstance(value, Object):
        return unstructure(value)
    # Objects are at most in a list or a dict; what is deeper there is JSON as it came.
    if value.__class__ is list:
        return [_item_to_json(item) for item in value]
    if value.__class__ is dict:
        return {name: _item_to_json(item) for name, item in value.items()}
    return copy_json(value)


def _item_to_json(item: Any) -> Json:
    return unstructure(item) if isinstance(item, Object) else copy_json(item)


TOLERANT: Final = _make_converter(strict=False)
STRICT: Final = _make_converter(strict=True)
