"""Charges and refunds in bad weather, and the inquest afterwards: was each of them made exactly once?"""

from __future__ import annotations

import itertools
import json
import math
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import attrs

from benchmarks.faulty_proxy import LINE_FAULTS, FaultyProxy, LineFault, Message
from benchmarks.purchases import CROWDS, Crowd, Ending, LogicalCall, World, payments, refunds
from wooshpay import Effects, RetryEvent, RetryPolicy, WooshPayError
from wooshpay.core.json import JsonObject
from wooshpay.sandbox import Sandbox
from wooshpay.sandbox.requests.fault_kinds import FaultKind
from wooshpay.sandbox.sandbox import SyncSandbox

# Of all attempts; one half is met on the line, the other in the server.
FAULTY: Final = 0.3
# Of the attempts' time: the client has given one up when its work is done after all.
SLOW: Final = 1.3
SERVER_FAULTS: Final[tuple[FaultKind, ...]] = (
    "refuse",
    "drop_before",
    "drop_after",
    "cut_body",
    "stall",
    "stall_after",
    "slow",
    "stale_close",
    "rate_limit",
    "server_error",
    "unavailable",
    "bad_gateway",
)


@attrs.define
class Findings:
    """What happened, and what is wrong with it.

    Attributes:
        calls: Logical calls, not counting those that resume one.
        attempts: Attempts of all calls, as the client counts them.
        faults: The faults that attempts met, by kind.
        returned: Calls that returned at the first go.
        raised: Calls that raised, by outcome.
        unknown_and_done: Calls that raised ``unknown`` and had been carried out.
        resumed: Calls that were resumed with their key until they had their object.
        duplicates: Objects that are there more than once.
        lost: Objects that a call returned, or was resumed for, and that are not there.
        untrue: What a result or an error said that is not so, in sentences.
        seconds: How long the calls took.
    """

    calls: int = 0
    attempts: int = 0
    faults: Counter[str] = attrs.field(factory=Counter[str])
    returned: int = 0
    raised: Counter[str] = attrs.field(factory=Counter[str])
    unknown_and_done: int = 0
    resumed: int = 0
    duplicates: int = 0
    lost: int = 0
    untrue: list[str] = attrs.field(factory=list[str])
    seconds: float = 0.0

    @property
    def wrong(self) -> list[str]:
        """Everything that is wrong, in sentences."""
        counted = {"objects are there twice": self.duplicates, "objects are lost": self.lost}
        return [*(f"{count} {what}" for what, count in counted.items() if count), *self.untrue]


@attrs.define
class Inquest:
    """Lets a crowd make calls through the weather, and finds out what came of them.

    Attributes:
        sandbox: The server, which knows what was made.
        proxy: The line, which knows what was sent.
        crowd: Who makes the calls.
        findings: What it comes to.
        slow: Seconds after which all work is done that a client has given up.
    """

    sandbox: SyncSandbox
    proxy: FaultyProxy
    crowd: Crowd
    findings: Findings
    slow: float

    def of(self, calls: Sequence[LogicalCall], kind: str) -> list[JsonObject]:
        """Make calls, resume those that raised until each has its object, and look at everything.

        Returns:
            The objects that are there.
        """
        started = time.perf_counter()
        endings = self.crowd.make_all(calls, {})
        self.findings.seconds += time.perf_counter() - started
        self.findings.calls += len(calls)
        self.findings.attempts += len(calls)
        time.sleep(self.slow)
        self._examine(endings, self._there(kind))
        keys = {
            ending.call.name: ending.error.idempotency_key
            for ending in endings
            if ending.error is not None and ending.error.idempotency_key is not None
        }
        self._resume([ending.call for ending in endings if ending.call.name in keys], keys, kind)
        there = self._there(kind)
        for call in calls:
            self._expect_once(call, len(there.get(call.name, [])))
        return list(itertools.chain.from_iterable(there.values()))

    def _there(self, kind: str) -> dict[str, list[JsonObject]]:
        there: dict[str, list[JsonObject]] = {}
        for found in self.sandbox.store.all(kind):
            there.setdefault(found["metadata"]["name"], []).append(found)
        return there

    def _examine(self, endings: Sequence[Ending], there: dict[str, list[JsonObject]]) -> None:
        """Hold what each call said against what was sent and made."""
        for ending in endings:
            made = there.get(ending.call.name, [])
            if ending.error is None:
                self.findings.returned += 1
                self._check_own(ending, made)
            else:
                self.findings.raised[ending.error.outcome] += 1
                self.findings.unknown_and_done += bool(made)
                self._check_truth(ending.call, ending.error, len(made))

    def _check_own(self, ending: Ending, there: Sequence[JsonObject]) -> None:
        name, made = ending.call.name, ending.made
        if not ending.call.possible:
            self._accuse(f"{name} returned, though it is impossible")
        wanted = ({"name": name}, ending.call.arguments.get("amount", made.amount))
        if (made.metadata, made.amount) != wanted or made.id not in [found["id"] for found in there]:
            self._accuse(f"{name} returned an object that is not its own: {made.id}")

    def _check_truth(self, call: LogicalCall, error: WooshPayError, made: int) -> None:
        if error.outcome == "not_sent" and self.proxy.attempts.get(call.name):
            self._accuse(f"{call.name} was sent, and its error says not_sent: {error}")
        if error.outcome != "unknown" and made:
            self._accuse(f"{call.name} was carried out, and its error says {error.outcome}: {error}")
        if error.idempotency_key is None:
            self._accuse(f"{call.name} raised without its key: {error}")

    def _expect_once(self, call: LogicalCall, count: int) -> None:
        if count > call.possible:
            self.findings.duplicates += count - call.possible
        elif count < call.possible:
            self.findings.lost += 1
        keys = {attempt.key for attempt in self.proxy.attempts.get(call.name, [])}
        if len(keys) > 1:
            self._accuse(f"{call.name} was sent with {len(keys)} keys")

    def _resume(self, calls: Sequence[LogicalCall], keys: dict[str, str], kind: str) -> None:
        """Go on in the same weather until nobody is in doubt any more."""
        calls = [attrs.evolve(call, max_retries=5) for call in calls]
        for _ in range(10):
            self.findings.attempts += len(calls)
            endings = self.crowd.make_all(calls, keys)
            there = self._there(kind)
            for ending in endings:
                if ending.error is None:
                    self.findings.resumed += 1
                    self._check_own(ending, there.get(ending.call.name, []))
            calls = [ending.call for ending in endings if not _settled(ending)]
            if not calls:
                return
        self.findings.untrue += [f"{call.name} could not be resumed" for call in calls]

    def _accuse(self, sentence: str) -> None:
        self.findings.untrue.append(sentence)


