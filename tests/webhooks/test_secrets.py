"""Receiving shows no secret: not the endpoint's, not those in a delivery, in no log, error or traceback."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.leaks import API_KEY, CLIENT_SECRET, WEBHOOK_SECRET, Everything, answer_with_secrets, leaks, shown_by

from wooshpay import webhooks
from wooshpay.errors import ConfigurationError, InboxError, WebhookError
from wooshpay.webhooks import WebhookReceiver
from wooshpay.webhooks.inbox import MemoryInbox, PostgresInbox, RedisInbox, SqliteInbox

BODY = json.dumps(
    {"id": "evt_1", "object": "event", "type": "payment_intent.succeeded", "data": {"object": answer_with_secrets()}}
).encode()
HEADERS = {"Wooshpay-Signature": webhooks.sign(BODY, WEBHOOK_SECRET), "Cookie": CLIENT_SECRET}


@pytest.fixture
def log() -> Iterator[Everything]:
    handler = Everything()
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.DEBUG)
    root.addHandler(handler)
    yield handler
    root.removeHandler(handler)
    root.setLevel(before)


REFUSED: dict[str, Callable[[], Any]] = {
    "another secret": lambda: webhooks.verify(BODY, HEADERS, [f"{WEBHOOK_SECRET}2", WEBHOOK_SECRET.lower()]),
    "another body": lambda: webhooks.construct(BODY + b" ", HEADERS, WEBHOOK_SECRET),
    "no header": lambda: webhooks.construct(BODY, {"Cookie": CLIENT_SECRET}, WEBHOOK_SECRET),
    "header twice": lambda: webhooks.construct(BODY, [*HEADERS.items(), *HEADERS.items()], WEBHOOK_SECRET),
    "too old": lambda: webhooks.construct(BODY, HEADERS, WEBHOOK_SECRET, tolerance=5, now=0),
    "no event": lambda: webhooks.construct(b"[1]", webhooks.sign(b"[1]", WEBHOOK_SECRET), WEBHOOK_SECRET),
    "no JSON": lambda: webhooks.parse_unverified(BODY[:-1]),
    "no bytes": lambda: webhooks.construct(BODY.decode(), HEADERS, WEBHOOK_SECRET),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # what is refused
    "a key for a secret": lambda: webhooks.verify(BODY, HEADERS, [WEBHOOK_SECRET, API_KEY]),
    "spaces": lambda: webhooks.sign(BODY, f"{WEBHOOK_SECRET}\n"),
    "receiver": lambda: WebhookReceiver([WEBHOOK_SECRET, f" {API_KEY}"]),
    "inbox": lambda: RedisInbox(f"redis://:{API_KEY}@127.0.0.1/0", lease=-1),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_not_shown(name: str) -> None:
    with pytest.raises((WebhookError, ConfigurationError, ValueError)) as caught:
        REFUSED[name]()
    assert leaks(*shown_by(caught.value)) == []


@pytest.mark.parametrize("with_inbox", [True, False], ids=["inbox", "no inbox"])
@pytest.mark.parametrize("now", [True, False], ids=["receive_now", "receive"])
async def test_a_handler_that_fails_is_reported_without_the_delivery(
    now: bool, with_inbox: bool, log: Everything
) -> None:
    """The log has the handler's traceback, and tools that report errors keep the variables of all its frames."""
    receiver = WebhookReceiver(WEBHOOK_SECRET, inbox=MemoryInbox() if with_inbox else None)

    @receiver.on("payment_intent.succeeded")
    def fail(event: Any) -> None:
        raise LookupError(f"{event}", event.id)

    for body in (BODY, BODY[:-1]):
        if now:
            reply = await asyncio.to_thread(receiver.receive_now, body, HEADERS)
        else:
            reply = await receiver.receive(body, HEADERS)
        assert reply.status in {400, 500}
        assert leaks(repr(reply), str(reply.text), repr(receiver)) == []
    if now:
        await asyncio.to_thread(receiver.close_now)
    else:
        await receiver.close()
    assert any("LookupError" in text for text in log.texts if isinstance(text, str))
    assert leaks(*log.texts) == []


async def test_a_store_that_cannot_be_reached_does_not_show_its_password(log: Everything) -> None:
    stores: list[Any] = [
        RedisInbox(f"redis://:{API_KEY}@127.0.0.1:1/0", timeout=0.5),
        PostgresInbox(f"postgresql://user:{API_KEY}@127.0.0.1:1/db", timeout=1.0),
        PostgresInbox(f"postgres//user:{API_KEY}@127.0.0.1:1/db", timeout=1.0),
        RedisInbox(f"redis://:{API_KEY}@127.0.0.1:{API_KEY}/0", timeout=0.5),
        SqliteInbox("/no/such/folder/inbox.db"),
    ]
    for inbox in stores:
        with pytest.raises(InboxError) as caught:
            await inbox.claim("evt_1")
        await inbox.close()
        assert leaks(repr(inbox), str(inbox), *shown_by(caught.value), *log.texts) == []
