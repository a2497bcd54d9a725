"""The balance: the merchant's money at WooshPay."""

from __future__ import annotations

from typing import ClassVar

from wooshpay.config import RequestOptions
from wooshpay.core.declaration import Resource, W, get
from wooshpay.core.objects import Object, model


@model
class BalanceFunds(Object):
    """The funds in one currency.

    Attributes:
        amount: Minor units; negative where the merchant owes.
        currency: Three-letter code; lower case here, unlike elsewhere.
    """

    amount: int
    currency: str


@model
class Balance(Object):
    """The merchant's money at WooshPay, an entry for each currency.

    Attributes:
        available: What can be paid out now.
        pending: What will become available; the reference lists it, its example leaves it out.
    """

    TAG: ClassVar[str] = "balance"

    object: str
    available: list[BalanceFunds]
    pending: list[BalanceFunds] | None = None
    livemode: bool | None = None


class Balances(Resource[W]):
    """See how much money there is."""

    @get("/v1/balance")
    def retrieve(self, *, options: RequestOptions | None = None) -> Balance:
        """Get the balance.

        Args:
            options: Settings for this call only.

        Returns:
            The balance, in minor units by currency.

        Raises:
            PermissionError: The API key may not see it.

        Reference: Get balance
        """
        ...
