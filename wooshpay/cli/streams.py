"""Standard input, output and error, guarded so that a failed write is never taken for a failed call.

`guard_streams` replaces the streams of the process once, before any command runs. After that
- a write to standard output that fails raises `OutputError`, whoever wrote (this package, click or rich);
- a write to standard error that fails is ignored, as there is nowhere left to report it;
- a character that the encoding lacks is written as a backslash escape;
- a stream that the caller closed keeps its descriptor occupied. Otherwise the next socket would get that number, and
  what a library prints would be sent to WooshPay.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_STDOUT: Final = 1
_STDERR: Final = 2


class OutputError(Exception):
    """Standard output could not be written. The text says why.

    Attributes:
        reader_left: Whether the reader of a pipe went away, as ``head`` does when it has enough.
    """

    def __init__(self, error: OSError) -> None:
        super().__init__(f"Standard output could not be written: {reason_of(error)}.")
        self.reader_left = error.errno == errno.EPIPE


def reason_of(error: OSError) -> str:
    """Return why an operation on a file or stream failed, as a phrase without a full stop."""
    if error.errno == errno.EBADF:
        return "it is closed"
    if error.errno == errno.ELOOP:
        return "it is a symbolic link"
    return error.strerror or str(error) or type(error).__name__


def guard_streams() -> None:
    """Replace ``sys.stdin``, ``sys.stdout`` and ``sys.stderr`` for the rest of the process."""
    # In this order each descriptor that is closed gets its own number back. Each is opened for the opposite use, so
    # that the system still reports it as closed; only what goes to a closed standard error is thrown away.
    if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison]  # of a process whose stdin is closed
        sys.stdin = open(os.open(os.devnull, os.O_WRONLY), encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = _guarded(sys.stdout, os.O_RDONLY, ignores_errors=False)
    sys.stderr = _guarded(sys.stderr, os.O_RDWR, ignores_errors=True)


def write_line(text: str) -> None:
    """Write a text and a line break to standard output, and flush it.

    Raises:
        OutputError: It could not be written.
    """
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    """Write a text and a line break to standard error; ignore that this fails."""
    try:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        pass


def read_standard_input() -> bytes:
    """Read standard input to its end.

    Raises:
        OSError: It cannot be read, for example because it is closed.
    """
    return sys.stdin.buffer.read()


class _RawOutput(io.RawIOBase):
    """Writes to a descriptor. After the first failure it throws away all that follows, as at the exit of Python."""

    def __init__(self, descriptor: int, *, ignores_errors: bool) -> None:
        super().__init__()
        self._file = open(descriptor, "wb", buffering=0, closefd=False)  # noqa: SIM115  # it lives as long as the process
        self._ignores_errors = ignores_errors
        self._failed = False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._file.fileno()

    def isatty(self) -> bool:
        return self._file.isatty()

    def write(self, data: ReadableBuffer, /) -> int:
        size = memoryview(data).nbytes
        if self._failed:
            return size
        try:
            return self._write(data)
        except OSError as error:
            self._failed = True
            if self._ignores_errors:
                return size
            raise OutputError(error) from None

    def _write(self, data: ReadableBuffer) -> int:
        while True:
            # A descriptor that another process made non-blocking takes nothing while its pipe is full.
            written: int | None = self._file.write(data)
            if written is not None:
                return written
            select.select([], [self._file], [])


def _guarded(stream: TextIO | None, otherwise: int, *, ignores_errors: bool) -> TextIO:
    """Return a guarded stream in place of another.

    Args:
        stream: The stream to replace; ``None`` where the process was started with it closed.
        otherwise: How to open the null device in the place of a closed stream.
        ignores_errors: Whether failed writes are ignored.
    """
    if stream is None:
        descriptor, encoding, buffers_lines = os.open(os.devnull, otherwise), "utf-8", False
    else:
        try:
            descriptor, encoding = stream.fileno(), stream.encoding
        except io.UnsupportedOperation:  # a notebook's stream, which is no file
            return stream
        stream.flush()
        buffers_lines = stream.isatty() or ignores_errors
    raw = _RawOutput(descriptor, ignores_errors=ignores_errors)
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=encoding, errors="backslashreplace", line_buffering=buffers_lines
    )
