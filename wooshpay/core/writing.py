"""JSON written step by step: the rules that both fast writers are held to, and errors that name the parameter.

The fast writers of `wooshpay.core.json` differ at the edges. Where one of them refuses a value, or could write it
differently from the other, the value comes here. So what a program may pass, the bytes that are sent, and the error
for what cannot be sent do not depend on what is installed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import Enum
from json.encoder import encode_basestring
from typing import Any, Final, TypeAlias

from wooshpay.core.unset import UNSET

# Steps from the outermost value to the one in question: names in objects, places in lists.
Path: TypeAlias = tuple[str | int, ...]

# orjson goes no deeper, and no parameter of an API needs a tenth of it.
DEEPEST: Final = 254
_LONGEST_NAME: Final = 40
# Sequences of numbers in Python, but not lists in JSON.
_BYTES: Final = (bytes, bytearray, memoryview)
_ADVICE: Final = {
    "Decimal": "Pass an amount as an integer in the smallest unit of its currency, or a number as text.",
    "bytearray": "Decode the bytes, and pass text.",
    "bytes": "Decode the bytes, and pass text.",
    "date": "Pass milliseconds since 1970, or text, as the parameter is documented.",
    "datetime": "Pass milliseconds since 1970: int(moment.timestamp() * 1000) of an aware datetime.",
    "frozenset": "Pass a list.",
    "memoryview": "Decode the bytes, and pass text.",
    "set": "Pass a list.",
    "time": "Pass text.",
    "timedelta": "Pass a number of the unit that the parameter is documented in.",
}


def write(value: Any) -> bytes:
    """Write a value as JSON.

    Raises:
        TypeError: A value has a type that JSON does not have. The message names the parameter.
        ValueError: A value is of the right type but cannot be written. The message names the parameter.
    """
    parts: list[str] = []
    try:
        _write(value, (), parts)
    except RecursionError:
        raise _too_deep(()) from None
    return "".join(parts).encode()


def plain(value: Any) -> Any:
    """Return a value in a form that every JSON writer takes.

    Raises:
        TypeError: It has none.
    """
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float):
        return float(value)
    if isinstance(value, Mapping):
        return dict(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]  # any mapping
    if is_list(value):
        return list(value)
    if any(cls.__name__ == "UUID" and cls.__module__ == "uuid" for cls in type(value).__mro__):
        return str(value)
    raise TypeError(f"cannot serialize {_a(type(value).__name__)} here. {_advice(value)}")


def is_list(value: object) -> bool:
    """Return whether a value is a list in JSON. Text and bytes are sequences in Python, too."""
    return isinstance(value, Sequence) and not isinstance(value, (str, *_BYTES))


def key_text(key: Any, path: Path = ()) -> str:
    """Return the name in JSON of a key of a dict.

    Args:
        key: Text, or a number, a boolean or ``None``, which JSON can only have as text.
        path: Where the dict is.

    Raises:
        TypeError: The key is of another type.
        ValueError: The key cannot be encoded.
    """
    if isinstance(key, str):
        text = str.__str__(key)
        _check_text(text, path, "a name in it contains")
        return text
    if isinstance(key, float):
        return number_text(key, path)
    if key is None or isinstance(key, bool):
        return {None: "null", True: "true", False: "false"}[key]
    if isinstance(key, int):
        return _digits(key, path)
    raise TypeError(f"{_named(path)}: the names in it must be text, not {_a(type(key).__name__)}.")


def number_text(value: float, path: Path = ()) -> str:
    """Return a number with a fraction as orjson writes it: its exponents have no zeros in front.

    Raises:
        ValueError: It is not finite.
    """
    if not math.isfinite(value):
        raise ValueError(f"{_named(path)}: JSON has no {float.__repr__(value)}. Pass a finite number.")
    text = float.__repr__(value)
    mantissa, small, exponent = text.partition("e-")
    if not small:
        return text
    if int(exponent) > 5:
        return f"{mantissa}e-{int(exponent)}"
    sign = "-" if mantissa.startswith("-") else ""
    return f"{sign}0.0000{mantissa.removeprefix('-').replace('.', '')}"


def _write(value: Any, path: Path, parts: list[str]) -> None:
    if value is None or value is True or value is False:
        parts.append({None: "null", True: "true", False: "false"}[value])
    elif value is UNSET:
        raise TypeError(f"{_named(path)}: UNSET can stand in a dict only, where it leaves its name out.")
    elif isinstance(value, Enum):
        _write(value.value, path, parts)
    elif isinstance(value, str):
        text = str.__str__(value)
        _check_text(text, path, "the text contains")
        parts.append(encode_basestring(text))
    elif isinstance(value, int):
        parts.append(_digits(value, path))
    elif isinstance(value, float):
        parts.append(number_text(value, path))
    elif isinstance(value, Mapping):
        _check_depth(path)
        parts.append("{")
        separator = ""
        for key, inner in value.items():  # pyright: ignore[reportUnknownVariableType]  # whatever the user passed
            name = key_text(key, path)
            if inner is not UNSET:
                parts.append(f"{separator}{encode_basestring(name)}:")
                _write(inner, (*path, name), parts)
                separator = ","
        parts.append("}")
    elif is_list(value):
        _check_depth(path)
        parts.append("[")
        for number, inner in enumerate(value):
            parts.append("," if number else "")
            _write(inner, (*path, number), parts)
        parts.append("]")
    else:
        try:
            reduced = plain(value)
        except TypeError as error:
            raise TypeError(f"{_named(path)}: {error}") from None
        _write(reduced, path, parts)


def _digits(value: int, path: Path) -> str:
    try:
        return int.__repr__(value)
    except ValueError:
        raise ValueError(f"{_named(path)}: the integer has more digits than Python writes. Pass it as text.") from None


def _check_text(text: str, path: Path, what: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        code = ord(text[error.start])
        raise ValueError(
            f"{_named(path)}: {what} half of a surrogate pair (U+{code:04X}), which cannot be sent."
            ' Remove it, for example with text.encode("utf-8", "replace").decode().'
        ) from None


def _check_depth(path: Path) -> None:
    if len(path) >= DEEPEST:
        raise _too_deep(path)


def _too_deep(path: Path) -> ValueError:
    return ValueError(f"{_named(path[:1])}: it is nested more than {DEEPEST} levels deep, or contains itself.")


def _named(path: Path) -> str:
    """Return how to call the value at the end of a path, such as ``Parameter line_items[0].price``."""
    if not path:
        return "The value"
    first, *rest = path
    return f"Parameter {_shown(str(first))}{''.join(map(_step, rest))}"


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if step.isidentifier() and len(step) <= _LONGEST_NAME else f"[{_shown(step)}]"


def _shown(name: str) -> str:
    if len(name) > _LONGEST_NAME:
        return f"{name[:_LONGEST_NAME]!r}..."
    return name if name.isidentifier() else repr(name)


def _advice(value: Any) -> str:
    for cls in type(value).__mro__:
        if cls.__name__ in _ADVICE:
            return _ADVICE[cls.__name__]
    if isinstance(getattr(value, "id", None), str):
        return "Pass its ID."
    if hasattr(value, "__dataclass_fields__"):
        return "Pass a dict, such as dataclasses.asdict(...) of it."
    return "Pass text, a number, a boolean, a list or a dict."


def _a(name: str) -> str:
    return f"{'an' if name[:1] in 'AEIOUaeiou' else 'a'} {name}"
