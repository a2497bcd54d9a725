"""Faults on demand: what networks and servers do to a request, at the moment a test wants it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Literal, TypeAlias, get_args

import attrs

FaultKind: TypeAlias = Literal[
    "refuse",
    "drop_before",
    "drop_after",
    "cut_body",
    "stall",
    "stall_after",
    "slow",
    "rate_limit",
    "server_error",
    "bad_gateway",
    "invalid_json",
]
"""What happens to the request.

``refuse``: the connection is closed as soon as the head of the request is there.
``drop_before``: the request is read, nothing is done, the connection breaks.
``drop_after``: the work is done, the answer is lost.
``cut_body``: the work is done, only the first ``bytes`` of the answer arrive.
``stall``: nothing is done and nothing ever comes. ``stall_after``: the work is done, nothing ever comes.
``slow``: the work is done and answered after ``seconds``; until then an idempotency key is in use.
``rate_limit``: 429 with ``Retry-After`` in the form that ``retry_after_form`` says. Nothing is done.
``server_error``: 500 with an error object. Nothing is done.
``bad_gateway``: 502 with HTML. Nothing is done.
``invalid_json``: the work is done, the answer is 200 with a text that is no JSON.
"""

RetryAfterForm: TypeAlias = Literal["seconds", "milliseconds", "date", "none"]


@attrs.define(kw_only=True, eq=False)
class Fault:
    """One fault that waits for its requests.

    Attributes:
        kind: What happens.
        operation: The SDK name of the operation that it waits for; ``None`` for any.
        remaining: How many requests it still hits; ``None`` for all.
        hits: How many requests it has hit.
        bytes: How much of the answer arrives before a cut.
        seconds: How long a slow answer takes.
        retry_after: Seconds to wait that a 429 asks for.
        retry_after_form: How it says so; ``milliseconds`` is the header ``Retry-After-Ms``.
    """

    kind: FaultKind
    operation: str | None
    remaining: int | None
    hits: int = 0
    bytes: int
    seconds: float
    retry_after: float
    retry_after_form: RetryAfterForm


class Faults:
    """The faults that are switched on. The oldest one that fits a request hits it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def __iter__(self) -> Iterator[Fault]:
        with self._lock:
            return iter(list(self._faults))

    def __len__(self) -> int:
        return len(self._faults)

    def add(
        self,
        kind: FaultKind,
        *,
        operation: str | None = None,
        times: int | None = 1,
        bytes: int = 20,
        seconds: float = 1.0,
        retry_after: float = 1.0,
        retry_after_form: RetryAfterForm = "seconds",
    ) -> Fault:
        """Switch a fault on.

        Args:
            kind: What happens, see `FaultKind`.
            operation: Only requests of this operation, such as ``refunds.create``.
            times: How many requests it hits; ``None`` for all.
            bytes: For ``cut_body``.
            seconds: For ``slow``, in real time.
            retry_after: For ``rate_limit``.
            retry_after_form: For ``rate_limit``.

        Returns:
            The fault; its ``hits`` tell how often it came true.
        """
        if kind not in get_args(FaultKind):
            raise ValueError(f"There is no fault {kind!r}; choose one of {', '.join(get_args(FaultKind))}.")
        if times is not None and times < 1:
            raise ValueError("times must be at least 1, or None for every request.")
        fault = Fault(
            kind=kind,
            operation=operation,
            remaining=times,
            bytes=bytes,
            seconds=seconds,
            retry_after=retry_after,
            retry_after_form=retry_after_form,
        )
        with self._lock:
            self._faults.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """Switch a fault off."""
        with self._lock:
            if fault in self._faults:
                self._faults.remove(fault)

    def clear(self) -> None:
        """Switch all faults off."""
        with self._lock:
            self._faults.clear()

    def take(self, operation: str | None) -> Fault | None:
        """The fault that hits a request of this operation; it counts as one hit."""
        with self._lock:
            for fault in self._faults:
                if fault.operation in {None, operation}:
                    fault.hits += 1
                    if fault.remaining is not None:
                        fault.remaining -= 1
                        if fault.remaining == 0:
                            self._faults.remove(fault)
                    return fault
        return None
