"""Hosted checkout."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from wooshpay.core.declaration import Resource, W

if TYPE_CHECKING:
    from wooshpay.api.checkout.sessions import Sessions


class Checkout(Resource[W]):
    """Pages that WooshPay hosts and customers pay on."""

    @cached_property
    def sessions(self) -> Sessions[W]:
        """One visit to the hosted page."""
        from wooshpay.api.checkout.sessions import Sessions

        return Sessions(self._caller)
