"""The two clients: `AsyncWooshPay` is awaited, `WooshPay` is called."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from wooshpay.config import (
    DEFAULT_ATTEMPT_TIMEOUT,
    DEFAULT_CONNECT_TIMEOUT,
    DEFAULT_MAX_CONNECTIONS,
    DEFAULT_MAX_ERROR_BYTES,
    DEFAULT_MAX_RESPONSE_BYTES,
    DEFAULT_MAX_RETRIES,
    DEFAULT_TIMEOUT,
    Config,
    RequestOptions,
    resolve,
)
from wooshpay.core.callers import AsyncCaller, SyncCaller
from wooshpay.core.declaration import Async, Caller, Sync, W, undeclared
from wooshpay.core.effects import Effects
from wooshpay.core.json import Json
from wooshpay.core.pipeline import Pipeline
from wooshpay.core.request import Method, Middleware
from wooshpay.core.retry import RetryEvent, RetryPolicy
from wooshpay.core.specification import Specification
from wooshpay.core.tracebacks import forget_locals
from wooshpay.core.unset import UNSET, Unset
from wooshpay.sections import Sections

if TYPE_CHECKING:
    from typing import Self

    from aiohttp import ClientSession

    from wooshpay.core.pipeline import Transport


class Client(Sections[W]):
    """What both clients have: their settings, and the sections of the API."""

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        attempt_timeout: float = DEFAULT_ATTEMPT_TIMEOUT,
        connect_timeout: float = DEFAULT_CONNECT_TIMEOUT,
        max_retries: int = DEFAULT_MAX_RETRIES,
        retry_policy: RetryPolicy | None = None,
        on_retry: Callable[[RetryEvent], None] | None = None,
        headers: Mapping[str, str] | None = None,
        call_middlewares: Sequence[Middleware] = (),
        attempt_middlewares: Sequence[Middleware] = (),
        strict: bool = False,
        max_connections: int = DEFAULT_MAX_CONNECTIONS,
        max_response_bytes: int = DEFAULT_MAX_RESPONSE_BYTES,
        max_error_bytes: int = DEFAULT_MAX_ERROR_BYTES,
        proxy: str | None = None,
        effects: Effects | None = None,
    ) -> None:
        """Set the client up; nothing is sent yet.

        Args:
            api_key: A secret key, ``sk_test_...`` or ``sk_live_...``. Read from ``WOOSHPAY_API_KEY`` when left out.
            base_url: Another host, with or without ``/v1``. Read from ``WOOSHPAY_BASE_URL`` when left out;
                otherwise the key decides between test and live.
            timeout: Seconds that a call may take in all, retries and the waiting between them included.
            attempt_timeout: Seconds that one attempt may take.
            connect_timeout: Seconds that connecting may take.
            max_retries: How many attempts may follow the first.
            retry_policy: When to try again and how long to wait; see `RetryPolicy`.
            on_retry: Told before every wait for another attempt.
            headers: Headers to add to every request.
            call_middlewares: Run once per call, the first one outermost.
            attempt_middlewares: Run once per attempt, the first one outermost.
            strict: Raise `DecodeError` where an answer is not of the documented types. For contract tests.
            max_connections: How many connections are open at a time; further calls wait for one.
            max_response_bytes: Largest body of a response that is read, after decompression. Default: 32 MiB.
            max_error_bytes: Largest body of an error response that is read. Default: 1 MiB.
            proxy: The URL of an http proxy. Read from ``HTTPS_PROXY`` and ``NO_PROXY`` when left out.
            effects: The clock, the waiting and the randomness, for tests.

        Raises:
            ConfigurationError: The settings cannot work; the sentence says what to change.
        """
        try:
            config = resolve(
                api_key,
                base_url,
                os.environ,
                timeout=timeout,
                attempt_timeout=attempt_timeout,
                connect_timeout=connect_timeout,
                max_retries=max_retries,
                retry_policy=retry_policy or RetryPolicy(),
                on_retry=on_retry,
                headers=dict(headers or {}),
                call_middlewares=tuple(call_middlewares),
                attempt_middlewares=tuple(attempt_middlewares),
                strict=strict,
                max_connections=max_connections,
                max_response_bytes=max_response_bytes,
                max_error_bytes=max_error_bytes,
                proxy=proxy,
                effects=effects or Effects(),
            )
        except Exception as error:
            forget_locals(error)
            raise
        finally:
            del api_key, base_url, headers, proxy  # reports of errors keep the variables of all frames
        self._pipeline = Pipeline(config, self._open_transport(config))
        self._caller = self._open_caller(self._pipeline)

    def _open_transport(self, config: Config) -> Transport:
        return _transport(config, None)

    def _open_caller(self, pipeline: Pipeline) -> Caller:
        raise TypeError("Use AsyncWooshPay or WooshPay.")

    def with_options(
        self,
        *,
        api_key: str | Unset = UNSET,
        base_url: str | Unset = UNSET,
        timeout: float | Unset = UNSET,
        attempt_timeout: float | Unset = UNSET,
        connect_timeout: float | Unset = UNSET,
        max_retries: int | Unset = UNSET,
        retry_policy: RetryPolicy | Unset = UNSET,
        on_retry: Callable[[RetryEvent], None] | Unset | None = UNSET,
        headers: Mapping[str, str] | Unset = UNSET,
        call_middlewares: Sequence[Middleware] | Unset = UNSET,
        attempt_middlewares: Sequence[Middleware] | Unset = UNSET,
        strict: bool | Unset = UNSET,
    ) -> Self:
        """Return a client with other settings that uses this client's connections.

        The connections stay with this client: closing the returned one, or leaving its ``with`` block, closes
        nothing, and closing this one ends both. The parameters are those of the constructor, except those
        of the connections. A setting that you do not pass keeps its value.

        Raises:
            ConfigurationError: The settings cannot work.
        """
        changes = {name: value for name, value in locals().items() if name != "self" and value is not UNSET}
        try:
            config = _changed(self._pipeline.config, changes)
        except Exception as error:
            forget_locals(error)
            raise
        finally:
            del api_key, base_url, headers, changes
        copy = type(self).__new__(type(self))
        copy._pipeline = Pipeline(config, self._pipeline.transport)
        copy._caller = self._caller.with_pipeline(copy._pipeline)
        return copy

    def __repr__(self) -> str:
        pipeline: Pipeline | None = getattr(self, "_pipeline", None)
        if pipeline is None:  # its settings were refused
            return f"<{type(self).__name__}>"
        return f"<{type(self).__name__} {pipeline.config.api_key} at {pipeline.config.base_url}>"

    @undeclared
    def request(
        self,
        method: Method,
        path: str,
        /,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        options: RequestOptions | None = None,
    ) -> Json:
        """Call an operation that the SDK does not declare, with the same key, retries and errors.

        Args:
            method: ``GET``, ``POST`` or ``DELETE``.
            path: The path, such as ``/v1/balance``; ids in it already percent-quoted.
            query: Query parameters.
            body: The JSON body.
            options: Settings for this call only.

        Returns:
            The parsed JSON.

        Raises:
            APIError: WooshPay answered with an error.
            TransportError: No complete response arrived.
        """


class AsyncWooshPay(Client[Async]):
    """The asynchronous client.

    Use it with ``async with``, or call ``await client.close()`` when done. One client may serve several event
    loops, one after the other or at the same time; each gets connections of its own.
    """

    _specification = Specification("AsyncWooshPay", awaited=True)

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        attempt_timeout: float = DEFAULT_ATTEMPT_TIMEOUT,
        connect_timeout: float = DEFAULT_CONNECT_TIMEOUT,
        max_retries: int = DEFAULT_MAX_RETRIES,
        retry_policy: RetryPolicy | None = None,
        on_retry: Callable[[RetryEvent], None] | None = None,
        headers: Mapping[str, str] | None = None,
        call_middlewares: Sequence[Middleware] = (),
        attempt_middlewares: Sequence[Middleware] = (),
        strict: bool = False,
        max_connections: int = DEFAULT_MAX_CONNECTIONS,
        max_response_bytes: int = DEFAULT_MAX_RESPONSE_BYTES,
        max_error_bytes: int = DEFAULT_MAX_ERROR_BYTES,
        proxy: str | None = None,
        effects: Effects | None = None,
        session: ClientSession | None = None,
    ) -> None:
        """Set the client up; nothing is sent yet.

        Args:
            api_key: As for `WooshPay`, like all that follow but the last.
            base_url: Another host.
            timeout: Seconds for a call in all.
            attempt_timeout: Seconds for one attempt.
            connect_timeout: Seconds for connecting.
            max_retries: How many attempts may follow the first.
            retry_policy: When to try again.
            on_retry: Told before every wait.
            headers: Headers to add.
            call_middlewares: Run once per call.
            attempt_middlewares: Run once per attempt.
            strict: Refuse answers of undocumented types.
            max_connections: How many connections are open at a time, per event loop.
            max_response_bytes: Largest body of a response.
            max_error_bytes: Largest body of an error response.
            proxy: The URL of an http proxy.
            effects: The clock, the waiting and the randomness.
            session: An aiohttp session to send with. It belongs to one event loop, brings its own limits on
                connections, and is never closed by the client.

        Raises:
            ConfigurationError: The settings cannot work; the sentence says what to change.
        """
        self._session = session
        try:
            super().__init__(
                api_key,
                base_url=base_url,
                timeout=timeout,
                attempt_timeout=attempt_timeout,
                connect_timeout=connect_timeout,
                max_retries=max_retries,
                retry_policy=retry_policy,
                on_retry=on_retry,
                headers=headers,
                call_middlewares=call_middlewares,
                attempt_middlewares=attempt_middlewares,
                strict=strict,
                max_connections=max_connections,
                max_response_bytes=max_response_bytes,
                max_error_bytes=max_error_bytes,
                proxy=proxy,
                effects=effects,
            )
        finally:
            del api_key, base_url, headers, proxy

    def _open_transport(self, config: Config) -> Transport:
        return _transport(config, self._session)

    def _open_caller(self, pipeline: Pipeline) -> Caller:
        return AsyncCaller(pipeline)

    async def close(self) -> None:
        """Close the connections of the running event loop. The client cannot be used afterwards.

        A client from `with_options` has no connections of its own: closing it changes nothing.
        """
        await self._caller.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()


class WooshPay(Client[Sync]):
    """The synchronous client.

    Use it with ``with``, or call ``client.close()`` when done; left open, it closes itself when the program
    ends. Any number of threads may share one. It runs its calls on an event loop of its own, in a thread
    that starts with the first call.
    """

    _specification = Specification("WooshPay", awaited=False)

    def _open_caller(self, pipeline: Pipeline) -> Caller:
        from wooshpay.transport.loop import PrivateLoop

        return SyncCaller(pipeline, PrivateLoop(pipeline.transport.close))

    def close(self) -> None:
        """Close the connections and end the thread. The client cannot be used afterwards.

        Calls that other threads have under way end with a `TransportError`. May be called again, from any thread.
        A client from `with_options` has no connections of its own: closing it changes nothing.
        """
        self._caller.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def _transport(config: Config, session: ClientSession | None) -> Transport:
    from wooshpay.transport.http import HttpTransport

    return HttpTransport(
        max_connections=config.max_connections,
        max_response_bytes=config.max_response_bytes,
        max_error_bytes=config.max_error_bytes,
        proxy=config.proxy,
        monotonic=config.effects.monotonic,
        session=session,
    )


def _changed(config: Config, changes: dict[str, Any]) -> Config:
    if "headers" in changes:
        changes["headers"] = dict(changes["headers"])
    for name in ("call_middlewares", "attempt_middlewares"):
        if name in changes:
            changes[name] = tuple(changes[name])
    if "api_key" in changes or "base_url" in changes:
        key = changes.pop("api_key", config.api_key.reveal())
        same_mode = ("_live_" in key[:8]) == config.live
        # A key of the other mode must not follow the host of this one.
        url = changes.pop("base_url", config.base_url if same_mode else None)
        target = resolve(key, url, {})
        changes |= {"api_key": target.api_key, "base_url": target.base_url}
    return attrs.evolve(config, **changes)
