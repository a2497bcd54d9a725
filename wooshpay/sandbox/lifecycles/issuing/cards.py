"""What becomes of issued cards.

    from                by       to
    (new)               create   inactive; active if asked for
    active, inactive    update   active, inactive
    active, inactive    update   canceled, for good; with a reason or without

A canceled card keeps its metadata changeable, and what was authorized before can still be captured. Stripe's rules
and its names of events: ``issuing_card.created`` and ``issuing_card.updated`` (inferred).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.errors import invalid, wrong_state
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.rules.cards import passes_luhn

KIND: Final = "issuing.card"
YEARS: Final = 3

# Stripe's range for issued cards in test mode begins so; no card of the sandbox's table of test cards does.
_RANGE: Final = "40000099"
_RANDOM_DIGITS: Final = 7


def make(state: State, fields: JsonObject) -> Record:
    """Make a card with a number of its own, which only `wooshpay.sandbox.behaviours.issuing.cards` shows."""
    number = _new_number(state)
    today = datetime.fromtimestamp(state.clock.now // 1000, UTC)
    card = state.add(
        "ic",
        KIND,
        {
            "brand": "Visa",
            "exp_month": today.month,
            "exp_year": today.year + YEARS,
            "first6": number[:6],
            "last4": number[-4:],
            "type": "virtual",
            **fields,
        },
        number=number,
        cvc=state.ids.digits(3),
    )
    state.emit("issuing_card.created", card)
    return card


def change(state: State, card: Record, fields: JsonObject) -> None:
    """Change a card."""
    if card["status"] == "canceled" and fields.keys() - {"metadata"}:
        raise wrong_state(
            "This card is canceled for good; only its metadata can still change.",
            code="issuing_card_unexpected_state",
            about=card,
        )
    if "cancellation_reason" in fields and fields.get("status") != "canceled":
        raise invalid("cancellation_reason", "sent together with status canceled")
    card.update(fields)
    state.emit("issuing_card.updated", card)


def expired(card: Record, now: int) -> bool:
    """Whether the month in which the card expires is over."""
    today = datetime.fromtimestamp(now // 1000, UTC)
    last: tuple[int, int] = (card["exp_year"], card["exp_month"])
    return last < (today.year, today.month)


def _new_number(state: State) -> str:
    while True:
        number = _with_check_digit(_RANGE + state.ids.digits(_RANDOM_DIGITS))
        taken = state.store[KIND].where(last4=number[-4:])
        if all(card.private["number"] != number for card in taken):
            return number


def _with_check_digit(digits: str) -> str:
    return next(digits + last for last in "0123456789" if passes_luhn(digits + last))
