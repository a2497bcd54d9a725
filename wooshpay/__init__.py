"""The Python SDK for the WooshPay payment gateway.

>>> from wooshpay import AsyncWooshPay, WooshPay

Names are imported when they are first used, so that ``import wooshpay`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from wooshpay._version import __version__

if TYPE_CHECKING:
    from wooshpay import bulk as bulk
    from wooshpay import money as money
    from wooshpay import types as types
    from wooshpay import webhooks as webhooks
    from wooshpay.client import AsyncWooshPay as AsyncWooshPay
    from wooshpay.client import WooshPay as WooshPay
    from wooshpay.config import RequestOptions as RequestOptions
    from wooshpay.core.effects import Effects as Effects
    from wooshpay.core.listing import ListObject as ListObject
    from wooshpay.core.paging import AsyncPager as AsyncPager
    from wooshpay.core.paging import Pager as Pager
    from wooshpay.core.request import ApiResponse as ApiResponse
    from wooshpay.core.request import Middleware as Middleware
    from wooshpay.core.request import Next as Next
    from wooshpay.core.request import Request as Request
    from wooshpay.core.request import Response as Response
    from wooshpay.core.retry import Attempt as Attempt
    from wooshpay.core.retry import RetryEvent as RetryEvent
    from wooshpay.core.retry import RetryPolicy as RetryPolicy
    from wooshpay.core.serializing import json_default as json_default
    from wooshpay.core.unset import UNSET as UNSET
    from wooshpay.core.unset import Unset as Unset
    from wooshpay.core.waiting import WaitResult as WaitResult
    from wooshpay.errors import APIError as APIError
    from wooshpay.errors import AuthenticationError as AuthenticationError
    from wooshpay.errors import CardError as CardError
    from wooshpay.errors import ClaimLost as ClaimLost
    from wooshpay.errors import ConfigurationError as ConfigurationError
    from wooshpay.errors import ConflictError as ConflictError
    from wooshpay.errors import ConnectError as ConnectError
    from wooshpay.errors import DecodeError as DecodeError
    from wooshpay.errors import IdempotencyError as IdempotencyError
    from wooshpay.errors import InboxError as InboxError
    from wooshpay.errors import InvalidRequestError as InvalidRequestError
    from wooshpay.errors import JournalError as JournalError
    from wooshpay.errors import NotFoundError as NotFoundError
    from wooshpay.errors import PayloadError as PayloadError
    from wooshpay.errors import PermissionError as PermissionError
    from wooshpay.errors import ProtocolError as ProtocolError
    from wooshpay.errors import RateLimitError as RateLimitError
    from wooshpay.errors import ServerError as ServerError
    from wooshpay.errors import SignatureError as SignatureError
    from wooshpay.errors import TimeoutError as TimeoutError
    from wooshpay.errors import TimestampError as TimestampError
    from wooshpay.errors import TransportError as TransportError
    from wooshpay.errors import WebhookError as WebhookError
    from wooshpay.errors import WooshPayError as WooshPayError

_HOMES: Final[dict[str, tuple[str, ...]]] = {
    "wooshpay.client": ("AsyncWooshPay", "WooshPay"),
    "wooshpay.config": ("RequestOptions",),
    "wooshpay.core.effects": ("Effects",),
    "wooshpay.core.listing": ("ListObject",),
    "wooshpay.core.paging": ("AsyncPager", "Pager"),
    "wooshpay.core.request": ("ApiResponse", "Middleware", "Next", "Request", "Response"),
    "wooshpay.core.retry": ("Attempt", "RetryEvent", "RetryPolicy"),
    "wooshpay.core.serializing": ("json_default",),
    "wooshpay.core.unset": ("UNSET", "Unset"),
    "wooshpay.core.waiting": ("WaitResult",),
    "wooshpay.errors": (
        "APIError",
        "AuthenticationError",
        "CardError",
        "ClaimLost",
        "ConfigurationError",
        "ConflictError",
        "ConnectError",
        "DecodeError",
        "IdempotencyError",
        "InboxError",
        "InvalidRequestError",
        "JournalError",
        "NotFoundError",
        "PayloadError",
        "PermissionError",
        "ProtocolError",
        "RateLimitError",
        "ServerError",
        "SignatureError",
        "TimeoutError",
        "TimestampError",
        "TransportError",
        "WebhookError",
        "WooshPayError",
    ),
}
_HOME_OF: Final[dict[str, str]] = {name: module for module, names in _HOMES.items() for name in names}
_MODULES: Final = ("bulk", "money", "types", "webhooks")

# ``from wooshpay import *`` must not hide what Python itself calls so. Both errors also are errors of these classes.
_SAME_NAME_IN_PYTHON: Final = {"PermissionError", "TimeoutError"}

__all__ = ["__version__", *_MODULES, *sorted(_HOME_OF.keys() - _SAME_NAME_IN_PYTHON)]  # pyright: ignore[reportUnsupportedDunderAll]  # the names stand in one table


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"wooshpay.{name}")
    if name not in _HOME_OF:
        raise AttributeError(f"module 'wooshpay' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_SAME_NAME_IN_PYTHON})
