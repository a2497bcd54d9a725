"""Those who take part in the benchmarks over HTTP, each as it comes from PyPI and as its users would call it."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import TypeVar

import attrs

P = TypeVar("P")


@attrs.frozen
class AsyncPeer:
    """A client that is awaited.

    Attributes:
        name: Its name in the table.
        create: Makes a payment; gives the payment intent as its user gets it.
        page: Lists a hundred payment intents.
        close: Ends it.
    """

    name: str
    create: Callable[[], Awaitable[object]]
    page: Callable[[], Awaitable[object]]
    close: Callable[[], Awaitable[object]]


@attrs.frozen
class SyncPeer:
    """A client that is called.

    Attributes:
        name: Its name in the table.
        create: Makes a payment; gives the payment intent as its user gets it.
        close: Ends it.
    """

    name: str
    create: Callable[[], object]
    close: Callable[[], object]


def open_peer(kind: type[P], name: str, url: str) -> P | None:
    """Open a client; where its package is not installed, say so and give none.

    Args:
        kind: `AsyncPeer` or `SyncPeer`.
        name: Module and function of this package, such as ``stripe_python:aiohttp_backend``.
        url: Where the server is.
    """
    module, _, function = name.partition(":")
    try:
        peer = getattr(import_module(f"benchmarks.peers.{module}"), function)(url)
    except ImportError as missing:
        say_left_out(name, missing)
        return None
    assert isinstance(peer, kind)
    return peer


def say_left_out(name: str, missing: ImportError) -> None:
    """Tell the user who is missing, and what to do about it."""
    print(f"{name} is left out: {missing}. Install the extra bench.", file=sys.stderr)
