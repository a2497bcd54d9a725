"""Transactions: money that moved through issued cards."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from wooshpay.api.issuing.shared import IssuingMerchant
from wooshpay.api.shared import CreatedFilter, Metadata
from wooshpay.config import RequestOptions
from wooshpay.core.declaration import Resource, W, get, paged, post
from wooshpay.core.listing import ListObject
from wooshpay.core.objects import AsText, IdOf, Moment, Object, model
from wooshpay.core.unset import UNSET, Unset

if TYPE_CHECKING:
    from wooshpay.api.issuing.authorizations import IssuingAuthorization
    from wooshpay.api.issuing.cardholders import IssuingCardholder
    from wooshpay.api.issuing.cards import IssuingCard

IssuingTransactionType: TypeAlias = Literal["capture", "refund"]


@model
class TransactionNetworkData(Object):
    """How the card network knows a transaction. The fields are Stripe's."""

    authorization_code: str | None = None
    processing_date: str | None = None
    transaction_id: str | None = None


@model
class IssuingTransaction(Object):
    """Money that moved through an issued card.

    Attributes:
        amount: Minor units. At Stripe a capture is negative and a refund positive.
        authorization: The attempt that it comes from.
        created: When it happened; the reference types it as text.
        dispute: Id of the dispute about it.
        merchant_amount: Minor units of ``merchant_currency``, as the seller asked for them.
        merchant_data: Where the card was used.
    """

    TAG: ClassVar[str] = "issuing.transaction"

    id: str
    object: str
    amount: int
    card: str | IssuingCard
    created: AsText[int]
    currency: str
    livemode: bool
    merchant_amount: int
    merchant_currency: str
    merchant_data: IssuingMerchant
    type: IssuingTransactionType | str
    authorization: str | IssuingAuthorization | None = None
    cardholder: str | IssuingCardholder | None = None
    dispute: str | Object | None = None
    metadata: dict[str, str] | None = None
    network_data: TransactionNetworkData | None = None

    created_at = Moment("created")
    authorization_id = IdOf("authorization")
    card_id = IdOf("card")
    cardholder_id = IdOf("cardholder")
    dispute_id = IdOf("dispute")


class Transactions(Resource[W]):
    """Look into what was spent with issued cards."""

    @get("/v1/issuing/transactions/{id}")
    def retrieve(self, id: str, /, *, options: RequestOptions | None = None) -> IssuingTransaction:
        """Get a transaction.

        Args:
            id: Id of the transaction.
            options: Settings for this call only.

        Returns:
            The transaction.

        Raises:
            NotFoundError: There is no such transaction.

        Inferred: verb and path, from updating a transaction; the page was not read.

        Reference: Retrieve a transaction
        """
        ...

    @post("/v1/issuing/transactions/{id}")
    def update(
        self,
        id: str,
        /,
        *,
        metadata: Metadata | Unset | None = UNSET,
        options: RequestOptions | None = None,
    ) -> IssuingTransaction:
        """Change what is kept with a transaction. Nothing else of it can be changed.

        Args:
            id: Id of the transaction.
            metadata: Pairs to set; an empty value removes one, ``None`` removes all.
            options: Settings for this call only.

        Returns:
            The transaction with the changes.

        Raises:
            NotFoundError: There is no such transaction.

        Note: WooshPay was still developing this when its page was read. The page types ``metadata`` as text,
        describes it as pairs and gives it back as an object.

        Reference: Update a transaction
        """
        ...

    @paged("/v1/issuing/transactions")
    def list(
        self,
        *,
        card: str | Unset = UNSET,
        cardholder: str | Unset = UNSET,
        type: IssuingTransactionType | Unset = UNSET,
        created: CreatedFilter | Unset = UNSET,
        ending_before: str | Unset = UNSET,
        limit: int | Unset = UNSET,
        starting_after: str | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> ListObject[IssuingTransaction]:
        """List transactions.

        Args:
            card: Those of this card only.
            cardholder: Those of this cardholder's cards only.
            type: Those of this type only.
            created: Bounds on the time of creation, in milliseconds since 1970.
            ending_before: Id of the first entry of a page, to get the page before it.
            limit: Entries on a page, 1 to 100; 10 when left out.
            starting_after: Id of the last entry of a page, to get the page after it.
            options: Settings for this call only.

        Returns:
            The transactions, a page at a time.

        Raises:
            InvalidRequestError: A filter is wrong.

        Inferred: type and starting_after, from Stripe; the parameter list was cut.

        Reference: List all transactions
        """
        ...
