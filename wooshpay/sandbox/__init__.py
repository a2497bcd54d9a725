"""An offline, stateful WooshPay for development and tests.

async with Sandbox() as sandbox:
    client = AsyncWooshPay(sandbox.api_key, base_url=sandbox.base_url)
"""

from __future__ import annotations

from wooshpay.sandbox.engine.account_options import AccountOptions
from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.engine.journal import StateFileError
from wooshpay.sandbox.requests.fault_kinds import FAULT_KINDS, FaultKind
from wooshpay.sandbox.requests.faults import Fault
from wooshpay.sandbox.requests.log import LoggedRequest
from wooshpay.sandbox.rules.cards import CARDS, TestCard
from wooshpay.sandbox.sandbox import Sandbox, SyncSandbox
from wooshpay.sandbox.webhooks.deliveries import Delivery
from wooshpay.sandbox.webhooks.options import WebhookOptions
from wooshpay.sandbox.webhooks.posting import DeliveryAttempt

__all__ = [
    "Sandbox",
    "SyncSandbox",
    "AccountOptions",
    "StateFileError",
    "CARDS",
    "TestCard",
    "Fault",
    "FaultKind",
    "FAULT_KINDS",
    "LoggedRequest",
    "Delivery",
    "DeliveryAttempt",
    "WebhookOptions",
    "SandboxError",
]
