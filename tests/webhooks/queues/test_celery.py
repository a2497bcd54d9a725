"""Deliveries through Celery: what the task decides, what its outbox holds, and what the web server answers."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import attrs
import pytest
from celery import Celery  # type: ignore[import-untyped]  # it has no types
from celery.exceptions import SoftTimeLimitExceeded  # type: ignore[import-untyped]  # it has no types
from redis import Redis
from webhooks.deliver import SECRET, body_of, headers_for
from webhooks.queues.views import opened

from wooshpay import ConfigurationError, JournalError, WebhookError
from wooshpay.webhooks import MemoryInbox, WebhookReceiver
from wooshpay.webhooks.celery import receiver_task
from wooshpay.webhooks.queued import Message

PAID: Final = "payment_intent.succeeded"

# ---- the task by itself ---------------------------------------------------------------------------------------


class Retry(Exception):
    """The exception that a Celery task raises to be retried."""


@attrs.frozen
class Request:
    retries: int
    is_eager: bool = False


class Bound:
    """A task during a delivery of its message."""

    def __init__(self, retries: int = 0, *, is_eager: bool = False) -> None:
        self.request = Request(retries, is_eager)
        self.countdowns: list[float] = []

    def retry(self, *, countdown: float, exc: Exception | None = None) -> Exception:
        self.countdowns.append(countdown)
        return Retry()


class App:
    """Keeps what the tasks were made of."""

    Task = object

    def __init__(self) -> None:
        self.tasks: dict[str, dict[str, Any]] = {}

    @property
    def options(self) -> dict[str, Any]:
        return self.tasks["wooshpay.webhooks.receive"]

    def task(self, function: Callable[..., Any], /, **options: Any) -> Any:
        self.tasks[options["name"]] = options
        return function


class Shop:
    """A receiver whose clock the test sets, and the function of its task."""

    def __init__(self, **settings: Any) -> None:
        self.now = time.time()
        self.handled: list[str] = []
        self.error: BaseException | None = None
        self.then: Callable[[Any], None] | None = None
        self.app = App()
        self.receiver = WebhookReceiver(SECRET, inbox=MemoryInbox(), now=lambda: self.now, **settings)
        self.receiver.on(PAID)(self._handle)
        self.run: Any = receiver_task(self.app, self.receiver, retry_for=3600)

    def _handle(self, event: Any) -> None:
        self.handled.append(event.id)
        if self.then is not None:
            self.then(event)
        if self.error is not None:
            raise self.error

    def message(self, event_id: str = "evt_1", body: bytes | None = None) -> Message:
        raw = body_of(event_id) if body is None else body
        sent: list[Message] = []
        queued = self.app.options["base"]._queued
        queued._put = sent.append
        reply = queued.receive_now(raw, headers_for(raw, t=int(self.now)))
        assert reply == (200, "The event is in the queue.", event_id)
        return json.loads(json.dumps(sent[0]))  # type: ignore[no-any-return]  # it is one


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    yield shop
    shop.receiver.close_now()


def test_a_message_is_acknowledged_when_its_event_is_done(shop: Shop) -> None:
    """If it were acknowledged earlier, a paid order would be lost with its worker, or with a handler that takes too
    long: WooshPay got a 200 and does not deliver the event again."""
    chosen = {name: shop.app.options[name] for name in ("acks_late", "reject_on_worker_lost", "shared", "max_retries")}
    assert chosen == {"acks_late": True, "reject_on_worker_lost": True, "shared": False, "max_retries": None}
    assert [shop.app.options[name] for name in ("acks_on_timeout", "acks_on_failure_or_timeout")] == [False, False]


def test_a_message_that_is_delivered_twice_is_handled_once(shop: Shop) -> None:
    message = shop.message()
    assert shop.run(Bound(), message) == (200, "Done.", "evt_1")
    assert shop.run(Bound(), message) == (200, "This event was done before.", "evt_1")
    assert shop.handled == ["evt_1"]


def test_a_body_crosses_the_queue_byte_for_byte(shop: Shop) -> None:
    """Otherwise the worker would refuse the signature. JSON cannot carry bytes, and text could be normalised."""
    body = (
        body_of("evt_1").replace(b'"id"', b' \t"id"\r\n', 1).replace(b"order-17", "Zoe\u0308\u2028".encode()) + b"\r\n"
    )
    assert shop.run(Bound(), shop.message("evt_1", body))[0] == 200


@pytest.mark.parametrize("error", [ValueError("out of stock"), SoftTimeLimitExceeded()])
def test_a_failed_handler_is_retried_with_growing_gaps(shop: Shop, error: Exception) -> None:
    shop.error = error
    message = shop.message()
    gaps: list[float] = []
    for again in range(12):
        bound = Bound(again)
        with pytest.raises(Retry):
            shop.run(bound, message)
        gaps += bound.countdowns
    assert [2.0**n / 2 <= gap <= 2.0**n for n, gap in enumerate(gaps[:10])] == [True] * 10
    assert [300 <= gap <= 600 for gap in gaps[10:]] == [True] * 2
    shop.error = None
    assert shop.run(Bound(12), message)[0] == 200


def test_an_event_that_another_worker_handles_is_retried(shop: Shop) -> None:
    """That worker may die. If this message were acknowledged meanwhile, the event would be lost."""
    message = shop.message()
    inner = Bound()

    def handle(event: Any) -> None:
        with pytest.raises(Retry):
            shop.run(inner, message)

    shop.then = handle
    assert shop.run(Bound(), message)[0] == 200
    assert len(inner.countdowns) == 1


def test_what_ends_a_task_before_it_has_a_result_is_retried(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Celery drops the message of a task that fails with another exception than `Retry`."""

    def interrupted(*_: Any, **__: Any) -> None:
        raise SoftTimeLimitExceeded()

    message = shop.message()
    monkeypatch.setattr(shop.receiver, "receive_now", interrupted)
    with pytest.raises(Retry):
        shop.run(Bound(), message)
    shop.now += 3600
    with pytest.raises(WebhookError, match=r"not handled within 3600 seconds.*SoftTimeLimitExceeded"):
        shop.run(Bound(), message)


