"""Redis, as the stores use it: connections for each event loop, and errors without its address."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from wooshpay.core.loops import PerLoop
from wooshpay.errors import WooshPayError

if TYPE_CHECKING:
    from redis.asyncio import Redis

_CONNECTIONS: Final = 32


class RedisStore:
    """The Redis behind a store.

    Args:
        redis: The address, or a client, which is then used as it is and not closed.
        timeout: Seconds to wait for an answer; for an address only.
        name: What the store is called where something goes wrong, such as ``journal``.
        error: What is raised then.
    """

    def __init__(self, redis: str | Redis, *, timeout: float, name: str, error: type[WooshPayError]) -> None:
        self._redis = redis
        self._timeout = timeout
        self._name = name
        self._error = error
        self._clients: PerLoop[Redis] = PerLoop(self._connect, self._disconnect)

    async def client(self) -> Redis:
        """The running loop's own client."""
        return await self._clients.get()

    async def close(self) -> None:
        """Close the connections of the running event loop."""
        await self._clients.close()

    @contextmanager
    def errors(self) -> Generator[None]:
        """Raise the store's error in place of those of Redis."""
        try:
            yield
        except (OSError, TimeoutError) as error:
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
            raise ModuleNotFoundError(
                f"A Redis {self._name} needs the package redis, which is not installed: pip install 'wooshpay[redis]'."
            ) from None
        # With the plain pool, what comes beyond its size fails; with this one it waits for a connection.
        pool: BlockingConnectionPool = BlockingConnectionPool.from_url(  # pyright: ignore[reportUnknownMemberType]  # so typed there
            self._redis,
            max_connections=_CONNECTIONS,
            timeout=None,
            socket_timeout=self._timeout,
            socket_connect_timeout=self._timeout,
        )
        return Redis.from_pool(pool)

    async def _disconnect(self, client: Redis) -> None:
        if isinstance(self._redis, str):
            await client.aclose()
