"""Payment methods by type: the currencies and amounts that they take, refunds, and whether they can be saved.

The rules come from WooshPay's guides, except where a comment names another source. A type without rules of its own,
such as momo, atome, gopay or applepay, takes any currency and amount, and can be refunded: its guide was not available.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from wooshpay.sandbox.engine.errors import SandboxError, invalid

TYPES: Final = (
    *("card", "alipayplus", "alipay", "wechat_pay", "sepa_debit", "alipay_hk", "boost", "truemoney", "gcash"),
    *("kakaopay", "touchngo", "rabbit_line_pay", "dana", "klarna", "ideal", "giropay", "sofort", "eps", "trustly"),
    *("bancontact", "p24", "unionpay", "fpx", "mcash", "grabpay", "bank_transfer_id", "qris", "promptpay", "ovo"),
    *("shopeepay", "upi", "boleto", "paynow", "pix", "9pay", "stitch", "bpi"),
    # Named in guides and programs, though not in the reference's list.
    *("akulaku", "apple_pay", "applepay", "google_pay", "googlepay", "atome", "gopay", "momo", "mobile_money"),
    *("sepa", "bank_transfer_eu", "bank_transfer_uk", "bank_transfer_vn", "vietcombank", "zalo"),
)

SAVED: Final = frozenset(
    {
        *("card", "dana", "boost", "touchngo", "alipay", "alipay_hk", "gcash", "kakaopay", "rabbit_line_pay"),
        "truemoney",
    }
)
"""The types that a guide lists as ones that can be saved for a customer."""

VIETNAMESE: Final = frozenset({"bank_transfer_vn", "momo", "vietcombank", "zalo"})
"""The types whose ``next_action`` is that of a bank transfer in Vietnam, with a page and a QR code."""

WITH_CODE: Final = VIETNAMESE | {"paynow", "pix", "promptpay", "qris"}
"""The types whose page shows a QR code."""


@attrs.frozen(kw_only=True)
class Limits:
    """What a single payment may be, in minor units.

    Attributes:
        least: The smallest amount.
        most: The greatest amount; ``None`` where there is no limit.
    """

    least: int = 1
    most: int | None = None


@attrs.frozen(kw_only=True)
class RefundRules:
    """How money paid with a method can be given back.

    Attributes:
        allowed: Whether it can at all.
        partial: Whether less than everything can.
        repeated: Whether it can in several parts.
        days: For how many days after the payment; ``None`` where there is no limit.
        later: Whether a refund is pending for a while. Which methods do so is a rule of the sandbox: all but cards.
    """

    allowed: bool = True
    partial: bool = True
    repeated: bool = True
    days: int | None = None
    later: bool = True


@attrs.frozen(kw_only=True)
class MethodRules:
    """What a type of payment method takes and allows.

    Attributes:
        limits: The limits by currency; empty where any currency is taken.
        refunds: How money goes back.
    """

    limits: Mapping[str, Limits] = attrs.field(factory=dict[str, Limits])
    refunds: RefundRules = RefundRules()


_NO_REFUNDS: Final = RefundRules(allowed=False)
_ONE_REFUND: Final = RefundRules(repeated=False)


def _takes(*currencies: str, **limits: Limits) -> dict[str, Limits]:
    return {**dict.fromkeys(currencies, Limits()), **limits}


_RULES: Final = {
    "card": MethodRules(refunds=RefundRules(later=False)),
    "alipay": MethodRules(limits=_takes("CNY", "GBP", "USD", "EUR", "HKD"), refunds=_ONE_REFUND),
    "alipayplus": MethodRules(limits=_takes("CNY", "HKD", "GBP", "IDR", "MYR", "PHP", "THB")),
    "wechat_pay": MethodRules(limits=_takes("CNY", "GBP", "EUR", "HKD", USD=Limits(most=5_000_000))),
    "gcash": MethodRules(limits=_takes(PHP=Limits(least=100)), refunds=_ONE_REFUND),
    "truemoney": MethodRules(limits=_takes("GBP", THB=Limits(most=700_000)), refunds=_ONE_REFUND),
    "dana": MethodRules(limits=_takes(IDR=Limits(least=100, most=300_000_000)), refunds=_ONE_REFUND),
    "mcash": MethodRules(limits=_takes(MYR=Limits(most=250_000)), refunds=_NO_REFUNDS),
    "ovo": MethodRules(limits=_takes("IDR"), refunds=_NO_REFUNDS),
    # An older guide says CNY and MYR only, and no refunds. Programs in use take USD with it and refund it.
    "unionpay": MethodRules(limits=_takes("CNY", "USD", MYR=Limits(most=250_000))),
    # The lower of the two minimums that the guide gives: it is the wallet's.
    "9pay": MethodRules(limits=_takes(VND=Limits(least=5_000))),
    "ideal": MethodRules(limits=_takes("EUR"), refunds=RefundRules(days=365)),
    "sepa": MethodRules(limits=_takes("EUR")),
    "sepa_debit": MethodRules(limits=_takes("EUR")),
    "bank_transfer_eu": MethodRules(limits=_takes("EUR"), refunds=_NO_REFUNDS),
    "bank_transfer_uk": MethodRules(limits=_takes("GBP"), refunds=_NO_REFUNDS),
    "bank_transfer_id": MethodRules(limits=_takes("IDR"), refunds=_NO_REFUNDS),
    "promptpay": MethodRules(limits=_takes(THB=Limits(least=100, most=500_000)), refunds=_NO_REFUNDS),
    "pix": MethodRules(limits=_takes(BRL=Limits(least=300, most=1_467_700)), refunds=RefundRules(partial=False)),
    "paynow": MethodRules(limits=_takes("SGD")),
    "mobile_money": MethodRules(
        limits=_takes("XAF", "GHS", "KES", "RWF", "TZS", "UGX"),
        refunds=_NO_REFUNDS,
    ),
}


def rules_of(type: str) -> MethodRules:
    """What the guides say about a type of payment method."""
    return _RULES.get(type, MethodRules())


def require_payable(type: str, amount: int, currency: str) -> None:
    """Refuse a payment that a type of method does not take.

    Raises:
        SandboxError: The currency is another one, or the amount is too small or too large.
    """
    limits = rules_of(type).limits
    if not limits:
        return
    if currency not in limits:
        raise SandboxError(
            f"{type} does not take {currency}. Pay in {_either(sorted(limits))}, or with another payment method.",
            code="currency_not_supported",
            param="currency",
        )
    least, most = limits[currency].least, limits[currency].most
    if amount < least:
        raise SandboxError(
            f"{type} takes at least {least} minor units of {currency}, not {amount}.",
            code="amount_too_small",
            param="amount",
        )
    if most is not None and amount > most:
        raise SandboxError(
            f"{type} takes at most {most} minor units of {currency}, not {amount}.",
            code="amount_too_large",
            param="amount",
        )


def require_savable(type: str, *, param: str) -> None:
    """Refuse to save a type of method that cannot be saved."""
    if type not in SAVED:
        raise invalid(param, f"left out with {type}, as only {', '.join(sorted(SAVED))} can be saved for later")


def _either(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else names[0]
