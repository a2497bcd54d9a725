"""Charges and refunds that users want, and crowds that ask for many of them at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Literal, Protocol, TypeAlias

import attrs

from wooshpay import AsyncWooshPay, RequestOptions, WooshPay, WooshPayError
from wooshpay.core.json import JsonObject

World: TypeAlias = Literal["async", "sync"]

CONCURRENCY: Final[dict[World, int]] = {"async": 64, "sync": 16}
_CARD: Final[JsonObject] = {
    "type": "card",
    "card": {"number": "4111111111111111", "exp_month": 12, "exp_year": 2034, "cvc": "123"},
}


@attrs.frozen
class LogicalCall:
    """One charge or refund that a user wants.

    Attributes:
        name: What it is told by, in its metadata.
        operation: The SDK name.
        arguments: What is passed.
        possible: Whether WooshPay can do it at all; ``False`` for a refund of more than was paid.
        max_retries: How many attempts may follow the first.
    """

    name: str
    operation: Literal["payment_intents.create", "refunds.create"]
    arguments: dict[str, Any]
    possible: bool
    max_retries: int

    def make(self, client: WooshPay | AsyncWooshPay, key: str | None) -> Any:
        """Begin it, anew or with the key of a try that failed."""
        options = RequestOptions(max_retries=self.max_retries)
        if key is not None:
            options = attrs.evolve(options, idempotency_key=key)
        section, _, method = self.operation.partition(".")
        create = getattr(getattr(client, section), method)
        return create(**self.arguments, metadata={"name": self.name}, options=options)


@attrs.frozen
class Ending:
    """How a call ended: with an object, or with an error."""

    call: LogicalCall
    made: Any = None
    error: WooshPayError | None = None


def payments(count: int) -> list[LogicalCall]:
    """Charges of different amounts."""
    return [
        LogicalCall(
            name=f"payment {number}",
            operation="payment_intents.create",
            arguments={"amount": 1000 + number, "currency": "USD", "confirm": True, "payment_method_data": _CARD},
            possible=True,
            max_retries=number % 4,
        )
        for number in range(count)
    ]


def refunds(paid: Sequence[JsonObject], count: int) -> list[LogicalCall]:
    """Refunds of these payments: whole ones, some in parts at the same time, some of too much."""
    calls: list[LogicalCall] = []
    for number, payment in enumerate(paid):
        whole: int = payment["amount"]
        plans: list[list[int | None]] = [[None], [400, 500], [whole + 1], [300, 300, whole - 600]]
        for place, amount in enumerate(plans[number % 4]):
            arguments = {"payment_intent": payment["id"]} | ({} if amount is None else {"amount": amount})
            calls.append(
                LogicalCall(
                    name=f"refund {number}.{place}",
                    operation="refunds.create",
                    arguments=arguments,
                    possible=number % 4 != 2,
                    max_retries=(number + place) % 4,
                )
            )
    return calls[:count]


class Crowd(Protocol):
    """Makes many calls at a time, in one of the worlds."""

    def make_all(self, calls: Sequence[LogicalCall], keys: dict[str, str]) -> list[Ending]:
        """Make calls, with the keys given for some of their names."""
        ...


@attrs.frozen
class AsyncCrowd:
    """Tasks of one event loop that share a client."""

    settings: dict[str, Any]

    def make_all(self, calls: Sequence[LogicalCall], keys: dict[str, str]) -> list[Ending]:
        """Make calls, with the keys given for some of their names."""
        return asyncio.run(self._make_all(iter(calls), keys))

    async def _make_all(self, left: Iterator[LogicalCall], keys: dict[str, str]) -> list[Ending]:
        endings: list[Ending] = []

        async def work(client: AsyncWooshPay) -> None:
            for call in left:
                try:
                    endings.append(Ending(call, made=await call.make(client, keys.get(call.name))))
                except WooshPayError as error:
                    endings.append(Ending(call, error=error))

        async with AsyncWooshPay(**self.settings) as client:
            await asyncio.gather(*(work(client) for _ in range(CONCURRENCY["async"])))
        return endings


@attrs.frozen
class SyncCrowd:
    """Threads that share a client."""

    settings: dict[str, Any]

    def make_all(self, calls: Sequence[LogicalCall], keys: dict[str, str]) -> list[Ending]:
        """Make calls, with the keys given for some of their names."""
        with WooshPay(**self.settings) as client, ThreadPoolExecutor(CONCURRENCY["sync"]) as threads:

            def make(call: LogicalCall) -> Ending:
                try:
                    return Ending(call, made=call.make(client, keys.get(call.name)))
                except WooshPayError as error:
                    return Ending(call, error=error)

            return list(threads.map(make, calls))


CROWDS: Final[dict[World, Callable[[dict[str, Any]], Crowd]]] = {"async": AsyncCrowd, "sync": SyncCrowd}
