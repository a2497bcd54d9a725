"""The names of payment methods as customers know them, and why a method is not offered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.rules.currencies import written
from wooshpay.sandbox.rules.methods import SAVED, rules_of

_NAMES: Final = {
    "9pay": "9Pay",
    "alipay_hk": "AlipayHK",
    "alipayplus": "Alipay+",
    "apple_pay": "Apple Pay",
    "applepay": "Apple Pay",
    "bank_transfer_eu": "Bank transfer (Europe)",
    "bank_transfer_id": "Bank transfer (Indonesia)",
    "bank_transfer_uk": "Bank transfer (UK)",
    "bank_transfer_vn": "Bank transfer (Vietnam)",
    "boleto": "Boleto",
    "bpi": "BPI",
    "card": "Card",
    "dana": "DANA",
    "eps": "EPS",
    "fpx": "FPX",
    "gcash": "GCash",
    "google_pay": "Google Pay",
    "googlepay": "Google Pay",
    "gopay": "GoPay",
    "grabpay": "GrabPay",
    "ideal": "iDEAL",
    "kakaopay": "KakaoPay",
    "mcash": "MCash",
    "momo": "MoMo",
    "ovo": "OVO",
    "p24": "Przelewy24",
    "paynow": "PayNow",
    "promptpay": "PromptPay",
    "qris": "QRIS",
    "rabbit_line_pay": "Rabbit LINE Pay",
    "sepa": "SEPA",
    "sepa_debit": "SEPA Direct Debit",
    "shopeepay": "ShopeePay",
    "touchngo": "Touch 'n Go",
    "truemoney": "TrueMoney",
    "unionpay": "UnionPay",
    "upi": "UPI",
    "vietcombank": "Vietcombank",
    "wechat_pay": "WeChat Pay",
    "zalo": "ZaloPay",
}


class NotOffered(NamedTuple):
    """A payment method of a session that its page does not offer.

    Attributes:
        name: The name of the method.
        reason: Why, as the end of a sentence that begins with the name.
    """

    name: str
    reason: str


def name_of(type: str) -> str:
    """Return the name of a type of payment method."""
    return _NAMES.get(type) or type.replace("_", " ").title()


def not_offered(session: Record, offered: Sequence[str]) -> list[NotOffered]:
    """Return the methods that a session lists but whose page cannot offer.

    Args:
        session: The session.
        offered: The types of payment method that the page offers.
    """
    listed: Sequence[str] = session.get("payment_method_types") or ()
    return [NotOffered(name_of(type), _reason(session, type)) for type in listed if type not in offered]


def _reason(session: Record, type: str) -> str:
    if session["mode"] != "payment" and type not in SAVED:
        return "cannot be saved for later payments."
    limits = rules_of(type).limits
    currency, amount = session.get("currency"), session.get("amount_total")
    if limits and currency is not None and amount is not None:
        if currency not in limits:
            return f"does not take {currency}. It takes {', '.join(sorted(limits))}."
        least, most = limits[currency].least, limits[currency].most
        if amount < least:
            return f"takes at least {written(least, currency)}."
        if most is not None and amount > most:
            return f"takes at most {written(most, currency)}."
    return "is not available to this shop."
