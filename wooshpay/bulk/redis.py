"""A journal in Redis: for any number of machines. It needs the extra ``redis``."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import attrs

from wooshpay.bulk.journal import KEY_LIFETIME, Change, Entry, Run, RunChange, RunEntry
from wooshpay.bulk.outbox import RedisOutbox
from wooshpay.core.redis import RedisStore
from wooshpay.errors import ConfigurationError, JournalError

if TYPE_CHECKING:
    from redis.asyncio import Redis

RETENTION: Final = 30 * 86_400.0
# In milliseconds, as Redis counts.
_DAY: Final = 86_400_000

# Writes the new entry where the old one is still what the change was made of: otherwise another worker came between.
_SWAP: Final = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""


class RedisJournal:
    """Keeps each entry under a key of its own, which is forgotten when it has not changed for long.

    A row that Redis forgets is a new row: Redis must not evict (``maxmemory-policy noeviction``), and must write to
    disk (``appendonly yes``) if it may restart during a run.

    Args:
        redis: The address, such as ``redis://127.0.0.1:6379/0``, or a client of ``redis.asyncio``, which is then used
            on one event loop only and not closed.
        prefix: What the keys begin with.
        retention: Seconds for which rows are remembered; at least a day. Give a run that may go on later a longer one.
        timeout: Seconds that one operation may take. Then it fails with `JournalError`.
    """

    def __init__(
        self,
        redis: str | Redis,
        *,
        prefix: str = "wooshpay:bulk:",
        retention: float = RETENTION,
        timeout: float = 5.0,
    ) -> None:
        if retention < KEY_LIFETIME:
            raise ConfigurationError(
                f"retention must be at least {KEY_LIFETIME:g} seconds: a row that is forgotten earlier would be sent"
                " again as a new one."
            )
        self._prefix = prefix
        self._retention = max(1, round(retention * 1000))
        self._redis = RedisStore(redis, timeout=timeout, name="journal", error=JournalError)

    async def change_run(self, run: Run, change: RunChange, /) -> None:
        """Change the entry of a run."""

        def changed(kept: str) -> str | None:
            entry = change(RunEntry(**json.loads(kept)) if kept else None)
            return None if entry is None else json.dumps(attrs.asdict(entry))

        # Without the entry of its run, no entry of a row can be read: it must be remembered the longest.
        await self._swap(f"{self._prefix}run:{run.id}", changed, self._retention + _DAY)

    async def change(self, run: Run, row_id: str, change: Change, /) -> None:
        """Change the entry of a row."""

        def changed(kept: str) -> str | None:
            entry = change(Entry(**json.loads(kept)) if kept else None)
            return None if entry is None else json.dumps(attrs.asdict(entry))

        # Versions up to 0.1 kept a row here. Taken for a new one, it would be done again.
        before = f"{self._prefix}row:{json.dumps([run.name, run.operation, run.host])}:{row_id}"
        await self._swap(f"{self._prefix}entry:{run.id}:{row_id}", changed, self._retention, before)

    async def _swap(
        self, key: str, changed: Callable[[str], str | None], retention: int, before: str | None = None
    ) -> None:
        # Written behind the entry, so that no two writes are equal.
        token = secrets.token_hex(8)

        async def work(client: Redis) -> None:
            written: str | None = None
            while True:
                found: Any = await client.get(key)
                kept = found.decode() if isinstance(found, bytes) else found or ""
                if kept == written:
                    # redis-py sends a command again when its response is lost. Then the first one has written this.
                    return
                if not kept and before is not None and await client.exists(before):
                    raise JournalError(
                        "The Redis journal holds this row in the format of an earlier version of wooshpay, which cannot"
                        " be read any more. Nothing was sent. Finish the run with that version, or choose another name."
                    )
                made = changed(kept.partition("\n")[0])
                if made is None:
                    return
                written = f"{made}\n{token}"
                answer: Any = client.eval(_SWAP, 1, key, kept, written, str(retention))
                if await answer:
                    return

        await self._redis.run(work)

    def outbox(self) -> RedisOutbox:
        """Return the outbox in the same Redis, for `wooshpay.bulk.celery`."""
        return RedisOutbox(self._redis, prefix=self._prefix, retention=self._retention / 1000)

    async def close(self) -> None:
        """Close the connections of the running event loop."""
        await self._redis.close()
