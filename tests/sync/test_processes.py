"""Many processes, one client: what gunicorn, multiprocessing and gevent make of it."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from textwrap import dedent

import pytest
from support.pace import slowdown, wait_for
from support.peer import Connection, ThreadedPeer, reply, when_all_are_here

import wooshpay

from .conftest import Program

SUPPORT = Path(__file__).parents[1]


async def echo(connection: Connection) -> None:
    """Answer with the refund that was asked for, and with the number of the connection."""
    received = connection.received[-1]
    name = received.headers.get("idempotency-key") or received.target.rpartition("/")[2]
    await reply(200, {"id": name, "object": "refund", "connection": connection.number})(connection)


@contextmanager
def gunicorn(peer: ThreadedPeer, log: Path, *options: str) -> Generator[int]:
    """Run the shop until the block ends; give its port. It must end when it is asked to."""
    paths = [str(SUPPORT), str(Path(wooshpay.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    # In a file, as older versions pass over a setting there that they do not know.
    settings = log.with_name("gunicorn.conf.py")
    settings.write_text("bind, preload_app, control_socket_disable = '127.0.0.1:0', True, True")
    command = [sys.executable, "-W", "default", "-m", "gunicorn", "support.shop:app", "--config", str(settings)]
    with log.open("w") as output:
        master = subprocess.Popen(
            [*command, *options],
            env={**os.environ, "SHOP_URL": peer.url, "PYTHONPATH": os.pathsep.join(paths)},
            stderr=output,
            cwd=log.parent,
            start_new_session=True,
        )
    try:
        wait_for(lambda: "Booting worker" in log.read_text() or master.poll() is not None, 30)
        found = re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", log.read_text())
        assert found, log.read_text()
        yield int(found.group(1))
        master.send_signal(signal.SIGTERM)
        assert master.wait(15 * slowdown()) == 0
    finally:
        with suppress(ProcessLookupError):  # its workers too, should it not have ended
            os.killpg(master.pid, signal.SIGKILL)
        master.wait()


def buy(port: int, name: str) -> list[str]:
    """Ask the shop for a refund: what it got, in which process, over which connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", f"/{name}")
        answer = connection.getresponse()
        body = answer.read().decode()
        assert answer.status == 200, body
        return body.split()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "worker",
    [("--workers", "3"), ("--workers", "2", "--threads", "8"), ("--workers", "2", "--max-requests", "10")],
    ids=["sync", "gthread", "sync, replaced after ten requests"],
)
def test_gunicorn_preload_with_real_workers(worker: tuple[str, ...], tmp_path: Path) -> None:
    """The master has called already. Each worker gets connections of its own, and every request its own answer."""
    log = tmp_path / "log"
    names: list[str] = []
    answers: list[list[str]] = []
    with ThreadedPeer(echo) as peer:
        with gunicorn(peer, log, *worker) as port, ThreadPoolExecutor(12) as pool:
            # On a busy machine one worker may take all of a batch before the other one wakes.
            while len(names) < 600 and len({process for _, process, _ in answers}) < 2:
                batch = [f"order-{number}" for number in range(len(names), len(names) + 60)]
                answers += pool.map(buy, [port] * len(batch), batch)
                names += batch
        first, *rest = peer.requests
        keys = peer.keys
    assert [name for name, _, _ in answers] == names, "each its own answer"
    assert sorted(key for key in keys if key) == sorted(names), "each charge was made once"
    users: dict[str, set[str]] = {}
    for _, process, connection in answers:
        users.setdefault(connection, set()).add(process)
    assert all(len(processes) == 1 for processes in users.values()), "no connection is shared by two processes"
    assert len({process for _, process, _ in answers}) >= 2, "several workers had work"
    assert first.target.endswith("re_master")
    assert all(request.connection != first.connection for request in rest), "the master's connection stays its own"
    said = [line for line in log.read_text().splitlines() if "[INFO]" not in line]
    # gunicorn leaves the socket on which it listens to the end of the process.
    assert not [line for line in said if f"laddr=('127.0.0.1', {port})" not in line and "tracemalloc" not in line]


def test_gunicorn_with_gevent_workers(tmp_path: Path) -> None:
    """One thread, many greenlets: calls of one worker overlap although every one of them waits."""
    log = tmp_path / "log"
    names = [f"order-{number}" for number in range(20)]
    # Calls that waited for one another would never be answered.
    with ThreadedPeer(echo, echo, when_all_are_here(len(names), echo)) as peer:
        with gunicorn(peer, log, "--worker-class", "gevent") as port, ThreadPoolExecutor(20) as pool:
            buy(port, "order-first")
            answers = list(pool.map(buy, [port] * len(names), names))
    assert [name for name, _, _ in answers] == names
    assert "Traceback" not in log.read_text(), log.read_text()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_multiprocessing_with_a_client_of_the_module(method: str, program: Program, tmp_path: Path) -> None:
    """The parent has called before. Pool workers and single processes use the module's client as if it were new."""
    script = tmp_path / "work.py"
    script.write_text(
        dedent(
            """
            import multiprocessing, os, sys, time, warnings
            warnings.filterwarnings("ignore", "This process", DeprecationWarning)  # of Python 3.12 on, about fork
            from wooshpay import RequestOptions, WooshPay
            url, method = sys.argv[1:]
            client = WooshPay("sk_test_x", base_url=url)

            def make(name):
                refund = client.refunds.create(payment_intent="pi_1", options=RequestOptions(idempotency_key=name))
                return refund.id, os.getpid(), refund.extra["connection"]

            if __name__ == "__main__":
                context = multiprocessing.get_context(method)
                began = time.monotonic()
                own = make("first")
                names = [f"order-{number}" for number in range(40)]
                with context.Pool(2) as pool:
                    made = pool.map(make, names, chunksize=1)
                    pool.close()
                    pool.join()
                assert [name for name, _, _ in made] == names
                single = context.Process(target=make, args=("single",))
                single.start()
                single.join()
                assert single.exitcode == 0
                again = make("last")
                # On a busy machine, starting the others may take so long that aiohttp closes the idle connection.
                kept = time.monotonic() - began < 15
                assert own[1:] == again[1:] or not kept, "the parent has the connection that it had"
                users = {connection: process for _, process, connection in made}
                assert len(users) == len({process for _, process, _ in made}), "one connection for each process"
                assert {own[2], again[2]}.isdisjoint(users)
                client.close()
            """
        )
    )
    with ThreadedPeer(echo) as peer:
        child = program(script, peer.url, method)
        output, errors = child.communicate(timeout=60 * slowdown())
        keys = [key for key in peer.keys if key]
    assert (child.returncode, output, errors) == (0, "", "")
    assert sorted(keys) == sorted(["first", "single", "last", *(f"order-{number}" for number in range(40))])