def test_after_the_limit_the_task_fails_and_names_the_event(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """Somebody has to look at it: WooshPay got a 200 and does not deliver the event again."""
    shop.error = ValueError("out of stock")
    message = shop.message("evt_17")
    shop.now += 3599
    with pytest.raises(Retry):
        shop.run(Bound(), message)
    shop.now += 1
    with pytest.raises(WebhookError, match=r"evt_17 was not handled within 3600 seconds.*ended with 500"):
        shop.run(Bound(), message)
    assert "evt_17 was not handled within 3600 seconds" in caplog.text


def test_the_time_in_the_queue_does_not_count_for_the_tolerance() -> None:
    """A backlog of ten minutes would otherwise make every worker refuse what the web server has accepted."""
    shop = Shop(tolerance=300.0)
    message = shop.message()
    shop.now += 3000
    assert shop.run(Bound(), message)[0] == 200
    late = shop.message("evt_2")
    with pytest.raises(Retry):
        shop.run(Bound(), {**late, "received": late["received"] + 301})
    shop.receiver.close_now()


def test_the_time_in_the_queue_counts_for_the_retention(caplog: pytest.LogCaptureFixture) -> None:
    """The inbox has forgotten by then whether the event was handled from another message."""
    shop = Shop()
    message = shop.message()
    shop.now += 8 * 86_400
    with pytest.raises(WebhookError, match="ended with 400"):
        shop.run(Bound(), message)
    assert shop.handled == []
    shop.receiver.close_now()


def test_a_message_that_somebody_forged_is_not_handled(shop: Shop) -> None:
    """Whoever can write to the broker must not be able to have goods shipped."""
    message = shop.message()
    forged: Any = {**message, "body": shop.message("evt_2")["body"]}
    with pytest.raises(Retry):
        shop.run(Bound(), forged)
    wrong = ({"body": "?"}, {"received": None}, {"received": True}, {"signature": 1}, {"event_id": None})
    for broken in ({}, *({**message, **one} for one in wrong)):
        with pytest.raises(WebhookError, match="not one that a QueuedReceiver put"):
            shop.run(Bound(), broken)
    assert shop.handled == []


def test_what_cannot_work_is_refused_when_the_task_is_made(shop: Shop) -> None:
    with pytest.raises(ConfigurationError, match="has no inbox"):
        receiver_task(App(), WebhookReceiver(SECRET))
    with pytest.raises(ConfigurationError, match=r"already has a task named wooshpay.webhooks.receive\."):
        receiver_task(shop.app, shop.receiver)
    receiver_task(shop.app, shop.receiver, name="second")
    with pytest.raises(ConfigurationError, match="retry_for must be"):
        receiver_task(App(), shop.receiver, retry_for=0)


# ---- the outbox -----------------------------------------------------------------------------------------------


class MemoryOutbox:
    """Records in a dict."""

    retention = 30 * 86_400.0

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Any]] = {}
        self.fails = False

    async def put(self, task: str, row: str, record: str, /) -> bool:
        self._check()
        new = row not in self.kept
        self.kept[row] = json.loads(record)
        return new

    async def remove(self, task: str, row: str, /) -> None:
        self._check()
        self.kept.pop(row, None)

    async def records(self, task: str, /) -> Mapping[str, str]:
        self._check()
        return {row: json.dumps(record) for row, record in self.kept.items()}

    def _check(self) -> None:
        if self.fails:
            raise JournalError("The outbox does not work.")


