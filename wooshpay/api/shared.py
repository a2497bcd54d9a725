"""Shapes that several sections use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Required, TypeAlias, TypedDict

from wooshpay.core.objects import AsText, IdOf, Moment, Object, model
from wooshpay.core.units import InMilliseconds

if TYPE_CHECKING:
    from wooshpay.api.coupons import Discount
    from wooshpay.api.prices import Price

Metadata: TypeAlias = Mapping[str, str]
"""Free key and value pairs of the merchant. An empty value removes a key; ``None`` or ``""`` removes all."""

CaptureMethod: TypeAlias = Literal["automatic", "manual"]
"""``manual`` only authorises; the money is taken by a capture."""

FutureUsage: TypeAlias = Literal["on_session", "off_session"]
"""Whether the customer will be present when a saved payment method is used again."""

AddressCollection: TypeAlias = Literal["auto", "required"]

BillingScheme: TypeAlias = Literal["per_unit", "tiered"]
Interval: TypeAlias = Literal["day", "week", "month", "year"]
UsageType: TypeAlias = Literal["licensed"]

CollectionMethod: TypeAlias = Literal["charge_automatically", "send_invoice"]
"""Whether a customer's payment method is charged, or the customer asked for the money. The values are Stripe's."""

ProrationBehavior: TypeAlias = Literal["create_prorations", "always_invoice", "none"]
"""What a change of plan does about the rest of the period. The values are Stripe's."""

# The reference lists the types up to bpi. The four from sepa on are in guides only, where the reference calls sepa
# sepa_debit. Unverified: the others, which programs in use send.
PaymentMethodType: TypeAlias = Literal[
    "card",
    "alipayplus",
    "alipay",
    "wechat_pay",
    "sepa_debit",
    "alipay_hk",
    "boost",
    "truemoney",
    "gcash",
    "kakaopay",
    "touchngo",
    "rabbit_line_pay",
    "dana",
    "klarna",
    "ideal",
    "giropay",
    "sofort",
    "eps",
    "trustly",
    "bancontact",
    "p24",
    "unionpay",
    "fpx",
    "mcash",
    "grabpay",
    "bank_transfer_id",
    "qris",
    "promptpay",
    "ovo",
    "shopeepay",
    "upi",
    "boleto",
    "paynow",
    "pix",
    "9pay",
    "stitch",
    "bpi",
    "sepa",
    "bank_transfer_eu",
    "bank_transfer_uk",
    "mobile_money",
    "akulaku",
    "applepay",
    "atome",
    "bank_transfer_vn",
    "googlepay",
    "gopay",
    "momo",
    "vietcombank",
    "zalo",
]


# ---- people and places ----------------------------------------------------------------------------------------


@model
class Address(Object):
    """A postal address. ``country`` is a two-letter code."""

    city: str | None = None
    country: str | None = None
    line1: str | None = None
    line2: str | None = None
    postal_code: str | None = None
    state: str | None = None


@model
class Shipping(Object):
    """Where goods go."""

    address: Address | None = None
    carrier: str | None = None
    name: str | None = None
    phone: str | None = None
    tracking_number: str | None = None


@model
class BillingDetails(Object):
    """Who pays."""

    address: Address | None = None
    email: str | None = None
    name: str | None = None
    phone: str | None = None


class AddressParam(TypedDict, total=False):
    """A postal address to send. ``country`` is a two-letter code."""

    city: str
    country: str
    line1: str
    line2: str
    postal_code: str
    state: str


class ShippingParam(TypedDict, total=False):
    """Where goods go."""

    address: AddressParam
    carrier: str
    name: str
    phone: str
    tracking_number: str


class BillingDetailsParam(TypedDict, total=False):
    """Who pays. The iDEAL guide sends ``firstName`` and ``lastName`` in place of ``name``."""

    address: AddressParam
    email: str
    name: str
    phone: str
    firstName: str
    lastName: str


class CreatedFilter(TypedDict, total=False):
    """Bounds on the time of creation, in milliseconds since 1970."""

    gt: InMilliseconds[int] | InMilliseconds[str]
    gte: InMilliseconds[int] | InMilliseconds[str]
    lt: InMilliseconds[int] | InMilliseconds[str]
    lte: InMilliseconds[int] | InMilliseconds[str]


