"""The card number decides the outcome."""

from __future__ import annotations

import re

import pytest
from sandbox.rig import Api, card, payment

from wooshpay.sandbox import CARDS, Sandbox, TestCard
from wooshpay.sandbox.rules.cards import brand_of, card_for_method, passes_luhn

REFUSED = [
    ("4000000000000002", "card_declined", "generic_decline"),
    ("4000000000009995", "card_declined", "insufficient_funds"),
    ("4000000000009987", "card_declined", "lost_card"),
    ("4000000000009979", "card_declined", "stolen_card"),
    ("4000000000000101", "card_declined", "do_not_honor"),
    ("4100000000000019", "card_declined", "fraudulent"),
    ("4000000000006975", "card_declined", "card_velocity_exceeded"),
    ("4000000000000069", "expired_card", "expired_card"),
    ("4000000000000127", "incorrect_cvc", "incorrect_cvc"),
    ("4000000000000119", "processing_error", "processing_error"),
    ("4111111111111112", "incorrect_number", "incorrect_number"),
    ("4111", "incorrect_number", "incorrect_number"),
    ("not a number", "incorrect_number", "incorrect_number"),
]


@pytest.mark.parametrize(("number", "code", "decline_code"), REFUSED)
async def test_refused(api: Api, number: str, code: str, decline_code: str) -> None:
    reply = await api.post("/v1/payment_intents", payment(number))
    assert (reply.status, reply.error["type"]) == (402, "card_error")
    assert (reply.error["code"], reply.error["decline_code"]) == (code, decline_code)
    assert reply.error["message"].endswith(".")


@pytest.mark.parametrize(
    "number", ["4111111111111111", "4111 1111 1111 1111", "4242-4242-4242-4242", "378282246310005"]
)
async def test_accepted(api: Api, number: str) -> None:
    assert (await api.make("/v1/payment_intents", payment(number)))["status"] == "succeeded"


@pytest.mark.parametrize("number", ["4761344136141390", "4000002500003155", "4000002760003184", "4000008400001629"])
async def test_challenged(api: Api, number: str) -> None:
    assert (await api.make("/v1/payment_intents", payment(number)))["status"] == "requires_action"


async def test_a_card_expires_on_the_clock_of_the_sandbox(api: Api, sandbox: Sandbox) -> None:
    year = 1970 + sandbox.clock.now // 31_556_952_000
    body = payment(confirm=True, payment_method_data=card(exp_month="12", exp_year=str(year + 1)))
    assert (await api.post("/v1/payment_intents", body)).status == 200
    sandbox.clock.advance(days=800)
    assert (await api.post("/v1/payment_intents", body)).error["code"] == "expired_card"


async def test_a_year_of_two_digits_is_of_this_century(api: Api) -> None:
    body = payment(confirm=True, payment_method_data=card(exp_year="90"))
    assert (await api.post("/v1/payment_intents", body)).status == 200


async def test_a_charge_shows_the_card_but_never_its_number(api: Api, sandbox: Sandbox) -> None:
    intent = await api.make("/v1/payment_intents", payment("5555555555554444"))
    details = (await api.find(f"/v1/charges/{intent['latest_charge']}"))["payment_method_details"]
    assert (details["card"]["brand"], details["card"]["last4"]) == ("mastercard", "4444")
    kept = [sandbox.store.all(kind) for kind in sandbox.store.kinds()]
    assert "5555555555554444" not in str(kept)


async def test_one_card_has_one_fingerprint(api: Api, sandbox: Sandbox) -> None:
    for number in ("4111111111111111", "4111 1111 1111 1111", "5555555555554444"):
        await api.make("/v1/payment_intents", payment(number))
    first, same, other = [method["card"]["fingerprint"] for method in sandbox.store.all("payment_method")]
    assert first == same != other


@pytest.mark.parametrize("entry", CARDS, ids=lambda entry: entry.number)
def test_every_card_of_the_table_could_be_one(entry: TestCard) -> None:
    assert passes_luhn(entry.number)
    assert entry.does


@pytest.mark.parametrize(
    ("number", "brand"),
    [("4111111111111111", "visa"), ("2223003122003222", "mastercard"), ("378282246310005", "amex"),
     ("3530111333300000", "jcb"), ("6011111111111117", "discover"), ("6200000000000005", "unionpay"),
     ("30569309025904", "diners"), ("9999999999999995", "unknown")],
)  # fmt: skip
def test_brands(number: str, brand: str) -> None:
    assert brand_of(number) == brand


def test_each_card_of_the_table_has_a_ready_made_payment_method_of_its_own() -> None:
    """Two cards with one ID would make one of them unreachable for programs that use ready-made payment methods."""
    names = [entry.payment_method for entry in CARDS]
    assert len(set(names)) == len(CARDS)
    assert all(re.fullmatch(r"pm_card_[a-z0-9_]+", name) for name in names)
    assert [card_for_method(name) for name in names] == list(CARDS)


def test_the_three_best_known_ready_made_payment_methods_keep_their_cards() -> None:
    known = {
        "pm_card_visa": "4111111111111111",
        "pm_card_declined": "4000000000000002",
        "pm_card_3ds": "4761344136141390",
    }
    found = {name: card_for_method(name) for name in known}
    assert {name: card.number for name, card in found.items() if card} == known


@pytest.mark.parametrize("other", ["", "pm_", "pm_card_", "pm_card_visa ", "PM_CARD_VISA", "pm_card_unknown"])
def test_any_other_id_is_not_ready_made(other: str) -> None:
    assert card_for_method(other) is None
