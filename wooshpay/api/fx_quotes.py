"""FX quotes: what one currency costs in another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, TypeAlias, TypedDict

from wooshpay.config import RequestOptions
from wooshpay.core.declaration import Resource, W, post
from wooshpay.core.objects import Moment, Object, model

FxUsage: TypeAlias = Literal["payin", "payout"]
FxLockDuration: TypeAlias = Literal["none", "five_minutes", "hour", "day"]
FxLockStatus: TypeAlias = Literal["none", "active", "expired"]


@model
class FxRateDetails(Object):
    """What a rate is made of."""

    base_rate: float | None = None
    duration_premium: float | None = None
    fx_fee_rate: float | None = None
    reference_rate: float | None = None
    reference_rate_provider: str | None = None


@model
class FxRate(Object):
    """What one unit of a currency is worth in ``to_currency``."""

    exchange_rate: float | None = None
    rate_details: FxRateDetails | None = None


@model
class FxQuoteUsage(Object):
    """What the rates are for."""

    type: FxUsage | str


@model
class FxQuote(Object):
    """What some currencies cost in another one.

    The reference's answer was cut: but for ``to_currency`` and ``usage``, which come back as they were sent,
    the fields are Stripe's.

    Attributes:
        rates: The rates, by the code of the currency that is exchanged.
        lock_duration: How long the rates hold; WooshPay takes no wish for it.
        lock_expires_at: When the rates end, as received.
    """

    TAG: ClassVar[str] = "fx_quote"

    id: str
    object: str
    to_currency: str
    usage: FxQuoteUsage
    created: int | None = None
    lock_duration: FxLockDuration | str | None = None
    lock_expires_at: int | None = None
    lock_status: FxLockStatus | str | None = None
    rates: dict[str, FxRate] | None = None

    created_at = Moment("created")
    lock_expires_time = Moment("lock_expires_at")


class FxQuoteUsageParam(TypedDict):
    """What the rates are for: money that comes in, or money that goes out."""

    type: FxUsage


class FxQuotes(Resource[W]):
    """Ask what a currency costs."""

    @post("/v1/fx_quotes")
    def create(
        self,
        *,
        from_currencies: Sequence[str],
        to_currency: str,
        usage: FxQuoteUsageParam,
        options: RequestOptions | None = None,
    ) -> FxQuote:
        """Ask for the rates of some currencies against another one.

        Args:
            from_currencies: Three-letter codes of the currencies to exchange.
            to_currency: Three-letter code of the currency to get.
            usage: What the rates are for: ``payin`` or ``payout``.
            options: Settings for this call only.

        Returns:
            The quote; its ``rates`` are by currency.

        Raises:
            InvalidRequestError: A currency is unknown, or the usage.

        Note: unlike at Stripe ``usage`` is required, its types are others, and no ``lock_duration`` can be asked for.

        Reference: Create an FX Quote
        """
        ...
