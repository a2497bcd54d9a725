"""What logs, traces and metrics say about bulk runs: the number of rows in each state."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
from bulk.test_celery import App, Bound, MemoryOutbox, Retry
from bulk.world import MemoryJournal, payment, rows
from opentelemetry.trace import SpanKind, StatusCode
from support import children
from support.telemetry import Observed, json_lines

from wooshpay import AsyncWooshPay, ConfigurationError, WooshPay, bulk
from wooshpay.bulk import Report, Row
from wooshpay.bulk.celery import bulk_task
from wooshpay.sandbox import SyncSandbox

CREATE: Final = "refunds.create"


@pytest.fixture
def observed() -> Iterator[Observed]:
    observed = Observed()
    yield observed
    observed.close()


@pytest.fixture
def written() -> Iterator[list[dict[str, Any]]]:
    with json_lines(logging.INFO) as lines:
        yield lines


@pytest.fixture(params=["sync", "async"])
def run(request: pytest.FixtureRequest, sandbox: SyncSandbox, observed: Observed) -> Any:
    """A run of refunds on a client of either world that reports to OpenTelemetry."""
    settings: dict[str, Any] = {
        "base_url": sandbox.base_url,
        "call_middlewares": [observed.telemetry.call],
        "attempt_middlewares": [observed.telemetry.attempt],
    }

    def start(source: Any, **more: Any) -> Report:
        more = {"name": "recall", "journal": MemoryJournal(), "telemetry": observed.telemetry, **more}
        if request.param == "sync":
            with WooshPay(sandbox.api_key, **settings) as client:
                return bulk.run(client, CREATE, source, **more)

        async def awaited() -> Report:
            async with AsyncWooshPay(sandbox.api_key, **settings) as client:
                return await bulk.run(client, CREATE, source, **more)

        return asyncio.run(awaited())

    return start


def some(paid: str) -> list[Row]:
    """Three rows that succeed, one that WooshPay rejects and one that cannot be sent."""
    return [
        *rows(paid, 3),
        Row("too-much", {"payment_intent": paid, "amount": 10**9}),
        Row("wrong", {"no_such_parameter": 1}),
    ]


def test_a_run_is_a_span_with_its_rows_by_state_and_the_parent_of_its_calls(
    run: Any, sandbox: SyncSandbox, observed: Observed
) -> None:
    """With the sync client the calls run on other threads, where they had no parent."""
    run(some(payment(sandbox)))
    *calls, span = observed.spans
    assert (span.name, span.kind) == ("bulk refunds.create", SpanKind.INTERNAL)
    assert dict(span.attributes or {}) == {
        "wooshpay.operation": CREATE,
        "wooshpay.run": "recall",
        "wooshpay.rows": 5,
        "wooshpay.rows_succeeded": 3,
        "wooshpay.rows_replayed": 0,
        "wooshpay.rows_rejected": 1,
        "wooshpay.rows_not_sent": 0,
        "wooshpay.rows_unknown": 0,
        "wooshpay.rows_refused": 1,
        "wooshpay.rows_earlier": 0,
    }
    context = span.get_span_context()
    assert context is not None
    assert [call.parent and call.parent.span_id for call in calls] == [context.span_id] * 4


def test_rows_are_counted_by_state(run: Any, sandbox: SyncSandbox, observed: Observed) -> None:
    """An alert on refused rows, or a chart of a night's payouts, needs a number and not a log file."""
    source, journal = some(payment(sandbox)), MemoryJournal()
    run(source, journal=journal)
    run(source, journal=journal)
    counted = {
        (point["wooshpay.operation"], point["wooshpay.state"], point["wooshpay.earlier"]): value
        for point, value in observed.points("wooshpay.bulk.rows")
    }
    assert counted == {
        (CREATE, "succeeded", False): 3,
        (CREATE, "succeeded", True): 3,
        (CREATE, "rejected", False): 1,
        (CREATE, "rejected", True): 1,
        (CREATE, "refused", False): 2,
    }


def test_a_run_is_one_record(run: Any, sandbox: SyncSandbox, written: list[dict[str, Any]]) -> None:
    run(some(payment(sandbox)))
    (record,) = (line for line in written if "wooshpay_rows" in line)
    assert record.pop("wooshpay_seconds") > 0
    assert record == {
        "level": "INFO",
        "wooshpay_operation": CREATE,
        "wooshpay_run": "recall",
        "wooshpay_rows": 5,
        "wooshpay_rows_succeeded": 3,
        "wooshpay_rows_replayed": 0,
        "wooshpay_rows_rejected": 1,
        "wooshpay_rows_not_sent": 0,
        "wooshpay_rows_unknown": 0,
        "wooshpay_rows_refused": 1,
        "wooshpay_rows_earlier": 0,
    }


