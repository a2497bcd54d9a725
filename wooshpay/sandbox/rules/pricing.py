"""What a quantity of a price costs.

billing_scheme    tiers_mode    cost of a quantity
per_unit          -             every unit costs unit_amount
tiered            graduated     each unit costs what the tier it falls into says; flat_amount of each tier entered
                  volume        every unit costs what the tier of the whole quantity says, and its flat_amount
tiered            no tiers      as per_unit: the reference's own call makes such prices, as it takes no tiers
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

TIERS_MODES: Final = ("graduated", "volume")
ENDLESS: Final = "inf"
"""``up_to`` of the last tier."""


def amount_of(price: Mapping[str, Any], quantity: int) -> int:
    """What a quantity costs, in minor units.

    Args:
        price: A price record, or the fields of one.
        quantity: How many units.
    """
    tiers: Sequence[Mapping[str, Any]] | None = price.get("tiers")
    if price.get("billing_scheme") != "tiered" or not tiers:
        each: int = price["unit_amount"]
        return each * quantity
    if price.get("tiers_mode") == "volume":
        return _by_volume(tiers, quantity)
    return sum(_graduated(tiers, quantity))


def _graduated(tiers: Sequence[Mapping[str, Any]], quantity: int) -> Iterator[int]:
    below = 0
    for tier in tiers:
        if quantity <= below:
            return
        last = quantity if tier["up_to"] == ENDLESS else min(quantity, tier["up_to"])
        yield tier["flat_amount"] + tier["unit_amount"] * (last - below)
        below = last


def _by_volume(tiers: Sequence[Mapping[str, Any]], quantity: int) -> int:
    if quantity == 0:
        return 0
    tier = next(tier for tier in tiers if tier["up_to"] == ENDLESS or quantity <= tier["up_to"])
    amount: int = tier["flat_amount"] + tier["unit_amount"] * quantity
    return amount
