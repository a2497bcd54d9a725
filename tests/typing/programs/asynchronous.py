"""What a type checker knows about the asynchronous client. Checked, never run."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, assert_type

from wooshpay import (
    UNSET,
    ApiResponse,
    AsyncPager,
    AsyncWooshPay,
    CardError,
    ListObject,
    Next,
    Request,
    RequestOptions,
    Response,
    RetryEvent,
    RetryPolicy,
    WaitResult,
    WooshPayError,
    bulk,
    money,
)
from wooshpay.api.charges import Charge
from wooshpay.api.checkout.sessions import CheckoutSession, SessionOutcome
from wooshpay.api.customers import Customer
from wooshpay.api.payment_intents import NextAction, PaymentIntent, PaymentOutcome
from wooshpay.api.payouts import Payout, PayoutOutcome
from wooshpay.api.refunds import Refund, RefundOutcome
from wooshpay.api.setup_intents import SetupIntent, SetupOutcome
from wooshpay.api.shared import LineItem, LineItemParam
from wooshpay.errors import Outcome


async def timing(request: Request, call_next: Next) -> Response:
    assert_type(request.idempotency_key, str | None)
    response = await call_next(request)
    assert_type(response.body, bytes)
    return response


def told(event: RetryEvent) -> None:
    assert_type(event.wait, float)


def made() -> AsyncWooshPay:
    return AsyncWooshPay(
        "sk_test_x",
        base_url="http://localhost:8000",
        timeout=10,
        max_retries=3,
        retry_policy=RetryPolicy(base=0.1),
        on_retry=told,
        headers={"X-A": "1"},
        call_middlewares=[timing],
        attempt_middlewares=(timing,),
    )


async def calls() -> None:
    async with AsyncWooshPay() as client:
        assert_type(client, AsyncWooshPay)
        refund = await client.refunds.create(payment_intent="pi_1", amount=5, reason="duplicate", metadata={"a": "b"})
        assert_type(refund, Refund)
        assert_type(refund.amount, int)
        assert_type(refund.created_at, datetime | None)
        assert_type(refund.payment_intent, str | PaymentIntent | None)
        assert_type(refund.payment_intent_id, str | None)
        assert_type(await client.refunds.create(payment_intent="pi_1", metadata=None, amount=UNSET), Refund)
        options = RequestOptions(idempotency_key="order-1", timeout=5)
        assert_type(await client.refunds.retrieve("re_1", options=options), Refund)
        assert_type(await client.with_options(timeout=3).refunds.retrieve("re_1"), Refund)

        done = await client.refunds.wait("re_1", timeout=60, first_gap=0.5, longest_gap=5, options=options)
        assert_type(done, WaitResult[Refund, RefundOutcome])
        assert_type(done.object, Refund)
        assert_type(done.outcome, Literal["succeeded", "failed", "canceled", "timed_out"])
        assert_type(await client.payment_intents.wait("pi_1"), WaitResult[PaymentIntent, PaymentOutcome])
        assert_type(await client.setup_intents.wait("seti_1"), WaitResult[SetupIntent, SetupOutcome])
        assert_type(await client.payouts.wait("po_1"), WaitResult[Payout, PayoutOutcome])
        assert_type(await client.checkout.sessions.wait("cs_1"), WaitResult[CheckoutSession, SessionOutcome])

        intent = await client.payment_intents.create(
            amount=1999,
            currency="USD",
            confirm=True,
            payment_method_data={
                "type": "card",
                "card": {"number": "4242424242424242", "exp_month": "12", "exp_year": "2030", "cvc": "123"},
                "billing_details": {"address": {"country": "DE"}},
            },
        )
        assert_type(intent, PaymentIntent)
        assert_type(intent.action_url, str | None)
        assert_type(intent.next_action, NextAction | None)
        assert_type(intent.customer, str | Customer | None)
        assert_type(intent.latest_charge, str | Charge | None)

        items: list[LineItemParam] = [
            {"quantity": 1, "price_data": {"currency": "USD", "unit_amount": 5, "product_data": {"name": "Tea"}}}
        ]
        session = await client.checkout.sessions.create(success_url="https://shop.example", line_items=items)
        assert_type(session, CheckoutSession)
        assert_type(session.line_items, ListObject[LineItem] | None)


async def raw() -> None:
    client = made()
    got = await client.refunds.create.with_response(payment_intent="pi_1")
    assert_type(got, ApiResponse[Refund])
    assert_type(got.data, Refund)
    assert_type(got.idempotency_key, str | None)
    listed = await client.payment_intents.list.with_response(limit=3)
    assert_type(listed, ApiResponse[ListObject[PaymentIntent]])


async def lists() -> None:
    client = made()
    pager = client.payment_intents.list(limit=3, created={"gte": 1})
    assert_type(pager, AsyncPager[PaymentIntent])
    assert_type(await pager, ListObject[PaymentIntent])
    assert_type((await pager).data, list[PaymentIntent])
    async for intent in pager:
        assert_type(intent, PaymentIntent)
    async for page in pager.pages():
        assert_type(page, ListObject[PaymentIntent])
        for intent in page:
            assert_type(intent, PaymentIntent)
    assert_type(await pager.to_list(5), list[PaymentIntent])


async def anything() -> None:
    client = made()
    assert_type(await client.request("POST", "/v1/things", query={"a": 1}, body={"b": [1]}), Any)
    assert_type(await client.request.with_response("GET", "/v1/things"), ApiResponse[Any])


async def failing() -> None:
    client = made()
    try:
        await client.refunds.retrieve("re_1")
    except CardError as error:
        assert_type(error.decline_code, str | None)
        assert_type(error.status, int)
    except WooshPayError as error:
        assert_type(error.outcome, Outcome)


def counted(report: bulk.Report) -> None:
    assert_type(report.succeeded, int)


async def refunding(client: AsyncWooshPay, rows: Iterable[bulk.Row]) -> None:
    journal = bulk.SqliteJournal("refunds.db")
    report = await bulk.run(client, "refunds.create", rows, name="recall", journal=journal, on_progress=counted)
    assert_type(report, bulk.Report)
    results: list[bulk.RowResult] = []
    await bulk.run(client, "refunds.create", rows, name="recall", journal="refunds.db", on_result=results.append)
    assert_type(results[0].state, Literal["succeeded", "replayed", "rejected", "not_sent", "unknown", "refused"])


def counting() -> None:
    assert_type(money.to_minor("19.99", "USD"), int)
    assert_type(money.from_minor(1999, "USD"), Decimal)
    assert_type(money.split(1000, [1, Decimal("0.5")]), list[int])
    assert_type(money.format(1999, "USD", locale="de_DE"), str)