def test_a_run_that_fails_says_how_far_it_came(
    run: Any, sandbox: SyncSandbox, observed: Observed, written: list[dict[str, Any]]
) -> None:
    paid = payment(sandbox)

    def source() -> Iterator[Row]:
        yield from rows(paid, 2)
        raise LookupError("4242424242424242")

    with pytest.raises(LookupError):
        run(source())
    span = observed.spans[-1]
    attributes = dict(span.attributes or {})
    assert (attributes["error.type"], attributes["wooshpay.rows_succeeded"]) == ("LookupError", 2)
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "LookupError")
    (record,) = (line for line in written if "wooshpay_rows" in line)
    assert (record["wooshpay_error"], record["wooshpay_rows_succeeded"]) == ("LookupError", 2)


def test_a_run_that_was_refused_is_a_span_with_the_reason(run: Any, sandbox: SyncSandbox, observed: Observed) -> None:
    journal = MemoryJournal()
    paid = payment(sandbox)
    run(rows(paid, 1), journal=journal)
    journal.runs = {name: attrs.evolve(entry, mode="live") for name, entry in journal.runs.items()}
    with pytest.raises(ConfigurationError):
        run(rows(paid, 1), journal=journal)
    span = observed.spans[-1]
    assert dict(span.attributes or {})["error.type"] == "ConfigurationError"
    assert span.status.description


def test_nothing_is_observed_when_nobody_looks(sandbox: SyncSandbox) -> None:
    with json_lines(logging.WARNING) as lines, WooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        assert bulk.run(client, CREATE, rows(payment(sandbox), 2), journal=MemoryJournal()).complete
    assert lines == []


def test_rows_of_celery_are_counted_and_written_once_per_attempt(
    sandbox: SyncSandbox, observed: Observed, written: list[dict[str, Any]]
) -> None:
    with WooshPay(sandbox.api_key, base_url=sandbox.base_url, max_retries=0) as client:
        task: Any = bulk_task(
            App(),
            CREATE,
            client=client,
            journal=MemoryJournal(),
            outbox=MemoryOutbox(),
            telemetry=observed.telemetry,
        )
        arguments = {"payment_intent": payment(sandbox), "amount": 5}
        sandbox.faults.add("drop_after", operation=CREATE)
        with suppress(Retry):
            task(Bound(), "recall", "r1", arguments)
        task(Bound(retries=1), "recall", "r1", arguments)
    states = [(point["wooshpay.state"], value) for point, value in observed.points("wooshpay.bulk.rows")]
    assert sorted(states) == [("succeeded", 1), ("unknown", 1)]
    records = [line for line in written if "wooshpay_row" in line]
    key = records[0].pop("wooshpay_idempotency_key")
    assert records[1].pop("wooshpay_idempotency_key") == key
    row = {"level": "INFO", "wooshpay_operation": CREATE, "wooshpay_run": "recall", "wooshpay_row": "r1"}
    assert records == [
        {**row, "wooshpay_state": "unknown", "wooshpay_attempt": 1},
        {**row, "wooshpay_state": "succeeded", "wooshpay_attempt": 2},
    ]


COMMAND: Final = """
import json
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

spans = InMemorySpanExporter()
trace.set_tracer_provider(TracerProvider())
trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(spans))

from wooshpay.cli import main

try:
    main()
finally:
    print(json.dumps([[span.name, dict(span.attributes)] for span in spans.get_finished_spans()]))
"""


def test_the_command_reports_when_it_is_started_with_opentelemetry(sandbox: SyncSandbox, tmp_path: Path) -> None:
    """`opentelemetry-instrument wooshpay bulk ...` sets the providers up before the command begins."""
    (tmp_path / "refunds.csv").write_text(f"order,payment_intent,amount\n1,{payment(sandbox)},5\n")
    arguments = ("bulk", CREATE, "refunds.csv", "--id", "order")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", COMMAND, *arguments],
        cwd=tmp_path,
        env={
            **children.environment(),
            "WOOSHPAY_API_KEY": sandbox.api_key,
            "WOOSHPAY_BASE_URL": sandbox.base_url,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    call, whole = json.loads(done.stdout)
    assert call[0] == "POST /v1/refunds"
    assert whole[0] == "bulk refunds.create"
    assert whole[1]["wooshpay.rows_succeeded"] == 1
