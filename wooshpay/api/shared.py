"""Shapes that several sections use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Required, TypeAlias, TypedDict

from wooshpay.core.objects import IdOf, Object, model

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

# The last four stand in guides only; the reference does not list them, and calls ``sepa`` ``sepa_debit``.
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

    gt: int | str
    gte: int | str
    lt: int | str
    lte: int | str


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


class CardParam(TypedDict, total=False):
    """A card in the clear: whoever sends one is in the scope of PCI DSS.

    ``exp_month`` has two digits, ``exp_year`` four, both as text.
    """

    number: Required[str]
    exp_month: Required[str]
    exp_year: Required[str]
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


# ---- what is sold ---------------------------------------------------------------------------------------------


@model
class LineItem(Object):
    """So many units of one price.

    Attributes:
        amount_subtotal: Minor units before discounts.
        amount_total: Minor units after discounts.
        amount_discount: Minor units taken off; on checkout sessions only.
        discounts: The discounts that apply; on checkout sessions only.
    """

    TAG: ClassVar[str] = "item"

    id: str
    object: str
    amount_subtotal: int | None = None
    amount_total: int | None = None
    amount_discount: int | None = None
    currency: str | None = None
    description: str | None = None
    price: str | Price | None = None
    quantity: int | None = None
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
