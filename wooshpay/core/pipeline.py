"""The way of a call: request made once, call middlewares, retry loop, attempt middlewares, transport, decode."""

from __future__ import annotations

import asyncio
import builtins
import platform
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol, TypeVar

import attrs

from wooshpay._version import __version__
from wooshpay.config import Config, RequestOptions
from wooshpay.core.agreement import Mismatch, examine, mismatch_error
from wooshpay.core.codec import UndocumentedType, read, reader
from wooshpay.core.confined import Confined
from wooshpay.core.failures import error_in_success, error_of, improper, read_failing, readable_text
from wooshpay.core.json import Json, JsonObject, dumps
from wooshpay.core.log import (
    calls_are_logged,
    log_attempt,
    log_call,
    log_interruption,
    log_retry,
    log_unusable,
)
from wooshpay.core.loops import in_event_loop, without_event_loop
from wooshpay.core.query import encode_query
from wooshpay.core.redaction import Secret, one_line, redact
from wooshpay.core.request import ApiResponse, Call, Middleware, Next, Request, Response
from wooshpay.core.retry import Attempt, RetryEvent, parse_retry_after
from wooshpay.core.unset import UNSET
from wooshpay.core.upload import Upload
from wooshpay.errors import (
    ConfigurationError,
    DecodeError,
    Outcome,
    TimeoutError,
    TransportError,
    WooshPayError,
)

T = TypeVar("T")

# An attempt with less time than this could hardly bring an answer, only doubt about what happened.
LEAST_ATTEMPT: Final = 1.0


class Transport(Protocol):
    """What carries one request over the wire and reads the answer whole."""

    async def send(self, request: Request, /) -> Response:
        """Send one request.

        Raises:
            TransportError: No complete response arrived; ``failure`` says whether the request may have arrived.
        """
        ...

    async def close(self) -> None:
        """Close all connections of the running event loop, and refuse further requests."""
        ...


def _chain(middlewares: Sequence[Middleware], last: Next) -> Next:
    for middleware in reversed(middlewares):
        last = partial(middleware, call_next=last)
    return last


