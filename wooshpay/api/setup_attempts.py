"""Setup attempts: the single tries of a setup intent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from wooshpay.api.shared import CreatedFilter, FutureUsage, PaymentMethodType
from wooshpay.config import RequestOptions
from wooshpay.core.declaration import Resource, W, paged
from wooshpay.core.listing import ListObject
from wooshpay.core.objects import IdOf, Moment, Object, model
from wooshpay.core.unset import UNSET, Unset

if TYPE_CHECKING:
    from wooshpay.api.customers import Customer
    from wooshpay.api.payment_methods import PaymentMethod
    from wooshpay.api.setup_intents import SetupError, SetupIntent

SetupAttemptStatus: TypeAlias = Literal[
    "requires_confirmation",
    "requires_action",
    "processing",
    "succeeded",
    "failed",
    "abandoned",
]


@model
class SetupAttemptDetails(Object):
    """The payment method as it was at the attempt. The details of kinds other than cards are in ``extra``.

    Attributes:
        card: Details of the card, as received: which fields they have was not read anywhere.
    """

    type: PaymentMethodType | str | None = None
    card: dict[str, Any] | None = None


@model
class SetupAttempt(Object):
    """One try of a setup intent.

    WooshPay's page of it was cut before the object began: every field is Stripe's.

    Attributes:
        setup_error: Why it failed.
        usage: Whether the customer will be present later.
    """

    TAG: ClassVar[str] = "setup_attempt"

    id: str
    object: str
    created: int | None = None
    customer: str | Customer | None = None
    livemode: bool | None = None
    payment_method: str | PaymentMethod | None = None
    payment_method_details: SetupAttemptDetails | None = None
    setup_error: SetupError | None = None
    setup_intent: str | SetupIntent | None = None
    status: SetupAttemptStatus | str | None = None
    usage: FutureUsage | str | None = None

    created_at = Moment("created")
    customer_id = IdOf("customer")
    payment_method_id = IdOf("payment_method")
    setup_intent_id = IdOf("setup_intent")


class SetupAttempts(Resource[W]):
    """Look into the tries of setup intents, the failed ones above all."""

    @paged("/v1/setup_attempts/list", params_in="query+body")
    def list(
        self,
        *,
        setup_intent: str | Unset = UNSET,
        created: CreatedFilter | Unset = UNSET,
        ending_before: str | Unset = UNSET,
        limit: int | Unset = UNSET,
        starting_after: str | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> ListObject[SetupAttempt]:
        """List setup attempts, the newest first.

        Args:
            setup_intent: Those of this setup intent only; Stripe requires it.
            created: Bounds on the time of creation, in milliseconds since 1970.
            ending_before: Id of the first entry of a page, to get the page before it.
            limit: Entries on a page, 1 to 100; 10 when left out.
            starting_after: Id of the last entry of a page, to get the page after it.
            options: Settings for this call only.

        Returns:
            The setup attempts, a page at a time.

        Raises:
            InvalidRequestError: A filter is wrong.

        Note: the path ends in ``/list``, unlike Stripe's.

        Inferred: the reply, ending_before, limit and starting_after; the page read ends before them.

        Reference: List all SetupAttempts
        """
        ...
