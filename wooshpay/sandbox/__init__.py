"""An offline, stateful WooshPay for development and tests.

async with Sandbox() as sandbox:
    client = AsyncWooshPay(sandbox.api_key, base_url=sandbox.base_url)
"""

from __future__ import annotations

from wooshpay.sandbox.cards import CARDS, TestCard
from wooshpay.sandbox.deliveries import Delivery, DeliveryAttempt
from wooshpay.sandbox.faults import Fault, FaultKind
from wooshpay.sandbox.log import LoggedRequest
from wooshpay.sandbox.sandbox import Sandbox, SyncSandbox

__all__ = [
    "Sandbox",
    "SyncSandbox",
    "CARDS",
    "TestCard",
    "Fault",
    "FaultKind",
    "LoggedRequest",
    "Delivery",
    "DeliveryAttempt",
]
