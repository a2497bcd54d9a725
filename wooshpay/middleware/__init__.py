"""Optional middlewares: pass them to a client as ``call_middlewares`` or ``attempt_middlewares``.

>>> from wooshpay.middleware import RateLimit, Telemetry

`RateLimit` holds attempts to a rate. `Telemetry` reports calls, deliveries of webhooks and bulk runs to OpenTelemetry
(extra ``otel``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wooshpay.middleware.rate_limit import RateLimit as RateLimit
    from wooshpay.middleware.telemetry import Telemetry as Telemetry

__all__ = ["RateLimit", "Telemetry"]


def __getattr__(name: str) -> Any:
    if name == "RateLimit":
        from wooshpay.middleware.rate_limit import RateLimit

        return RateLimit
    if name == "Telemetry":
        try:
            from wooshpay.middleware.telemetry import Telemetry
        except ModuleNotFoundError as error:
            if not (error.name or "").startswith("opentelemetry"):
                raise
            raise ModuleNotFoundError(
                "Telemetry needs opentelemetry-api, which is not installed: pip install 'wooshpay[otel]'.",
                name=error.name,
            ) from None
        return Telemetry
    raise AttributeError(f"module 'wooshpay.middleware' has no attribute {name!r}")