class Queue:
    """A task with an outbox, of a real Celery app whose messages are kept in a list instead of a broker."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = time.time()
        self.fails = False
        self.messages: list[Any] = []
        self.saved: list[int] = []
        self.error: Exception | None = None
        self.outbox = MemoryOutbox()
        self.app: Any = Celery("shop", set_as_current=False)
        self.receiver = WebhookReceiver(SECRET, inbox=MemoryInbox(), now=lambda: self.now)
        self.receiver.on(PAID)(self._handle)
        self.task = receiver_task(self.app, self.receiver, outbox=self.outbox, retry_for=7200)
        monkeypatch.setattr(self.app, "send_task", self._send)

    def _handle(self, event: Any) -> None:
        if self.fails:
            raise ValueError("out of stock")

    def _send(self, name: str, args: Any, kwargs: Any, **options: Any) -> None:
        self.saved.append(len(self.outbox.kept))
        if self.error is not None:
            raise self.error
        self.messages.append(args[0])

    def deliver(self, event_id: str = "evt_1") -> int:
        body = body_of(event_id)
        return self.task.receive_now(body, headers_for(body, t=int(self.now))).status

    def work(self, message: Any) -> Any:
        # The function below Celery's own task, with the stand-in for one.
        run: Any = self.app.tasks[self.task.name].run.__func__
        return run(Bound(), message)

    def listed(self) -> list[tuple[str, bool, bool]]:
        return [(one.event_id, bool(one.error), one.given_up) for one in self.task.unfinished()]


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    queue = Queue(monkeypatch)
    yield queue
    queue.receiver.close_now()
    queue.app.close()


def test_a_delivery_is_in_the_outbox_from_before_its_message_until_its_event_is_done(queue: Queue) -> None:
    """In another order, a process that is killed in between would leave an event that nobody can find."""
    assert queue.deliver() == 200
    assert (queue.saved, queue.listed()) == ([1], [("evt_1", False, False)])
    queue.fails = True
    with pytest.raises(Retry):
        queue.work(queue.messages[0])
    assert queue.listed() == [("evt_1", True, False)]
    queue.fails = False
    assert queue.work(queue.messages[0])[0] == 200
    assert queue.listed() == []


def test_without_the_outbox_nothing_is_published_and_nothing_is_done(queue: Queue) -> None:
    """WooshPay delivers the event again, or Celery the message."""
    queue.outbox.fails = True
    assert (queue.deliver(), queue.messages) == (503, [])
    queue.outbox.fails = False
    queue.deliver()
    queue.outbox.fails = True
    with pytest.raises(Retry):
        queue.work(queue.messages[0])
    queue.outbox.fails = False
    assert queue.work(queue.messages[0])[1] == "This event was done before."
    assert queue.listed() == []


def test_what_could_not_be_published_is_not_in_the_outbox(queue: Queue) -> None:
    """WooshPay delivers it again. But one that was queued before stays, since its message may be lost."""
    queue.error = OSError("the broker is away")
    assert (queue.deliver(), queue.listed()) == (503, [])
    queue.error = None
    queue.deliver()
    queue.error = OSError("the broker is away")
    assert (queue.deliver(), queue.listed()) == (503, [("evt_1", False, False)])


def test_an_event_whose_message_was_lost_is_queued_again(queue: Queue) -> None:
    """Once, and not before its message had time to be processed. The event takes effect once, whatever both do."""
    queue.deliver()
    queue.now += 3599
    assert queue.task.resume() == 0
    queue.now += 1
    resume = queue.app.tasks[f"{queue.task.name}.resume"]
    assert [resume(), resume(), resume(older_than=0)] == [1, 0, 1]
    assert queue.messages == [queue.messages[0]] * 3
    assert [queue.work(message)[1] for message in queue.messages[:2]] == ["Done.", "This event was done before."]
    assert queue.task.resume(older_than=0) == 0


def test_an_event_that_is_not_retried_any_more_stays_to_be_looked_at(queue: Queue) -> None:
    """It is not queued again for ever, and it leaves the list when somebody has looked into it."""
    queue.deliver()
    queue.fails = True
    queue.now += 7200
    with pytest.raises(WebhookError):
        queue.work(queue.messages[0])
    assert queue.listed() == [("evt_1", True, True)]
    assert queue.task.resume(older_than=0) == 0
    queue.task.forget("evt_1")
    assert queue.listed() == []


def test_an_event_whose_task_is_interrupted_each_time_is_not_queued_for_ever(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise every call of `resume` would put one more message of the event into the queue."""

    def interrupted(*_: Any, **__: Any) -> None:
        raise SoftTimeLimitExceeded()

    queue.deliver()
    monkeypatch.setattr(queue.receiver, "receive_now", interrupted)
    queue.now += 3600
    with pytest.raises(Retry):
        queue.work(queue.messages[0])
    assert queue.task.resume() == 0, "the message of the retry is in the queue"
    queue.now += 3600
    with pytest.raises(WebhookError):
        queue.work(queue.messages[0])
    assert queue.listed() == [("evt_1", True, True)]
    queue.now += 3600
    assert queue.task.resume() == 0


