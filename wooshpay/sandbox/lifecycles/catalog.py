"""What is sold: products and prices, also those that come inline with an order. They have no states but ``active``.

price or product    to buy it
active              allowed
not active          refused; what was bought before stays as it is

A price of an order is read first and made later, so that a refused order leaves nothing behind.
"""

from __future__ import annotations

from typing import Any, Final

import attrs

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.errors import SandboxError, invalid, missing
from wooshpay.sandbox.engine.params import MAX_AMOUNT, Params
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.rules.pricing import ENDLESS, TIERS_MODES

MOST_IMAGES: Final = 8
LONGEST_LOOKUP_KEY: Final = 200
INTERVALS: Final = ("day", "week", "month", "year")
# A billing period is a year at most, as at Stripe.
_MOST_INTERVALS: Final = {"day": 365, "week": 52, "month": 12, "year": 1}


@attrs.frozen(kw_only=True)
class PricePlan:
    """A price that was read, before anything is kept.

    Attributes:
        terms: The price's fields; the record itself where there is one.
        record: The price, where it was there before.
        product: The fields of the product to make with it, where that came inline too.
    """

    terms: JsonObject
    record: Record | None = None
    product: JsonObject | None = None

    @property
    def currency(self) -> str:
        """The price's currency."""
        currency: str = self.terms["currency"]
        return currency

    @property
    def recurring(self) -> JsonObject | None:
        """How often the price is due; ``None`` where it is due once."""
        recurring: JsonObject | None = self.terms.get("recurring")
        return recurring


def read_price(state: State, entry: Params, *, recurring: bool | None) -> PricePlan:
    """Read ``price``, an id, or ``price_data``. Nothing is made yet.

    Args:
        state: The sandbox.
        entry: Where one of the two stands.
        recurring: Whether the price must be, or must not be, due again and again; ``None`` takes both.

    Raises:
        SandboxError: Neither or both are there, or one of them is wrong, of the other type, or not active.
    """
    id = entry.text("price") or None
    data = entry.within("price_data")
    if id is not None:
        if data is not None:
            raise _one_of(entry, "price", "price_data")
        place = entry.named("price")
        plan = _existing(state, id, place)
    elif data is not None:
        place = data.named("recurring")
        plan = read_terms(state, data)
    else:
        raise missing(entry.named("price_data"))
    if recurring is not None and recurring != (plan.recurring is not None):
        wanted, is_now = ("recurring", "one-time") if recurring else ("one-time", "recurring")
        raise SandboxError(
            f"This price is {is_now}; a {wanted} one is needed here.", code="price_type_invalid", param=place
        )
    return plan


def read_terms(state: State, data: Params) -> PricePlan:
    """Read a new price: the parameters of create, or ``price_data``. Nothing is made yet."""
    product, product_data = data.text("product") or None, data.within("product_data")
    if product is not None and product_data is not None:
        raise _one_of(data, "product", "product_data")
    new_product: JsonObject | None = None
    if product is not None:
        _require_active(state.need("product", product, param=data.named("product")), data.named("product"))
    else:
        new_product = read_product(data.need_within("product_data"))
    recurring = _read_recurring(data)
    terms: JsonObject = {
        "active": data.flag("active") is not False,
        "billing_scheme": "per_unit",
        "currency": data.need_currency("currency"),
        "lookup_key": read_lookup_key(data),
        "metadata": data.metadata() or {},
        "nickname": data.text("nickname"),
        "product": product,
        "recurring": recurring,
        "type": "recurring" if recurring is not None else "one_time",
        "unit_amount": data.integer("unit_amount", least=0, most=MAX_AMOUNT),
        **_read_tiers(data),
    }
    if terms["unit_amount"] is None and not terms.get("tiers"):
        raise missing(data.named("unit_amount"))
    return PricePlan(terms=terms, product=new_product)


def make_price(state: State, plan: PricePlan) -> Record:
    """Make the price of a plan, and its product, where they came inline; give it."""
    if plan.record is not None:
        return plan.record
    id = state.ids.new("price")
    terms = dict(plan.terms)
    if plan.product is not None:
        terms["product"] = make_product(state, plan.product).id
    head = {"id": id, "object": "price", "created": state.clock.second, "livemode": False}
    return state.store.add(Record({**head, **terms}))


