"""What goes wrong leaves the file and the sandbox alike, and says in a sentence what it is."""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sandbox.rig import GOOD, Api, Shop, payment

from wooshpay.core.json import JsonObject
from wooshpay.sandbox import Sandbox, SandboxError, StateFileError
from wooshpay.sandbox.engine import registry
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.state import State

INTENTS = "/v1/payment_intents"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


async def enter(file: Path, **options: Any) -> None:
    async with Sandbox(state=file, **options):
        pass


# ---- files that cannot be used


async def test_a_second_sandbox_on_the_same_file_is_refused(file: Path) -> None:
    async with Sandbox(state=file) as sandbox:
        with pytest.raises(StateFileError, match=r"state\.db is in use by another sandbox: stop that one"):
            await enter(file)
        assert sandbox.clock.advance(seconds=1)
    await enter(file)


async def test_a_second_process_on_the_same_file_is_refused(file: Path) -> None:
    program = "import sys; from wooshpay.sandbox import Sandbox\nwith Sandbox(state=sys.argv[1]): pass"
    async with Sandbox(state=file):
        run = subprocess.run([sys.executable, "-c", program, str(file)], capture_output=True, text=True, timeout=60)
    assert run.returncode == 1
    assert "StateFileError" in run.stderr
    assert "in use by another sandbox" in run.stderr


async def test_a_file_that_is_something_else_is_refused_and_left_alone(file: Path) -> None:
    file.write_text("Dear diary, today I took a payment.\n" * 100)
    with pytest.raises(StateFileError, match="is not a state file of a sandbox"):
        await enter(file)
    assert file.read_text().startswith("Dear diary")


async def test_another_programs_database_is_refused_and_left_alone(file: Path) -> None:
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE customers (name TEXT)")
    connection.close()
    before = file.read_bytes()
    with pytest.raises(StateFileError, match="not a state file of a sandbox"):
        await enter(file)
    assert file.read_bytes() == before


async def test_a_file_of_another_version_is_refused(file: Path) -> None:
    await enter(file)
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StateFileError, match=r"another version of wooshpay \(format 99"):
        await enter(file)


async def test_a_folder_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StateFileError, match="cannot be made: No such file or directory"):
        await enter(tmp_path / "nowhere" / "state.db")


async def test_an_empty_file_is_a_new_one(file: Path) -> None:
    file.touch()
    await enter(file)
    assert file.stat().st_size > 0


@pytest.mark.parametrize(("made", "asked"), [(None, 1), (1, 2)])
async def test_another_seed_than_the_files_is_refused(file: Path, made: int | None, asked: int) -> None:
    await enter(file, seed=made)
    with pytest.raises(StateFileError, match=f"not with {asked}: leave the seed out"):
        await enter(file, seed=asked)
    await enter(file)


async def test_a_port_that_is_taken_lets_the_file_go(file: Path) -> None:
    async with Sandbox() as other:
        with pytest.raises(OSError, match="address"):
            await enter(file, port=int(other.base_url.rpartition(":")[2]))
    await enter(file)


async def test_a_webhook_that_is_no_address_lets_the_file_go(file: Path) -> None:
    with pytest.raises(SandboxError, match="https://"):
        await enter(file, webhook="shop.example")
    await enter(file)


