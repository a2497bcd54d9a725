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
    "beneficiaries": "Beneficiaries",
    "charges": "Charges",
    "checkout.sessions": "Sessions",
    "coupons": "Coupons",
    "customers": "Customers",
    "disputes": "Disputes",
    "events": "Events",
    "files": "Files",
    "fx_quotes": "FxQuotes",
    "invoice_items": "InvoiceItems",
    "invoices": "Invoices",
    "issuing.authorizations": "Authorizations",
    "issuing.cardholders": "Cardholders",
    "issuing.cards": "Cards",
    "issuing.transactions": "Transactions",
    "payment_intents": "PaymentIntents",
    "payment_links": "PaymentLinks",
    "payment_methods": "PaymentMethods",
    "payouts": "Payouts",
    "prices": "Prices",
    "products": "Products",
    "promotion_codes": "PromotionCodes",
    "refunds": "Refunds",
    "setup_attempts": "SetupAttempts",
    "setup_intents": "SetupIntents",
    "subscription_items": "SubscriptionItems",
    "subscriptions": "Subscriptions",
    "webhook_endpoints": "WebhookEndpoints",
}

# Object class -> the section module that defines it.
OBJECTS: Final[dict[str, str]] = {
    "Address": "shared",
    "AfterCompletion": "payment_links",
    "AfterCompletionRedirect": "payment_links",
    "AuthorizationNetworkData": "issuing.authorizations",
    "Balance": "balance",
    "BalanceFunds": "balance",
    "BankAccount": "payouts",
    "Beneficiary": "beneficiaries",
    "BeneficiaryAlipay": "beneficiaries",
    "BeneficiaryBankAccount": "beneficiaries",
    "BeneficiaryBirthDate": "beneficiaries",
    "BeneficiaryBusiness": "beneficiaries",
    "BeneficiaryBusinessInfo": "beneficiaries",
    "BeneficiaryCertificate": "beneficiaries",
    "BeneficiaryDestination": "beneficiaries",
    "BeneficiaryEntity": "beneficiaries",
    "BeneficiaryIndividual": "beneficiaries",
    "BeneficiaryIndividualInfo": "beneficiaries",
    "BeneficiaryMobileMoney": "beneficiaries",
    "BeneficiaryUpi": "beneficiaries",
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
    "DeletedBeneficiary": "beneficiaries",
    "DeletedCoupon": "coupons",
    "DeletedObject": "shared",
    "DeletedWebhookEndpoint": "webhook_endpoints",
    "Discount": "coupons",
    "Dispute": "disputes",
    "DisputeEvidence": "disputes",
    "DisputeEvidenceDetails": "disputes",
    "Event": "events",
    "EventData": "events",
    "EventRequest": "events",
    "File": "files",
    "FraudDetails": "charges",
    "FxQuote": "fx_quotes",
    "FxQuoteUsage": "fx_quotes",
    "FxRate": "fx_quotes",
    "FxRateDetails": "fx_quotes",
    "HostedConfirmation": "payment_links",
    "Invoice": "invoices",
    "InvoiceItem": "invoice_items",
    "InvoiceLineItem": "invoices",
    "InvoiceStatusTransitions": "invoices",
    "IssuingAuthorization": "issuing.authorizations",
    "IssuingBilling": "issuing.cardholders",
    "IssuingBirthDate": "issuing.cardholders",
    "IssuingCard": "issuing.cards",
    "IssuingCardLimit": "issuing.cards",
    "IssuingCardLimits": "issuing.cards",
    "IssuingCardholder": "issuing.cardholders",
    "IssuingCompany": "issuing.cardholders",
    "IssuingIdentityDocument": "issuing.cardholders",
    "IssuingIndividual": "issuing.cardholders",
    "IssuingMerchant": "issuing.shared",
    "IssuingTerms": "issuing.cardholders",
    "IssuingTermsAcceptance": "issuing.cardholders",
    "IssuingTransaction": "issuing.transactions",
    "IssuingVerification": "issuing.cardholders",
    "LastPaymentError": "payment_intents",
    "LineItem": "shared",
    "NextAction": "payment_intents",
    "PaymentIntent": "payment_intents",
    "PaymentLink": "payment_links",
    "PaymentMethod": "payment_methods",
    "PaymentMethodDetails": "charges",
    "PaymentMethodOptions": "shared",
    "PaymentSettings": "shared",
    "Payout": "payouts",
    "PendingUpdate": "subscriptions",
    "Period": "shared",
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
    "SpendingControls": "issuing.shared",
    "SpendingLimit": "issuing.shared",
    "Subscription": "subscriptions",
    "SubscriptionItem": "subscription_items",
    "TransactionNetworkData": "issuing.transactions",
    "WalletOptions": "shared",
    "WebhookEndpoint": "webhook_endpoints",
    "WechatPayOptions": "shared",
}

# Value of the ``object`` field -> object class.
TAGS: Final[dict[str, str]] = {
    "balance": "Balance",
    "bank_account": "BankAccount",
    "beneficiary": "Beneficiary",
    "charge": "Charge",
    "checkout.session": "CheckoutSession",
    "coupon": "Coupon",
    "customer": "Customer",
    "discount": "Discount",
    "dispute": "Dispute",
    "event": "Event",
    "file": "File",
    "fx_quote": "FxQuote",
    "invoice": "Invoice",
    "invoiceitem": "InvoiceItem",
    "issuing.authorization": "IssuingAuthorization",
    "issuing.card": "IssuingCard",
    "issuing.cardholder": "IssuingCardholder",
    "issuing.transaction": "IssuingTransaction",
    "item": "LineItem",
    "line_item": "InvoiceLineItem",
    "payment_intent": "PaymentIntent",
    "payment_link": "PaymentLink",
    "payment_method": "PaymentMethod",
    "payout": "Payout",
    "price": "Price",
    "product": "Product",
    "promotion_code": "PromotionCode",
    "refund": "Refund",
    "setup_attempt": "SetupAttempt",
    "setup_intent": "SetupIntent",
    "subscription": "Subscription",
    "subscription_item": "SubscriptionItem",
    "webhook_endpoint": "WebhookEndpoint",
}

announce({name: f"{__name__}.{section}" for name, section in OBJECTS.items()}, TAGS)


def declarations() -> Iterator[Declaration]:
    """Every declared operation of every section, in the order of the sections and of their code."""
    for section in SECTIONS:
        yield from declarations_of(section)


def declarations_of(section: str) -> Iterator[Declaration]:
    """Every declared operation of one section, such as ``checkout.sessions``; no other section is imported."""
    from wooshpay.core.declaration import Declaration

    resource: type = getattr(import_module(f"wooshpay.api.{section}"), SECTIONS[section])
    for member in vars(resource).values():
        if isinstance(member, Declaration):
            yield member