def read_product(data: Params) -> JsonObject:
    """Read a new product: the parameters of create, or ``product_data``."""
    return {
        "active": data.flag("active") is not False,
        "description": data.text("description") or None,
        "images": read_images(data),
        "metadata": data.metadata() or {},
        "name": data.need_text("name"),
        "url": data.url("url") or None,
    }


def make_product(state: State, fields: JsonObject) -> Record:
    """Make a product of what `read_product` gave."""
    return state.add("prod", "product", {**fields, "updated": state.clock.second})


def read_images(data: Params) -> list[str] | None:
    """The addresses of a product's pictures."""
    images = data.texts("images")
    if images is not None and len(images) > MOST_IMAGES:
        raise invalid(data.named("images"), f"a list of at most {MOST_IMAGES} addresses")
    return images


def read_lookup_key(data: Params) -> str | None:
    """The merchant's own name for a price."""
    key = data.text("lookup_key") or None
    if key is not None and len(key) > LONGEST_LOOKUP_KEY:
        raise invalid(data.named("lookup_key"), f"a text of at most {LONGEST_LOOKUP_KEY} characters")
    return key


def _existing(state: State, id: str, place: str) -> PricePlan:
    price = state.need("price", id, param=place)
    _require_active(price, place)
    _require_active(state.need("product", price["product"]), place)
    return PricePlan(terms=price, record=price)


def _require_active(record: Record, param: str) -> None:
    if not record["active"]:
        raise SandboxError(
            f"The {record.kind} {record.id} is not active; set active to true before you sell it.",
            code=f"{record.kind}_inactive",
            param=param,
        )


def _one_of(params: Params, one: str, other: str) -> SandboxError:
    return SandboxError(
        f"Pass {params.named(one)} or {params.named(other)}, not both.",
        code="parameter_invalid",
        param=params.named(other),
    )


def _read_recurring(data: Params) -> JsonObject | None:
    recurring = data.within("recurring")
    if recurring is None:
        return None
    interval = recurring.choice("interval", INTERVALS)
    if not interval:
        raise missing(recurring.named("interval"))
    most = _MOST_INTERVALS[interval]
    return {
        "interval": interval,
        "interval_count": recurring.integer("interval_count", least=1, most=most) or 1,
        "usage_type": recurring.choice("usage_type", ("licensed",)) or "licensed",
    }


def _read_tiers(data: Params) -> JsonObject:
    """What makes a price tiered. Seen: an unknown scheme was taken and kept as per_unit."""
    if data.text("billing_scheme") != "tiered":
        if data.given("tiers"):
            raise SandboxError(
                f"{data.named('tiers')} needs {data.named('billing_scheme')} tiered.",
                code="parameter_invalid",
                param=data.named("billing_scheme"),
            )
        return {}
    tiers = data.each("tiers")
    if not tiers:
        return {"billing_scheme": "tiered"}
    read: list[JsonObject] = []
    below = 0
    for place, tier in enumerate(tiers):
        if place < len(tiers) - 1:
            up_to = tier.integer("up_to", least=below + 1)
            if up_to is None:
                raise missing(tier.named("up_to"))
            below = up_to
        elif tier.text("up_to") not in {None, "", ENDLESS}:
            raise invalid(tier.named("up_to"), f"{ENDLESS} or left out: the last tier has no end")
        read.append({"up_to": below if place < len(tiers) - 1 else ENDLESS, **_tier_amounts(tier)})
    return {
        "billing_scheme": "tiered",
        "tiers": read,
        "tiers_mode": data.choice("tiers_mode", TIERS_MODES) or "graduated",
    }


def _tier_amounts(tier: Params) -> dict[str, Any]:
    if not tier.given("unit_amount", "flat_amount"):
        raise missing(tier.named("unit_amount"))
    return {name: tier.integer(name, least=0, most=MAX_AMOUNT) or 0 for name in ("unit_amount", "flat_amount")}
