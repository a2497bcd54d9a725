"""A sandbox with a state file resumes with everything that it had, and goes on from there."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sandbox.rig import DECLINED, GOOD, Api, Shop, payment

from wooshpay import webhooks
from wooshpay.sandbox import Sandbox, WebhookOptions

INTENTS = "/v1/payment_intents"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@asynccontextmanager
async def run(file: Path, **options: Any) -> AsyncGenerator[tuple[Sandbox, Api]]:
    async with Sandbox(state=file, **options) as sandbox, aiohttp.ClientSession() as session:
        yield sandbox, Api(session, sandbox.base_url, sandbox.api_key)


def everything(sandbox: Sandbox) -> dict[str, list[dict[str, Any]]]:
    return {kind: sandbox.store.all(kind) for kind in sorted(sandbox.store.kinds())}


async def test_every_object_and_its_order_come_back(file: Path) -> None:
    async with run(file) as (sandbox, api):
        customer = await api.make("/v1/customers", {"email": "ada@example.com", "metadata": {"a": "1"}})
        paid = await api.make(INTENTS, payment(GOOD, customer=customer["id"]))
        await api.post(INTENTS, payment(DECLINED))
        held = await api.make(INTENTS, payment(GOOD, capture_method="manual"))
        await api.make("/v1/refunds", {"payment_intent": paid["id"], "amount": 500})
        await api.make(f"/v1/customers/{customer['id']}", {"metadata": {"b": "2"}})
        listed = (await api.get(f"{INTENTS}/list")).body
        before = everything(sandbox)
    async with run(file) as (sandbox, api):
        assert everything(sandbox) == before
        assert (await api.get(f"{INTENTS}/list")).body == listed
        # Private facts too: the remainder, and what is held.
        too_much = await api.post("/v1/refunds", {"payment_intent": paid["id"], "amount": 1501})
        assert (too_much.status, too_much.error["param"]) == (400, "amount")
        captured = await api.make(f"{INTENTS}/{held['id']}/capture", {"amount_to_capture": 700})
        assert captured["amount_received"] == 700
        available = (await api.find("/v1/balance"))["available"]
        assert available == [{"amount": 2000 - 500 + 700, "currency": "usd"}]


async def test_keys_address_and_secrets_are_the_same(file: Path) -> None:
    async with run(file) as (sandbox, _):
        before = (sandbox.base_url, sandbox.api_key, sandbox.publishable_key, sandbox.webhook_secret)
        dashboard = sandbox.dashboard_url
    async with run(file) as (sandbox, _):
        assert (sandbox.base_url, sandbox.api_key, sandbox.publishable_key, sandbox.webhook_secret) == before
        assert sandbox.dashboard_url == dashboard


async def test_a_port_that_is_taken_meanwhile_is_replaced_by_a_free_one(file: Path) -> None:
    async with run(file) as (sandbox, _):
        port = int(sandbox.base_url.rpartition(":")[2])
    async with Sandbox(port=port) as other, run(file) as (sandbox, api):
        assert sandbox.base_url != other.base_url
        assert (await api.get("/v1/balance")).status == 200


async def test_a_key_that_is_given_counts_more_than_the_one_in_the_file(file: Path) -> None:
    async with run(file) as (sandbox, _):
        publishable = sandbox.publishable_key
    async with run(file, api_key="sk_test_mine") as (sandbox, api):
        assert (sandbox.api_key, sandbox.publishable_key) == ("sk_test_mine", publishable)
        assert (await api.get("/v1/balance")).status == 200


def test_keys_are_not_known_before_the_file_is_read(file: Path) -> None:
    with pytest.raises(RuntimeError, match="with block"):
        _ = Sandbox(state=file).api_key


async def test_ids_go_on_growing(file: Path) -> None:
    async with run(file) as (sandbox, api):
        sandbox.clock.advance(days=400)
        first = await api.make("/v1/customers", {})
        sandbox.clock.freeze()
        second = await api.make("/v1/customers", {})
    async with run(file) as (sandbox, api):
        third = await api.make("/v1/customers", {})
        assert first["id"] < second["id"] < third["id"]


async def test_the_clock_stands_or_runs_as_it_was_set(file: Path) -> None:
    async with run(file) as (sandbox, _):
        ahead = sandbox.clock.advance(days=40)
    async with run(file) as (sandbox, _):
        assert 0 <= sandbox.clock.now - ahead < 60_000
        sandbox.clock.freeze()
        frozen = sandbox.clock.now
    async with run(file) as (sandbox, _):
        assert sandbox.clock.now == frozen
        sandbox.clock.resume()
    async with run(file) as (sandbox, _):
        assert sandbox.clock.frozen is False


async def test_time_does_not_go_back_when_the_machines_does(file: Path) -> None:
    async with run(file, now=lambda: 2_000_000_000_000):
        pass
    async with run(file, now=lambda: 1_900_000_000_000) as (sandbox, _):
        assert sandbox.clock.now == 2_000_000_000_000


async def test_alarms_ring_after_a_resume_and_only_once(file: Path) -> None:
    async with run(file) as (sandbox, api):
        held = await api.make(INTENTS, payment(GOOD, capture_method="manual"))
        other = await api.make(INTENTS, payment(GOOD, capture_method="manual"))
        await api.make(f"{INTENTS}/{other['id']}/cancel", {"cancellation_reason": "duplicate"})
    async with run(file) as (sandbox, api):
        sandbox.clock.advance(days=8)
        assert (await api.find(f"{INTENTS}/{held['id']}"))["status"] == "canceled"
        rung = len(sandbox.store.events("payment_intent.canceled"))
        assert rung == 2
    async with run(file) as (sandbox, api):
        sandbox.clock.advance(days=8)
        assert len(sandbox.store.events("payment_intent.canceled")) == rung


async def test_an_idempotency_key_replays_its_answer_after_a_resume(file: Path) -> None:
    async with run(file) as (_, api):
        paid = await api.post(INTENTS, payment(GOOD), key="paid")
        refused = await api.post(INTENTS, payment(DECLINED), key="refused")
    async with run(file) as (sandbox, api):
        for key, number, first in (("paid", GOOD, paid), ("refused", DECLINED, refused)):
            again = await api.post(INTENTS, payment(number), key=key)
            assert (again.status, again.body) == (first.status, first.body)
            assert again.headers["Idempotent-Replayed"] == "true"
        assert (await api.post(INTENTS, payment(), key="paid")).error["code"] == "idempotency_key_reused"
        assert sandbox.store.count("payment_intent") == 2


async def test_an_idempotency_key_is_forgotten_after_a_day_in_the_file_too(file: Path) -> None:
    async with run(file) as (sandbox, api):
        await api.post(INTENTS, payment(), key="old")
        sandbox.clock.advance(hours=25)
        await api.post(INTENTS, payment(), key="new")
    assert [id for (id,) in rows(file, "SELECT id FROM keys")] == ["new"]
    async with run(file) as (sandbox, api):
        sandbox.clock.advance(hours=25)
        again = await api.post(INTENTS, payment(), key="new")
        assert "Idempotent-Replayed" not in again.headers


async def test_a_delivery_that_failed_is_tried_again_with_its_first_signature(file: Path, shop: Shop) -> None:
    shop.answers = [500]
    async with run(file, webhook=shop.hook()) as (sandbox, api):
        await api.make(INTENTS, payment())
        await sandbox.settle()
        (before,) = sandbox.deliveries
        secret = sandbox.webhook_secret
    async with run(file, webhook=shop.hook()) as (sandbox, api):
        (resumed,) = sandbox.deliveries
        assert (resumed.id, resumed.body, resumed.next_at) == (before.id, before.body, before.next_at)
        assert [attempt.status for attempt in resumed.attempts] == [500]
        sandbox.clock.advance(days=1)
        await sandbox.settle()
        assert [attempt.status for attempt in sandbox.deliveries[0].attempts] == [500, 200]
        first, second = shop.hooks
        assert (first.body, first.signature) == (second.body, second.signature)
        webhooks.verify(second.body, {"Wooshpay-Signature": second.signature}, [secret])
    async with run(file) as (sandbox, _):
        assert sandbox.deliveries[0].state == "delivered"


async def test_the_webhook_options_and_a_late_delivery_come_back(file: Path, shop: Shop) -> None:
    options = WebhookOptions(duplicates=1, delay=60)
    async with run(file, webhook=shop.hook()) as (sandbox, api):
        sandbox.webhooks = options
        await api.make(INTENTS, payment())
    async with run(file) as (sandbox, api):
        assert sandbox.webhooks == options
        await sandbox.settle()
        assert shop.hooks == []
        sandbox.clock.advance(minutes=2)
        await sandbox.settle()
        assert len(shop.hooks) == 2


async def test_a_webhook_is_registered_once_and_again_when_it_was_deleted(file: Path) -> None:
    url = "http://127.0.0.1:9/hooks"
    async with run(file, webhook=url):
        pass
    async with run(file, webhook=url) as (sandbox, api):
        (endpoint,) = sandbox.store.all("webhook_endpoint")
    async with run(file, webhook=url) as (sandbox, api):
        await api.delete(f"/v1/webhook_endpoints/{endpoint['id']}")
        assert sandbox.store.count("webhook_endpoint") == 0
    async with run(file) as (sandbox, api):
        assert sandbox.store.count("webhook_endpoint") == 0


async def test_reading_writes_nothing(file: Path) -> None:
    async with run(file) as (_, api):
        intent = await api.make(INTENTS, payment(GOOD))
        for _ in range(3):
            await api.find(f"{INTENTS}/{intent['id']}")
            await api.get(f"{INTENTS}/list")
            await api.find("/v1/balance")
        written = file.with_name("state.db-wal").stat().st_size
        await api.find(f"{INTENTS}/{intent['id']}")
        await api.get(f"{INTENTS}/list")
        assert file.with_name("state.db-wal").stat().st_size == written


async def test_nothing_is_left_beside_the_file_and_others_may_not_read_it(file: Path) -> None:
    async with run(file) as (_, api):
        await api.make("/v1/customers", {})
    assert [path.name for path in file.parent.iterdir()] == ["state.db"]
    assert file.stat().st_mode & 0o077 == 0


async def test_a_plain_sandbox_has_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with Sandbox():
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_plain_face_keeps_too(file: Path) -> None:
    with Sandbox(state=file, seed=1) as sandbox:
        now = sandbox.clock.advance(hours=1)
    with Sandbox(state=file) as sandbox:
        assert sandbox.clock.now == now


def rows(file: Path, query: str) -> list[Any]:
    connection = sqlite3.connect(file)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


async def test_another_webhook_secret_replaces_the_one_of_the_file(file: Path) -> None:
    """With a volume and a compose file whose secret was changed, each event came twice, once with the old signature."""
    hook = "http://127.0.0.1:9/hook"
    for secret in ("whsec_ofthefirststart", "whsec_ofthesecondstart"):
        async with Sandbox(state=file, webhook=hook, webhook_secret=secret) as sandbox:
            (endpoint,) = sandbox.store.all("webhook_endpoint")
            assert (endpoint["url"], endpoint["secret"], sandbox.webhook_secret) == (hook, secret, secret)
    async with Sandbox(state=file, webhook_secret="whsec_ofthethirdstart") as sandbox:
        (endpoint,) = sandbox.store.all("webhook_endpoint")
        assert endpoint["secret"] == "whsec_ofthethirdstart"
    async with Sandbox(state=file) as sandbox:
        assert sandbox.webhook_secret == "whsec_ofthethirdstart", "without one, that of the file counts"
        assert sandbox.store.all("webhook_endpoint") == [endpoint]
