"""The names of payment methods as customers know them."""

from __future__ import annotations

from typing import Final

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


def name_of(type: str) -> str:
    """Return the name of a type of payment method."""
    return _NAMES.get(type) or type.replace("_", " ").title()
