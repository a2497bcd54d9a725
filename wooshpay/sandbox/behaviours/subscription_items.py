"""Subscription items: the prices that a subscription charges for.

operation    allowed
create       while the subscription is trialing, active, past_due or unpaid
retrieve     always
delete       as create; not the last item

Nothing in the reference says what ``create`` does about the rest of the period: it prorates as an update does.
"""

from __future__ import annotations

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.behaviours.subscriptions import check_plans, read_quantity
from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import behaviour
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import catalog, plan_changes
from wooshpay.sandbox.lifecycles.billing_periods import items_of
from wooshpay.sandbox.lifecycles.catalog import PricePlan
from wooshpay.sandbox.lifecycles.plan_changes import Change


@behaviour("subscription_items.create")
def create(state: State, params: Params) -> JsonObject:
    """Add a price to a subscription."""
    id = params.need_text("subscription")
    subscription = state.need("subscription", id, param="subscription")
    plan_changes.require_changeable(subscription)
    plan = catalog.read_price(state, params, recurring=True)
    quantity, metadata = read_quantity(params), params.metadata() or {}
    name = "price" if params.given("price") else "price_data"
    others = [(_plan_of(state, item), item["quantity"]) for item in items_of(state, subscription)]
    check_plans([*others, (plan, quantity)], currency=subscription["currency"], param=name)
    change = Change(item=None, price=catalog.make_price(state, plan), quantity=quantity, metadata=metadata)
    [item] = plan_changes.apply(state, subscription, [change], "create_prorations")
    state.emit("customer.subscription.updated", subscription)
    return state.view(item)


@behaviour("subscription_items.retrieve")
def retrieve(state: State, params: Params) -> JsonObject:
    """Get an item."""
    return state.view(state.need("subscription_item", params.id))


@behaviour("subscription_items.delete")
def delete(state: State, params: Params) -> JsonObject:
    """Take a price away from a subscription."""
    item = state.need("subscription_item", params.id)
    subscription = state.need("subscription", item["subscription"])
    behavior = params.choice("proration_behavior", plan_changes.BEHAVIORS) or "create_prorations"
    plan_changes.require_changeable(subscription)
    if len(items_of(state, subscription)) == 1:
        raise SandboxError(
            "This is the only item of the subscription; cancel the subscription to end it.", code="parameter_invalid"
        )
    change = Change(item=item, price=None, quantity=item["quantity"], deleted=True)
    plan_changes.apply(state, subscription, [change], behavior)
    state.emit("customer.subscription.updated", subscription)
    return {"id": item.id, "object": "subscription_item", "deleted": True}


def _plan_of(state: State, item: Record) -> PricePlan:
    price = state.need("price", item["price"])
    return PricePlan(terms=price, record=price)
