"""Coupons. Their states, and what moves them, are in `wooshpay.sandbox.lifecycles.coupons`.

operation           allowed
create              -
retrieve, delete    until deleted
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.errors import SandboxError, invalid, missing
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import behaviour, view
from wooshpay.sandbox.engine.state import State, plain_view
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import coupons

DURATIONS: Final = ("forever", "once", "repeating")

_NUMBER = re.compile(r"\d{1,3}(\.\d{1,10})?")

# Create answers with these alone; retrieve with all fields.
_FIRST_ANSWER: Final = (
    *("id", "object", "amount_off", "created", "currency", "duration", "livemode", "metadata", "name", "percent_off"),
)


@behaviour("coupons.create")
def create(state: State, params: Params) -> JsonObject:
    """Make a coupon.

    The reference's create takes neither limits nor products nor the length of a repeating coupon, though the object
    has them. They are taken here, so that coupons with them can be tried.
    """
    percent, amount = _percent(params), params.amount("amount_off")
    if (percent is None) == (amount is None):
        raise SandboxError(
            "Pass either percent_off, or amount_off together with currency.",
            code="parameter_missing" if percent is None else "parameter_invalid",
            param="percent_off" if percent is None else "amount_off",
        )
    currency = params.currency("currency")
    if amount is not None and currency is None:
        raise missing("currency")
    duration = params.choice("duration", DURATIONS) or "once"
    fields: JsonObject = {
        "amount_off": amount,
        "applies_to": _read_products(state, params),
        "currency": currency if amount is not None else None,
        "duration": duration,
        **_read_length(params, duration),
        "max_redemptions": params.integer("max_redemptions", least=1),
        "metadata": params.metadata() or {},
        "name": params.text("name") or None,
        "percent_off": percent,
        "redeem_by": _later(state, params, "redeem_by"),
        "times_redeemed": 0,
    }
    coupon = state.view(state.add("coupon", "coupon", fields))
    return {name: coupon[name] for name in _FIRST_ANSWER if name in coupon}


@behaviour("coupons.retrieve")
def retrieve(state: State, params: Params) -> JsonObject:
    """Get a coupon."""
    return state.view(state.need("coupon", params.id))


@behaviour("coupons.delete")
def delete(state: State, params: Params) -> JsonObject:
    """Take a coupon away. Discounts that came of it stay."""
    coupon = state.need("coupon", params.id)
    coupons.delete(state, coupon)
    return {"id": coupon.id, "object": "coupon", "deleted": True}


@view("coupon")
def view_coupon(state: State, coupon: Record) -> JsonObject:
    """A coupon, and whether it can still be used."""
    return {**plain_view(coupon), "valid": coupons.is_valid(state, coupon)}


def _percent(params: Params) -> float | None:
    value = params.values.get("percent_off")
    if value is None:
        return None
    number: object = value
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        number = float(value) if "." in value else int(value)
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not 0 < Decimal(str(number)) <= 100:
        raise invalid("percent_off", "a number above 0 and at most 100")
    return number


def _read_products(state: State, params: Params) -> JsonObject | None:
    applies_to = params.within("applies_to")
    products = applies_to.texts("products") if applies_to is not None else None
    for place, product in enumerate(products or ()):
        state.need("product", product, param=f"applies_to[products][{place}]")
    return {"products": products} if products else None


def _read_length(params: Params, duration: str) -> JsonObject:
    """How long a repeating coupon lasts; the reference types days and weeks as text."""
    read: JsonObject = {
        "duration_in_months": params.integer("duration_in_months", least=1),
        **{
            name: str(count) if (count := params.integer(name, least=1)) is not None else None
            for name in ("duration_in_weeks", "duration_in_days")
        },
    }
    for name, count in read.items():
        if count is not None and duration != "repeating":
            raise SandboxError(f"{name} needs duration repeating.", code="parameter_invalid", param=name)
    return read


def _later(state: State, params: Params, name: str) -> int | None:
    moment = params.moment(name)
    if moment is not None and moment <= state.clock.now:
        raise invalid(name, "a time in the future")
    return moment
