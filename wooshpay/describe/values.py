"""Arguments written as text, as on a command line or in a table: read by the types that the declarations give.

A place is a parameter, or something within it, its steps divided by dots: ``amount``, ``metadata.order``,
``payment_method_data.card.number``, ``line_items.0.quantity``. Hyphens may stand for the underscores of names.

What a text means there:

- text is taken as it is; whole numbers, fractions, ``true`` and ``false``, and listed values are checked;
- an object is JSON, or its keys are places of their own;
- a list is JSON, or each text is one entry more, or its numbered entries are places of their own;
- free pairs are JSON, or each text is one ``KEY=VALUE`` more, or each key is a place of its own;
- ``null`` is JSON's where a parameter can be null.

JSON is not checked beyond its kind: it is the way to send what the SDK does not know.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final, NoReturn

import attrs

from wooshpay.core.json import Json, JsonObject, is_array, is_object
from wooshpay.core.redaction import SENSITIVE_FIELDS, redact
from wooshpay.core.unset import UNSET
from wooshpay.describe.operations import Facts
from wooshpay.describe.shapes import Shape, shape_of

_WHOLE: Final = re.compile(r"-?[0-9]{1,30}", re.ASCII)
_FRACTION: Final = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?", re.ASCII)
# Without a leading zero, which would be lost.
_PLAINLY_WHOLE: Final = re.compile(r"0|-?[1-9][0-9]{0,29}", re.ASCII)
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,3}", re.ASCII)
_LONGEST_SHOWN: Final = 40
_MANY: Final = 12


class ValueProblem(ValueError):
    """A text that cannot be read, or a place that there is not.

    Attributes:
        place: Where, such as ``payment_method_data.card.exp_month``.
        problem: What is wrong, to be read after the place; free of secrets.
    """

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place} {problem}")
        self.place = place
        self.problem = problem


@attrs.frozen(kw_only=True)
class Arguments:
    """The arguments of one call: ``operation(*arguments.ids, **arguments.keywords)``.

    Attributes:
        ids: The ids in the path.
        keywords: The others, by their names in Python.
        unknown: What the whole body held besides, for ``RequestOptions(extra_body=...)``.
    """

    ids: tuple[str, ...] = ()
    keywords: JsonObject = attrs.field(factory=dict[str, Any], repr=False)
    unknown: JsonObject = attrs.field(factory=dict[str, Any], repr=False)


def read_arguments(facts: Facts, given: Iterable[tuple[str, str]], body: JsonObject | None = None) -> Arguments:
    """Read the arguments of a call.

    Args:
        facts: The operation.
        given: Places and their texts.
        body: A whole body in the API's own names, to which the others are added, replacing what is there.

    Raises:
        ValueProblem: A text cannot be read, there is no such place, or something required is missing. With a
            whole body, what it must have is left to WooshPay.
    """
    parameters = {parameter.name: parameter.type for parameter in facts.parameters}
    names = {parameter.wire: parameter.name for parameter in facts.parameters if parameter.place != "path"}
    whole = copy.deepcopy(body or {})
    values: JsonObject = {names[name]: value for name, value in whole.items() if name in names}
    given_before: set[str] = set()
    for place, text in _in_order(given):
        word, *steps = place.split(".")
        name = _name_among(parameters, word, word, "parameter")
        _put(values, name, parameters[name], steps, text, name, given_before)
    for parameter in facts.parameters:
        if parameter.required and parameter.name not in values and (body is None or parameter.place == "path"):
            raise ValueProblem(parameter.name, "is missing")
    return Arguments(
        ids=tuple(values.pop(parameter.name) for parameter in facts.parameters if parameter.place == "path"),
        keywords=values,
        unknown={name: value for name, value in whole.items() if name not in names},
    )


def type_at(facts: Facts, place: str) -> Any:
    """Give the type of a place.

    Raises:
        ValueProblem: There is none.
    """
    word, *steps = place.split(".")
    parameters = {parameter.name: parameter.type for parameter in facts.parameters}
    so_far = _name_among(parameters, word, word, "parameter")
    hint = parameters[so_far]
    while steps:
        key, hint, steps = _step(shape_of(hint), steps, so_far)
        so_far = f"{so_far}.{key}"
    return hint


def places_in(hint: Any) -> Iterator[tuple[str, Any]]:
    """Go through the places within a type, each with its type: of lists the first entry, of free pairs none."""
    shape = shape_of(hint)
    fields: Mapping[str, Any] = {"0": shape.inner} if shape.kind == "list" else shape.fields
    for key, inner in fields.items():
        deeper = list(places_in(inner))
        if not deeper:
            yield key, inner
        for place, leaf in deeper:
            yield f"{key}.{place}", leaf


def read_text(hint: Any, text: str, place: str) -> Json:
    """Read one text as a whole value of a type.

    Args:
        hint: The type.
        text: The text.
        place: What it is for, for the error.

    Raises:
        ValueProblem: It is no such value.
    """
    return _read(shape_of(hint), text, place)


# ---- putting values in their places ---------------------------------------------------------------------------


def _in_order(given: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Wholes before their parts, entries of a list by number; what has one place stays in the order given."""

    def rank(pair: tuple[str, str]) -> list[tuple[int, str]]:
        steps = pair[0].replace("-", "_").split(".")
        return [(int(step), "") if _INDEX.fullmatch(step) else (-1, step) for step in steps]

    return sorted(given, key=rank)


