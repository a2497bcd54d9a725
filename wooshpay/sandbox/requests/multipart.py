"""Taking a ``multipart/form-data`` body apart (RFC 7578)."""

from __future__ import annotations

import re
from email.message import Message
from email.parser import HeaderParser

import attrs

_QUOTED = re.compile(r"%(22|0D|0A)", re.IGNORECASE)


@attrs.frozen
class Part:
    """One field of the form.

    Attributes:
        name: Its name.
        filename: The name of the file; ``None`` where the field is plain text.
        content_type: What the content is, such as ``image/png``.
        content: The bytes.
    """

    name: str
    filename: str | None
    content_type: str
    content: bytes


def read_parts(body: bytes, boundary: str, *, most: int) -> list[Part]:
    """Take a body apart.

    Args:
        body: The whole body.
        boundary: What stands between the parts, from the Content-Type header.
        most: How many parts there may be.

    Raises:
        ValueError: It is not a multipart form, it does not end, or there are too many parts.
    """
    if not boundary:
        raise ValueError("there is no boundary")
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary.encode("latin-1"), most + 2)
    if len(pieces) > most + 2 or len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise ValueError("the form has no end, or too many parts")
    return [_read_part(piece) for piece in pieces[1:-1]]


def _read_part(piece: bytes) -> Part:
    line, _, rest = piece.partition(b"\r\n")
    if line.strip():
        raise ValueError("a boundary does not stand alone on its line")
    head, blank, content = (b"\r\n" + rest).partition(b"\r\n\r\n")
    headers = HeaderParser().parsestr(head.removeprefix(b"\r\n").decode())
    name = headers.get_param("name", header="Content-Disposition")
    if not blank or headers.get_content_disposition() != "form-data" or not isinstance(name, str) or not name:
        raise ValueError("a part has no name")
    return Part(_plain(name), _filename(headers), headers.get_content_type(), content)


def _filename(headers: Message) -> str | None:
    name = headers.get_filename()
    return None if name is None else _plain(name)


def _plain(name: str) -> str:
    """Undo the quoting of browsers, which is for these three characters only."""
    return _QUOTED.sub(lambda found: chr(int(found.group(1), 16)), name)