class Pipeline(Confined):
    """Carries out the calls of one configuration over a transport."""

    def __init__(self, config: Config, transport: Transport) -> None:
        self.config = config
        self.transport = transport
        self._authorization = Secret(_basic(config.api_key))
        own = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": f"wooshpay-python/{__version__} (Python {platform.python_version()})",
        }
        self._headers = _merged(own, config.headers)
        self._call = _chain(config.call_middlewares, self._attempts)
        self._send: Next = transport.send
        if config.live and (config.call_middlewares or config.attempt_middlewares):
            self._send = self._send_encrypted
        self._attempt: Next = self._within_deadline if config.attempt_middlewares else self._send

    # ---- the request, made once ----

    def prepare(self, call: Call) -> Request:
        """Make the request of a call: its key, its deadline and its bytes stay the same for every attempt.

        Raises:
            ConfigurationError: The key may not make this call.
        """
        config = self.config
        if config.publishable:
            self._check_publishable(call)
        options = call.options
        headers: Mapping[str, str] = self._headers
        key: str | None = None
        if call.method == "POST":
            chosen = UNSET if options is None else options.idempotency_key
            key = config.effects.new_key() if chosen is UNSET else chosen
            if key is not None:
                headers = {**headers, "Idempotency-Key": key}
        query, body = call.query, call.body
        timeout, attempt_timeout = config.timeout, config.attempt_timeout
        connect_timeout, max_retries = config.connect_timeout, config.max_retries
        if options is not None:
            timeout = _either(options.timeout, timeout)
            attempt_timeout = _either(options.attempt_timeout, attempt_timeout)
            connect_timeout = _either(options.connect_timeout, connect_timeout)
            max_retries = _either(options.max_retries, max_retries)
            query, body, headers = _with_extras(options, query, body, headers)
        content: bytes | Upload | None = None
        if call.multipart and body is not None:
            content = Upload.of(body)
            headers = _merged(headers, {"Content-Type": content.content_type})
        elif body is not None:
            content = _written(dumps, body, call.operation)
        url = config.base_url + call.path
        if query:
            url = f"{url}?{_written(encode_query, query, call.operation)}"
        return Request(
            operation=call.operation,
            method=call.method,
            url=url,
            template=call.template,
            headers=headers,
            body=content,
            idempotency_key=key,
            deadline=config.effects.monotonic() + timeout,
            attempt_timeout=attempt_timeout,
            connect_timeout=connect_timeout,
            max_retries=max_retries,
            least_attempt=min(attempt_timeout, LEAST_ATTEMPT, timeout / 2),
            expected=call.expected,
            authorization=self._authorization,
        )

    def _check_publishable(self, call: Call) -> None:
        if not call.publishable or not call.query.get("client_secret"):
            raise ConfigurationError(
                f"A publishable key (pk_) cannot call {call.operation}: use a secret key (sk_) on your server."
                " A publishable key may only retrieve a payment intent, and needs its client_secret for that.",
                operation=call.operation,
            )

    # ---- the call ----

    def run(self, request: Request) -> Coroutine[Any, Any, Response]:
        """Carry a request out, with retries.

        Returns:
            The answer, a success.

        Raises:
            WooshPayError: Anything else.
        """
        return self._run_and_log(request) if calls_are_logged() else self._run(request)

    async def _run_and_log(self, request: Request) -> Response:
        monotonic = self.config.effects.monotonic
        start = monotonic()
        try:
            response = await self._run(request)
        except WooshPayError as error:
            log_call(request, monotonic() - start, error=error)
            raise
        log_call(request, monotonic() - start, response)
        return response

    async def _run(self, request: Request) -> Response:
        try:
            response = await self._call(request)
        except WooshPayError as error:
            identify(error, request)
            raise
        except asyncio.CancelledError as cancelled:
            note_interruption(cancelled, request)
            if request.method != "GET":
                log_interruption(_interrupted(request), request)
            raise
        except Exception as error:  # from a middleware or a hook: the key must not be lost with it
            if isinstance(error, RuntimeError) and not in_event_loop():
                raise _without_event_loop(request) from error
            note_interruption(error, request)
            raise
        if 200 <= response.status < 300:
            return response
        raise improper(request, response) or error_of(request, response, self._retry_after(response))

    async def _attempts(self, request: Request) -> Response:
        ambiguous = answered = False
        doubted: tuple[Json, ...] | None = None
        while True:
            error: TransportError | None = None
            response: Response | None = None
            try:
                response = await self._attempt(request)
            except TransportError as failed:
                error = failed
            except WooshPayError as failed:
                failed.attempts = request.attempt
                failed.outcome = _over_all(failed.outcome, ambiguous=ambiguous, answered=answered)
                raise
            if response is not None and 200 <= response.status < 300:
                problem = examine(request, response)
                if problem is None or (isinstance(problem, Mismatch) and doubted == problem.facts):
                    log_attempt(request, response)
                    if request.attempt == 1:
                        return response
                    return attrs.evolve(response, attempts=request.attempt, ambiguous=ambiguous)
                if isinstance(problem, Mismatch):
                    error = mismatch_error(problem)
                    ambiguous = ambiguous or request.method != "GET"
                    log_attempt(request, response, error)
                    if response.close_connection is not None:
                        response.close_connection()
                    if doubted is not None or not self._can_ask_again(request):
                        raise _finished(
                            _settled(error, request.method, ambiguous=ambiguous, answered=True), request, None
                        )
                    doubted = problem.facts
                    self._tell(request, self._describe(request, None, error), 0.0, error)
                    request = attrs.evolve(request, attempt=request.attempt + 1, new_connection=True)
                    continue
                error = problem
            elif response is not None and (error := improper(request, response)) is not None:
                response = None

            attempt = self._describe(request, None if error is not None else response, error)
            ambiguous = ambiguous or attempt.ambiguous
            answered = answered or response is not None
            log_attempt(request, response, error)
            wait, why_not = self._next_wait(request, attempt)
            if wait is None:
                if response is not None:
                    return attrs.evolve(response, attempts=request.attempt, ambiguous=ambiguous, gave_up=why_not)
                assert error is not None
                raise _finished(
                    _settled(error, request.method, ambiguous=ambiguous, answered=answered), request, why_not
                )

            self._tell(request, attempt, wait, error)
            await self.config.effects.sleep(wait)
            request = attrs.evolve(request, attempt=request.attempt + 1)

    def _can_ask_again(self, request: Request) -> bool:
        """Return whether a request whose response is in doubt can be sent once more, under its key."""
        repeatable = request.method != "POST" or request.idempotency_key is not None
        left = request.deadline - self.config.effects.monotonic()
        return repeatable and not isinstance(request.body, Upload) and left >= request.least_attempt

    async def _send_encrypted(self, request: Request) -> Response:
        """Hold middlewares, which may change the URL, to the rule that a live key never travels in the clear."""
        if not request.url.startswith("https://"):
            raise ConfigurationError(
                "A live key is never sent over plain http, but a middleware changed the URL to it: use https there."
            )
        return await self.transport.send(request)

    async def _within_deadline(self, request: Request) -> Response:
        """Make an attempt through its middlewares, and hold one that waits, such as a rate limiter, to the deadline."""
        sent = False

        async def send(request: Request) -> Response:
            nonlocal sent
            sent = True
            # The transport holds the attempt to the deadline itself, and first reads a response that has arrived.
            scope.reschedule(None)
            try:
                return await self._send(request)
            finally:
                scope.reschedule(end)

        left = request.deadline - self.config.effects.monotonic()
        end = asyncio.get_running_loop().time() + max(left, 0.0)
        scope = asyncio.timeout_at(end)
        try:
            async with scope:
                return await _chain(self.config.attempt_middlewares, send)(request)
        except WooshPayError:  # the transport's own TimeoutError among them, which knows more
            raise
        except builtins.TimeoutError as error:
            if scope.expired():
                raise TimeoutError(
                    "The deadline of the call ended an attempt.", failure="broken" if sent else "not_connected"
                ) from error
            raise

    # ---- deciding ----

    def _describe(self, request: Request, response: Response | None, error: TransportError | None) -> Attempt:
        if response is None:
            return Attempt(
                number=request.attempt,
                method=request.method,
                keyed=request.idempotency_key is not None,
                failure=error.failure if error is not None else None,
            )
        return Attempt(
            number=request.attempt,
            method=request.method,
            keyed=request.idempotency_key is not None,
            status=response.status,
            key_in_use=response.status == 409 and read_failing(response.body).key_in_use,
            replayed=response.headers.get("Idempotent-Replayed") == "true",
            retry_after=self._retry_after(response),
        )

    def _retry_after(self, response: Response) -> float | None:
        return parse_retry_after(response.headers, self.config.effects.now())

    def _next_wait(self, request: Request, attempt: Attempt) -> tuple[float | None, str | None]:
        """Decide how long to wait for the next attempt, or say why there is none."""
        effects = self.config.effects
        wait = self.config.retry_policy.wait(attempt, effects.uniform)
        if wait is None or request.attempt > request.max_retries:
            return None, None
        if isinstance(request.body, Upload) and not request.body.repeatable:
            return None, (
                "The upload was not tried again, as its file can be read only once: pass a path, bytes,"
                " or a file object that can seek."
            )
        left = request.deadline - effects.monotonic()
        if wait + request.least_attempt <= left:
            return wait, None
        if attempt.retry_after is not None and attempt.retry_after >= wait:
            return None, (
                f"WooshPay asks to wait {attempt.retry_after:.4g} s, but the deadline leaves only {max(left, 0):.3g} s:"
                " raise timeout=... or call again later."
            )
        return None, f"The deadline leaves no time for another attempt (attempt {request.attempt} was the last)."

    def _tell(self, request: Request, attempt: Attempt, wait: float, error: TransportError | None) -> None:
        log_retry(request, attempt, wait)
        if self.config.on_retry is not None:
            self.config.on_retry(
                RetryEvent(
                    operation=request.operation,
                    attempt=attempt.number,
                    wait=wait,
                    status=attempt.status,
                    error=None if error is None else error.message,
                    idempotency_key=request.idempotency_key,
                )
            )

    # ---- the result ----

    def decode(self, request: Request, response: Response, returns: Any) -> Any:
        """Make the result of an answer.

        Raises:
            DecodeError: The answer is a success, but not JSON.
            APIError: The response has a 2xx status, but holds an error instead of an object.
        """
        try:
            if not response.body and response.status == 204:
                return reader(returns, strict=self.config.strict)({})
            result = read(response.body, returns, strict=self.config.strict, parsed=response)
            # Nearly every result has an ID, so that nothing else is looked at.
            if getattr(result, "id", None) is None and _has_no_name(result):
                error = error_in_success(request, response)
                if error is not None:
                    log_unusable(request, response, error)
                    raise error
            return result
        except UndocumentedType as error:
            problem = f"strict=True: the answer is not as documented, {error}."
        except (ValueError, RecursionError):
            what = "an empty body" if not response.body else "a body that is not JSON"
            problem = f"WooshPay answered HTTP {response.status} with {what}, so the result cannot be read."
        unusable = DecodeError(
            problem,
            status=response.status,
            body=readable_text(request, response.body),
            outcome="rejected" if request.method == "GET" else "unknown",
            idempotency_key=request.idempotency_key,
            request_id=None if response.request_id is None else one_line(response.request_id, 100),
            attempts=response.attempts,
            operation=request.operation,
        )
        log_unusable(request, response, unusable)
        raise unusable

    def decode_with_response(self, request: Request, response: Response, returns: Any) -> ApiResponse[Any]:
        """Make the result of an answer, together with the answer's facts."""
        return ApiResponse(
            data=self.decode(request, response, returns),
            status=response.status,
            headers=response.headers,
            request_id=response.request_id,
            attempts=response.attempts,
            idempotency_key=request.idempotency_key,
            body=response.body,
        )


