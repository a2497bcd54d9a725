"""Payment intents: one payment, from the first attempt to the money received."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Final, Literal, TypeAlias

from wooshpay.api.shared import (
    CaptureMethod,
    CreatedFilter,
    FutureUsage,
    Metadata,
    PaymentMethodDataParam,
    PaymentMethodOptions,
    PaymentMethodOptionsParam,
    PaymentMethodType,
    Shipping,
    ShippingParam,
)
from wooshpay.config import RequestOptions
from wooshpay.core.declaration import Resource, W, get, paged, post
from wooshpay.core.json import Json, is_object
from wooshpay.core.listing import ListObject
from wooshpay.core.objects import IdOf, Moment, Object, model, wire, wire_names
from wooshpay.core.unset import UNSET, Unset
from wooshpay.core.waiting import WaitResult, waiting

if TYPE_CHECKING:
    from wooshpay.api.charges import Charge
    from wooshpay.api.customers import Customer
    from wooshpay.api.invoices import Invoice
    from wooshpay.api.payment_methods import PaymentMethod

PaymentIntentStatus: TypeAlias = Literal[
    "requires_payment_method",
    "requires_confirmation",
    "requires_action",
    "processing",
    "requires_capture",
    "canceled",
    "succeeded",
]

PaymentOutcome: TypeAlias = Literal[
    "succeeded", "failed", "canceled", "requires_capture", "requires_confirmation", "timed_out"
]

# Names under which a URL or a QR code was seen, in WooshPay's answers or in those of the API that it mirrors.
_URL_NAMES: Final = ("url", "redirect_url", "hosted_instructions_url")
_QR_NAMES: Final = (
    "qrcode",
    "qr_code",
    "qr_code_url",
    "image_url",
    "image_data_url",
    "image_url_png",
    "image_url_svg",
)


@model
class RedirectAction(Object):
    """Where to send the customer's browser.

    Attributes:
        url: The page to open.
        return_url: The merchant's page that the customer comes back to.
        qrcode: A QR code to show instead, with some bank transfers.
    """

    url: str | None = None
    return_url: str | None = None
    qrcode: str | None = None


@model
class NextAction(Object):
    """What the customer must do before the payment can go on.

    The details stand under a key of their own for each payment method, which ``type`` does not always
    name: GCash says ``redirect_to_url`` and fills ``gcash_handle_redirect``. `action_url` and `action_qr`
    find them under any key, known or not.
    """

    type: str | None = None
    url: str | None = None
    qrcode: str | None = None
    challenge_redirect: RedirectAction | None = None
    redirect_to_url: RedirectAction | None = None
    alipay_handle_redirect: RedirectAction | None = None
    bank_transfer_id_handle_redirect: RedirectAction | None = None
    bank_transfer_vn_handle_redirect: RedirectAction | None = None
    dana_handle_redirect: RedirectAction | None = None
    gcash_handle_redirect: RedirectAction | None = None
    ideal_handle_redirect: RedirectAction | None = None
    ovo_handle_redirect: RedirectAction | None = None
    pix_handle_redirect: RedirectAction | None = None
    promptpay_handle_redirect: RedirectAction | None = None
    ddc_redirect: RedirectAction | None = None

    @property
    def action_url(self) -> str | None:
        """The page to send the customer to, under whichever key it came; ``None`` where there is none."""
        return self._find(_URL_NAMES)

    @property
    def action_qr(self) -> str | None:
        """The QR code to show, as text or as the URL of its image; ``None`` where there is none."""
        return self._find(_QR_NAMES)

    def _find(self, names: tuple[str, ...]) -> str | None:
        entries = _entries(self)
        named = entries.get(self.type) if isinstance(self.type, str) else None
        for details in (named, *entries.values(), self):
            inner = _entries(details)
            for name in names:
                value = inner.get(name)
                if isinstance(value, str) and value:
                    return value
        return None


def _entries(value: Json) -> Mapping[str, Json]:
    """Give everything that an object holds, known or not, by its name in the API."""
    if isinstance(value, Object):
        cls: type = type(value)
        return {**{on_wire: getattr(value, name) for name, on_wire in wire_names(cls)}, **value.extra}
    return value if is_object(value) else {}


@model
class LastPaymentError(Object):
    """Why the last attempt failed. Its fields were not read in the reference; these are those of an error."""

    type: str | None = None
    code: str | None = None
    message: str | None = None
    param: str | None = None
    decline_code: str | None = None
    doc_url: str | None = None
    charge: str | Charge | None = None
    payment_method: str | PaymentMethod | None = None

    charge_id = IdOf("charge")
    payment_method_id = IdOf("payment_method")


@model
class PaymentIntent(Object):
    """One payment, through all its attempts.

    Attributes:
        amount: Minor units asked for. A partial capture leaves it as it is: see ``amount_received``.
        amount_capturable: Minor units that are authorised and can be captured.
        amount_received: Minor units received. Old answers leave it out even when the payment succeeded.
        merchant_order_id: The merchant's own order number; a search can find it.
        merchant_user_id: The merchant's own number of the customer.
        client_secret: What a browser needs, together with a publishable key, to see this payment.
        next_action: What the customer must do; `action_url` and `action_qr` say where.
        latest_charge: The last attempt that reached the payment method.
        three_ds_status: ``3ds_status`` on the wire.
    """

    TAG: ClassVar[str] = "payment_intent"

    id: str
    object: str
    amount: int
    created: int
    currency: str
    livemode: bool
    status: PaymentIntentStatus | str
    amount_capturable: int | None = None
    amount_received: int | None = None
    cancel_at: int | str | None = None
    canceled_at: int | None = None
    cancellation_reason: str | None = None
    capture_method: CaptureMethod | str | None = None
    client_secret: str | None = None
    confirmation_method: Literal["automatic", "manual"] | str | None = None
    customer: str | Customer | None = None
    description: str | None = None
    invoice: str | Invoice | None = None
    last_payment_error: LastPaymentError | None = None
    latest_charge: str | Charge | None = None
    merchant_order_id: str | None = None
    merchant_user_id: str | None = None
    metadata: dict[str, str] | None = None
    next_action: NextAction | None = None
    payment_method: str | PaymentMethod | None = None
    payment_method_options: PaymentMethodOptions | None = None
    payment_method_types: list[str] | None = None
    quantity: int | None = None
    receipt_email: str | None = None
    return_url: str | None = None
    setup_future_usage: FutureUsage | str | None = None
    shipping: Shipping | None = None
    statement_descriptor: str | None = None
    statement_descriptor_suffix: str | None = None
    three_ds_status: str | None = wire("3ds_status", default=None)

    created_at = Moment("created")
    canceled_time = Moment("canceled_at")
    customer_id = IdOf("customer")
    invoice_id = IdOf("invoice")
    latest_charge_id = IdOf("latest_charge")
    payment_method_id = IdOf("payment_method")

    @property
    def action_url(self) -> str | None:
        """The page to send the customer to, whatever the payment method; ``None`` where nothing is to be done."""
        return self.next_action.action_url if isinstance(self.next_action, NextAction) else None

    @property
    def action_qr(self) -> str | None:
        """The QR code to show, as text or as the URL of its image; ``None`` where there is none."""
        return self.next_action.action_qr if isinstance(self.next_action, NextAction) else None


def _settled(intent: PaymentIntent) -> PaymentOutcome | None:
    match intent.status:
        case "succeeded" | "canceled" | "requires_capture" | "requires_confirmation" as outcome:
            return outcome
        case "requires_payment_method" if intent.last_payment_error is not None:
            return "failed"
        case _:
            return None


class PaymentIntents(Resource[W]):
    """Take payments directly. With hosted checkout, WooshPay makes the payment intent itself."""

    @post(
        "/v1/payment_intents",
        wire={"off_session": "off-session"},
        echoes=("amount", "currency", "merchant_order_id"),
    )
    def create(
        self,
        *,
        amount: int,
        currency: str,
        confirm: bool | Unset = UNSET,
        payment_method: str | Unset = UNSET,
        payment_method_data: PaymentMethodDataParam | Unset = UNSET,
        payment_method_types: Sequence[PaymentMethodType] | Unset = UNSET,
        payment_method_options: PaymentMethodOptionsParam | Unset = UNSET,
        capture_method: CaptureMethod | Unset = UNSET,
        setup_future_usage: FutureUsage | Unset = UNSET,
        customer: str | Unset = UNSET,
        description: str | Unset = UNSET,
        quantity: int | Unset = UNSET,
        merchant_order_id: str | Unset = UNSET,
        merchant_user_id: str | Unset = UNSET,
        metadata: Metadata | Unset | None = UNSET,
        shipping: ShippingParam | Unset = UNSET,
        return_url: str | Unset = UNSET,
        off_session: bool | Unset = UNSET,
        receipt_email: str | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> PaymentIntent:
        """Start a payment, and with ``confirm=True`` make the first attempt at once.

        A confirmed payment comes back as ``succeeded``; as ``requires_capture`` where the capture is manual;
        as ``requires_action`` where the customer must go to `PaymentIntent.action_url`; or as
        ``requires_payment_method`` where the attempt was refused. Take the event
        ``payment_intent.succeeded``, never the browser's return, as the proof of payment.

        Args:
            amount: Minor units, at most eight digits; the reference asks for the worth of 0.50 USD at least.
            currency: Three-letter code, such as ``USD``.
            confirm: Make the first attempt in the same call.
            payment_method: Id of a saved payment method; goes with ``customer``.
            payment_method_data: A payment method made on the way.
            payment_method_types: The payment methods that may be used.
            payment_method_options: Settings by payment method.
            capture_method: ``manual`` only authorises, for a `capture` later; ``automatic`` when left out.
            setup_future_usage: Save the payment method on the customer, for this kind of use.
            customer: Id of the customer.
            description: Free text of the merchant.
            quantity: How many are sold.
            merchant_order_id: The merchant's own order number; `search` finds it.
            merchant_user_id: The merchant's own number of the customer.
            metadata: Free pairs to keep with the payment.
            shipping: Where the goods go; its ``name`` is required.
            return_url: Where the customer comes back to; only with ``confirm=True``.
            off_session: The customer is absent and cannot authenticate; only with ``confirm=True``.
            receipt_email: Where a receipt goes.
            options: Settings for this call only.

        Returns:
            The payment intent; look at its ``status``.

        Raises:
            InvalidRequestError: A parameter is missing or wrong.
            CardError: The card was declined.

        Note: on the wire ``off_session`` is ``off-session`` here, and ``off_session`` when confirming.

        Inferred: receipt_email, and that nothing is missing: the parameter list was read in part.

        Reference: Create a PaymentIntent
        """
        ...

    @get("/v1/payment_intents/{id}", publishable=True)
    def retrieve(
        self,
        id: str,
        /,
        *,
        client_secret: str | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> PaymentIntent:
        """Get a payment intent.

        Args:
            id: Id of the payment intent.
            client_secret: The payment intent's client secret; needed with a publishable key only.
            options: Settings for this call only.

        Returns:
            The payment intent. With a publishable key only a part of its fields is there.

        Raises:
            NotFoundError: There is no such payment intent.

        Reference: Retrieve a PaymentIntent
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
        client_secret: str | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> WaitResult[PaymentIntent, PaymentOutcome]:
        """Wait until a payment has an outcome: an expired or failed one is an outcome, not an error.

        ``succeeded`` and ``canceled`` are final. ``failed`` is the status ``requires_payment_method`` after an attempt
        that did not work: the object's ``last_payment_error`` says why, and the payment may be confirmed again. With
        ``requires_capture`` and ``requires_confirmation`` it is your turn. While the customer has something to do, and
        while the payment is processing, the waiting goes on. For a payment in a hosted checkout, wait for the session.

        A fault of WooshPay's, a rate limit or a lost answer does not end the waiting. Canceling the task, or Ctrl-C in
        a plain call, does at once.

        Args:
            id: Id of the payment intent.
            timeout: Seconds to wait in all. A question that is under way then may take five seconds more.
            first_gap: Seconds between the first two questions. Every further gap is half as long again, and up to half
                of each is left to chance.
            longest_gap: Seconds that no gap exceeds.
            client_secret: The payment intent's client secret; needed with a publishable key only.
            options: Settings for each question.

        Returns:
            The payment intent as it was last, and its ``outcome``: ``timed_out`` where the time was over first.

        Raises:
            NotFoundError: There is no such payment intent.
            WooshPayError: WooshPay refuses the question, or gave no answer at all until the time was over.
        """
        ...

    @post("/v1/payment_intents/{id}", echoes=("amount", "currency", "merchant_order_id"))
    def update(
        self,
        id: str,
        /,
        *,
        amount: int | Unset = UNSET,
        currency: str | Unset = UNSET,
        confirm: bool | Unset = UNSET,
        payment_method: str | Unset = UNSET,
        payment_method_data: PaymentMethodDataParam | Unset = UNSET,
        payment_method_types: Sequence[PaymentMethodType] | Unset = UNSET,
        setup_future_usage: FutureUsage | Unset = UNSET,
        customer: str | Unset = UNSET,
        description: str | Unset = UNSET,
        quantity: int | Unset = UNSET,
        merchant_order_id: str | Unset = UNSET,
        merchant_user_id: str | Unset = UNSET,
        metadata: Metadata | Unset | None = UNSET,
        shipping: ShippingParam | Unset = UNSET,
        return_url: str | Unset = UNSET,
        receipt_email: str | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> PaymentIntent:
        """Change a payment intent before it is confirmed.

        Some changes make a new `confirm` necessary; a change of the payment method always does.

        Args:
            id: Id of the payment intent.
            amount: Minor units.
            currency: Three-letter code, such as ``USD``.
            confirm: In an example of the reference, although its text says that an update does not confirm.
            payment_method: Id of a saved payment method.
            payment_method_data: A payment method made on the way.
            payment_method_types: The payment methods that may be used.
            setup_future_usage: Save the payment method on the customer, for this kind of use.
            customer: Id of the customer.
            description: Free text of the merchant.
            quantity: How many are sold.
            merchant_order_id: The merchant's own order number.
            merchant_user_id: The merchant's own number of the customer.
            metadata: Pairs to set; an empty value removes one, ``None`` removes all.
            shipping: Where the goods go.
            return_url: Where the customer comes back to.
            receipt_email: Where a receipt goes.
            options: Settings for this call only.

        Returns:
            The payment intent with the changes.

        Raises:
            InvalidRequestError: A parameter is wrong, or the payment can no longer be changed.
            NotFoundError: There is no such payment intent.

        Note: the reference lists ``payment_method_data`` alone; its example has most others, the last few are Stripe's.

        Reference: Update a PaymentIntent
        """
        ...

    @post("/v1/payment_intents/{id}/confirm")
    def confirm(
        self,
        id: str,
        /,
        *,
        payment_method: str | Unset = UNSET,
        payment_method_data: PaymentMethodDataParam | Unset = UNSET,
        payment_method_options: PaymentMethodOptionsParam | Unset = UNSET,
        setup_future_usage: FutureUsage | Unset = UNSET,
        shipping: ShippingParam | Unset = UNSET,
        return_url: str | Unset = UNSET,
        off_session: bool | Unset = UNSET,
        error_on_requires_action: bool | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> PaymentIntent:
        """Make an attempt to take the payment.

        The outcomes are those of `create` with ``confirm=True``.

        Args:
            id: Id of the payment intent.
            payment_method: Id of a saved payment method.
            payment_method_data: A payment method made on the way.
            payment_method_options: Settings by payment method.
            setup_future_usage: Save the payment method on the customer, for this kind of use.
            shipping: Where the goods go.
            return_url: Where the customer comes back to after leaving for the payment method's page.
            off_session: The customer is absent and cannot authenticate.
            error_on_requires_action: Fail where the customer would have to act, in place of waiting for it.
            options: Settings for this call only.

        Returns:
            The payment intent; look at its ``status``.

        Raises:
            CardError: The card was declined.
            InvalidRequestError: There is nothing to confirm in this status, or no payment method.
            NotFoundError: There is no such payment intent.

        Note: the page read lists three of these parameters; the others are those that its newer form lets through.

        Reference: Confirm a PaymentIntent
        """
        ...

    @post("/v1/payment_intents/{id}/capture")
    def capture(
        self,
        id: str,
        /,
        *,
        amount_to_capture: int | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> PaymentIntent:
        """Take the money of an authorised payment, whole or in part.

        The status must be ``requires_capture``. An authorisation that is not captured lapses, after seven
        days by default, and the payment intent is canceled.

        Args:
            id: Id of the payment intent.
            amount_to_capture: Minor units, at most what was authorised; all of it when left out.
            options: Settings for this call only.

        Returns:
            The payment intent with status ``succeeded``.

        Raises:
            InvalidRequestError: The status is another one, or more was asked for than is authorised.
            NotFoundError: There is no such payment intent.

        Note: one capture ends it, what it leaves over is released; ``amount`` keeps the sum first asked for.

        Reference: Capture a PaymentIntent
        """
        ...

    @post("/v1/payment_intents/{id}/cancel")
    def cancel(
        self,
        id: str,
        /,
        *,
        cancellation_reason: str,
        options: RequestOptions | None = None,
    ) -> PaymentIntent:
        """Give a payment up. Nothing more is charged, and what was authorised is released.

        Possible while the status is ``requires_payment_method``, ``requires_confirmation``,
        ``requires_action`` or ``requires_capture``. One that belongs to a checkout session cannot be
        canceled: expire the session.

        Args:
            id: Id of the payment intent.
            cancellation_reason: Why, in the merchant's own words.
            options: Settings for this call only.

        Returns:
            The payment intent with status ``canceled``.

        Raises:
            InvalidRequestError: The status does not allow it, or a checkout session owns the payment intent.
            NotFoundError: There is no such payment intent.

        Note: unlike at Stripe the reason is required and is free text, and ``processing`` cannot be canceled.

        Reference: Cancel a PaymentIntent
        """
        ...

    @paged("/v1/payment_intents/search")
    def search(
        self,
        *,
        query: str,
        limit: int | Unset = UNSET,
        page: str | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> ListObject[PaymentIntent]:
        """Find payment intents, such as the one of an order.

        Args:
            query: What to find, such as ``merchant_order_id:'order1234'``, the one field that the reference shows.
            limit: Entries on a page, 1 to 100; 10 when left out.
            page: The ``next_page`` token of the page before.
            options: Settings for this call only.

        Returns:
            The payment intents found, a page at a time; none found is an empty page.

        Raises:
            InvalidRequestError: The query cannot be read.

        Note: ``page`` and ``next_page`` are Stripe's; the page of the reference has neither.

        Reference: Search PaymentIntents
        """
        ...

    @paged("/v1/payment_intents", params_in="query+body")
    def list(
        self,
        *,
        created: CreatedFilter | Unset = UNSET,
        customer: str | Unset = UNSET,
        ending_before: str | Unset = UNSET,
        limit: int | Unset = UNSET,
        starting_after: str | Unset = UNSET,
        options: RequestOptions | None = None,
    ) -> ListObject[PaymentIntent]:
        """List payment intents, the newest first.

        Args:
            created: Bounds on the time of creation, in milliseconds since 1970.
            customer: Those of this customer only; not in the reference.
            ending_before: Id of the first entry of a page, to get the page before it.
            limit: Entries on a page, 1 to 100; 10 when left out.
            starting_after: Id of the last entry of a page, to get the page after it.
            options: Settings for this call only.

        Returns:
            The payment intents, a page at a time.

        Raises:
            InvalidRequestError: A filter is wrong.

        Reference: List all PaymentIntents
        """
        ...
