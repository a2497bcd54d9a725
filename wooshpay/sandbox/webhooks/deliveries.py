"""Webhook deliveries: real, signed POSTs to every endpoint that wants an event, repeated until it answers 2xx."""

from __future__ import annotations

import asyncio
import heapq
import random
import secrets
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import attrs

from wooshpay.core.json import dumps
from wooshpay.sandbox.engine.clock import real_time
from wooshpay.sandbox.engine.guard import Guard
from wooshpay.sandbox.engine.keeping import Row, decode, encode
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.engine.wakeup import Wakeup
from wooshpay.sandbox.webhooks.options import WebhookOptions
from wooshpay.sandbox.webhooks.posting import DeliveryAttempt, post
from wooshpay.sandbox.webhooks.signing import Signing, signature_headers

if TYPE_CHECKING:
    import aiohttp

MOST_ATTEMPTS: Final = 18
WINDOW: Final = 72 * 3_600_000
# The machine's clock may be set back a little between two attempts.
_CLOCK_ERROR: Final = 60_000
_GROWTH: Final = 1.5
# The name of the options among the deliveries in a state file.
_OPTIONS: Final = "options"
# What an event remembers: when it was first signed, in milliseconds of the machine's time.
_FIRST_SIGNED: Final = "first_signed"

DeliveryState: TypeAlias = Literal["pending", "delivered", "given_up"]


def attempt_offset(number: int) -> int:
    """Milliseconds between the first attempt and the one with this number, counted from 0.

    Documented are 18 attempts in 72 hours with growing gaps; here each gap is half as long again.
    """
    return round(WINDOW * (_GROWTH**number - 1) / (_GROWTH ** (MOST_ATTEMPTS - 1) - 1))


@attrs.define(kw_only=True, eq=False)
class Delivery:
    """One event on its way to one endpoint.

    Attributes:
        event_id: The event.
        event_type: Its type.
        endpoint_id: The endpoint.
        body: The bytes of every attempt.
        signed_at: When it was first signed, in milliseconds of the machine's time; ``None`` before the first attempt.
            Every attempt has the signature of the first one.
        signing: How it is signed.
        next_at: When the next attempt is due; ``None`` where there is none.
        state: How it stands.
        attempts: The attempts so far.
    """

    event_id: str
    event_type: str
    endpoint_id: str
    body: bytes = attrs.field(repr=False)
    signed_at: int | None = None
    signing: Signing = attrs.field(factory=Signing)
    first_at: int
    next_at: int | None
    state: DeliveryState = "pending"
    attempts: list[DeliveryAttempt] = attrs.field(factory=list[DeliveryAttempt])
    number: int = attrs.field(repr=False)

    @property
    def id(self) -> str:
        """Its name among the deliveries of the sandbox, such as ``delivery_1``."""
        return f"delivery_{self.number + 1}"


