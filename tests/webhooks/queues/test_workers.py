"""Deliveries through Celery with a real broker, and workers in processes of their own that are killed."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from redis import Redis
from support.children import environment
from webhooks import servers
from webhooks.deliver import SECRET, body_of, headers_for
from webhooks.queues.views import View

from wooshpay.bulk import RedisJournal

PLACE: Final = Path(__file__).parent
# Not a criterion: the tests wait for conditions. It only ends a test whose condition never comes true.
LIMIT_SECONDS: Final = 300


class Workers:
    """A merchant with a broker of their own, and workers in processes of their own."""

    def __init__(self, url: str, folder: Path) -> None:
        self.folder = folder
        self.environ = environment() | {
            "SHOP_REDIS": url,
            "SHOP_FOLDER": str(folder),
            "WOOSHPAY_WEBHOOK_SECRET": SECRET,
        }
        self.environ["PYTHONPATH"] = os.pathsep.join([str(PLACE), self.environ["PYTHONPATH"]])
        self.redis: Any = Redis.from_url(url, decode_responses=True)  # pyright: ignore[reportUnknownMemberType]  # so typed there
        self.view = View(url, outbox=RedisJournal(url).outbox())

    def deliver(self, *events: str) -> None:
        for event in events:
            assert self.view.deliver("sync", body_of(event, id="pi_1", object="payment_intent", note="Zoë"))[0] == 200

    @contextmanager
    def running(self, **environ: str) -> Generator[subprocess.Popen[bytes]]:
        """A worker with two processes, in a process group of its own, so that all of it can be killed at once."""
        command = ["-A", "tasks", "worker", "--concurrency", "2", "--loglevel", "info"]
        with (self.folder / "workers.log").open("ab") as log:
            running = subprocess.Popen(
                [sys.executable, "-m", "celery", *command, "--without-gossip", "--without-mingle"],
                cwd=PLACE,
                env={**self.environ, **environ},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            yield running
        finally:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()

    @property
    def log(self) -> str:
        return (self.folder / "workers.log").read_text(errors="replace")

    def notes(self) -> list[str]:
        path = self.folder / "notes"
        return path.read_text().splitlines() if path.exists() else []

    def shipments(self) -> list[str]:
        with closing(sqlite3.connect(self.folder / "shop.db")) as connection:
            return [event for (event,) in connection.execute("SELECT event FROM shipments ORDER BY event")]

    def have_ended(self, *events: str) -> bool:
        """Whether the handlers of these events have ended, and the broker has no message.

        A message that is on its way from the queue to a worker is in neither place for a moment.
        """
        return {f"end {event}" for event in events} <= set(self.notes()) and self.is_idle()

    def resumed(self) -> bool:
        """Queue again what has been unfinished for some seconds."""
        return self.view.task.resume(older_than=4) >= 0

    def is_idle(self) -> bool:
        """Whether the broker has no message, and no worker holds one."""
        return bool(self.redis.llen("celery") == self.redis.hlen("unacked") == 0)

    def wait_until(self, condition: Callable[[], bool], worker: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + LIMIT_SECONDS
        while not condition():
            assert worker.poll() is None, self.log[-6000:]
            assert time.monotonic() < deadline, f"{self.notes()}\n{self.log[-6000:]}"
            time.sleep(0.02)

    def close(self) -> None:
        self.view.close()
        self.redis.close()


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    with servers.redis_url() as url:
        workers = Workers(url, tmp_path)
        yield workers
        workers.close()


def test_a_worker_handles_what_the_web_server_has_accepted(workers: Workers) -> None:
    """The handler that fails twice is run a third time. Each event takes effect once, also when it is delivered twice,
    and the log holds nothing of the deliveries."""
    workers.deliver("evt_1", "evt_fails", "evt_1")
    with workers.running() as worker:
        workers.wait_until(lambda: workers.have_ended("evt_1", "evt_fails"), worker)
    assert workers.shipments() == ["evt_1", "evt_fails"]
    assert workers.notes().count("start evt_fails") == 3
    assert "Zo" not in workers.log
    assert "signature" not in workers.log


def test_a_worker_that_is_killed_in_a_handler_loses_nothing(workers: Workers) -> None:
    """All processes of the worker get SIGKILL while a handler runs. Its message is delivered again, another worker
    takes the event over when the lease has ended, and it takes effect once. The killed worker was also waiting for a
    message, and Redis may hand it the next one: what is lost in that way is queued again, as Celery beat would do."""
    workers.deliver("evt_blocks")
    with workers.running() as worker:
        workers.wait_until(lambda: "start evt_blocks" in workers.notes(), worker)
    workers.deliver("evt_1", "evt_2")
    (workers.folder / "go").touch()
    with workers.running() as worker:
        workers.wait_until(lambda: workers.resumed() and workers.have_ended("evt_1", "evt_2", "evt_blocks"), worker)
    assert workers.shipments() == ["evt_1", "evt_2", "evt_blocks"]
    assert workers.notes().count("end evt_blocks") == 1


def test_a_process_of_a_pool_that_is_killed_in_a_handler_loses_nothing(workers: Workers) -> None:
    """The worker's main process sees that the process is lost. Celery acknowledges its message by default."""
    workers.deliver("evt_blocks")
    with workers.running() as worker:
        workers.wait_until(lambda: "start evt_blocks" in workers.notes(), worker)
        children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
        for child in children:
            os.kill(int(child), signal.SIGKILL)
        (workers.folder / "go").touch()
        workers.wait_until(lambda: workers.have_ended("evt_blocks"), worker)
    assert workers.shipments() == ["evt_blocks"]


def test_an_event_whose_message_the_broker_lost_is_listed_and_resumed(workers: Workers) -> None:
    """Kombu takes a message out of the queue before it stores it as unacknowledged. A worker that dies in between takes
    the message with it. Here the worker is stopped while it waits for a message, so that Redis hands it one that it
    never processes."""
    task = workers.view.task
    lost = ""
    with workers.running() as worker:
        for number in range(1000):
            body = body_of(f"evt_{number}")
            assert task.receive_now(body, headers_for(body)).status == 200
            workers.wait_until(lambda: task.unfinished() == [] and workers.is_idle(), worker)
            os.killpg(worker.pid, signal.SIGSTOP)
            lost = f"evt_{number}_lost"
            body = body_of(lost)
            assert task.receive_now(body, headers_for(body)).status == 200
            if workers.is_idle():
                break
            # The worker was not waiting at that moment. It gets the message when it goes on.
            os.killpg(worker.pid, signal.SIGCONT)
    assert workers.is_idle(), "the message is neither in the queue nor with a worker"
    assert [one.event_id for one in task.unfinished()] == [lost]
    with workers.running() as worker:
        assert task.resume(older_than=0) == 1
        workers.wait_until(lambda: task.unfinished() == [], worker)
    assert lost in workers.shipments()


def test_a_message_beyond_the_limit_leaves_the_queue_and_a_line_in_the_log(workers: Workers) -> None:
    workers.deliver("evt_fails")
    with workers.running(SHOP_RETRY_FOR="0.001") as worker:
        workers.wait_until(lambda: "is not retried any more" in workers.log and workers.is_idle(), worker)
    assert workers.notes() == ["start evt_fails"]
    assert "Event evt_fails was not handled within 0.001 seconds" in workers.log