# ---- what a hosted page asks for ------------------------------------------------------------------------------


@model
class PhoneNumberCollection(Object):
    """Whether the hosted page asks for a phone number."""

    enabled: bool | None = None


@model
class ShippingAddressCollection(Object):
    """The countries that goods can go to, as two-letter codes."""

    allowed_countries: list[str] | None = None


class PhoneNumberCollectionParam(TypedDict):
    """Whether the hosted page asks for a phone number."""

    enabled: bool


class ShippingAddressCollectionParam(TypedDict):
    """The countries that goods can go to, as two-letter codes."""

    allowed_countries: Sequence[str]


# ---- paying ---------------------------------------------------------------------------------------------------


@model
class CardOptions(Object):
    """How cards are taken.

    Attributes:
        request_three_d_secure: ``any`` asks for 3-D Secure on every card, ``auto`` where it is needed.
        setup_future_usage: Whether the card is saved, and for what.
        capture_method: Whether the money is taken at once.
        tax_id: The payer's tax number, where a country wants one.
    """

    request_three_d_secure: Literal["any", "auto"] | str | None = None
    setup_future_usage: FutureUsage | str | None = None
    capture_method: CaptureMethod | str | None = None
    tax_id: str | None = None


@model
class WalletOptions(Object):
    """On what kind of device a wallet is used."""

    terminal_type: Literal["WEB", "APP"] | str | None = None
    os_type: Literal["IOS", "ANDROID"] | str | None = None


@model
class WechatPayOptions(Object):
    """How WeChat Pay is used: the device, the payer's IP address and the payer's ``openid``."""

    terminal_type: Literal["WEB"] | str | None = None
    os_type: Literal["IOS", "ANDROID"] | str | None = None
    client_ip: str | None = None
    openid: str | None = None


@model
class SepaOptions(Object):
    """The account of a SEPA direct debit."""

    iban: str | None = None


@model
class PixOptions(Object):
    """The payer's Brazilian tax number."""

    tax_id: str | None = None


@model
class PaymentMethodOptions(Object):
    """Settings by payment method. Those of methods that are not listed here are in ``extra``."""

    card: CardOptions | None = None
    akulaku: WalletOptions | None = None
    alipay: WalletOptions | None = None
    alipay_hk: WalletOptions | None = None
    alipayplus: WalletOptions | None = None
    boost: WalletOptions | None = None
    bpi: WalletOptions | None = None
    dana: WalletOptions | None = None
    gcash: WalletOptions | None = None
    kakaopay: WalletOptions | None = None
    rabbit_line_pay: WalletOptions | None = None
    shopeepay: WalletOptions | None = None
    touchngo: WalletOptions | None = None
    truemoney: WalletOptions | None = None
    wechat_pay: WechatPayOptions | None = None
    pix: PixOptions | None = None
    sepa: SepaOptions | None = None
    sepa_debit: dict[str, Any] | None = None


@model
class PaymentSettings(Object):
    """How the invoices of a subscription, or a single one, may be paid.

    Attributes:
        payment_method_types: The payment methods that may be used; the reference types them as text.
        save_default_payment_method: Whether what pays becomes the subscription's default. The values are Stripe's.
    """

    payment_method_options: PaymentMethodOptions | None = None
    payment_method_types: AsText[list[str]] | None = None
    save_default_payment_method: Literal["off", "on_subscription"] | str | None = None


class CardOptionsParam(TypedDict, total=False):
    """How to take cards. ``request_three_d_secure``: ``any`` asks for 3-D Secure on every card."""

    request_three_d_secure: Literal["any", "auto"]
    setup_future_usage: FutureUsage
    capture_method: CaptureMethod
    tax_id: str


class WalletOptionsParam(TypedDict, total=False):
    """On what kind of device a wallet is used. The reference's list of terminal types was not read whole."""

    terminal_type: Literal["WEB", "APP"] | str
    os_type: Literal["IOS", "ANDROID"]


class WechatPayOptionsParam(TypedDict, total=False):
    """How WeChat Pay is used. The reference's list of terminal types was not read whole."""

    terminal_type: Literal["WEB"] | str
    os_type: Literal["IOS", "ANDROID"]
    client_ip: str
    openid: str


