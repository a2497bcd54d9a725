"""A real PgBouncer in transaction mode, from Debian's package, in front of the tests' PostgreSQL."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from webhooks.servers import free_port, missing

PROGRAM: Final = "pgbouncer"
# Fewer server connections than clients: every transaction may run on another one.
SERVER_CONNECTIONS: Final = 2
WAIT_SECONDS: Final = 30.0
_CONFIG: Final = """\
[databases]
* = {server}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 500
max_db_connections = {size}
"""


def find_program() -> str:
    """Return the path of PgBouncer. Without it the test is skipped, and in CI it fails."""
    program = shutil.which(PROGRAM, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        missing("PgBouncer is not installed. Install it with: apt-get install pgbouncer")
    return program


def _user(host: str) -> str | None:
    """Return the user to run PgBouncer as. It refuses to run as root, and has to reach the socket of PostgreSQL."""
    if os.geteuid() != 0:
        return None
    return Path(host).owner() if host.startswith("/") else "nobody"


@contextmanager
def pgbouncer_url(postgres: str) -> Generator[str]:
    """Start PgBouncer in front of a PostgreSQL, and give the address of an empty database of its own behind it.

    Args:
        postgres: The connection string of the PostgreSQL.
    """
    program = find_program()
    parts: Mapping[str, Any] = conninfo_to_dict(postgres)
    database = f"behind_pgbouncer_{os.getpid()}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {database}".encode())
    port = free_port()
    keys = {name: parts[name] for name in ("host", "port", "user", "password") if parts.get(name)}
    server = " ".join(f"{name}={value}" for name, value in {"port": 5432, "user": "postgres", **keys}.items())
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "pgbouncer.ini")
        config.write_text(_CONFIG.format(server=server, port=port, size=SERVER_CONNECTIONS))
        Path(folder).chmod(0o755)
        process = subprocess.Popen(
            [program, "-q", str(config)], user=_user(str(keys.get("host", ""))), stderr=subprocess.DEVNULL
        )
        address = make_conninfo("", host="127.0.0.1", port=port, user="postgres", dbname=database)
        try:
            _wait_until_ready(address, process)
            yield address
        finally:
            process.kill()
            process.wait()
            with psycopg.connect(postgres, autocommit=True) as connection:
                connection.execute(f"DROP DATABASE {database} WITH (FORCE)".encode())


def _wait_until_ready(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            psycopg.connect(address).close()
            return
        except psycopg.OperationalError:
            assert process.poll() is None, "PgBouncer did not start"
            assert time.monotonic() < deadline, "PgBouncer did not answer in time"
        time.sleep(0.02)
