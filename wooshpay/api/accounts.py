"""Accounts: what the merchant's own account can do."""

from __future__ import annotations

from wooshpay.config import RequestOptions
from wooshpay.core.declaration import Resource, W, get
from wooshpay.core.json import Json


class Accounts(Resource[W]):
    """Look into the merchant's own account. All that is known of this section is the title of one page."""

    @get("/v1/accounts/payment_methods")
    def list_payment_methods(self, *, options: RequestOptions | None = None) -> Json:
        """Get the payment methods that the account can take.

        Args:
            options: Settings for this call only.

        Returns:
            The parsed JSON as it comes, neither paged nor turned into objects: nobody wrote down what it holds.

        Raises:
            NotFoundError: WooshPay has no such operation, or has it elsewhere; try ``client.request`` then.

        Inferred: verb, path and reply. Only the title was read; the reply is handed over as plain JSON.

        Reference: Retrieve account's paymentmethods
        """
        ...
