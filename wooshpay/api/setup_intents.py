"""Setup intents: saving a payment method for later, without a payment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from wooshpay.api.shared import (
    CreatedFilter,
    FutureUsage,
    Metadata,
    PaymentMethodDataParam,
    PaymentMethodOptions,
    PaymentMethodOptionsParam,
    PaymentMethodType,
)
from wooshpay.config import RequestOptions
from wooshpay.core.declaration import Resource, W, get, paged, post
from wooshpay.core.listing import ListObject
from wooshpay.core.objects import IdOf, Moment, Object, model
from wooshpay.core.unset import UNSET, Unset
from wooshpay.core.waiting import WaitResult, waiting

if TYPE_CHECKING:
    from wooshpay.api.customers import Customer
    from wooshpay.api.payment_intents import NextAction
    from wooshpay.api.payment_methods import PaymentMethod
    from wooshpay.api.setup_attempts import SetupAttempt

# Only requires_payment_method, requires_action and succeeded were read; the others are Stripe's.
SetupIntentStatus: TypeAlias = Literal[
    "requires_payment_method",
    "requires_confirmation",
    "requires_action",
    "processing",
    "canceled",
    "succeeded",
]
SetupOutcome: TypeAlias = Literal["succeeded", "failed", "canceled", "requires_confirmation", "timed_out"]
SetupCancellationReason: TypeAlias = Literal["abandoned", "requested_by_customer", "duplicate"]


@model
class SetupError(Object):
    """Why a payment method could not be saved. Its fields were not read; these are those of an error."""

    type: str | None = None
    code: str | None = None
    message: str | None = None
    param: str | None = None
    decline_code: str | None = None
    doc_url: str | None = None
    payment_method: str | PaymentMethod | None = None

    payment_method_id = IdOf("payment_method")


@model
class SetupIntent(Object):
    """The saving of one payment method for later, through all its attempts.

    Attributes:
        client_secret: What a browser needs, together with a publishable key, to see this setup intent.
        next_action: What the customer must do; `action_url` says where.
        usage: Whether the customer will be present later. A card saved for ``on_session`` may be charged
            without the customer too.
        last_setup_error: Why the last attempt failed; as at Stripe, like the four that follow.
        cancellation_reason: Why it was given up.
        latest_attempt: The last attempt.
        mandate: The customer's consent to later payments.
        single_use_mandate: The customer's consent to one later payment.
    """

    TAG: ClassVar[str] = "setup_intent"

    id: str
    object: str
    status: SetupIntentStatus | str
    cancellation_reason: SetupCancellationReason | str | None = None
    client_secret: str | None = None
    created: int | None = None
    customer: str | Customer | None = None
    description: str | None = None
    last_setup_error: SetupError | None = None
    latest_attempt: str | SetupAttempt | None = None
    livemode: bool | None = None
    mandate: str | None = None
    metadata: dict[str, str] | None = None
    next_action: NextAction | None = None
    payment_method: str | PaymentMethod | None = None
    payment_method_options: PaymentMethodOptions | None = None
    payment_method_types: list[str] | None = None
    return_url: str | None = None
    single_use_mandate: str | None = None
    usage: FutureUsage | str | None = None

    created_at = Moment("created")
    customer_id = IdOf("customer")
    latest_attempt_id = IdOf("latest_attempt")
    payment_method_id = IdOf("payment_method")

    @property
    def action_url(self) -> str | None:
        """The page to send the customer to; ``None`` where nothing is to be done."""
        # Where something else than an object came, there is no such attribute.
        found: str | None = getattr(self.next_action, "action_url", None)
        return found

    @property
    def action_qr(self) -> str | None:
        """The QR code to show, as text or as the URL of its image; ``None`` where there is none."""
        found: str | None = getattr(self.next_action, "action_qr", None)
        return found


def _settled(intent: SetupIntent) -> SetupOutcome | None:
    match intent.status:
        case "succeeded" | "canceled" | "requires_confirmation" as outcome:
            return outcome
        case "requires_payment_method" if intent.last_setup_error is not None:
            return "failed"
        case _:
            return None


class SetupIntents(Resource[W]):
    """Save payment methods for later. With hosted checkout, a session in setup mode does it."""

    @post("/v1/setup_intents")
    def create(
        self,
        *,
        confirm: bool | Unset = UNSET,
        customer: str | Unset = UNSET,
        payment_method: str | Unset = UNSET,
        payment_method_data: PaymentMethodDataParam | Unset = UNSET,
        payment_method_types: Sequence[PaymentMethodType] | Unset = UNSET,
        payment_method_options: PaymentMethodOptionsParam | Unset = UNSET,
        usage: FutureUsage | Unset = UNSET,
        return_url: str | Unset = UNSET,
        description: str | Unset = UNSET,
        metadata: Metadata | Unset | None = UNSET,
        options: RequestOptions | None = None,
    ) -> SetupIntent:
        """Start to save a payment method, and with ``confirm=True`` make the first attempt at once.

        A confirmed one comes back as ``succeeded``; as ``requires_action`` where the customer must go to
        `SetupIntent.action_url`; or as ``requires_payment_method`` where the attempt was refused. Take the
        event ``setup_intent.succeeded``, never this reply alone, as the proof; keep the customer and the
        payment method that it names.

        Args:
            confirm: Make the first attempt in the same call.
            customer: Id of the customer to save it for; the guide asks for it.
            payment_method: Id of a payment method.
            payment_method_data: A payment method made on the way.
            payment_method_types: The payment methods that may be used; ``["card"]`` in the guide.
            payment_method_options: Settings by payment method.
            usage: Whether the customer will be present later.
            return_url: Where the customer comes back to from a 3-D Secure challenge; only with ``confirm=True``.
            description: Free text of the merchant.
            metadata: Free pairs to keep with the setup intent.
            options: Settings for this call only.

        Returns:
            The setup intent; look at its ``status``.

        Raises:
            InvalidRequestError: A parameter is missing or wrong.
            CardError: The card was declined.

        Inferred: payment_method, payment_method_options, description and metadata; the rest is from a guide.

        Reference: Create a SetupIntent
        """
        ...

    @get("/v1/setup_intents/{id}")
    def retrieve(self, id: str, /, *, options: RequestOptions | None = None) -> SetupIntent:
        """Get a setup intent.

        Args:
            id: Id of the setup intent.
            options: Settings for this call only.

        Returns:
            The setup intent.

        Raises:
            NotFoundError: There is no such setup intent.

        Inferred: the path, from its siblings; only the verb was read.

        Reference: Retrieve a SetupIntent
        """
        ...

    @waiting(retrieve, _settled)
    def wait(
        self,
        id: str,
        /,
        *,
        timeout: float = 300.0,
        first_gap: float = 1.0,
        longest_gap: float = 15.0,
        options: RequestOptions | None = None,
    ) -> WaitResult[SetupIntent, SetupOutcome]:
        """Wait until saving a payment method has an outcome: a failed attempt is an outcome, not an error.

        ``succeeded`` and ``canceled`` are final. ``failed`` is the status ``requires_payment_method`` after an attempt
        that did not work: the object's ``last_setup_error`` says why, and it may be confirmed again. With
        ``requires_confirmation`` it is your turn. While the customer has something to do the waiting goes on.

        A fault of WooshPay's, a rate limit or a lost answer does not end the waiting. Canceling the task, or Ctrl-C in
        a plain call, does at once.

        Args:
            id: Id of the setup intent.
            timeout: Seconds to wait in all. A question that is under way then may take five seconds more.
            first_gap: Seconds between the first two questions. Every further gap is half as long again, and up to half
                of each is left to chance.
            longest_gap: Seconds that no gap exceeds.
            options: Settings for each question.

        Returns:
            The setup intent as it was last, and its ``outcome``: ``timed_out`` where the time was over first.

        Raises:
            NotFoundError: There is no such setup intent.
            WooshPayError: WooshPay refuses the question, or gave no answer at all until the time was over.
        """
        ...

    @post("/v1/setup_intents/{id}")
    def update(
        self,
        id: str,
        /,
        *,
        customer: str | Unset = UNSET,
        payment_method: str | Unset = UNSET,
        payment_method_data: PaymentMethodDataParam | Unset = UNSET,
        payment_method_types: Sequence[PaymentMethodType] | Unset = UNSET,
        payment_method_options: PaymentMethodOptionsParam | Unset = UNSET,
        description: str | Unset = UNSET,
        metadata: Metadata | Unset | None = UNSET,
        options: RequestOptions | None = None,
    ) -> SetupIntent:
        """Change a setup intent before it is confirmed.

        Args:
            id: Id of the setup intent.
            customer: Id of the customer to save the payment method for.
            payment_method: Id of a payment method.
            payment_method_data: A payment method made on the way.
            payment_method_types: The payment methods that may be used.
            payment_method_options: Settings by payment method.
            description: Free text of the merchant.
            metadata: Pairs to set; an empty value removes one, ``None`` removes all.
            options: Settings for this call only.

        Returns:
            The setup intent with the changes.

        Raises:
            InvalidRequestError: A parameter is wrong, or the setup intent can no longer be changed.
            NotFoundError: There is no such setup intent.

        Inferred: the path, from its siblings, and the parameters, from Stripe; only the verb was read.

        Reference: Update a SetupIntent
        """
        ...

    @post("/v1/setup_intents/{id}/confirm")
    def confirm(
        self,
        id: str,
        /,
        *,
        return_url: str,
        payment_method: str | Unset = UNSET,
        payment_method_data: PaymentMethodDataParam | Unset = UNSET,
        payment_method_options: PaymentMethodOptionsParam | Unset = UNSET,
        usage: FutureUsage | Unset = UNSET,
        customer: str | Unset = UNSET,
        description: str | Unset = UNSET,
        metadata: Metadata | Unset | None = UNSET,
        options: RequestOptions | None = None,
    ) -> SetupIntent:
        """Make an attempt to save the payment method.

        The outcomes are those of `create` with ``confirm=True``.

        Args:
            id: Id of the setup intent.
            return_url: Where the customer comes back to from a 3-D Secure challenge.
            payment_method: Id of a payment method. One of another customer is refused.
            payment_method_data: A payment method made on the way.
            payment_method_options: Settings by payment method.
            usage: Whether the customer will be present later.
            customer: Id of the customer who gets the payment method when it succeeds.
            description: Free text of the merchant.
            metadata: Pairs to set; an empty value removes one, ``None`` removes all.
            options: Settings for this call only.

        Returns:
            The setup intent; look at its ``status``.

        Raises:
            CardError: The card was declined.
            InvalidRequestError: There is nothing to confirm in this status, or no payment method.
            NotFoundError: There is no such setup intent.

        Note: unlike at Stripe, ``return_url`` is required, and customer, description and metadata may change here.

        Reference: Confirm a SetupIntent
        """
        ...

    @post("/v1/setup_intents/{id}/cancel")
    def cancel(
        self,
        id: str,
        /,
        *,
        cancellation_reason: SetupCancellationReason | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> SetupIntent:
        """Give a setup intent up.

        Its status must be ``requires_payment_method``, ``requires_confirmation`` or ``requires_action``.

        Args:
            id: Id of the setup intent.
            cancellation_reason: Why it is given up.
            options: Settings for this call only.

        Returns:
            The setup intent with status ``canceled``.

        Raises:
            InvalidRequestError: It cannot be canceled in this status.
            NotFoundError: There is no such setup intent.

        Inferred: the path, from its siblings, and parameter and states, from Stripe; only the verb was read.

        Reference: Cancel a SetupIntent
        """
        ...

    @paged("/v1/setup_intents")
    def list(
        self,
        *,
        created: CreatedFilter | Unset = UNSET,
        customer: str | Unset = UNSET,
        payment_method: str | Unset = UNSET,
        ending_before: str | Unset = UNSET,
        limit: int | Unset = UNSET,
        starting_after: str | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> ListObject[SetupIntent]:
        """List setup intents, the newest first.

        Args:
            created: Bounds on the time of creation, in milliseconds since 1970.
            customer: Those of this customer only.
            payment_method: Those of this payment method only.
            ending_before: Id of the first entry of a page, to get the page before it.
            limit: Entries on a page, 1 to 100; 10 when left out.
            starting_after: Id of the last entry of a page, to get the page after it.
            options: Settings for this call only.

        Returns:
            The setup intents, a page at a time.

        Raises:
            InvalidRequestError: A filter is wrong.
            NotFoundError: WooshPay lists setup intents elsewhere, perhaps under ``/v1/setup_intents/list``.

        Inferred: path and parameters, from Stripe; only the verb was read.

        Reference: List all SetupIntents
        """
        ...
