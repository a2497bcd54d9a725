"""An inbox in Redis: for any number of machines. It needs the extra ``redis``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wooshpay.core.redis import RedisStore
from wooshpay.core.tracebacks import discreet
from wooshpay.errors import InboxError
from wooshpay.webhooks.inbox.contract import (
    LEASE,
    RETENTION,
    Claim,
    Counts,
    Taken,
    check_times,
    new_claim,
    stored_id,
)

if TYPE_CHECKING:
    from redis.asyncio import Redis

# A key holds "h:<token>" while the event is held, and expires with the lease; "d:<token>" when it is done, and
# expires with the retention. So Redis' own clock decides, and nothing has to be cleaned up.
_RENEW: Final = """
if redis.call('GET', KEYS[1]) == 'h:' .. ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0
"""
_DONE: Final = """
local kept = redis.call('GET', KEYS[1])
if kept and kept ~= 'h:' .. ARGV[1] and kept ~= 'd:' .. ARGV[1] then return 0 end
redis.call('SET', KEYS[1], 'd:' .. ARGV[1], 'PX', ARGV[2])
return 1
"""
_GIVE_BACK: Final = """
if redis.call('GET', KEYS[1]) == 'h:' .. ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


class RedisInbox:
    """Keeps the events in Redis, each under a key of its own that expires by itself.

    What Redis forgets runs again: it must not evict (``maxmemory-policy noeviction``), and should write to disk
    (``appendonly yes``) if it may restart within 72 hours.

    Args:
        redis: The address, such as ``redis://127.0.0.1:6379/0``, or a client of ``redis.asyncio``, which is then
            used on the event loop that uses it first, and not closed.
        prefix: What the keys begin with.
        lease: Seconds for which a claim holds unless it is renewed.
        retention: Seconds for which done events are remembered; at least 72 hours.
        timeout: Seconds that one operation may take. Then it fails with `InboxError`. `counts` works in steps, each of
            which may take so long.
    """

    @discreet
    def __init__(
        self,
        redis: str | Redis,
        *,
        prefix: str = "wooshpay:inbox:",
        lease: float = LEASE,
        retention: float = RETENTION,
        timeout: float = 5.0,
    ) -> None:
        check_times(lease, retention, timeout)
        self.lease = lease
        self.retention, self.any_loop = retention, isinstance(redis, str)
        self._prefix = prefix
        self._redis = RedisStore(redis, timeout=timeout, name="inbox", error=InboxError)

    async def claim(self, event_id: str) -> Claim | Taken:
        """Take an event."""
        key, claim = self._key(event_id), new_claim(event_id)
        mine = f"h:{claim.token}"

        async def work(client: Redis) -> Claim | Taken:
            while True:
                if await client.set(key, mine, nx=True, px=_milliseconds(self.lease)):
                    return claim
                kept = await client.get(key)
                # The client sends a command again when its response is lost: then the first one has taken the event.
                if kept is not None and _text(kept) == mine:
                    return claim
                if kept is not None:
                    return "done" if _text(kept).startswith("d:") else "held"
                # It was given back or lapsed between the two commands: it is free.

        return await self._redis.run(work)

    async def renew(self, claim: Claim) -> bool:
        """Hold an event for another lease."""
        return await self._script(_RENEW, claim, self.lease)

    async def done(self, claim: Claim) -> bool:
        """Note that an event is done."""
        return await self._script(_DONE, claim, self.retention)

    async def give_back(self, claim: Claim) -> None:
        """Let the next delivery run the event again."""
        await self._script(_GIVE_BACK, claim, 0)

    async def counts(self) -> Counts:
        """How many events there are. It walks through the keys, in steps that do not hold Redis up."""
        pattern = f"{_quoted(self._prefix)}*"

        async def step(client: Redis) -> tuple[int, list[Any]]:
            found = client.scan(cursor, match=pattern, count=1000)  # pyright: ignore[reportUnknownMemberType]  # so typed there
            following, keys = await found
            return following, await client.mget(keys) if keys else []

        held = done = cursor = 0
        while True:
            cursor, values = await self._redis.run(step)
            for kept in values:
                if kept is not None:
                    done += _text(kept).startswith("d:")
                    held += _text(kept).startswith("h:")
            if cursor == 0:
                return Counts(held, done)

    async def forget_old(self) -> int:
        """Nothing to do: Redis forgets by itself."""
        return 0

    async def close(self) -> None:
        """Close the connections of the running event loop."""
        await self._redis.close()

    async def _script(self, script: str, claim: Claim, seconds: float) -> bool:
        async def work(client: Redis) -> bool:
            answer: Any = client.eval(script, 1, self._key(claim.event_id), claim.token, str(_milliseconds(seconds)))
            return bool(await answer)

        return await self._redis.run(work)

    def _key(self, event_id: str) -> str:
        return f"{self._prefix}{stored_id(event_id)}"


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _text(value: bytes | str) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _quoted(prefix: str) -> str:
    """The prefix as a pattern that matches only itself."""
    return "".join(f"\\{letter}" if letter in r"\*?[]^-" else letter for letter in prefix)
