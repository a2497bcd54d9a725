"""Beneficiaries: who payouts go to, kept for the next time."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Required, TypeAlias, TypedDict

from wooshpay.api.shared import (
    AccountHolderType,
    Address,
    AddressParam,
    CreatedFilter,
    DestinationDataParam,
    DestinationType,
    Metadata,
    MobileMoneyProvider,
    RoutingType,
)
from wooshpay.config import RequestOptions
from wooshpay.core.declaration import Resource, W, delete, get, paged, post
from wooshpay.core.listing import ListObject
from wooshpay.core.objects import Moment, Object, model
from wooshpay.core.unset import UNSET, Unset

EntityType: TypeAlias = Literal["business", "individual"]


# ---- where the money goes -------------------------------------------------------------------------------------


@model
class BeneficiaryBirthDate(Object):
    """A date of birth, each part as text."""

    day: str | None = None
    month: str | None = None
    year: str | None = None


@model
class BeneficiaryCertificate(Object):
    """A paper that identifies the holder of an account; asked for in South Africa."""

    certificate_type: Literal["id_card"] | str | None = None
    certificate_number: str | None = None


@model
class BeneficiaryBankAccount(Object):
    """A bank account that payouts go to.

    Attributes:
        country: Two-letter code.
        routing_number: The IBAN, ABA number or sort code, as ``routing_type`` says.
        swift: The bank's SWIFT code.
    """

    account_number: str | None = None
    account_holder_name: str | None = None
    account_holder_type: AccountHolderType | str | None = None
    bank_name: str | None = None
    certificate: BeneficiaryCertificate | None = None
    country: str | None = None
    currency: str | None = None
    dob: BeneficiaryBirthDate | None = None
    email: str | None = None
    phone_number: str | None = None
    routing_number: str | None = None
    routing_type: RoutingType | str | None = None
    swift: str | None = None


@model
class BeneficiaryAlipay(Object):
    """An Alipay account that payouts go to.

    Attributes:
        user_id: The account; in the guide it is a phone number with its country's prefix.
    """

    user_id: str | None = None
    first_name: str | None = None
    last_name: str | None = None


@model
class BeneficiaryUpi(Object):
    """An Indian UPI address that payouts go to.

    Attributes:
        vpa: The address, such as ``somebody@bank``.
        phone_number: The country's prefix, a hyphen and the number.
    """

    vpa: str | None = None
    phone_number: str | None = None


@model
class BeneficiaryMobileMoney(Object):
    """A mobile money account that payouts go to. Unverified: the fields are those that one merchant's program sends.

    Attributes:
        msisdn: The phone number, with its country's prefix and without a plus.
        provider: The operator, such as ``mtn_rw``.
        name: The name of the holder.
    """

    msisdn: str | None = None
    provider: MobileMoneyProvider | str | None = None
    name: str | None = None


@model
class BeneficiaryDestination(Object):
    """Where payouts go: the details stand under the key that ``destination_type`` names.

    Attributes:
        card: The reference does not say what is in it; nor for ``carrier_billing``.
        imps: Where WooshPay's example answers a request of type ``upi``, the details stand here.
    """

    destination_type: DestinationType | str
    bank_account: BeneficiaryBankAccount | None = None
    card: dict[str, Any] | None = None
    carrier_billing: dict[str, Any] | None = None
    alipay: BeneficiaryAlipay | None = None
    imps: BeneficiaryUpi | None = None
    upi: BeneficiaryUpi | None = None
    mobile_money: BeneficiaryMobileMoney | None = None


# ---- who gets the money, as it was told in 2022 and 2023 --------------------------------------------------------


@model
class BeneficiaryBusinessInfo(Object):
    """How a business and its legal representative are registered."""

    business_area: str | None = None
    business_phone_number: str | None = None
    business_registration_number: str | None = None
    legal_rep_first_name: str | None = None
    legal_rep_last_name: str | None = None
    legal_rep_id_type: str | None = None
    legal_rep_id_number: str | None = None
    legal_rep_email: str | None = None
    legal_rep_phone: str | None = None


@model
class BeneficiaryBusiness(Object):
    """A business that gets money."""

    address: Address | None = None
    company_registered_name: str | None = None
    additional_info: BeneficiaryBusinessInfo | None = None


@model
class BeneficiaryIndividualInfo(Object):
    """Who a person is and how to reach them."""

    email: str | None = None
    phone: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    id_type: str | None = None
    id_country_iso_code: str | None = None
    id_number: str | None = None


@model
class BeneficiaryIndividual(Object):
    """A person who gets money."""

    address: Address | None = None
    additional_info: BeneficiaryIndividualInfo | None = None


@model
class BeneficiaryEntity(Object):
    """Who gets the money; gone from the current reference. The details stand under the key that ``type`` names."""

    type: EntityType | str | None = None
    business: BeneficiaryBusiness | None = None
    company_registered_name: str | None = None
    individual: BeneficiaryIndividual | None = None


@model
class Beneficiary(Object):
    """Who gets a payout, and where.

    Attributes:
        nickname: The merchant's own name for it.
        destination_data: Where the money goes. Answers of 2022 lack it.
        entity: Who gets the money, in answers of 2023.
        type: What ``entity`` says, in answers of 2022; likewise ``business``, ``individual`` and ``payee``.
    """

    TAG: ClassVar[str] = "beneficiary"

    id: str
    object: str
    created: int
    livemode: bool
    destination_data: BeneficiaryDestination | None = None
    nickname: str | None = None
    metadata: dict[str, str] | None = None
    entity: BeneficiaryEntity | None = None
    type: EntityType | str | None = None
    business: BeneficiaryBusiness | None = None
    individual: BeneficiaryIndividual | None = None
    payee: dict[str, Any] | None = None

    created_at = Moment("created")


@model
class DeletedBeneficiary(Object):
    """What remains of a beneficiary that was deleted. Its fields are Stripe's."""

    TAG: ClassVar[str] = "beneficiary"

    id: str
    object: str
    deleted: bool


