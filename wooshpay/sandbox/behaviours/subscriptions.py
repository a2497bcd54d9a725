"""Subscriptions. What becomes of them is in `wooshpay.sandbox.lifecycles.subscriptions`.

operation         allowed in these states
create            -
retrieve, list    any; canceled ones are listed too
update            any but incomplete_expired, canceled; items not while incomplete
cancel            any but incomplete_expired, canceled

A refused first payment does not refuse the subscription: it is ``incomplete``, and the PaymentIntent of its newest
invoice tells why and can be confirmed. So does Stripe.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.behaviours.invoices import (
    COLLECTION_METHODS,
    keep_method,
    read_days,
    read_method,
    read_settings,
)
from wooshpay.sandbox.engine.errors import SandboxError, invalid, missing
from wooshpay.sandbox.engine.listing import list_page
from wooshpay.sandbox.engine.params import MAX_AMOUNT, Params
from wooshpay.sandbox.engine.registry import behaviour, view
from wooshpay.sandbox.engine.state import State, plain_view
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import catalog, plan_changes, standing, subscriptions
from wooshpay.sandbox.lifecycles.billing_periods import interval_of, items_of
from wooshpay.sandbox.lifecycles.catalog import PricePlan
from wooshpay.sandbox.lifecycles.plan_changes import Change
from wooshpay.sandbox.rules.pricing import amount_of

PATH: Final = "/v1/subscriptions"
LONGEST_TRIAL_DAYS: Final = 730
MOST_ITEMS: Final = 20


@behaviour("subscriptions.create")
def create(state: State, params: Params) -> JsonObject:
    """Start to charge a customer; the first payment is tried at once where there is something to charge."""
    customer = state.need("customer", params.need_text("customer"), param="customer")
    entries = params.each("items")
    if not entries:
        raise missing("items")
    plans = [(catalog.read_price(state, entry, recurring=True), read_quantity(entry)) for entry in entries]
    # One object in the reference, where Stripe has a list.
    extra = params.within("add_invoice_items")
    once = [(catalog.read_price(state, extra, recurring=False), read_quantity(extra))] if extra is not None else []
    check_plans(plans, once, currency=params.currency("currency"))
    pairs = [entry.metadata() or {} for entry in entries]
    trial_days = params.integer("trial_period_days", least=0, most=LONGEST_TRIAL_DAYS)
    default = read_method(state, params, customer)
    fields = _read(state, params)
    metadata, description = params.metadata(), params.text("description") or None
    subscription = subscriptions.start(
        state,
        customer=customer.id,
        items=[(catalog.make_price(state, plan), quantity) for plan, quantity in plans],
        default_payment_method=keep_method(state, default, customer),
        trial_period_days=trial_days,
        metadata=metadata,
        description=description,
        item_metadata=pairs,
        once=[(catalog.make_price(state, plan), quantity) for plan, quantity in once],
        fields=fields,
    )
    _pay_first(state, subscription)
    return state.view(subscription)


@behaviour("subscriptions.retrieve")
def retrieve(state: State, params: Params) -> JsonObject:
    """Get a subscription."""
    return state.view(_find(state, params))


@behaviour("subscriptions.list")
def list_subscriptions(state: State, params: Params) -> JsonObject:
    """List subscriptions, newest first."""
    price = params.text("price") or None
    items = state.store["subscription_item"].where(price=price) if price is not None else ()
    ids = {item["subscription"] for item in items}

    def keep(subscription: Record) -> bool:
        return price is None or subscription.id in ids

    return list_page(state, params, kind="subscription", url=PATH, same=("customer",), keep=keep)


@behaviour("subscriptions.update")
def update(state: State, params: Params) -> JsonObject:
    """Change the plan, the payment method, the pairs, or whether it ends with the period."""
    subscription = _find(state, params)
    subscriptions.require_running(subscription, "changed")
    customer = state.need("customer", subscription["customer"])
    behavior = params.choice("proration_behavior", plan_changes.BEHAVIORS) or "create_prorations"
    at_period_end = params.flag("cancel_at_period_end")
    default = read_method(state, params, customer)
    metadata = params.metadata(subscription["metadata"])
    changes = _read_changes(state, subscription, params)
    subscription["metadata"] = metadata
    if params.given("default_payment_method"):
        # An empty text removes it, and the default method of the customer is charged.
        subscription["default_payment_method"] = keep_method(state, default, customer)
    if at_period_end is not None:
        _end_with_period(state, subscription, at_period_end)
    if changes:
        plan_changes.apply(state, subscription, [_made(state, change) for change in changes], behavior)
    state.emit("customer.subscription.updated", subscription)
    return state.view(subscription)


@behaviour("subscriptions.cancel")
def cancel(state: State, params: Params) -> JsonObject:
    """End a subscription now."""
    subscription = _find(state, params)
    invoice_now, prorate = bool(params.flag("invoice_now")), bool(params.flag("prorate"))
    subscriptions.require_running(subscription, "canceled")
    if prorate and subscription["status"] not in {"incomplete", "trialing"}:
        plan_changes.credit_rest(state, subscription)
    subscriptions.end(state, subscription)
    if invoice_now:
        plan_changes.invoice_waiting(state, subscription)
    return state.view(subscription)


@view("subscription")
def view_subscription(state: State, subscription: Record) -> JsonObject:
    """A subscription with its items, in a plain array."""
    items = [state.view(item) for item in items_of(state, subscription)]
    return {**plain_view(subscription), "items": items}


@view("subscription_item")
def view_item(state: State, item: Record) -> JsonObject:
    """An item with its price in full."""
    return {**plain_view(item), "price": state.view(state.need("price", item["price"]))}


def read_quantity(entry: Params) -> int:
    """``quantity``: 1 when left out."""
    quantity = entry.integer("quantity", least=0, most=MAX_AMOUNT)
    return 1 if quantity is None else quantity


def check_plans(
    plans: Sequence[tuple[PricePlan, int]],
    once: Sequence[tuple[PricePlan, int]] = (),
    *,
    currency: str | None = None,
    param: str = "items",
) -> None:
    """Refuse prices that one subscription cannot have side by side. Nothing is made yet."""
    currencies = {plan.currency for plan, _ in (*plans, *once)}
    if len(currencies) > 1 or (currency is not None and {currency} != currencies):
        raise SandboxError(
            "All prices of a subscription must have one currency, the subscription's.",
            code="parameter_invalid",
            param=param,
        )
    if len({interval_of(plan.terms) for plan, _ in plans}) > 1:
        raise SandboxError(
            "All items of a subscription must have the same interval and interval_count.",
            code="parameter_invalid",
            param=param,
        )
    if len(plans) > MOST_ITEMS:
        raise invalid(param, f"a list of at most {MOST_ITEMS} items")
    if sum(amount_of(plan.terms, quantity) for plan, quantity in (*plans, *once)) > MAX_AMOUNT:
        raise invalid(param, f"such that a period costs at most {MAX_AMOUNT} minor units", code="amount_too_large")


@attrs.frozen(kw_only=True)
class PlannedChange:
    """A change of an item that was read, before anything is kept."""

    item: Record | None
    plan: PricePlan | None
    quantity: int
    metadata: JsonObject
    deleted: bool


def _find(state: State, params: Params) -> Record:
    return state.need("subscription", params.id)


def _read(state: State, params: Params) -> JsonObject:
    how = params.choice("collection_method", COLLECTION_METHODS) or "charge_automatically"
    cancel_at = params.moment("cancel_at")
    if cancel_at is not None and cancel_at <= state.clock.now:
        raise invalid("cancel_at", "a time to come")
    return {
        "cancel_at": cancel_at,
        "collection_method": how,
        "days_until_due": read_days(params, sent=how == "send_invoice"),
        "default_source": params.text("default_source") or None,
        "next_pending_invoice_item_invoice": params.moment("next_pending_invoice_item_invoice"),
        "payment_settings": read_settings(state, params),
        "test_clock": params.text("test_clock") or None,
    }


def _pay_first(state: State, subscription: Record) -> None:
    invoice = state.need("invoice", subscription.private["first_invoice"])
    method = standing.method_for(state, invoice)
    if invoice["status"] != "open" or invoice["collection_method"] == "send_invoice" or method is None:
        return
    try:
        subscriptions.pay_first(state, subscription, method)
    except SandboxError:
        pass  # noted on the PaymentIntent; the subscription stays incomplete


def _end_with_period(state: State, subscription: Record, at_period_end: bool) -> None:
    subscription["cancel_at_period_end"] = at_period_end
    if at_period_end:
        subscription.update(cancel_at=subscription["current_period_end"], canceled_at=state.clock.second)
    else:
        subscription.update(cancel_at=None, canceled_at=None)


def _read_changes(state: State, subscription: Record, params: Params) -> list[PlannedChange]:
    name = "line_items" if params.given("line_items") else "items"
    if params.given("items") and params.given("line_items"):
        raise SandboxError("Pass items or line_items, not both.", code="parameter_invalid", param="line_items")
    entries = params.each(name)
    if not entries:
        return []
    plan_changes.require_changeable(subscription)
    changes = [_read_change(state, subscription, entry) for entry in entries]
    _check_changes(state, subscription, changes, name)
    return changes


def _read_change(state: State, subscription: Record, entry: Params) -> PlannedChange:
    id = entry.text("id") or None
    item = state.need("subscription_item", id, param=entry.named("id")) if id is not None else None
    if item is not None and item["subscription"] != subscription.id:
        raise invalid(entry.named("id"), "the id of an item of this subscription")
    deleted = bool(entry.flag("deleted"))
    if deleted and item is None:
        raise missing(entry.named("id"))
    priced = entry.given("price", "price_data")
    plan = catalog.read_price(state, entry, recurring=True) if (priced or item is None) and not deleted else None
    quantity = entry.integer("quantity", least=0, most=MAX_AMOUNT)
    if quantity is None:
        # The reference says so: another price puts the quantity back to 1.
        same = item is not None and (plan is None or (plan.record is not None and plan.record.id == item["price"]))
        quantity = item["quantity"] if same and item is not None else 1
    return PlannedChange(item=item, plan=plan, quantity=quantity, metadata=entry.metadata() or {}, deleted=deleted)


def _check_changes(state: State, subscription: Record, changes: Sequence[PlannedChange], name: str) -> None:
    """See to it that what the changes leave is a subscription."""
    named = [change.item.id for change in changes if change.item is not None]
    if len(set(named)) < len(named):
        raise invalid(name, "a list that names each item once")
    left: list[tuple[PricePlan, int]] = [
        (_plan_of(state, item), item["quantity"]) for item in items_of(state, subscription) if item.id not in named
    ]
    left += [
        (change.plan or _plan_of(state, change.item), change.quantity)
        for change in changes
        if not change.deleted and (change.plan is not None or change.item is not None)
    ]
    if not left:
        raise SandboxError(
            "A subscription needs at least one item; cancel the subscription to end it.",
            code="parameter_invalid",
            param=name,
        )
    check_plans(left, currency=subscription["currency"], param=name)


def _plan_of(state: State, item: Record | None) -> PricePlan:
    assert item is not None, "a change has an item or a price"
    price = state.need("price", item["price"])
    return PricePlan(terms=price, record=price)


def _made(state: State, change: PlannedChange) -> Change:
    price = catalog.make_price(state, change.plan) if change.plan is not None else None
    return Change(
        item=change.item, price=price, quantity=change.quantity, metadata=change.metadata, deleted=change.deleted
    )