def test_a_task_without_an_outbox_says_how_to_get_one(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """With Redis as the broker a paid order can be lost; it says so once, and not for every delivery."""
    with opened(redis_url, task_default_queue="no-outbox") as view:
        with pytest.raises(ConfigurationError, match="has no outbox"):
            view.task.unfinished()
        assert [view.deliver("sync").status for _ in range(2)] == [200, 200]
    assert caplog.text.count("The broker is Redis, and receiver_task has no outbox") == 1
    caplog.clear()
    with opened("memory://") as view:
        assert view.deliver("sync").status == 200
    assert "outbox" not in caplog.text


# ---- the view -------------------------------------------------------------------------------------------------


HOW: Final = pytest.mark.parametrize("how", ["sync", "async"])


@HOW
def test_only_what_has_to_be_handled_is_put_into_the_queue(how: str, redis_url: str) -> None:
    with opened(redis_url, task_default_queue=f"view-{how}") as view, Redis.from_url(redis_url) as redis:  # pyright: ignore[reportUnknownMemberType]  # so typed there
        body = body_of()
        assert view.deliver(how, body, headers_for(body, secret="whsec_other"))[0] == 400
        assert view.deliver(how, body_of("evt_2", "product.created", id="prod_1", object="product"))[0] == 200
        assert view.deliver(how, b"x" * (view.task.largest_body + 1))[0] == 413
        assert redis.llen(f"view-{how}") == 0
        assert view.deliver(how, body) == (200, "The event is in the queue.", "evt_1")
        assert redis.llen(f"view-{how}") == 1
        assert view.handled == []
        redis.delete(f"view-{how}")


@HOW
def test_a_broker_that_is_down_is_a_503(how: str, caplog: pytest.LogCaptureFixture) -> None:
    """With a 200, WooshPay would not deliver the event again."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens there
        policy = {"max_retries": 1, "interval_start": 0, "interval_step": 0}
        with opened(f"redis://127.0.0.1:{taken.getsockname()[1]}/0", task_publish_retry_policy=policy) as view:
            assert view.deliver(how) == (503, "The queue cannot be reached; deliver this event again.", "evt_1")
    assert "Event evt_1 could not be put into the queue" in caplog.text


@HOW
@pytest.mark.parametrize("set_by_the_app", [False, True], ids=["default limit", "limit of the app"])
def test_a_broker_that_does_not_answer_is_a_503(
    how: str, set_by_the_app: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Celery sets no time limit for Redis, so that each delivery would keep a thread of the web server for ever."""
    monkeypatch.setattr("wooshpay.core.celery.REDIS_TIMEOUT", 600.0 if set_by_the_app else 0.2)
    options = {"socket_timeout": 0.2, "socket_connect_timeout": 0.2} if set_by_the_app else {}
    policy = {"max_retries": 1, "interval_start": 0, "interval_step": 0}
    # The kernel accepts connections, and nobody reads from them.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        broker = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        replies: list[Any] = []
        with opened(broker, task_publish_retry_policy=policy, broker_transport_options=options) as view:
            delivering = threading.Thread(target=lambda: replies.append(view.deliver(how)), daemon=True)
            delivering.start()
            delivering.join(20)
    assert replies == [(503, "The queue cannot be reached; deliver this event again.", "evt_1")]


@pytest.mark.parametrize(
    ("broker", "options", "advice"),
    [
        ("redis://127.0.0.1:1/0", {}, "Pass an outbox"),
        ("amqp://127.0.0.1:1//", {}, '{"confirm_publish": True}'),
        ("pyamqp://127.0.0.1:1//", {"confirm_publish": False}, '{"confirm_publish": True}'),
        ("amqp://127.0.0.1:1//", {"confirm_publish": True}, None),
    ],
)
def test_a_broker_that_can_lose_an_event_is_named_in_the_log_once(
    broker: str,
    options: dict[str, Any],
    advice: str | None,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """WooshPay gets a 200 for an event that RabbitMQ never had, unless RabbitMQ confirms it."""

    def send(*args: Any, **options: Any) -> None:
        """Keep nothing."""

    monkeypatch.setattr(Celery, "send_task", send)
    with opened(broker, broker_transport_options=options) as view:
        view.deliver("sync")
        view.deliver("sync")
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == (advice is not None)
    assert advice is None or advice in warnings[0]


@HOW
def test_an_eager_task_answers_what_its_handler_did(how: str) -> None:
    """Celery would run an eager task that fails again and again within the request; WooshPay delivers it again."""
    with opened("memory://", task_always_eager=True) as view:
        view.fails = True
        assert view.deliver(how)[0] == 500
        view.fails = False
        assert view.deliver(how) == (200, "Done.", "evt_1")
        assert view.deliver(how) == (200, "This event was done before.", "evt_1")
        assert view.handled == ["evt_1", "evt_1"]


def test_neither_logs_nor_monitors_get_the_body(monkeypatch: pytest.MonkeyPatch) -> None:
    """Celery sends a text of the arguments beside them: to the log of the worker, to Flower, to error reports."""
    with opened("memory://") as view:
        sent: list[dict[str, Any]] = []

        def send_task(*args: Any, **options: Any) -> None:
            sent.append(options)

        monkeypatch.setattr(view.app, "send_task", send_task)
        view.deliver("sync")
        view.task.apply_async(({"body": "", "signature": "", "received": 0.0, "event_id": ""},), argsrepr="what")
        assert [(one["argsrepr"], one["kwargsrepr"]) for one in sent] == [("(<delivery>)", "{}")] * 2
