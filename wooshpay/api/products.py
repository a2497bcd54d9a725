"""Products: what a merchant sells."""

from __future__ import annotations

from typing import ClassVar

from wooshpay.core.objects import Moment, Object, model


@model
class Product(Object):
    """What a merchant sells.

    Attributes:
        images: At most eight URLs.
        updated: When it was last changed, as received.
    """

    TAG: ClassVar[str] = "product"

    id: str
    object: str
    active: bool
    created: int
    livemode: bool
    name: str
    description: str | None = None
    images: list[str] | None = None
    metadata: dict[str, str] | None = None
    updated: int | None = None
    url: str | None = None

    created_at = Moment("created")
    updated_at = Moment("updated")