class BusinessInfoParam(TypedDict, total=False):
    """How a business and its legal representative are registered. An id type is such as ``social_security``."""

    business_area: str
    business_phone_number: str
    business_registration_number: str
    legal_rep_first_name: str
    legal_rep_last_name: str
    legal_rep_id_type: str
    legal_rep_id_number: str
    legal_rep_email: str
    legal_rep_phone: str


class BusinessParam(TypedDict, total=False):
    """A business that gets money."""

    address: AddressParam
    company_registered_name: str
    additional_info: BusinessInfoParam


class IndividualInfoParam(TypedDict, total=False):
    """Who a person is and how to reach them. An id type is such as ``social_security``."""

    email: str
    phone: str
    first_name: str
    last_name: str
    id_type: str
    id_country_iso_code: str
    id_number: str


class IndividualParam(TypedDict, total=False):
    """A person who gets money."""

    address: AddressParam
    additional_info: IndividualInfoParam


class EntityParam(TypedDict, total=False):
    """Who gets the money: ``type`` and, under the key of that name, the details."""

    type: Required[EntityType]
    business: BusinessParam
    company_registered_name: str
    individual: IndividualParam


class Beneficiaries(Resource[W]):
    """Keep the bank accounts and wallets that payouts go to."""

    @post("/v1/beneficiaries")
    def create(
        self,
        *,
        destination_data: DestinationDataParam,
        nickname: str | Unset = UNSET,
        metadata: Metadata | Unset | None = UNSET,
        livemode: bool | Unset = UNSET,
        entity: EntityParam | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> Beneficiary:
        """Keep a place that payouts can go to.

        Args:
            destination_data: Where the money goes; the details stand under the key that ``destination_type`` names.
            nickname: The merchant's own name for it.
            metadata: Free pairs to keep with the beneficiary.
            livemode: In the reference of 2023 only; the API key decides.
            entity: Who gets the money; in the reference of 2023 only.
            options: Settings for this call only.

        Returns:
            The beneficiary; its id goes into ``payouts.create``.

        Raises:
            InvalidRequestError: The details are missing, or a field that the country needs.

        Note: ids begin with ``bf_``, although the reference says ``bn_``. The reference of 2023 knew bank accounts
        of companies and cards of individuals only.

        Reference: Create a beneficiary
        """
        ...

    @get("/v1/beneficiaries/{beneficiary_id}")
    def retrieve(self, beneficiary_id: str, /, *, options: RequestOptions | None = None) -> Beneficiary:
        """Get a beneficiary.

        Args:
            beneficiary_id: Id of the beneficiary.
            options: Settings for this call only.

        Returns:
            The beneficiary.

        Raises:
            NotFoundError: There is no such beneficiary.

        Reference: Retrieve a beneficiary
        """
        ...

    @post("/v1/beneficiaries/{beneficiary_id}")
    def update(
        self,
        beneficiary_id: str,
        /,
        *,
        nickname: str | Unset = UNSET,
        metadata: Metadata | Unset | None = UNSET,
        destination_data: DestinationDataParam | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> Beneficiary:
        """Change a beneficiary. What is left out stays as it is.

        Args:
            beneficiary_id: Id of the beneficiary.
            nickname: The merchant's own name for it.
            metadata: Pairs to set; an empty value removes one, ``None`` removes all.
            destination_data: Where the money goes.
            options: Settings for this call only.

        Returns:
            The beneficiary with the changes.

        Raises:
            InvalidRequestError: The details do not fit.
            NotFoundError: There is no such beneficiary.

        Inferred: the path, from its siblings, and the parameters, from creating one; only the verb was read.

        Reference: Update a beneficiary
        """
        ...

    @delete("/v1/beneficiaries/{beneficiary_id}")
    def delete(self, beneficiary_id: str, /, *, options: RequestOptions | None = None) -> DeletedBeneficiary:
        """Remove a beneficiary.

        Args:
            beneficiary_id: Id of the beneficiary.
            options: Settings for this call only.

        Returns:
            The id, with ``deleted`` set.

        Raises:
            NotFoundError: There is no such beneficiary.

        Inferred: the path, from its siblings, and the reply, from Stripe; only the verb was read.

        Reference: Delete a beneficiary
        """
        ...

    @paged("/v1/beneficiaries")
    def list(
        self,
        *,
        created: CreatedFilter | Unset = UNSET,
        ending_before: str | Unset = UNSET,
        limit: int | Unset = UNSET,
        starting_after: str | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> ListObject[Beneficiary]:
        """List beneficiaries.

        Args:
            created: Bounds on the time of creation, in milliseconds since 1970.
            ending_before: Id of the first entry of a page, to get the page before it.
            limit: Entries on a page, 1 to 100; 10 when left out.
            starting_after: Id of the last entry of a page, to get the page after it.
            options: Settings for this call only.

        Returns:
            The beneficiaries, a page at a time.

        Raises:
            InvalidRequestError: A filter is wrong.

        Inferred: the path, from its siblings, and the filters, from other lists; only the verb was read. Payouts
        and disputes are listed under ``/list``, so that this may be ``/v1/beneficiaries/list`` too.

        Reference: List all beneficiaries
        """
        ...
