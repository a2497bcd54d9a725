"""Disputes: each row of their state table, and the money that leaves and comes back."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.money.kit import DISPUTED, WITHDRAWN, disputed, do, held, paid, say, seen, statuses_of, try_to, types_of
from sandbox.rig import Api, card, payment
from sandbox.test_shapes import check

from wooshpay.core.listing import ListObject
from wooshpay.sandbox import Sandbox

PATH = "/v1/disputes"
DAY = 86_400_000


# ---- the rows


@pytest.mark.parametrize(("number", "reason"), [(DISPUTED, "fraudulent"), ("4000000000002685", "product_not_received")])
async def test_row_new_an_hour_after_a_payment_with_a_card_of_the_table(
    api: Api, sandbox: Sandbox, number: str, reason: str
) -> None:
    intent = await paid(api, number)
    sandbox.clock.advance(minutes=59)
    assert sandbox.store.count("dispute") == 0
    sandbox.clock.advance(minutes=1)
    (dispute,) = sandbox.store.all("dispute")
    check(dispute)
    assert dispute["id"].startswith("dp_")
    assert (dispute["status"], dispute["reason"]) == ("needs_response", reason)
    assert (dispute["amount"], dispute["currency"]) == (2000, "USD")
    assert (dispute["payment_intent"], dispute["charge"]) == (intent["id"], intent["latest_charge"])
    assert len(dispute["balance_transactions"]) == 1
    assert await held(api) == 0
    assert types_of(sandbox, dispute["id"]) == WITHDRAWN
    assert (await api.find(f"/v1/charges/{dispute['charge']}"))["disputed"] is True


async def test_row_new_by_the_bank_for_a_part(api: Api, sandbox: Sandbox) -> None:
    dispute = await disputed(api, amount=500, reason="duplicate")
    assert (dispute["amount"], dispute["reason"], dispute["status"]) == (500, "duplicate", "needs_response")
    assert await held(api) == 1500
    rest = await do(api, "disputes.create", charge=dispute["charge"])
    assert (rest["amount"], rest["reason"]) == (1500, "general")
    assert types_of(sandbox, rest["id"]) == WITHDRAWN


async def test_row_new_inquiry_moves_no_money(api: Api, sandbox: Sandbox) -> None:
    inquiry = await disputed(api, inquiry=True)
    check(inquiry)
    assert (inquiry["status"], inquiry["is_charge_refundable"]) == ("warning_needs_response", True)
    assert inquiry["balance_transactions"] == []
    assert await held(api) == 2000
    assert types_of(sandbox, inquiry["id"]) == WITHDRAWN[:1]


async def test_row_needs_response_under_review_once_evidence_is_submitted(api: Api, sandbox: Sandbox) -> None:
    id = (await disputed(api))["id"]
    dispute = await say(api, id, "It was delivered.")
    assert (dispute["status"], dispute["evidence_details"]["submission_count"]) == ("under_review", 1)
    assert types_of(sandbox, id) == [*WITHDRAWN, "charge.dispute.updated"]
    sandbox.clock.advance(days=60)
    assert (await seen(api, id))["status"] == "under_review"


async def test_row_needs_response_lost_by_closing(api: Api, sandbox: Sandbox) -> None:
    id = (await disputed(api))["id"]
    closed = await api.make(f"{PATH}/{id}/close")
    check(closed)
    assert closed["status"] == "lost"
    assert not closed.keys() & {"balance_transactions", "is_charge_refundable", "reason"}
    assert await held(api) == 0
    assert types_of(sandbox, id) == [*WITHDRAWN, "charge.dispute.closed"]
    assert (await seen(api, id))["reason"] == "general"


@pytest.mark.parametrize("staged", [False, True])
async def test_row_needs_response_lost_when_nothing_is_submitted_in_time(
    api: Api, sandbox: Sandbox, staged: bool
) -> None:
    dispute = await disputed(api)
    id = dispute["id"]
    assert dispute["evidence_details"]["due_by"] == dispute["created"] + 14 * DAY
    if staged:
        await say(api, id, "winning_evidence", submit=False)
    sandbox.clock.advance(days=13, hours=23)
    assert (await seen(api, id))["status"] == "needs_response"
    sandbox.clock.advance(hours=1)
    lost = await seen(api, id)
    assert (lost["status"], lost["evidence_details"]["past_due"]) == ("lost", True)
    assert types_of(sandbox, id)[-1] == "charge.dispute.closed"
    assert await held(api) == 0


@pytest.mark.parametrize(
    ("text", "status", "balance", "last"),
    [
        ("see: winning_evidence!", "won", 2000, ["charge.dispute.closed", "charge.dispute.funds_reinstated"]),
        ("losing_evidence", "lost", 0, ["charge.dispute.closed"]),
    ],
)
async def test_row_under_review_decided_by_the_evidence_after_an_hour(
    api: Api, sandbox: Sandbox, text: str, status: str, balance: int, last: list[str]
) -> None:
    id = (await disputed(api))["id"]
    await say(api, id, text)
    sandbox.clock.advance(minutes=59)
    assert (await seen(api, id))["status"] == "under_review"
    sandbox.clock.advance(minutes=1)
    ended = await seen(api, id)
    assert ended["status"] == status
    assert await held(api) == balance
    assert types_of(sandbox, id) == [*WITHDRAWN, "charge.dispute.updated", *last]
    assert statuses_of(sandbox, id)[-1] == status
    assert len(ended["balance_transactions"]) == (2 if status == "won" else 1)
    assert (await api.find(f"/v1/charges/{ended['charge']}"))["disputed"] is True


@pytest.mark.parametrize("under_review", [False, True])
@pytest.mark.parametrize(("act", "status", "balance"), [("win", "won", 2000), ("lose", "lost", 0)])
async def test_row_open_decided_by_the_bank(
    api: Api, sandbox: Sandbox, under_review: bool, act: str, status: str, balance: int
) -> None:
    id = (await disputed(api))["id"]
    if under_review:
        await say(api, id, "x")
    assert (await do(api, f"disputes.{act}", dispute=id))["status"] == status
    assert await held(api) == balance
    sandbox.clock.advance(days=20)
    assert (await seen(api, id))["status"] == status
    assert types_of(sandbox, id).count("charge.dispute.closed") == 1


async def test_row_warning_needs_response_under_review_once_evidence_is_submitted(api: Api) -> None:
    id = (await disputed(api, inquiry=True))["id"]
    assert (await say(api, id, "x"))["status"] == "warning_under_review"


async def test_row_warning_needs_response_closed_by_closing_or_in_time(api: Api, sandbox: Sandbox) -> None:
    one, other = [(await disputed(api, inquiry=True))["id"] for _ in range(2)]
    assert (await api.make(f"{PATH}/{one}/close"))["status"] == "warning_closed"
    sandbox.clock.advance(days=14)
    assert (await seen(api, other))["status"] == "warning_closed"
    assert types_of(sandbox, other) == ["charge.dispute.created", "charge.dispute.closed"]
    assert await held(api) == 4000


@pytest.mark.parametrize(
    ("text", "status", "balance"),
    [("winning_evidence", "warning_closed", 2000), ("losing_evidence", "needs_response", 0)],
)
async def test_row_warning_under_review_decided_by_the_evidence(
    api: Api, sandbox: Sandbox, text: str, status: str, balance: int
) -> None:
    id = (await disputed(api, inquiry=True))["id"]
    await say(api, id, text)
    sandbox.clock.advance(hours=1)
    assert (await seen(api, id))["status"] == status
    assert await held(api) == balance


async def test_row_warnings_closed_once_all_is_refunded(api: Api, sandbox: Sandbox) -> None:
    inquiry = await disputed(api, inquiry=True)
    body = {"payment_intent": inquiry["payment_intent"], "amount": 1500}
    await api.make("/v1/refunds", body)
    assert (await seen(api, inquiry["id"]))["status"] == "warning_needs_response"
    await api.make("/v1/refunds", {**body, "amount": 500})
    ended = await seen(api, inquiry["id"])
    assert (ended["status"], ended["is_charge_refundable"]) == ("warning_closed", False)
    assert types_of(sandbox, inquiry["id"])[-1] == "charge.dispute.closed"


async def test_row_warnings_closed_when_the_bank_is_content(api: Api) -> None:
    id = (await disputed(api, inquiry=True))["id"]
    assert (await do(api, "disputes.win", dispute=id))["status"] == "warning_closed"
    assert await held(api) == 2000


async def test_row_warnings_become_a_dispute_with_a_date_of_its_own(api: Api, sandbox: Sandbox) -> None:
    inquiry = await disputed(api, inquiry=True)
    id = inquiry["id"]
    await api.make("/v1/refunds", {"payment_intent": inquiry["payment_intent"], "amount": 300})
    sandbox.clock.advance(days=10)
    dispute = await do(api, "disputes.lose", dispute=id)
    check(dispute)
    assert (dispute["status"], dispute["amount"]) == ("needs_response", 1700)
    assert dispute["evidence_details"]["due_by"] >= inquiry["evidence_details"]["due_by"] + 10 * DAY
    assert await held(api) == 0
    expected = ["charge.dispute.created", "charge.dispute.updated", "charge.dispute.funds_withdrawn"]
    assert types_of(sandbox, id) == expected
    sandbox.clock.advance(days=5)  # the inquiry's own date is over
    assert (await seen(api, id))["status"] == "needs_response"
    sandbox.clock.advance(days=9)
    assert (await seen(api, id))["status"] == "lost"


# ---- disputes and the payment


async def test_what_is_disputed_cannot_be_refunded_and_can_again_once_won(api: Api) -> None:
    dispute = await disputed(api, amount=1500)
    intent = {"payment_intent": dispute["payment_intent"]}
    reply = await api.post("/v1/refunds", {**intent, "amount": 501})
    assert (reply.status, reply.error["code"]) == (400, "amount_too_large")
    await api.make("/v1/refunds", {**intent, "amount": 500})
    reply = await api.post("/v1/refunds", intent)
    assert (reply.status, reply.error["code"]) == (400, "charge_disputed")
    await do(api, "disputes.win", dispute=dispute["id"])
    assert (await api.make("/v1/refunds", intent))["amount"] == 1500
    assert await held(api) == 0


async def test_no_dispute_follows_a_payment_that_was_refunded(api: Api, sandbox: Sandbox) -> None:
    whole, part = await paid(api, DISPUTED), await paid(api, DISPUTED)
    await api.make("/v1/refunds", {"payment_intent": whole["id"]})
    await api.make("/v1/refunds", {"payment_intent": part["id"], "amount": 500})
    sandbox.clock.advance(hours=1)
    assert [(each["payment_intent"], each["amount"]) for each in sandbox.store.all("dispute")] == [(part["id"], 1500)]


async def test_a_dispute_follows_the_capture_not_the_authorization(api: Api, sandbox: Sandbox) -> None:
    intent = await paid(api, DISPUTED, capture_method="manual")
    sandbox.clock.advance(hours=2)
    assert sandbox.store.count("dispute") == 0
    await api.make(f"/v1/payment_intents/{intent['id']}/capture", {"amount_to_capture": 700})
    sandbox.clock.advance(hours=1)
    assert sandbox.store.all("dispute")[0]["amount"] == 700


async def test_what_cannot_be_disputed(api: Api, sandbox: Sandbox) -> None:
    done = await paid(api)
    unpaid = await api.make("/v1/payment_intents", payment(payment_method_data=card()))
    authorized = await paid(api, capture_method="manual")
    for params, status, code, param in (
        ({}, 400, "parameter_missing", "payment_intent"),
        ({"payment_intent": "pi_1"}, 404, "resource_missing", "payment_intent"),
        ({"charge": "ch_1"}, 404, "resource_missing", "charge"),
        ({"payment_intent": unpaid["id"]}, 400, "charge_not_captured", "payment_intent"),
        ({"charge": authorized["latest_charge"]}, 400, "charge_not_captured", "charge"),
        ({"charge": done["latest_charge"], "amount": 2001}, 400, "amount_too_large", "amount"),
        ({"charge": done["latest_charge"], "amount": 0}, 400, "parameter_invalid_integer", "amount"),
        ({"charge": done["latest_charge"], "reason": "mood"}, 400, "parameter_invalid", "reason"),
        ({"charge": done["latest_charge"], "inquiry": "x"}, 400, "parameter_invalid", "inquiry"),
    ):
        reply = await try_to(api, "disputes.create", **params)
        assert (reply.status, reply.error["code"], reply.error["param"]) == (status, code, param)
    await do(api, "disputes.create", charge=done["latest_charge"])
    again = await try_to(api, "disputes.create", charge=done["latest_charge"])
    assert again.error["code"] == "charge_already_disputed"
    refunded = await paid(api)
    await api.make("/v1/refunds", {"payment_intent": refunded["id"]})
    again = await try_to(api, "disputes.create", payment_intent=refunded["id"])
    assert again.error["code"] == "charge_already_refunded"
    assert sandbox.store.count("dispute") == 1


async def test_listed_by_charge_intent_and_time(api: Api, sandbox: Sandbox) -> None:
    sandbox.clock.freeze()
    one = await disputed(api)
    sandbox.clock.advance(seconds=5)
    other = await disputed(api)

    async def listed(**filters: Any) -> list[str]:
        reply = await api.get(f"{PATH}/list", filters)
        check(reply.body, ListObject[Any])
        assert reply.body["url"] == PATH
        return [entry["id"] for entry in reply.body["data"]]

    assert await listed() == [other["id"], one["id"]]
    assert await listed(charge=one["charge"]) == [one["id"]]
    assert await listed(payment_intent=other["payment_intent"]) == [other["id"]]
    assert await listed(created={"gt": one["created"]}) == [other["id"]]
    assert await listed(limit=1, starting_after=other["id"]) == [one["id"]]
    for reply in (
        await api.get(f"{PATH}/dp_1"),
        await api.post(f"{PATH}/dp_1", {}),
        await api.post(f"{PATH}/dp_1/close"),
    ):
        assert (reply.status, reply.error["code"]) == (404, "resource_missing")


async def test_the_time_of_creation_has_milliseconds(api: Api, sandbox: Sandbox) -> None:
    sandbox.clock.freeze()
    sandbox.clock.advance(milliseconds=1123 - sandbox.clock.now % 1000)
    assert (await disputed(api))["created"] == sandbox.clock.now
    assert sandbox.clock.now % 1000 == 123
