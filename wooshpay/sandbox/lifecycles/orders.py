"""What a Checkout Session or a payment link sells: its lines, and the discount on them.

Amounts of a line are what is due at once: a recurring price costs nothing yet while a trial runs. A discount is split
over the lines that it is for, so that the lines always add up to the session's totals.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import attrs

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.errors import SandboxError, invalid, missing
from wooshpay.sandbox.engine.params import MAX_AMOUNT, Params
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import catalog, coupons
from wooshpay.sandbox.lifecycles.catalog import PricePlan
from wooshpay.sandbox.rules.discounts import amount_off, covers, spread
from wooshpay.sandbox.rules.pricing import amount_of

MOST_LINES: Final = 100


@attrs.frozen
class Line:
    """One line of an order, read and priced, before anything is kept.

    Attributes:
        quantity: How many units.
        plan: The price.
    """

    quantity: int
    plan: PricePlan

    def due(self, *, trial: bool = False) -> int:
        """What is due for the line at once, in minor units."""
        return 0 if trial and self.plan.recurring is not None else amount_of(self.plan.terms, self.quantity)


@attrs.frozen(kw_only=True)
class Reduction:
    """A coupon to apply.

    Attributes:
        coupon: The coupon as it is now; what becomes of it later does not matter.
        code: The id of the promotion code that it comes by.
    """

    coupon: JsonObject
    code: str | None = None


# ---- reading


def read_lines(state: State, params: Params, *, subscribes: bool | None, most: int = MOST_LINES) -> list[Line]:
    """Read ``line_items``. Nothing is made yet, so that a refusal leaves nothing behind.

    Args:
        state: The sandbox.
        params: Where ``line_items`` stand.
        subscribes: Whether a subscription comes of them, which needs a recurring price and takes others too;
            ``None`` leaves that to the prices.
        most: How many lines there may be.
    """
    named = params.named("line_items")
    entries = params.each("line_items")
    if len(entries) > most:
        raise invalid(named, f"a list of at most {most} entries")
    lines = [_read_line(state, entry, one_time=subscribes is False) for entry in entries]
    if not lines:
        raise missing(named)
    if subscribes and not is_recurring(lines):
        raise SandboxError("A subscription needs at least one recurring price.", code="price_type_invalid", param=named)
    check_together(lines, named)
    return lines


def read_line(state: State, entry: Params) -> Line:
    """Read one line."""
    return _read_line(state, entry, one_time=False)


def is_recurring(lines: Iterable[Line]) -> bool:
    """Whether a subscription comes of these lines."""
    return any(line.plan.recurring is not None for line in lines)


def check_together(lines: Sequence[Line], named: str) -> None:
    """Refuse lines that one order cannot have side by side."""
    if len({line.plan.currency for line in lines}) > 1:
        raise SandboxError("All line items must have one currency.", code="parameter_invalid", param=named)
    intervals = {
        (plan.recurring["interval"], plan.recurring["interval_count"])
        for plan in (line.plan for line in lines)
        if plan.recurring is not None
    }
    if len(intervals) > 1:
        raise SandboxError(
            "All recurring prices of a subscription must have the same interval and interval_count.",
            code="parameter_invalid",
            param=named,
        )
    if sum(line.due() for line in lines) > MAX_AMOUNT:
        raise invalid(named, f"at most {MAX_AMOUNT} minor units in all", code="amount_too_large")


def _read_line(state: State, entry: Params, *, one_time: bool) -> Line:
    quantity = entry.integer("quantity", least=1)
    if quantity is None:
        raise missing(entry.named("quantity"))
    try:
        return Line(quantity, catalog.read_price(state, entry, recurring=False if one_time else None))
    except SandboxError as error:
        if error.code == "price_type_invalid":
            error.message = "This price is recurring; pass mode subscription to sell it, or use a one-time price."
        raise


def read_discounts(
    state: State, params: Params, *, customer: str | None, amount: int, currency: str
) -> Reduction | None:
    """Read ``discounts``: at most one coupon or promotion code."""
    entries = params.each("discounts")
    if not entries:
        return None
    if len(entries) > 1:
        raise invalid(params.named("discounts"), "a list of at most one discount")
    entry = entries[0]
    coupon_id, code_id = entry.text("coupon") or None, entry.text("promotion_code") or None
    if coupon_id is not None and code_id is not None:
        raise invalid(entry.named("promotion_code"), "left out beside a coupon: pass one of the two")
    if code_id is not None:
        param = entry.named("promotion_code")
        code = state.need("promotion_code", code_id, param=param)
        return by_code(state, code, customer=customer, amount=amount, currency=currency, param=param)
    if coupon_id is None:
        raise missing(entry.named("coupon"))
    param = entry.named("coupon")
    coupon = state.need("coupon", coupon_id, param=param)
    coupons.require_usable(state, coupon, currency=currency, param=param)
    return Reduction(coupon=state.view(coupon))


def by_code(
    state: State, code: Record, *, customer: str | None, amount: int, currency: str, param: str | None = None
) -> Reduction:
    """The reduction of a promotion code, where it holds."""
    coupon = coupons.require_code_usable(state, code, customer=customer, amount=amount, currency=currency, param=param)
    return Reduction(coupon=state.view(coupon), code=code.id)


# ---- keeping


def make_items(state: State, lines: Iterable[Line], *, trial: bool = False) -> list[Record]:
    """Make the line items of an order, and the prices and products that came inline."""
    return [_make_item(state, line, line.due(trial=trial)) for line in lines]


def _make_item(state: State, line: Line, amount: int) -> Record:
    id = state.ids.new("li")
    price = catalog.make_price(state, line.plan)
    product = state.need("product", price["product"])
    fields: JsonObject = {
        "id": id,
        "object": "item",
        "amount_subtotal": amount,
        "amount_total": amount,
        "currency": line.plan.currency,
        "description": product["name"],
        "price": price.id,
        "quantity": line.quantity,
    }
    return state.store.add(Record(fields))


def line_of(state: State, item: Record) -> Line:
    """The line that an item was made of."""
    price = state.need("price", item["price"])
    return Line(item["quantity"], PricePlan(terms=price, record=price))


def items_of(state: State, holder: Record) -> list[Record]:
    """The line items of a session or a payment link."""
    return [state.need("item", id) for id in holder.private["line_items"]]


# ---- the discount of a session


def discount_of(state: State, session: Record) -> Record | None:
    """The discount that a session has."""
    id: str | None = session.private.get("discount")
    return state.need("discount", id) if id is not None else None


def set_discount(state: State, session: Record, reduction: Reduction | None) -> None:
    """Give a session a discount in place of the one it has, and work out its lines and totals anew."""
    old: str | None = session.private.get("discount")
    if old is not None:
        state.store["discount"].remove(old)
    discount = _make_discount(state, session, reduction) if reduction is not None else None
    session.private["discount"] = discount.id if discount is not None else None
    items = items_of(state, session)
    covered, parts = _split(state, session, items, reduction)
    for item, part, is_covered in zip(items, parts, covered, strict=True):
        item.update(
            amount_discount=part,
            amount_total=item["amount_subtotal"] - part,
            discounts=[discount.id] if discount is not None and is_covered else [],
        )
    session["amount_subtotal"] = sum(item["amount_subtotal"] for item in items)
    session["amount_total"] = sum(item["amount_total"] for item in items)


def total_with(state: State, session: Record, reduction: Reduction) -> int:
    """Return what a session would cost with another discount, in minor units."""
    items = items_of(state, session)
    _, parts = _split(state, session, items, reduction)
    total: int = sum(item["amount_subtotal"] for item in items) - sum(parts)
    return total


def _split(
    state: State, session: Record, items: list[Record], reduction: Reduction | None
) -> tuple[list[bool], list[int]]:
    """Return which lines a reduction covers, and what it takes off each of them."""
    covered = [reduction is not None and _is_for(state, reduction.coupon, item) for item in items]
    amounts = [item["amount_subtotal"] if is_covered else 0 for item, is_covered in zip(items, covered, strict=True)]
    whole = amount_off(reduction.coupon, sum(amounts), session["currency"]) if reduction is not None else 0
    return covered, list(spread(whole, amounts))


def redeem(state: State, session: Record) -> None:
    """Count the use of the discount of a session that completed."""
    discount = discount_of(state, session)
    if discount is not None:
        discount.update(customer=session["customer"] or None, subscription=session.get("subscription"))
        coupons.redeem(state, discount["coupon"]["id"], discount["promotion_code"])


def _make_discount(state: State, session: Record, reduction: Reduction) -> Record:
    fields: dict[str, Any] = {
        "id": state.ids.new("di"),
        "object": "discount",
        "checkout_session": session.id,
        "coupon": reduction.coupon,
        "customer": session["customer"] or None,
        "end": None,
        "promotion_code": reduction.code,
        "start": state.clock.second,
        "subscription": None,
    }
    return state.store.add(Record(fields))


def _is_for(state: State, coupon: JsonObject, item: Record) -> bool:
    return covers(coupon, state.need("price", item["price"])["product"])
