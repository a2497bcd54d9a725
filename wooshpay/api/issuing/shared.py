"""Shapes that several sections of issuing use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Required, TypeAlias, TypedDict

from wooshpay.core.objects import Object, model

SpendingInterval: TypeAlias = Literal["per_authorization", "daily", "weekly", "monthly", "yearly", "all_time"]
"""The time that a limit is for. The values are Stripe's."""


@model
class IssuingMerchant(Object):
    """Where an issued card was used.

    Attributes:
        category: What the seller sells, in a word.
        category_code: The same as a merchant category code (MCC).
        network_id: The card network's number of the seller.
    """

    category: str | None = None
    category_code: str | None = None
    city: str | None = None
    country: str | None = None
    name: str | None = None
    network_id: str | None = None
    postal_code: str | None = None
    state: str | None = None
    terminal_id: str | None = None
    url: str | None = None


@model
class SpendingLimit(Object):
    """How much may be spent in a time, in minor units; for some categories of sellers or for all."""

    amount: int | None = None
    categories: list[str] | None = None
    interval: SpendingInterval | str | None = None


@model
class SpendingControls(Object):
    """What may be spent, and where. The fields are Stripe's.

    Attributes:
        allowed_categories: The only categories of sellers that are paid.
        blocked_categories: The categories of sellers that are not paid.
        spending_limits_currency: The currency of the limits.
    """

    allowed_categories: list[str] | None = None
    blocked_categories: list[str] | None = None
    spending_limits: list[SpendingLimit] | None = None
    spending_limits_currency: str | None = None


class SpendingLimitParam(TypedDict, total=False):
    """How much may be spent in a time, in minor units; for some categories of sellers or for all."""

    amount: Required[int]
    interval: Required[SpendingInterval]
    categories: Sequence[str]


class SpendingControlsParam(TypedDict, total=False):
    """What may be spent, and where."""

    allowed_categories: Sequence[str]
    blocked_categories: Sequence[str]
    spending_limits: Sequence[SpendingLimitParam]
    spending_limits_currency: str
