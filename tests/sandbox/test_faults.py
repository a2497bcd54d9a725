"""Faults on demand: what arrives, whether the work was done, and how often they come true."""

from __future__ import annotations

import asyncio
from email.utils import parsedate_to_datetime
from time import time
from typing import Any, cast, get_args

import aiohttp
import attrs
import pytest
from sandbox.rig import Api, payment

from wooshpay import AsyncWooshPay
from wooshpay.sandbox import FAULT_KINDS, FaultKind, Sandbox
from wooshpay.sandbox.requests.fault_kinds import PARAMETERS, FaultParameter, RetryAfterForm
from wooshpay.sandbox.requests.faults import Faults

PATH = "/v1/payment_intents"
LOST = aiohttp.ClientConnectionError


async def create(api: Api) -> int:
    return (await api.post(PATH, payment(), key="k")).status


@pytest.mark.parametrize(("kind", "done"), [("refuse", 0), ("drop_before", 0), ("drop_after", 1)])
async def test_the_connection_breaks(api: Api, sandbox: Sandbox, kind: FaultKind, done: int) -> None:
    sandbox.faults.add(kind)
    with pytest.raises(LOST):
        await create(api)
    assert sandbox.store.count("payment_intent") == done
    assert await create(api) == 200
    assert sandbox.store.count("payment_intent") == 1
    assert [request.status for request in sandbox.requests] == [None, 200]
    assert [request.replayed for request in sandbox.requests] == [False, bool(done)]


async def test_the_body_is_cut_off(api: Api, sandbox: Sandbox) -> None:
    sandbox.faults.add("cut_body", bytes=10)
    async with api.session.post(
        sandbox.base_url + PATH, json=payment(), headers={"Authorization": api.authorization}
    ) as response:
        assert response.status == 200
        assert int(response.headers["Content-Length"]) > 100
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()
    assert sandbox.store.count("payment_intent") == 1


@pytest.mark.parametrize(("kind", "done"), [("stall", 0), ("stall_after", 1)])
async def test_nothing_ever_comes(api: Api, sandbox: Sandbox, kind: FaultKind, done: int) -> None:
    sandbox.faults.add(kind)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await create(api)
    assert sandbox.store.count("payment_intent") == done
    assert await create(api) == 200
    assert sandbox.store.count("payment_intent") == 1


async def test_slow(api: Api, sandbox: Sandbox) -> None:
    sandbox.faults.add("slow", seconds=0.2)
    started = asyncio.get_running_loop().time()
    assert await create(api) == 200
    assert asyncio.get_running_loop().time() - started >= 0.2


async def test_a_server_error(api: Api, sandbox: Sandbox) -> None:
    sandbox.faults.add("server_error")
    reply = await api.post(PATH, payment())
    assert (reply.status, reply.error["type"]) == (500, "api_error")
    assert sandbox.store.count("payment_intent") == 0


@pytest.mark.parametrize(("kind", "status"), [("bad_gateway", 502), ("invalid_json", 200)])
async def test_an_answer_that_is_no_json(api: Api, sandbox: Sandbox, kind: FaultKind, status: int) -> None:
    sandbox.faults.add(kind)
    with pytest.raises(ValueError, match="Expecting"):
        await create(api)
    assert sandbox.requests[-1].status == status
    assert sandbox.store.count("payment_intent") == (1 if status == 200 else 0)


async def test_too_many_requests_in_each_form(api: Api, sandbox: Sandbox) -> None:
    for form in ("seconds", "milliseconds", "date", "none"):
        sandbox.faults.add("rate_limit", retry_after=30, retry_after_form=form)
        reply = await api.post(PATH, payment())
        assert (reply.status, reply.error["code"]) == (429, "rate_limit")
        if form == "seconds":
            assert reply.headers["Retry-After"] == "30"
        elif form == "milliseconds":
            assert reply.headers["Retry-After-Ms"] == "30000"
        elif form == "date":
            assert 25 < parsedate_to_datetime(reply.headers["Retry-After"]).timestamp() - time() <= 30
        else:
            assert "Retry-After" not in reply.headers
    assert sandbox.store.count("payment_intent") == 0


async def test_by_operation_and_by_count(api: Api, sandbox: Sandbox) -> None:
    fault = sandbox.faults.add("server_error", operation="payment_intents.create", times=2)
    statuses = [(await api.get("/v1/balance")).status]
    statuses += [(await api.post(PATH, payment())).status for _ in range(3)]
    assert statuses == [200, 500, 500, 200]
    assert fault.hits == 2
    assert len(sandbox.faults) == 0
    assert [request.fault for request in sandbox.requests] == [None, "server_error", "server_error", None]


async def test_until_removed(api: Api, sandbox: Sandbox) -> None:
    fault = sandbox.faults.add("server_error", times=None)
    assert [(await api.get("/v1/balance")).status for _ in range(4)] == [500] * 4
    sandbox.faults.remove(fault)
    assert (await api.get("/v1/balance")).status == 200
    sandbox.faults.add("server_error", times=None)
    sandbox.faults.clear()
    assert (await api.get("/v1/balance")).status == 200


