"""How old a delivery may be, and which clock decides."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

import pytest
from webhooks.deliver import SECRET, body_of, headers_for
from webhooks.handling import PAID

from wooshpay import ConfigurationError
from wooshpay.webhooks import MemoryInbox, Reply, SqliteInbox, WebhookReceiver
from wooshpay.webhooks.inbox import Inbox
from wooshpay.webhooks.inbox.contract import retention_of

NOW: Final = 1_700_000_000
HOUR: Final = 3_600
DAY: Final = 24 * HOUR

Send = Callable[[WebhookReceiver, int], Reply]


@pytest.fixture(params=[False, True], ids=["awaited", "plain"])
def send(request: pytest.FixtureRequest) -> Send:
    """Deliver an event that was signed the given number of seconds ago."""

    def deliver(receiver: WebhookReceiver, age: int) -> Reply:
        body = body_of()
        headers = headers_for(body, t=NOW - age)
        try:
            if request.param:
                return receiver.receive_now(body, headers)
            return asyncio.run(receiver.receive(body, headers))
        finally:
            receiver.close_now()

    return deliver


def made(inbox: Inbox | None = None, **settings: Any) -> WebhookReceiver:
    receiver = WebhookReceiver(SECRET, inbox=inbox, now=lambda: float(NOW), **settings)
    receiver.on(PAID)(lambda event: None)
    return receiver


def test_a_delivery_older_than_the_inbox_remembers_is_refused(send: Send) -> None:
    """Somebody who captured one could have it handled again as soon as its ID is forgotten."""
    clock = [float(NOW)]
    inbox = MemoryInbox(now=lambda: clock[0])
    body = body_of()
    headers = headers_for(body, t=NOW)
    runs: list[int] = []
    receiver = WebhookReceiver(SECRET, inbox=inbox, now=lambda: clock[0])
    receiver.on(PAID)(lambda event: runs.append(1))
    replies: list[int] = []
    for days in (0, 1, 3, 6, 8, 30, 365):
        clock[0] = NOW + days * DAY
        replies.append(receiver.receive_now(body, headers).status)
    receiver.close_now()
    assert replies == [200, 200, 200, 200, 400, 400, 400]
    assert runs == [1]


@pytest.mark.parametrize(
    ("retention", "age", "status"),
    [
        (7 * DAY, 7 * DAY, 200),
        (7 * DAY, 7 * DAY + 1, 400),
        (30 * DAY, 30 * DAY, 200),
        (30 * DAY, 30 * DAY + 1, 400),
        (72 * HOUR, 72 * HOUR, 200),
        (72 * HOUR, 72 * HOUR + 1, 400),
    ],
)
def test_the_limit_is_the_retention_of_the_inbox(send: Send, retention: float, age: int, status: int) -> None:
    reply = send(made(MemoryInbox(retention=retention)), age)
    assert reply.status == status
    if status == 400:
        assert "longer retention" in reply.text


def test_an_event_that_wooshpay_still_redelivers_is_never_refused(send: Send) -> None:
    """Whatever an inbox says of its retention, WooshPay delivers for 72 hours with the first signature."""
    inbox = MemoryInbox()
    inbox.retention = 60.0
    assert send(made(inbox), 72 * HOUR).status == 200


class CustomInbox:
    """An inbox with the methods of the protocol and nothing else."""

    def __init__(self) -> None:
        self._inbox = MemoryInbox()
        self.lease = self._inbox.lease
        self.claim, self.renew, self.done = self._inbox.claim, self._inbox.renew, self._inbox.done
        self.give_back, self.counts = self._inbox.give_back, self._inbox.counts
        self.forget_old, self.close = self._inbox.forget_old, self._inbox.close


@pytest.mark.parametrize("retention", [None, "a week", True])
def test_a_custom_inbox_without_a_retention_is_taken_to_remember_seven_days(send: Send, retention: Any) -> None:
    """Inboxes that were written before there was such an attribute go on working."""
    inbox: Any = CustomInbox()
    if retention is not None:
        inbox.retention = retention
    assert retention_of(inbox) == 7 * DAY
    assert send(made(inbox), 7 * DAY).status == 200
    assert send(made(inbox), 7 * DAY + 1).status == 400


def test_every_store_tells_its_retention(tmp_path: Any) -> None:
    from wooshpay.webhooks import PostgresInbox, RedisInbox

    kept = 5.0 * DAY
    for inbox in (
        MemoryInbox(retention=kept),
        SqliteInbox(tmp_path / "inbox.db", retention=kept),
        RedisInbox("redis://127.0.0.1", retention=kept),
        PostgresInbox("postgresql://127.0.0.1", retention=kept),
    ):
        assert retention_of(inbox) == kept


def test_without_an_inbox_the_past_is_not_limited(send: Send) -> None:
    assert send(made(), 365 * DAY).status == 200


@pytest.mark.parametrize("inbox", [None, MemoryInbox])
@pytest.mark.parametrize(
    ("age", "status"), [(0, 200), (10, 200), (-10, 200), (11, 400), (-11, 400), (7 * DAY + 1, 400)]
)
def test_the_tolerance_of_a_receiver_limits_both_sides(send: Send, inbox: Any, age: int, status: int) -> None:
    """A setting that nobody looks at is worse than none."""
    assert send(made(inbox and inbox(), tolerance=10), age).status == status


def test_a_tolerance_of_nothing_is_no_absent_tolerance(send: Send) -> None:
    assert [send(made(tolerance=0), age).status for age in (0, 1, -1)] == [200, 400, 400]


def test_a_tolerance_beyond_the_retention_does_not_open_the_hole_again(send: Send) -> None:
    receiver = made(MemoryInbox(retention=72 * HOUR), tolerance=365 * DAY)
    assert send(receiver, 72 * HOUR + 1).status == 400
    assert send(receiver, -DAY).status == 200


@pytest.mark.parametrize("tolerance", [-1, float("nan"), "60", True])
def test_a_tolerance_that_cannot_work_is_refused_when_the_receiver_is_made(tolerance: Any) -> None:
    """At the first delivery it would be an exception instead of a response."""
    with pytest.raises(ConfigurationError, match="tolerance"):
        WebhookReceiver(SECRET, tolerance=tolerance)


def test_the_clock_is_called_when_it_is_used(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries that freeze the time replace time.time; a clock bound at import would go on telling the real time."""
    receiver = WebhookReceiver(SECRET, tolerance=10)
    receiver.on(PAID)(lambda event: None)
    assert send(receiver, 0).status == 400, "the real time is years later"
    monkeypatch.setattr(time, "time", lambda: float(NOW))
    assert send(receiver, 0).status == 200
