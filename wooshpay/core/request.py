"""The values that travel: a call as declared, the request made of it, the answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeAlias, TypeVar

import attrs

from wooshpay.core.json import Json, JsonObject, loads
from wooshpay.core.redaction import Secret, redact, redact_json
from wooshpay.core.unset import UNSET

if TYPE_CHECKING:
    from wooshpay.config import RequestOptions
    from wooshpay.core.upload import Upload

T = TypeVar("T")

Method: TypeAlias = Literal["GET", "POST", "DELETE"]
ParamsIn: TypeAlias = Literal["query", "body", "query+body", "multipart"]

NO_HEADERS: Mapping[str, str] = {}
NOTHING_EXPECTED: Mapping[str, Any] = {}


@attrs.define(kw_only=True, eq=False)
class Call:
    """One logical call, as the declaration and the arguments give it; nothing is decided yet."""

    operation: str
    method: Method
    template: str
    path: str
    query: JsonObject = attrs.field(factory=dict[str, Any], repr=False)
    body: JsonObject | None = attrs.field(default=None, repr=False)
    expected: Mapping[str, Json] = attrs.field(default=NOTHING_EXPECTED, repr=False)
    multipart: bool = False
    publishable: bool = False
    options: RequestOptions | None = None


# Without slots, as attrs fills a frozen class with them three times as slowly, and one is made for every call.
@attrs.frozen(kw_only=True, eq=False, slots=False)
class Request:
    """One HTTP request. Middlewares get it, may change it with ``attrs.evolve``, and pass it on.

    Attributes:
        operation: The SDK name, such as ``refunds.create``.
        method: The HTTP verb.
        url: The whole URL, query included, percent-quoted.
        template: The path with its placeholders, such as ``/v1/refunds/{refund_id}``: the name for a metric.
        headers: Headers without Authorization.
        body: The bytes to send, or the `Upload` that gives them, or ``None``.
        idempotency_key: The key of the logical call; the same on every attempt.
        attempt: 1 for the first attempt.
        deadline: When the call must be over, on the client's monotonic clock, in seconds.
        attempt_timeout: Seconds that one attempt may take.
        connect_timeout: Seconds that connecting may take.
        max_retries: How many attempts may follow the first.
        least_attempt: Seconds that an attempt needs; none starts when the deadline leaves less.
        expected: Fields that the object in the response must have with these values, as the request named them.
        new_connection: Whether it must not go out on a connection that an earlier request has used.
        authorization: The Authorization header's value; never shown.
    """

    operation: str
    method: Method
    url: str = attrs.field(repr=False)
    template: str
    headers: Mapping[str, str] = attrs.field(default=NO_HEADERS, repr=False)
    body: bytes | Upload | None = attrs.field(default=None, repr=False)
    idempotency_key: str | None = None
    attempt: int = 1
    deadline: float = attrs.field(repr=False)
    attempt_timeout: float = attrs.field(repr=False)
    connect_timeout: float = attrs.field(repr=False)
    max_retries: int = attrs.field(repr=False)
    least_attempt: float = attrs.field(default=0.0, repr=False)
    new_connection: bool = attrs.field(default=False, repr=False)
    expected: Mapping[str, Json] = attrs.field(default=NOTHING_EXPECTED, repr=False)
    authorization: Secret = attrs.field(repr=False)


@attrs.frozen(kw_only=True, eq=False, slots=False)
class Response:
    """One HTTP answer, read whole.

    Attributes:
        status: The HTTP status.
        headers: The headers; names are looked up without regard to case.
        body: The bytes received.
        attempts: How many attempts the call took so far.
        ambiguous: Whether an attempt may have been carried out.
        gave_up: Why no further attempt was made, where one would have been.
        close_connection: Closes the connection that the response came on; ``None`` where that is not known.
    """

    status: int
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)
    attempts: int = 1
    ambiguous: bool = False
    gave_up: str | None = None
    close_connection: Callable[[], None] | None = attrs.field(default=None, repr=False)

    @property
    def parsed(self) -> Json:
        """The body as JSON. It is parsed once, for the comparison with the request and for the result.

        Raises:
            ValueError: The body is not JSON.
            RecursionError: It is nested too deeply.
        """
        # `functools.cached_property` does the same, with a lock that costs more than the comparison.
        found = self.__dict__.get("_parsed", UNSET)
        if found is UNSET:
            found = self.__dict__["_parsed"] = loads(self.body)
        return found

    @property
    def request_id(self) -> str | None:
        """WooshPay's id of this answer, where it gave one."""
        for name in ("Request-Id", "X-Request-Id", "Wooshpay-Request-Id"):
            value = self.headers.get(name)
            if value:
                return value
        return None


@attrs.frozen(kw_only=True, eq=False)
class ApiResponse(Generic[T]):
    """A result together with the answer it came in.

    Attributes:
        data: What the plain call returns.
        status: The HTTP status.
        headers: The headers; names are looked up without regard to case.
        request_id: WooshPay's id of the answer, where it gave one.
        attempts: How many attempts the call took.
        idempotency_key: The key that the call carried.
        body: The bytes received.
    """

    data: T = attrs.field(repr=lambda data: repr(redact_json(data)))
    status: int
    headers: Mapping[str, str] = attrs.field(repr=False)
    request_id: str | None = attrs.field(repr=lambda text: repr(text and redact(text)))
    attempts: int
    idempotency_key: str | None
    body: bytes = attrs.field(repr=False)

    def json(self) -> Json:
        """The body, parsed anew as plain JSON."""
        return loads(self.body)


Next: TypeAlias = Callable[[Request], Awaitable[Response]]


class Middleware(Protocol):
    """A function around a request: do something, ``await call_next(request)``, do something, return the answer.

    As a call middleware it runs once per logical call, as an attempt middleware once per attempt.
    """

    async def __call__(self, request: Request, call_next: Next) -> Response: ...
