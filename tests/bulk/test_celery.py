"""Rows as Celery tasks: the decisions of the task by themselves, the outbox, and real workers that are killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
from bulk.world import MemoryJournal, payment, refunded
from celery import Celery  # type: ignore[import-untyped]  # it has no types
from celery.exceptions import Reject, SoftTimeLimitExceeded  # type: ignore[import-untyped]  # it has no types
from celery.signals import task_revoked  # type: ignore[import-untyped]  # it has no types
from redis import Redis
from webhooks import servers

from wooshpay import AsyncWooshPay, ConfigurationError, JournalError, WooshPay
from wooshpay.bulk import RedisJournal, SqliteJournal
from wooshpay.bulk.celery import bulk_task
from wooshpay.bulk.outbox import Outbox, UnfinishedRow
from wooshpay.bulk.queued import QueuedRows
from wooshpay.bulk.rows import RowResult
from wooshpay.sandbox import SyncSandbox

PLACE: Final = Path(__file__).parent / "worker"
# Not a criterion: the tests wait for conditions. It only ends a test whose condition never comes true.
LIMIT_SECONDS: Final = 600

# ---- the task by itself ---------------------------------------------------------------------------------------


class Retry(Exception):
    """The exception that a Celery task raises to be retried."""


@attrs.frozen
class Request:
    retries: int
    id: str = "task-1"
    expires: str | None = None
    args: Any = None
    kwargs: Any = None
    delivery_info: Mapping[str, Any] = {"exchange": "", "routing_key": "refunds", "priority": 0}


class Bound:
    """A task during a delivery."""

    def __init__(self, retries: int = 0, refuses: Exception | None = None) -> None:
        self.request = Request(retries)
        self.refuses = refuses
        self.countdowns: list[float] = []

    def retry(self, *, countdown: float, exc: Exception | None = None) -> Exception:
        self.countdowns.append(countdown)
        if self.refuses is not None:
            raise self.refuses
        return Retry()


class App:
    """Keeps what the tasks were made of."""

    Task = object

    def __init__(self) -> None:
        self.tasks: dict[str, dict[str, Any]] = {}

    def task(self, function: Callable[..., Any], /, **options: Any) -> Any:
        self.tasks[options["name"]] = options
        return function


class MemoryOutbox:
    """Records in a dict."""

    retention = 30 * 86_400.0

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.fails = False

    async def put(self, task: str, row: str, record: str, /) -> bool:
        self._check()
        new = (task, row) not in self.kept
        self.kept[task, row] = record
        return new

    async def remove(self, task: str, row: str, /) -> None:
        self._check()
        self.kept.pop((task, row), None)

    async def records(self, task: str, /) -> Mapping[str, str]:
        self._check()
        return {row: record for (owner, row), record in self.kept.items() if owner == task}

    def _check(self) -> None:
        if self.fails:
            raise JournalError("The outbox does not work.")

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(record) for record in self.kept.values()]


class Desk:
    """A task for refunds in a sandbox."""

    def __init__(self, sandbox: SyncSandbox, client: WooshPay) -> None:
        self.sandbox = sandbox
        self.journal = MemoryJournal()
        self.outbox = MemoryOutbox()
        self.app = App()
        self.task: Any = bulk_task(
            self.app, "refunds.create", client=client, journal=self.journal, outbox=self.outbox, retries=3
        )
        self.arguments = {"payment_intent": payment(sandbox), "amount": 5}


@pytest.fixture
def desk(sandbox: SyncSandbox) -> Iterator[Desk]:
    with WooshPay(sandbox.api_key, base_url=sandbox.base_url, max_retries=0) as client:
        yield Desk(sandbox, client)


def test_a_message_is_acknowledged_when_its_row_is_done(desk: Desk) -> None:
    """If it were acknowledged earlier, a row would be lost with its worker, or with an attempt that takes too long."""
    options = desk.app.tasks["wooshpay.bulk.refunds.create"]
    assert options["acks_late"] is True
    assert options["reject_on_worker_lost"] is True
    assert options["acks_on_timeout"] is False
    assert "wooshpay.bulk.refunds.create.resume" in desk.app.tasks


def test_a_row_that_is_delivered_twice_is_done_once(desk: Desk) -> None:
    first = desk.task(Bound(), "recall", "r1", desk.arguments)
    second = desk.task(Bound(), "recall", "r1", desk.arguments)
    assert (first["state"], first["earlier"]) == ("succeeded", False)
    assert second == {**first, "earlier": True}
    assert json.loads(json.dumps(first)) == first
    assert desk.sandbox.store.count("refund") == 1
    assert desk.task(Bound(), "recall", "r1", {**desk.arguments, "amount": 6})["state"] == "refused"


@pytest.mark.parametrize("kind", ["drop_after", "drop_before"])
def test_a_row_without_an_answer_is_tried_again_with_the_same_key(desk: Desk, kind: Any) -> None:
    desk.sandbox.faults.add(kind, operation="refunds.create")
    delivery = Bound(retries=1)
    with pytest.raises(Retry):
        desk.task(delivery, "recall", "r1", desk.arguments)
    assert desk.journal.entries["r1"].state == "unknown"
    assert 1 <= delivery.countdowns[0] <= 2
    assert desk.task(Bound(retries=2), "recall", "r1", desk.arguments)["state"] == "succeeded"
    assert len({request.idempotency_key for request in desk.sandbox.requests.of("refunds.create")}) == 1
    assert desk.sandbox.store.count("refund") == 1


def test_after_the_last_try_the_result_says_what_is_known(desk: Desk) -> None:
    desk.sandbox.faults.add("server_error", operation="refunds.create", times=None)
    result = desk.task(Bound(retries=3), "recall", "r1", desk.arguments)
    assert (result["state"], bool(result["error"])) == ("unknown", True)


def test_what_wooshpay_refuses_is_a_result(desk: Desk) -> None:
    result = desk.task(Bound(), "recall", "r1", {**desk.arguments, "amount": 10**9})
    assert result["state"] == "rejected"
    assert desk.task(Bound(), "recall", "r2", {})["state"] == "refused"
    with pytest.raises(ConfigurationError, match=r"(?i)id of a row"):
        desk.task(Bound(), "recall", "", {})


def test_a_row_that_did_not_end_is_retried_whatever_ended_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Celery acknowledges the message of a task that fails: with another error than `Retry` the row would be lost."""

    async def interrupted(*_: Any) -> None:
        raise SoftTimeLimitExceeded()

    monkeypatch.setattr(desk.journal, "change", interrupted)
    with pytest.raises(Retry):
        desk.task(Bound(), "recall", "r1", desk.arguments)


