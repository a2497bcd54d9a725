"""Log lines that cannot break what they are about.

A handler or a filter of the application's logging may raise an exception: one that sends lines over the network, for
example. In place of the response to a payment that was made, such an exception would make the program pay again.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

P = ParamSpec("P")


def writing_cannot_fail(write: Callable[P, None]) -> Callable[P, None]:
    """Make a function that writes to the log print its exceptions to standard error instead of raising them.

    `logging.Handler.handleError` does the same. Nothing is printed if `logging.raiseExceptions` is false.
    """

    @wraps(write)
    def writing(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            write(*args, **kwargs)
        except Exception:
            if logging.raiseExceptions and sys.stderr is not None:  # pyright: ignore[reportUnnecessaryComparison]  # programs without a console have none
                sys.stderr.write("--- A line of wooshpay could not be written to the log ---\n")
                traceback.print_exc(file=sys.stderr)

    return writing