def identify(error: WooshPayError, request: Request) -> None:
    """Write on an error which call it belongs to, and the key to resume it with."""
    error.operation = error.operation or request.operation
    error.idempotency_key = error.idempotency_key or request.idempotency_key


def note_interruption(interruption: BaseException, request: Request) -> None:
    """Leave the key on an exception that ends a call from outside, such as Ctrl-C."""
    if request.method != "GET" and (note := _interrupted(request)) not in getattr(interruption, "__notes__", ()):
        interruption.add_note(note)


def _without_event_loop(request: Request) -> ConfigurationError:
    error = without_event_loop()
    identify(error, request)
    return error


def _interrupted(request: Request) -> str:
    text = f"{request.operation} was interrupted and may have been carried out"
    if request.idempotency_key is None:
        return text
    return f"{text}; to be sure, call it again with idempotency key {request.idempotency_key}"


def _has_no_name(result: Any) -> bool:
    """Return whether a result has neither an ID nor an ``object``. Every object of WooshPay has one of them."""
    if result.__class__ is dict:
        return result.get("id") is None and result.get("object") is None
    return getattr(result, "object", None) is None


def _basic(api_key: Secret) -> str:
    from base64 import b64encode

    return f"Basic {b64encode(f'{api_key.reveal()}:'.encode()).decode()}"


