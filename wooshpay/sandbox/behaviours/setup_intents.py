"""SetupIntents. Their states, and what moves them, are in `wooshpay.sandbox.lifecycles.setups`.

    operation         allowed in these states
    create            -
    retrieve, list    any
    update            any but canceled; once processing or succeeded, notes only
    confirm           requires_payment_method, requires_confirmation, requires_action
    cancel            requires_payment_method, requires_confirmation, requires_action

The intent of a Checkout Session is confirmed on the session's page, and ends with the session.
"""

from __future__ import annotations

from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.behaviours.payment_intents import read_confirm
from wooshpay.sandbox.engine.errors import SandboxError, missing, wrong_state
from wooshpay.sandbox.engine.listing import list_page
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import behaviour
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import payment_methods, setups
from wooshpay.sandbox.lifecycles.payment_methods import Draft
from wooshpay.sandbox.rules.methods import require_savable

PATH: Final = "/v1/setup_intents"
CANCELLATION_REASONS: Final = ("abandoned", "requested_by_customer", "duplicate")

# What touches the setup itself; description and metadata may change at any time.
_SETUP: Final = (
    *("customer", "payment_method", "payment_method_data", "payment_method_options", "payment_method_types"),
    "usage",
)


@behaviour("setup_intents.create")
def create(state: State, params: Params) -> JsonObject:
    """Create an intent; with ``confirm`` make the first attempt at once."""
    confirmed = read_confirm(params)
    fields = _read(state, params)
    fields["metadata"] = params.metadata() or {}
    fields["return_url"] = params.url("return_url")
    method = payment_methods.choose(state, params)
    if confirmed and method is None:
        raise missing("payment_method_data")
    _check_method(fields, method)
    setup = setups.make(state, fields)
    if method is not None:
        kept = payment_methods.keep(state, method)
        setups.set_method(state, setup, kept)
        if confirmed:
            setups.attempt(state, setup, kept)
    return state.view(setup)


@behaviour("setup_intents.retrieve")
def retrieve(state: State, params: Params) -> JsonObject:
    """Get an intent."""
    return state.view(_find(state, params))


@behaviour("setup_intents.list")
def list_intents(state: State, params: Params) -> JsonObject:
    """List intents, newest first."""
    return list_page(state, params, kind="setup_intent", url=PATH, same=("customer", "payment_method"))


@behaviour("setup_intents.update")
def update(state: State, params: Params) -> JsonObject:
    """Change an intent without confirming it."""
    setup = _find(state, params)
    if setup["status"] == "canceled":
        raise _unexpected(setup, "This SetupIntent is canceled; nothing about it can change any more.")
    touched = [name for name in _SETUP if params.given(name)]
    if touched and setup["status"] not in setups.CONFIRMABLE:
        raise _unexpected(
            setup, f"{', '.join(touched)} cannot change while the SetupIntent's status is {setup['status']}."
        )
    if touched and "session" in setup.private:
        raise _unexpected(setup, f"{', '.join(touched)} cannot change: this SetupIntent belongs to a Checkout Session.")
    changes = _changes(state, setup, params)
    method = payment_methods.choose(state, params)
    _check_method({**setup, **changes}, method or _held(state, setup))
    setup.update(changes)
    if method is not None:
        setups.set_method(state, setup, payment_methods.keep(state, method))
    return state.view(setup)


@behaviour("setup_intents.confirm")
def confirm(state: State, params: Params) -> JsonObject:
    """Make an attempt to save the method, or ask the customer to act."""
    setup = _find(state, params)
    if "session" in setup.private:
        raise _unexpected(setup, "This SetupIntent belongs to a Checkout Session; the session's page confirms it.")
    setups.require(setup, setups.CONFIRMABLE, "confirmed")
    if not params.text("return_url"):
        raise missing("return_url")
    changes = {**_changes(state, setup, params), "return_url": params.url("return_url")}
    method = payment_methods.choose(state, params) or _held(state, setup)
    if method is None:
        raise missing("payment_method_data")
    _check_method({**setup, **changes}, method)
    setup.update(changes)
    kept = payment_methods.keep(state, method)
    setups.set_method(state, setup, kept)
    setups.attempt(state, setup, kept)
    return state.view(setup)


@behaviour("setup_intents.cancel")
def cancel(state: State, params: Params) -> JsonObject:
    """End a setup that has not succeeded."""
    setup = _find(state, params)
    reason = params.choice("cancellation_reason", CANCELLATION_REASONS)
    if "session" in setup.private:
        raise _unexpected(setup, "This SetupIntent belongs to a Checkout Session; expire the session instead.")
    setups.cancel(state, setup, reason)
    return state.view(setup)


def _read(state: State, params: Params) -> JsonObject:
    customer = params.text("customer") or None
    if customer is not None:
        state.need("customer", customer, param="customer")
    types = payment_methods.read_types(state, params)
    for place, type in enumerate(types or ()):
        require_savable(type, param=f"payment_method_types[{place}]")
    return {
        "customer": customer,
        "description": params.text("description"),
        "payment_method_options": params.as_sent("payment_method_options"),
        "payment_method_types": types,
        "usage": params.choice("usage", setups.USAGES),
    }


def _changes(state: State, setup: Record, params: Params) -> JsonObject:
    changes = {name: value for name, value in _read(state, params).items() if value is not None}
    changes["metadata"] = params.metadata(setup["metadata"])
    return changes


def _check_method(fields: JsonObject, method: Draft | Record | None) -> None:
    """Refuse a method that the intent cannot save, before either is changed."""
    if method is None:
        return
    payment_methods.require_usable(method, fields.get("customer"))
    require_savable(payment_methods.type_of(method), param="payment_method_data[type]")


def _held(state: State, setup: Record) -> Record | None:
    id: str | None = setup.get("payment_method")
    return state.need("payment_method", id) if id is not None else None


def _find(state: State, params: Params) -> Record:
    return state.need("setup_intent", params.id)


def _unexpected(setup: Record, message: str) -> SandboxError:
    return wrong_state(message, code="setup_intent_unexpected_state", about=setup)
