"""What WooshPay offers: one module per section of its reference.

The tables say where things are, so that a section is imported only when it is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Final

from wooshpay.core.catalog import announce

if TYPE_CHECKING:
    from wooshpay.core.declaration import Declaration

# Section, as in client.checkout.sessions -> its class.
SECTIONS: Final[dict[str, str]] = {
    "accounts": "Accounts",
    "balance": "Balances",
    "charges": "Charges",
    "checkout.sessions": "Sessions",
    "coupons": "Coupons",
    "customers": "Customers",
    "events": "Events",
    "payment_intents": "PaymentIntents",
    "payment_links": "PaymentLinks",
    "payment_methods": "PaymentMethods",
    "prices": "Prices",
    "products": "Products",
    "promotion_codes": "PromotionCodes",
    "refunds": "Refunds",
    "setup_attempts": "SetupAttempts",
    "setup_intents": "SetupIntents",
    "webhook_endpoints": "WebhookEndpoints",
}

# Object class -> the section module that defines it.
OBJECTS: Final[dict[str, str]] = {
    "Address": "shared",
    "AfterCompletion": "payment_links",
    "AfterCompletionRedirect": "payment_links",
    "Balance": "balance",
    "BalanceFunds": "balance",
    "BillingDetails": "shared",
    "Card": "payment_methods",
    "CardChecks": "payment_methods",
    "CardOptions": "shared",
    "CardWallet": "charges",
    "Charge": "charges",
    "ChargeCard": "charges",
    "ChargeOutcome": "charges",
    "CheckoutSession": "checkout.sessions",
    "Coupon": "coupons",
    "CouponAppliesTo": "coupons",
    "Customer": "customers",
    "CustomerDetails": "checkout.sessions",
    "DeletedCoupon": "coupons",
    "DeletedWebhookEndpoint": "webhook_endpoints",
    "Discount": "coupons",
    "Event": "events",
    "EventData": "events",
    "EventRequest": "events",
    "FraudDetails": "charges",
    "HostedConfirmation": "payment_links",
    "LastPaymentError": "payment_intents",
    "LineItem": "shared",
    "NextAction": "payment_intents",
    "PaymentIntent": "payment_intents",
    "PaymentLink": "payment_links",
    "PaymentMethod": "payment_methods",
    "PaymentMethodDetails": "charges",
    "PaymentMethodOptions": "shared",
    "PhoneNumberCollection": "shared",
    "PixOptions": "shared",
    "Price": "prices",
    "PriceRecurring": "prices",
    "PriceTier": "prices",
    "Product": "products",
    "PromotionCode": "promotion_codes",
    "PromotionCodeRestrictions": "promotion_codes",
    "RedirectAction": "payment_intents",
    "Refund": "refunds",
    "SepaOptions": "shared",
    "SetupAttempt": "setup_attempts",
    "SetupAttemptDetails": "setup_attempts",
    "SetupError": "setup_intents",
    "SetupIntent": "setup_intents",
    "Shipping": "shared",
    "ShippingAddressCollection": "shared",
    "WalletOptions": "shared",
    "WebhookEndpoint": "webhook_endpoints",
    "WechatPayOptions": "shared",
}

# Value of the ``object`` field -> object class.
TAGS: Final[dict[str, str]] = {
    "balance": "Balance",
    "charge": "Charge",
    "checkout.session": "CheckoutSession",
    "coupon": "Coupon",
    "customer": "Customer",
    "discount": "Discount",
    "event": "Event",
    "item": "LineItem",
    "payment_intent": "PaymentIntent",
    "payment_link": "PaymentLink",
    "payment_method": "PaymentMethod",
    "price": "Price",
    "product": "Product",
    "promotion_code": "PromotionCode",
    "refund": "Refund",
    "setup_attempt": "SetupAttempt",
    "setup_intent": "SetupIntent",
    "webhook_endpoint": "WebhookEndpoint",
}

announce({name: f"{__name__}.{section}" for name, section in OBJECTS.items()}, TAGS)


def declarations() -> Iterator[Declaration]:
    """Every declared operation of every section, in the order of the sections and of their code."""
    from wooshpay.core.declaration import Declaration

    for section, name in SECTIONS.items():
        resource: type = getattr(import_module(f"wooshpay.api.{section}"), name)
        for member in vars(resource).values():
            if isinstance(member, Declaration):
                yield member