def _put(holder: Any, key: Any, hint: Any, steps: list[str], text: str, place: str, given_before: set[str]) -> None:
    """Read a text into a holder, a dict or a list, going down by the steps that are left."""
    shape = shape_of(hint)
    there = holder[key] if is_array(holder) or key in holder else UNSET
    if not steps:
        value = _read(shape, text, place)
        holder[key] = _joined(shape, there, value, place) if place in given_before else value
        given_before.add(place)
        return
    inner_key, inner, rest = _step(shape, steps, place)
    empty: Json = [] if shape.kind == "list" else {}
    if there is UNSET:
        there = holder[key] = empty
    inner_place = f"{place}.{inner_key}"
    if type(there) is not type(empty):
        raise ValueProblem(inner_place, f"cannot be set, as {place} is given otherwise")
    if is_array(there):
        if inner_key > len(there):
            raise ValueProblem(
                inner_place, f"must not come without {place}.{len(there)}: entries are numbered from 0 without gaps"
            )
        if inner_key == len(there):
            there.append(UNSET)
    _put(there, inner_key, inner, rest, text, inner_place, given_before)


def _step(shape: Shape, steps: list[str], place: str) -> tuple[Any, Any, list[str]]:
    """Go one step down from a place: the key or index, the type that is there, and the steps left."""
    first, *rest = steps
    if shape.kind == "object":
        name = _name_among(shape.fields, first, f"{place}.{first}", "key")
        return name, shape.fields[name], rest
    if shape.kind == "list":
        if not _INDEX.fullmatch(first):
            raise ValueProblem(f"{place}.{first}", f"must be a number from 0, as {place} is a list")
        return int(first), shape.inner, rest
    if shape.kind in {"pairs", "json"}:
        # The keys of free pairs may have dots in them.
        if shape.kind == "pairs" and shape_of(shape.inner).kind != "json":
            first, rest = ".".join(steps), []
        if not first:
            raise ValueProblem(f"{place}.", "ends in a dot: a key must follow")
        return first, shape.inner, rest
    raise ValueProblem(f"{place}.{first}", f"is no place, as {place} is {shape.called}")


def _joined(shape: Shape, there: Json, value: Json, place: str) -> Json:
    """Join what one place is given twice: lists and free pairs grow, anything else is a mistake."""
    if is_array(there) and is_array(value):
        return [*there, *value]
    if shape.kind == "pairs" and is_object(there) and is_object(value):
        return {**there, **value}
    raise ValueProblem(place, "is given twice")


# ---- reading --------------------------------------------------------------------------------------------------


