"""Clients and inboxes in a Lambda function: frozen between invocations, and while a call or a handler is under way.

While the process stands still, the far side closes its connections, and every time limit passes. The process is stopped
with SIGSTOP, as the nearest to what Lambda does.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest
import trustme
from support.aws_lambda import Function, function, http_api
from support.peer import Connection, Peer, close, hold, reply
from webhooks.deliver import SECRET, body_of, headers_for
from webhooks.inbox.closing import end_postgres_connections, end_redis_connections, named

REFUND: Final = {"id": "re_1", "object": "refund", "status": "succeeded"}
# Seconds. All time limits of the function, and a pause that is longer.
LIMIT: Final = 3.0
PAUSE: Final = 3.2

CALLS: Final = ("call", "call_in_one_loop", "call_in_a_new_loop", "call_in_a_loop_that_is_only_closed")
DELIVERIES: Final = ("deliver", "deliver_async", "deliver_in_one_loop", "deliver_in_a_new_loop")


class Gateway:
    """WooshPay, as far as the tests need it: it can close every connection at any moment."""

    def __init__(self, peer: Peer, connections: list[Connection]) -> None:
        self.peer = peer
        self.connections = connections

    @property
    def keys(self) -> list[str | None]:
        return self.peer.keys

    async def hang_up(self, how: Callable[[Connection], None]) -> None:
        """End all connections."""
        for connection in self.connections:
            how(connection)
        # Under TLS, the end is announced now, and the socket is closed when the frozen process has confirmed that.
        encrypted = any(connection.writer.get_extra_info("ssl_object") for connection in self.connections)
        while self.peer.open_connections and not (encrypted and how is Connection.close):
            await asyncio.sleep(0.01)
        self.connections.clear()


@pytest.fixture
def tls(request: pytest.FixtureRequest) -> bool:
    return bool(getattr(request, "param", False))


@pytest.fixture
async def gateway(tls: bool, tmp_path: Path) -> AsyncGenerator[Gateway]:
    connections: list[Connection] = []

    async def refund(connection: Connection) -> None:
        connections.append(connection)
        await reply(200, REFUND)(connection)

    context = None
    if tls:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)  # pyright: ignore[reportUnknownMemberType]  # so typed there
    async with Peer(refund, tls=context) as peer:
        yield Gateway(peer, connections)


@pytest.fixture
def functions(gateway: Gateway, tmp_path: Path) -> Iterator[Callable[..., Function]]:
    """Start a Lambda function of `lambda_functions`."""
    with ExitStack() as stack:

        def start(name: str, **settings: str) -> Function:
            base = {"SECRET": SECRET, "WOOSHPAY_API_KEY": "sk_test_x", "WOOSHPAY_BASE_URL": gateway.peer.url}
            if (tmp_path / "ca.pem").exists():
                base["SSL_CERT_FILE"] = str(tmp_path / "ca.pem")
            return stack.enter_context(
                function(f"webhooks.adapters.lambda_functions.{name}", folder=tmp_path, **base, **settings)
            )

        yield start


def delivery(id: str) -> dict[str, Any]:
    body = body_of(id)
    return http_api(body, headers_for(body))


class Everything:
    """One process that calls the gateway in every way, one after the other."""

    def __init__(self, function: Function, gateway: Gateway) -> None:
        self._function = function
        self._gateway = gateway
        # The databases of several tests are the same.
        self._prefix = secrets.token_hex(4)

    async def invoke(self, number: int, *, except_for: str = "") -> None:
        """Let every way make one call, which has to succeed and to arrive once."""
        names = [name for name in (*CALLS, *DELIVERIES) if name != except_for]
        keys = {name: f"{self._prefix}_{name}_{number}" for name in names}
        before = len(self._gateway.keys)
        events = {name: {"key": key} if name in CALLS else delivery(key) for name, key in keys.items()}
        results = await asyncio.to_thread(self._function.invoke, {"events": events})
        found = {name: result.get("body") or result for name, result in zip(names, results, strict=True)}
        assert found == {name: {"id": "re_1"} if name in CALLS else "Done." for name in names}
        assert self._gateway.keys[before:] == list(keys.values())


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"], indirect=True)
@pytest.mark.parametrize("how", [Connection.close, Connection.reset], ids=["FIN", "RST"])
async def test_after_the_far_side_has_hung_up_a_call_is_carried_out_once(
    gateway: Gateway, functions: Callable[..., Function], how: Callable[[Connection], None]
) -> None:
    """A request on a connection that is closed already would be lost. No retry hides that here."""
    everything = Everything(functions("in_turn", RETRIES="0"), gateway)
    for number in range(3):
        await everything.invoke(number)
        await gateway.hang_up(how)


async def test_a_process_that_was_frozen_for_longer_than_every_limit_goes_on(
    gateway: Gateway, functions: Callable[..., Function], tmp_path: Path
) -> None:
    """A limit counts from the beginning of its own call, and not from when the process was frozen."""
    everything = Everything(functions("in_turn", LIMIT=str(LIMIT), STORE=str(tmp_path / "inbox.db")), gateway)
    await everything.invoke(1)
    await asyncio.sleep(PAUSE)
    await everything.invoke(2)


@pytest.mark.parametrize("store", ["sqlite", "postgres", "redis"])
async def test_many_invocations_leave_nothing_open(
    gateway: Gateway,
    functions: Callable[..., Function],
    store: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    """Some ways have a new event loop each time. Lambda keeps a process for hours, and it has 1024 descriptors."""
    url = str(tmp_path / "inbox.db") if store == "sqlite" else request.getfixturevalue(f"{store}_url")
    function = functions("in_turn", STORE=url)
    everything, found = Everything(function, gateway), list[int]()
    for number in range(25):
        # What a loop that was only closed leaves open is closed by the garbage collector, at some time.
        await everything.invoke(number, except_for="call_in_a_loop_that_is_only_closed")
        found.append(function.open_files() + function.threads())
    # The process may be frozen while it opens or closes something. One that is left open each time would make 20.
    assert found[-1] - found[4] < 10, found


async def frozen_with_a_call_under_way(gateway: Gateway, function: Function, event: dict[str, Any]) -> None:
    """Begin an invocation, and freeze the process when its request has arrived and waits for its response."""
    before = len(gateway.keys)
    await asyncio.to_thread(function.begin, event)
    while len(gateway.keys) == before:
        await asyncio.sleep(0.01)
    await asyncio.to_thread(function.freeze)


async def thawed(function: Function) -> Any:
    """Resume the process, and return the result of its invocation."""
    function.thaw()
    return await asyncio.to_thread(function.result)


WAYS: Final = ("call", "call_in_one_loop", "call_in_a_new_loop")


@pytest.mark.parametrize("way", WAYS)
async def test_a_response_that_came_while_the_process_was_frozen_counts_although_the_time_is_over(
    gateway: Gateway, functions: Callable[..., Function], way: str
) -> None:
    """The refund was made and its response is there: an error would say that nobody knows."""
    respond = asyncio.Event()
    gateway.peer.script = [hold(respond, reply(200, REFUND))]
    function = functions(way, LIMIT=str(LIMIT))
    await frozen_with_a_call_under_way(gateway, function, {"key": "one"})
    respond.set()
    await asyncio.sleep(PAUSE)
    assert await thawed(function) == {"id": "re_1"}
    assert gateway.keys == ["one"]


@pytest.mark.parametrize("way", WAYS)
async def test_a_connection_that_broke_while_the_process_was_frozen_is_retried_under_the_same_key(
    gateway: Gateway, functions: Callable[..., Function], way: str
) -> None:
    """The time is not over yet, so the call goes on; the key tells WooshPay that it is the same one."""
    respond = asyncio.Event()
    gateway.peer.script = [hold(respond, close()), reply(200, REFUND)]
    function = functions(way)
    await frozen_with_a_call_under_way(gateway, function, {"key": "one"})
    respond.set()
    while gateway.peer.open_connections:
        await asyncio.sleep(0.01)
    assert await thawed(function) == {"id": "re_1"}
    assert gateway.keys == ["one", "one"]


@pytest.mark.parametrize("way", WAYS)
async def test_a_call_whose_time_passed_while_the_process_was_frozen_ends_with_its_key_and_is_not_sent_again(
    gateway: Gateway, functions: Callable[..., Function], way: str
) -> None:
    """Nobody can say whether the refund was made. The caller set the limit, and gets the key to ask again with."""
    gateway.peer.script = [hold(asyncio.Event(), reply(200, REFUND)), reply(200, REFUND)]
    function = functions(way, LIMIT=str(LIMIT))
    await frozen_with_a_call_under_way(gateway, function, {"key": "one"})
    await asyncio.sleep(PAUSE)
    assert await thawed(function) == {"error": "TimeoutError", "outcome": "unknown", "key": "one"}
    assert gateway.keys == ["one"]
    # The next invocation has its whole time again.
    assert await asyncio.to_thread(function.invoke, {"key": "one"}) == {"id": "re_1"}
    assert gateway.keys == ["one", "one"]


@pytest.mark.parametrize("way", ["deliver", "deliver_in_a_new_loop"])
@pytest.mark.parametrize("taken_over", [False, True], ids=["alone", "taken over"])
async def test_an_event_whose_handler_was_frozen_for_longer_than_the_lease(
    gateway: Gateway, functions: Callable[..., Function], tmp_path: Path, way: str, taken_over: bool
) -> None:
    """A frozen process cannot renew its claim. If another one took the event, that one's result counts."""
    respond = asyncio.Event()
    gateway.peer.script = [hold(respond, reply(200, REFUND)), reply(200, REFUND)]
    store = str(tmp_path / "inbox.db")
    first = functions(way, LIMIT=str(LIMIT), STORE=store)
    await frozen_with_a_call_under_way(gateway, first, delivery("evt_1"))
    respond.set()
    await asyncio.sleep(PAUSE)
    if taken_over:
        second = functions(way, LIMIT=str(LIMIT), STORE=store)
        assert (await asyncio.to_thread(second.invoke, delivery("evt_1")))["body"] == "Done."
        assert (await thawed(first))["statusCode"] == 409
        assert gateway.keys == ["evt_1", "evt_1"], "the idempotency key makes one refund of both"
    else:
        assert (await thawed(first))["body"] == "Done."
        assert gateway.keys == ["evt_1"]
    again = await asyncio.to_thread(first.invoke, delivery("evt_1"))
    assert again["body"] == "This event was done before."


async def test_a_postgres_that_has_ended_every_connection_meanwhile(
    gateway: Gateway, functions: Callable[..., Function], postgres_url: str
) -> None:
    """Servers end idle connections, and a restart ends all. The next delivery must not be the one that finds out."""
    everything = Everything(functions("in_turn", STORE=named(postgres_url, "function")), gateway)
    for number in range(3):
        await everything.invoke(number)
        assert await asyncio.to_thread(end_postgres_connections, postgres_url, "function") > 0


async def test_a_redis_that_has_ended_every_connection_meanwhile(
    gateway: Gateway, functions: Callable[..., Function], redis_url: str
) -> None:
    """redis-py sends the command on the ended connection and fails."""
    everything = Everything(functions("in_turn", STORE=redis_url), gateway)
    for number in range(3):
        await everything.invoke(number)
        assert await asyncio.to_thread(end_redis_connections, redis_url) > 0
