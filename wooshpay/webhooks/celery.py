"""Deliveries through Celery: the web server verifies and enqueues them, workers handle them. Extra: ``celery``.

>>> from celery import Celery
>>> from wooshpay.webhooks import RedisInbox, WebhookReceiver
>>> from wooshpay.webhooks.adapters import flask_view
>>> from wooshpay.webhooks.celery import receiver_task
>>> app = Celery("shop", broker="redis://127.0.0.1:6379/0")
>>> receiver = WebhookReceiver("whsec_...", inbox=RedisInbox("redis://127.0.0.1:6379/1"))
>>> task = receiver_task(app, receiver)
>>> view = flask_view(task)

A message is acknowledged when its event is done. If the worker dies, the message is delivered again, and because of the
inbox the event is still handled once. If the handler fails, Celery retries the task.

Whoever can read the broker can read the events in it. Whoever can write to it cannot forge one: the worker verifies the
signature again.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Protocol
from weakref import WeakKeyDictionary

from wooshpay.config import check_seconds
from wooshpay.core.celery import DURABLE, gap, limited_producer, retry
from wooshpay.core.celery import App as App  # it is part of the signature
from wooshpay.core.log_fields import log_fields
from wooshpay.errors import ConfigurationError, JournalError, PayloadError, WebhookError
from wooshpay.webhooks.contract import AnyReceiver
from wooshpay.webhooks.queued import Message, QueuedReceiver
from wooshpay.webhooks.replies import Reply
from wooshpay.webhooks.unfinished import Unfinished, UnfinishedEvent

if TYPE_CHECKING:
    from wooshpay.bulk.outbox import Outbox
    from wooshpay.webhooks.receiver import WebhookReceiver
    from wooshpay.webhooks.signature import Body, Headers

RETRY_FOR: Final = 72 * 3600.0
"""Seconds for which a delivery is retried, by default: as long as WooshPay itself delivers an event."""

RESUME_AFTER: Final = 3600.0
"""Seconds for which `ReceiverTask.resume` waits for the message of an event before it queues the event again."""

_NAME: Final = "wooshpay.webhooks.receive"
# What Celery logs and sends to monitors in place of the arguments, which hold personal data.
_SHOWN: Final = "(<delivery>)"

_NO_OUTBOX: Final = (
    "The broker is Redis, and receiver_task has no outbox: when a worker is killed, Redis may send it the next message,"
    " whose event is then lost. Pass an outbox: receiver_task(app, receiver, outbox=RedisJournal(url).outbox())."
)
_NO_CONFIRMATION: Final = (
    "The broker is RabbitMQ, and it does not confirm messages, so an event is lost if RabbitMQ stops or is cut off at"
    ' the moment of a delivery. Set app.conf.broker_transport_options = {"confirm_publish": True}, or pass an outbox.'
)

_logger = logging.getLogger("wooshpay.webhooks")
_taken: WeakKeyDictionary[App, set[str]] = WeakKeyDictionary()


class ReceiverTask(AnyReceiver, Protocol):
    """The task that `receiver_task` returns. It is a Celery task, and every adapter accepts it as a receiver."""

    name: str

    def unfinished(self, *, older_than: float | None = None) -> list[UnfinishedEvent]:
        """List the events in the outbox: they were put into the queue and are not done. The oldest come first.

        Args:
            older_than: Only events that were last queued or attempted at least so many seconds ago. Default: all.

        Raises:
            ConfigurationError: The task has no outbox.
            JournalError: The outbox cannot be read.
        """
        ...

    def resume(self, *, older_than: float = RESUME_AFTER) -> int:
        """Put the events in the outbox into the queue again, except those that are not retried any more.

        This is safe even if the message of an event is still in the queue: because of the inbox, an event is handled
        once.

        Args:
            older_than: Only events that were last queued or attempted at least so many seconds ago. To avoid useless
                messages, choose more than an event usually waits in the queue. Default: one hour.

        Returns:
            The number of events that were put into the queue.

        Raises:
            ConfigurationError: The task has no outbox.
            JournalError: The outbox cannot be read or written.
        """
        ...

    def forget(self, event_id: str) -> None:
        """Remove an event from the outbox, after somebody has looked into it.

        Raises:
            ConfigurationError: The task has no outbox.
            JournalError: The outbox cannot be written.
        """
        ...

    def apply_async(self, args: tuple[Message], /, **options: Any) -> Any:
        """Put a message into the queue, with Celery's own options."""
        ...


