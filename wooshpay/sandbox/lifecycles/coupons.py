"""What becomes of coupons and of the promotion codes under which they are handed out.

    coupon     by                                                       to
    (new)      create                                                   valid
    valid      redeem_by passes; redeemed as often as it can be         not valid
               delete                                                   (gone)
    not valid  delete                                                   (gone)

    code       by                                                       to
    (new)      create                                                   active, or not if asked for
    active     update with active false                                 not active
               expires_at passes; redeemed as often as it can be        not active, for good
               its coupon is not valid any more, or gone                not active, for good
    inactive   update with active true, where none of these holds       active

Both are redeemed once for each Checkout Session that completes with them. A session keeps the discount that it has,
whatever becomes of the coupon afterwards.
"""

from __future__ import annotations

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.engine.state import State, plain_view
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.rules.discounts import is_for_currency


def is_valid(state: State, coupon: Record) -> bool:
    """Whether a coupon can still be used."""
    return not _is_over(state, coupon, "redeem_by")


def coupon_of(state: State, code: Record) -> Record | None:
    """The coupon of a promotion code; ``None`` where it was deleted."""
    return state.store["coupon"].get(code["coupon"])


def coupon_as_seen(state: State, code: Record) -> JsonObject:
    """The coupon in a promotion code, as it was last where it was deleted."""
    coupon = coupon_of(state, code)
    if coupon is not None:
        return state.view(coupon)
    last: JsonObject = code.private["last_coupon"]
    return last


def is_active(state: State, code: Record) -> bool:
    """Whether a promotion code can be used by somebody."""
    return bool(code["active"]) and not is_over(state, code)


def is_over(state: State, code: Record) -> bool:
    """Whether a promotion code can never be used again."""
    coupon = coupon_of(state, code)
    return coupon is None or not is_valid(state, coupon) or _is_over(state, code, "expires_at")


def delete(state: State, coupon: Record) -> None:
    """Take a coupon away; its promotion codes show it as it was last."""
    last = {**plain_view(coupon), "valid": False}
    for code in state.store["promotion_code"].where(coupon=coupon.id):
        code.private["last_coupon"] = last
        code["active"] = False
    state.store["coupon"].remove(coupon.id)


def require_usable(state: State, coupon: Record, *, currency: str, param: str | None) -> None:
    """Refuse a coupon that does not hold, or not for a currency."""
    if not is_valid(state, coupon):
        raise _refused("This coupon can no longer be used: it has expired or was used up.", "coupon_expired", param)
    if not is_for_currency(coupon, currency):
        raise _refused(
            f"This coupon takes off an amount in {coupon['currency']}, but the order is in {currency}.",
            "coupon_currency_mismatch",
            param,
        )


def require_code_usable(
    state: State, code: Record, *, customer: str | None, amount: int, currency: str, param: str | None
) -> Record:
    """Refuse a promotion code that does not hold for a customer and an order; give its coupon.

    Args:
        state: The sandbox.
        code: The promotion code.
        customer: Who buys, as far as that is known.
        amount: What the order costs without it, in minor units.
        currency: The order's currency.
        param: The parameter that names the code.
    """
    coupon = coupon_of(state, code)
    if coupon is None or not is_active(state, code):
        raise _refused("This promotion code can no longer be used.", "promotion_code_expired", param)
    if code["customer"] is not None and code["customer"] != customer:
        raise _refused("This promotion code is for another customer.", "promotion_code_customer_mismatch", param)
    restrictions: JsonObject = code["restrictions"] or {}
    if restrictions.get("first_time_transaction") and _has_paid(state, customer):
        raise _refused(
            "This promotion code is for a customer's first purchase only.", "promotion_code_not_first_time", param
        )
    minimum: int | None = restrictions.get("minimum_amount")
    if minimum is not None:
        unit: str = restrictions["minimum_amount_currency"]
        if unit != currency or amount < minimum:
            raise _refused(
                f"This promotion code needs an order of at least {minimum} minor units of {unit}.",
                "promotion_code_minimum_not_met",
                param,
            )
    require_usable(state, coupon, currency=currency, param=param)
    return coupon


def find_code(state: State, word: str, customer: str | None) -> Record | None:
    """The active promotion code that a customer typed: one of their own before one for everybody."""
    found = [code for code in state.store["promotion_code"].where(word=word.upper()) if is_active(state, code)]
    own = (code for code in found if customer is not None and code["customer"] == customer)
    everybody = (code for code in found if code["customer"] is None)
    return next(own, None) or next(everybody, None) or next(iter(found), None)


def is_taken(state: State, word: str, customer: str | None) -> bool:
    """Whether there is an active code of this word for the same customer."""
    codes = state.store["promotion_code"].where(word=word.upper())
    return any(code["customer"] == customer and is_active(state, code) for code in codes)


def redeem(state: State, coupon: str, code: str | None) -> None:
    """Count one use of a coupon and of the promotion code that it came by."""
    for kind, id in (("coupon", coupon), ("promotion_code", code)):
        record = state.store[kind].get(id) if id is not None else None
        if record is not None:
            record["times_redeemed"] += 1


def _is_over(state: State, record: Record, until: str) -> bool:
    most: int | None = record["max_redemptions"]
    last: int | None = record[until]
    return (most is not None and record["times_redeemed"] >= most) or (last is not None and last < state.clock.now)


def _has_paid(state: State, customer: str | None) -> bool:
    if customer is None:
        return False
    return any(intent["status"] == "succeeded" for intent in state.store["payment_intent"].where(customer=customer))


def _refused(message: str, code: str, param: str | None) -> SandboxError:
    return SandboxError(message, code=code, param=param)
