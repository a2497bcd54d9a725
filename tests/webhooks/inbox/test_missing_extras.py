"""An inbox whose extra is not installed: the program does not start, and the error names the extra."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support import children

_PROGRAM = """
import sys
sys.modules[{package!r}] = None  # as if it were not installed
from wooshpay.webhooks import DjangoInbox, PostgresInbox, RedisInbox, SqlAlchemyInbox
{make}
"""


@pytest.mark.parametrize(
    ("package", "make", "extra"),
    [
        ("redis", "RedisInbox('redis://127.0.0.1:6379/0')", "redis"),
        ("psycopg", "PostgresInbox('postgresql://127.0.0.1/shop')", "postgres"),
        ("psycopg_pool", "PostgresInbox('postgresql://127.0.0.1/shop')", "postgres"),
        ("sqlalchemy", "SqlAlchemyInbox(object())", "sqlalchemy"),
        ("django", "DjangoInbox()", "django"),
    ],
)
def test_the_error_names_the_extra_when_the_inbox_is_made(package: str, make: str, extra: str) -> None:
    """Otherwise the web server starts, answers every delivery with 503, and its log does not say what to install."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(package=package, make=make)],
        env=children.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("wooshpay.errors.ConfigurationError: "), done.stderr
    assert last.endswith(f"not installed: pip install 'wooshpay[{extra}]'."), last
