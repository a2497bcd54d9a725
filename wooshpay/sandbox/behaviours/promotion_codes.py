"""Promotion codes. Their states, and what moves them, are in `wooshpay.sandbox.lifecycles.coupons`.

operation                              allowed
create                                 while the coupon is valid
update of metadata and restrictions    any time
update to active                       while the code and its coupon have not run out, and the word is not taken
"""

from __future__ import annotations

import re
from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.errors import SandboxError, invalid, missing, wrong_state
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import behaviour, view
from wooshpay.sandbox.engine.state import State, plain_view
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import coupons

_WORD = re.compile(r"[A-Za-z0-9_-]{1,500}")
_MADE_UP_LENGTH: Final = 8


@behaviour("promotion_codes.create")
def create(state: State, params: Params) -> JsonObject:
    """Hand a coupon out under a word; one is made up where none is given."""
    coupon = state.need("coupon", params.need_text("coupon"), param="coupon")
    if not coupons.is_valid(state, coupon):
        raise SandboxError(
            "This coupon can no longer be used: it has expired or was used up.", code="coupon_expired", param="coupon"
        )
    customer = params.text("customer") or None
    if customer is not None:
        state.need("customer", customer, param="customer")
    code = params.text("code") or None
    active = params.flag("active") is not False
    if code is not None:
        if not _WORD.fullmatch(code):
            raise invalid("code", "letters, digits, hyphens and underscores")
        if active:
            _refuse_taken(state, code, customer)
    expires_at = params.moment("expires_at")
    if expires_at is not None and expires_at <= state.clock.now:
        raise invalid("expires_at", "a time in the future")
    fields: JsonObject = {
        "active": active,
        "code": code,
        "coupon": coupon.id,
        "customer": customer,
        "expires_at": expires_at,
        "max_redemptions": params.integer("max_redemptions", least=1),
        "metadata": params.metadata() or {},
        "restrictions": _read_restrictions(params, {}),
        "times_redeemed": 0,
    }
    if code is None:
        code = fields["code"] = state.ids.text(_MADE_UP_LENGTH).upper()
    return state.view(state.add("promo", "promotion_code", {**fields, "word": code.upper()}))


@behaviour("promotion_codes.update")
def update(state: State, params: Params) -> JsonObject:
    """Switch a code off or on, or change what is kept with it."""
    code = state.need("promotion_code", params.id)
    active = params.flag("active")
    changes: JsonObject = {
        "metadata": params.metadata(code["metadata"]),
        "restrictions": _read_restrictions(params, code["restrictions"]),
    }
    if active is not None:
        changes["active"] = active
        if active and not coupons.is_active(state, code):
            if coupons.is_over(state, code):
                raise wrong_state(
                    "This promotion code cannot be switched on: it has expired or was used up, or its coupon was.",
                    code="promotion_code_unexpected_state",
                )
            _refuse_taken(state, code["code"], code["customer"])
    code.update(changes)
    return state.view(code)


@view("promotion_code")
def view_promotion_code(state: State, code: Record) -> JsonObject:
    """A promotion code with its coupon in full; it is active as long as it can be used."""
    seen = {**plain_view(code), "active": coupons.is_active(state, code), "coupon": coupons.coupon_as_seen(state, code)}
    # For finding it only.
    del seen["word"]
    return seen


def _refuse_taken(state: State, word: str, customer: str | None) -> None:
    if coupons.is_taken(state, word, customer):
        raise SandboxError(
            f"There is an active promotion code {word} already; choose another code, or switch that one off.",
            code="promotion_code_taken",
            param="code",
        )


def _read_restrictions(params: Params, kept: JsonObject) -> JsonObject:
    sent = params.within("restrictions")
    if sent is None:
        return kept
    read: JsonObject = {
        "first_time_transaction": sent.flag("first_time_transaction"),
        "minimum_amount": sent.amount("minimum_amount"),
        "minimum_amount_currency": sent.currency("minimum_amount_currency"),
    }
    whole = {**kept, **{name: value for name, value in read.items() if value is not None}}
    if "minimum_amount" in whole and "minimum_amount_currency" not in whole:
        raise missing(sent.named("minimum_amount_currency"))
    return whole