class SepaOptionsParam(TypedDict, total=False):
    """The account of a SEPA direct debit."""

    iban: str


class PixOptionsParam(TypedDict, total=False):
    """The payer's Brazilian tax number."""

    tax_id: str


class PaymentMethodOptionsParam(TypedDict, total=False):
    """Settings by payment method."""

    card: CardOptionsParam
    akulaku: WalletOptionsParam
    alipay: WalletOptionsParam
    alipay_hk: WalletOptionsParam
    alipayplus: WalletOptionsParam
    boost: WalletOptionsParam
    bpi: WalletOptionsParam
    dana: WalletOptionsParam
    gcash: WalletOptionsParam
    kakaopay: WalletOptionsParam
    rabbit_line_pay: WalletOptionsParam
    shopeepay: WalletOptionsParam
    touchngo: WalletOptionsParam
    truemoney: WalletOptionsParam
    wechat_pay: WechatPayOptionsParam
    pix: PixOptionsParam
    sepa: SepaOptionsParam
    sepa_debit: Mapping[str, Any]


class PaymentSettingsParam(TypedDict, total=False):
    """How invoices may be paid. The reference types ``payment_method_types`` as text, Stripe as a list."""

    payment_method_options: PaymentMethodOptionsParam
    payment_method_types: Sequence[PaymentMethodType | str] | str
    save_default_payment_method: Literal["off", "on_subscription"]


class CardParam(TypedDict, total=False):
    """A card in the clear: whoever sends one is in the scope of PCI DSS.

    ``exp_month`` has two digits, ``exp_year`` four. The guides send both as text, the reference has numbers.
    """

    number: Required[str]
    exp_month: Required[str | int]
    exp_year: Required[str | int]
    cvc: str
    name: str


class MobileMoneyParam(TypedDict):
    """A mobile-money account.

    ``phone_number`` has the country's prefix and no plus sign; ``provider_code`` is such as ``mtn_ug``.
    """

    phone_number: str
    provider_code: str


class PaymentMethodDataParam(TypedDict, total=False):
    """A payment method made on the way, in place of the id of a saved one."""

    type: Required[PaymentMethodType]
    billing_details: BillingDetailsParam
    card: CardParam
    mobile_money: MobileMoneyParam
    alipayplus: Mapping[str, Any]
    sepa_debit: Mapping[str, Any]
    wechat_pay: Mapping[str, Any]


# ---- billing --------------------------------------------------------------------------------------------------


@model
class Period(Object):
    """The time that a sum is billed for: its first and its last moment. The reference types both as text."""

    end: AsText[int] | None = None
    start: AsText[int] | None = None

    end_time = Moment("end")
    start_time = Moment("start")


@model
class DeletedObject(Object):
    """What remains of an object that was deleted. Its fields are Stripe's.

    Attributes:
        object: What kind of object it was.
    """

    id: str
    object: str
    deleted: bool


# ---- what is sold ---------------------------------------------------------------------------------------------


@model
class LineItem(Object):
    """So many units of one price. The reference types amounts and quantity as text; they are sent as numbers.

    Attributes:
        amount_subtotal: Minor units before discounts.
        amount_total: Minor units after discounts.
        amount_discount: Minor units taken off; on checkout sessions only.
        discounts: The discounts that apply; on checkout sessions only.
    """

    TAG: ClassVar[str] = "item"

    id: str
    object: str
    amount_subtotal: AsText[int] | None = None
    amount_total: AsText[int] | None = None
    amount_discount: int | None = None
    currency: str | None = None
    description: str | None = None
    price: str | Price | None = None
    quantity: AsText[int] | None = None
    discounts: list[Discount] | None = None

    price_id = IdOf("price")


class ProductDataParam(TypedDict, total=False):
    """A product made on the way. ``images`` holds at most eight URLs."""

    name: Required[str]
    active: bool
    description: str
    images: Sequence[str]
    metadata: Metadata
    url: str


class RecurringParam(TypedDict, total=False):
    """How often a price is due: every ``interval_count`` times ``interval``."""

    interval: Required[Interval]
    interval_count: int
    usage_type: UsageType