# ---- work that fails in the middle


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let an operation do half of its work and then fail."""

    def make(operation: str) -> None:
        def half(state: State, params: Params) -> JsonObject:
            for intent in state.store["payment_intent"]:
                intent["metadata"]["touched"] = "inside"
                intent["amount"] = 1
                state.emit("payment_intent.succeeded", intent)
                state.remind(state.clock.now + 1000, "payment_intents.release", intent)
            state.store["webhook_endpoint"].remove(next(state.store["webhook_endpoint"].where(status="enabled")).id)
            state.add("cus", "customer", {"email": "half@example.com"})
            raise ZeroDivisionError("a bug")

        monkeypatch.setitem(registry._behaviours, operation, half)  # pyright: ignore[reportPrivateUsage]  # a bug is put in

    return make


async def test_a_bug_in_the_middle_leaves_no_trace_in_memory_and_file(
    file: Path, shop: Shop, breaking: Callable[[str], None], caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        Sandbox(state=file, webhook=shop.hook()) as sandbox,
        aiohttp.ClientSession() as session,
    ):
        api = Api(session, sandbox.base_url, sandbox.api_key)
        await api.make(INTENTS, payment(GOOD))
        await sandbox.settle()
        before = {kind: sandbox.store.all(kind) for kind in sandbox.store.kinds()}
        sent = len(shop.hooks)
        breaking("customers.create")
        with caplog.at_level(logging.CRITICAL, logger="wooshpay.sandbox"):
            replies = [await api.post("/v1/customers", {}, key="k") for _ in range(2)]
        assert [(reply.status, reply.error["code"]) for reply in replies] == [(500, "bug")] * 2
        assert replies[1].headers["Idempotent-Replayed"] == "true"
        sandbox.clock.advance(hours=1)
        await sandbox.settle()
        assert {kind: sandbox.store.all(kind) for kind in sandbox.store.kinds()} == before
        assert len(shop.hooks) == sent
        # And it goes on.
        await api.make(INTENTS, payment(GOOD))
        await sandbox.settle()
        assert len(shop.hooks) > sent
        after = {kind: sandbox.store.all(kind) for kind in sandbox.store.kinds()}
    async with Sandbox(state=file) as sandbox:
        assert {kind: sandbox.store.all(kind) for kind in sandbox.store.kinds()} == after


async def test_a_refusal_that_records_an_attempt_is_kept(file: Path) -> None:
    async with Sandbox(state=file) as sandbox, aiohttp.ClientSession() as session:
        reply = await Api(session, sandbox.base_url, sandbox.api_key).post(INTENTS, payment("4000000000000002"))
        assert reply.status == 402
    async with Sandbox(state=file) as sandbox:
        assert sandbox.store.count("charge") == 1
        assert sandbox.store.all("payment_intent")[0]["last_payment_error"]["code"] == "card_declined"


async def test_an_alarm_that_fails_is_told_and_does_not_ring_for_ever(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(state: State, id: str) -> None:
        raise ZeroDivisionError("a bug")

    async with Sandbox(state=file) as sandbox, aiohttp.ClientSession() as session:
        api = Api(session, sandbox.base_url, sandbox.api_key)
        await api.make(INTENTS, payment(GOOD, capture_method="manual"))
        monkeypatch.setitem(registry._duties, "payment_intents.release", fail)  # pyright: ignore[reportPrivateUsage]  # a bug is put in
        with caplog.at_level(logging.CRITICAL, logger="wooshpay.sandbox"), pytest.raises(SandboxError, match="its log"):
            sandbox.clock.advance(days=30)
        assert (await api.get("/v1/balance")).status == 200
    async with Sandbox(state=file) as sandbox:
        sandbox.clock.advance(days=30)


# ---- a disk that is full

FULL = """
import asyncio, json, resource, signal, sys
from wooshpay.sandbox import Sandbox

async def main():
    async with Sandbox(state=sys.argv[1]) as sandbox:
        print(json.dumps([sandbox.base_url, sandbox.api_key]), flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        # From now on no file grows: what a full disk does.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
        print("full", flush=True)
        await asyncio.to_thread(sys.stdin.readline)

asyncio.run(main())
"""


async def test_a_disk_that_is_full_is_told_and_nothing_more_is_done(file: Path) -> None:
    assert hasattr(signal, "SIGXFSZ")
    assert resource.RLIMIT_FSIZE >= 0
    process = subprocess.Popen(
        [sys.executable, "-c", FULL, str(file), "4096"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        url, key = json.loads(process.stdout.readline())
        async with aiohttp.ClientSession() as session:
            api = Api(session, url, key)
            kept = await api.make("/v1/customers", {"email": "kept@example.com"})
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "full\n"
            lost = await api.post("/v1/customers", {"email": "lost@example.com"}, key="k")
            again = await api.post("/v1/customers", {"email": "lost@example.com"}, key="k")
            read = await api.get(f"/v1/customers/{kept['id']}")
            page = await api.get("/3ds/challenge")
        for reply in (lost, again, read, page):
            assert (reply.status, reply.error["type"], reply.error["code"]) == (500, "api_error", "state_not_kept")
            assert "could not write to its state file" in reply.error["message"]
            assert "start the sandbox again" in reply.error["message"]
    finally:
        process.kill()
        process.communicate(timeout=30)
    async with Sandbox(state=file) as sandbox:
        assert [customer["email"] for customer in sandbox.store.all("customer")] == ["kept@example.com"]