def receiver_task(
    app: App,
    receiver: WebhookReceiver,
    *,
    outbox: Outbox | None = None,
    name: str = _NAME,
    retry_for: float = RETRY_FOR,
    first_gap: float = 1.0,
    longest_gap: float = 600.0,
) -> ReceiverTask:
    """Create a task that handles deliveries, and that adapters take as their receiver: ``flask_view(task)``.

    In the web server, a delivery is verified and put into the queue. The response is 400 if the signature is wrong, 200
    if the broker has the delivery, and 503 if it has not, so that WooshPay delivers the event again.

    In the worker, the task calls `WebhookReceiver.receive_now`. If the handler fails, another worker is handling the
    event, or the inbox fails, the task is retried with growing gaps until the event is done. When a delivery has been
    retried for `retry_for` seconds, the task fails, the log has a line at level ERROR with the ID of the event, and the
    message is dropped, or goes to the dead letter queue if the broker has one.

    With ``task_always_eager``, the handler runs in the web server, and its own response is returned: Celery retries
    nothing then, but WooshPay does.

    Args:
        app: The Celery app.
        receiver: The receiver. It needs an inbox that all workers share. It may be created when the module is imported.
        outbox: Keeps the deliveries that are not handled yet, for brokers that can lose a message when a worker is
            killed, as Redis does: ``RedisJournal("redis://...").outbox()``. A second task, named like the first with
            ``.resume`` at the end, calls `ReceiverTask.resume`; let Celery beat run it every few minutes.
        name: The name of the task. No other task of the app may have it, so two receivers in one app need two names.
        retry_for: Seconds since the delivery arrived during which the task is retried. Default: 72 hours.
        first_gap: Seconds before the first retry. Each further gap is twice as long; up to half of it is random.
        longest_gap: The longest gap, in seconds. With Redis as the broker it must be shorter than the visibility
            timeout.

    Raises:
        ConfigurationError: The receiver has no inbox, the app has a task of this name, or a setting is not valid.
    """
    check_seconds("retry_for", retry_for)
    check_seconds("first_gap", first_gap)
    check_seconds("longest_gap", longest_gap)

    names = _taken.setdefault(app, set())
    if name in names:
        raise ConfigurationError(
            f"The app already has a task named {name}. Pass a different name: receiver_task(app, receiver, name=...)."
        )

    unfinished = None
    if outbox is not None:
        unfinished = Unfinished(outbox, name, receiver.now, receiver._loops.run)  # pyright: ignore[reportPrivateUsage]  # of the same package

    advised: list[bool] = []

    def put(message: Message) -> object:
        if unfinished is None and not advised:
            advised.append(True)
            if (advice := _advice(app)) is not None:
                _logger.warning(advice, extra=log_fields(wooshpay_event_id=message["event_id"]))
        is_new = unfinished is not None and unfinished.put(message)
        try:
            with limited_producer(app) as producer:
                found = made.apply_async((message,), producer=producer)
        except Exception as error:
            # WooshPay delivers the event again, so the outbox need not keep it, unless it was there before.
            if unfinished is not None and is_new:
                _take_back(unfinished, message["event_id"], error)
            raise
        if not isinstance(found, import_module("celery.result").EagerResult):
            return None
        # The task has run already. Its exception is raised here, if it has one.
        return Reply(*found.get())

    queued = QueuedReceiver(receiver, put)

    def receive(task: Any, message: Mapping[str, Any]) -> Sequence[Any]:
        try:
            reply = queued.handle_now(message)
            if reply.status == 200 and reply.event_id is not None and unfinished is not None:
                unfinished.remove(reply.event_id)
            error, result = None, f"{reply.status}: {reply.text}"
        except PayloadError:
            raise  # this is not a delivery
        except Exception as raised:
            # Celery's soft time limit, for example, or an outbox that cannot be reached.
            reply, error, result = Reply(500, "The task was interrupted."), raised, repr(raised)
        if reply.status == 200:
            return reply
        if task.request.is_eager:
            return _eager(reply, error)
        over = receiver.now() - message["received"] >= retry_for
        noted = _noted(unfinished, message, result, given_up=over)
        error = error or noted
        if not over:
            # Celery would drop the message of a task that fails with any other exception.
            raise retry(task, gap(task.request.retries, first_gap, longest_gap), error) from error
        event_id = reply.event_id or message.get("event_id")
        reason = f"Event {event_id} was not handled within {retry_for:g} seconds, and is not retried any more"
        fields = log_fields(
            wooshpay_event_id=reply.event_id, wooshpay_status=reply.status, wooshpay_outcome=reply.outcome
        )
        _logger.error("%s. The last attempt ended with %s", reason, result, extra=fields)
        raise WebhookError(f"{reason}. The last attempt ended with {result}") from error

    made: ReceiverTask = app.task(
        receive,
        base=_task_class(app, queued, unfinished),
        name=name,
        bind=True,
        # By default, Celery also registers a task with all other apps of the process.
        shared=False,
        # Nobody waits for the result, so no result backend is needed.
        ignore_result=True,
        # The time since the delivery arrived is the limit.
        max_retries=None,
        **DURABLE,
    )
    names.add(name)
    if unfinished is not None:

        def resume(older_than: float = RESUME_AFTER) -> int:
            return made.resume(older_than=older_than)

        app.task(resume, name=f"{name}.resume", shared=False, ignore_result=True)
    return made


