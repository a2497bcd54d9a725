"""Payment methods: made from the data of a request, and what each type allows."""

from __future__ import annotations

from typing import Final

import attrs

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.errors import invalid, missing
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.rules import cards

TYPES: Final = (
    *("card", "alipayplus", "alipay", "wechat_pay", "sepa_debit", "alipay_hk", "boost", "truemoney", "gcash"),
    *("kakaopay", "touchngo", "rabbit_line_pay", "dana", "klarna", "ideal", "giropay", "sofort", "eps", "trustly"),
    *("bancontact", "p24", "unionpay", "fpx", "mcash", "grabpay", "bank_transfer_id", "qris", "promptpay", "ovo"),
    *("shopeepay", "upi", "boleto", "paynow", "pix", "9pay", "stitch", "bpi"),
    # Named in guides and programs, though not in the reference's list.
    *("akulaku", "apple_pay", "applepay", "google_pay", "googlepay", "atome", "gopay", "momo", "mobile_money"),
    *("sepa", "bank_transfer_eu", "bank_transfer_uk", "bank_transfer_vn", "vietcombank", "zalo"),
)

# In answers for these the type says redirect_to_url although the key is named after the method.
_PLAIN_REDIRECT: Final = frozenset({"gcash", "dana"})


@attrs.frozen(kw_only=True)
class RefundRules:
    """Whether money paid with a method can be given back."""

    allowed: bool = True
    partial: bool = True
    repeated: bool = True


_REFUND_RULES: Final = {
    "promptpay": RefundRules(allowed=False),
    "bank_transfer_id": RefundRules(allowed=False),
    "pix": RefundRules(partial=False),
    "alipay": RefundRules(repeated=False),
    "gcash": RefundRules(repeated=False),
    "truemoney": RefundRules(repeated=False),
    "dana": RefundRules(repeated=False),
}


def refund_rules(type: str) -> RefundRules:
    """What the guides say about refunds of this type of method."""
    return _REFUND_RULES.get(type, RefundRules())


def read_types(params: Params) -> list[str] | None:
    """The parameter ``payment_method_types``."""
    types = params.texts("payment_method_types")
    for place, type in enumerate(types or ()):
        if type not in TYPES:
            raise invalid(f"{params.named('payment_method_types')}[{place}]", "a type of payment method")
    return types or None


def make(state: State, data: Params, *, customer: str | None = None) -> Record:
    """Make a payment method of ``payment_method_data``."""
    type = data.choice("type", TYPES) or ""
    if not type:
        raise missing(data.named("type"))
    fields: JsonObject = {
        "type": type,
        "billing_details": data.as_sent("billing_details"),
        "customer": customer,
        "metadata": {},
    }
    if type != "card":
        return state.add("pm", "payment_method", fields)
    card = data.need_within("card")
    number = card.need_text("number")
    month = card.integer("exp_month", least=1, most=12)
    year = card.integer("exp_year", least=0)
    if month is None or year is None:
        raise missing(card.named("exp_month" if month is None else "exp_year"))
    cvc = card.text("cvc")
    if cvc is not None and not (cvc.isascii() and cvc.isdigit() and len(cvc) in {3, 4}):
        raise invalid(card.named("cvc"), "three or four digits", code="invalid_cvc")
    fields["card"] = {
        "brand": cards.brand_of(number),
        "checks": {"cvc_check": "pass" if cvc is not None else "unchecked"},
        "country": "US",
        "exp_month": month,
        "exp_year": year + 2000 if year < 100 else year,
        "fingerprint": cards.fingerprint_of(number, state.account.api_key),
        "funding": "credit",
        "last4": cards.digits_of(number)[-4:],
    }
    return state.add("pm", "payment_method", fields, outcome=cards.outcome_of(number))


def redirect_action(type: str, url: str) -> JsonObject:
    """The next action of a wallet or bank method: a page to visit."""
    key = f"{type}_handle_redirect"
    return {"type": "redirect_to_url" if type in _PLAIN_REDIRECT else key, key: {"url": url}}
