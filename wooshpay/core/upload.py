"""Files on their way out: streamed, never whole in memory, and sent again only where they can be read again.

The length of a file stands in the head of the request, before the file is read. So it is compared with what is read,
and the last bytes are held back until it is known that they are the last: a server never gets a whole request with a
part of a file in it.
"""

from __future__ import annotations

import asyncio
import io
import mimetypes
import os
import secrets
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from pathlib import Path
from typing import IO, Any, Final, TypeAlias

from wooshpay.core.redaction import redact
from wooshpay.errors import ConfigurationError

FileSource: TypeAlias = str | os.PathLike[str] | bytes | IO[bytes] | AsyncIterable[bytes]
"""A path, the bytes themselves, a file opened in binary mode, or an asynchronous iterator over bytes."""

# What `Upload.of` takes out of an operation's parameters: the file, and its name, which is no field of its own.
FILE_FIELD: Final = "file"
NAME_OF_FILE: Final = "filename"

_CHUNK: Final = 256 * 1024


class UploadFailed(Exception):
    """The file cannot be uploaded to its end.

    Attributes:
        message: What happened, to which file, and what to do.
        begun: Whether a part of the request may have been sent before.
    """

    def __init__(self, message: str, *, begun: bool) -> None:
        super().__init__(message)
        self.message = message
        self.begun = begun


class Upload:
    """A multipart body of some text fields and one file.

    Attributes:
        content_type: The Content-Type header that belongs to it.
        length: Its length in bytes; ``None`` where the file's is not known beforehand.
    """

    def __init__(self, fields: Mapping[str, Any], name: str, source: FileSource, filename: str | None = None) -> None:
        """Set the body up; nothing of the file is read yet.

        Args:
            fields: Text fields by name.
            name: The name of the file's field.
            source: The file.
            filename: The file's name for WooshPay; taken from the path or the file object when left out.

        Raises:
            ConfigurationError: There is no such file, or it is not one.
        """
        self._source = source
        self._name = filename or _name_of(source)
        self._start = 0
        self._read = False
        size = self._measure()
        boundary = secrets.token_hex(16)
        self._head = _head(boundary, fields, name, self._name)
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._size = size
        self.length = None if size is None else len(self._head) + size + len(self._tail)

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> Upload:
        """Make the body of an operation's parameters: ``file``, the optional ``filename``, and text fields."""
        fields = {name: value for name, value in params.items() if name not in {FILE_FIELD, NAME_OF_FILE}}
        return cls(fields, FILE_FIELD, params.get(FILE_FIELD, b""), params.get(NAME_OF_FILE))

    @property
    def repeatable(self) -> bool:
        """Whether the body can be sent: again, or for the first time."""
        return not self._read or self._size is not None

    async def chunks(self) -> AsyncIterator[bytes]:
        """Go through the body from its beginning.

        Raises:
            UploadFailed: The file cannot be read, or it is not as long any more as the request says.
        """
        begun = False
        try:
            async for chunk in self._parts():
                if not isinstance(chunk, (bytes, bytearray, memoryview)):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
                    raise TypeError(f"it gave {type(chunk).__name__} instead of bytes")
                begun = True
                yield chunk
        except _Changed:
            raise UploadFailed(
                f"The file {self._name!r} changed: it is not {self._size} bytes long any more, as it was when the call"
                " began. Upload a copy that nothing writes to.",
                begun=begun,
            ) from None
        except Exception as error:
            reason = redact(getattr(error, "strerror", None) or str(error) or type(error).__name__)
            raise UploadFailed(
                f"The file {self._name!r} could not be read ({reason}). Check it, and call again.", begun=begun
            ) from error

    def _measure(self) -> int | None:
        source = self._source
        if isinstance(source, bytes):
            return len(source)
        if isinstance(source, (str, os.PathLike)):
            path = Path(source)
            if not path.is_file():
                raise ConfigurationError(f"There is no file {os.fspath(path)!r} to upload.")
            return path.stat().st_size
        if isinstance(source, AsyncIterable):
            return None
        if not hasattr(source, "read"):
            raise ConfigurationError(
                "file must be a path, bytes, a file opened in binary mode, or an asynchronous iterator over bytes,"
                f" not {type(source).__name__}."
            )
        file: Any = source
        if isinstance(file, io.TextIOBase):
            raise ConfigurationError("The file is opened in text mode: open it with mode 'rb'.")
        if not source.seekable():
            return None
        self._start = source.tell()
        return _size_from(source, self._start)

    async def _parts(self) -> AsyncIterator[bytes]:
        source, size = self._source, self._size
        self._read = True
        if isinstance(source, bytes):
            yield self._head
            for start in range(0, len(source), _CHUNK):
                yield source[start : start + _CHUNK]
        elif isinstance(source, AsyncIterable):
            yield self._head
            async for chunk in source:
                yield chunk
        elif size is None:
            unsized: Any = source
            yield self._head
            while chunk := await asyncio.to_thread(unsized.read, _CHUNK):
                yield chunk
        elif isinstance(source, (str, os.PathLike)):
            with await asyncio.to_thread(Path(source).open, "rb") as file:
                async for chunk in self._sized(file, size):
                    yield chunk
        else:
            async for chunk in self._sized(source, size):
                yield chunk
        yield self._tail

    async def _sized(self, file: IO[bytes], size: int) -> AsyncIterator[bytes]:
        """Go through the head and a file of which it is known how long it should be."""
        if await asyncio.to_thread(_size_from, file, self._start) != size:
            raise _Changed  # before anything is sent
        yield self._head
        left = size
        chunk = await asyncio.to_thread(file.read, _CHUNK)
        while chunk:
            left -= len(chunk)
            after = await asyncio.to_thread(file.read, _CHUNK)
            if left < 0 or bool(left) != bool(after):
                break
            yield chunk
            chunk = after
        if chunk or left:
            raise _Changed


class _Changed(Exception):
    """The file is longer or shorter than it was."""


def _size_from(file: IO[bytes], start: int) -> int:
    """Measure a file from a place on, and go to that place."""
    size = file.seek(0, os.SEEK_END) - start
    file.seek(start)
    return size


def _name_of(source: FileSource) -> str:
    name: Any = source if isinstance(source, (str, os.PathLike)) else getattr(source, "name", None)
    paths: Any = (str, os.PathLike)
    return os.path.basename(os.fsdecode(name)) if issubclass(type(name), paths) else "file"


def _head(boundary: str, fields: Mapping[str, Any], name: str, filename: str) -> bytes:
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(key)}"\r\n\r\n{value}\r\n'
        for key, value in fields.items()
    ]
    # By the ending alone: of a whole name, what looks like a data: URL would be taken for the type.
    kind = mimetypes.guess_type(f"file{os.path.splitext(filename)[1]}")[0] or "application/octet-stream"
    parts.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"; filename="{_quoted(filename)}"\r\n'
        f"Content-Type: {kind}\r\n\r\n"
    )
    return _encoded("".join(parts))


def _encoded(text: str) -> bytes:
    """Write text as UTF-8, but the bytes of a file name that is none as they are."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def _quoted(text: str) -> str:
    """Write a name into a header as browsers do, so that it cannot end it."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A").replace("\0", "%00")