def _advice(app: Any) -> str | None:
    """Return what to do about a broker that can lose a message, if it can."""
    broker = str(app.conf.broker_write_url or app.conf.broker_url)
    if app.conf.task_always_eager:
        return None
    if broker.startswith(("redis:", "rediss:", "sentinel:")):
        return _NO_OUTBOX
    if broker.startswith(("amqp:", "amqps:", "pyamqp:")) and not app.conf.broker_transport_options.get(
        "confirm_publish"
    ):
        return _NO_CONFIRMATION
    return None


def _take_back(unfinished: Unfinished, event_id: str, error: Exception) -> None:
    try:
        unfinished.remove(event_id)
    except JournalError:
        error.add_note(f"Event {event_id} could not be removed from the outbox. resume() would queue it.")


def _noted(
    unfinished: Unfinished | None, message: Mapping[str, Any], result: str, *, given_up: bool
) -> Exception | None:
    """Note an attempt in the outbox. Return the error of the outbox: the task is retried in any case."""
    try:
        if unfinished is not None:
            unfinished.note(message, result, given_up=given_up)
    except JournalError as error:
        return error
    return None


def _eager(reply: Reply, error: Exception | None) -> Reply:
    if error is not None:
        raise error
    return reply


if TYPE_CHECKING:

    class _CeleryTask:
        """The method of ``celery.Task`` that is used here."""

        def apply_async(self, args: Any = None, kwargs: Any = None, task_id: Any = None, **options: Any) -> Any: ...
else:
    _CeleryTask = object


class _DeliveryTask(_CeleryTask):
    """The methods that a task for deliveries has in addition to those of the app's tasks."""

    abstract = True
    _queued: QueuedReceiver
    _unfinished: Unfinished | None
    largest_body: int

    async def receive(self, body: Body, headers: Headers, *, thread: object = None) -> Reply:
        return await self._queued.receive(body, headers)

    def receive_now(self, body: Body, headers: Headers, *, thread: object = None) -> Reply:
        return self._queued.receive_now(body, headers)

    def apply_async(self, args: Any = None, kwargs: Any = None, task_id: Any = None, **options: Any) -> Any:
        # Celery calls this for retries too.
        shown = {"argsrepr": _SHOWN, "kwargsrepr": "{}"}
        return super().apply_async(args, kwargs, task_id, **{**options, **shown})

    def unfinished(self, *, older_than: float | None = None) -> list[UnfinishedEvent]:
        return self._kept().find(older_than)

    def resume(self, *, older_than: float = RESUME_AFTER) -> int:
        kept = self._kept()
        events = [event for event in kept.find(older_than) if not event.given_up]
        for event in events:
            # Written first, so that the next call of this method does not queue the event again.
            kept.note(event.message, event.error or "It was queued again.", given_up=False)
            self.apply_async((dict(event.message),))
        return len(events)

    def forget(self, event_id: str) -> None:
        self._kept().remove(event_id)

    def _kept(self) -> Unfinished:
        if self._unfinished is None:
            raise ConfigurationError("The task has no outbox. Pass one: receiver_task(app, receiver, outbox=...).")
        return self._unfinished


def _task_class(app: App, queued: QueuedReceiver, unfinished: Unfinished | None) -> type:
    values = {"abstract": True, "_queued": queued, "_unfinished": unfinished, "largest_body": queued.largest_body}
    return type("DeliveryTask", (_DeliveryTask, app.Task), values)
