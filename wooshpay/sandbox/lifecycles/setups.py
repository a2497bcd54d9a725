"""What becomes of a setup: a payment method is saved for later, without a payment.

The states of a SetupIntent, and what moves it:

    from                                     by                              to
    (new)                                    create                          requires_payment_method,
                                                                             requires_confirmation with a method
    requires_payment_method                  update with a method            requires_confirmation
    requires_payment_method, _confirmation,  confirm, accepted               succeeded
    requires_action                          confirm, customer must act      requires_action
                                             confirm, refused                requires_payment_method
                                             confirm, outcome comes later    processing
    requires_action                          the customer acts               as confirm, accepted or refused
                                             the customer fails or gives up  requires_payment_method
                                             update with a method            requires_confirmation
    processing                               a minute passes                 as confirm, accepted or refused
    requires_payment_method, _confirmation,  cancel                          canceled
    _action

Every attempt leaves a SetupAttempt:

    from             by                                             to
    (new)            confirm                                        succeeded, failed, requires_action, processing
    requires_action  the customer acts, fails or gives up           succeeded, failed, processing
                     another attempt, another method, cancel        abandoned
    processing       a minute passes                                succeeded, failed

Success attaches the method to the intent's customer; without a customer it stays unattached, and none is made.
All but three of the states are Stripe's, and so are the attempts.
"""

from __future__ import annotations

from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.errors import SandboxError, wrong_state
from wooshpay.sandbox.engine.registry import duty
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import acceptance, actions, payment_methods
from wooshpay.sandbox.rules import cards
from wooshpay.sandbox.rules.cards import Decline
from wooshpay.sandbox.rules.methods import require_savable

CONFIRMABLE: Final = frozenset({"requires_payment_method", "requires_confirmation", "requires_action"})
CANCELABLE: Final = CONFIRMABLE
USAGES: Final = ("on_session", "off_session")
PROCESSING_MILLISECONDS: Final = 60_000

CHALLENGE_FAILED: Final = Decline(
    "setup_intent_authentication_failure",
    "authentication_failed",
    "The bank could not authenticate the customer.",
)
GIVEN_UP: Final = Decline("setup_canceled", "setup_canceled", "The customer did not want the payment method saved.")
SETUP_FAILED: Final = Decline("setup_failed", "setup_failed", "The payment method could not be saved.")


def require(setup: Record, allowed: frozenset[str], action: str) -> None:
    """Refuse a call that the intent's status does not allow."""
    if setup["status"] not in allowed:
        raise wrong_state(
            f"This SetupIntent could not be {action} because its status is {setup['status']};"
            f" it must be one of {', '.join(sorted(allowed))}.",
            code="setup_intent_unexpected_state",
            about=setup,
        )


def make(state: State, fields: JsonObject, **private: object) -> Record:
    """Make a SetupIntent without a payment method.

    Args:
        state: The sandbox.
        fields: Such as ``customer``, ``usage``, ``payment_method_types`` and ``metadata``; all can be left out.
        private: ``session``, where it belongs to a Checkout Session.
    """
    defaults: JsonObject = {
        "customer": None,
        "metadata": {},
        "payment_method": None,
        "payment_method_types": ["card"],
        "status": "requires_payment_method",
    }
    given = {name: value for name, value in fields.items() if value is not None}
    usage = given.get("usage") or "off_session"
    setup = state.add("seti", "setup_intent", {**defaults, **given, "usage": usage}, **private)
    setup["client_secret"] = state.ids.client_secret(setup.id)
    state.emit("setup_intent.created", setup)
    return setup


def set_method(state: State, setup: Record, method: Record) -> None:
    """Give an intent the method that it is to save; a challenge of another method is over then."""
    _abandon(state, setup)
    setup.update(
        payment_method=method.id,
        payment_method_types=[method["type"]],
        status="requires_confirmation",
        next_action=None,
    )


def attempt(state: State, setup: Record, method: Record, *, refuse_action: bool = False) -> None:
    """Try to save a method.

    Args:
        state: The sandbox.
        setup: The SetupIntent.
        method: The payment method.
        refuse_action: Fail rather than ask the customer to act.

    Raises:
        SandboxError: 400 where the method cannot be saved, and nothing has changed; 402 where the attempt was
            refused, and it is recorded.
    """
    require(setup, CONFIRMABLE, "confirmed")
    payment_methods.require_usable(method, setup.get("customer"))
    acceptance.require_enabled(state, method["type"], param="payment_method")
    require_savable(method["type"], param="payment_method")
    _abandon(state, setup)
    _record(state, setup, method)
    setup.update(payment_method=method.id, last_setup_error=None, next_action=None)
    refusal = payment_methods.bad_card(state, method)
    if refusal is not None:
        raise _refused(state, setup, method, refusal)
    if not actions.needed(setup, method):
        _save(state, setup, method)
        return
    if refuse_action:
        raise _refused(state, setup, method, cards.AUTHENTICATION_REQUIRED)
    setup.update(status="requires_action", next_action=actions.next_action(state, setup, method))
    _latest(state, setup)["status"] = "requires_action"
    state.emit("setup_intent.requires_action", setup)


