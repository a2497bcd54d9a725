"""How open pages hear of changes, and what makes that quick at any size."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from sandbox.dashboard.visitor import Visitor
from sandbox.rig import Api, Shop, payment

from wooshpay.sandbox import Sandbox
from wooshpay.sandbox.engine.store import Collection, Record
from wooshpay.sandbox.pages.dashboard.json_text import json_tokens
from wooshpay.sandbox.pages.dashboard.trails import Trails
from wooshpay.sandbox.pages.dashboard.words import duration, plural, time_text
from wooshpay.sandbox.webhooks.deliveries import Delivery


async def stamps(visitor: Visitor) -> AsyncIterator[str]:
    """What is told, from now on."""
    async with visitor.session.get(f"{visitor.base_url}/dashboard/changes") as response:
        assert response.content_type == "text/event-stream"
        async for line in response.content:
            if line.startswith(b"data: "):
                yield line.decode()[6:].strip()


async def test_says_when_something_changed(visitor: Visitor, api: Api, shop: Shop, sandbox: Sandbox) -> None:
    told = stamps(visitor)
    known = await anext(told)
    assert f'data-stamp="{known}"' in (await visitor.look()).text
    changes: list[Callable[[], Awaitable[object]]] = [
        lambda: api.make("/v1/webhook_endpoints", {"url": shop.hook(), "enabled_events": ["*"]}),
        lambda: api.make("/v1/customers"),
        lambda: asyncio.to_thread(sandbox.clock.advance, hours=1),
        lambda: asyncio.to_thread(sandbox.clock.freeze),
        lambda: asyncio.to_thread(sandbox.clock.resume),
        lambda: asyncio.to_thread(sandbox.faults.add, "refuse"),
        lambda: visitor.send("faults/clear"),
        lambda: asyncio.to_thread(sandbox.requests.clear),
    ]
    for change in changes:
        await change()
        fresh = await asyncio.wait_for(anext(told), 5)
        assert fresh != known
        known = fresh


async def test_says_when_a_delivery_is_over(visitor: Visitor, api: Api, shop: Shop, sandbox: Sandbox) -> None:
    await api.make("/v1/webhook_endpoints", {"url": shop.hook(), "enabled_events": ["*"]})
    await api.make("/v1/payment_intents", payment())
    await sandbox.settle()
    told = stamps(visitor)
    await anext(told)
    await sandbox.resend(sandbox.store.events()[-1]["id"])
    await asyncio.wait_for(anext(told), 5)


async def test_says_nothing_when_nothing_changes(visitor: Visitor) -> None:
    told = stamps(visitor)
    await anext(told)
    await visitor.look("objects")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(told), 0.8)


async def test_an_open_page_does_not_hold_up_the_closing() -> None:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        async with Sandbox() as sandbox:
            visitor = Visitor(session, sandbox.base_url)
            await visitor.enter(sandbox.dashboard_url)
            told = stamps(visitor)
            await anext(told)
            begun = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - begun < 1.5


# ---- what belongs together


def event(number: int, about: str) -> Record:
    return Record({"id": f"evt_{number}", "object": "event", "data": {"object": {"id": about}}})


def test_the_events_of_an_object_are_found_as_they_come() -> None:
    events, trails = Collection(), Trails()
    assert trails.events_of(events, "pi_1") == []
    for number, about in enumerate(("pi_1", "pi_2", "pi_1")):
        events.add(event(number, about))
    assert trails.events_of(events, "pi_1") == ["evt_2", "evt_0"]
    events.add(event(3, "pi_1"))
    assert trails.events_of(events, "pi_1") == ["evt_3", "evt_2", "evt_0"]
    assert trails.events_of(events, "pi_2") == ["evt_1"]


def test_events_that_were_undone_are_forgotten() -> None:
    events, trails = Collection(), Trails()
    events.add(event(0, "pi_1"))
    assert trails.events_of(events, "pi_1") == ["evt_0"]
    restored = Collection()
    restored.add(event(7, "pi_1"))
    assert trails.events_of(restored, "pi_1") == ["evt_7"]


def delivery(number: int, event_id: str) -> Delivery:
    return Delivery(
        event_id=event_id,
        event_type="x",
        endpoint_id="we_1",
        body=b"",
        signed_at=0,
        first_at=0,
        next_at=None,
        number=number,
    )


def test_the_deliveries_of_an_event_are_found_as_they_come() -> None:
    trails = Trails()
    deliveries = [delivery(0, "evt_1"), delivery(1, "evt_2"), delivery(2, "evt_1")]
    assert [found.number for found in trails.deliveries_of(deliveries, "evt_1")] == [2, 0]
    deliveries.append(delivery(3, "evt_1"))
    assert [found.number for found in trails.deliveries_of(deliveries, "evt_1")] == [3, 2, 0]
    assert [found.number for found in trails.deliveries_of(deliveries[:2], "evt_1")] == [0]
    assert trails.deliveries_of(deliveries, "evt_9") == []
    assert [found.number for found in trails.deliveries_of(deliveries, "we_1", 2)] == [3, 2]


# ---- words


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (-5, "0 s"),
        (999, "0 s"),
        (61_000, "1 min 1 s"),
        (3_600_000, "1 h"),
        (90_000_000, "1 d 1 h"),
        (86_460_000, "1 d"),
    ],
)
def test_a_span_in_words(milliseconds: int, text: str) -> None:
    assert duration(milliseconds) == text


def test_a_time_and_a_plural_in_words() -> None:
    assert time_text(1_767_225_600_123) == "2026-01-01 00:00:00"
    assert time_text(10**18).startswith("9999")
    assert [plural(name) for name in ("Refund", "Beneficiary")] == ["Refunds", "Beneficiaries"]


def test_json_in_pieces_is_the_same_text_and_knows_its_ids() -> None:
    value = {"id": "pi_1", "text": 'a "quoted": pi_1', "none": None, "list": [1, -2.5, True, "pi_9"], "secret": "s"}
    tokens = json_tokens(value, lambda id: id == "pi_1")
    assert [token.id for token in tokens if token.id] == ["pi_1"]
    text = "".join(token.text for token in tokens)
    assert '"secret": "[hidden]"' in text
    assert '"text": "a \\"quoted\\": pi_1"' in text
    assert '"secret": "s"' in "".join(token.text for token in json_tokens(value, bool, secrets=True))
    assert [token.text for token in tokens if token.kind == "value"] == ["null", "1", "-2.5", "true"]
