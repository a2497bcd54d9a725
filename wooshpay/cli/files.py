"""Creates files for personal data: private, not through a symbolic link, and not over a file unless asked to."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import IO, Any, Literal, overload

_PRIVATE = 0o600


@overload
def open_new_private(
    path: Path, *, replace: bool = False, newline: str | None = None, binary: Literal[False] = False
) -> IO[str]: ...


@overload
def open_new_private(
    path: Path, *, replace: bool = False, newline: str | None = None, binary: Literal[True]
) -> IO[bytes]: ...


def open_new_private(path: Path, *, replace: bool = False, newline: str | None = None, binary: bool = False) -> IO[Any]:
    """Open a file for writing that only its owner may read, whatever the umask.

    Args:
        path: Where to make it. A symbolic link there is refused, also with ``replace``.
        replace: Whether a file that exists is overwritten.
        newline: How text ends its lines; see `open`.
        binary: Whether bytes are written. Text is written in UTF-8, with escapes for what UTF-8 cannot hold.

    Raises:
        FileExistsError: There is such a file, and ``replace`` is false.
        OSError: It cannot be made.
    """
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if replace else os.O_EXCL)
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, _PRIVATE)
    try:
        # A device such as /dev/null keeps its mode.
        if hasattr(os, "fchmod") and stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.fchmod(descriptor, _PRIVATE)
        if binary:
            return open(descriptor, "wb")
        return open(descriptor, "w", encoding="utf-8", errors="backslashreplace", newline=newline)
    except BaseException:
        os.close(descriptor)
        raise


def write_new(path: Path, text: str, *, replace: bool = False) -> None:
    """Write a text to a private file; see `open_new_private`. A new file that cannot be written whole is removed.

    Args:
        path: Where to make it.
        text: What it holds.
        replace: Whether a file that exists is overwritten.

    Raises:
        OSError: It cannot be written.
    """
    file = open_new_private(path, replace=replace)
    try:
        with file:
            file.write(text)
    except OSError as error:
        error.filename = os.fspath(path)
        if not replace:
            path.unlink(missing_ok=True)
        raise
