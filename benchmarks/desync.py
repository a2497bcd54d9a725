"""Stray responses: checks that no call returns a response that belongs to another request, or to none."""

from __future__ import annotations

import argparse
import asyncio
import random
import ssl
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import aiohttp
import attrs

from benchmarks.desync_server import KINDS, PAUSE, DesyncServer
from benchmarks.report import Figure
from wooshpay import AsyncWooshPay, RequestOptions, RetryPolicy, WooshPayError

CALLS: Final = 200
CALLS_QUICK: Final = 40
_CONCURRENCY: Final = 4
# A late error that arrives in the very moment of the next request cannot be told from that request's own: it names
# nothing that could be compared. So here each call waits until everything late has arrived.
_ONE_AT_A_TIME: Final = frozenset({"late, an error"})
# Larger than what the sockets take at once, so that the response comes before the request is written.
_LARGE_BODY: Final = {"before the request's body": 900_000}


@attrs.define
class Findings:
    """The results of the calls against one kind of server.

    Attributes:
        counts: How many calls were right, raised an error, or were wrong, by what was wrong.
        wrong: The first few wrong ones, as sentences.
        strays: How many stray responses the server sent.
    """

    counts: Counter[str] = attrs.field(factory=Counter[str])
    wrong: list[str] = attrs.field(factory=list[str])
    strays: int = 0

    def add_wrong(self, what: str, sentence: str) -> None:
        """Count a call that was wrong."""
        self.counts[what] += 1
        self.wrong.append(sentence)


@attrs.frozen
class Way:
    """How the client reaches the server.

    Attributes:
        name: What to call it.
        injected: Whether the client gets a session of the user's.
        tls: The server's context and the client's, for TLS.
    """

    name: str
    injected: bool
    tls: tuple[ssl.SSLContext, ssl.SSLContext] | None = None


async def investigate(kind: str, calls: int, *, way: Way, seed: int = 1, declared: bool = True) -> Findings:
    """Make calls against a server that mixes its responses up.

    Args:
        kind: One of `KINDS`.
        calls: How many payment intents to create.
        way: How the client reaches the server.
        seed: Decides how long the client waits between calls.
        declared: Whether to use the declared operation, whose result is compared with the request. Otherwise nothing
            but the checks of the connection protects the call, so each call waits until everything late has arrived.
    """
    found, numbers, rng = Findings(), iter(range(1, calls + 1)), random.Random(seed)
    one_at_a_time = kind in _ONE_AT_A_TIME or not declared
    filler = {"filler": "x" * _LARGE_BODY[kind]} if kind in _LARGE_BODY else {}
    async with DesyncServer(kind, None if way.tls is None else way.tls[0]) as server:
        scheme = "http" if way.tls is None else "https"
        connector = aiohttp.TCPConnector(ssl=True if way.tls is None else way.tls[1]) if way.injected else None
        session = None if connector is None else aiohttp.ClientSession(connector=connector)
        client = AsyncWooshPay(
            "sk_test_x",
            base_url=f"{scheme}://127.0.0.1:{server.port}",
            session=session,
            max_retries=4,
            retry_policy=RetryPolicy(base=0.0),
            attempt_timeout=20,
        )

        async def work() -> None:
            for number in numbers:
                options = RequestOptions(idempotency_key=f"key-{number}", extra_body=filler)
                await _one(client, server, number, options, found, declared=declared)
                if one_at_a_time:
                    await server.settle()
                else:
                    await asyncio.sleep(rng.choice((0.0, PAUSE / 2, PAUSE, 2 * PAUSE)))

        try:
            await asyncio.gather(*(work() for _ in range(1 if one_at_a_time else _CONCURRENCY)))
        finally:
            await client.close()
            if session is not None:
                await session.close()
        found.strays = server.strays
    return found


async def _one(
    client: AsyncWooshPay,
    server: DesyncServer,
    amount: int,
    options: RequestOptions,
    found: Findings,
    *,
    declared: bool,
) -> None:
    key: Any = options.idempotency_key
    try:
        if declared:
            payment = await client.payment_intents.create(amount=amount, currency="USD", options=options)
            result = (payment.id, payment.amount)
        else:
            body = {"amount": amount, "currency": "USD"}
            received = await client.request("POST", "/v1/payment_intents", body=body, options=options)
            result = (received["id"], received["amount"])
    except WooshPayError as error:
        if error.outcome == "unknown":
            found.counts["raised unknown"] += 1
        elif key in server.executed:
            found.add_wrong("wrong outcome", f"{key}: {error.outcome}, but it was carried out: {error}")
        else:
            found.counts["raised, nothing done"] += 1
        return
    done = server.executed.get(key)
    if done is None:
        found.add_wrong("unsent, reported as done", f"{key}: returned {result[0]}, but it was never sent")
    elif result != (done["id"], amount):
        found.add_wrong("wrong result", f"{key}: returned {result[0]} of {result[1]}, not {done['id']}")
    else:
        found.counts["right"] += 1


def plain_ways() -> Sequence[Way]:
    """Return the ways that need no certificate."""
    return (Way("own session", injected=False), Way("injected session", injected=True))


def tls_ways() -> Sequence[Way]:
    """Return the ways over TLS, with a certificate that is made for this run."""
    import trustme

    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server)  # pyright: ignore[reportUnknownMemberType]  # pyOpenSSL is not installed
    authority.configure_trust(client)  # pyright: ignore[reportUnknownMemberType]  # pyOpenSSL is not installed
    return (Way("injected session, TLS", injected=True, tls=(server, client)),)


class DesyncBenchmark:
    """Calls against servers that send responses twice, late, in pieces or too early: every result must be its own."""

    about = "Stray responses: calls against servers that answer twice, late or in pieces; no result of another call."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options of the benchmark."""
        parser.add_argument("--calls", type=int, help=f"calls for each kind of server (default: {CALLS})")
        parser.add_argument("--seed", type=int, default=1, help="makes the pauses between calls repeatable")

    def run(self, options: argparse.Namespace) -> list[Figure]:
        """Make the calls, and compare every result with what the server has carried out.

        Raises:
            SystemExit: A result was wrong.
        """
        calls = options.calls or (CALLS_QUICK if options.quick else CALLS)
        figures: list[Figure] = []
        wrong: list[str] = []
        for way in (*plain_ways(), *tls_ways()):
            totals: Counter[str] = Counter()
            for kind in KINDS:
                found = asyncio.run(investigate(kind, calls, way=way, seed=options.seed))
                totals += found.counts
                totals["stray responses"] += found.strays
                wrong += [f"{way.name}, {kind}: {sentence}" for sentence in found.wrong]
            figures.append(_figure(way, len(KINDS) * calls, totals))
        if wrong:
            print("\n".join(wrong[:20]), file=sys.stderr)
            raise SystemExit(f"{len(wrong)} calls were wrong with seed {options.seed}.")
        return figures


BENCHMARK: Final = DesyncBenchmark()


def _figure(way: Way, calls: int, totals: Mapping[str, int]) -> Figure:
    names = ("stray responses", "right", "raised unknown", "raised, nothing done", "wrong result")
    values: dict[str, float | None] = {name: float(totals.get(name, 0)) for name in names}
    return Figure(what=f"{calls:,} calls, {way.name}", unit="", values={"calls": float(calls), **values}, by_size=True)