class Deliveries:
    """Takes events and sees to their deliveries. Every endpoint has a lane: its events come one after another.

    Args:
        state: The sandbox.
        lock: Guards the objects.
        seed: Makes disorder repeatable.
        real_now: The machine's time in milliseconds. Receivers compare the time of a signature with their own clock,
            which does not follow the sandbox's.
    """

    table = "deliveries"

    def __init__(
        self, state: State, lock: Guard, *, seed: int | None = None, real_now: Callable[[], int] = real_time
    ) -> None:
        self._state = state
        self._lock = lock
        self._seed = seed
        self._real_now = real_now
        self._options = WebhookOptions()
        self._options_changed = False
        self._chance = random.Random(seed)  # noqa: S311  # a seed asks for chance that repeats
        # Grows with every change, so that whoever shows deliveries knows when to look again.
        self.moves = 0
        self._all: list[Delivery] = []
        self._lanes: dict[str, list[tuple[int, int, Delivery]]] = {}
        self._count = 0
        # The deliveries that the state file does not hold as they are; None without a file.
        self._changed: dict[int, Delivery] | None = None
        # The numbers of deliveries that the state file still holds although they were dropped.
        self._dropped: set[int] = set()
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._in_flight: set[int] = set()
        self._wakeup = Wakeup()
        self._on_change: Callable[[], None] = _ignore
        # The attempts since the sandbox started, in order: the number of the delivery, and which of its attempts.
        self._finished: list[tuple[int, int]] = []
        # Differs in every run, so that whoever follows the attempts notices a restart.
        self._run = secrets.token_hex(8)

    def all(self) -> list[Delivery]:
        """Every delivery so far, oldest first."""
        with self._lock:
            return list(self._all)

    @property
    def position(self) -> str:
        """Where the attempts so far end, for `attempts_after`."""
        with self._lock:
            return f"{self._run}-{len(self._finished)}"

    def attempts_after(
        self, position: str | None, *, endpoint_id: str | None, most: int
    ) -> tuple[list[tuple[Delivery, DeliveryAttempt]], str]:
        """Return the attempts that were finished after a position, in order, and the position after them.

        Args:
            position: A position that was returned before. From an earlier run of the sandbox, or ``None``, it means
                the start of this run.
            endpoint_id: Only attempts at this endpoint. Default: all.
            most: The largest number of attempts to look at.
        """
        run, _, count = (position or "").rpartition("-")
        with self._lock:
            begin = int(count) if run == self._run and count.isdecimal() else 0
            found = self._finished[begin : begin + most]
            deliveries = [(self._all[number], place) for number, place in found]
            attempts = [
                (delivery, delivery.attempts[place])
                for delivery, place in deliveries
                if endpoint_id in {None, delivery.endpoint_id}
            ]
            return attempts, f"{self._run}-{begin + len(found)}"

    @property
    def busy(self) -> bool:
        """Whether an attempt is due or under way."""
        with self._lock:
            now = self._state.clock.now
            return bool(self._under_way) or any(lane and lane[0][0] <= now for lane in self._lanes.values())

    def on_change(self, listener: Callable[[], None]) -> None:
        """Be told, on the loop, when an attempt is over."""
        self._on_change = listener

    def wake(self) -> None:
        """Look again at what is due. Works from any thread."""
        self._wakeup.set()

    @property
    def options(self) -> WebhookOptions:
        """What happens to the deliveries that begin from now on."""
        return self._options

    @options.setter
    def options(self, options: WebhookOptions) -> None:
        with self._lock:
            self._options, self._options_changed = options, True
            seed = self._seed if options.seed is None else options.seed
            self._chance = random.Random(seed)  # noqa: S311  # chance that repeats is what is asked for

    def take(self, event: Record) -> None:
        """Deliver an event to every endpoint that wants it, as the options say."""
        with self._lock:
            if self._options.created_unit != "milliseconds":
                event.private["created_unit"] = self._options.created_unit
            for endpoint in self._wanting(event):
                for _ in range(1 + self._options.duplicates):
                    held_back = self._options.delay + self._options.disorder * self._chance.random()
                    self._begin(event, endpoint.id, self._state.clock.now + round(held_back * 1000))
        self.wake()

    def resend(self, event: Record, endpoint_id: str | None = None) -> list[Delivery]:
        """Deliver an event anew and at once: to every endpoint that wants it, or to one, whatever it wants."""
        with self._lock:
            ids = [endpoint.id for endpoint in self._wanting(event)] if endpoint_id is None else [endpoint_id]
            made = [self._begin(event, id, self._state.clock.now) for id in ids]
        self.wake()
        return made

    def clear(self) -> None:
        """Drop all deliveries. The outcome of an attempt that is under way is not noted. The options are the default
        ones again.
        """
        with self._lock:
            if self._changed is not None:
                self._dropped.update(range(len(self._all)))
                self._changed = {}
            # A new set, so that attempts under way find out that their deliveries were dropped.
            self._all, self._lanes, self._in_flight = [], {}, set()
            # And another run, so that a listener which follows the attempts begins with the first one again.
            self._finished, self._run = [], secrets.token_hex(8)
            self.moves += 1
            self.options = WebhookOptions()
        self.wake()

    def _wanting(self, event: Record) -> list[Record]:
        """The endpoints that an event goes to, oldest first."""
        return [
            endpoint
            for endpoint in reversed(list(self._state.store["webhook_endpoint"]))
            if endpoint["status"] == "enabled" and not {"*", event["type"]}.isdisjoint(endpoint["enabled_events"])
        ]

    def _begin(self, event: Record, endpoint_id: str, due: int) -> Delivery:
        delivery = Delivery(
            event_id=event.id,
            event_type=event["type"],
            endpoint_id=endpoint_id,
            body=dumps(self._options.delivered(self._state.view(event))),
            signing=self._options.signing,
            first_at=due,
            next_at=due,
            number=len(self._all),
        )
        self._all.append(delivery)
        self._touch(delivery)
        self._put(delivery, due)
        return delivery

    async def run(self, session: aiohttp.ClientSession) -> None:
        """Make the attempts as they fall due, until cancelled."""
        self._wakeup.open()
        try:
            while True:
                wait = self._start_due(session)
                await self._wakeup.wait(wait)
        finally:
            self._wakeup.close()
            tasks = list(self._under_way.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # ---- for the state file

    def restore(self, rows: Iterable[Row]) -> None:
        """Begin with the deliveries that the state file holds; what is due is due, also what was under way."""
        self._all, self._lanes, self._changed, self._dropped = [], {}, {}, set()
        for row in rows:
            if row.id == _OPTIONS:
                self.options = WebhookOptions(**decode(row.body or b""))
                continue
            delivery = _load(row)
            self._all.append(delivery)
            # One that is under way comes back to its lane when the attempt has failed.
            if delivery.next_at is not None and delivery.number not in self._in_flight:
                self._put(delivery, delivery.next_at)
        self._options_changed = False

    def changes(self) -> list[Row]:
        """The deliveries that the state file does not hold as they are."""
        changed, self._changed = self._changed or {}, {}
        dropped, self._dropped = self._dropped, set()
        rows = [Row(str(number), None) for number in sorted(dropped - changed.keys())]
        rows += [_row(delivery) for delivery in changed.values()]
        if self._options_changed:
            self._options_changed = False
            rows.append(Row(_OPTIONS, encode(attrs.asdict(self._options)), -1))
        return rows

    def _touch(self, delivery: Delivery) -> None:
        """Note that a delivery changes."""
        self.moves += 1
        if self._changed is not None:
            self._changed[delivery.number] = delivery

    def _put(self, delivery: Delivery, due: int) -> None:
        self._count += 1
        heapq.heappush(self._lanes.setdefault(delivery.endpoint_id, []), (due, self._count, delivery))

    def _start_due(self, session: aiohttp.ClientSession) -> float | None:
        """Start what is due in every lane that is free; give the seconds until there is more to do."""
        waits: list[float] = []
        with self._lock:
            for endpoint_id, lane in self._lanes.items():
                if endpoint_id in self._under_way or not lane:
                    continue
                wait = self._state.clock.seconds_until(lane[0][0])
                if wait is None or wait > 0:
                    waits += [] if wait is None else [wait]
                    continue
                due, _, delivery = heapq.heappop(lane)
                self._in_flight.add(delivery.number)
                self._under_way[endpoint_id] = asyncio.create_task(
                    self._attempt(session, delivery, due, self._in_flight)
                )
        return min(waits, default=None)

    async def _attempt(self, session: aiohttp.ClientSession, delivery: Delivery, due: int, under_way: set[int]) -> None:
        try:
            with self._lock:
                if under_way is not self._in_flight:
                    return  # all deliveries were dropped before this attempt began
                # By its number: where work was undone meanwhile, another object stands for it.
                delivery = self._all[delivery.number]
                endpoint = self._state.store["webhook_endpoint"].get(delivery.endpoint_id)
                if endpoint is None or endpoint["status"] != "enabled":
                    self._touch(delivery)
                    delivery.state, delivery.next_at = "given_up", None
                    return
                # In the state file before it is sent, so that an attempt after a crash has the same signature.
                signed_at = self.sign(delivery)
            headers = signature_headers(delivery.body, endpoint["secret"], signed_at, delivery.signing)
            attempt = await post(session, endpoint["url"], delivery.body, headers, due)
            with self._lock:
                if under_way is self._in_flight:
                    # By its number: where work was undone meanwhile, another object stands for it.
                    self._note(self._all[delivery.number], attempt)
        finally:
            del self._under_way[delivery.endpoint_id]
            under_way.discard(delivery.number)
            self._wakeup.set()
            self._on_change()

    def sign(self, delivery: Delivery) -> int:
        """Return when a delivery was first signed. All deliveries of an event within the window share that time."""
        now = self._real_now()
        if delivery.signed_at is not None and _is_current(delivery.signed_at, now):
            return delivery.signed_at
        event = self._state.store["event"].get(delivery.event_id)
        first: int | None = None if event is None else event.private.get(_FIRST_SIGNED)
        if first is None or not _is_current(first, now):
            first = now
            if event is not None:
                event.private[_FIRST_SIGNED] = now
        self._touch(delivery)
        delivery.signed_at = first
        return first

    def _note(self, delivery: Delivery, attempt: DeliveryAttempt) -> None:
        self._touch(delivery)
        self._finished.append((delivery.number, len(delivery.attempts)))
        delivery.attempts.append(attempt)
        if attempt.succeeded:
            delivery.state, delivery.next_at = "delivered", None
        elif len(delivery.attempts) == MOST_ATTEMPTS:
            delivery.state, delivery.next_at = "given_up", None
        else:
            delivery.next_at = delivery.first_at + attempt_offset(len(delivery.attempts))
            self._put(delivery, delivery.next_at)


def _is_current(signed_at: int, now: int) -> bool:
    """Whether WooshPay would still deliver with a signature of this time.

    It never delivers with one that is older than the window. One from the future is that of a state file of an earlier
    version, which kept the sandbox's time.
    """
    return -_CLOCK_ERROR <= now - signed_at <= WINDOW


def _row(delivery: Delivery) -> Row:
    facts = attrs.asdict(delivery)
    facts["body"] = delivery.body.decode()
    return Row(str(delivery.number), encode(facts), delivery.number)


def _load(row: Row) -> Delivery:
    facts = decode(row.body or b"")
    facts["body"] = facts["body"].encode()
    if "signing" not in facts:  # a state file of an earlier version, in which the time was that of the sandbox
        tried = bool(facts["attempts"])
        facts["signed_at"] = facts["signed_at"] * 1000 if tried else None
        facts["signing"] = {"unit": "seconds", "header": "Wooshpay-Signature"} if tried else {}
    facts["signing"] = Signing(**facts["signing"])
    facts["attempts"] = [DeliveryAttempt(**attempt) for attempt in facts["attempts"]]
    return Delivery(**facts)


def _ignore() -> None:
    """Nobody waits."""
