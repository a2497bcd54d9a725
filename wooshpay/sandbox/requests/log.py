"""What was asked of the sandbox, without secrets."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Final, overload

import attrs

from wooshpay.core.json import Json, JsonObject, loads
from wooshpay.core.redaction import redact, redact_json
from wooshpay.sandbox.requests.fault_kinds import FaultKind

KEPT: Final = 10_000

# Answers are kept for the newest requests only, and only such as a person would read.
_ANSWERS_KEPT: Final = 1_000
_LONGEST_ANSWER: Final = 32_768


@attrs.define(kw_only=True, eq=False)
class LoggedRequest:
    """One request to the API.

    Attributes:
        id: The ``Request-Id`` of the answer.
        at: When it came, in milliseconds on the sandbox's clock.
        method: The HTTP verb.
        path: The path, without the query.
        operation: The SDK name of the operation; ``None`` where there is no such route.
        params: The parameters from query and body, without secrets and card numbers.
        unknown_parameters: The names of parameters that the operation does not declare, such as
            ``payment_method_data[card][colour]``. They are dropped, and refused by a strict sandbox.
        idempotency_key: The key it carried.
        replayed: Whether an earlier answer was given again.
        fault: The fault that hit it.
        status: The status of the answer; ``None`` where none was given.
        error_code: The code of the error that was answered.
    """

    id: str
    at: int
    method: str
    path: str
    operation: str | None = None
    params: JsonObject = attrs.field(factory=dict[str, Any])
    unknown_parameters: tuple[str, ...] = ()
    idempotency_key: str | None = None
    replayed: bool = False
    fault: FaultKind | None = None
    status: int | None = None
    error_code: str | None = None
    _body: bytes | None = attrs.field(default=None, init=False, repr=False)

    @property
    def answer(self) -> Json:
        """What was answered, without secrets: JSON, or a text; ``None`` where it is not kept, as it is long or old.

        A fault after the work may have kept the answer from the client.
        """
        if self._body is None:
            return None
        try:
            return redact_json(loads(self._body))
        except ValueError:
            return redact(self._body.decode(errors="replace"))

    def note_answer(self, body: object) -> None:
        """Keep what is answered."""
        self._body = body if isinstance(body, bytes) and len(body) <= _LONGEST_ANSWER else None

    def forget_answer(self) -> None:
        """Keep the answer no longer."""
        self._body = None


class RequestLog(Sequence[LoggedRequest]):
    """The requests so far, oldest first; the last ten thousand are kept."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: deque[LoggedRequest] = deque(maxlen=KEPT)

    @overload
    def __getitem__(self, index: int) -> LoggedRequest: ...
    @overload
    def __getitem__(self, index: slice) -> list[LoggedRequest]: ...
    def __getitem__(self, index: int | slice) -> LoggedRequest | list[LoggedRequest]:
        return self._copy()[index]

    def __iter__(self) -> Iterator[LoggedRequest]:
        return iter(self._copy())

    def __len__(self) -> int:
        return len(self._requests)

    def of(self, operation: str) -> list[LoggedRequest]:
        """The requests of one operation, such as ``refunds.create``."""
        return [request for request in self._copy() if request.operation == operation]

    def clear(self) -> None:
        """Forget the requests so far."""
        with self._lock:
            self._requests.clear()

    def add(self, request: LoggedRequest) -> None:
        """Note a request."""
        with self._lock:
            self._requests.append(request)
            if len(self._requests) > _ANSWERS_KEPT:
                self._requests[-1 - _ANSWERS_KEPT].forget_answer()

    def _copy(self) -> list[LoggedRequest]:
        with self._lock:
            return list(self._requests)
