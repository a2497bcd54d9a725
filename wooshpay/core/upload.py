"""Files on their way out: streamed, never whole in memory, and sent again only where they can be read again."""

from __future__ import annotations

import asyncio
import io
import mimetypes
import os
import secrets
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from pathlib import Path
from typing import IO, Any, Final, TypeAlias

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
        self._start = 0
        self._read = False
        size = self._measure()
        boundary = secrets.token_hex(16)
        self._head = _head(boundary, fields, name, filename or _name_of(source))
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
        """Go through the body from its beginning."""
        yield self._head
        async for chunk in self._file_chunks():
            yield chunk
        yield self._tail

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
        size = source.seek(0, os.SEEK_END) - self._start
        source.seek(self._start)
        return size

    async def _file_chunks(self) -> AsyncIterator[bytes]:
        source = self._source
        self._read = True
        if isinstance(source, bytes):
            for start in range(0, len(source), _CHUNK):
                yield source[start : start + _CHUNK]
        elif isinstance(source, AsyncIterable):
            async for chunk in source:
                yield chunk
        elif isinstance(source, (str, os.PathLike)):
            with await asyncio.to_thread(Path(source).open, "rb") as file:
                async for chunk in _read(file):
                    yield chunk
        else:
            if self._size is not None:
                await asyncio.to_thread(source.seek, self._start)
            async for chunk in _read(source):
                yield chunk


async def _read(file: IO[bytes]) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(file.read, _CHUNK):
        yield chunk


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
