"""The database servers that benchmarks need. Each starts when it is first needed, on a loopback port, with empty data.

They are started by the code that the tests use. So the environment variables ``WOOSHPAY_TEST_POSTGRES_URL``,
``WOOSHPAY_TEST_MARIADB_URL`` and ``WOOSHPAY_TEST_REDIS_URL`` can name servers that run already.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal, TypeAlias

Product: TypeAlias = Literal["sqlite", "postgres", "mariadb", "redis"]


class Unavailable(Exception):
    """A program or package that the benchmark needs is not installed; the text names it."""


class Databases:
    """Starts servers, and stops them when `open_databases` ends.

    Args:
        stack: Ends the servers.
    """

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._addresses: dict[Product, str | Unavailable] = {}

    def address(self, product: Product) -> str:
        """Return the URL of a running server, or the path of a new SQLite file.

        Raises:
            Unavailable: The server is not installed.
        """
        if product == "sqlite":
            return str(self.folder() / "shop.db")
        if product not in self._addresses:
            try:
                self._addresses[product] = self._start(product)
            except Unavailable as reason:
                self._addresses[product] = reason
        found = self._addresses[product]
        if isinstance(found, Unavailable):
            raise found
        return found

    def folder(self) -> Path:
        """Return a new, empty folder."""
        return Path(self._stack.enter_context(tempfile.TemporaryDirectory()))

    def _start(self, product: Product) -> str:
        tests = str(Path(__file__).parents[1] / "tests")
        if tests not in sys.path:
            sys.path.append(tests)
        try:
            import pytest
            from webhooks import servers
        except ImportError as missing:
            raise Unavailable(f"{missing}. Install the extra dev") from missing
        openers = {"postgres": servers.postgres_url, "mariadb": servers.mariadb_url, "redis": servers.redis_url}
        try:
            return self._stack.enter_context(openers[product]())
        except (ImportError, pytest.skip.Exception, pytest.fail.Exception) as missing:
            raise Unavailable(str(missing)) from missing


@contextmanager
def open_databases() -> Generator[Databases]:
    """Start servers within this block, each when it is first asked for."""
    with ExitStack() as stack:
        yield Databases(stack)