async def test_one_after_another_in_the_order_of_adding(api: Api, sandbox: Sandbox) -> None:
    sandbox.faults.add("server_error")
    sandbox.faults.add("rate_limit")
    assert [(await api.get("/v1/balance")).status for _ in range(3)] == [500, 429, 200]


def test_a_fault_that_there_is_not(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="drop_after"):
        sandbox.faults.add(cast("FaultKind", "explode"))
    with pytest.raises(ValueError, match="times"):
        sandbox.faults.add("slow", times=0)
    with pytest.raises(ValueError, match=r"did you mean refunds\.create\?"):
        sandbox.faults.add("slow", operation="refund.create")
    with pytest.raises(ValueError, match="probability"):
        sandbox.faults.add("slow", probability=1.5)
    with pytest.raises(ValueError, match="seconds"):
        sandbox.faults.add("slow", seconds=-1)
    with pytest.raises(ValueError, match="retry_after_form"):
        sandbox.faults.add("rate_limit", retry_after_form=cast("RetryAfterForm", "later"))
    assert len(sandbox.faults) == 0


async def test_a_bug_of_the_sandbox_is_an_api_error(
    api: Api, sandbox: Sandbox, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("wooshpay.sandbox.lifecycles.ledger.available", fail)
    reply = await api.get("/v1/balance")
    assert (reply.status, reply.error["type"]) == (500, "api_error")
    assert "balance.retrieve failed" in caplog.text
    (record,) = (record for record in caplog.records if record.name == "wooshpay.sandbox")
    fields = {name: value for name, value in vars(record).items() if name.startswith("wooshpay_")}
    assert fields == {
        "wooshpay_operation": "balance.retrieve",
        "wooshpay_method": "GET",
        "wooshpay_status": 500,
        "wooshpay_request_id": reply.headers["Request-Id"],
        "wooshpay_error": "ZeroDivisionError",
    }, "so that a JSON log shows which request met the bug"


# ---- by chance


def hits(faults: Faults, count: int = 200) -> list[bool]:
    return [faults.take("refunds.create") is not None for _ in range(count)]


def test_chances_repeat_with_the_seed_of_the_sandbox_or_of_the_fault() -> None:
    def drawn(of_sandbox: int | None, of_fault: int | None) -> list[bool]:
        faults = Faults(seed=of_sandbox)
        faults.add("server_error", probability=0.3, seed=of_fault)
        return hits(faults)

    assert drawn(1, None) == drawn(1, None) != drawn(2, None)
    assert drawn(1, 5) == drawn(2, 5) == drawn(None, 5) != drawn(1, 6)
    assert drawn(None, None) != drawn(None, None)
    assert 30 < sum(drawn(1, None)) < 90


def test_a_chance_stays_until_removed_or_used_up() -> None:
    faults = Faults(seed=1)
    fault = faults.add("server_error", probability=0.5)
    assert fault.remaining is None
    faults.clear()
    faults.add("server_error", probability=0.5, times=3)
    assert sum(hits(faults)) == 3
    assert len(faults) == 0


def test_the_dice_of_one_fault_do_not_move_those_of_another() -> None:
    alone, beside = Faults(seed=1), Faults(seed=1)
    alone.add("server_error", probability=0.5, operation="refunds.create")
    beside.add("server_error", probability=0.5, operation="refunds.create")
    beside.add("rate_limit", probability=0.5, operation="payouts.create")
    first = [alone.take("refunds.create") is not None for _ in range(50)]
    second: list[bool] = []
    for _ in range(50):
        beside.take("payouts.create")
        second.append(beside.take("refunds.create") is not None)
    assert first == second


# ---- what stands of each kind


def test_every_kind_and_setting_is_described_and_nothing_else() -> None:
    assert tuple(FAULT_KINDS) == get_args(FaultKind)
    assert set(PARAMETERS) == set(get_args(FaultParameter))
    assert {name for facts in FAULT_KINDS.values() for name in facts.parameters} == set(PARAMETERS)
    assert PARAMETERS["retry_after_form"].options == get_args(RetryAfterForm)
    fault = Faults().add("slow")
    assert {name: getattr(fault, name) for name in PARAMETERS} == {
        name: facts.default for name, facts in PARAMETERS.items()
    }


# ---- on the wire


@attrs.frozen
class Wire:
    """What a plain socket got: the bytes, and whether the end was a reset. ``None`` where it did not end."""

    data: bytes
    reset: bool | None
    took: float

    @property
    def status(self) -> int:
        return int(self.data.split(b" ")[1])

    @property
    def body(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[2]


class Peer:
    """A client that is nothing but a socket."""

    def __init__(self, api: Api) -> None:
        self._port = int(api.base_url.rpartition(":")[2])
        self._head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: {api.authorization}\r\n"
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def send(self, key: str = "k", *, patience: float = 0.5) -> Wire:
        """Send a payment, on the connection that there is, and read until the peer ends or says no more."""
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        body = b'{"amount": 2000, "currency": "USD"}'
        started = time()
        self._writer.write(f"{self._head}Idempotency-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        data = b""
        while True:
            try:
                chunk = await asyncio.wait_for(self._reader.read(65536), patience)
            except ConnectionResetError:
                return Wire(data, True, time() - started)
            except TimeoutError:
                return Wire(data, None, time() - started)
            if not chunk:
                return Wire(data, False, time() - started)
            data += chunk

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            await asyncio.gather(self._writer.wait_closed(), return_exceptions=True)


@pytest.mark.parametrize(
    ("kind", "reset", "answered"),
    [
        ("refuse", True, None),
        ("drop_before", True, None),
        ("drop_after", True, None),
        ("cut_body", False, 200),
        ("stall", None, None),
        ("stall_after", None, None),
        ("slow", None, 200),
        ("drip", None, 200),
        ("stale_close", False, 200),
        ("rate_limit", None, 429),
        ("server_error", None, 500),
        ("unavailable", None, 503),
        ("bad_gateway", None, 502),
        ("invalid_json", None, 200),
    ],
)
async def test_what_arrives_and_how_the_connection_ends(
    api: Api, sandbox: Sandbox, kind: FaultKind, reset: bool | None, answered: int | None
) -> None:
    sandbox.faults.add(kind, seconds=0.2, bytes=30)
    peer = Peer(api)
    wire = await peer.send()
    assert wire.reset is reset
    assert (wire.status if wire.data else None) == answered
    assert sandbox.store.count("payment_intent") == int(FAULT_KINDS[kind].done)
    await peer.close()


def test_that_table_is_about_every_kind() -> None:
    marks: list[Any] = getattr(test_what_arrives_and_how_the_connection_ends, "pytestmark", [])
    assert {row[0] for row in marks[0].args[1]} == set(FAULT_KINDS)


@pytest.mark.parametrize("count", [0, 1, 30])
async def test_a_cut_body_has_exactly_so_many_bytes(api: Api, sandbox: Sandbox, count: int) -> None:
    sandbox.faults.add("cut_body", bytes=count)
    peer = Peer(api)
    wire = await peer.send()
    assert len(wire.body) == count
    assert b"Content-Length: " in wire.data
    await peer.close()


async def test_a_cut_beyond_the_end_still_cuts(api: Api, sandbox: Sandbox) -> None:
    sandbox.faults.add("cut_body", bytes=10**6)
    peer = Peer(api)
    wire = await peer.send()
    length = int(wire.data.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
    assert len(wire.body) == length - 1
    await peer.close()


async def test_slow_bytes_arrive_one_after_another_and_whole(api: Api, sandbox: Sandbox) -> None:
    sandbox.faults.add("drip", seconds=0.5, bytes=40)
    peer = Peer(api)
    wire = await peer.send(patience=0.3)
    assert b'"payment_intent"' in wire.body
    assert wire.body.endswith(b"}")
    # The last piece comes at the end of the time; then nothing for as long as the peer was patient.
    assert 0.45 < wire.took - 0.3 < 2
    await peer.close()


async def test_a_stale_connection_resets_the_next_request_without_doing_it(api: Api, sandbox: Sandbox) -> None:
    sandbox.faults.add("stale_close", seconds=30)
    peer = Peer(api)
    first = await peer.send("one", patience=0.1)
    assert (first.status, first.reset) == (200, None)
    assert b"close" not in first.data.partition(b"\r\n\r\n")[0].lower()
    second = await peer.send("two")
    assert (second.data, second.reset) == (b"", True)
    assert sandbox.store.count("payment_intent") == 1
    assert [(request.fault, request.status) for request in sandbox.requests] == [
        ("stale_close", 200),
        ("stale_close", None),
    ]
    await peer.close()
    other = Peer(api)
    assert (await other.send("two", patience=0.1)).status == 200
    await other.close()


# ---- with the SDK


@pytest.mark.parametrize("kind", [kind for kind in FAULT_KINDS if kind not in {"slow", "drip"}])
async def test_the_client_recovers_with_one_object(sandbox: Sandbox, kind: FaultKind) -> None:
    async with AsyncWooshPay(sandbox.api_key, base_url=sandbox.base_url, attempt_timeout=0.5, max_retries=3) as client:
        sandbox.faults.add(kind, retry_after=0.01, retry_after_form="milliseconds", seconds=0.01)
        made = await client.payment_intents.create(amount=2000, currency="USD")
        assert [intent["id"] for intent in sandbox.store.all("payment_intent")] == [made.id]


async def test_the_client_gets_a_request_through_a_stale_connection(sandbox: Sandbox) -> None:
    async with AsyncWooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        sandbox.faults.add("stale_close", seconds=30)
        await client.balance.retrieve()
        await client.payment_intents.create(amount=2000, currency="USD")
        assert [(request.operation, request.status) for request in sandbox.requests] == [
            ("balance.retrieve", 200),
            ("payment_intents.create", None),
            ("payment_intents.create", 200),
        ]
        assert sandbox.store.count("payment_intent") == 1
