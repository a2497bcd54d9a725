"""The health check that containers and scripts wait for."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import aiohttp
import pytest
from sandbox.rig import Api, payment

from wooshpay.sandbox import Sandbox
from wooshpay.sandbox.controls.health import Health
from wooshpay.sandbox.engine.guard import Guard
from wooshpay.sandbox.engine.journal import Journal


async def test_it_is_answered_without_a_key_and_holds_no_secret(sandbox: Sandbox) -> None:
    """A health check in a Dockerfile has no key."""
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{sandbox.base_url}/sandbox/health") as response:
            text = await response.text()
            assert response.status == 200
            assert set(await response.json()) == {"object", "status", "version"}
            assert response.headers["Cache-Control"] == "no-store"
        async with session.head(f"{sandbox.base_url}/sandbox/health") as response:
            assert response.status == 200
        # All other controls still need the key, whatever the path looks like.
        for path in ("health/", "health/x", "clock", ""):
            async with session.get(
                f"{sandbox.base_url}/sandbox/{path}".rstrip("/") + "/" * path.endswith("/")
            ) as other:
                assert other.status == 401
    for secret in (sandbox.api_key, sandbox.publishable_key, sandbox.webhook_secret):
        assert secret not in text


async def test_it_is_in_no_request_log_and_hit_by_no_fault(sandbox: Sandbox) -> None:
    """A check every few seconds would use up a fault that waits for the shop's next request."""
    sandbox.faults.add("server_error")
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{sandbox.base_url}/sandbox/health") as response:
            assert response.status == 200
    assert len(sandbox.requests) == 0
    assert len(sandbox.faults) == 1


async def test_a_sandbox_that_can_keep_nothing_any_more_is_not_healthy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It refuses all requests from then on, so that whoever watches it must start it again."""
    async with Sandbox(state=tmp_path / "state.db") as sandbox, aiohttp.ClientSession() as session:
        api = Api(session, sandbox.base_url, sandbox.api_key)

        def fail(*_: object) -> None:
            raise sqlite3.OperationalError("disk I/O error")

        with monkeypatch.context() as broken:
            broken.setattr(Journal, "write", fail)
            assert (await api.post("/v1/payment_intents", payment())).status == 500
        reply = await api.get("/sandbox/health")
        assert (reply.status, reply.body["status"]) == (503, "unavailable")


async def test_it_is_not_ready_before_everything_runs_nor_when_it_closes() -> None:
    """Whoever waits for it would send requests into a sandbox without its webhook endpoint."""
    from aiohttp import web
    from aiohttp.test_utils import TestClient, TestServer

    health = Health(Guard())
    app = web.Application()
    health.add_routes(app.router)
    async with TestClient(TestServer(app)) as client:

        async def status() -> int:
            async with client.get("/sandbox/health") as response:
                return response.status

        assert await status() == 503
        health.start()
        assert await status() == 200
        health.stop()
        assert await status() == 503
