"""FX quotes: the rates that payouts are made with."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.money.kit import funded, payout
from sandbox.rig import Api
from sandbox.test_shapes import check


def asked(**fields: Any) -> dict[str, Any]:
    whole = {"from_currencies": ["EUR", "JPY"], "to_currency": "USD", "usage": {"type": "payin"}, **fields}
    return {name: value for name, value in whole.items() if value is not None}


async def test_rates_by_currency_without_a_lock(api: Api) -> None:
    quote = await api.make("/v1/fx_quotes", asked())
    check(quote)
    assert quote["id"].startswith("fxq_")
    assert {code: rate["exchange_rate"] for code, rate in quote["rates"].items()} == {"EUR": 1.08, "JPY": 0.0067}
    assert quote["rates"]["EUR"]["rate_details"] == {
        "base_rate": 1.08,
        "duration_premium": 0.0,
        "fx_fee_rate": 0.0,
    }
    assert (quote["lock_duration"], quote["lock_status"]) == ("none", "none")
    assert "lock_expires_at" not in quote
    assert "livemode" not in quote


async def test_codes_and_usage_come_back_as_they_were_sent(api: Api) -> None:
    quote = await api.make("/v1/fx_quotes", asked(from_currencies=["eur"], to_currency="gbp", usage={"type": "payout"}))
    assert (list(quote["rates"]), quote["to_currency"], quote["usage"]) == (["eur"], "gbp", {"type": "payout"})


async def test_a_payout_is_made_at_the_quoted_rate(api: Api) -> None:
    await funded(api, 10**9, "EUR")
    quote = await api.make("/v1/fx_quotes", asked(from_currencies=["EUR"], to_currency="JPY"))
    made = await api.make(
        "/v1/payouts",
        payout(payment_amount=None, source_amount=100_000, source_currency="EUR", payment_currency="JPY"),
    )
    assert made["payment_amount"] == round(1000 * quote["rates"]["EUR"]["exchange_rate"]) == 161_194


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"from_currencies": None}, "parameter_missing", "from_currencies"),
        ({"from_currencies": []}, "parameter_missing", "from_currencies"),
        ({"from_currencies": "EUR"}, "parameter_invalid", "from_currencies"),
        ({"from_currencies": ["EUR", "XXX"]}, "currency_not_supported", "from_currencies[1]"),
        ({"to_currency": None}, "parameter_missing", "to_currency"),
        ({"to_currency": "dollars"}, "parameter_invalid", "to_currency"),
        ({"to_currency": "XXX"}, "currency_not_supported", "to_currency"),
        ({"usage": None}, "parameter_missing", "usage"),
        ({"usage": {}}, "parameter_missing", "usage[type]"),
        ({"usage": {"type": "payment"}}, "parameter_invalid", "usage[type]"),
    ],
)
async def test_refused_parameters(api: Api, fields: dict[str, Any], code: str, param: str) -> None:
    reply = await api.post("/v1/fx_quotes", asked(**fields))
    assert (reply.status, reply.error["code"], reply.error["param"]) == (400, code, param)