def test_a_retry_that_cannot_be_published_puts_the_message_back(desk: Desk) -> None:
    """Celery raises `Reject` without requeueing then, which removes the message: the row would be lost."""
    desk.sandbox.faults.add("drop_before", operation="refunds.create")
    with pytest.raises(Reject) as caught:
        desk.task(Bound(refuses=Reject("the broker is away", requeue=False)), "recall", "r1", desk.arguments)
    assert caught.value.requeue is True


def test_a_journal_that_cannot_be_reached_sends_nothing_and_is_tried_again(sandbox: SyncSandbox) -> None:
    class Gone(MemoryJournal):
        async def change(self, *_: Any) -> None:
            raise JournalError("gone")

    with WooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        task: Any = bulk_task(App(), "refunds.create", client=client, journal=Gone(), outbox=MemoryOutbox())
        with pytest.raises(Retry):
            task(Bound(), "recall", "r1", {"payment_intent": "pi_1"})
    assert sandbox.requests.of("refunds.create") == []


def test_what_cannot_work_is_refused_when_the_task_is_made() -> None:
    client: Any = AsyncWooshPay("sk_test_x")
    with pytest.raises(ConfigurationError, match="give them a WooshPay"):
        bulk_task(App(), "refunds.create", client=client, journal=MemoryJournal())
    with WooshPay("sk_test_x") as client:
        with pytest.raises(ConfigurationError, match="no operation"):
            bulk_task(App(), "refunds.creat", client=client, journal=MemoryJournal())
        with pytest.raises(ConfigurationError, match="MemoryJournal, has no outbox"):
            bulk_task(App(), "refunds.create", client=client, journal=MemoryJournal())


# ---- what the worker notes in the outbox ----------------------------------------------------------------------


def test_a_finished_row_leaves_the_outbox(desk: Desk) -> None:
    """If it stayed, it would be queued again forever."""
    desk.sandbox.faults.add("drop_after", operation="refunds.create")
    with pytest.raises(Retry):
        desk.task(Bound(), "recall", "r1", desk.arguments)
    assert [(row["row"], row["state"], row["task_id"]) for row in desk.outbox.rows] == [("r1", "unknown", "task-1")]
    assert desk.outbox.rows[0]["options"] == {"queue": "refunds", "priority": 0}
    desk.task(Bound(retries=1), "recall", "r1", desk.arguments)
    assert desk.outbox.rows == []


