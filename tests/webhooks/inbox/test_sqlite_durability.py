"""Which of SQLite's commits wait for the disk: those that a power cut must not undo, and no others."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from webhooks.deliver import SECRET, body_of, headers_for

from wooshpay.api.events import Event
from wooshpay.webhooks import WebhookReceiver
from wooshpay.webhooks.inbox import Claim, SqliteInbox

# The value of SQLite's PRAGMA synchronous with which every commit waits for the disk.
FULL: Final = 2


async def test_done_waits_for_the_disk_and_a_claim_does_not(tmp_path: Path) -> None:
    """A delivery would wait for the disk twice. A power cut ends the worker too, so its claim may be forgotten."""
    inbox = SqliteInbox(tmp_path / "inbox.db")
    await inbox.counts()
    connection = inbox._connection  # pyright: ignore[reportPrivateUsage]  # SQLite tells nobody else what it waits for
    assert connection is not None
    statements: list[str] = []
    connection.set_trace_callback(statements.append)

    def level() -> str:
        """Return the level that was set last before the last write."""
        write = max(number for number, statement in enumerate(statements) if not statement.startswith("PRAGMA"))
        return [statement for statement in statements[:write] if "synchronous" in statement][-1]

    claim = await inbox.claim("evt_1")
    assert isinstance(claim, Claim)
    assert level() == "PRAGMA synchronous = NORMAL"
    assert await inbox.renew(claim)
    assert level() == "PRAGMA synchronous = NORMAL"
    assert await inbox.done(claim)
    assert level() == "PRAGMA synchronous = FULL"
    other = await inbox.claim("evt_2")
    assert isinstance(other, Claim)
    await inbox.give_back(other)
    assert level() == "PRAGMA synchronous = FULL"
    await inbox.close()


def test_rows_together_with_done_wait_for_the_disk(tmp_path: Path) -> None:
    """A power cut would undo an order that was answered with 200, and nobody delivers it again."""
    inbox = SqliteInbox(tmp_path / "inbox.db")
    receiver = WebhookReceiver(SECRET, inbox=inbox)
    levels: list[int] = []

    @receiver.other
    def handle(event: Event) -> None:
        with inbox.transaction() as connection:
            levels.append(connection.execute("PRAGMA synchronous").fetchone()[0])

    body = body_of("evt_1")
    assert receiver.receive_now(body, headers_for(body)).status == 200
    receiver.close_now()
    assert levels == [FULL]
