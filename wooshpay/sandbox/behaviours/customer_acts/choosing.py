"""What a simulated customer pays with, and how that ends: decided before anything is changed.

    paid with          outcome                           on the page of the bank, wallet or bank method
    a card             not passed                        nothing: the customer stops there
                       paid, declined, pending_*         passes the 3-D Secure challenge, if there is one
                       challenge_passed, _failed         passes or fails the challenge
                       unfinished                        stops at the challenge
    a wallet or bank   paid, declined, pending_*,        the button for it
                       canceled
                       unfinished                        stops there

A card decides how a payment with it ends, so an outcome that is not the card's own is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Final

import attrs

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.act_parameters import ActParameter
from wooshpay.sandbox.engine.errors import SandboxError, invalid
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import customer_steps
from wooshpay.sandbox.lifecycles.customer_steps import PageResult
from wooshpay.sandbox.rules import cards
from wooshpay.sandbox.rules.cards import CARDS, TestCard
from wooshpay.sandbox.rules.methods import TYPES

CARD_OUTCOMES: Final = (
    *("paid", "declined", "challenge_passed", "challenge_failed", "unfinished"),
    *("pending_paid", "pending_failed"),
)
OUTCOMES: Final = (*CARD_OUTCOMES, "canceled")

CARD: Final = ActParameter(
    "card", "A card number, or the ID of a ready-made payment method. Default: a card with the outcome."
)
EMAIL: Final = ActParameter("email", "The e-mail address that the customer types.")
NAME: Final = ActParameter("name", "The name that the customer types.")

_CARD_OF_OUTCOME: Final = {
    "paid": "4111111111111111",
    "declined": "4000000000000002",
    "challenge_passed": "4000002500003155",
    "challenge_failed": "4000002500003155",
    "unfinished": "4000002500003155",
    "pending_paid": "4000000000000077",
    "pending_failed": "4000000000000051",
}
_BUTTONS: Final = {
    "paid": "pay",
    "declined": "fail",
    "canceled": "cancel",
    "pending_paid": "pay_later",
    "pending_failed": "fail_later",
    "unfinished": None,
}
# So long before it expires that a subscription can be followed for years.
_YEARS: Final = 10


def outcome_parameter(choices: Sequence[str]) -> ActParameter:
    """Declare the parameter ``outcome``."""
    says = "How it ends. Default: what the card does; without a card, paid."
    return ActParameter("outcome", says, "choice", choices=tuple(choices))


@attrs.frozen(kw_only=True)
class Choice:
    """What a simulated customer pays with.

    Attributes:
        data: The payment method, as ``payment_method_data``.
        button: The button that the customer presses on the page of the bank or wallet; ``None`` to stop there.
    """

    data: Params
    button: str | None = None


def choose(
    state: State, params: Params, offered: Sequence[str], details: JsonObject, *, asks: bool, saves: bool
) -> Choice:
    """Choose a payment method for an outcome.

    Args:
        state: The sandbox.
        params: The parameters of the action: ``card``, ``method`` and ``outcome``.
        offered: The types of payment method that the page offers.
        details: What the customer typed about themselves.
        asks: Whether the merchant asks for 3-D Secure with every card.
        saves: Whether the method is only saved, and nothing is paid yet.

    Raises:
        SandboxError: The method is not offered, or it cannot end with this outcome.
    """
    outcome = params.choice("outcome", OUTCOMES)
    number = _number(params)
    type = params.choice("method", TYPES)
    if number is not None and type not in {None, "card"}:
        raise invalid("method", "omitted with a card: pass one of the two")
    if type is None:
        type = "card" if number is not None or "card" in offered or not offered else offered[0]
    if type not in offered:
        raise SandboxError(
            f"This page does not offer the payment method {type}. {_offer(offered)}",
            code="parameter_invalid",
            param="method" if params.given("method") else "card" if number is not None else None,
        )
    if type != "card":
        return Choice(
            data=customer_steps.method_data(type, None, details), button=_wallet_button(type, outcome or "paid")
        )
    if outcome == "canceled":
        raise invalid(
            "outcome",
            f"one of {', '.join(CARD_OUTCOMES)} with a card. A customer who leaves the card form does so with"
            " checkout.sessions.cancel",
        )
    if number is None:
        outcome = outcome or "paid"
        number = _CARD_OF_OUTCOME[outcome]
    card = cards.card_with(cards.outcome_of(number))
    year = datetime.fromtimestamp(state.clock.now / 1000, UTC).year + _YEARS
    typed = {"number": number, "exp_month": "12", "exp_year": str(year), "cvc": "123"}
    return Choice(
        data=customer_steps.method_data("card", typed, details),
        button=_challenge_button(card, outcome, asks=asks, saves=saves),
    )


def press(state: State, seen: PageResult, intent: Record | None, button: str | None) -> PageResult:
    """Go on at the challenge or the page of the wallet, if the customer is there and does not stop."""
    if button is None or intent is None or intent["status"] != "requires_action":
        return seen
    page = "challenge" if seen.status == "challenge" else "wallet"
    return customer_steps.answer(state, intent, customer_steps.ANSWERS[page][intent.kind][button])


def page_json(state: State, seen: PageResult, **concerned: Record | None) -> JsonObject:
    """Return what a customer sees, with the objects concerned as the API answers them."""
    objects = {name: state.view(record) for name, record in concerned.items() if record is not None}
    return {
        "object": "sandbox.page",
        "status": seen.status,
        "message": seen.message,
        "url": seen.url,
        **objects,
    }


def read_contact(params: Params, known: JsonObject | None = None) -> JsonObject:
    """Return what the customer types about themselves; ``known`` is what the form shows at first."""
    shown = known or {}
    typed = params.text("email") or shown.get("email") or ""
    if typed and not customer_steps.is_email(typed):
        raise invalid("email", "an e-mail address such as name@example.com")
    return customer_steps.contact(typed, params.text("name") or shown.get("name") or "")


def _number(params: Params) -> str | None:
    """Return the card number. An ID is shown in the refusal, a number never is."""
    given = params.text("card")
    if not given:
        return None
    ready_made = cards.card_for_method(given)
    number = ready_made.number if ready_made is not None else given
    if cards.outcome_of(number) != "wrong_number":
        return cards.digits_of(number)
    near = get_close_matches(given, [card.payment_method for card in CARDS], 1) if given.startswith("pm_") else []
    like = f"{near[0]} instead of {given!r}" if near else "pm_card_visa"
    raise invalid("card", f"a valid card number or the ID of a ready-made payment method, such as {like}")


def _offer(offered: Sequence[str]) -> str:
    if not offered:
        return "It offers none, because no method that the merchant accepts takes this amount in this currency."
    return f"It offers {', '.join(offered)}."


def _wallet_button(type: str, outcome: str) -> str | None:
    if outcome not in _BUTTONS:
        raise invalid("outcome", f"one of {', '.join(_BUTTONS)} with {type}: only cards have a 3-D Secure challenge")
    return _BUTTONS[outcome]


def _challenge_button(card: TestCard, outcome: str | None, *, asks: bool, saves: bool) -> str | None:
    challenged = card.challenge or asks
    own = _own_outcome(card, saves=saves)
    possible = {own, *(("challenge_passed", "challenge_failed", "unfinished") if challenged else ())}
    if outcome is None:
        return None
    if outcome not in possible:
        named = card.payment_method or "this card"
        raise invalid(
            "outcome", f"{' or '.join(sorted(possible))} with {named}; leave card out to use one with this outcome"
        )
    if outcome == "unfinished":
        return None
    return "fail" if outcome == "challenge_failed" else "authenticate"


def _own_outcome(card: TestCard, *, saves: bool) -> str:
    if card.later:
        return "pending_failed" if card.decline is not None else "pending_paid"
    return "declined" if card.decline is not None and not (saves and card.saved) else "paid"
