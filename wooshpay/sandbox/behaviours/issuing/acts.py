"""What cardholders, sellers and the issuer do with issued cards, for the tester to ask for.

A declined authorization tells its reason to who made it, and to nobody else: WooshPay's object has no field for it.
An authorization lapses by itself after seven days.
"""

from __future__ import annotations

from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.behaviours.issuing.reading import pick_texts
from wooshpay.sandbox.engine.act_parameters import ActParameter
from wooshpay.sandbox.engine.errors import SandboxError, missing, wrong_state
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import act
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.lifecycles.issuing import authorizations, cardholders, cards, funds, transactions

_MERCHANT_FIELDS: Final = (
    *("category", "category_code", "city", "country", "name"),
    *("network_id", "postal_code", "state", "terminal_id", "url"),
)
_SELLER: Final = {
    "category": "grocery_stores_supermarkets",
    "category_code": "5411",
    "city": "London",
    "country": "GB",
    "name": "Sandbox Grocer",
    "network_id": "1234567890",
}


_AUTHORIZATION: Final = ActParameter(
    "authorization", "The authorization; it must be pending.", "id", required=True, of=authorizations.KIND
)


@act(
    "issuing.authorize",
    ActParameter("card", "The issued card.", "id", required=True, of=cards.KIND),
    ActParameter("amount", "How much, in the currency of the card.", "amount", required=True),
    ActParameter("currency", "The currency of the card, which is also the default.", "currency"),
    ActParameter("merchant_amount", "What the seller asked for in another currency.", "amount"),
    ActParameter("merchant_currency", "The other currency; it goes with merchant_amount.", "currency"),
    ActParameter("merchant_data", 'The seller, such as {"name": ..., "category": ...}.', "object"),
)
def authorize(state: State, params: Params) -> JsonObject:
    """Pay a seller with an issued card; `reason` in the result says why it was declined."""
    card = state.need(cards.KIND, params.need_text("card"), param="card")
    amount = params.need_amount("amount")
    currency = params.currency("currency") or card["currency"]
    if currency != card["currency"]:
        raise SandboxError(
            f"The amount must be in the card's currency, {card['currency']}: nothing is exchanged here."
            " Say in merchant_amount and merchant_currency what the seller asked for.",
            code="parameter_invalid",
            param="currency",
        )
    asked = _asked(params, amount, currency)
    sent = params.within("merchant_data")
    merchant = dict(_SELLER) if sent is None else pick_texts(sent, _MERCHANT_FIELDS)
    authorization = authorizations.attempt(state, card, amount, merchant, asked)
    answer = state.view(authorization)
    reason: str | None = authorization.private.get("reason")
    return answer if reason is None else {**answer, "reason": reason}


@act(
    "issuing.capture",
    _AUTHORIZATION,
    ActParameter("amount", "How much; the rest is released. Default: all of it.", "amount"),
)
def capture(state: State, params: Params) -> JsonObject:
    """Capture an authorization of an issued card, as the seller does."""
    authorization = state.need(authorizations.KIND, params.need_text("authorization"), param="authorization")
    return state.view(transactions.capture(state, authorization, params.amount("amount")))


@act("issuing.reverse", _AUTHORIZATION)
def reverse(state: State, params: Params) -> JsonObject:
    """Reverse an authorization of an issued card, as the seller does."""
    authorization = state.need(authorizations.KIND, params.need_text("authorization"), param="authorization")
    authorizations.reverse(state, authorization)
    return state.view(authorization)


@act(
    "issuing.refund",
    ActParameter("transaction", "The transaction; it must be a capture.", "id", required=True, of=transactions.KIND),
    ActParameter("amount", "How much. Default: all that is left of it.", "amount"),
)
def refund(state: State, params: Params) -> JsonObject:
    """Refund a captured transaction of an issued card, as the seller does."""
    transaction = state.need(transactions.KIND, params.need_text("transaction"), param="transaction")
    return state.view(transactions.refund(state, transaction, params.amount("amount")))


@act(
    "issuing.top_up",
    ActParameter("amount", "How much.", "amount", required=True),
    ActParameter("currency", "The currency.", "currency", required=True),
)
def top_up(state: State, params: Params) -> JsonObject:
    """Add funds to the prepaid balance of issued cards.

    Cards of this currency can be used without any limit before the first top-up, and can run out of money after it.
    """
    return state.view(funds.top_up(state, params.need_amount("amount"), params.need_currency("currency")))


@act(
    "issuing.block_cardholder",
    ActParameter(
        "cardholder", "The cardholder; it must not be blocked yet.", "id", required=True, of="issuing.cardholder"
    ),
)
def block_cardholder(state: State, params: Params) -> JsonObject:
    """Block a cardholder permanently, as the issuer does after abuse."""
    holder = state.need("issuing.cardholder", params.need_text("cardholder"), param="cardholder")
    if holder["status"] == "blocked":
        raise wrong_state(
            "This cardholder could not be blocked because its status is blocked; it must be active or inactive.",
            code="issuing_cardholder_unexpected_state",
        )
    cardholders.block(state, holder)
    return state.view(holder)


def _asked(params: Params, amount: int, currency: str) -> tuple[int, str]:
    """What the seller asked for: the same as what is authorized, unless both parts say otherwise."""
    if not params.given("merchant_amount", "merchant_currency"):
        return amount, currency
    if not params.given("merchant_currency"):
        raise missing("merchant_currency")
    return params.need_amount("merchant_amount"), params.need_currency("merchant_currency")
