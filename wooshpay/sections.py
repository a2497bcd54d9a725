"""The sections of the API as attributes of a client, each imported when it is first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wooshpay.core.declaration import Resource, W
from wooshpay.core.specification import section

if TYPE_CHECKING:
    from wooshpay.api.accounts import Accounts
    from wooshpay.api.balance import Balances
    from wooshpay.api.beneficiaries import Beneficiaries
    from wooshpay.api.charges import Charges
    from wooshpay.api.checkout import Checkout
    from wooshpay.api.coupons import Coupons
    from wooshpay.api.customers import Customers
    from wooshpay.api.disputes import Disputes
    from wooshpay.api.events import Events
    from wooshpay.api.files import Files
    from wooshpay.api.fx_quotes import FxQuotes
    from wooshpay.api.invoice_items import InvoiceItems
    from wooshpay.api.invoices import Invoices
    from wooshpay.api.issuing import Issuing
    from wooshpay.api.payment_intents import PaymentIntents
    from wooshpay.api.payment_links import PaymentLinks
    from wooshpay.api.payment_methods import PaymentMethods
    from wooshpay.api.payouts import Payouts
    from wooshpay.api.prices import Prices
    from wooshpay.api.products import Products
    from wooshpay.api.promotion_codes import PromotionCodes
    from wooshpay.api.refunds import Refunds
    from wooshpay.api.setup_attempts import SetupAttempts
    from wooshpay.api.setup_intents import SetupIntents
    from wooshpay.api.subscription_items import SubscriptionItems
    from wooshpay.api.subscriptions import Subscriptions
    from wooshpay.api.webhook_endpoints import WebhookEndpoints


class Sections(Resource[W]):
    """What WooshPay offers, by the names of its reference."""

    @section
    def accounts(self) -> Accounts[W]:
        """What the account itself can do."""
        from wooshpay.api.accounts import Accounts

        return Accounts(self._caller)

    @section
    def balance(self) -> Balances[W]:
        """The money on the account."""
        from wooshpay.api.balance import Balances

        return Balances(self._caller)

    @section
    def beneficiaries(self) -> Beneficiaries[W]:
        """Who payouts go to."""
        from wooshpay.api.beneficiaries import Beneficiaries

        return Beneficiaries(self._caller)

    @section
    def charges(self) -> Charges[W]:
        """Single attempts at taking a payment."""
        from wooshpay.api.charges import Charges

        return Charges(self._caller)

    @section
    def checkout(self) -> Checkout[W]:
        """Pages that WooshPay hosts and customers pay on."""
        from wooshpay.api.checkout import Checkout

        return Checkout(self._caller)

    @section
    def coupons(self) -> Coupons[W]:
        """Reductions for customers."""
        from wooshpay.api.coupons import Coupons

        return Coupons(self._caller)

    @section
    def customers(self) -> Customers[W]:
        """Who pays, kept for the next time."""
        from wooshpay.api.customers import Customers

        return Customers(self._caller)

    @section
    def disputes(self) -> Disputes[W]:
        """Payments that a customer's bank asks back."""
        from wooshpay.api.disputes import Disputes

        return Disputes(self._caller)

    @section
    def events(self) -> Events[W]:
        """What happened on the account."""
        from wooshpay.api.events import Events

        return Events(self._caller)

    @section
    def files(self) -> Files[W]:
        """Papers handed to WooshPay."""
        from wooshpay.api.files import Files

        return Files(self._caller)

    @section
    def fx_quotes(self) -> FxQuotes[W]:
        """What one currency costs in another."""
        from wooshpay.api.fx_quotes import FxQuotes

        return FxQuotes(self._caller)

    @section
    def invoice_items(self) -> InvoiceItems[W]:
        """Sums that wait for a customer's next invoice."""
        from wooshpay.api.invoice_items import InvoiceItems

        return InvoiceItems(self._caller)

    @section
    def invoices(self) -> Invoices[W]:
        """What customers owe, line by line."""
        from wooshpay.api.invoices import Invoices

        return Invoices(self._caller)

    @section
    def issuing(self) -> Issuing[W]:
        """Cards that the merchant hands out."""
        from wooshpay.api.issuing import Issuing

        return Issuing(self._caller)

    @section
    def payment_intents(self) -> PaymentIntents[W]:
        """Payments, from the first try to the money received."""
        from wooshpay.api.payment_intents import PaymentIntents

        return PaymentIntents(self._caller)

    @section
    def payment_links(self) -> PaymentLinks[W]:
        """URLs that any number of customers can pay at."""
        from wooshpay.api.payment_links import PaymentLinks

        return PaymentLinks(self._caller)

    @section
    def payment_methods(self) -> PaymentMethods[W]:
        """What customers pay with."""
        from wooshpay.api.payment_methods import PaymentMethods

        return PaymentMethods(self._caller)

    @section
    def payouts(self) -> Payouts[W]:
        """Money sent from the balance."""
        from wooshpay.api.payouts import Payouts

        return Payouts(self._caller)

    @section
    def prices(self) -> Prices[W]:
        """What one unit of a product costs."""
        from wooshpay.api.prices import Prices

        return Prices(self._caller)

    @section
    def products(self) -> Products[W]:
        """What is sold."""
        from wooshpay.api.products import Products

        return Products(self._caller)

    @section
    def promotion_codes(self) -> PromotionCodes[W]:
        """Words that customers type to get a coupon."""
        from wooshpay.api.promotion_codes import PromotionCodes

        return PromotionCodes(self._caller)

    @section
    def refunds(self) -> Refunds[W]:
        """Money given back."""
        from wooshpay.api.refunds import Refunds

        return Refunds(self._caller)

    @section
    def setup_attempts(self) -> SetupAttempts[W]:
        """Single attempts at saving a payment method."""
        from wooshpay.api.setup_attempts import SetupAttempts

        return SetupAttempts(self._caller)

    @section
    def setup_intents(self) -> SetupIntents[W]:
        """Payment methods saved for later, without a payment."""
        from wooshpay.api.setup_intents import SetupIntents

        return SetupIntents(self._caller)

    @section
    def subscription_items(self) -> SubscriptionItems[W]:
        """The prices that subscriptions charge for."""
        from wooshpay.api.subscription_items import SubscriptionItems

        return SubscriptionItems(self._caller)

    @section
    def subscriptions(self) -> Subscriptions[W]:
        """Customers who pay again and again."""
        from wooshpay.api.subscriptions import Subscriptions

        return Subscriptions(self._caller)

    @section
    def webhook_endpoints(self) -> WebhookEndpoints[W]:
        """Where WooshPay delivers events."""
        from wooshpay.api.webhook_endpoints import WebhookEndpoints

        return WebhookEndpoints(self._caller)
