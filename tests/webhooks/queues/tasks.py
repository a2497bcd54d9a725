"""The Celery app of a merchant, which the merchant's workers import."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from celery import Celery  # type: ignore[import-untyped]  # it has no types

from wooshpay.api.events import Event
from wooshpay.bulk import RedisJournal
from wooshpay.webhooks import SqliteInbox, WebhookReceiver
from wooshpay.webhooks.celery import receiver_task

redis, folder = os.environ["SHOP_REDIS"], Path(os.environ["SHOP_FOLDER"])

app: Any = Celery("shop", broker=redis, set_as_current=False)
app.conf.broker_connection_retry_on_startup = True
# A test has no time for the hour until Redis delivers a message of a dead worker again.
app.conf.broker_transport_options = {
    "visibility_timeout": 2,
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
    "unacked_mutex_expire": 5,
}
app.conf.worker_prefetch_multiplier = 1

inbox = SqliteInbox(folder / "shop.db", lease=2)
receiver = WebhookReceiver(os.environ["WOOSHPAY_WEBHOOK_SECRET"], inbox=inbox)


def note(what: str) -> None:
    """Append a line to the notes; a line is written whole or not at all."""
    with (folder / "notes").open("a") as notes:
        notes.write(f"{what}\n")


@receiver.on("payment_intent.succeeded")
def ship(event: Event) -> None:
    """Write a row in the inbox's database. What happens before depends on the ID of the event."""
    note(f"start {event.id}")
    if "blocks" in event.id:
        while not (folder / "go").exists():
            time.sleep(0.01)
    if "fails" in event.id and (folder / "notes").read_text().count(f"start {event.id}\n") < 3:
        raise ValueError("out of stock")
    with inbox.transaction() as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS shipments (event TEXT, data TEXT)")
        connection.execute("INSERT INTO shipments VALUES (?, ?)", (event.id, str(event.data.to_dict())))
    note(f"end {event.id}")


webhooks = receiver_task(
    app,
    receiver,
    outbox=RedisJournal(redis).outbox(),
    first_gap=0.05,
    longest_gap=0.2,
    retry_for=float(os.environ.get("SHOP_RETRY_FOR", "3600")),
)
