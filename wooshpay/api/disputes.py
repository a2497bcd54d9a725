"""Disputes: payments that a customer's bank asks back."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias, TypedDict

from wooshpay.api.shared import CreatedFilter, Metadata
from wooshpay.config import RequestOptions
from wooshpay.core.declaration import Resource, W, get, paged, post
from wooshpay.core.listing import ListObject
from wooshpay.core.objects import IdOf, Moment, Object, model
from wooshpay.core.unset import UNSET, Unset

if TYPE_CHECKING:
    from wooshpay.api.charges import Charge
    from wooshpay.api.files import File
    from wooshpay.api.payment_intents import PaymentIntent

# WooshPay shows one value of each, ``general`` and ``warning_needs_response``; the others are Stripe's.
DisputeReason: TypeAlias = Literal[
    "bank_cannot_process",
    "check_returned",
    "credit_not_processed",
    "customer_initiated",
    "debit_not_authorized",
    "duplicate",
    "fraudulent",
    "general",
    "incorrect_account_details",
    "insufficient_funds",
    "product_not_received",
    "product_unacceptable",
    "subscription_canceled",
    "unrecognized",
]
DisputeStatus: TypeAlias = Literal[
    "warning_needs_response",
    "warning_under_review",
    "warning_closed",
    "needs_response",
    "under_review",
    "won",
    "lost",
]


@model
class DisputeEvidence(Object):
    """What the merchant says against a dispute. WooshPay sends every field, null where nothing was said.

    Which of the fields hold a file follows Stripe: those have an id beside them.
    """

    access_activity_log: str | None = None
    billing_address: str | None = None
    cancellation_policy: str | File | None = None
    cancellation_policy_disclosure: str | None = None
    cancellation_rebuttal: str | None = None
    customer_communication: str | File | None = None
    customer_email_address: str | None = None
    customer_name: str | None = None
    customer_purchase_ip: str | None = None
    customer_signature: str | File | None = None
    duplicate_charge_documentation: str | File | None = None
    duplicate_charge_explanation: str | None = None
    duplicate_charge_id: str | None = None
    product_description: str | None = None
    receipt: str | File | None = None
    refund_policy: str | File | None = None
    refund_policy_disclosure: str | None = None
    refund_refusal_explanation: str | None = None
    service_date: str | None = None
    service_documentation: str | File | None = None
    shipping_address: str | None = None
    shipping_carrier: str | None = None
    shipping_date: str | None = None
    shipping_documentation: str | File | None = None
    shipping_tracking_number: str | None = None
    uncategorized_file: str | File | None = None
    uncategorized_text: str | None = None

    cancellation_policy_id = IdOf("cancellation_policy")
    customer_communication_id = IdOf("customer_communication")
    customer_signature_id = IdOf("customer_signature")
    duplicate_charge_documentation_id = IdOf("duplicate_charge_documentation")
    receipt_id = IdOf("receipt")
    refund_policy_id = IdOf("refund_policy")
    service_documentation_id = IdOf("service_documentation")
    shipping_documentation_id = IdOf("shipping_documentation")
    uncategorized_file_id = IdOf("uncategorized_file")


@model
class DisputeEvidenceDetails(Object):
    """How the evidence stands.

    Attributes:
        due_by: The last moment for an answer, as received.
        has_evidence: Whether evidence is kept that was not submitted yet.
        past_due: Whether the last moment is over.
        submission_count: How often evidence was submitted.
    """

    due_by: int | None = None
    has_evidence: bool | None = None
    past_due: bool | None = None
    submission_count: int | None = None

    due_by_time = Moment("due_by")


@model
class Dispute(Object):
    """A payment that a customer's bank asks back.

    Attributes:
        amount: Minor units in dispute; may differ from the charge's.
        balance_transactions: Ids of the movements on the balance. The answer to `Disputes.close` leaves them out,
            and ``is_charge_refundable`` and ``reason`` too.
        is_charge_refundable: Whether a refund could still end it.
    """

    TAG: ClassVar[str] = "dispute"

    id: str
    object: str
    amount: int
    charge: str | Charge
    created: int
    currency: str
    evidence: DisputeEvidence
    evidence_details: DisputeEvidenceDetails
    livemode: bool
    status: DisputeStatus | str
    balance_transactions: list[str | Object] | None = None
    is_charge_refundable: bool | None = None
    metadata: dict[str, str] | None = None
    payment_intent: str | PaymentIntent | None = None
    reason: DisputeReason | str | None = None

    created_at = Moment("created")
    charge_id = IdOf("charge")
    payment_intent_id = IdOf("payment_intent")


class DisputeEvidenceParam(TypedDict, total=False):
    """What to say against a dispute. An empty text takes a field back; files go in as their ids.

    Files: ``cancellation_policy``, ``customer_communication``, ``customer_signature``,
    ``duplicate_charge_documentation``, ``receipt``, ``refund_policy``, ``service_documentation``,
    ``shipping_documentation`` and ``uncategorized_file``.
    """

    access_activity_log: str
    billing_address: str
    cancellation_policy: str
    cancellation_policy_disclosure: str
    cancellation_rebuttal: str
    customer_communication: str
    customer_email_address: str
    customer_name: str
    customer_purchase_ip: str
    customer_signature: str
    duplicate_charge_documentation: str
    duplicate_charge_explanation: str
    duplicate_charge_id: str
    product_description: str
    receipt: str
    refund_policy: str
    refund_policy_disclosure: str
    refund_refusal_explanation: str
    service_date: str
    service_documentation: str
    shipping_address: str
    shipping_carrier: str
    shipping_date: str
    shipping_documentation: str
    shipping_tracking_number: str
    uncategorized_file: str
    uncategorized_text: str


class Disputes(Resource[W]):
    """Answer payments that are asked back, or accept them. New ones are told by ``charge.dispute.created``."""

    @get("/v1/disputes/{id}")
    def retrieve(self, id: str, /, *, options: RequestOptions | None = None) -> Dispute:
        """Get a dispute.

        Args:
            id: Id of the dispute.
            options: Settings for this call only.

        Returns:
            The dispute.

        Raises:
            NotFoundError: There is no such dispute.

        Inferred: the path, from its siblings and a client of others; only the verb was read.

        Reference: Retrieve a dispute
        """
        ...

    @post("/v1/disputes/{id}")
    def update(
        self,
        id: str,
        /,
        *,
        evidence: DisputeEvidenceParam | Unset = UNSET,
        metadata: Metadata | Unset | None = UNSET,
        submit: bool | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> Dispute:
        """Give evidence against a dispute.

        At Stripe evidence goes to the bank at once and the status becomes ``under_review``; with
        ``submit=False`` it is only kept, and more can be added.

        Args:
            id: Id of the dispute.
            evidence: What speaks against it; all fields together at most 150,000 characters at Stripe.
            metadata: Pairs to set; an empty value removes one, ``None`` removes all.
            submit: Whether the evidence goes to the bank now; ``True`` at Stripe when left out.
            options: Settings for this call only.

        Returns:
            The dispute with the changes.

        Raises:
            InvalidRequestError: It is too late for evidence, or a file is none.
            NotFoundError: There is no such dispute.

        Inferred: the path, from its siblings, and the parameters, from Stripe; only the verb was read.

        Reference: Update a dispute
        """
        ...

    @post("/v1/disputes/{id}/close")
    def close(self, id: str, /, *, options: RequestOptions | None = None) -> Dispute:
        """Accept a dispute: the money stays with the customer. This cannot be taken back.

        Args:
            id: Id of the dispute.
            options: Settings for this call only.

        Returns:
            The dispute, ``lost`` by Stripe's rule.

        Raises:
            InvalidRequestError: It is over already.
            NotFoundError: There is no such dispute.

        Note: the answer has no ``balance_transactions``, ``is_charge_refundable`` or ``reason``.

        Reference: Close a dispute
        """
        ...

    @paged("/v1/disputes/list", params_in="query+body")
    def list(
        self,
        *,
        charge: str | Unset = UNSET,
        payment_intent: str | Unset = UNSET,
        created: CreatedFilter | Unset = UNSET,
        ending_before: str | Unset = UNSET,
        limit: int | Unset = UNSET,
        starting_after: str | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> ListObject[Dispute]:
        """List disputes.

        Args:
            charge: Those of this charge only.
            payment_intent: Those of this payment intent only.
            created: Bounds on the time of creation, in milliseconds since 1970; the reference's example of a
                dispute counts in seconds.
            ending_before: Id of the first entry of a page, to get the page before it.
            limit: Entries on a page, 1 to 100; 10 when left out.
            starting_after: Id of the last entry of a page, to get the page after it.
            options: Settings for this call only.

        Returns:
            The disputes, a page at a time.

        Raises:
            InvalidRequestError: A filter is wrong.

        Note: the path ends in ``/list``, unlike Stripe's and unlike the ``url`` of the page itself.

        Reference: List all disputes
        """
        ...
