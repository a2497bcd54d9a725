"""Authorizations: attempts to pay with an issued card."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from wooshpay.api.issuing.shared import IssuingMerchant
from wooshpay.api.shared import CreatedFilter
from wooshpay.config import RequestOptions
from wooshpay.core.declaration import Resource, W, get, paged
from wooshpay.core.listing import ListObject
from wooshpay.core.objects import IdOf, Moment, Object, model
from wooshpay.core.unset import UNSET, Unset

if TYPE_CHECKING:
    from wooshpay.api.issuing.cardholders import IssuingCardholder
    from wooshpay.api.issuing.cards import IssuingCard
    from wooshpay.api.issuing.transactions import IssuingTransaction

# The values are Stripe's.
IssuingAuthorizationStatus: TypeAlias = Literal["pending", "closed", "reversed"]


@model
class AuthorizationNetworkData(Object):
    """How the card network knows an authorization. The fields are Stripe's."""

    acquiring_institution_id: str | None = None
    system_trace_audit_number: str | None = None
    transaction_id: str | None = None


@model
class IssuingAuthorization(Object):
    """One attempt to pay with an issued card.

    WooshPay's page of it was cut after the card: most of what follows is Stripe's.

    Attributes:
        amount: Minor units.
        approved: Whether the payment was let through.
        card: The card, whole, and its cardholder whole inside.
        merchant_amount: Minor units of ``merchant_currency``, as the seller asked for them.
        merchant_data: Where the card was used.
        transactions: The money that moved.
    """

    TAG: ClassVar[str] = "issuing.authorization"

    id: str
    object: str
    amount: int
    approved: bool
    card: str | IssuingCard
    merchant_data: IssuingMerchant
    cardholder: str | IssuingCardholder | None = None
    created: int | None = None
    currency: str | None = None
    livemode: bool | None = None
    merchant_amount: int | None = None
    merchant_currency: str | None = None
    metadata: dict[str, str] | None = None
    network_data: AuthorizationNetworkData | None = None
    status: IssuingAuthorizationStatus | str | None = None
    transactions: list[IssuingTransaction] | None = None

    created_at = Moment("created")
    card_id = IdOf("card")
    cardholder_id = IdOf("cardholder")


class Authorizations(Resource[W]):
    """Look into attempts to pay with issued cards. They cannot be approved or declined by a call."""

    @get("/v1/issuing/authorizations/{id}")
    def retrieve(self, id: str, /, *, options: RequestOptions | None = None) -> IssuingAuthorization:
        """Get an authorization.

        Args:
            id: Id of the authorization.
            options: Settings for this call only.

        Returns:
            The authorization, with its card.

        Raises:
            NotFoundError: There is no such authorization.

        Reference: Retrieve an authorization
        """
        ...

    @paged("/v1/issuing/authorizations")
    def list(
        self,
        *,
        card: str | Unset = UNSET,
        cardholder: str | Unset = UNSET,
        status: IssuingAuthorizationStatus | Unset = UNSET,
        created: CreatedFilter | Unset = UNSET,
        ending_before: str | Unset = UNSET,
        limit: int | Unset = UNSET,
        starting_after: str | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> ListObject[IssuingAuthorization]:
        """List authorizations.

        Args:
            card: Those of this card only.
            cardholder: Those of this cardholder's cards only.
            status: Those in this status only; the values are Stripe's.
            created: Bounds on the time of creation, in milliseconds since 1970.
            ending_before: Id of the first entry of a page, to get the page before it.
            limit: Entries on a page, 1 to 100; 10 when left out.
            starting_after: Id of the last entry of a page, to get the page after it.
            options: Settings for this call only.

        Returns:
            The authorizations, a page at a time.

        Raises:
            InvalidRequestError: A filter is wrong.

        Note: WooshPay was still developing this when its page was read. The page shows one bare authorization in
        place of a list; that too is read, as a list of one.

        Reference: List all authorization
        """
        ...
