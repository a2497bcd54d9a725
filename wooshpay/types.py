"""Every object of the API in one place: ``from wooshpay.types import PaymentIntent``.

A name brings in its section's module when it is first used, and not before.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from wooshpay.api import OBJECTS

if TYPE_CHECKING:
    from wooshpay.api.balance import Balance as Balance
    from wooshpay.api.balance import BalanceFunds as BalanceFunds
    from wooshpay.api.beneficiaries import Beneficiary as Beneficiary
    from wooshpay.api.beneficiaries import BeneficiaryAlipay as BeneficiaryAlipay
    from wooshpay.api.beneficiaries import BeneficiaryBankAccount as BeneficiaryBankAccount
    from wooshpay.api.beneficiaries import BeneficiaryBirthDate as BeneficiaryBirthDate
    from wooshpay.api.beneficiaries import BeneficiaryBusiness as BeneficiaryBusiness
    from wooshpay.api.beneficiaries import BeneficiaryBusinessInfo as BeneficiaryBusinessInfo
    from wooshpay.api.beneficiaries import BeneficiaryCertificate as BeneficiaryCertificate
    from wooshpay.api.beneficiaries import BeneficiaryDestination as BeneficiaryDestination
    from wooshpay.api.beneficiaries import BeneficiaryEntity as BeneficiaryEntity
    from wooshpay.api.beneficiaries import BeneficiaryIndividual as BeneficiaryIndividual
    from wooshpay.api.beneficiaries import BeneficiaryIndividualInfo as BeneficiaryIndividualInfo
    from wooshpay.api.beneficiaries import BeneficiaryMobileMoney as BeneficiaryMobileMoney
    from wooshpay.api.beneficiaries import BeneficiaryUpi as BeneficiaryUpi
    from wooshpay.api.beneficiaries import DeletedBeneficiary as DeletedBeneficiary
    from wooshpay.api.charges import CardWallet as CardWallet
    from wooshpay.api.charges import Charge as Charge
    from wooshpay.api.charges import ChargeCard as ChargeCard
    from wooshpay.api.charges import ChargeOutcome as ChargeOutcome
    from wooshpay.api.charges import FraudDetails as FraudDetails
    from wooshpay.api.charges import PaymentMethodDetails as PaymentMethodDetails
    from wooshpay.api.checkout.sessions import CheckoutSession as CheckoutSession
    from wooshpay.api.checkout.sessions import CustomerDetails as CustomerDetails
    from wooshpay.api.coupons import Coupon as Coupon
    from wooshpay.api.coupons import CouponAppliesTo as CouponAppliesTo
    from wooshpay.api.coupons import DeletedCoupon as DeletedCoupon
    from wooshpay.api.coupons import Discount as Discount
    from wooshpay.api.customers import Customer as Customer
    from wooshpay.api.disputes import Dispute as Dispute
    from wooshpay.api.disputes import DisputeEvidence as DisputeEvidence
    from wooshpay.api.disputes import DisputeEvidenceDetails as DisputeEvidenceDetails
    from wooshpay.api.events import Event as Event
    from wooshpay.api.events import EventData as EventData
    from wooshpay.api.events import EventRequest as EventRequest
    from wooshpay.api.files import File as File
    from wooshpay.api.fx_quotes import FxQuote as FxQuote
    from wooshpay.api.fx_quotes import FxQuoteUsage as FxQuoteUsage
    from wooshpay.api.fx_quotes import FxRate as FxRate
    from wooshpay.api.fx_quotes import FxRateDetails as FxRateDetails
    from wooshpay.api.invoice_items import InvoiceItem as InvoiceItem
    from wooshpay.api.invoices import Invoice as Invoice
    from wooshpay.api.invoices import InvoiceLineItem as InvoiceLineItem
    from wooshpay.api.invoices import InvoiceStatusTransitions as InvoiceStatusTransitions
    from wooshpay.api.issuing.authorizations import AuthorizationNetworkData as AuthorizationNetworkData
    from wooshpay.api.issuing.authorizations import IssuingAuthorization as IssuingAuthorization
    from wooshpay.api.issuing.cardholders import IssuingBilling as IssuingBilling
    from wooshpay.api.issuing.cardholders import IssuingBirthDate as IssuingBirthDate
    from wooshpay.api.issuing.cardholders import IssuingCardholder as IssuingCardholder
    from wooshpay.api.issuing.cardholders import IssuingCompany as IssuingCompany
    from wooshpay.api.issuing.cardholders import IssuingIdentityDocument as IssuingIdentityDocument
    from wooshpay.api.issuing.cardholders import IssuingIndividual as IssuingIndividual
    from wooshpay.api.issuing.cardholders import IssuingTerms as IssuingTerms
    from wooshpay.api.issuing.cardholders import IssuingTermsAcceptance as IssuingTermsAcceptance
    from wooshpay.api.issuing.cardholders import IssuingVerification as IssuingVerification
    from wooshpay.api.issuing.cards import IssuingCard as IssuingCard
    from wooshpay.api.issuing.cards import IssuingCardLimit as IssuingCardLimit
    from wooshpay.api.issuing.cards import IssuingCardLimits as IssuingCardLimits
    from wooshpay.api.issuing.shared import IssuingMerchant as IssuingMerchant
    from wooshpay.api.issuing.shared import SpendingControls as SpendingControls
    from wooshpay.api.issuing.shared import SpendingLimit as SpendingLimit
    from wooshpay.api.issuing.transactions import IssuingTransaction as IssuingTransaction
    from wooshpay.api.issuing.transactions import TransactionNetworkData as TransactionNetworkData
    from wooshpay.api.payment_intents import LastPaymentError as LastPaymentError
    from wooshpay.api.payment_intents import NextAction as NextAction
    from wooshpay.api.payment_intents import PaymentIntent as PaymentIntent
    from wooshpay.api.payment_intents import RedirectAction as RedirectAction
    from wooshpay.api.payment_links import AfterCompletion as AfterCompletion
    from wooshpay.api.payment_links import AfterCompletionRedirect as AfterCompletionRedirect
    from wooshpay.api.payment_links import HostedConfirmation as HostedConfirmation
    from wooshpay.api.payment_links import PaymentLink as PaymentLink
    from wooshpay.api.payment_methods import Card as Card
    from wooshpay.api.payment_methods import CardChecks as CardChecks
    from wooshpay.api.payment_methods import PaymentMethod as PaymentMethod
    from wooshpay.api.payouts import BankAccount as BankAccount
    from wooshpay.api.payouts import Payout as Payout
    from wooshpay.api.prices import Price as Price
    from wooshpay.api.prices import PriceRecurring as PriceRecurring
    from wooshpay.api.prices import PriceTier as PriceTier
    from wooshpay.api.products import Product as Product
    from wooshpay.api.promotion_codes import PromotionCode as PromotionCode
    from wooshpay.api.promotion_codes import PromotionCodeRestrictions as PromotionCodeRestrictions
    from wooshpay.api.refunds import Refund as Refund
    from wooshpay.api.setup_attempts import SetupAttempt as SetupAttempt
    from wooshpay.api.setup_attempts import SetupAttemptDetails as SetupAttemptDetails
    from wooshpay.api.setup_intents import SetupError as SetupError
    from wooshpay.api.setup_intents import SetupIntent as SetupIntent
    from wooshpay.api.shared import Address as Address
    from wooshpay.api.shared import BillingDetails as BillingDetails
    from wooshpay.api.shared import CardOptions as CardOptions
    from wooshpay.api.shared import DeletedObject as DeletedObject
    from wooshpay.api.shared import LineItem as LineItem
    from wooshpay.api.shared import PaymentMethodOptions as PaymentMethodOptions
    from wooshpay.api.shared import PaymentSettings as PaymentSettings
    from wooshpay.api.shared import Period as Period
    from wooshpay.api.shared import PhoneNumberCollection as PhoneNumberCollection
    from wooshpay.api.shared import PixOptions as PixOptions
    from wooshpay.api.shared import SepaOptions as SepaOptions
    from wooshpay.api.shared import Shipping as Shipping
    from wooshpay.api.shared import ShippingAddressCollection as ShippingAddressCollection
    from wooshpay.api.shared import WalletOptions as WalletOptions
    from wooshpay.api.shared import WechatPayOptions as WechatPayOptions
    from wooshpay.api.subscription_items import SubscriptionItem as SubscriptionItem
    from wooshpay.api.subscriptions import PendingUpdate as PendingUpdate
    from wooshpay.api.subscriptions import Subscription as Subscription
    from wooshpay.api.webhook_endpoints import DeletedWebhookEndpoint as DeletedWebhookEndpoint
    from wooshpay.api.webhook_endpoints import WebhookEndpoint as WebhookEndpoint
    from wooshpay.core.codec import UnknownObject as UnknownObject
    from wooshpay.core.listing import ListObject as ListObject
    from wooshpay.core.objects import Object as Object

_CORE: Final[dict[str, str]] = {"ListObject": "listing", "Object": "objects", "UnknownObject": "codec"}

__all__ = sorted([*_CORE, *OBJECTS])  # pyright: ignore[reportUnsupportedDunderAll]  # the names stand in one table


def __getattr__(name: str) -> Any:
    if name in OBJECTS:
        home = f"wooshpay.api.{OBJECTS[name]}"
    elif name in _CORE:
        home = f"wooshpay.core.{_CORE[name]}"
    else:
        raise AttributeError(f"module 'wooshpay.types' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
