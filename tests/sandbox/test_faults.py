"""Faults on demand: what arrives, whether the work was done, and how often they come true."""

from __future__ import annotations

import asyncio
from email.utils import parsedate_to_datetime
from time import time
from typing import cast

import aiohttp
import pytest
from sandbox.rig import Api, payment

from wooshpay.sandbox import FaultKind, Sandbox

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


async def test_a_bug_of_the_sandbox_is_an_api_error(
    api: Api, sandbox: Sandbox, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("wooshpay.sandbox.lifecycles.ledger.available", fail)
    reply = await api.get("/v1/balance")
    assert (reply.status, reply.error["type"]) == (500, "api_error")
    assert "balance.retrieve failed" in caplog.text
