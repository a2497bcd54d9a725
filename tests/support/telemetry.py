"""What OpenTelemetry's SDK received, and what a JSON formatter makes of log records, for tests."""

from __future__ import annotations

import json
import logging
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

import attrs
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from support.effects import FakeClock

from wooshpay.middleware import Telemetry


@attrs.define
class Observed:
    """A tracer and a meter of the test's own, and what reached them."""

    clock: FakeClock = attrs.field(factory=FakeClock)
    exporter: InMemorySpanExporter = attrs.field(factory=InMemorySpanExporter)
    reader: InMemoryMetricReader = attrs.field(factory=InMemoryMetricReader)

    def __attrs_post_init__(self) -> None:
        self.tracers = TracerProvider(shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.meters = MeterProvider([self.reader], shutdown_on_exit=False)
        self.telemetry = Telemetry(
            tracer_provider=self.tracers, meter_provider=self.meters, effects=self.clock.effects()
        )

    tracers: TracerProvider = attrs.field(init=False)
    meters: MeterProvider = attrs.field(init=False)
    telemetry: Telemetry = attrs.field(init=False)

    @property
    def spans(self) -> list[ReadableSpan]:
        """The spans that have ended, in that order."""
        return list(self.exporter.get_finished_spans())

    @property
    def span(self) -> ReadableSpan:
        """The only span that has ended."""
        (span,) = self.spans
        return span

    def points(self, name: str) -> list[tuple[dict[str, Any], Any]]:
        """The points of a metric: attributes and value, or the whole point of a histogram."""
        data = self.reader.get_metrics_data()
        assert data is not None
        return [
            (dict(point.attributes or {}), getattr(point, "value", None) if hasattr(point, "value") else point)
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]

    def close(self) -> None:
        """End what the SDK runs."""
        self.tracers.shutdown()
        self.meters.shutdown()


class JsonLines(logging.Handler):
    """Makes what a user's JSON formatter makes of a record: everything but the attributes that every record has."""

    STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Format the message, as every formatter does, and keep the fields as JSON keeps them."""
        record.getMessage()
        found = {name: value for name, value in vars(record).items() if name not in self.STANDARD}
        self.lines.append(json.loads(json.dumps({"level": record.levelname, **found})))


@contextmanager
def json_lines(level: int = logging.DEBUG) -> Generator[list[dict[str, Any]]]:
    """Collect the records of the logger `wooshpay` from a level on."""
    logger, handler = logging.getLogger("wooshpay"), JsonLines()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(level)
    try:
        yield handler.lines
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)
