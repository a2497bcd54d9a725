"""Redis, as the stores use it: connections for each event loop, and errors without its address."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, TypeVar

from wooshpay.core.loops import PerLoop
from wooshpay.errors import ConfigurationError, WooshPayError

if TYPE_CHECKING:
    from redis.asyncio import Redis

T = TypeVar("T")

_CONNECTIONS: Final = 32
# Number of turns of the event loop before a connection counts as open. Under TLS, one turn does not show that it ended.
_TURNS: Final = 3


class RedisStore:
    """The Redis behind a store.

    Args:
        redis: The address, or a client, which is then used as it is and not closed.
        timeout: Seconds that one operation of `run` may take. Where an address is given, also the limit of each
            connection attempt and of each response.
        name: What the store is called where something goes wrong, such as ``journal``.
        error: What is raised then.

    Raises:
        ConfigurationError: redis-py is not installed.
    """

    def __init__(self, redis: str | Redis, *, timeout: float, name: str, error: type[WooshPayError]) -> None:
        # At the first delivery it would be too late: each one would be answered with 503.
        if isinstance(redis, str) and find_spec("redis") is None:
            raise ConfigurationError(_not_installed(name))
        self._redis = redis
        self._timeout = timeout
        self._name = name
        self._error = error
        self._clients: PerLoop[Redis] = PerLoop(self._connect, self._disconnect)
        # The event loop that a client from outside is used on: its connections cannot be used on another one.
        self._home: weakref.ref[asyncio.AbstractEventLoop] | None = None

    async def run(self, work: Callable[[Redis], Awaitable[T]]) -> T:
        """Run commands within the time limit.

        A client from outside is used on the event loop that used it first, also when another thread's loop calls this.

        Args:
            work: Gets the client and sends the commands.

        Returns:
            What `work` returns.

        Raises:
            WooshPayError: The store's own error. Redis failed, or did not answer in time.
        """
        with self.errors():
            async with asyncio.timeout(self._timeout):
                home = self._home_loop()
                if home is asyncio.get_running_loop():
                    return await work(await self.client())
                return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._work(work), home))

    async def client(self) -> Redis:
        """Return the client of the running loop."""
        return await self._clients.get()

    async def close(self) -> None:
        """Close the connections of the running event loop."""
        with self.errors():
            async with asyncio.timeout(self._timeout):
                await self._clients.close()

    def _home_loop(self) -> asyncio.AbstractEventLoop:
        running = asyncio.get_running_loop()
        if isinstance(self._redis, str):
            return running
        home = self._home() if self._home is not None else None
        if home is None or not home.is_running():
            home, self._home = running, weakref.ref(running)
        return home

    async def _work(self, work: Callable[[Redis], Awaitable[T]]) -> T:
        return await work(await self.client())

    @contextmanager
    def errors(self) -> Generator[None]:
        """Raise the store's error in place of those of Redis."""
        try:
            yield
        except TimeoutError as error:
            raise self._error(
                f"The Redis {self._name} did not answer within {self._timeout:g} seconds (timeout)."
                " Check that Redis runs and answers."
            ) from error
        except OSError as error:
            raise self._failed(error) from error
        except Exception as error:
            from redis.exceptions import RedisError

            if isinstance(error, RedisError):
                raise self._failed(error) from error
            raise

    def _failed(self, error: Exception) -> WooshPayError:
        # The text of redis-py's errors may show the address, and an address may hold a password.
        return self._error(
            f"The Redis {self._name} does not work ({type(error).__name__}). Check that Redis runs and answers."
        )

    async def _connect(self) -> Redis:
        if not isinstance(self._redis, str):
            return self._redis
        try:
            from redis.asyncio import BlockingConnectionPool, Redis
        except ImportError:
            raise self._error(_not_installed(self._name)) from None

        class Pool(BlockingConnectionPool):
            """Opens a connection again that Redis has closed since it was last used. redis-py alone may not notice."""

            async def get_connection(self, *args: Any, **kwargs: Any) -> Any:
                pool: Any = super()
                connection: Any = await pool.get_connection(*args, **kwargs)
                try:
                    if await _has_ended(connection):
                        await connection.disconnect()
                        await connection.connect()
                except BaseException:
                    await self.release(connection)
                    raise
                return connection

        pool: Pool | None = None
        try:
            # With the plain pool, what comes beyond its size fails; with this one it waits for a connection.
            made: Pool = Pool.from_url(  # pyright: ignore[reportUnknownMemberType]  # so typed there
                self._redis,
                max_connections=_CONNECTIONS,
                timeout=None,
                socket_timeout=self._timeout,
                socket_connect_timeout=self._timeout,
            )
            # It reads the options of the address, and does not connect.
            made.make_connection()  # type: ignore[no-untyped-call]  # so typed there
            pool = made
        except (TypeError, ValueError):
            pass
        if pool is None:  # not in the block above, where Python would attach an error that shows the address
            raise self._error(
                f"The address of the Redis {self._name} is not valid, or has an option that redis-py does not know."
                " Use one such as redis://127.0.0.1:6379/0."
            )
        return Redis.from_pool(pool)

    async def _disconnect(self, client: Redis) -> None:
        if isinstance(self._redis, str):
            await client.aclose()


def _not_installed(name: str) -> str:
    return f"A Redis {name} needs the package redis, which is not installed: pip install 'wooshpay[redis]'."


async def _has_ended(connection: Any) -> bool:
    """Return whether the other side has closed a connection, after the event loop has read what arrived on it."""
    # A loop that stood still, as in a frozen process, has not read the end yet.
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    reader: asyncio.StreamReader | None = getattr(connection, "_reader", None)
    writer: asyncio.StreamWriter | None = getattr(connection, "_writer", None)
    if reader is None or writer is None:
        return False
    return reader.at_eof() or reader.exception() is not None or writer.is_closing()
