"""The story, written once: what a shop does with WooshPay on a good day and on a bad one."""

from __future__ import annotations

from typing import Final

from wooshpay import CardError
from wooshpay.api.payment_intents import PaymentIntent
from wooshpay.api.shared import PaymentMethodDataParam
from wooshpay.cli.demo.shop import Shop
from wooshpay.cli.demo.timeline import Broken, Timeline, expect
from wooshpay.cli.demo.world import World
from wooshpay.core.json import JsonObject
from wooshpay.sandbox import Sandbox

PRICE: Final = 1999
REFUND: Final = 500
GOOD_CARD: Final = "4111111111111111"
POOR_CARD: Final = "4000000000009995"


async def tell(world: World, sandbox: Sandbox, shop: Shop, timeline: Timeline) -> None:
    """Tell the whole story with one client.

    Raises:
        StepFailed: A step was not as it should be.
    """
    endpoint = await register(world, shop, timeline)
    payment_intent = await take_payment(world, sandbox, shop, timeline)
    await refund_part(world, timeline, payment_intent)
    await meet_decline(world, sandbox, timeline)
    await lose_answer(world, sandbox, timeline)
    await world.call(world.client.webhook_endpoints.delete, endpoint)


async def register(world: World, shop: Shop, timeline: Timeline) -> str:
    """Have events sent to the shop; give the endpoint's id."""
    with timeline.step("Register a webhook endpoint") as step:
        endpoint = await world.call(
            world.client.webhook_endpoints.create,
            url=f"{shop.url}/webhooks",
            enabled_events=["payment_intent.succeeded", "checkout.session.completed"],
        )
        expect(bool(endpoint.secret), "The endpoint came without the secret that its deliveries are signed with.")
        shop.secret = endpoint.secret or ""
        step.proved("The shop's receiver gets events, signed with a secret of its own.")
    return endpoint.id


async def take_payment(world: World, sandbox: Sandbox, shop: Shop, timeline: Timeline) -> str:
    """Sell something on the hosted page; give the id of the payment intent."""
    client = world.client
    with timeline.step("Create a checkout session") as step:
        session = await world.call(
            client.checkout.sessions.create,
            mode="payment",
            success_url=f"{shop.url}/thanks",
            cancel_url=f"{shop.url}/cart",
            client_reference_id="order-1001",
            line_items=[
                {
                    "price_data": {
                        "currency": "USD",
                        "unit_amount": PRICE,
                        "product_data": {"name": "Teapot"},
                    },
                    "quantity": 1,
                }
            ],
        )
        expect(session.status == "open", f"The session is {session.status!r}, not open.")
        expect(session.amount_total == PRICE, f"The session asks for {session.amount_total}, not {PRICE}.")
        page_url = session.url or ""
        expect(page_url.startswith(f"{sandbox.base_url}/"), f"The hosted page is elsewhere: {page_url!r}.")
        step.proved(f"{session.id} asks for {dollars(PRICE)}; the price was made on the way.")

    with timeline.step("Pay on the hosted page") as step:
        page = sandbox.act("checkout.sessions.pay", session=session.id, card=GOOD_CARD)
        expect(page["status"] == "paid", f"The payment is {page['status']!r}, not paid: {page['message']}")
        expect(page["url"] == f"{shop.url}/thanks", f"The browser is sent to {page['url']}, not to the success_url.")
        step.proved("The customer paid with a test card; the browser goes back to the shop.")

    with timeline.step("Receive the webhooks") as step:
        paid = await shop.event("payment_intent.succeeded", session.payment_intent_id)
        intent = paid.data.object
        expect(isinstance(intent, PaymentIntent), f"The event holds a {type(intent).__name__}, not a PaymentIntent.")
        await shop.event("checkout.session.completed", session.id)
        step.proved("Payment succeeded, session completed: both signatures verified.")

    with timeline.step("Look at the session again") as step:
        session = await world.call(client.checkout.sessions.retrieve, session.id)
        expect(session.status == "complete", f"The session is {session.status!r}, not complete.")
        expect(session.payment_status == "paid", f"The session is {session.payment_status!r}, not paid.")
        step.proved("It is complete and paid: WooshPay says what the webhook said.")
    return session.payment_intent_id or ""


