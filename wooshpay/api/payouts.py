"""Payouts: money sent from the balance to a bank account or wallet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, Required, TypeAlias, TypedDict

from wooshpay.api.shared import AccountHolderType, CreatedFilter, DestinationDataParam, Metadata
from wooshpay.config import RequestOptions
from wooshpay.core.declaration import Resource, W, get, paged, post
from wooshpay.core.listing import ListObject
from wooshpay.core.objects import IdOf, Moment, Object, model
from wooshpay.core.unset import UNSET, Unset
from wooshpay.core.waiting import WaitResult, waiting

if TYPE_CHECKING:
    from wooshpay.api.beneficiaries import Beneficiary
    from wooshpay.api.customers import Customer

PayoutStatus: TypeAlias = Literal["pending", "in_transit", "paid", "failed", "canceled"]
PayoutOutcome: TypeAlias = Literal["paid", "failed", "canceled", "timed_out"]
PayoutType: TypeAlias = Literal["local", "global", "to_China"]


@model
class BankAccount(Object):
    """The bank account inside a payout of 2022; what may be shown of it."""

    TAG: ClassVar[str] = "bank_account"

    id: str
    object: str
    created: int | None = None
    account_holder_name: str | None = None
    account_holder_type: AccountHolderType | str | None = None
    bank_name: str | None = None
    country: str | None = None
    currency: str | None = None
    customer: str | Customer | None = None
    fingerprint: str | None = None
    last4: str | None = None
    metadata: dict[str, str] | None = None
    routing_number: str | None = None
    swift: str | None = None

    created_at = Moment("created")
    customer_id = IdOf("customer")


@model
class Payout(Object):
    """Money on its way from the merchant's balance to a beneficiary.

    Stripe's ``amount`` and ``destination`` are two sums and a whole beneficiary here.

    Attributes:
        payment_amount: Minor units of ``payment_currency``: what the beneficiary gets. ``None`` in answers of 2022.
        source_amount: Minor units of ``source_currency``: what the balance pays. ``None`` in answers of 2022.
        beneficiary: The id that the payout was made with; in answers of 2022 the beneficiary itself.
        beneficiary_data: The beneficiary, whole.
        merchant_payout_id: The merchant's own number of the payout.
        type: Kept from older forms of the API, like all that follows: ``bank_account`` in answers of 2022.
        amount: Minor units, in answers of 2022.
        destination: The bank account, in answers of 2022.
        payment_intents_id: Ids of the payments that were paid out, in answers of 2022.
    """

    TAG: ClassVar[str] = "payout"

    id: str
    object: str
    created: int
    livemode: bool
    status: PayoutStatus | str
    payment_amount: int | None = None
    payment_currency: str | None = None
    source_amount: int | None = None
    source_currency: str | None = None
    balance_transaction: str | Object | None = None
    beneficiary: str | Beneficiary | None = None
    beneficiary_data: Beneficiary | None = None
    description: str | None = None
    failure_balance_transaction: str | Object | None = None
    failure_code: str | None = None
    failure_message: str | None = None
    merchant_payout_id: str | None = None
    metadata: dict[str, str] | None = None
    method: Literal["standard", "instant"] | str | None = None
    type: PayoutType | Literal["bank_account"] | str | None = None
    amount: int | None = None
    currency: str | None = None
    currency_account: str | None = None
    destination: str | BankAccount | None = None
    payment_intents_id: list[str] | None = None

    created_at = Moment("created")
    balance_transaction_id = IdOf("balance_transaction")
    beneficiary_id = IdOf("beneficiary")
    beneficiary_data_id = IdOf("beneficiary_data")
    destination_id = IdOf("destination")
    failure_balance_transaction_id = IdOf("failure_balance_transaction")


class BeneficiaryDataParam(TypedDict, total=False):
    """A beneficiary made on the way; it is kept, with an id of its own."""

    destination_data: Required[DestinationDataParam]
    nickname: str


def _settled(payout: Payout) -> PayoutOutcome | None:
    match payout.status:
        case "paid" | "failed" | "canceled" as outcome:
            return outcome
        case _:
            return None


class Payouts(Resource[W]):
    """Send money from the balance. There is no operation that cancels a payout."""

    @post(
        "/v1/payouts",
        echoes=("payment_amount", "payment_currency", "source_amount", "source_currency", "merchant_payout_id"),
    )
    def create(
        self,
        *,
        payment_currency: str,
        source_currency: str,
        payment_amount: int | Unset = UNSET,
        source_amount: int | Unset = UNSET,
        beneficiary: str | Unset = UNSET,
        beneficiary_data: BeneficiaryDataParam | Unset = UNSET,
        destination_data: DestinationDataParam | Unset = UNSET,
        description: str | Unset = UNSET,
        merchant_payout_id: str | Unset = UNSET,
        metadata: Metadata | Unset | None = UNSET,
        type: PayoutType | Unset = UNSET,
        payment_intents_id: Sequence[str] | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> Payout:
        """Send money to a beneficiary.

        It is ``pending`` first, ``in_transit`` once the bank has it, and then ``paid`` or ``failed``, mostly
        within three business days: watch ``payout.paid`` and ``payout.failed``. Give ``payment_amount`` for
        what arrives or ``source_amount`` for what is spent, and one of ``beneficiary``, ``beneficiary_data`` and
        ``destination_data``.

        Args:
            payment_currency: Three-letter code, such as ``EUR``, of what the beneficiary gets.
            source_currency: Three-letter code of the funds that pay for it.
            payment_amount: Minor units of ``payment_currency``.
            source_amount: Minor units of ``source_currency``.
            beneficiary: Id of a beneficiary.
            beneficiary_data: A beneficiary made on the way.
            destination_data: Where the money goes, in place of ``beneficiary_data`` with nothing else in it.
                Unverified: the reference has it within ``beneficiary_data`` only.
            description: Free text of the merchant.
            merchant_payout_id: The merchant's own number of the payout; in the regional guides only.
            metadata: Free pairs to keep with the payout; supporting papers go here as file ids, under
                ``document_1`` and the like.
            type: In the reference of 2023 only.
            payment_intents_id: Ids of the payments to pay out; in the reference of 2023 only.
            options: Settings for this call only.

        Returns:
            The payout, with the beneficiary in ``beneficiary_data``.

        Raises:
            InvalidRequestError: A sum or the beneficiary is missing, out of bounds, or more than the balance holds.
            NotFoundError: There is no such beneficiary.

        Note: where both currencies are the same, the answer gives ``source_amount`` the value of
        ``payment_amount``, whatever was sent. The details of a ``upi`` destination come back under ``imps``.

        Reference: Create a payout
        """
        ...

    @get("/v1/payouts/{id}")
    def retrieve(self, id: str, /, *, options: RequestOptions | None = None) -> Payout:
        """Get a payout.

        Args:
            id: Id of the payout.
            options: Settings for this call only.

        Returns:
            The payout.

        Raises:
            NotFoundError: There is no such payout.

        Note: the reference still shows the form of 2022, with ``amount``, ``currency`` and ``destination``.

        Reference: Retrieve a Payout
        """
        ...

    @waiting(retrieve, _settled)
    def wait(
        self,
        id: str,
        /,
        *,
        timeout: float = 600.0,
        first_gap: float = 2.0,
        longest_gap: float = 60.0,
        options: RequestOptions | None = None,
    ) -> WaitResult[Payout, PayoutOutcome]:
        """Wait until a payout has an outcome: a failed one is an outcome, not an error.

        ``paid``, ``failed`` and ``canceled`` are final. Banks take days: beyond a few minutes, let webhooks tell you.

        A fault of WooshPay's, a rate limit or a lost answer does not end the waiting. Canceling the task, or Ctrl-C in
        a plain call, does at once.

        Args:
            id: Id of the payout.
            timeout: Seconds to wait in all. A question that is under way then may take five seconds more.
            first_gap: Seconds between the first two questions. Every further gap is half as long again, and up to half
                of each is left to chance.
            longest_gap: Seconds that no gap exceeds.
            options: Settings for each question.

        Returns:
            The payout as it was last, and its ``outcome``: ``timed_out`` where the time was over first.

        Raises:
            NotFoundError: There is no such payout.
            WooshPayError: WooshPay refuses the question, or gave no answer at all until the time was over.
        """
        ...

    @post("/v1/payouts/{id}")
    def update(
        self,
        id: str,
        /,
        *,
        metadata: Metadata | Unset | None = UNSET,
        options: RequestOptions | None = None,
    ) -> Payout:
        """Change what is kept with a payout. Nothing else of it can be changed.

        Args:
            id: Id of the payout.
            metadata: Pairs to set; an empty value removes one, ``None`` removes all.
            options: Settings for this call only.

        Returns:
            The payout with the changes.

        Raises:
            NotFoundError: There is no such payout.

        Note: the reference calls ``metadata`` a text, its example sends an object.

        Reference: Update a Payout
        """
        ...

    @paged("/v1/payouts/list", params_in="query+body")
    def list(
        self,
        *,
        status: Literal["pending", "paid", "failed", "canceled"] | Unset = UNSET,
        created: CreatedFilter | Unset = UNSET,
        destination: str | Unset = UNSET,
        ending_before: str | Unset = UNSET,
        limit: int | Unset = UNSET,
        starting_after: str | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> ListObject[Payout]:
        """List payouts.

        Args:
            status: Those in this status only; the reference does not name ``in_transit``.
            created: Bounds on the time of creation, in milliseconds since 1970.
            destination: Those to this external account only, by id.
            ending_before: Id of the first entry of a page, to get the page before it.
            limit: Entries on a page, 1 to 100; 10 when left out.
            starting_after: Id of the last entry of a page, to get the page after it.
            options: Settings for this call only.

        Returns:
            The payouts, a page at a time.

        Raises:
            InvalidRequestError: A filter is wrong.

        Note: the path ends in ``/list``, unlike Stripe's and unlike the ``url`` of the page itself.

        Reference: List All Payouts
        """
        ...
