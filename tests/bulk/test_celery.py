"""Rows as tasks of Celery: a real broker, real workers that are killed, and the decisions of the task by themselves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from bulk.world import MemoryJournal, payment, refunded
from webhooks import servers

from wooshpay import AsyncWooshPay, ConfigurationError, JournalError, WooshPay
from wooshpay.bulk.celery import bulk_task
from wooshpay.sandbox import SyncSandbox

PLACE: Final = Path(__file__).parent / "worker"
LIMIT_SECONDS: Final = 90

# ---- the task by itself ---------------------------------------------------------------------------------------


class Retry(Exception):
    """What a task of Celery raises to be tried again."""


class Request:
    def __init__(self, retries: int) -> None:
        self.retries = retries


class Bound:
    """A task in the middle of a delivery."""

    def __init__(self, retries: int = 0) -> None:
        self.request = Request(retries)
        self.countdowns: list[float] = []

    def retry(self, *, countdown: float, exc: Exception | None = None) -> Exception:
        self.countdowns.append(countdown)
        return Retry()


class App:
    """Keeps what a task was made of."""

    def task(self, function: Callable[..., Any], /, **options: Any) -> Any:
        self.options = options
        return function


class Desk:
    """A task for refunds in a sandbox."""

    def __init__(self, sandbox: SyncSandbox, client: WooshPay) -> None:
        self.sandbox = sandbox
        self.journal = MemoryJournal()
        self.app = App()
        self.task: Any = bulk_task(self.app, "refunds.create", client=client, journal=self.journal, retries=3)
        self.arguments = {"payment_intent": payment(sandbox), "amount": 5}


@pytest.fixture
def desk(sandbox: SyncSandbox) -> Iterator[Desk]:
    with WooshPay(sandbox.api_key, base_url=sandbox.base_url, max_retries=0) as client:
        yield Desk(sandbox, client)


def test_a_message_is_acknowledged_when_its_row_is_done(desk: Desk) -> None:
    """Acknowledged before, a row would be lost with its worker."""
    assert desk.app.options["acks_late"] is True
    assert desk.app.options["reject_on_worker_lost"] is True
    assert desk.app.options["name"] == "wooshpay.bulk.refunds.create"


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


def test_a_journal_that_cannot_be_reached_sends_nothing_and_is_tried_again(sandbox: SyncSandbox) -> None:
    class Gone(MemoryJournal):
        async def change(self, *_: Any) -> None:
            raise JournalError("gone")

    with WooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        task: Any = bulk_task(App(), "refunds.create", client=client, journal=Gone())
        with pytest.raises(Retry):
            task(Bound(), "recall", "r1", {"payment_intent": "pi_1"})
    assert sandbox.requests.of("refunds.create") == []


def test_what_cannot_work_is_refused_when_the_task_is_made() -> None:
    client: Any = AsyncWooshPay("sk_test_x")
    with pytest.raises(ConfigurationError, match="give them a WooshPay"):
        bulk_task(App(), "refunds.create", client=client, journal=MemoryJournal())
    with pytest.raises(ConfigurationError, match="no operation"):
        bulk_task(App(), "refunds.creat", client=WooshPay("sk_test_x"), journal=MemoryJournal())


# ---- a real broker and real workers ---------------------------------------------------------------------------


@contextmanager
def worker(environ: dict[str, str]) -> Generator[subprocess.Popen[bytes]]:
    """Celery with two processes, in a group of its own, so that it can be killed whole."""
    command = ["-A", "tasks", "worker", "--concurrency", "2", "--loglevel", "warning", "--without-gossip"]
    running = subprocess.Popen(
        [sys.executable, "-m", "celery", *command, "--without-mingle"],
        cwd=PLACE,
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield running
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


PRODUCER: Final = """
import sys
from tasks import refund
for number in range(int(sys.argv[2])):
    refund.delay("recall", f"r{number}", {"payment_intent": sys.argv[1], "amount": 1, "metadata": {"row": str(number)}})
"""


def test_rows_of_workers_that_are_killed_are_done_once(sandbox: SyncSandbox, tmp_path: Path) -> None:
    count = 40
    with servers.redis_url() as redis:
        path = os.pathsep.join([str(PLACE), os.environ.get("PYTHONPATH", "")])
        environ = {**os.environ, "PYTHONPATH": path, "SHOP_REDIS": redis}
        environ |= {"WOOSHPAY_API_KEY": sandbox.api_key, "WOOSHPAY_BASE_URL": sandbox.base_url}
        paid = payment(sandbox)
        # Some answers come late, so that some rows are under way when the workers are killed; some never come.
        slow = sandbox.faults.add("slow", operation="refunds.create", times=None, probability=0.5, seconds=0.3, seed=7)
        sandbox.faults.add("drop_after", operation="refunds.create", times=5, probability=0.3, seed=8)
        subprocess.run([sys.executable, "-c", PRODUCER, paid, str(count)], cwd=PLACE, env=environ, check=True)
        with worker(environ):
            wait_until(lambda: sandbox.store.count("refund") >= count // 3)
        assert sandbox.store.count("refund") < count
        sandbox.faults.remove(slow)
        with worker(environ):
            wait_until(lambda: sandbox.store.count("refund") >= count)
            # What was delivered again, or is tried again, comes to its end too.
            time.sleep(3)
    assert refunded(sandbox) == sorted(map(str, range(count)))
    requests = sandbox.requests.of("refunds.create")
    assert len({request.idempotency_key for request in requests}) == count
    assert len(requests) > count, "rows were sent again"