class PriceTierParam(TypedDict, total=False):
    """One step of a tiered price, in minor units. ``up_to`` is the last quantity that it holds for."""

    up_to: int
    flat_amount: int
    unit_amount: int


class PriceDataParam(TypedDict, total=False):
    """A price made on the way, of a product or of one made with it. ``unit_amount`` is in minor units."""

    currency: Required[str]
    unit_amount: Required[int]
    product: str
    product_data: ProductDataParam
    active: bool
    billing_scheme: BillingScheme
    lookup_key: str
    metadata: Metadata
    nickname: str
    recurring: RecurringParam
    tiers: Sequence[PriceTierParam]
    tiers_mode: str


class LineItemParam(TypedDict, total=False):
    """So many units of a price, given by id in ``price`` or made on the way in ``price_data``."""

    price: str
    price_data: PriceDataParam
    quantity: int


# ---- paying out -----------------------------------------------------------------------------------------------

DestinationType: TypeAlias = Literal["bank_account", "card", "carrier_billing", "alipay", "imps", "upi", "mobile_money"]
"""What kind of place a payout goes to. ``mobile_money`` is unverified: one merchant's program sends it."""

MobileMoneyProvider: TypeAlias = Literal["mtn_rw", "airtel_rw"]
"""The operator of a mobile money account in Rwanda. Unverified, like ``mobile_money`` itself."""

AccountHolderType: TypeAlias = Literal["individual", "company"]

RoutingType: TypeAlias = Literal["iban", "aba", "sort"]
"""What a ``routing_number`` is: the whole IBAN, an American ABA number or a British sort code."""


class BirthDateParam(TypedDict):
    """A date of birth, each part as text."""

    day: str
    month: str
    year: str


class CertificateParam(TypedDict):
    """A paper that identifies somebody. ``id_card`` is the only kind that WooshPay's guides show."""

    certificate_type: Literal["id_card"] | str
    certificate_number: str


class BankAccountParam(TypedDict, total=False):
    """A bank account to pay out to. Which fields it needs depends on its country.

    China: ``country``, ``currency``, ``swift``, ``account_holder_name``, ``account_holder_type``,
    ``routing_number``, ``account_number`` and ``bank_name``. South Africa: ``account_number``,
    ``account_holder_name``, ``bank_name`` and ``certificate``. United States, United Kingdom and eurozone:
    ``country``, ``account_number``, ``account_holder_name``, ``routing_type`` and ``routing_number``.
    """

    account_number: str
    account_holder_name: str
    account_holder_type: AccountHolderType
    bank_name: str
    certificate: CertificateParam
    country: str
    currency: str
    dob: BirthDateParam
    email: str
    phone_number: str
    routing_number: str
    routing_type: RoutingType
    swift: str


class AlipayAccountParam(TypedDict, total=False):
    """An Alipay account. ``user_id`` may be a phone number with its country's prefix, such as ``+86123456789``."""

    user_id: str
    first_name: str
    last_name: str


class UpiAccountParam(TypedDict, total=False):
    """An Indian UPI address. ``phone_number`` is written ``91-8276831583``."""

    vpa: str
    phone_number: str


class MobileMoneyAccountParam(TypedDict, total=False):
    """A mobile money account in Rwanda to pay out to.

    ``msisdn`` is the phone number with the prefix 250 and without a plus, such as ``250788123456``. ``name`` is the
    name of its holder. Payouts are in whole Rwandan francs, from 980 to 2,000,000.

    Inferred: all of it, from one merchant's program; WooshPay's reference does not mention it.
    """

    msisdn: Required[str]
    provider: Required[MobileMoneyProvider | str]
    name: str


class DestinationDataParam(TypedDict, total=False):
    """Where a payout goes: ``destination_type`` and, under the key of that name, the details.

    The reference does not say what ``card``, ``carrier_billing`` and ``imps`` hold.
    """

    destination_type: Required[DestinationType]
    bank_account: BankAccountParam
    alipay: AlipayAccountParam
    upi: UpiAccountParam
    card: Mapping[str, Any]
    carrier_billing: Mapping[str, Any]
    imps: Mapping[str, Any]
    mobile_money: MobileMoneyAccountParam
