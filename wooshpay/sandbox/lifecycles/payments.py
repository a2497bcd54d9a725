"""What becomes of a payment: attempts, challenges, captures, cancellations.

The states of a PaymentIntent, and what moves it:

    from                                     by                              to
    (new)                                    create                          requires_payment_method,
                                                                             requires_confirmation with a method
    requires_payment_method                  update with a method            requires_confirmation
    requires_payment_method, _confirmation,  confirm, accepted               succeeded; requires_capture if manual
    requires_action                          confirm, customer must act      requires_action
                                             confirm, refused                requires_payment_method
                                             confirm, outcome comes later    processing
    requires_action                          the customer acts               as confirm, accepted or refused
                                             the bank's outcome comes later  processing
                                             the customer fails or gives up  requires_payment_method
                                             update of amount or method      requires_confirmation
    processing                               a minute passes                 as confirm, accepted or refused
    requires_capture                         capture                         succeeded
                                             seven days pass                 canceled
    requires_payment_method, _confirmation,  cancel                          canceled
    _action, _capture

Every attempt that reaches the issuer leaves a Charge. With ``setup_future_usage`` an accepted payment saves its method:
for the customer, and where it says off_session and the customer was there, for payments without the customer too.
"""

from __future__ import annotations

from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.clock import MILLISECONDS_PER_DAY
from wooshpay.sandbox.engine.errors import SandboxError, wrong_state
from wooshpay.sandbox.engine.registry import duty
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import acceptance, actions, ledger, payment_methods
from wooshpay.sandbox.rules import cards
from wooshpay.sandbox.rules.cards import Decline
from wooshpay.sandbox.rules.methods import SAVED, require_payable

CONFIRMABLE: Final = frozenset({"requires_payment_method", "requires_confirmation", "requires_action"})
CANCELABLE: Final = CONFIRMABLE | {"requires_capture"}
PAID: Final = frozenset({"succeeded", "requires_capture", "processing"})

AUTHORIZATION_DAYS: Final = 7
PROCESSING_MILLISECONDS: Final = 60_000

CHALLENGE_FAILED: Final = Decline(
    "payment_intent_authentication_failure",
    "authentication_failed",
    "The bank could not authenticate the customer.",
)
GIVEN_UP: Final = Decline("payment_canceled", "payment_canceled", "The customer canceled the payment.")
PAYMENT_FAILED: Final = Decline("payment_failed", "payment_failed", "The payment failed.")


def require(intent: Record, allowed: frozenset[str], action: str) -> None:
    """Refuse a call that the intent's status does not allow."""
    if intent["status"] not in allowed:
        raise wrong_state(
            f"This PaymentIntent could not be {action} because its status is {intent['status']};"
            f" it must be one of {', '.join(sorted(allowed))}.",
            about=intent,
        )


def attempt(
    state: State, intent: Record, method: Record, *, off_session: bool = False, refuse_action: bool = False
) -> None:
    """Try to take the payment with a method.

    Args:
        state: The sandbox.
        intent: The PaymentIntent.
        method: The payment method.
        off_session: The customer is away and cannot authenticate.
        refuse_action: Fail rather than ask the customer to act.

    Raises:
        SandboxError: 400 where the method is not the customer's or does not take this payment, and nothing has
            changed; 402 where the attempt was refused, and it is recorded.
    """
    require(intent, CONFIRMABLE, "confirmed")
    payment_methods.require_usable(method, intent.get("customer"))
    acceptance.require_enabled(state, method["type"], param="payment_method")
    require_payable(method["type"], intent["amount"], intent["currency"])
    intent.update(payment_method=method.id, last_payment_error=None, next_action=None)
    refusal = payment_methods.bad_card(state, method)
    if refusal is not None:
        raise _refused(state, intent, method, refusal)
    if not actions.needed(intent, method, off_session=off_session):
        _authorize(state, intent, method, off_session=off_session)
        return
    if off_session or refuse_action:
        raise _refused(state, intent, method, cards.AUTHENTICATION_REQUIRED)
    intent.update(status="requires_action", next_action=actions.next_action(state, intent, method))
    state.emit("payment_intent.requires_action", intent)


def customer_acted(state: State, intent: Record, failure: Decline | None = None, *, later: bool = False) -> None:
    """Go on after the customer did, or failed to do, what ``next_action`` asked for.

    Args:
        state: The sandbox.
        intent: The PaymentIntent.
        failure: Why the payment fails; ``None`` where it does not.
        later: The outcome comes after a while.

    Raises:
        SandboxError: The payment was refused.
    """
    require(intent, frozenset({"requires_action"}), "completed by the customer")
    method = state.need("payment_method", intent["payment_method"])
    intent["next_action"] = None
    if later:
        _process(state, intent, method, failure)
    elif failure is not None:
        raise _refused(state, intent, method, failure)
    else:
        _authorize(state, intent, method)


def capture(state: State, intent: Record, amount: int | None) -> None:
    """Take an authorized payment, whole or in part; the rest is released."""
    require(intent, frozenset({"requires_capture"}), "captured")
    capturable: int = intent["amount_capturable"]
    taken = capturable if amount is None else amount
    if taken > capturable:
        raise SandboxError(
            f"Only {capturable} can be captured, not {taken}.", code="amount_too_large", param="amount_to_capture"
        )
    charge = state.need("charge", intent["latest_charge"])
    charge.update(captured=True, amount_captured=taken)
    _receive(state, intent, taken)
    state.emit("charge.captured", charge)
    state.emit("payment_intent.succeeded", intent)


