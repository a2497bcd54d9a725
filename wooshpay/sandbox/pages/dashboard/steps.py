"""The next steps of an object: which actions its page offers, by its kind and status.

The table is the whole declaration. A step whose action is not registered, or does not take the values that the step
presets, is not offered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeAlias

import attrs

from wooshpay.sandbox.engine.act_parameters import ActParameter
from wooshpay.sandbox.engine.params import as_object
from wooshpay.sandbox.engine.registry import act_parameters, find_act
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import disputes
from wooshpay.sandbox.pages.dashboard.operations import OPERATIONS

Actor: TypeAlias = Literal["Customer", "Bank", "Cardholder", "Seller", "Issuer", "You"]

# The value of a preset that is replaced by the ID of the object.
_ID: Final = "{id}"


def _always(record: Record) -> bool:
    return True


def _only_saves(record: Record) -> bool:
    """Tell whether a session saves a payment method and takes no money."""
    return record.get("mode") == "setup"


def _takes_money(record: Record) -> bool:
    return not _only_saves(record)


def _is_active(record: Record) -> bool:
    return record.get("active") is True


def _is_capture(record: Record) -> bool:
    return record.get("type") == "capture"


def _has_challenge(record: Record) -> bool:
    """Tell whether the customer has to pass a 3-D Secure challenge."""
    action = as_object(record.get("next_action")) or {}
    return action.get("type") == "challenge_redirect"


def _has_other_action(record: Record) -> bool:
    """Tell whether the customer has to act on the page of a wallet or a bank."""
    return not _has_challenge(record)


@attrs.frozen(kw_only=True)
class Step:
    """A next step that objects of one kind can have.

    Attributes:
        kind: The kind of object.
        statuses: The statuses in which it can be taken; empty for all.
        actor: Who takes it.
        label: The text of the button.
        action: The simulated action, or the operation of the merchant.
        preset: Its parameters; ``{id}`` stands for the object's ID.
        asks: Whether a form asks for more first.
        risky: Whether the button is drawn as one that cannot be taken back or has a bad outcome.
        when: A further condition.
    """

    kind: str
    statuses: tuple[str, ...] = ()
    actor: Actor
    label: str
    action: str
    preset: Mapping[str, str]
    asks: bool = False
    risky: bool = False
    when: Callable[[Record], bool] = _always


@attrs.frozen(kw_only=True)
class Button:
    """A next step of one object.

    Attributes:
        label: Its text.
        path: Where the form goes, or the page with the form is, within the dashboard.
        values: The parameters, by name.
        asks: Whether it leads to a form.
        risky: Whether it is drawn as one that cannot be taken back or has a bad outcome.
    """

    label: str
    path: str
    values: Mapping[str, str]
    asks: bool
    risky: bool


def steps_of(record: Record) -> dict[Actor, list[Button]]:
    """Return the next steps of an object, by who takes them."""
    found: dict[Actor, list[Button]] = {}
    for step in STEPS:
        if step.kind != record.kind or (step.statuses and record.get("status") not in step.statuses):
            continue
        if step.when(record) and _is_offered(step):
            found.setdefault(step.actor, []).append(_button(step, record))
    return found


def _is_offered(step: Step) -> bool:
    if step.action in OPERATIONS:
        return True
    if find_act(step.action) is None:
        return False
    declared = act_parameters(step.action)
    return all(_takes(declared, name, value) for name, value in step.preset.items())


def _takes(declared: tuple[ActParameter, ...], name: str, value: str) -> bool:
    parameter = next((parameter for parameter in declared if parameter.name == name), None)
    return parameter is not None and (not parameter.choices or value in parameter.choices)


def _button(step: Step, record: Record) -> Button:
    folder = "operations" if step.action in OPERATIONS else "acts"
    return Button(
        label=step.label,
        path=f"{folder}/{step.action}",
        values={name: record.id if value == _ID else value for name, value in step.preset.items()},
        asks=step.asks,
        risky=step.risky,
    )


_OPEN_DISPUTES: Final = tuple(sorted(disputes.OPEN))
_SESSION: Final = {"session": _ID}
_INTENT: Final = {"payment_intent": _ID}
_SETUP: Final = {"setup_intent": _ID}

STEPS: Final[tuple[Step, ...]] = (
    # ---- checkout sessions
    Step(kind="checkout.session", statuses=("open",), actor="Customer", label="Pay",
         action="checkout.sessions.pay", preset=_SESSION, when=_takes_money),
    Step(kind="checkout.session", statuses=("open",), actor="Customer", label="Save a payment method",
         action="checkout.sessions.pay", preset=_SESSION, when=_only_saves),
    Step(kind="checkout.session", statuses=("open",), actor="Customer", label="Try, and be declined",
         action="checkout.sessions.pay", preset={**_SESSION, "outcome": "declined"}),
    Step(kind="checkout.session", statuses=("open",), actor="Customer", label="Choose the method and the outcome",
         action="checkout.sessions.pay", preset=_SESSION, asks=True),
    Step(kind="checkout.session", statuses=("open",), actor="Customer", label="Leave without paying",
         action="checkout.sessions.cancel", preset=_SESSION),
    Step(kind="checkout.session", statuses=("open",), actor="You", label="Expire",
         action="checkout.sessions.expire", preset={"id": _ID}, risky=True),
    # ---- payment links
    Step(kind="payment_link", actor="Customer", label="Pay", action="payment_links.pay",
         preset={"payment_link": _ID}, when=_is_active),
    Step(kind="payment_link", actor="Customer", label="Choose the card and the outcome", action="payment_links.pay",
         preset={"payment_link": _ID}, asks=True, when=_is_active),
    # ---- payments
    Step(kind="payment_intent", statuses=("requires_action",), actor="Customer", label="Pass the authentication",
         action="payment_intents.authenticate", preset={**_INTENT, "outcome": "passed"}, when=_has_challenge),
    Step(kind="payment_intent", statuses=("requires_action",), actor="Customer", label="Fail the authentication",
         action="payment_intents.authenticate", preset={**_INTENT, "outcome": "failed"}, when=_has_challenge),
    Step(kind="payment_intent", statuses=("requires_action",), actor="Customer", label="Pay",
         action="payment_intents.pay", preset={**_INTENT, "outcome": "paid"}, when=_has_other_action),
    Step(kind="payment_intent", statuses=("requires_action",), actor="Customer", label="Fail to pay",
         action="payment_intents.pay", preset={**_INTENT, "outcome": "declined"}, when=_has_other_action),
    Step(kind="payment_intent", statuses=("requires_action",), actor="Customer", label="Choose the outcome",
         action="payment_intents.pay", preset=_INTENT, asks=True, when=_has_other_action),
    Step(kind="payment_intent", statuses=("requires_capture",), actor="You", label="Capture",
         action="payment_intents.capture", preset={"id": _ID}, asks=True),
    Step(kind="payment_intent", statuses=("requires_payment_method", "requires_confirmation", "requires_action",
                                          "requires_capture"), actor="You", label="Cancel",
         action="payment_intents.cancel", preset={"id": _ID}, asks=True, risky=True),
    Step(kind="payment_intent", statuses=("succeeded",), actor="You", label="Refund",
         action="refunds.create", preset=_INTENT, asks=True),
    Step(kind="payment_intent", statuses=("succeeded",), actor="Bank", label="Dispute",
         action="disputes.create", preset=_INTENT, asks=True),
    # ---- saved payment methods
    Step(kind="setup_intent", statuses=("requires_action",), actor="Customer", label="Pass the authentication",
         action="setup_intents.authenticate", preset={**_SETUP, "outcome": "passed"}),
    Step(kind="setup_intent", statuses=("requires_action",), actor="Customer", label="Fail the authentication",
         action="setup_intents.authenticate", preset={**_SETUP, "outcome": "failed"}),
    # ---- refunds and disputes
    Step(kind="refund", statuses=("pending",), actor="Bank", label="Let it succeed", action="refunds.succeed",
         preset={"refund": _ID}),
    Step(kind="refund", statuses=("pending",), actor="Bank", label="Let it fail", action="refunds.fail",
         preset={"refund": _ID}),
    Step(kind="dispute", statuses=_OPEN_DISPUTES, actor="Bank", label="Decide for you (won)",
         action="disputes.win", preset={"dispute": _ID}),
    Step(kind="dispute", statuses=_OPEN_DISPUTES, actor="Bank", label="Decide for the customer (lost)",
         action="disputes.lose", preset={"dispute": _ID}),
    # ---- invoices
    Step(kind="invoice", statuses=("draft",), actor="You", label="Finalize", action="invoices.finalize",
         preset={"id": _ID}),
    Step(kind="invoice", statuses=("open",), actor="Customer", label="Pay on the invoice's page",
         action="invoices.pay_page", preset={"invoice": _ID}),
    Step(kind="invoice", statuses=("open",), actor="Customer", label="Choose the card and the outcome",
         action="invoices.pay_page", preset={"invoice": _ID}, asks=True),
    Step(kind="invoice", statuses=("open",), actor="You", label="Charge the saved payment method",
         action="invoices.pay", preset={"id": _ID}),
    Step(kind="invoice", statuses=("open",), actor="You", label="Void", action="invoices.void",
         preset={"id": _ID}, asks=True, risky=True),
    # ---- payouts
    Step(kind="payout", statuses=("pending", "in_transit"), actor="Bank", label="Let it arrive",
         action="payouts.pay", preset={"payout": _ID}),
    Step(kind="payout", statuses=("pending", "in_transit"), actor="Bank", label="Reject it",
         action="payouts.fail", preset={"payout": _ID}, asks=True),
    Step(kind="payout", statuses=("pending",), actor="Bank", label="Stop it", action="payouts.cancel",
         preset={"payout": _ID}),
    # ---- issued cards
    Step(kind="issuing.card", statuses=("active",), actor="Cardholder", label="Pay with this card",
         action="issuing.authorize", preset={"card": _ID}, asks=True),
    Step(kind="issuing.authorization", statuses=("pending",), actor="Seller", label="Capture",
         action="issuing.capture", preset={"authorization": _ID}, asks=True),
    Step(kind="issuing.authorization", statuses=("pending",), actor="Seller", label="Reverse",
         action="issuing.reverse", preset={"authorization": _ID}),
    Step(kind="issuing.transaction", actor="Seller", label="Refund", action="issuing.refund",
         preset={"transaction": _ID}, asks=True, when=_is_capture),
    Step(kind="issuing.cardholder", statuses=("active",), actor="Issuer", label="Block for good",
         action="issuing.block_cardholder", preset={"cardholder": _ID}, risky=True),
)  # fmt: skip
