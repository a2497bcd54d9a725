"""Each row of the payouts guide's table of limits."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.money.kit import funded, held, payout
from sandbox.rig import Api

from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.rules.payout_limits import LIMITS, check_amount

# Currency, least and most in minor units.
ROWS = [
    ("USD", 1, None),
    ("CAD", 1, 200_000_000),
    ("JPY", 100, None),
    ("HKD", 1, None),
    ("SGD", 1, None),
    ("KRW", 1, None),
    ("MYR", 100, None),
    ("THB", 1000, 50_000_000),
    ("PHP", 1000, None),
    ("VND", 10_000, 300_000_000),
    ("IDR", 1_000_000, 100_000_000_000),
    ("INR", 10_000, 1_000_000),
    ("ILS", 1, 37_037_037),  # 100000 USD at 0.27
    ("PKR", 1, 100_000_000),
    ("TRY", 1, 25_000_000),
    ("AED", 1, None),
    ("EUR", 1, None),
    ("GBP", 1, None),
    ("DKK", 1, None),
    ("NOK", 1, 2_500_000_000),
    ("PLN", 1, 15_000_000),
    ("SEK", 1, None),
    ("AUD", 1, None),
    ("NZD", 1, None),
    ("CNY", 30_000, None),
    ("ZAR", 2000, 20_000_000),
    ("RWF", 980, 2_000_000),
]


def test_the_table_has_every_row() -> None:
    assert [limit.currency for limit in LIMITS] == [row[0] for row in ROWS]


@pytest.mark.parametrize(("currency", "least", "most"), ROWS)
def test_a_row_holds_to_the_minor_unit(currency: str, least: int, most: int | None) -> None:
    check_amount(least, currency, param="payment_amount")
    if least > 1:
        with pytest.raises(SandboxError, match="at least") as small:
            check_amount(least - 1, currency, param="payment_amount")
        assert (small.value.code, small.value.param) == ("amount_too_small", "payment_amount")
    if most is None:
        check_amount(10**14, currency, param="payment_amount")
        return
    check_amount(most, currency, param="payment_amount")
    with pytest.raises(SandboxError, match="at most") as large:
        # Where the bound is in another currency, rounding may leave some minor units between them.
        check_amount(most + (0 if currency != "ILS" else 2) + 1, currency, param="payment_amount")
    assert (large.value.code, large.value.param) == ("amount_too_large", "payment_amount")


def test_a_currency_that_the_guide_does_not_list_has_no_limits() -> None:
    check_amount(1, "UGX", param="x")
    check_amount(10**14, "UGX", param="x")


@pytest.mark.parametrize(
    ("fields", "code", "sentence", "param"),
    [
        (
            {"payment_currency": "THB", "payment_amount": 999},
            "amount_too_small",
            "A payout to Thailand must be at least 10.00 THB, not 9.99 THB.",
            "payment_amount",
        ),
        (
            {"payment_currency": "ILS", "payment_amount": 40_000_000},
            "amount_too_large",
            "A payout to Israel must be at most 100,000.00 USD, not 400,000.00 ILS.",
            "payment_amount",
        ),
        (
            {"payment_currency": "CNY", "payment_amount": None, "source_amount": 1000},
            "amount_too_small",
            "A payout to mainland China must be at least 300.00 CNY, not 71.43 CNY.",
            "source_amount",
        ),
        (
            {"payment_currency": "VND", "payment_amount": 300_000_001},
            "amount_too_large",
            "A payout to Vietnam must be at most 300,000,000 VND, not 300,000,001 VND.",
            "payment_amount",
        ),
    ],
)
async def test_a_payout_beyond_its_limit_is_refused_in_words_and_leaves_no_trace(
    api: Api, fields: dict[str, Any], code: str, sentence: str, param: str
) -> None:
    await funded(api, 10**12)
    reply = await api.post("/v1/payouts", payout(**fields))
    assert (reply.status, reply.error["code"], reply.error["param"]) == (400, code, param)
    assert reply.error["message"] == sentence
    assert await held(api) == 10**12
    assert (await api.find("/v1/beneficiaries"))["data"] == []
