"""Coupons on subscriptions, and the way that checkout starts one: without HTTP, on the objects themselves."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from sandbox.billing.desk import HOUR, NEW_YEAR, SAVED_BUT_REFUSED
from sandbox.rig import CHALLENGED, GOOD, card

from wooshpay.sandbox.engine.clock import Clock
from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.engine.ids import Ids
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import load
from wooshpay.sandbox.engine.state import Account, State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import catalog, payment_methods, payments, plan_changes, subscriptions
from wooshpay.sandbox.lifecycles.billing_periods import items_of
from wooshpay.sandbox.lifecycles.plan_changes import Change


@pytest.fixture
def state() -> State:
    load()
    clock = Clock(lambda: NEW_YEAR)
    account = Account(**{field.name: f"{field.name}_1" for field in attrs.fields(Account)})
    return State(account=account, clock=clock, ids=Ids(lambda: clock.now, seed=1))


def price(state: State, amount: int = 1000, interval: str = "month", product: str | None = None) -> Record:
    sold = {"product": product} if product else {"product_data": {"name": "Tea"}}
    terms = {"currency": "usd", "unit_amount": amount, "recurring": {"interval": interval}, **sold}
    return catalog.make_price(state, catalog.read_terms(state, Params(terms)))


def customer(state: State, number: str | None = GOOD) -> str:
    made = state.add("cus", "customer", {"metadata": {}, "address": {}})
    if number is not None:
        payment_methods.make(state, Params(card(number)), customer=made.id)
    return made.id


def coupon(state: State, **fields: Any) -> str:
    return state.store.add(Record({"id": "OFF", "object": "coupon", **fields})).id


def start(state: State, *prices: Record, number: str | None = GOOD, **more: Any) -> Record:
    items = [(entry, 1) for entry in prices or (price(state),)]
    owner = customer(state, number)
    subscription = subscriptions.start(state, customer=owner, items=items, default_payment_method=None, **more)
    method = next(state.store["payment_method"].where(customer=owner), None)
    if method is not None:
        subscriptions.pay_first(state, subscription, method)
    return subscription


def totals(state: State, subscription: Record) -> list[tuple[int, int]]:
    """Subtotal and total of each invoice, oldest first."""
    found = list(state.store["invoice"].where(subscription=subscription.id))[::-1]
    return [(invoice["subtotal"], invoice["total"]) for invoice in found]


# ---- for how long


def test_once_is_for_one_invoice(state: State) -> None:
    subscription = start(state, coupon=coupon(state, duration="once", percent_off=25))
    state.clock.advance(days=62)
    assert totals(state, subscription) == [(1000, 750), (1000, 1000), (1000, 1000)]


def test_once_is_for_the_first_invoice_with_something_to_take_off(state: State) -> None:
    off = coupon(state, duration="once", percent_off=25)
    subscription = start(state, coupon=off, trial_period_days=10)
    state.clock.advance(days=60)
    assert totals(state, subscription) == [(0, 0), (1000, 750), (1000, 1000)]


def test_forever_is_for_all(state: State) -> None:
    subscription = start(state, coupon=coupon(state, duration="forever", amount_off=300, currency="usd"))
    state.clock.advance(days=365)
    assert totals(state, subscription) == [(1000, 700)] * 13


@pytest.mark.parametrize(
    ("length", "discounted"),
    [({"duration_in_months": 3}, 3), ({"duration_in_weeks": "5"}, 2), ({"duration_in_days": "31"}, 1)],
)
def test_repeating_is_for_periods_that_begin_in_its_time(state: State, length: dict[str, Any], discounted: int) -> None:
    subscription = start(state, coupon=coupon(state, duration="repeating", percent_off=10.0, **length))
    state.clock.advance(days=150)
    found = totals(state, subscription)
    assert [total for _, total in found] == [900] * discounted + [1000] * (len(found) - discounted)


def test_a_coupon_works_on_after_it_was_deleted(state: State) -> None:
    subscription = start(state, coupon=coupon(state, duration="forever", percent_off=50))
    state.store["coupon"].remove("OFF")
    state.clock.advance(days=31)
    assert totals(state, subscription) == [(1000, 500), (1000, 500)]


def test_a_coupon_may_come_as_it_was_when_the_customer_got_it(state: State) -> None:
    subscription = start(state, coupon={"id": "GONE", "duration": "once", "percent_off": 100})
    assert (totals(state, subscription), subscription["status"]) == ([(1000, 0)], "active")


def test_a_coupon_for_some_products_leaves_the_others(state: State) -> None:
    one, other = price(state, 1000), price(state, 500)
    off = coupon(state, duration="forever", percent_off=50, applies_to={"products": [other["product"]]})
    assert totals(state, start(state, one, other, coupon=off)) == [(1500, 1250)]


# ---- with changes of plan


def change(state: State, subscription: Record, new: Record) -> int:
    """Change to another price; give what it costs."""
    [item, *_] = items_of(state, subscription)
    changes = [Change(item=item, price=new, quantity=1)]
    plan_changes.apply(state, subscription, changes, "create_prorations")
    waits = state.store["invoiceitem"].where(customer=subscription["customer"])
    return sum(entry["amount"] for entry in waits if entry["invoice"] is None)


@pytest.mark.parametrize(
    ("off", "expected"),
    [
        ({"percent_off": 50}, (6200 - 3100) // 2 * 10 // 31),
        # The same sum is off both, so the difference is whole.
        ({"amount_off": 1000, "currency": "usd"}, (6200 - 3100) * 10 // 31),
    ],
)
def test_credit_and_charge_have_the_discount_of_the_period(state: State, off: dict[str, Any], expected: int) -> None:
    subscription = start(state, price(state, 3100), coupon=coupon(state, duration="once", **off))
    state.clock.advance(days=21)
    assert change(state, subscription, price(state, 6200)) == expected
    assert change(state, subscription, price(state, 3100)) == 0


def test_no_more_is_credited_than_was_paid(state: State) -> None:
    subscription = start(state, price(state, 3100), coupon=coupon(state, duration="once", percent_off=100))
    assert change(state, subscription, price(state, 0)) == 0


def test_a_sum_off_several_items_is_shared_among_them(state: State) -> None:
    subscription = start(
        state,
        price(state, 3000),
        price(state, 1000),
        coupon=coupon(state, duration="once", amount_off=1000, currency="usd"),
    )
    # 3000 less its three quarters of the discount go; 1000 less the half of it come.
    assert change(state, subscription, price(state, 1000)) == -(3000 - 750) + (1000 - 500)


def test_discount_lines_are_not_discounted_again(state: State) -> None:
    subscription = start(state, price(state, 3100), coupon=coupon(state, duration="forever", percent_off=50))
    state.clock.advance(days=21)
    assert change(state, subscription, price(state, 6200)) == 500
    state.clock.advance(days=10)
    assert totals(state, subscription)[-1] == (6200 + 500, 3100 + 500)


# ---- as checkout starts one


def test_start_takes_no_money(state: State) -> None:
    owner = customer(state)
    subscription = subscriptions.start(
        state, customer=owner, items=[(price(state), 2)], default_payment_method=None, session="cs_1"
    )
    assert (subscription["status"], subscription.private["session"]) == ("incomplete", "cs_1")
    assert totals(state, subscription) == [(2000, 2000)]
    assert list(state.store["charge"]) == []


def test_pay_first_may_be_refused_and_tried_again(state: State) -> None:
    subscription = start(state, number=None)
    bad = payment_methods.make(state, Params(card(SAVED_BUT_REFUSED)))
    with pytest.raises(SandboxError) as caught:
        subscriptions.pay_first(state, subscription, bad)
    assert (caught.value.status, subscription["status"]) == (402, "incomplete")
    good = payment_methods.make(state, Params(card()))
    intent = subscriptions.pay_first(state, subscription, good)
    assert intent is not None
    assert (intent["status"], subscription["status"], good["customer"]) == (
        "succeeded",
        "active",
        subscription["customer"],
    )
    state.clock.advance(days=31)
    assert [invoice["status"] for invoice in state.store["invoice"]] == ["paid", "paid"]


def test_pay_first_may_wait_for_the_customer(state: State) -> None:
    subscription = start(state, number=None)
    intent = subscriptions.pay_first(state, subscription, payment_methods.make(state, Params(card(CHALLENGED))))
    assert intent is not None
    assert (intent["status"], subscription["status"]) == ("requires_action", "incomplete")
    payments.customer_acted(state, intent)
    assert subscription["status"] == "active"


def test_pay_first_with_nothing_due_keeps_the_method(state: State) -> None:
    subscription = start(state, number=None, trial_period_days=5)
    method = payment_methods.make(state, Params(card()), customer=subscription["customer"])
    assert subscriptions.pay_first(state, subscription, method) is None
    assert (subscription["status"], subscription["default_payment_method"]) == ("trialing", method.id)


def test_pay_first_is_refused_when_it_is_too_late(state: State) -> None:
    subscription = start(state, number=None)
    state.clock.advance(milliseconds=23 * HOUR)
    with pytest.raises(SandboxError, match="incomplete_expired"):
        subscriptions.pay_first(state, subscription, payment_methods.make(state, Params(card())))


@pytest.mark.parametrize("kind", ["once", "currency", "interval", "amount"])
def test_start_refuses_prices_that_do_not_go_together(state: State, kind: str) -> None:
    other = price(state, 99_999_999 if kind == "amount" else 1000, "week" if kind == "interval" else "month")
    if kind == "once":
        other["recurring"] = None
    if kind == "currency":
        other["currency"] = "EUR"
    with pytest.raises(SandboxError) as caught:
        start(state, price(state), other)
    assert (caught.value.status, caught.value.param) == (400, "items")
    assert list(state.store["subscription"]) == []
