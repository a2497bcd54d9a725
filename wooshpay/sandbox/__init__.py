"""An offline, stateful WooshPay for development and tests.

async with Sandbox() as sandbox:
    client = AsyncWooshPay(sandbox.api_key, base_url=sandbox.base_url)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from wooshpay.sandbox.engine.account_options import AccountOptions as AccountOptions
    from wooshpay.sandbox.engine.act_parameters import ActParameter as ActParameter
    from wooshpay.sandbox.engine.act_parameters import SimulatedAction as SimulatedAction
    from wooshpay.sandbox.engine.errors import SandboxError as SandboxError
    from wooshpay.sandbox.engine.journal import StateFileError as StateFileError
    from wooshpay.sandbox.requests.fault_kinds import FAULT_KINDS as FAULT_KINDS
    from wooshpay.sandbox.requests.fault_kinds import FaultKind as FaultKind
    from wooshpay.sandbox.requests.faults import Fault as Fault
    from wooshpay.sandbox.requests.log import LoggedRequest as LoggedRequest
    from wooshpay.sandbox.rules.cards import CARDS as CARDS
    from wooshpay.sandbox.rules.cards import TestCard as TestCard
    from wooshpay.sandbox.sandbox import Sandbox as Sandbox
    from wooshpay.sandbox.sandbox import SyncSandbox as SyncSandbox
    from wooshpay.sandbox.webhooks.deliveries import Delivery as Delivery
    from wooshpay.sandbox.webhooks.options import WebhookOptions as WebhookOptions
    from wooshpay.sandbox.webhooks.posting import DeliveryAttempt as DeliveryAttempt

# Name -> the module that defines it. A name is imported when it is first used: a program that runs one sandbox should
# not wait for what only another program needs.
_HOMES: Final[dict[str, str]] = {
    "Sandbox": "sandbox",
    "SyncSandbox": "sandbox",
    "AccountOptions": "engine.account_options",
    "StateFileError": "engine.journal",
    "CARDS": "rules.cards",
    "TestCard": "rules.cards",
    "Fault": "requests.faults",
    "FaultKind": "requests.fault_kinds",
    "FAULT_KINDS": "requests.fault_kinds",
    "LoggedRequest": "requests.log",
    "Delivery": "webhooks.deliveries",
    "DeliveryAttempt": "webhooks.posting",
    "WebhookOptions": "webhooks.options",
    "ActParameter": "engine.act_parameters",
    "SimulatedAction": "engine.act_parameters",
    "SandboxError": "engine.errors",
}

__all__ = [
    "Sandbox",
    "SyncSandbox",
    "AccountOptions",
    "SimulatedAction",
    "ActParameter",
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


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
