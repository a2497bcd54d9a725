"""The benchmark of deliveries: both sides do the same work, and it names what it leaves out."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

import pytest

from benchmarks import deliveries
from benchmarks.databases import Databases, Unavailable, open_databases
from benchmarks.deliveries import BENCHMARK, compare, take_turns
from benchmarks.delivering.applications import HEADER, read
from benchmarks.delivering.drive import count_rows, create_table, served
from benchmarks.delivering.drive import deliveries as signed
from benchmarks.delivering.parties import ADAPTERS, KINDS, Adapter, Kind, Party, combine, lacking
from benchmarks.rounds import Effort, Sample
from benchmarks.servers import processor_seconds

LEAST: Final = Effort(rounds=2, seconds=1e-9)
# Every adapter once, and every inbox once with coroutine functions and once without.
PAIRS: Final = [
    (adapter, kind)
    for adapter, kind in combine(list(ADAPTERS), list(KINDS))
    if (kind.name == "sqlite" or adapter.name in ("starlette", "flask") or kind.name.startswith("django-"))
    and lacking(adapter, kind) is None
]


@pytest.fixture(scope="module")
def databases() -> Generator[Databases]:
    with open_databases() as opened:
        yield opened


@pytest.mark.parametrize(("adapter", "kind"), PAIRS, ids=[f"{adapter.name}-{kind.name}" for adapter, kind in PAIRS])
def test_each_delivery_makes_one_row_on_both_sides(adapter: Adapter, kind: Kind, databases: Databases) -> None:
    """A side that skipped the database, or handled an event twice, would be compared with one that does its work."""
    figure = compare(adapter, kind, databases, LEAST)
    assert figure.what == f"{adapter.about}, {kind.about}"
    assert list(figure.values) == ["wooshpay", "bare view"]
    assert len(figure.pairs) == LEAST.rounds


def test_a_function_for_lambda_is_called_without_http(databases: Databases) -> None:
    """Over HTTP, the server in front of the function would be measured too."""
    database = databases.address("sqlite")
    create_table(database)
    with served(Party("lambda", "sqlite", True, database, "")) as deliver:
        assert deliver(1, 5).seconds > 0
        assert deliver(6, 3).cpu > 0
    assert count_rows(database) == (8, 8)


def test_deliveries_without_rows_end_the_run(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler that fails silently would be measured as a fast one."""

    @contextmanager
    def idle(party: Party) -> Generator[Callable[[int, int], Sample]]:
        yield lambda first, count: Sample(1e-6, 1e-6)

    monkeypatch.setattr(deliveries, "served", idle)
    with pytest.raises(RuntimeError, match="160 deliveries made 0 rows of 0 events"):
        compare(ADAPTERS["aiohttp"], KINDS["sqlite"], databases, LEAST)


def test_the_two_take_turns_and_the_other_one_goes_first_in_every_second_round() -> None:
    """Whoever always went second would profit from what the first one warmed up."""
    calls: list[str] = []

    def party(name: str) -> Callable[[int, int], Sample]:
        def deliver(first: int, count: int) -> Sample:
            calls.append(f"{name} {first}+{count}")
            return Sample(0.01 if name == "ours" else 0.005, 0.001)

        return deliver

    numbers = iter(range(100))
    pairs = take_turns(party("ours"), party("bare"), Effort(rounds=3, seconds=0.5), lambda count: next(numbers))
    assert [call.split()[0] for call in calls[4:]] == ["ours", "bare", "bare", "ours", "ours", "bare"]
    assert calls[4] == "ours 4+50"  # the slower one takes 0.5 seconds for 50 deliveries
    assert pairs.ratios(cpu=False) == [0.5, 0.5, 0.5]


def test_the_bare_view_verifies_the_signature_and_reads_the_order() -> None:
    """Without its check of the signature, the bare view would do less than the receiver."""
    [(body, headers)] = signed(17, 1)
    assert read(body, headers[HEADER]) == ("evt_0000000000000000017", "order-1001")
    assert read(body + b" ", headers[HEADER]) is None
    assert read(body, None) is None


def test_what_is_missing_is_named() -> None:
    adapter = Adapter("x", "X", "none", True, ("nosuch_framework",))
    kind = Kind("y", "Y", "Shop", "sqlite", ("wooshpay.webhooks:NoSuchInbox",))
    assert lacking(adapter, kind) == "nosuch_framework is not installed. Install the extra dev"
    assert lacking(ADAPTERS["aiohttp"], kind) == "wooshpay.webhooks has no NoSuchInbox"


def test_a_server_that_is_not_installed_leaves_its_rows_out_and_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unavailable(databases: Databases, product: str) -> str:
        raise Unavailable(f"{product} is not installed")

    monkeypatch.setattr(Databases, "address", unavailable)
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    BENCHMARK.add_arguments(parser)
    assert BENCHMARK.run(parser.parse_args(["--adapters", "aiohttp", "--inboxes", "sqlite"])) == []
    assert "aiohttp with SqliteInbox is left out: sqlite is not installed." in capsys.readouterr().err


def test_the_time_of_children_counts() -> None:
    """gunicorn's work is done by a child of the process that was started."""
    worker = "import sys, time\nwhile time.process_time() < 0.5: pass\nprint(flush=True)\nsys.stdin.read()"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {worker!r}])"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert processor_seconds(process.pid) >= 0.4
        process.communicate()
