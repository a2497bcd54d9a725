"""What differs between the accounts of merchants: which methods are enabled, and how the gateway behaves for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import attrs


def _not_blank(_: object, attribute: attrs.Attribute[str], value: str) -> None:
    if not value.strip():
        raise ValueError(f"{attribute.name} is empty. Pass the name of a shop, or leave it out.")


@attrs.frozen(kw_only=True)
class AccountOptions:
    """How the sandbox behaves where accounts of merchants differ, or where nobody has seen what WooshPay does.

    Attributes:
        payment_methods: The types of payment method that are enabled, such as ``("card", "alipay")``. Default: all.
        minimum_amounts: The smallest payment by currency, in minor units. A currency that is not listed has none.
            Default: 50 for USD, as documented.
        unknown_currencies: Whether currency codes that ISO 4217 does not list are accepted or refused.
        plan_changes: What ``proration_behavior="always_invoice"`` does. ``"invoice"`` creates an invoice that the
            merchant pays with a call of its own, as in WooshPay's documented flow. ``"charge"`` charges it at once, as
            Stripe does.
        error_bodies: ``"nested"`` puts the error object under ``error``; ``"flat"`` puts its members at the top level.
        business_name: The name of the shop, which the hosted pages show to customers. Default: ``Sandbox shop``.
    """

    payment_methods: tuple[str, ...] | None = None
    minimum_amounts: Mapping[str, int] = attrs.field(factory=lambda: {"USD": 50})
    unknown_currencies: Literal["accepted", "refused"] = "accepted"
    plan_changes: Literal["invoice", "charge"] = "invoice"
    error_bodies: Literal["nested", "flat"] = "nested"
    business_name: str = attrs.field(default="Sandbox shop", validator=_not_blank)