def test_a_row_that_wooshpay_rejects_is_finished(desk: Desk) -> None:
    assert desk.task(Bound(), "recall", "r1", {**desk.arguments, "amount": 10**9})["state"] == "rejected"
    assert desk.outbox.rows == []


def test_a_row_that_ends_without_being_finished_stays_with_its_reason(desk: Desk) -> None:
    """The result of a task may be stored nowhere. Without the outbox nobody would learn about the row."""
    desk.sandbox.faults.add("server_error", operation="refunds.create", times=None)
    result = desk.task(Bound(retries=3), "recall", "r1", desk.arguments)
    desk.task(Bound(), "recall", "r2", {"amount": 5, "colour": "red"})
    assert [(row["row"], row["state"]) for row in desk.outbox.rows] == [("r1", "unknown"), ("r2", "refused")]
    assert desk.outbox.rows[0]["error"] == result["error"]


def test_a_result_that_is_neither_success_nor_rejection_stays_to_be_looked_at(queue: Queue) -> None:
    """For example a response that WooshPay repeated for a request which this run did not send."""
    row = UnfinishedRow(run="recall", row="r1", arguments=ARGUMENTS, since=0.0, task_id="t1")
    state: Any = "replayed"
    result = RowResult(row="r1", state=state, error="It was already done under this key.")
    queue.task._caller.run(lambda: queue.rows.note(row, result))
    assert [(each.state, each.error) for each in queue.task.unfinished()] == [("refused", result.error)]
    assert queue.task.resume(older_than=0) == 0


def test_rows_that_a_rotated_key_stopped_are_resumed_once_the_new_key_is_accepted(sandbox: SyncSandbox) -> None:
    """Nothing is wrong with the rows. Noted as refused, they would never have been sent: their messages are gone, and
    `resume` leaves refused rows alone.
    """
    journal, outbox, arguments = MemoryJournal(), MemoryOutbox(), {"payment_intent": payment(sandbox), "amount": 5}

    def task(client: WooshPay, *, rotated_key: bool) -> Any:
        return bulk_task(
            App(), "refunds.create", client=client, journal=journal, outbox=outbox, rotated_key=rotated_key
        )

    with WooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        task(client, rotated_key=False)(Bound(), "recall", "r1", arguments)
    other = sandbox.api_key + "x"
    with WooshPay(other, base_url=sandbox.base_url) as client:
        with pytest.raises(ConfigurationError, match="rotated"):
            task(client, rotated_key=False)(Bound(), "recall", "r2", arguments)
    [row] = outbox.rows
    assert (row["row"], row["state"]) == ("r2", "not_sent")
    assert "made with another API key" in row["error"]
    unfinished = UnfinishedRow(**row)
    rows = QueuedRows(outbox, "wooshpay.bulk.refunds.create", sandbox.base_url, lambda: row["since"] + 4000.0)
    assert asyncio.run(rows.resume(unfinished)) is not None


# ---- the outbox before a message, and after a lost one --------------------------------------------------------


class Queue:
    """A task of a real Celery app whose messages are kept in a list instead of a broker."""

    def __init__(self, client: WooshPay, monkeypatch: pytest.MonkeyPatch) -> None:
        self.outbox = MemoryOutbox()
        self.messages: list[dict[str, Any]] = []
        self.saved: list[int] = []
        self.error: Exception | None = None
        self.app: Any = Celery("shop", set_as_current=False)
        self.now = 1_000_000.0
        self.task: Any = bulk_task(
            self.app, "refunds.create", client=client, journal=MemoryJournal(), outbox=self.outbox
        )
        self.rows: QueuedRows = getattr(self.task, "_queued")  # noqa: B009  # it is not in the protocol
        monkeypatch.setattr(self.rows, "_now", lambda: self.now)
        monkeypatch.setattr(self.app, "send_task", self._send)

    def _send(self, name: str, args: Any, kwargs: Any, **options: Any) -> str:
        self.saved.append(len(self.outbox.kept))
        if self.error is not None:
            raise self.error
        self.messages.append({"args": args, "kwargs": kwargs, **options})
        return str(options["task_id"])


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    with WooshPay("sk_test_x", base_url="http://127.0.0.1:9") as client:
        yield Queue(client, monkeypatch)


