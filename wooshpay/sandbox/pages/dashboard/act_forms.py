"""Forms made from declared parameters: the fields to show, and the values that a sent form holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Final

import attrs

from wooshpay.core.json import Json, JsonObject, dumps, loads
from wooshpay.sandbox.engine.act_parameters import ActParameter
from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.engine.params import as_object
from wooshpay.sandbox.engine.store import Record, Store
from wooshpay.sandbox.pages.dashboard.rows import find, row
from wooshpay.sandbox.rules.cards import CARDS
from wooshpay.sandbox.rules.currencies import decimals, written

# Parameters can have any name, also that of the form's own fields such as the token.
PREFIX: Final = "parameter."
# The parameter that takes a ready-made payment method.
_CARD: Final = "card"
_MOST_OFFERED: Final = 50
_EXAMPLE: Final = 2000


@attrs.frozen
class Option:
    """One value that a field offers.

    Attributes:
        value: What is sent.
        text: What is shown.
    """

    value: str
    text: str


@attrs.frozen(kw_only=True)
class Field:
    """One field of a form.

    Attributes:
        parameter: The parameter that it is for.
        value: What it holds.
        hint: What to enter.
        error: Why the last value was refused; empty if it was not.
        options: The values that it offers: all of them for a choice, examples for an ID.
    """

    parameter: ActParameter
    value: str
    hint: str
    error: str
    options: tuple[Option, ...]

    @property
    def id(self) -> str:
        """The ID of the field in the page."""
        return f"field-{self.parameter.name}"

    @property
    def name(self) -> str:
        """The name of the field in the form."""
        return PREFIX + self.parameter.name

    @property
    def label(self) -> str:
        """The parameter's name in words."""
        words = self.parameter.name.replace("_", " ")
        return words[:1].upper() + words[1:]


def values_in(form: Mapping[str, str]) -> dict[str, str]:
    """Return what a form or an address holds for the parameters, as it was typed."""
    return {name.removeprefix(PREFIX): text for name, text in form.items() if name.startswith(PREFIX)}


def read_values(parameters: Iterable[ActParameter], typed: Mapping[str, str]) -> JsonObject:
    """Return the parameters to send. Fields that were left empty are not sent.

    Raises:
        SandboxError: A field for a JSON object holds something else.
    """
    read = {parameter.name: _read(parameter, typed.get(parameter.name, "").strip()) for parameter in parameters}
    return {name: value for name, value in read.items() if value is not None}


def _read(parameter: ActParameter, text: str) -> Json:
    if not text:
        return None
    if parameter.kind == "flag":
        # Anything else is passed on, so that the action refuses it by name.
        return {"true": True, "false": False}.get(text, text)
    if parameter.kind != "object":
        # Numbers too: the actions read digits in a text, and refuse other texts by name.
        return text
    try:
        return _read_object(text)
    except ValueError as error:
        raise SandboxError(str(error), code="parameter_invalid", param=parameter.name) from None


def _read_object(text: str) -> JsonObject:
    """Return the JSON object in a text.

    Raises:
        ValueError: The text is something else. The message says what to change.
    """
    try:
        value = loads(text.encode())
        dumps(value)  # JSON can name characters that no text can hold
        found = as_object(value)
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"This is not valid JSON: {error}.") from None
    if found is None:
        raise ValueError('Enter a JSON object, such as {"amount": 100}.')
    return found


def fields(
    store: Store,
    parameters: Iterable[ActParameter],
    typed: Mapping[str, str],
    error: SandboxError | None = None,
) -> list[Field]:
    """Return the fields of a form.

    Args:
        store: The objects that the fields for IDs offer.
        parameters: The parameters that the form is for.
        typed: What the fields hold, by parameter; the default value where it holds nothing.
        error: Why the form was refused; it is shown at the field that it names.
    """
    shown = list(parameters)
    refused = refused_field(shown, error)
    currency = _currency(store, shown, typed)
    return [
        Field(
            parameter=parameter,
            value=typed.get(parameter.name, _default(parameter)),
            hint=_hint(parameter, currency),
            error=error.message if error is not None and parameter.name == refused else "",
            options=_options(store, parameter),
        )
        for parameter in shown
    ]


def refused_field(parameters: Iterable[ActParameter], error: SandboxError | None) -> str | None:
    """Return the parameter that an error is about, if the form has a field for it."""
    if error is None or error.param is None:
        return None
    name = error.param.partition("[")[0]
    return name if any(parameter.name == name for parameter in parameters) else None


def _default(parameter: ActParameter) -> str:
    default = parameter.default
    if isinstance(default, bool):
        return str(default).lower()
    return "" if default is None else str(default)


def _options(store: Store, parameter: ActParameter) -> tuple[Option, ...]:
    if parameter.kind == "choice":
        return tuple(Option(choice, choice.replace("_", " ")) for choice in parameter.choices)
    if parameter.name == _CARD and parameter.kind == "text":
        return tuple(Option(card.payment_method, card.does) for card in CARDS)
    if parameter.kind != "id" or parameter.of not in store.kinds():
        return ()
    page = store[parameter.of].page(limit=_MOST_OFFERED)
    return tuple(Option(record.id, _about(record)) for record in islice(page.records, _MOST_OFFERED))


def _about(record: Record) -> str:
    line = row(record)
    return ", ".join(part for part in (line.status.replace("_", " "), line.amount, line.about) if part)


def _currency(store: Store, parameters: Iterable[ActParameter], typed: Mapping[str, str]) -> str:
    """Return the currency that the amounts of a form are in; empty if it cannot be told yet."""
    for parameter in parameters:
        text = typed.get(parameter.name, "").strip()
        if parameter.kind == "currency" and text.isascii() and text.isalpha() and len(text) == 3:
            return text.upper()
    for parameter in parameters:
        record = find(store, typed.get(parameter.name, "")) if parameter.kind == "id" else None
        currency = record.get("currency") if record is not None else None
        if isinstance(currency, str):
            return currency.upper()
    return ""


def _hint(parameter: ActParameter, currency: str) -> str:
    if parameter.kind == "amount":
        return _amount_hint(currency)
    if parameter.kind == "currency":
        return "Three letters, such as USD."
    if parameter.kind == "integer":
        return "A whole number."
    if parameter.kind == "object":
        return 'A JSON object, such as {"name": "value"}.'
    return ""


def _amount_hint(currency: str) -> str:
    if not currency:
        return (
            f"In minor units of the currency: {_EXAMPLE} is {written(_EXAMPLE, 'USD')}, and {written(_EXAMPLE, 'JPY')}"
            " because JPY has no decimals."
        )
    count = decimals(currency)
    has = "no decimals" if not count else "1 decimal" if count == 1 else f"{count} decimals"
    return f"In minor units. {currency} has {has}: {_EXAMPLE} is {written(_EXAMPLE, currency)}."
