"""Reading the parameters of a call, leniently where WooshPay's own pages differ, and with clear refusals."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeGuard
from urllib.parse import urlsplit

import attrs

from wooshpay.core.json import Json, JsonObject
from wooshpay.currencies import DECIMALS, WITHOUT_MINOR_UNIT
from wooshpay.sandbox.engine.errors import SandboxError, invalid, missing
from wooshpay.sandbox.engine.units import check_unit

MAX_AMOUNT: Final = 99_999_999

_WHOLE_NUMBER = re.compile(r"-?\d{1,18}")
_CURRENCY = re.compile(r"[A-Za-z]{3}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:(?!\d)")
_CONTROL = re.compile(r"[\x00-\x20\x7f]")


def is_object(value: Json) -> TypeGuard[JsonObject]:
    """Whether the value is a JSON object."""
    return isinstance(value, dict)


def is_list(value: Json) -> TypeGuard[list[Any]]:
    """Whether the value is a JSON array."""
    return isinstance(value, list)


def as_object(value: Json) -> JsonObject | None:
    """The value if it is a JSON object."""
    return value if is_object(value) else None


@attrs.frozen
class Params:
    """The parameters of one call, or of one object within them.

    Attributes:
        values: Name and value, as received in the query or the body.
        path: What stood in the placeholders of the path.
        publishable: Whether the call came with the publishable key.
        place: Where these parameters stand, for error messages.
        listed_currencies: Whether a currency must be one that ISO 4217 lists.
    """

    values: JsonObject
    path: Mapping[str, str] = attrs.field(factory=dict[str, str])
    publishable: bool = False
    place: str = ""
    listed_currencies: bool = False

    @property
    def id(self) -> str:
        """The id in the path."""
        return next(iter(self.path.values()))

    def named(self, name: str) -> str:
        """A parameter's full name, such as ``line_items[0][quantity]``."""
        return f"{self.place}[{name}]" if self.place else name

    def given(self, *names: str) -> bool:
        """Whether any of these parameters was sent with a value."""
        return any(self.values.get(name) is not None for name in names)

    def text(self, name: str) -> str | None:
        """A text; numbers are taken as text too."""
        value = self.values.get(name)
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return str(value)
        raise invalid(self.named(name), "a text")

    def need_text(self, name: str) -> str:
        """A text that must be there and not empty."""
        value = self.text(name)
        if not value:
            raise missing(self.named(name))
        return value

    def choice(self, name: str, options: Iterable[str]) -> str | None:
        """One of some words."""
        value = self.text(name)
        allowed = tuple(options)
        if value is not None and value not in allowed:
            raise invalid(self.named(name), f"one of {', '.join(allowed)}")
        return value

    def integer(self, name: str, *, least: int | None = None, most: int | None = None) -> int | None:
        """A whole number; digits in a text count, as the reference types some amounts so."""
        value = self.values.get(name)
        if value is None:
            return None
        if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value):
            value = int(value)
        bound = f" of at least {least}" if least is not None else ""
        if isinstance(value, bool) or not isinstance(value, int) or (least is not None and value < least):
            raise invalid(self.named(name), f"a whole number{bound}", code="parameter_invalid_integer")
        if most is not None and value > most:
            raise invalid(self.named(name), f"at most {most}", code="parameter_invalid_integer")
        return value

    def amount(self, name: str) -> int | None:
        """An amount of money in minor units."""
        value = self.integer(name, least=1)
        if value is not None and value > MAX_AMOUNT:
            raise invalid(self.named(name), f"at most {MAX_AMOUNT} minor units", code="amount_too_large")
        return value

    def need_amount(self, name: str) -> int:
        """An amount of money in minor units that must be there."""
        value = self.amount(name)
        if value is None:
            raise missing(self.named(name))
        return value

    def flag(self, name: str) -> bool | None:
        """True or false, also as text."""
        value = self.values.get(name)
        value = {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value
        if value is not None and not isinstance(value, bool):
            raise invalid(self.named(name), "true or false")
        return value

    def currency(self, name: str) -> str | None:
        """A currency; answered in upper case however it was sent."""
        value = self.text(name)
        if value is not None and not _CURRENCY.fullmatch(value):
            raise invalid(self.named(name), "a currency code of three letters, such as USD")
        code = value.upper() if value is not None else None
        if code is not None and self.listed_currencies and code not in DECIMALS and code not in WITHOUT_MINOR_UNIT:
            message = f"The parameter {self.named(name)} is {code}, which is not a currency of ISO 4217, such as USD."
            raise SandboxError(message, code="currency_unknown", param=self.named(name))
        return code

    def need_currency(self, name: str) -> str:
        """A currency that must be there."""
        value = self.currency(name)
        if value is None:
            raise missing(self.named(name))
        return value

    def url(self, name: str) -> str | None:
        """An address of a web page. WooshPay takes it without a scheme too."""
        value = self.text(name)
        if not value:
            return value
        if _CONTROL.search(value) or (_SCHEME.match(value) and not is_web_address(value)):
            raise invalid(self.named(name), "a web address that starts with https:// or http://", code="url_invalid")
        return value

    def moment(self, name: str) -> int | None:
        """Return a time in milliseconds; one in seconds is refused."""
        value = self.integer(name, least=0)
        check_unit(value, "milliseconds", param=self.named(name))
        return value

    def within(self, name: str) -> Params | None:
        """The parameters inside an object."""
        value = self.values.get(name)
        if value is None:
            return None
        found = as_object(value)
        if found is None:
            raise invalid(self.named(name), "an object")
        return Params(found, place=self.named(name), listed_currencies=self.listed_currencies)

    def need_within(self, name: str) -> Params:
        """The parameters inside an object that must be there."""
        found = self.within(name)
        if found is None:
            raise missing(self.named(name))
        return found

    def each(self, name: str) -> list[Params]:
        """The parameters inside each object of a list."""
        entries: list[Params] = []
        for place, value in enumerate(self._list(name) or ()):
            found = as_object(value)
            if found is None:
                raise invalid(f"{self.named(name)}[{place}]", "an object")
            inner = f"{self.named(name)}[{place}]"
            entries.append(Params(found, place=inner, listed_currencies=self.listed_currencies))
        return entries

    def texts(self, name: str) -> list[str] | None:
        """A list of texts."""
        values = self._list(name)
        if values is None:
            return None
        if not all(isinstance(value, str) and value for value in values):
            raise invalid(self.named(name), "a list of texts")
        return list(values)

    def _list(self, name: str) -> list[Any] | None:
        value = self.values.get(name)
        if value is None:
            return None
        if not is_list(value):
            raise invalid(self.named(name), "a list")
        return value

    def as_sent(self, name: str) -> JsonObject | None:
        """An object that is kept as it came, without its nulls."""
        found = self.within(name)
        return without_nulls(found.values) if found is not None else None

    def metadata(self, kept: JsonObject | None = None, name: str = "metadata") -> JsonObject | None:
        """Free pairs, merged into the ones kept: an empty value removes a pair, nothing at all removes all."""
        if name not in self.values:
            return kept
        value = self.values[name]
        if value is None or value == "":
            return {}
        pairs = as_object(value)
        if pairs is None:
            raise invalid(self.named(name), "an object of texts")
        merged = dict(kept or {})
        for key, item in pairs.items():
            if item is None or item == "":
                merged.pop(key, None)
            elif isinstance(item, (str, int, float)):
                merged[key] = item if isinstance(item, str) else _as_text(item)
            else:
                raise invalid(f"{self.named(name)}[{key}]", "a text")
        return merged


def _as_text(value: float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def is_web_address(value: str) -> bool:
    """Whether a text is a whole http or https address."""
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme.lower() in {"http", "https"} and bool(parts.hostname)


def without_nulls(value: JsonObject) -> JsonObject:
    """Leave out members that are null, at every depth."""
    kept: JsonObject = {}
    for name, item in value.items():
        inner = as_object(item)
        if inner is not None:
            kept[name] = without_nulls(inner)
        elif item is not None:
            kept[name] = item
    return kept