def cancel(state: State, intent: Record, reason: str) -> None:
    """End a payment that was not taken; what was authorized is released."""
    require(intent, CANCELABLE, "canceled")
    if intent["status"] == "requires_capture":
        charge = state.need("charge", intent["latest_charge"])
        charge.update(refunded=True, amount_refunded=charge["amount"])
    intent.update(
        status="canceled",
        canceled_at=state.clock.second,
        cancellation_reason=reason,
        amount_capturable=0,
        next_action=None,
    )
    state.emit("payment_intent.canceled", intent)


@duty("payment_intents.release")
def release(state: State, id: str) -> None:
    """Cancel an authorization that was not captured in time."""
    intent = state.need("payment_intent", id)
    if intent["status"] == "requires_capture":
        cancel(state, intent, "authorization expired")


@duty("payment_intents.finish_processing")
def finish_processing(state: State, id: str) -> None:
    """Bring the outcome of a payment that was processing."""
    intent = state.need("payment_intent", id)
    if intent["status"] != "processing":
        return
    method = state.need("payment_method", intent["payment_method"])
    charge = state.need("charge", intent["latest_charge"])
    kept: JsonObject | None = intent.private.pop("outcome", None)
    if kept is not None:
        decline = Decline(**kept)
        charge.update(status="failed", failure_code=decline.code, failure_message=decline.message)
        _note_refusal(state, intent, method, decline, charge)
    else:
        _accept(state, intent, method, charge)


def _authorize(state: State, intent: Record, method: Record, *, off_session: bool = False) -> None:
    card = cards.card_with(method.private.get("outcome", "succeeds"))
    if card.later:
        _process(state, intent, method, card.decline)
        return
    if card.decline is not None:
        raise _refused(state, intent, method, card.decline)
    charge = _charge(state, intent, method, status="succeeded")
    intent["latest_charge"] = charge.id
    _accept(state, intent, method, charge, off_session=off_session)


def _process(state: State, intent: Record, method: Record, failure: Decline | None) -> None:
    intent["status"] = "processing"
    intent["latest_charge"] = _charge(state, intent, method, status="pending").id
    intent.private["outcome"] = failure.facts() if failure is not None else None
    state.remind(state.clock.now + PROCESSING_MILLISECONDS, "payment_intents.finish_processing", intent)
    state.emit("payment_intent.processing", intent)


def _accept(state: State, intent: Record, method: Record, charge: Record, *, off_session: bool = False) -> None:
    charge.update(status="succeeded", paid=True)
    _save_or_spend(intent, method, off_session=off_session)
    if intent["capture_method"] == "manual":
        intent.update(status="requires_capture", amount_capturable=intent["amount"])
        due = state.clock.now + AUTHORIZATION_DAYS * MILLISECONDS_PER_DAY
        state.remind(due, "payment_intents.release", intent)
        state.emit("payment_intent.amount_capturable_updated", intent)
        return
    charge.update(captured=True, amount_captured=intent["amount"])
    _receive(state, intent, intent["amount"])
    state.emit("payment_intent.succeeded", intent)


def _save_or_spend(intent: Record, method: Record, *, off_session: bool) -> None:
    usage = future_usage(intent, method["type"])
    if usage is None or method["type"] not in SAVED:
        payment_methods.spend(method)
        return
    # Consent to payments off session can only be given on session.
    payment_methods.save(method, intent.get("customer"), None if off_session else usage)


def future_usage(intent: JsonObject, type: str) -> str | None:
    """For what a payment saves a method of a type; ``None`` where it does not."""
    usage: str | None = intent.get("setup_future_usage")
    if usage is None and type == "card":
        options: JsonObject = intent.get("payment_method_options") or {}
        card: JsonObject = options.get("card") or {}
        usage = card.get("setup_future_usage")
    return usage


def _receive(state: State, intent: Record, amount: int) -> None:
    intent.update(status="succeeded", amount_received=amount, amount_capturable=0)
    ledger.move(state, amount, intent["currency"])


def _refused(state: State, intent: Record, method: Record, decline: Decline) -> SandboxError:
    """Record a refused attempt; give the error that tells of it."""
    charge = _charge(state, intent, method, status="failed", failure_code=decline.code, failure_message=decline.message)
    intent["latest_charge"] = charge.id
    return _note_refusal(state, intent, method, decline, charge)


def _note_refusal(state: State, intent: Record, method: Record, decline: Decline, charge: Record) -> SandboxError:
    error = payment_methods.refused(method["type"], decline)
    # WooshPay's inner fields of last_payment_error were never seen: the error object is the nearest guess.
    intent.update(
        status="requires_payment_method",
        payment_method=None,
        last_payment_error={**error.facts(), "charge": charge.id, "payment_method": method.id},
    )
    state.emit("payment_intent.payment_failed", intent)
    error.details = {"charge": charge.id, "payment_intent": state.view(intent)}
    return error


def _charge(state: State, intent: Record, method: Record, **fields: object) -> Record:
    details: JsonObject = {"type": method["type"]}
    if method.get("card"):
        details["card"] = dict(method["card"])
    return state.add(
        "ch",
        "charge",
        {
            "amount": intent["amount"],
            "amount_captured": 0,
            "amount_refunded": 0,
            "billing_details": method.get("billing_details"),
            "captured": False,
            "currency": intent["currency"],
            "customer": intent.get("customer"),
            "description": intent.get("description"),
            "disputed": False,
            "invoice": intent.get("invoice"),
            "metadata": dict(intent.get("metadata") or {}),
            "paid": False,
            "payment_intent": intent.id,
            "payment_method": method.id,
            "payment_method_details": details,
            "receipt_email": intent.get("receipt_email"),
            "refunded": False,
            "shipping": intent.get("shipping"),
            **fields,
        },
    )
