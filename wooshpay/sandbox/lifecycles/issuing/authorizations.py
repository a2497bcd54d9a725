"""What becomes of an attempt to pay with an issued card.

    from       by                                     to
    (new)      the cardholder pays, let through       pending; approved
               the cardholder pays, declined          closed; not approved, for good
    pending    the seller captures, whole or in part  closed; what is left is released
               the seller reverses                    reversed
               seven days pass                        reversed

An attempt is declined where, in this order, the card is inactive, canceled or expired; the cardholder is inactive or
blocked; the controls of the card or of the cardholder forbid it; the prepaid balance does not suffice. The reasons
have Stripe's names. WooshPay's object has no field for them: whoever makes the attempt is told.

Limits of a cardholder are for all the cards of one currency together; one without a ``spending_limits_currency`` holds
in each currency by itself, and one with it does not bind cards in others, as nothing is exchanged here.

Names of events are Stripe's: ``issuing_authorization.created`` and ``issuing_authorization.updated`` (inferred).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.clock import MILLISECONDS_PER_DAY
from wooshpay.sandbox.engine.errors import wrong_state
from wooshpay.sandbox.engine.registry import duty
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles.issuing import cards, funds
from wooshpay.sandbox.rules import spending
from wooshpay.sandbox.rules.spending import Purchase

KIND: Final = "issuing.authorization"
LIFETIME_DAYS: Final = 7

_NOTHING: Final[Mapping[str, Any]] = {}


def attempt(state: State, card: Record, amount: int, merchant: JsonObject, asked: tuple[int, str]) -> Record:
    """Pay with a card.

    Args:
        state: The sandbox.
        card: The card.
        amount: Minor units of the card's currency.
        merchant: The seller, as ``merchant_data`` shows it.
        asked: What the seller asked for: minor units, and their currency.

    Returns:
        The authorization; ``private["reason"]`` says why it was declined, and is absent where it was not.
    """
    reason = _reason_against(state, card, amount, merchant.get("category"))
    balance = funds.find(state, card["currency"])
    authorization = state.add(
        "iauth",
        KIND,
        {
            "amount": amount,
            "approved": reason is None,
            "card": card.id,
            "cardholder": card["cardholder"],
            "currency": card["currency"],
            "merchant_amount": asked[0],
            "merchant_currency": asked[1],
            "merchant_data": merchant,
            "metadata": {},
            "network_data": {
                "acquiring_institution_id": state.ids.digits(11),
                "system_trace_audit_number": state.ids.digits(6),
                "transaction_id": state.ids.digits(15),
            },
            "status": "closed" if reason is not None else "pending",
        },
        spent=0,
        at=state.clock.now,
        prepaid=balance is not None,
    )
    if reason is not None:
        authorization.private["reason"] = reason
    else:
        _set_spent(state, authorization, amount)
        due = state.clock.now + LIFETIME_DAYS * MILLISECONDS_PER_DAY
        state.remind(due, "issuing.authorizations.lapse", authorization)
    state.emit("issuing_authorization.created", authorization)
    return authorization


def close(state: State, authorization: Record, captured: int) -> None:
    """End an authorization of which so much was captured."""
    require_pending(authorization, "captured")
    _set_spent(state, authorization, captured)
    authorization["status"] = "closed"
    state.emit("issuing_authorization.updated", authorization)


def reverse(state: State, authorization: Record) -> None:
    """Give up an authorization: nothing will be taken."""
    require_pending(authorization, "reversed")
    _set_spent(state, authorization, 0)
    authorization["status"] = "reversed"
    state.emit("issuing_authorization.updated", authorization)


@duty("issuing.authorizations.lapse")
def lapse(state: State, id: str) -> None:
    """Reverse an authorization that was not captured in time."""
    authorization = state.need(KIND, id)
    if authorization["status"] == "pending":
        reverse(state, authorization)


def require_pending(authorization: Record, action: str) -> None:
    """Refuse to end an authorization a second time."""
    if authorization["status"] != "pending":
        raise wrong_state(
            f"This authorization could not be {action} because its status is {authorization['status']};"
            " it must be pending.",
            code="issuing_authorization_unexpected_state",
            about=authorization,
        )


def remaining_limits(state: State, card: Record) -> list[JsonObject]:
    """The limits of a card, and what is left of each. Those of its cardholder are not among them."""
    before = list(_purchases(state, card["currency"], card=card.id))
    now = state.clock.now
    return [
        {
            "amount": limit["amount"],
            "interval": limit["interval"],
            "remaining": spending.remaining(limit, before, now),
        }
        for limit in spending.limits(_controls(card))
    ]


def _reason_against(state: State, card: Record, amount: int, category: str | None) -> str | None:
    holder = state.need("issuing.cardholder", card["cardholder"])
    if card["status"] != "active":
        return f"card_{card['status']}"
    if cards.expired(card, state.clock.now):
        return "card_expired"
    if holder["status"] != "active":
        return f"cardholder_{holder['status']}"
    purchase = Purchase(amount, category, state.clock.now)
    currency: str = card["currency"]
    if not spending.allows(_controls(card), purchase, _purchases(state, currency, card=card.id)):
        return "authorization_controls"
    for_all = _in_currency(_controls(holder), currency)
    if not spending.allows(for_all, purchase, _purchases(state, currency, cardholder=holder.id)):
        return "authorization_controls"
    balance = funds.find(state, currency)
    if balance is not None and balance["amount"] < amount:
        return "insufficient_funds"
    return None


def _controls(record: Record) -> JsonObject:
    return dict(record.get("spending_controls") or _NOTHING)


def _in_currency(controls: JsonObject, currency: str) -> JsonObject:
    """The controls without the limits that are for another currency."""
    if controls.get("spending_limits_currency") in {None, currency}:
        return controls
    return {name: value for name, value in controls.items() if name != "spending_limits"}


def _purchases(state: State, currency: str, **made_with: str) -> Iterator[Purchase]:
    """What was paid in a currency with a card, or with all cards of a cardholder."""
    return (
        Purchase(found.private["spent"], found["merchant_data"].get("category"), found.private["at"])
        for found in state.store[KIND].where(**made_with)
        if found.private["spent"] and found["currency"] == currency
    )


def _set_spent(state: State, authorization: Record, amount: int) -> None:
    """Note what is held or was taken. The prepaid balance moves by the difference."""
    if authorization.private["prepaid"]:
        difference: int = amount - authorization.private["spent"]
        funds.take(funds.find(state, authorization["currency"]), difference)
    authorization.private["spent"] = amount
