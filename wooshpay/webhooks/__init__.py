"""Webhooks: what WooshPay tells you, and the proof that it was WooshPay.

    event = webhooks.construct(body, headers, "whsec_...")

``body`` is the raw body of the request, ``headers`` its headers in whatever form your framework has them.
"""

from __future__ import annotations

from wooshpay.errors import PayloadError, SignatureError, TimestampError, WebhookError
from wooshpay.webhooks.events import construct, parse_unverified
from wooshpay.webhooks.signature import Verified, sign, verify

__all__ = [
    "construct",
    "verify",
    "parse_unverified",
    "sign",
    "Verified",
    "WebhookError",
    "SignatureError",
    "TimestampError",
    "PayloadError",
]
