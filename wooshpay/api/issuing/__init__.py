"""Issuing: cards that the merchant hands out."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from wooshpay.core.declaration import Resource, W

if TYPE_CHECKING:
    from wooshpay.api.issuing.authorizations import Authorizations
    from wooshpay.api.issuing.cardholders import Cardholders
    from wooshpay.api.issuing.cards import Cards
    from wooshpay.api.issuing.transactions import Transactions


class Issuing(Resource[W]):
    """Cards that the merchant hands out, and what is spent with them."""

    @cached_property
    def authorizations(self) -> Authorizations[W]:
        """Attempts to pay with an issued card."""
        from wooshpay.api.issuing.authorizations import Authorizations

        return Authorizations(self._caller)

    @cached_property
    def cardholders(self) -> Cardholders[W]:
        """Who holds the cards."""
        from wooshpay.api.issuing.cardholders import Cardholders

        return Cardholders(self._caller)

    @cached_property
    def cards(self) -> Cards[W]:
        """The cards, and what may be spent with them."""
        from wooshpay.api.issuing.cards import Cards

        return Cards(self._caller)

    @cached_property
    def transactions(self) -> Transactions[W]:
        """Money that moved through the cards."""
        from wooshpay.api.issuing.transactions import Transactions

        return Transactions(self._caller)
