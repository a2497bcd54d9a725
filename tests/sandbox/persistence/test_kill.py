"""A sandbox that is killed in the middle of its work resumes with nothing lost that it had answered."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterable
from contextlib import closing, contextmanager
from pathlib import Path

from sandbox.persistence.load import MONTHLY, Asked, Line, Mailbox, Told, Worker

ROUNDS = 3
WORKERS = 4
RUN = [sys.executable, "-W", "error", "-c", "from wooshpay.cli import main; main()", "sandbox"]
PATHS = {
    "customer": "/v1/customers/",
    "payment_intent": "/v1/payment_intents/",
    "refund": "/v1/refunds/",
    "subscription": "/v1/subscriptions/",
}


@contextmanager
def running(file: Path, webhook: str) -> Generator[tuple[subprocess.Popen[str], dict[str, str]]]:
    process = subprocess.Popen(
        [*RUN, "--state", str(file), "--webhook", webhook, "--json"],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process, json.loads(process.stdout.readline() or "{}")
    finally:
        process.kill()
        _, errors = process.communicate(timeout=30)
        assert errors == ""


def test_nothing_that_was_answered_is_lost_when_the_sandbox_is_killed(tmp_path: Path) -> None:
    chance = random.Random(20_260_101)
    told: dict[str, Told] = {}
    opened: list[Asked] = []
    facts: dict[str, str] = {}
    with Mailbox() as mailbox:
        for number in range(ROUNDS + 1):
            with running(tmp_path / "state.db", mailbox.url) as (process, found):
                assert facts in ({}, found)
                facts = found
                check(facts, told, opened, mailbox)
                if number == ROUNDS:
                    break
                workers = [work(facts, f"r{number}w{place}", chance.random()) for place in range(WORKERS)]
                time.sleep(chance.uniform(0.3, 1.2))
                process.send_signal(signal.SIGKILL)
                for worker in workers:
                    worker.join()
                    assert worker.error is None
            new = {answer.asked.key: answer for worker in workers for answer in worker.told}
            assert len(new) > WORKERS, "the sandbox was killed before there was work"
            told |= new
            opened = [worker.open for worker in workers if worker.open is not None]


def work(facts: dict[str, str], name: str, seed: float) -> Worker:
    worker = Worker(name, Line(facts["base_url"], facts["api_key"]), random.Random(seed))
    worker.start()
    return worker


def check(facts: dict[str, str], told: dict[str, Told], opened: list[Asked], mailbox: Mailbox) -> None:
    with closing(Line(facts["base_url"], facts["api_key"])) as line:
        check_objects(line, told.values(), opened)
        # What was not answered was done wholly or not at all: asking again does it once.
        for asked in opened:
            told[asked.key] = line.post(asked)
            assert told[asked.key].status in {200, 402}
        check_objects(line, told.values(), ())
        check_keys(line, told)
        check_counts(line, told)
        check_deliveries(line, mailbox)


def check_objects(line: Line, told: Iterable[Told], opened: Iterable[Asked]) -> None:
    """What was answered last about an object is what it is, unless a request about it was under way."""
    latest = {found["id"]: found for answer in told if answer.status == 200 for found in (answer.object,)}
    under_way = {part for asked in opened for part in asked.path.split("/")}
    for id, found in latest.items():
        path = PATHS.get(found["object"])
        if path is not None and id not in under_way:
            assert line.get(path + id) == found


def check_keys(line: Line, told: dict[str, Told]) -> None:
    """Every key gives its first answer again."""
    for answer in told.values():
        again = line.post(answer.asked)
        assert (again.status, again.raw) == (answer.status, answer.raw)


def check_counts(line: Line, told: dict[str, Told]) -> None:
    """Nothing was made twice, and the balance adds up."""
    good = [answer for answer in told.values() if answer.status == 200]
    counts: dict[str, int] = line.get("/sandbox")["objects"]
    for kind in ("customer", "refund", "checkout.session", "subscription"):
        made = {answer.object["id"] for answer in good if answer.object["object"] == kind}
        assert counts.get(kind, 0) == len(made), f"a {kind} was made twice or lost"
    intents = {answer.object["id"]: answer.object for answer in good if answer.object["object"] == "payment_intent"}
    subscribed = sum(answer.object["object"] == "subscription" for answer in good)
    taken = sum(intent["amount_received"] for intent in intents.values()) + subscribed * MONTHLY
    returned = sum(answer.object["amount"] for answer in good if answer.object["object"] == "refund")
    assert sum(entry["amount"] for entry in line.get("/v1/balance")["available"]) == taken - returned


def check_deliveries(line: Line, mailbox: Mailbox) -> None:
    """Every event arrives."""
    status, raw = line.ask("POST", "/sandbox/settle", {})
    assert status == 200, raw
    overview = line.get("/sandbox")
    assert set(overview["deliveries"]) <= {"delivered"}
    assert len(mailbox.ids) == overview["objects"].get("event", 0)