def customer_acted(state: State, setup: Record, failure: Decline | None = None, *, later: bool = False) -> None:
    """Go on after the customer did, or failed to do, what ``next_action`` asked for.

    Args:
        state: The sandbox.
        setup: The SetupIntent.
        failure: Why it fails; ``None`` where it does not.
        later: The outcome comes after a while.

    Raises:
        SandboxError: The method was refused.
    """
    require(setup, frozenset({"requires_action"}), "completed by the customer")
    method = state.need("payment_method", setup["payment_method"])
    setup["next_action"] = None
    if later:
        _process(state, setup, failure)
    elif failure is not None:
        raise _refused(state, setup, method, failure)
    else:
        _save(state, setup, method)


def cancel(state: State, setup: Record, reason: str | None = None) -> None:
    """End a setup that has not succeeded."""
    require(setup, CANCELABLE, "canceled")
    _abandon(state, setup)
    setup.update(status="canceled", cancellation_reason=reason, next_action=None)
    state.emit("setup_intent.canceled", setup)


@duty("setup_intents.finish_processing")
def finish_processing(state: State, id: str) -> None:
    """Bring the outcome of a setup that was processing."""
    setup = state.need("setup_intent", id)
    if setup["status"] != "processing":
        return
    method = state.need("payment_method", setup["payment_method"])
    kept: JsonObject | None = setup.private.pop("outcome", None)
    try:
        if kept is not None:
            raise _refused(state, setup, method, Decline(**kept))
        _succeed(state, setup, method)
    except SandboxError:
        pass  # recorded on the intent; nobody waits for an answer here


def _save(state: State, setup: Record, method: Record) -> None:
    card = cards.card_with(method.private.get("outcome", "succeeds"))
    if card.later:
        _process(state, setup, card.decline)
        return
    refusal = payment_methods.save_refusal(state, method)
    if refusal is not None:
        raise _refused(state, setup, method, refusal)
    _succeed(state, setup, method)


def _process(state: State, setup: Record, failure: Decline | None) -> None:
    setup["status"] = _latest(state, setup)["status"] = "processing"
    setup.private["outcome"] = failure.facts() if failure is not None else None
    state.remind(state.clock.now + PROCESSING_MILLISECONDS, "setup_intents.finish_processing", setup)


def _succeed(state: State, setup: Record, method: Record) -> None:
    customer: str | None = setup.get("customer")
    try:
        payment_methods.require_usable(method, customer)
    except SandboxError:
        # It was given to somebody else, or detached, while the customer was away.
        raise _refused(state, setup, method, SETUP_FAILED) from None
    payment_methods.save(method, customer, setup["usage"])
    setup["status"] = _latest(state, setup)["status"] = "succeeded"
    state.emit("setup_intent.succeeded", setup)


def _refused(state: State, setup: Record, method: Record, decline: Decline) -> SandboxError:
    """Record a refused attempt; give the error that tells of it."""
    error = payment_methods.refused(method["type"], decline)
    told = {**error.facts(), "payment_method": method.id}
    _latest(state, setup).update(status="failed", setup_error=told)
    setup.update(status="requires_payment_method", payment_method=None, next_action=None, last_setup_error=told)
    state.emit("setup_intent.setup_failed", setup)
    error.details = {"setup_intent": state.view(setup)}
    return error


def _record(state: State, setup: Record, method: Record) -> None:
    details: JsonObject = {"type": method["type"]}
    if method.get("card"):
        details["card"] = dict(method["card"])
    fields: JsonObject = {
        "customer": setup.get("customer"),
        "payment_method": method.id,
        "payment_method_details": details,
        "setup_error": None,
        "setup_intent": setup.id,
        "status": "processing",
        "usage": setup["usage"],
    }
    setup["latest_attempt"] = state.add("setatt", "setup_attempt", fields).id


def _latest(state: State, setup: Record) -> Record:
    return state.need("setup_attempt", setup["latest_attempt"])


def _abandon(state: State, setup: Record) -> None:
    if setup["status"] == "requires_action":
        _latest(state, setup)["status"] = "abandoned"
