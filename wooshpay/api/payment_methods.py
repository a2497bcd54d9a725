"""Payment methods: cards, wallets and accounts that customers pay with."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from wooshpay.api.shared import BillingDetails, PaymentMethodType
from wooshpay.core.objects import IdOf, Moment, Object, model

if TYPE_CHECKING:
    from wooshpay.api.customers import Customer


@model
class CardChecks(Object):
    """What the issuer said about the address and the security code."""

    address_line1_check: str | None = None
    address_zip_check: str | None = None
    cvc_check: str | None = None


@model
class Card(Object):
    """What may be shown of a card.

    Attributes:
        fingerprint: The same for every use of one card number.
    """

    brand: str | None = None
    checks: CardChecks | None = None
    country: str | None = None
    exp_month: int | None = None
    exp_year: int | None = None
    fingerprint: str | None = None
    funding: str | None = None
    last4: str | None = None


@model
class PaymentMethod(Object):
    """A card, wallet or account. The details of kinds other than cards are in ``extra``."""

    TAG: ClassVar[str] = "payment_method"

    id: str
    object: str
    created: int
    livemode: bool
    type: PaymentMethodType | str
    billing_details: BillingDetails | None = None
    card: Card | None = None
    customer: str | Customer | None = None
    metadata: dict[str, str] | None = None

    created_at = Moment("created")
    customer_id = IdOf("customer")
