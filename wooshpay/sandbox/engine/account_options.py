"""What differs between the accounts of merchants: which methods are enabled, and how the gateway behaves for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import attrs

from wooshpay.sandbox.engine.errors import ErrorBodies


@attrs.frozen(kw_only=True)
class AccountOptions:
    """How the sandbox behaves where accounts of merchants differ, or where nobody has seen what WooshPay does.

    Attributes:
        payment_methods: The types of payment method that are enabled, such as ``("card", "alipay")``. Default: all.
        minimum_amounts: The smallest payment by currency, in minor units. A currency that is not listed has none.
            Default: 50 for USD, as documented.
        unknown_currencies: Whether currency codes that ISO 4217 does not list are accepted or refused.
        plan_changes: What happens to the invoice of a change of plan, with ``proration_behavior="always_invoice"`` or
            with a price of another interval. ``"invoice"`` leaves it open, and the merchant pays it with
            ``invoices.pay``, as in WooshPay's documented flow; after an hour it is charged by itself. ``"charge"``
            charges it at once, as Stripe does by default: if the card is declined or the customer has to authenticate,
            the call still succeeds with the new plan in place, the subscription is ``past_due``, and the invoice stays
            open and is tried again.
        error_bodies: ``"nested"`` puts the error object under ``error``; ``"flat"`` puts its members at the top level.
    """

    payment_methods: tuple[str, ...] | None = None
    minimum_amounts: Mapping[str, int] = attrs.field(factory=lambda: {"USD": 50})
    unknown_currencies: Literal["accepted", "refused"] = "accepted"
    plan_changes: Literal["invoice", "charge"] = "invoice"
    error_bodies: ErrorBodies = "nested"
