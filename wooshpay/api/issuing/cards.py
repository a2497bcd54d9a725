"""Cards: the ones that the merchant hands out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from wooshpay.api.issuing.shared import SpendingControls, SpendingControlsParam, SpendingInterval
from wooshpay.api.shared import CreatedFilter, Metadata
from wooshpay.config import RequestOptions
from wooshpay.core.declaration import Resource, W, get, paged, post
from wooshpay.core.listing import ListObject
from wooshpay.core.objects import AsText, IdOf, Moment, Object, model
from wooshpay.core.unset import UNSET, Unset

if TYPE_CHECKING:
    from wooshpay.api.issuing.cardholders import IssuingCardholder

IssuingCardStatus: TypeAlias = Literal["active", "inactive", "canceled"]
IssuingCardExpansion: TypeAlias = Literal["issuing_card.cvc", "issuing_card.number"]
"""What `Cards.retrieve` leaves out unless it is asked for."""


@model
class IssuingCard(Object):
    """A card that the merchant handed out.

    Attributes:
        cancellation_reason: Why it was canceled; ``design_rejected`` is the system's own.
        first6: The first digits of its number; Stripe has no such field.
        number: Its number; only where it was asked for by ``issuing_card.number``. Never shown in a ``repr``.
        cvc: Its security code; only where it was asked for by ``issuing_card.cvc``. Never shown in a ``repr``.
        metadata: Free pairs; the reference types them as text.
        spending_controls: What may be spent, and where.
    """

    TAG: ClassVar[str] = "issuing.card"

    id: str
    object: str
    brand: str
    cardholder: str | IssuingCardholder
    created: int
    currency: str
    exp_month: int
    exp_year: int
    last4: str
    livemode: bool
    status: IssuingCardStatus | str
    type: Literal["virtual"] | str
    cancellation_reason: Literal["lost", "stolen", "design_rejected"] | str | None = None
    cvc: str | None = None
    first6: str | None = None
    metadata: AsText[dict[str, str]] | None = None
    number: str | None = None
    spending_controls: SpendingControls | None = None

    created_at = Moment("created")
    cardholder_id = IdOf("cardholder")


@model
class IssuingCardLimit(Object):
    """One limit of a card, in minor units.

    Attributes:
        amount: What may be spent within ``interval``.
        remaining: What of it is left.
    """

    amount: int
    interval: SpendingInterval | str
    remaining: int


@model
class IssuingCardLimits(Object):
    """What may still be spent with a card. It has no id and says nowhere what object it is."""

    currency: str
    limits: list[IssuingCardLimit]


class Cards(Resource[W]):
    """Hand out cards. All are virtual."""

    @post("/v1/issuing/cards")
    def create(
        self,
        *,
        cardholder: str,
        currency: str,
        type: Literal["virtual"],
        status: Literal["active", "inactive"] | Unset = UNSET,
        spending_controls: SpendingControlsParam | Unset = UNSET,
        metadata: Metadata | Unset | None = UNSET,
        options: RequestOptions | None = None,
    ) -> IssuingCard:
        """Make a card for a cardholder.

        Args:
            cardholder: Id of the cardholder.
            currency: Three-letter code of what is spent with it.
            type: ``virtual``, the one type that there is.
            status: Whether it can be used at once; ``inactive`` at Stripe when left out.
            spending_controls: What may be spent, and where.
            metadata: Free pairs to keep with the card.
            options: Settings for this call only.

        Returns:
            The card, without its number and security code: `retrieve` gives them when asked.

        Raises:
            InvalidRequestError: A parameter is missing or wrong.
            NotFoundError: There is no such cardholder.

        Inferred: verb, path and parameters, from the other operations on cards and Stripe; the page was not read.

        Reference: Create a card
        """
        ...

    @get("/v1/issuing/cards/{id}")
    def retrieve(
        self,
        id: str,
        /,
        *,
        expand: Sequence[IssuingCardExpansion | str] | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> IssuingCard:
        """Get a card, and its number and security code on request.

        Whoever handles a card number is in the scope of PCI DSS.

        Args:
            id: Id of the card.
            expand: What to send besides: ``issuing_card.number``, ``issuing_card.cvc``.
            options: Settings for this call only.

        Returns:
            The card.

        Raises:
            NotFoundError: There is no such card.

        Note: Stripe's ``number`` and ``cvc`` have a prefix here.

        Reference: Retrieve a card
        """
        ...

    @get("/v1/issuing/cards/{id}/limits")
    def retrieve_limits(self, id: str, /, *, options: RequestOptions | None = None) -> IssuingCardLimits:
        """Get what may still be spent with a card.

        Args:
            id: Id of the card.
            options: Settings for this call only.

        Returns:
            The limits, in minor units, and what is left of each.

        Raises:
            NotFoundError: There is no such card.

        Note: Stripe has nothing like it.

        Reference: Retrieve card remaining limits
        """
        ...

    @post("/v1/issuing/cards/{id}")
    def update(
        self,
        id: str,
        /,
        *,
        status: IssuingCardStatus | Unset = UNSET,
        cancellation_reason: Literal["lost", "stolen"] | Unset = UNSET,
        spending_controls: SpendingControlsParam | Unset = UNSET,
        metadata: Metadata | Unset | None = UNSET,
        options: RequestOptions | None = None,
    ) -> IssuingCard:
        """Change a card: switch it on and off, cancel it for good, limit what is spent. What is left out stays.

        Args:
            id: Id of the card.
            status: ``active`` and ``inactive`` may follow one another, ``canceled`` is the end.
            cancellation_reason: Why it is canceled.
            spending_controls: What may be spent, and where.
            metadata: Pairs to set; an empty value removes one, ``None`` removes all.
            options: Settings for this call only.

        Returns:
            The card with the changes.

        Raises:
            InvalidRequestError: The card is canceled, or a parameter is wrong.
            NotFoundError: There is no such card.

        Inferred: all parameters but ``cancellation_reason``, from what the page does not strike out; it was cut there.

        Reference: Update a card
        """
        ...

    @paged("/v1/issuing/cards")
    def list(
        self,
        *,
        cardholder: str | Unset = UNSET,
        type: Literal["virtual", "physical"] | Unset = UNSET,
        status: IssuingCardStatus | Unset = UNSET,
        exp_month: int | Unset = UNSET,
        exp_year: int | Unset = UNSET,
        last4: str | Unset = UNSET,
        created: CreatedFilter | Unset = UNSET,
        ending_before: str | Unset = UNSET,
        limit: int | Unset = UNSET,
        starting_after: str | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> ListObject[IssuingCard]:
        """List cards, the newest first.

        Args:
            cardholder: Those of this cardholder only.
            type: Those of this type only; ``physical`` is a filter although no such card can be made.
            status: Those in this status only.
            exp_month: Those that expire in this month only, 1 to 12.
            exp_year: Those that expire in this year only, in four digits.
            last4: Those with these last digits only.
            created: Bounds on the time of creation, in milliseconds since 1970.
            ending_before: Id of the first entry of a page, to get the page before it.
            limit: Entries on a page, 1 to 100; 10 when left out.
            starting_after: Id of the last entry of a page, to get the page after it.
            options: Settings for this call only.

        Returns:
            The cards, a page at a time, without numbers and security codes.

        Raises:
            InvalidRequestError: A filter is wrong.

        Inferred: status, exp_month, exp_year, last4, ending_before and starting_after, from Stripe; the page was cut.

        Reference: List all cards
        """
        ...