def _either(chosen: Any, default: Any) -> Any:
    return default if chosen is UNSET else chosen


def _merged(headers: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """Add headers, replacing those of the same name in whatever case."""
    replaced = {name.lower() for name in more}
    return {**{name: value for name, value in headers.items() if name.lower() not in replaced}, **more}


def _with_extras(
    options: RequestOptions, query: JsonObject, body: JsonObject | None, headers: Mapping[str, str]
) -> tuple[JsonObject, JsonObject | None, Mapping[str, str]]:
    if options.extra_query:
        query = {**query, **options.extra_query}
    if options.extra_body:
        body = {**(body or {}), **options.extra_body}
    if options.headers:
        headers = _merged(headers, options.headers)
    return query, body, headers


def _written(write: Callable[[JsonObject], T], params: JsonObject, operation: str) -> T:
    try:
        return write(params)
    except ValueError as error:
        raise ValueError(f"{operation}(): {redact(str(error))}") from None
    except TypeError as error:
        raise TypeError(f"{operation}(): {redact(str(error))}") from None


def _settled(error: TransportError, method: str, *, ambiguous: bool, answered: bool) -> TransportError:
    """Set the outcome that all attempts have together on the error of the last one."""
    if error.outcome == "unknown" and method == "GET":
        error.outcome = "rejected"  # whatever happened to it, it changed nothing
    error.outcome = _over_all(error.outcome, ambiguous=ambiguous, answered=answered)
    return error


def _over_all(last: Outcome, *, ambiguous: bool, answered: bool) -> Outcome:
    """What all attempts together mean, of which the last one alone would mean ``last``."""
    if ambiguous:
        return "unknown"
    return "rejected" if answered and last == "not_sent" else last


def _finished(error: TransportError, request: Request, why_not: str | None) -> TransportError:
    error.attempts = request.attempt
    if why_not is not None:
        error.message = f"{error.message} {why_not}"
        error.args = (error.message,)
    return error
