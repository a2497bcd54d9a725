"""Waiting on both clients against the sandbox, whose clock each gap moves on."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from support.children import HANGS
from support.pace import wait_for

from wooshpay import AsyncWooshPay, CardError, Effects, WooshPay
from wooshpay.sandbox import Sandbox, SyncSandbox
from wooshpay.testing.stage import CHALLENGED, POOR, REFUNDED_LATER, TEAPOT, Stage, card

REFUND_FAILS = "4000000000005126"


class Moving:
    """A gap lets as much time pass in the sandbox as is asked for, and none here."""

    def __init__(self, sandbox: SyncSandbox, *, seconds: float) -> None:
        self.gaps = 0
        self._sandbox = sandbox
        self._seconds = seconds

    async def sleep(self, seconds: float) -> None:
        self.gaps += 1
        await asyncio.to_thread(self._sandbox.clock.advance, seconds=self._seconds)


@pytest.fixture
def sandbox() -> Iterator[SyncSandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def stage(sandbox: SyncSandbox) -> Iterator[Stage]:
    effects = Effects(sleep=Moving(sandbox, seconds=30).sleep)
    with WooshPay(sandbox.api_key, base_url=sandbox.base_url, effects=effects) as client:
        yield Stage(sandbox, client)


def test_a_refund_that_takes_a_minute(stage: Stage) -> None:
    refund = stage.refund(REFUNDED_LATER)
    assert refund.status == "pending"
    result = stage.client.refunds.wait(refund.id)
    assert (result.outcome, result.object.status, result.timed_out) == ("succeeded", "succeeded", False)
    assert result.polls > 1


def test_a_refund_that_fails(stage: Stage) -> None:
    result = stage.client.refunds.wait(stage.refund(REFUND_FAILS).id)
    assert (result.outcome, result.object.failure_reason) == ("failed", "expired_or_canceled_card")


def test_a_payout_that_takes_days(sandbox: SyncSandbox) -> None:
    effects = Effects(sleep=Moving(sandbox, seconds=24 * 3600).sleep)
    with WooshPay(sandbox.api_key, base_url=sandbox.base_url, effects=effects) as client:
        payout = Stage(sandbox, client).payout()
        result = client.payouts.wait(payout.id)
    assert (result.object.id, result.outcome) == (payout.id, "paid")


def test_a_payment_that_is_only_authorized(stage: Stage) -> None:
    assert stage.client.payment_intents.wait(stage.pay(manual=True).id).outcome == "requires_capture"


def test_a_payment_that_was_refused(stage: Stage) -> None:
    intent = stage.client.payment_intents.create(amount=1999, currency="USD")
    with pytest.raises(CardError):
        stage.client.payment_intents.confirm(intent.id, payment_method_data=card(POOR))
    result = stage.client.payment_intents.wait(intent.id)
    assert result.outcome == "failed"
    assert result.object.last_payment_error is not None


def test_a_payment_whose_customer_never_comes_back(sandbox: SyncSandbox) -> None:
    """The deadline is an outcome, and the payment can still be looked at."""
    with WooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        intent = Stage(sandbox, client).pay(CHALLENGED)
        result = client.payment_intents.wait(intent.id, timeout=0.3, first_gap=0.05, longest_gap=0.1)
    assert (result.outcome, result.timed_out, result.object.status) == ("timed_out", True, "requires_action")
    assert result.waited >= 0.3
    assert result.polls > 2


def test_a_saved_method(stage: Stage) -> None:
    setup = stage.client.setup_intents.create(confirm=True, payment_method_data=card("4111111111111111"))
    assert stage.client.setup_intents.wait(setup.id).outcome == "succeeded"


def test_a_checkout_that_a_customer_pays_while_the_shop_waits(sandbox: SyncSandbox) -> None:
    with WooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        session = client.checkout.sessions.create(success_url="https://shop.example", line_items=[TEAPOT])

        async def customer(seconds: float) -> None:
            await asyncio.to_thread(sandbox.act, "checkout.sessions.pay", session=session.id)

        shop = WooshPay(sandbox.api_key, base_url=sandbox.base_url, effects=Effects(sleep=customer))
        with shop:
            result = shop.checkout.sessions.wait(session.id)
    assert (result.outcome, result.polls) == ("paid", 2)


async def test_a_checkout_that_nobody_pays(sandbox: SyncSandbox) -> None:
    moving = Moving(sandbox, seconds=13 * 3600)
    effects = Effects(sleep=moving.sleep)
    async with AsyncWooshPay(sandbox.api_key, base_url=sandbox.base_url, effects=effects) as client:
        session = await client.checkout.sessions.create(success_url="https://shop.example", line_items=[TEAPOT])
        result = await client.checkout.sessions.wait(session.id)
    assert (result.outcome, moving.gaps) == ("expired", 2)


async def test_many_wait_at_once_and_faults_end_none(sandbox: SyncSandbox) -> None:
    moving = Moving(sandbox, seconds=20)
    effects = Effects(sleep=moving.sleep)
    async with AsyncWooshPay(sandbox.api_key, base_url=sandbox.base_url, effects=effects, max_retries=0) as client:
        payments = [
            await client.payment_intents.create(
                amount=1999, currency="USD", confirm=True, payment_method_data=card(REFUNDED_LATER)
            )
            for _ in range(5)
        ]
        refunds = [await client.refunds.create(payment_intent=payment.id) for payment in payments]
        sandbox.faults.add("drop_before", operation="refunds.retrieve", times=3)
        sandbox.faults.add("server_error", operation="refunds.retrieve", times=3)
        sandbox.faults.add("invalid_json", operation="refunds.retrieve", times=3)
        results = await asyncio.gather(*(client.refunds.wait(refund.id) for refund in refunds))
    assert [result.outcome for result in results] == ["succeeded"] * 5


PROGRAM = """
import sys, time
from wooshpay import WooshPay
client = WooshPay(sys.argv[1], base_url=sys.argv[2])
intent = client.payment_intents.create(amount=1999, currency="USD")
print("waiting", flush=True)
try:
    client.payment_intents.wait(intent.id, first_gap=60, longest_gap=60)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def test_ctrl_c_ends_the_waiting_of_a_plain_call_in_the_middle_of_a_gap(sandbox: SyncSandbox) -> None:
    child = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PROGRAM, sandbox.api_key, sandbox.base_url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "waiting\n"
    wait_for(lambda: sandbox.requests.of("payment_intents.retrieve") or child.poll() is not None, HANGS)
    child.send_signal(signal.SIGINT)
    output, errors = child.communicate(timeout=20)
    assert (output, errors, child.returncode) == ("interrupted\n", "", 0)
    assert len(sandbox.requests.of("payment_intents.retrieve")) == 1
