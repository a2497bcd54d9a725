"""What the code under test asked of WooshPay, to be asserted on: by calls, not by attempts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from wooshpay.core.json import Json, is_object

if TYPE_CHECKING:
    from wooshpay.sandbox import SyncSandbox
    from wooshpay.sandbox.requests.log import LoggedRequest


class Requests:
    """The calls that reached the sandbox, oldest first. The attempts of one call count once: its last one is shown.

    Args:
        sandbox: What was asked.
    """

    def __init__(self, sandbox: SyncSandbox) -> None:
        self._sandbox = sandbox

    def __iter__(self) -> Iterator[LoggedRequest]:
        calls: dict[str, LoggedRequest] = {}
        for request in self._sandbox.requests:
            calls[request.idempotency_key or request.id] = request
        return iter(calls.values())

    def of(self, operation: str, /, **params: Json) -> list[LoggedRequest]:
        """The calls of an operation.

        Args:
            operation: Its SDK name, such as ``refunds.create``.
            params: Parameters that the call had, nested ones in part: ``metadata={"order": "17"}``.
        """
        return [call for call in self if call.operation == operation and _holds(call.params, params)]

    def one(self, operation: str, /, **params: Json) -> LoggedRequest:
        """The one call of an operation.

        Args:
            operation: Its SDK name, such as ``refunds.create``.
            params: Parameters that the call had.

        Returns:
            The call, with ``params``, ``idempotency_key`` and ``status``.

        Raises:
            AssertionError: There was none, or more than one; the text says what there was instead.
        """
        found = self.of(operation, **params)
        if len(found) != 1:
            raise AssertionError(f"Expected one call of {_shown(operation, params)}, found {len(found)}.{self._told()}")
        return found[0]

    def none(self, operation: str, /, **params: Json) -> None:
        """Assert that an operation was not called.

        Args:
            operation: Its SDK name, such as ``payouts.create``.
            params: Only calls with these parameters count.

        Raises:
            AssertionError: It was called.
        """
        found = self.of(operation, **params)
        if found:
            raise AssertionError(f"Expected no call of {_shown(operation, params)}, found {len(found)}.{self._told()}")

    def clear(self) -> None:
        """Forget the calls so far, such as those that set the stage."""
        self._sandbox.requests.clear()

    def _told(self) -> str:
        lines = [
            f"\n  {call.operation or f'{call.method} {call.path}'} {call.params} -> {call.status}" for call in self
        ]
        return f" The calls were:{''.join(lines)}" if lines else " Nothing was called."


def _holds(params: Json, wanted: Json) -> bool:
    if is_object(wanted) and is_object(params):
        return all(name in params and _holds(params[name], value) for name, value in wanted.items())
    return bool(params == wanted)


def _shown(operation: str, params: dict[str, Json]) -> str:
    return f"{operation} with {params}" if params else operation
