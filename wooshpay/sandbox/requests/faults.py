"""Faults on demand: what networks and servers do to a request, at the moment a test wants it."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from typing import get_args

import attrs

from wooshpay.api import declarations
from wooshpay.core.json import JsonObject
from wooshpay.core.unset import UNSET, Unset
from wooshpay.sandbox.requests.fault_kinds import FAULT_KINDS, FaultKind, RetryAfterForm


@attrs.define(kw_only=True, eq=False)
class Fault:
    """One fault that waits for its requests.

    Attributes:
        id: Its name among the faults of the sandbox, such as ``fault_1``.
        kind: What happens.
        operation: The SDK name of the operation that it waits for; ``None`` for any.
        probability: The chance that it hits a request that fits.
        seed: Where its chances begin; ``None`` where they come of the sandbox's own seed, if it has one.
        remaining: How many requests it still hits; ``None`` for all.
        hits: How many requests it has hit.
        bytes: How much of the answer arrives before a cut, or at a time.
        seconds: How long a slow answer takes, or a dead connection stays open.
        retry_after: Seconds to wait that a 429 asks for.
        retry_after_form: How it says so; ``milliseconds`` is the header ``Retry-After-Ms``.
    """

    id: str
    kind: FaultKind
    operation: str | None
    probability: float
    seed: int | None
    remaining: int | None
    hits: int = 0
    bytes: int
    seconds: float
    retry_after: float
    retry_after_form: RetryAfterForm
    _chance: random.Random = attrs.field(repr=False, alias="chance")

    def to_json(self) -> JsonObject:
        """The fault as the controls answer it."""
        parameters: JsonObject = {name: getattr(self, name) for name in FAULT_KINDS[self.kind].parameters}
        return {
            "id": self.id,
            "object": "sandbox.fault",
            "kind": self.kind,
            "operation": self.operation,
            "probability": self.probability,
            "seed": self.seed,
            "remaining": self.remaining,
            "hits": self.hits,
            **parameters,
        }

    def strikes(self, operation: str | None) -> bool:
        """Whether it hits this request. Each question is a throw of the dice."""
        return self.operation in {None, operation} and (
            self.probability == 1 or self._chance.random() < self.probability
        )


class Faults:
    """The faults that are switched on. The oldest one that fits a request hits it.

    Args:
        seed: Makes the chances of faults without a seed of their own repeatable.
    """

    def __init__(self, *, seed: int | None = None) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._seed = seed
        self._count = 0

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
        times: int | Unset | None = UNSET,
        probability: float = 1.0,
        seed: int | None = None,
        bytes: int = 20,
        seconds: float = 1.0,
        retry_after: float = 1.0,
        retry_after_form: RetryAfterForm = "seconds",
    ) -> Fault:
        """Switch a fault on.

        Args:
            kind: What happens, see `FAULT_KINDS`.
            operation: Only requests of this operation, such as ``refunds.create``.
            times: How many requests it hits; ``None`` for all. When left out: one, or all where there is a
                ``probability``.
            probability: The chance that it hits a request that fits.
            seed: Makes the chances repeatable; without it, they are if the sandbox has a seed.
            bytes: For ``cut_body``: how much arrives; for ``drip``: how much at a time.
            seconds: For ``slow``, ``drip`` and ``stale_close``, in real time.
            retry_after: For ``rate_limit``.
            retry_after_form: For ``rate_limit``.

        Returns:
            The fault; its ``hits`` tell how often it came true.

        Raises:
            ValueError: There is no such fault, or one of the settings makes no sense; it says which.
        """
        _choose("fault", kind, tuple(FAULT_KINDS))
        _choose("retry_after_form", retry_after_form, get_args(RetryAfterForm))
        if operation is not None:
            _choose("operation", operation, tuple(declaration.name for declaration in declarations()))
        if not 0 < probability <= 1:
            raise ValueError("probability must be above 0 and at most 1.")
        remaining = (1 if probability == 1 else None) if isinstance(times, Unset) else times
        if remaining is not None and remaining < 1:
            raise ValueError("times must be at least 1, or None for every request.")
        for name, value in (("bytes", bytes), ("seconds", seconds), ("retry_after", retry_after)):
            if value < 0:
                raise ValueError(f"{name} must not be negative.")
        with self._lock:
            self._count += 1
            fault = Fault(
                id=f"fault_{self._count}",
                kind=kind,
                operation=operation,
                probability=probability,
                seed=seed,
                remaining=remaining,
                bytes=bytes,
                seconds=seconds,
                retry_after=retry_after,
                retry_after_form=retry_after_form,
                chance=self._dice(seed),
            )
            self._faults.append(fault)
        return fault

    def get(self, id: str) -> Fault | None:
        """Find a fault that is switched on."""
        return next((fault for fault in self if fault.id == id), None)

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
                if fault.strikes(operation):
                    fault.hits += 1
                    if fault.remaining is not None:
                        fault.remaining -= 1
                        if fault.remaining == 0:
                            self._faults.remove(fault)
                    return fault
        return None

    def _dice(self, seed: int | None) -> random.Random:
        if seed is not None:
            return random.Random(seed)  # noqa: S311  # chance that repeats is what is asked for
        # Each fault has dice of its own, so that what one throws does not depend on the others.
        return random.Random(None if self._seed is None else f"{self._seed} {self._count}")  # noqa: S311


def _choose(name: str, value: str, options: tuple[str, ...]) -> None:
    if value not in options:
        from difflib import get_close_matches  # only for a mistake

        near = get_close_matches(value, options, 1)
        choice = f"did you mean {near[0]}?" if near else f"choose one of {', '.join(options)}."
        raise ValueError(f"There is no {name} {value!r}; {choice}")