def _settled(ending: Ending) -> bool:
    """Whether a resumed call is over: it has its object, or WooshPay has said that it is impossible."""
    return ending.error is None or getattr(ending.error, "code", None) == "amount_too_large"


def investigate(world: World, calls: int, *, seed: int, patience: float = 1.0, **settings: Any) -> Findings:
    """Let a crowd charge and refund through faults; find out what came of it.

    Args:
        world: Which client.
        calls: How many logical calls.
        seed: Makes the weather repeatable, as far as the order of events allows.
        patience: Seconds that an attempt may take.
        **settings: More settings of the client.
    """
    findings = Findings()
    counting = threading.Lock()

    def on_retry(event: RetryEvent) -> None:
        with counting:
            findings.attempts += 1
            if event.error is not None and "could not be reached" in event.error:
                findings.faults["refused"] += 1

    line = FAULTY / 2
    server = FAULTY / 2 / (1 - line)
    slow = SLOW * patience
    with Sandbox(seed=seed) as sandbox:
        for kind in SERVER_FAULTS:
            sandbox.faults.add(
                kind,
                probability=server / len(SERVER_FAULTS),
                seconds=slow,
                retry_after=0.02,
                retry_after_form="milliseconds",
            )
        chances: dict[LineFault, float] = {fault: line / len(LINE_FAULTS) for fault in LINE_FAULTS}
        with FaultyProxy(sandbox.base_url, name_of=_name_of, chances=chances, seed=seed) as proxy:
            crowd = CROWDS[world](
                {
                    "api_key": sandbox.api_key,
                    "base_url": proxy.url,
                    "attempt_timeout": patience,
                    "retry_policy": RetryPolicy(base=0.02),
                    "on_retry": on_retry,
                    "effects": Effects(uniform=random.Random(seed).uniform),
                    **settings,
                }
            )
            inquest = Inquest(sandbox, proxy, crowd, findings, slow)
            share = math.ceil(4 * (calls + 3) / 11)  # there are seven refunds for four payments
            paid = inquest.of(payments(share), "payment_intent")
            refunded = inquest.of(refunds(paid, calls - share), "refund")
            findings.untrue += sums_that_differ(paid, refunded, sandbox.store.all("charge"))
            findings.faults.update(proxy.hits)
            findings.faults.update({fault.kind: fault.hits for fault in sandbox.faults})
    return findings


def sums_that_differ(
    paid: Sequence[JsonObject], refunded: Sequence[JsonObject], charges: Sequence[JsonObject]
) -> list[str]:
    """Where the refunds of a payment are not what its charge says, or more than was paid."""
    sums: Counter[str] = Counter()
    for refund in refunded:
        sums[refund["payment_intent"]] += refund["amount"]
    given_back: Counter[str] = Counter()
    for charge in charges:
        given_back[charge["payment_intent"]] += charge["amount_refunded"]
    return [
        f"{payment['id']} of {payment['amount']}: refunds of {sums[payment['id']]}, given back"
        f" {given_back[payment['id']]}"
        for payment in paid
        if not sums[payment["id"]] == given_back[payment["id"]] <= payment["amount"]
    ]


def _name_of(message: Message) -> str:
    name: str = json.loads(message.body)["metadata"]["name"]
    return name
