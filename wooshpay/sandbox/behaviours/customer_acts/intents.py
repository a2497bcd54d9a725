"""What customers do on the pages of banks and wallets.

action                         allowed in these states
payment_intents.authenticate   requires_action, with a card
payment_intents.pay            requires_action, with another method
setup_intents.authenticate     requires_action
"""

from __future__ import annotations

from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.behaviours.customer_acts.choosing import page_json
from wooshpay.sandbox.engine.act_parameters import ActParameter
from wooshpay.sandbox.engine.errors import SandboxError, invalid, wrong_state
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import act
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import checkout, customer_steps, invoices, payments, setups

_ACTION: Final = frozenset({"requires_action"})
_CHALLENGE: Final = {"passed": "authenticate", "failed": "fail"}
_WALLET: Final = {
    "paid": "pay",
    "declined": "fail",
    "canceled": "cancel",
    "pending_paid": "pay_later",
    "pending_failed": "fail_later",
}
_SAVING: Final = {
    "passed": "pay",
    "failed": "fail",
    "canceled": "cancel",
    "pending_passed": "pay_later",
    "pending_failed": "fail_later",
}

_INTENT: Final = ActParameter(
    "payment_intent", "The PaymentIntent; its status must be requires_action.", "id", required=True, of="payment_intent"
)


@act(
    "payment_intents.authenticate",
    _INTENT,
    ActParameter("outcome", "How the challenge ends.", "choice", choices=tuple(_CHALLENGE), default="passed"),
)
def authenticate(state: State, params: Params) -> JsonObject:
    """Pass or fail the 3-D Secure challenge of a payment, as a customer does on the bank's page."""
    outcome = params.choice("outcome", _CHALLENGE) or "passed"
    intent = _waiting_intent(state, params)
    type = _type_of(state, intent)
    if type != "card":
        raise _wrong_page(intent, f"the customer pays with {type}; use payment_intents.pay")
    return _answer(state, intent, "challenge", _CHALLENGE[outcome])


@act(
    "payment_intents.pay",
    _INTENT,
    ActParameter("outcome", "How the payment ends.", "choice", choices=tuple(_WALLET), default="paid"),
)
def pay(state: State, params: Params) -> JsonObject:
    """Pay with a wallet or bank method, as a customer does on its page.

    The payment can also fail, be canceled by the customer, or be confirmed by the bank only after a minute.
    """
    outcome = params.choice("outcome", _WALLET) or "paid"
    intent = _waiting_intent(state, params)
    if _type_of(state, intent) == "card":
        raise _wrong_page(intent, "the bank asks for 3-D Secure; use payment_intents.authenticate")
    return _answer(state, intent, "wallet", _WALLET[outcome])


@act(
    "setup_intents.authenticate",
    ActParameter(
        "setup_intent", "The SetupIntent; its status must be requires_action.", "id", required=True, of="setup_intent"
    ),
    ActParameter(
        "outcome",
        "How it ends. A card has passed and failed only; wallets have all.",
        "choice",
        choices=tuple(_SAVING),
        default="passed",
    ),
)
def authenticate_setup(state: State, params: Params) -> JsonObject:
    """Agree to save a card or wallet, as a customer does on the page of the bank or wallet; or refuse."""
    outcome = params.choice("outcome", _SAVING) or "passed"
    setup = state.need("setup_intent", params.need_text("setup_intent"), param="setup_intent")
    setups.require(setup, _ACTION, "authenticated")
    if _type_of(state, setup) != "card":
        return _answer(state, setup, "wallet", _SAVING[outcome])
    if outcome not in _CHALLENGE:
        raise invalid("outcome", f"{' or '.join(_CHALLENGE)} with a card")
    return _answer(state, setup, "challenge", _CHALLENGE[outcome])


def _waiting_intent(state: State, params: Params) -> Record:
    intent = state.need("payment_intent", params.need_text("payment_intent"), param="payment_intent")
    payments.require(intent, _ACTION, "completed by the customer")
    return intent


def _type_of(state: State, intent: Record) -> str:
    found: str = state.need("payment_method", intent["payment_method"])["type"]
    return found


def _wrong_page(intent: Record, what: str) -> SandboxError:
    return wrong_state(f"The customer of {intent.id} is on another page: {what}.")


def _answer(state: State, intent: Record, page: str, button: str) -> JsonObject:
    seen = customer_steps.answer(state, intent, customer_steps.ANSWERS[page][intent.kind][button])
    return page_json(
        state,
        seen,
        **{intent.kind: intent},
        session=checkout.session_of(state, intent),
        invoice=invoices.invoice_of(state, intent),
    )
