"""Cardholders: people and companies that hold issued cards."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Required, TypeAlias, TypedDict

from wooshpay.api.issuing.shared import SpendingControls, SpendingControlsParam
from wooshpay.api.shared import Address, AddressParam, CreatedFilter, Metadata
from wooshpay.config import RequestOptions
from wooshpay.core.declaration import Resource, W, get, paged, post
from wooshpay.core.listing import ListObject
from wooshpay.core.objects import IdOf, Moment, Object, model
from wooshpay.core.units import InSeconds
from wooshpay.core.unset import UNSET, Unset

if TYPE_CHECKING:
    from wooshpay.api.files import File

# The values are Stripe's.
IssuingCardholderStatus: TypeAlias = Literal["active", "inactive", "blocked"]
IssuingCardholderType: TypeAlias = Literal["individual", "company"]


@model
class IssuingBilling(Object):
    """Where the bills of the cards go."""

    address: Address | None = None


@model
class IssuingCompany(Object):
    """What is told of a company that holds cards."""

    tax_id_provided: bool | None = None


@model
class IssuingBirthDate(Object):
    """A date of birth, in numbers."""

    day: int | None = None
    month: int | None = None
    year: int | None = None


@model
class IssuingTermsAcceptance(Object):
    """When and from where the cardholder accepted the terms.

    Attributes:
        date: When, as received.
    """

    date: int | None = None
    ip: str | None = None
    user_agent: str | None = None

    date_time = Moment("date")


@model
class IssuingTerms(Object):
    """The terms that hold for the cards."""

    user_terms_acceptance: IssuingTermsAcceptance | None = None


@model
class IssuingIdentityDocument(Object):
    """Pictures of a paper that identifies the cardholder."""

    back: str | File | None = None
    front: str | File | None = None

    back_id = IdOf("back")
    front_id = IdOf("front")


@model
class IssuingVerification(Object):
    """How the cardholder is identified."""

    document: IssuingIdentityDocument | None = None


@model
class IssuingIndividual(Object):
    """What is told of a person who holds cards."""

    card_issuing: IssuingTerms | None = None
    dob: IssuingBirthDate | None = None
    first_name: str | None = None
    last_name: str | None = None
    verification: IssuingVerification | None = None


@model
class IssuingCardholder(Object):
    """A person or a company that holds cards.

    WooshPay's page of it was cut after the address: most of what follows is Stripe's.
    """

    TAG: ClassVar[str] = "issuing.cardholder"

    id: str
    object: str
    billing: IssuingBilling
    livemode: bool
    company: IssuingCompany | None = None
    created: int | None = None
    email: str | None = None
    individual: IssuingIndividual | None = None
    metadata: dict[str, str] | None = None
    name: str | None = None
    phone_number: str | None = None
    spending_controls: SpendingControls | None = None
    status: IssuingCardholderStatus | str | None = None
    type: IssuingCardholderType | str | None = None

    created_at = Moment("created")


class IssuingBillingParam(TypedDict):
    """Where the bills of the cards go."""

    address: AddressParam


class IssuingCompanyParam(TypedDict, total=False):
    """What to tell of a company that holds cards."""

    tax_id: str


class IssuingBirthDateParam(TypedDict):
    """A date of birth, in numbers."""

    day: int
    month: int
    year: int


class IssuingTermsAcceptanceParam(TypedDict, total=False):
    """When and from where the cardholder accepted the terms. ``date`` is in seconds since 1970 at Stripe."""

    date: InSeconds[int]
    ip: str
    user_agent: str


class IssuingTermsParam(TypedDict, total=False):
    """The terms that hold for the cards."""

    user_terms_acceptance: IssuingTermsAcceptanceParam


class IssuingIdentityDocumentParam(TypedDict, total=False):
    """Pictures of a paper that identifies the cardholder, as ids of files."""

    back: str
    front: str


class IssuingVerificationParam(TypedDict, total=False):
    """How the cardholder is identified."""

    document: IssuingIdentityDocumentParam


class IssuingIndividualParam(TypedDict, total=False):
    """What to tell of a person who holds cards."""

    first_name: Required[str]
    last_name: Required[str]
    card_issuing: IssuingTermsParam
    dob: IssuingBirthDateParam
    verification: IssuingVerificationParam


class Cardholders(Resource[W]):
    """Keep who holds issued cards."""

    @post("/v1/issuing/cardholders")
    def create(
        self,
        *,
        billing: IssuingBillingParam,
        name: str,
        type: IssuingCardholderType | Unset = UNSET,
        email: str | Unset = UNSET,
        phone_number: str | Unset = UNSET,
        individual: IssuingIndividualParam | Unset = UNSET,
        company: IssuingCompanyParam | Unset = UNSET,
        status: Literal["active", "inactive"] | Unset = UNSET,
        spending_controls: SpendingControlsParam | Unset = UNSET,
        metadata: Metadata | Unset | None = UNSET,
        options: RequestOptions | None = None,
    ) -> IssuingCardholder:
        """Make a cardholder, who can then get cards.

        Args:
            billing: Where the bills of the cards go.
            name: What is printed on the cards.
            type: ``individual`` or ``company``.
            email: E-mail address.
            phone_number: Phone number with its country's prefix.
            individual: What to tell of a person.
            company: What to tell of a company.
            status: Whether the cards of this cardholder can be used.
            spending_controls: What may be spent with all the cards together, and where.
            metadata: Free pairs to keep with the cardholder.
            options: Settings for this call only.

        Returns:
            The cardholder.

        Raises:
            InvalidRequestError: A parameter is missing or wrong.

        Inferred: all parameters but ``billing``, and what is required, from Stripe; the page was cut in the address.

        Reference: Create a cardholder
        """
        ...

    @get("/v1/issuing/cardholders/{id}")
    def retrieve(self, id: str, /, *, options: RequestOptions | None = None) -> IssuingCardholder:
        """Get a cardholder.

        Args:
            id: Id of the cardholder.
            options: Settings for this call only.

        Returns:
            The cardholder.

        Raises:
            NotFoundError: There is no such cardholder.

        Reference: Retrieve a cardholder
        """
        ...

    @post("/v1/issuing/cardholders/{id}")
    def update(
        self,
        id: str,
        /,
        *,
        billing: IssuingBillingParam | Unset = UNSET,
        email: str | Unset = UNSET,
        phone_number: str | Unset = UNSET,
        individual: IssuingIndividualParam | Unset = UNSET,
        company: IssuingCompanyParam | Unset = UNSET,
        status: Literal["active", "inactive"] | Unset = UNSET,
        spending_controls: SpendingControlsParam | Unset = UNSET,
        metadata: Metadata | Unset | None = UNSET,
        options: RequestOptions | None = None,
    ) -> IssuingCardholder:
        """Change a cardholder. What is left out stays as it is; name and type stay at Stripe in any case.

        Args:
            id: Id of the cardholder.
            billing: Where the bills of the cards go.
            email: E-mail address.
            phone_number: Phone number with its country's prefix.
            individual: What to tell of a person.
            company: What to tell of a company.
            status: Whether the cards of this cardholder can be used.
            spending_controls: What may be spent with all the cards together, and where.
            metadata: Pairs to set; an empty value removes one, ``None`` removes all.
            options: Settings for this call only.

        Returns:
            The cardholder with the changes.

        Raises:
            InvalidRequestError: A parameter is wrong.
            NotFoundError: There is no such cardholder.

        Inferred: verb and path, from updating a card, and the parameters, from Stripe; the page was not read.

        Reference: Update a cardholder
        """
        ...

    @paged("/v1/issuing/cardholders")
    def list(
        self,
        *,
        email: str | Unset = UNSET,
        phone_number: str | Unset = UNSET,
        status: IssuingCardholderStatus | Unset = UNSET,
        type: IssuingCardholderType | Unset = UNSET,
        created: CreatedFilter | Unset = UNSET,
        ending_before: str | Unset = UNSET,
        limit: int | Unset = UNSET,
        starting_after: str | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> ListObject[IssuingCardholder]:
        """List cardholders, the newest first.

        Args:
            email: Those with this e-mail address only.
            phone_number: Those with this phone number only.
            status: Those in this status only.
            type: Those of this type only.
            created: Bounds on the time of creation, in milliseconds since 1970.
            ending_before: Id of the first entry of a page, to get the page before it.
            limit: Entries on a page, 1 to 100; 10 when left out.
            starting_after: Id of the last entry of a page, to get the page after it.
            options: Settings for this call only.

        Returns:
            The cardholders, a page at a time.

        Raises:
            InvalidRequestError: A filter is wrong.

        Inferred: the filters, from Stripe, and that they travel in the query: the page has no query parameters but a
        JSON body, whose fields were not read.

        Reference: List all cardholders
        """
        ...