@pytest.fixture
def tokyo() -> Iterator[None]:
    """The time zone of Tokyo."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


ARGUMENTS: Final = {"payment_intent": "pi_1", "amount": 5}


def test_a_row_is_in_the_outbox_before_its_message_is_published(queue: Queue) -> None:
    """In the other order, a program that is killed in between would leave a row that nobody can find."""
    queue.task.delay("recall", "r1", ARGUMENTS)
    queue.task.apply_async(kwargs={"run": "recall", "row_id": "r2", "arguments": ARGUMENTS}, queue="slow")
    queue.task.s("recall", "r3", ARGUMENTS).apply_async()
    assert queue.saved == [1, 2, 3]
    found = queue.task.unfinished("recall")
    assert [(row.row, row.state, row.arguments, row.since) for row in found] == [
        (f"r{number}", "queued", ARGUMENTS, queue.now) for number in (1, 2, 3)
    ]
    assert [row.task_id for row in found] == [message["task_id"] for message in queue.messages]
    assert queue.task.unfinished("another run") == []


def test_without_the_outbox_nothing_is_published(queue: Queue) -> None:
    queue.outbox.fails = True
    with pytest.raises(JournalError):
        queue.task.delay("recall", "r1", ARGUMENTS)
    assert queue.messages == []


def test_a_row_that_could_not_be_published_is_not_resumed_later(queue: Queue) -> None:
    """Its caller got an error and may have paid in another way. But a row that was queued before stays."""
    queue.error = OSError("the broker is away")
    with pytest.raises(OSError, match="away"):
        queue.task.delay("recall", "r1", ARGUMENTS)
    assert queue.task.unfinished() == []
    queue.error = None
    queue.task.delay("recall", "r2", ARGUMENTS)
    queue.error = OSError("the broker is away")
    with pytest.raises(OSError, match="away"):
        queue.task.delay("recall", "r2", ARGUMENTS)
    assert [row.row for row in queue.task.unfinished()] == ["r2"]


def test_celery_and_the_sdk_refuse_bad_arguments_before_the_outbox_has_them(queue: Queue) -> None:
    with pytest.raises(TypeError):
        queue.task.delay("recall", "r1")
    with pytest.raises(ConfigurationError, match=r"(?i)the id of a row"):
        queue.task.delay("recall", " ", ARGUMENTS)
    assert (queue.outbox.rows, queue.messages) == ([], [])


def test_resume_publishes_the_message_of_an_unfinished_row_again(queue: Queue) -> None:
    """With the same task ID: its result is found under it, and a task that was revoked stays revoked."""
    queue.task.apply_async(("recall", "r1", ARGUMENTS), queue="slow", priority=3)
    queue.task.delay("other", "r2", ARGUMENTS)
    first = queue.messages[0]
    queue.messages.clear()
    queue.now += 3600
    queue.task.delay("recall", "r3", ARGUMENTS)
    queue.messages.clear()
    assert queue.task.resume("recall") == 1
    assert [queue.messages[0][name] for name in ("args", "task_id", "queue", "priority")] == [
        ("recall", "r1", ARGUMENTS), first["task_id"], "slow", 3
    ]  # fmt: skip
    assert queue.task.resume("recall") == 0, "it has a message again"
    assert queue.task.resume(older_than=0) == 3
    assert {row.row for row in queue.task.unfinished()} == {"r1", "r2", "r3"}


def test_a_row_that_the_journal_may_have_forgotten_is_not_resumed(queue: Queue) -> None:
    """The journal takes a row that it has forgotten for a new one, and WooshPay has forgotten its key by then: if the
    row was carried out, it would be carried out again."""
    queue.task.delay("recall", "r1", ARGUMENTS)
    queue.now += MemoryOutbox.retention - 7200
    assert queue.task.resume() == 1
    queue.now += 7200
    assert queue.task.resume() == 0
    [row] = queue.task.unfinished()
    assert (row.state, "Look in WooshPay" in row.error) == ("refused", True)


def test_a_row_with_a_countdown_is_listed_but_not_resumed_before_it_is_due(queue: Queue, tokyo: None) -> None:
    """A refund that was queued for tomorrow must not be sent today. Celery takes a time without a zone for UTC."""
    tomorrow = datetime.fromtimestamp(queue.now + 86_400, UTC)
    queue.task.apply_async(("recall", "r1", ARGUMENTS), countdown=86_400)
    queue.task.apply_async(("recall", "r2", ARGUMENTS), eta=tomorrow)
    queue.task.apply_async(("recall", "r3", ARGUMENTS), eta=tomorrow.replace(tzinfo=None).isoformat())
    assert [row.since for row in queue.task.unfinished()] == [queue.now + 86_400] * 3
    queue.now += 86_399
    assert queue.task.resume(older_than=0) == 0
    queue.now += 1
    assert queue.task.resume(older_than=0) == 3


def test_a_row_keeps_the_moment_at_which_it_expires(queue: Queue) -> None:
    """The broker lost its message, and resume() must not send it after the time that its caller set."""
    queue.task.apply_async(("recall", "r1", ARGUMENTS), expires=60)
    queue.now += 3600
    queue.messages.clear()
    assert queue.task.resume() == 1
    assert queue.messages[0]["expires"] == "1970-01-12T13:47:40+00:00"


@pytest.mark.parametrize(
    ("how", "reason"),
    [({}, "was revoked"), ({"expired": True}, "expired"), ({"terminated": True}, "may have been carried out")],
)
def test_a_row_whose_task_was_revoked_is_listed_and_not_resumed(queue: Queue, how: Any, reason: str) -> None:
    """Workers forget which tasks were revoked when they restart. A resumed row would then be sent against the will of
    whoever revoked it."""
    queue.task.delay("recall", "r1", ARGUMENTS)
    request = Request(retries=0, args=["recall", "r1", ARGUMENTS])
    signal: Any = task_revoked
    signal.send(queue.app.tasks[queue.task.name], request=request, signum=None, **how)
    [row] = queue.task.unfinished()
    assert (row.state, reason in row.error) == ("refused", True)
    assert queue.task.resume(older_than=0) == 0


async def test_resume_leaves_refused_rows_alone_until_they_are_forgotten(queue: Queue) -> None:
    """They would be refused again. Somebody has to look at them."""
    row = UnfinishedRow(run="recall", row="r1", arguments=ARGUMENTS, since=100.0, task_id="t1")
    await queue.rows.note(row, RowResult(row="r1", state="refused", error="currency is missing."))
    await queue.rows.note(attrs.evolve(row, arguments={}), RowResult(row="r1", state="unknown", error="no response"))
    with pytest.warns(RuntimeWarning, match="inside a running event loop"):
        assert queue.task.resume(older_than=0) == 1
    assert [message["args"][2] for message in queue.messages] == [{}]
    assert [(each.state, each.error) for each in queue.task.unfinished()] == [
        ("refused", "currency is missing."),
        ("unknown", "no response"),
    ]
    assert queue.task.forget("recall", "r2") == 0
    assert queue.task.forget("recall", "r1") == 2
    assert queue.task.unfinished() == []


def test_the_resume_task_does_what_resume_does(queue: Queue) -> None:
    queue.task.delay("recall", "r1", ARGUMENTS)
    queue.now += 10
    resume = queue.app.tasks["wooshpay.bulk.refunds.create.resume"]
    assert [resume(), resume(older_than=10.0)] == [0, 1]


def test_two_apps_in_one_process_keep_to_their_own_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    """Celery shares a task with all apps of a process by default. The second app would then pay with the account of the
    first, since both tasks have the same name."""
    with WooshPay("sk_test_1") as first, WooshPay("sk_test_2") as second:
        queues = [Queue(first, monkeypatch), Queue(second, monkeypatch)]
        for queue in queues:
            queue.app.finalize()
        assert [queue.task._caller for queue in queues] == [first._caller, second._caller]  # pyright: ignore[reportPrivateUsage]


def test_dates_and_other_values_that_messages_can_hold_come_back_from_the_outbox(queue: Queue) -> None:
    """If the record of a row were not found under the arguments that the worker received, it would never be removed."""
    moment = datetime(2026, 5, 1, tzinfo=UTC)
    queue.task.delay("recall", "r1", {"created": moment, "ids": ("a", "b")})
    [row] = queue.task.unfinished()
    assert row.arguments == {"created": moment, "ids": ["a", "b"]}
    queue.task._caller.run(lambda: queue.rows.note(row, RowResult(row="r1", state="succeeded")))
    assert queue.task.unfinished() == []


@asynccontextmanager
async def redis_outbox(redis_url: str, folder: Path) -> AsyncGenerator[Outbox]:
    journal = RedisJournal(redis_url, prefix=f"{folder.name}:")
    yield journal.outbox()
    await journal.close()


@asynccontextmanager
async def sqlite_outbox(redis_url: str, folder: Path) -> AsyncGenerator[Outbox]:
    journal = SqliteJournal(folder / "journal.db")
    yield journal.outbox()
    await journal.close()


@pytest.mark.parametrize("opened", [redis_outbox, sqlite_outbox])
async def test_an_outbox_keeps_the_rows_of_each_task_and_host(opened: Any, redis_url: str, tmp_path: Path) -> None:
    """A row that was queued for a sandbox must never be resumed with a live key."""
    row = UnfinishedRow(
        run="recall", row="r1", arguments=ARGUMENTS, since=100.0, task_id="t1", options={"queue": "slow"}
    )
    async with opened(redis_url, tmp_path) as outbox:
        live = QueuedRows(outbox, "refund", "https://live.example", lambda: 100.0)
        test = QueuedRows(outbox, "refund", "https://test.example", lambda: 100.0)
        assert await live.find(None, None) == []
        assert [await live.put(row), await live.put(row), await test.put(row)] == [True, False, True]
        assert await live.put(attrs.evolve(row, row="r2", arguments={}))
        await live.remove(attrs.evolve(row, row="r2", arguments={}))
        await live.remove(attrs.evolve(row, row="r3"))
        assert await live.find("recall", 0) == [row]
        assert await test.find(None, None) == [row]
        assert await test.find(None, 1) == []


# ---- a real broker and real workers ---------------------------------------------------------------------------


class Shop:
    """A merchant with a broker, workers and a sandbox."""

    def __init__(self, sandbox: SyncSandbox, url: str, folder: Path) -> None:
        self.sandbox = sandbox
        self.folder = folder
        self.paid = payment(sandbox)
        path = os.pathsep.join([str(PLACE), os.environ.get("PYTHONPATH", "")])
        self.environ = {**os.environ, "PYTHONPATH": path, "SHOP_REDIS": url}
        self.environ |= {"WOOSHPAY_API_KEY": sandbox.api_key, "WOOSHPAY_BASE_URL": sandbox.base_url}
        self.redis: Any = Redis.from_url(url, decode_responses=True)  # pyright: ignore[reportUnknownMemberType]  # so typed there
        self.client = WooshPay(sandbox.api_key, base_url=sandbox.base_url)
        self.app: Any = Celery("shop", broker=url, set_as_current=False)
        self.journal = RedisJournal(url)
        self.refund = bulk_task(self.app, "refunds.create", client=self.client, journal=self.journal)

    def queue(self, number: int, **options: Any) -> None:
        row = {"payment_intent": self.paid, "amount": 1, "metadata": {"row": str(number)}}
        self.refund.apply_async(("recall", f"r{number}", row), **options)

    @contextmanager
    def worker(self, *options: str) -> Generator[subprocess.Popen[bytes]]:
        """A worker with two processes, in a process group of its own, so that all of it can be killed at once."""
        command = ["-A", "tasks", "worker", "--concurrency", "2", "--loglevel", "info", *options]
        with (self.folder / "workers.log").open("ab") as log:
            running = subprocess.Popen(
                [sys.executable, "-m", "celery", *command, "--without-gossip", "--without-mingle"],
                cwd=PLACE,
                env=self.environ,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            yield running
        finally:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()

    def broker(self) -> dict[str, int]:
        """How many messages wait, and how many were taken and not acknowledged."""
        return {"queue": self.redis.llen("celery"), "unacked": self.redis.hlen("unacked")}

    def wait_until(self, condition: Callable[[], bool], worker: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + LIMIT_SECONDS
        while not condition():
            assert worker.poll() is None, self.state()
            assert time.monotonic() < deadline, self.state()
            time.sleep(0.02)

    def state(self) -> str:
        """All that is needed to understand why a row is not finished."""
        now = time.time()
        taken = self.redis.zrange("unacked_index", 0, -1, withscores=True)
        facts = {
            "broker": self.broker(),
            "seconds since messages were taken": [round(now - at, 1) for _, at in taken],
            "seconds until the lock on redelivery expires": self.redis.ttl("unacked_mutex"),
            "refunds": self.sandbox.store.count("refund"),
            "unfinished": [
                (row.row, row.state, round(now - row.since, 1), row.error) for row in self.refund.unfinished()
            ],
            "log": (self.folder / "workers.log").read_text(errors="replace")[-6000:],
        }
        return "\n".join(f"{name}: {value}" for name, value in facts.items())

    def close(self) -> None:
        caller: Any = self.client._caller  # pyright: ignore[reportPrivateUsage]
        caller.run(self.journal.close)
        self.client.close()
        self.app.close()
        self.redis.close()


@pytest.fixture
def shop(sandbox: SyncSandbox, tmp_path: Path) -> Iterator[Shop]:
    with servers.redis_url() as url:
        shop = Shop(sandbox, url, tmp_path)
        yield shop
        shop.close()


def test_a_row_whose_message_the_broker_lost_is_listed_and_resumed(shop: Shop) -> None:
    """Kombu takes a message out of the queue before it stores it as unacknowledged. A worker that dies in between takes
    the message with it, and no visibility timeout brings it back. Here the worker is stopped while it waits for a
    message, so that Redis hands it one that it never processes."""
    lost = 0
    with shop.worker() as worker:
        for number in range(1000):
            shop.queue(number)
            shop.wait_until(lambda: shop.refund.unfinished() == [] and shop.broker() == NOTHING, worker)
            os.killpg(worker.pid, signal.SIGSTOP)
            lost = number + 1_000_000
            shop.queue(lost)
            if shop.broker() == NOTHING:
                break
            # The worker was not waiting at that moment. It gets the message when it goes on.
            os.killpg(worker.pid, signal.SIGCONT)
    assert shop.broker() == NOTHING, "the message is neither in the queue nor with a worker"
    assert [(row.row, row.state) for row in shop.refund.unfinished()] == [(f"r{lost}", "queued")]
    done = refunded(shop.sandbox)

    with shop.worker() as worker:
        assert shop.refund.resume("recall", older_than=0) == 1
        shop.wait_until(lambda: shop.refund.unfinished() == [], worker)
    assert refunded(shop.sandbox) == sorted([*done, str(lost)])


def test_a_row_that_expired_in_the_queue_is_not_sent_and_stays_to_be_looked_at(shop: Shop) -> None:
    """A worker drops an expired message. Without a note nobody would learn that the row was not sent."""
    shop.queue(1, expires=datetime(2020, 1, 1, tzinfo=UTC))
    with shop.worker() as worker:
        shop.wait_until(lambda: [row.state for row in shop.refund.unfinished()] == ["refused"], worker)
        shop.queue(2)
        shop.wait_until(lambda: len(shop.refund.unfinished()) == 1, worker)
    assert "expired" in str(shop.refund.unfinished()[0].error)
    assert refunded(shop.sandbox) == ["2"]


def test_rows_of_workers_that_are_killed_are_done_once(shop: Shop) -> None:
    """Each row ends, although workers die with rows under way: its message is delivered again, or the broker has lost
    it and it is resumed. The test waits until nothing is unfinished, however long the machine takes for that."""
    sandbox, count = shop.sandbox, 40
    # Some responses come late, so that some rows are under way when the workers are killed. Some never come.
    slow = sandbox.faults.add("slow", operation="refunds.create", times=None, probability=0.5, seconds=0.3, seed=7)
    sandbox.faults.add("drop_after", operation="refunds.create", times=5, probability=0.3, seed=8)
    for number in range(count):
        shop.queue(number)
    # Celery beat queues what is unfinished for some seconds again.
    beat = ["--beat", "--schedule", str(shop.folder / "schedule")]
    for part in (count // 4, count // 2):
        with shop.worker(*beat) as worker:
            shop.wait_until(lambda: sandbox.store.count("refund") >= part and shop.broker()["unacked"] > 0, worker)  # noqa: B023  # it is called before the loop goes on
    assert len(shop.refund.unfinished()) > 0, "workers were killed with rows under way"
    sandbox.faults.remove(slow)
    with shop.worker(*beat) as worker:
        shop.wait_until(lambda: shop.refund.unfinished() == [], worker)
    assert refunded(sandbox) == sorted(map(str, range(count)))
    requests = sandbox.requests.of("refunds.create")
    assert len({request.idempotency_key for request in requests}) == count
    assert len(requests) > count, "rows were sent again"


NOTHING: Final = {"queue": 0, "unacked": 0}