async def refund_part(world: World, timeline: Timeline, payment_intent: str) -> None:
    """Give a part of the money back."""
    with timeline.step("Refund a part") as step:
        refund = await world.call(
            world.client.refunds.create,
            payment_intent=payment_intent,
            amount=REFUND,
            reason="requested_by_customer",
        )
        expect(refund.status == "succeeded", f"The refund is {refund.status!r}, not succeeded.")
        charge = await world.call(world.client.charges.retrieve, refund.charge_id or "")
        expect(
            (charge.amount_refunded, charge.refunded) == (REFUND, False),
            f"The charge says {charge.amount_refunded} refunded, not {REFUND} of {PRICE}.",
        )
        step.proved(f"{dollars(REFUND)} went back; the charge keeps {dollars(PRICE - REFUND)}.")


async def meet_decline(world: World, sandbox: Sandbox, timeline: Timeline) -> None:
    """Have a card declined."""
    order = f"declined-{world.name}"
    with timeline.step("Have a card declined") as step:
        try:
            await world.call(
                world.client.payment_intents.create,
                amount=PRICE,
                currency="USD",
                confirm=True,
                merchant_order_id=order,
                payment_method_data=card_data(POOR_CARD),
            )
        except CardError as error:
            declined = error
        else:
            raise Broken("The payment went through with a card that has no funds.")
        expect(declined.decline_code == "insufficient_funds", f"The reason is {declined.decline_code!r}.")
        expect(declined.outcome == "rejected", f"The error says that the outcome is {declined.outcome}.")
        expect(not paid_for(sandbox, order), "The card was declined, and yet money moved.")
        step.proved(f"CardError, {declined.decline_code}, outcome {declined.outcome}: no money moved.")


async def lose_answer(world: World, sandbox: Sandbox, timeline: Timeline) -> None:
    """Lose the answer to a payment that went through, and try again."""
    order = f"lost-{world.name}"
    with timeline.step("Lose an answer on the way") as step:
        fault = sandbox.faults.add("drop_after", operation="payment_intents.create")
        answer = await world.call_with_response(
            world.client.payment_intents.create,
            amount=PRICE,
            currency="USD",
            confirm=True,
            merchant_order_id=order,
            payment_method_data=card_data(GOOD_CARD),
        )
        expect(fault.hits == 1, f"The connection broke {fault.hits} times, not once.")
        expect(answer.attempts == 2, f"The call took {answer.attempts} attempts, not 2.")
        expect(answer.data.status == "succeeded", f"The payment is {answer.data.status!r}, not succeeded.")
        keys = {request.idempotency_key for request in sandbox.requests.of("payment_intents.create")[-2:]}
        expect(keys == {answer.idempotency_key}, "The two attempts did not carry the same idempotency key.")
        ids = [intent["id"] for intent in paid_for(sandbox, order)]
        expect(ids == [answer.data.id], f"The sandbox holds {len(ids)} payments for this order, not this one alone.")
        charges = [charge for charge in sandbox.store.all("charge") if charge["payment_intent"] in ids]
        expect(len(charges) == 1, f"The card was charged {len(charges)} times, not once.")
        step.proved("2 attempts, 1 idempotency key, 1 charge: the retry took nothing twice.")


def paid_for(sandbox: Sandbox, order: str) -> list[JsonObject]:
    """The payments that went through for an order, by what the sandbox itself holds."""
    intents = sandbox.store.all("payment_intent")
    return [
        intent for intent in intents if intent.get("merchant_order_id") == order and intent["status"] == "succeeded"
    ]


def card_data(number: str) -> PaymentMethodDataParam:
    """A card as the API takes it."""
    return {"type": "card", "card": {"number": number, "exp_month": "12", "exp_year": "2034", "cvc": "123"}}


def dollars(amount: int) -> str:
    """An amount in US cents, for people."""
    return f"{amount // 100}.{amount % 100:02d} USD"
