"""Shapes that several sections use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias, TypedDict

from wooshpay.core.objects import Object, model

Metadata: TypeAlias = Mapping[str, str]
"""Free key and value pairs of the merchant. An empty value removes a key; ``None`` or ``""`` removes all."""


@model
class Address(Object):
    """A postal address. ``country`` is a two-letter code."""

    city: str | None = None
    country: str | None = None
    line1: str | None = None
    line2: str | None = None
    postal_code: str | None = None
    state: str | None = None


@model
class Shipping(Object):
    """Where goods go."""

    address: Address | None = None
    carrier: str | None = None
    name: str | None = None
    phone: str | None = None
    tracking_number: str | None = None


@model
class BillingDetails(Object):
    """Who pays."""

    address: Address | None = None
    email: str | None = None
    name: str | None = None
    phone: str | None = None


class AddressParam(TypedDict, total=False):
    """A postal address to send. ``country`` is a two-letter code."""

    city: str
    country: str
    line1: str
    line2: str
    postal_code: str
    state: str


class ShippingParam(TypedDict, total=False):
    """Where goods go."""

    address: AddressParam
    carrier: str
    name: str
    phone: str
    tracking_number: str


class BillingDetailsParam(TypedDict, total=False):
    """Who pays."""

    address: AddressParam
    email: str
    name: str
    phone: str


class CreatedFilter(TypedDict, total=False):
    """Bounds on the time of creation, in milliseconds since 1970."""

    gt: int | str
    gte: int | str
    lt: int | str
    lte: int | str
