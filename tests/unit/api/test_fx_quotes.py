"""FX quotes: rates by currency."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from wooshpay.api.fx_quotes import FxQuote, FxRate
from wooshpay.core.codec import UndocumentedType, structure
from wooshpay.core.declaration import Declaration

Example = Callable[[str], dict[str, Any]]


def test_rates_are_found_by_currency(example: Example) -> None:
    quote = FxQuote.from_dict(example("fx_quote_whole"))
    assert quote.rates is not None
    assert {code: type(rate) for code, rate in quote.rates.items()} == {"usd": FxRate, "gbp": FxRate}
    assert quote.rates["usd"].exchange_rate == 0.9
    assert quote.rates["usd"].rate_details is not None
    assert quote.rates["usd"].rate_details.reference_rate_provider == "ecb"
    assert (quote.to_currency, quote.usage.type) == ("eur", "payout")


def test_a_quote_tells_how_long_it_holds(example: Example) -> None:
    quote = FxQuote.from_dict(example("fx_quote_whole"))
    assert (quote.lock_duration, quote.lock_status) == ("none", "none")
    assert quote.lock_expires_time == datetime(2024, 11, 9, 2, 41, 32, tzinfo=UTC)


@pytest.mark.parametrize("rates", [{"usd": 0.9}, {"usd": None}, ["usd"], "usd", {}])
def test_rates_of_another_shape_are_kept_as_they_came(rates: Any) -> None:
    quote = FxQuote.from_dict({"rates": rates})
    assert quote.rates == rates
    assert quote.to_dict() == {"rates": rates}


def test_fields_of_a_rate_that_are_new_come_back_exactly() -> None:
    answer = {"rates": {"usd": {"exchange_rate": 1, "spread": 0.1, "rate_details": None}}}
    quote = FxQuote.from_dict(answer)
    assert quote.rates is not None
    assert quote.rates["usd"].extra == {"spread": 0.1}
    assert quote.to_dict() == answer


def test_strict_reading_accepts_a_whole_answer_and_refuses_a_rate_that_is_none(example: Example) -> None:
    answer = example("fx_quote_whole")
    assert structure(answer, FxQuote, strict=True).to_dict() == answer
    with pytest.raises(UndocumentedType):
        structure({**answer, "rates": {"usd": 0.9}}, FxQuote, strict=True)


def test_a_quote_is_asked_for_with_its_use(declared: Callable[[str], Declaration]) -> None:
    params = {"from_currencies": ["usd", "gbp"], "to_currency": "eur", "usage": {"type": "payin"}}
    assert declared("fx_quotes.create").bind((), dict(params)).body == params
