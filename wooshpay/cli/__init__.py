"""The ``wooshpay`` command. It needs the extra ``cli``; without it, the command says so."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Final

from wooshpay.cli.streams import complain, guard_streams

_NEEDED: Final = ("click", "jinja2", "rich")


def main() -> None:
    """Run the command line, and leave the process with its exit code."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        sys.stderr.write(
            f"The wooshpay command needs {', '.join(missing)}, which the SDK itself does not."
            " Install with: pip install 'wooshpay[cli]'\n"
        )
        sys.exit(2)
    guard_streams()
    try:
        from wooshpay.cli.root import root

        root(prog_name="wooshpay")
    except KeyboardInterrupt:  # before any command runs, such as while a shell waits for what can come next
        sys.exit(130)
    except Exception as error:
        from wooshpay.cli.failures import unexpected

        complain(f"Error: {unexpected(error)}")
        sys.exit(1)
