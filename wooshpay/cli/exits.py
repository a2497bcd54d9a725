"""The exit codes of the command. `wooshpay/cli/README.md` lists them for users."""

from __future__ import annotations

from typing import Final

FAILED: Final = 1
WRONG_USAGE: Final = 2
# A call that changes something was carried out, but its result could not be shown. It must not be run again.
RESULT_NOT_SHOWN: Final = 3
# Output could not be written, and nothing but the output is missing.
OUTPUT_FAILED: Final = 4
# The exit code of a program that SIGPIPE ended, so that `| head` does not look like an error of WooshPay.
BROKEN_PIPE: Final = 141


def of_signal(number: int) -> int:
    """Return the exit code of a program that a signal ended, as shells report it."""
    return 128 + number
