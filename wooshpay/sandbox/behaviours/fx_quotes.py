"""FX quotes. They have no states: WooshPay takes no wish for a lock, so that a quote holds nothing and never ends.

The rates are those that payouts are made with. But for ``to_currency`` and ``usage`` the answer's fields are inferred.
"""

from __future__ import annotations

from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.errors import missing
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import behaviour
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.rules import rates

USAGES: Final = ("payin", "payout")


@behaviour("fx_quotes.create")
def create(state: State, params: Params) -> JsonObject:
    """Quote the rates of some currencies in another one. Codes come back in the case in which they were sent."""
    sources = params.texts("from_currencies")
    if not sources:
        raise missing("from_currencies")
    params.need_currency("to_currency")
    target = params.need_text("to_currency")
    usage = params.need_within("usage")
    type = usage.choice("type", USAGES) or ""
    if not type:
        raise missing(usage.named("type"))
    for place, source in enumerate(sources):
        rates.require_known(source, f"from_currencies[{place}]")
    rates.require_known(target, "to_currency")
    quote = state.add(
        "fxq",
        "fx_quote",
        {
            "lock_duration": "none",
            "lock_expires_at": None,
            "lock_status": "none",
            "rates": {source: _rate(source, target) for source in sources},
            "to_currency": target,
            "usage": {"type": type},
        },
    )
    # The quote has no livemode.
    del quote["livemode"]
    return state.view(quote)


def _rate(source: str, target: str) -> JsonObject:
    # A rate is no money: it is a number in the reference too. Amounts are converted with the same digits, exactly.
    rate = float(rates.rate(source, target))
    return {
        "exchange_rate": rate,
        "rate_details": {"base_rate": rate, "duration_premium": 0.0, "fx_fee_rate": 0.0},
    }
