"""How events of each type come up: what they tell of is really done in a sandbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from wooshpay import CardError
from wooshpay.core.json import JsonObject
from wooshpay.core.objects import Object
from wooshpay.testing.stage import (
    CHALLENGED,
    GOOD,
    POOR,
    PRICE,
    REFUNDED_LATER,
    SAVED_BUT_REFUSED,
    SHOP,
    SLOW,
    TEAPOT,
    Stage,
    card,
)

Scene: TypeAlias = Callable[[Stage], Object]
"""Does what an event tells of; gives the object that it is about, as it then stands."""

SCENES: Final[dict[str, Scene]] = {}
"""The scene of each type."""


def make_event(stage: Stage, type: str, about: JsonObject | None = None) -> JsonObject:
    """Let an event come up.

    Args:
        stage: Where.
        type: A type that has a scene; with ``about`` any.
        about: The object that it is about, in place of the scene's.

    Returns:
        The event as WooshPay delivers it.
    """
    sent = len(stage.sandbox.store.events(type))
    made = SCENES[type](stage).to_dict() if about is None else about
    events = stage.sandbox.store.events(type)
    if about is None and len(events) > sent:
        return events[-1]
    # The sandbox has no event of this type, or not about this object. One that it has lends all else.
    if about is not None:
        _product(stage)
    return {**stage.sandbox.store.events()[-1], "type": type, "data": {"object": made}}


def _scene(*types: str) -> Callable[[Scene], Scene]:
    def register(scene: Scene) -> Scene:
        SCENES.update(dict.fromkeys(types, scene))
        return scene

    return register


# ---- payments


@_scene("payment_intent.created")
def _created(stage: Stage) -> Object:
    return stage.client.payment_intents.create(amount=PRICE, currency="USD", merchant_order_id="order-1001")


@_scene("payment_intent.requires_action")
def _challenged(stage: Stage) -> Object:
    return stage.pay(CHALLENGED)


@_scene("payment_intent.processing")
def _processing(stage: Stage) -> Object:
    return stage.pay(SLOW)


@_scene("payment_intent.succeeded")
def _succeeded(stage: Stage) -> Object:
    return stage.pay()


@_scene("payment_intent.payment_failed")
def _declined(stage: Stage) -> Object:
    payment = stage.client.payment_intents.create(amount=PRICE, currency="USD", merchant_order_id="order-1001")
    try:
        return stage.client.payment_intents.confirm(payment.id, payment_method_data=card(POOR))
    except CardError:
        return stage.client.payment_intents.retrieve(payment.id)


@_scene("payment_intent.canceled")
def _canceled(stage: Stage) -> Object:
    payment = stage.client.payment_intents.create(amount=PRICE, currency="USD", merchant_order_id="order-1001")
    return stage.client.payment_intents.cancel(payment.id, cancellation_reason="requested_by_customer")


@_scene("payment_intent.amount_capturable_updated")
def _authorized(stage: Stage) -> Object:
    return stage.pay(manual=True)


@_scene("charge.captured")
def _captured(stage: Stage) -> Object:
    payment = stage.client.payment_intents.capture(stage.pay(manual=True).id)
    return stage.client.charges.retrieve(payment.latest_charge_id or "")


@_scene("payment_intent.partially_funded")
def _partially_funded(stage: Stage) -> Object:
    """The sandbox's customers transfer all or nothing: half of it is on the way to a payment that waits."""
    payment = stage.client.payment_intents.create(
        amount=PRICE,
        currency="EUR",
        confirm=True,
        merchant_order_id="order-1001",
        payment_method_data={"type": "bank_transfer_eu"},
    )
    return type(payment).from_dict({**payment.to_dict(), "amount_received": PRICE // 2})


# ---- money back


@_scene("charge.refund.updated", "refund.succeeded", "refund.updated")
def _refunded(stage: Stage) -> Object:
    return stage.refund()


@_scene("charge.refunded")
def _charge_refunded(stage: Stage) -> Object:
    return stage.client.charges.retrieve(stage.refund().charge_id or "")


@_scene("refund.created")
def _refund_created(stage: Stage) -> Object:
    return stage.refund(REFUNDED_LATER)


@_scene("refund.failed")
def _refund_failed(stage: Stage) -> Object:
    refund = stage.refund(REFUNDED_LATER)
    stage.sandbox.act("refunds.fail", refund=refund.id)
    return stage.client.refunds.retrieve(refund.id)


@_scene("charge.dispute.created", "charge.dispute.funds_withdrawn")
def _disputed(stage: Stage) -> Object:
    return stage.dispute()


@_scene("charge.dispute.updated")
def _answered(stage: Stage) -> Object:
    return stage.client.disputes.update(
        stage.dispute().id, evidence={"uncategorized_text": "The parcel was signed for."}
    )


@_scene("charge.dispute.closed")
def _lost(stage: Stage) -> Object:
    dispute = stage.dispute()
    stage.sandbox.act("disputes.lose", dispute=dispute.id)
    return stage.client.disputes.retrieve(dispute.id)


@_scene("charge.dispute.funds_reinstated")
def _won(stage: Stage) -> Object:
    dispute = stage.dispute()
    stage.sandbox.act("disputes.win", dispute=dispute.id)
    return stage.client.disputes.retrieve(dispute.id)


# ---- payouts


@_scene("payout.created")
def _payout(stage: Stage) -> Object:
    return stage.payout()


@_scene("payout.updated")
def _payout_updated(stage: Stage) -> Object:
    return stage.client.payouts.update(stage.payout().id, metadata={"order": "order-1001"})


@_scene("payout.paid")
def _payout_paid(stage: Stage) -> Object:
    payout = stage.payout()
    stage.sandbox.act("payouts.pay", payout=payout.id)
    return stage.client.payouts.retrieve(payout.id)


@_scene("payout.failed")
def _payout_failed(stage: Stage) -> Object:
    payout = stage.payout()
    stage.sandbox.act("payouts.fail", payout=payout.id)
    return stage.client.payouts.retrieve(payout.id)


@_scene("payout.canceled")
def _payout_canceled(stage: Stage) -> Object:
    payout = stage.payout()
    stage.sandbox.act("payouts.cancel", payout=payout.id)
    return stage.client.payouts.retrieve(payout.id)


# ---- saving a card


@_scene("setup_intent.created")
def _setup(stage: Stage) -> Object:
    return stage.client.setup_intents.create()


@_scene("setup_intent.requires_action")
def _setup_challenged(stage: Stage) -> Object:
    setup = stage.client.setup_intents.create()
    return stage.client.setup_intents.confirm(setup.id, return_url=SHOP, payment_method_data=card(CHALLENGED))


@_scene("setup_intent.succeeded")
def _setup_succeeded(stage: Stage) -> Object:
    setup = stage.client.setup_intents.create(customer=stage.customer())
    return stage.client.setup_intents.confirm(setup.id, return_url=SHOP, payment_method_data=card(GOOD))


@_scene("setup_intent.setup_failed")
def _setup_failed(stage: Stage) -> Object:
    setup = stage.client.setup_intents.create()
    try:
        return stage.client.setup_intents.confirm(setup.id, return_url=SHOP, payment_method_data=card(POOR))
    except CardError:
        return stage.client.setup_intents.retrieve(setup.id)


@_scene("setup_intent.canceled")
def _setup_canceled(stage: Stage) -> Object:
    return stage.client.setup_intents.cancel(stage.client.setup_intents.create().id)


# ---- selling


@_scene("product.created")
def _product(stage: Stage) -> Object:
    return stage.client.products.create(name="Teapot", description="Holds a litre")


@_scene("checkout.session.completed")
def _session_completed(stage: Stage) -> Object:
    session = stage.client.checkout.sessions.create(
        success_url=SHOP, line_items=[TEAPOT], client_reference_id="order-1001"
    )
    stage.sandbox.act("checkout.sessions.pay", session=session.id, card=GOOD, email="ada@example.com")
    return stage.client.checkout.sessions.retrieve(session.id)


@_scene("checkout.session.expired", "checkout.session.canceled")
def _session_expired(stage: Stage) -> Object:
    session = stage.client.checkout.sessions.create(
        success_url=SHOP, line_items=[TEAPOT], client_reference_id="order-1001"
    )
    return stage.client.checkout.sessions.expire(session.id)


@_scene("payment_link.paid")
def _link_paid(stage: Stage) -> Object:
    return stage.link(GOOD)


@_scene("payment_link.failed")
def _link_failed(stage: Stage) -> Object:
    return stage.link(POOR)


# ---- billing


@_scene("invoice.created")
def _invoice(stage: Stage) -> Object:
    return stage.invoice()


@_scene("invoice.deleted")
def _invoice_deleted(stage: Stage) -> Object:
    invoice = stage.invoice()
    stage.client.invoices.delete(invoice.id)
    return invoice


@_scene("invoice.finalized")
def _invoice_finalized(stage: Stage) -> Object:
    return stage.client.invoices.finalize(stage.invoice().id, auto_advance=False)


@_scene("invoice.sent")
def _invoice_sent(stage: Stage) -> Object:
    return stage.client.invoices.send(stage.invoice(sent=True).id)


@_scene("invoice.paid", "invoice.payment_succeeded")
def _invoice_paid(stage: Stage) -> Object:
    invoice = stage.client.invoices.finalize(stage.invoice().id, auto_advance=False)
    return stage.client.invoices.pay(invoice.id)


@_scene("invoice.payment_failed")
def _invoice_unpaid(stage: Stage) -> Object:
    invoice = stage.client.invoices.finalize(stage.invoice(SAVED_BUT_REFUSED).id, auto_advance=False)
    try:
        return stage.client.invoices.pay(invoice.id)
    except CardError:
        return stage.client.invoices.retrieve(invoice.id)


@_scene("invoice.voided")
def _invoice_voided(stage: Stage) -> Object:
    invoice = stage.client.invoices.finalize(stage.invoice().id, auto_advance=False)
    return stage.client.invoices.void(invoice.id)


@_scene("customer.subscription.created")
def _subscribed(stage: Stage) -> Object:
    return stage.subscription()


@_scene("customer.subscription.updated")
def _subscription_updated(stage: Stage) -> Object:
    return stage.client.subscriptions.update(stage.subscription().id, cancel_at_period_end=True)


@_scene("customer.subscription.deleted")
def _unsubscribed(stage: Stage) -> Object:
    return stage.client.subscriptions.cancel(stage.subscription().id)


@_scene("customer.subscription.trial_will_end")
def _trial_will_end(stage: Stage) -> Object:
    subscription = stage.subscription(trial_days=3)
    stage.sandbox.settle()
    return subscription


# ---- cards for the merchant's own people


@_scene("issuing_cardholder.created")
def _cardholder(stage: Stage) -> Object:
    return stage.cardholder()


@_scene("issuing_cardholder.updated")
def _cardholder_updated(stage: Stage) -> Object:
    return stage.client.issuing.cardholders.update(stage.cardholder().id, status="inactive")


@_scene("issuing_card.created")
def _issued(stage: Stage) -> Object:
    return stage.issued()


@_scene("issuing_card.updated")
def _card_updated(stage: Stage) -> Object:
    return stage.client.issuing.cards.update(stage.issued().id, status="inactive")


@_scene("issuing_authorization.created")
def _card_used(stage: Stage) -> Object:
    return stage.used()


@_scene("issuing_authorization.updated")
def _use_given_up(stage: Stage) -> Object:
    used = stage.used()
    stage.sandbox.act("issuing.reverse", authorization=used.id)
    return stage.client.issuing.authorizations.retrieve(used.id)


@_scene("issuing_transaction.created")
def _card_charged(stage: Stage) -> Object:
    transaction = stage.sandbox.act("issuing.capture", authorization=stage.used().id)
    return stage.client.issuing.transactions.retrieve(transaction["id"])