def _read(shape: Shape, text: str, place: str) -> Json:
    bare = text.strip()
    if shape.nullable and bare == "null":
        return None
    match shape.kind:
        case "integer":
            if not _WHOLE.fullmatch(bare):
                _refuse(place, "must be a whole number", text)
            return int(bare)
        case "number":
            if not _FRACTION.fullmatch(bare):
                _refuse(place, "must be a number", text)
            return float(bare) if "." in bare else int(bare)
        case "boolean":
            if bare.lower() not in {"true", "false"}:
                _refuse(place, "must be true or false", text)
            return bare.lower() == "true"
        case "choice":
            if bare not in shape.values:
                _refuse(place, _rule_of_choice(bare, shape.values), text)
            return bare
        case "list":
            return _json(bare, list, place) if bare.startswith("[") else [_read(shape_of(shape.inner), text, place)]
        case "pairs":
            return _json(bare, dict, place) if bare.startswith("{") else _pair(shape, text, place)
        case "object":
            return _json(bare, dict, place)
        case "json":
            try:
                return _loads(bare)
            except DuplicateKey as duplicate:
                raise ValueProblem(place, str(duplicate)) from None
            except ValueError:
                return text
        case _:
            return int(bare) if shape.or_integer and _PLAINLY_WHOLE.fullmatch(bare) else text


def _pair(shape: Shape, text: str, place: str) -> JsonObject:
    key, divided, value = text.partition("=")
    if not divided or not key:
        null = ", or null to remove all" if shape.nullable else ""
        raise ValueProblem(place, f"must be KEY=VALUE or a JSON object{null}")
    return {key: _read(shape_of(shape.inner), value, f"{place}.{key}")}


def _json(text: str, kind: type, place: str) -> Json:
    called = "an object {...}" if kind is dict else "a list [...]"
    try:
        value = _loads(text)
    except DuplicateKey as duplicate:
        raise ValueProblem(place, str(duplicate)) from None
    except ValueError as error:
        # The text itself may hold a card number, so only what the parser says of it is shown.
        why = f" ({error.msg.lower()} at character {error.pos + 1})" if isinstance(error, json.JSONDecodeError) else ""
        raise ValueProblem(place, f"must be JSON, {called}{why}") from None
    if not isinstance(value, kind):
        raise ValueProblem(place, f"must be JSON, {called}")
    return value


class DuplicateKey(ValueError):
    """An object in JSON has a key twice, of which one would silently win."""

    def __init__(self, key: str) -> None:
        super().__init__(f"has the key {redact(key)!r:.60} twice in one JSON object: remove one of them")


def without_duplicates(pairs: list[tuple[str, Json]]) -> JsonObject:
    """Make an object of the pairs that a JSON parser read, as its ``object_pairs_hook``.

    Raises:
        DuplicateKey: A key is there twice.
    """
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise DuplicateKey(key)
            seen.add(key)
    return made


def _loads(text: str) -> Json:
    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is no JSON")

    try:
        return json.loads(text, parse_constant=refuse, object_pairs_hook=without_duplicates)
    except RecursionError:
        raise ValueError("nested too deeply") from None


# ---- saying what is wrong -------------------------------------------------------------------------------------


def _name_among(known: Mapping[str, object], word: str, place: str, kind: str) -> str:
    name = word if word in known else word.replace("-", "_")
    if name not in known:
        near = get_close_matches(name, known, 3)
        hint = f"did you mean {_listed(tuple(near))}?" if near else f"there are {_listed(tuple(known), 'and')}"
        raise ValueProblem(place, f"is not a {kind} here: {hint}")
    return name


def _listed(values: tuple[str, ...], last: str = "or") -> str:
    shown = list(values[:_MANY])
    if len(values) > _MANY:
        shown.append(f"{len(values) - _MANY} others")
    return f" {last} ".join(part for part in (", ".join(shown[:-1]), shown[-1]) if part)


def _rule_of_choice(text: str, values: tuple[str, ...]) -> str:
    near = tuple(get_close_matches(text, values, 3)) if len(values) > _MANY else ()
    return f"must be one of its {len(values)} values, such as {_listed(near)}" if near else f"must be {_listed(values)}"


def _refuse(place: str, rule: str, text: str) -> NoReturn:
    if place.rpartition(".")[2] in SENSITIVE_FIELDS or redact(text) != text:
        raise ValueProblem(place, rule)
    shown = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
    raise ValueProblem(place, f"{rule}, not {shown!r}")
