"""The sandbox and the SDK together: a payment from end to end, awaited and in plain calls, and a lost answer."""

from __future__ import annotations

import pytest
from sandbox.rig import DECLINED, Api, Shop

from wooshpay import AsyncWooshPay, CardError, IdempotencyError, RequestOptions, WooshPay, webhooks
from wooshpay.api.shared import LineItemParam
from wooshpay.sandbox import Sandbox

TEA: LineItemParam = {
    "price_data": {"currency": "USD", "unit_amount": 1999, "product_data": {"name": "Tea"}},
    "quantity": 1,
}


async def test_awaited(sandbox: Sandbox, api: Api, shop: Shop) -> None:
    async with AsyncWooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        endpoint = await client.webhook_endpoints.create(url=shop.hook(), enabled_events=["*"])
        session = await client.checkout.sessions.create(success_url="https://shop.example", line_items=[TEA])
        assert session.url is not None
        assert sandbox.act("checkout.sessions.pay", session=session.id)["status"] == "paid"
        session = await client.checkout.sessions.retrieve(session.id)
        assert (session.status, session.payment_status) == ("complete", "paid")
        refund = await client.refunds.create(payment_intent=session.payment_intent_id or "", amount=500)
        assert (refund.amount, refund.status) == (500, "succeeded")
        balance = await client.balance.retrieve()
        assert [(funds.amount, funds.currency) for funds in balance.available] == [(1499, "usd")]
        await sandbox.settle()
        hook = shop.hooks[-1]
        event = webhooks.construct(hook.body, {"Wooshpay-Signature": hook.signature}, endpoint.secret or "")
        assert event.type == "charge.refund.updated"
        assert (await client.events.retrieve(event.id)).id == event.id


def test_in_plain_calls() -> None:
    with Sandbox() as sandbox, WooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        session = client.checkout.sessions.create(success_url="https://shop.example", line_items=[TEA])
        assert session.url is not None
        assert sandbox.act("checkout.sessions.pay", session=session.id, card="pm_card_declined")["status"] == "declined"
        assert sandbox.act("checkout.sessions.pay", session=session.id)["url"] == "https://shop.example"
        assert client.checkout.sessions.retrieve(session.id).payment_status == "paid"


async def test_a_lost_answer_is_made_up_for_without_a_second_charge(sandbox: Sandbox) -> None:
    async with AsyncWooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        sandbox.faults.add("drop_after", operation="payment_intents.create")
        answer = await client.payment_intents.create.with_response(
            amount=2000,
            currency="USD",
            confirm=True,
            payment_method_data={
                "type": "card",
                "card": {"number": "4111111111111111", "exp_month": "12", "exp_year": "2090", "cvc": "123"},
            },
        )
    assert (answer.data.status, answer.attempts) == ("succeeded", 2)
    assert {request.idempotency_key for request in sandbox.requests} == {answer.idempotency_key}
    assert sandbox.store.count("charge") == 1


async def test_errors_are_typed(sandbox: Sandbox) -> None:
    async with AsyncWooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        with pytest.raises(CardError) as declined:
            await client.payment_intents.create(
                amount=2000,
                currency="USD",
                confirm=True,
                payment_method_data={
                    "type": "card",
                    "card": {"number": DECLINED, "exp_month": "12", "exp_year": "2090", "cvc": "123"},
                },
            )
        assert (declined.value.code, declined.value.decline_code) == ("card_declined", "generic_decline")
        options = RequestOptions(idempotency_key="k")
        await client.payment_intents.create(amount=1, currency="USD", options=options)
        with pytest.raises(IdempotencyError):
            await client.payment_intents.create(amount=2, currency="USD", options=options)


async def test_pages_are_followed_to_the_end(sandbox: Sandbox) -> None:
    async with AsyncWooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        made = [(await client.payment_intents.create(amount=n, currency="USD")).id for n in range(1, 8)]
        assert [intent.id async for intent in client.payment_intents.list(limit=3)] == made[::-1]
        found = client.payment_intents.search(query="currency:'usd'", limit=3)
        assert [intent.id async for intent in found] == made[::-1]
