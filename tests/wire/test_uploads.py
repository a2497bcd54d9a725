"""Files on the wire: streamed from wherever they are, and sent again only where they can be read again."""

from __future__ import annotations

import email
import io
import os
import tracemalloc
from collections.abc import AsyncIterator
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from support.peer import Peer, Received, ThreadedPeer, close, reply

import wooshpay
from wooshpay import AsyncWooshPay, RetryPolicy, WooshPay
from wooshpay.api.files import File

KEY = "sk_test_x"
NO_WAIT = RetryPolicy(base=0.0)
CONTENT = bytes(range(256)) * 3000
FILE = {
    "id": "file_1",
    "object": "file",
    "created": 1700000000,
    "filename": "slip.png",
    "purpose": "dispute_evidence",
    "size": len(CONTENT),
    "type": "png",
    "url": "https://apitest.wooshpay.com/v1/files/file_1/contents",
}


def parts_of(request: Received) -> dict[str, Message]:
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    message: Any = email.message_from_bytes(head + request.body)
    assert message.is_multipart()
    return {str(part.get_param("name", header="content-disposition")): part for part in message.get_payload()}


async def one_by_one() -> AsyncIterator[bytes]:
    for start in range(0, len(CONTENT), 50_000):
        yield CONTENT[start : start + 50_000]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "slip.png"
    path.write_bytes(CONTENT)
    return path


@pytest.mark.parametrize("kind", ["path", "path as text", "bytes", "file object", "asynchronous iterator"])
async def test_a_file_arrives_whole_with_its_name_and_purpose(kind: str, path: Path) -> None:
    with path.open("rb") as opened:
        sources: dict[str, Any] = {
            "path": path,
            "path as text": str(path),
            "bytes": CONTENT,
            "file object": opened,
            "asynchronous iterator": one_by_one(),
        }
        async with Peer(reply(200, FILE)) as peer, AsyncWooshPay(KEY, base_url=peer.url) as client:
            file = await client.files.create(file=sources[kind], purpose="dispute_evidence", filename="slip.png")
        assert not opened.closed
    assert isinstance(file, File)
    parts = parts_of(peer.requests[0])
    assert parts["file"].get_payload(decode=True) == CONTENT
    assert parts["file"].get_filename() == "slip.png"
    assert parts["file"].get_content_type() == "image/png"
    assert parts["purpose"].get_payload() == "dispute_evidence"
    assert peer.keys[0] is not None


async def test_the_name_comes_from_the_path(path: Path) -> None:
    async with Peer(reply(200, FILE)) as peer, AsyncWooshPay(KEY, base_url=peer.url) as client:
        await client.files.create(file=path, purpose="dispute_evidence")
    assert parts_of(peer.requests[0])["file"].get_filename() == "slip.png"
    assert "content-length" in peer.requests[0].headers


async def test_a_name_cannot_break_out_of_its_header() -> None:
    async with Peer(reply(200, FILE)) as peer, AsyncWooshPay(KEY, base_url=peer.url) as client:
        await client.files.create(file=b"x", purpose="dispute_evidence", filename='a"\r\nX-Evil: 1.png')
    part = parts_of(peer.requests[0])["file"]
    assert part["X-Evil"] is None
    assert part.get_filename() == "a%22%0D%0AX-Evil: 1.png"


@pytest.mark.parametrize("kind", ["path", "bytes", "file object"])
async def test_a_retry_reads_the_file_again_from_where_it_began(kind: str, path: Path) -> None:
    with path.open("rb") as opened:
        opened.seek(1000)
        source: Any = {"path": path, "bytes": CONTENT, "file object": opened}[kind]
        async with Peer(close(), reply(503), reply(200, FILE)) as peer:
            async with AsyncWooshPay(KEY, base_url=peer.url, retry_policy=NO_WAIT) as client:
                answer = await client.files.create.with_response(file=source, purpose="dispute_evidence")
    assert answer.attempts == 3
    bodies = {request.body for request in peer.requests}
    assert len(bodies) == 1
    expected = CONTENT[1000:] if kind == "file object" else CONTENT
    assert parts_of(peer.requests[2])["file"].get_payload(decode=True) == expected
    assert len(set(peer.keys)) == 1


class Pipe(io.RawIOBase):
    """A file that cannot go back, such as a pipe or a download."""

    def __init__(self) -> None:
        self._inner = io.BytesIO(CONTENT)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def read(self, size: int = -1) -> bytes:
        return self._inner.read(size)


@pytest.mark.parametrize("kind", ["asynchronous iterator", "pipe"])
async def test_what_can_be_read_only_once_is_not_sent_again_and_the_error_says_so(kind: str) -> None:
    source: Any = one_by_one() if kind == "asynchronous iterator" else Pipe()
    async with Peer(reply(503), reply(200, FILE)) as peer:
        async with AsyncWooshPay(KEY, base_url=peer.url, retry_policy=NO_WAIT) as client:
            with pytest.raises(wooshpay.ServerError, match="read only once") as caught:
                await client.files.create(file=source, purpose="dispute_evidence")
    assert len(peer.requests) == 1
    assert caught.value.outcome == "unknown"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("/no/such/file.png", "no file"),
        (io.StringIO("text"), "text mode"),
        (17, "not int"),
    ],
    ids=["a missing file", "a file of text", "a number"],
)
async def test_what_is_no_file_is_refused_before_anything_is_sent(source: Any, words: str) -> None:
    client = AsyncWooshPay(KEY, base_url="http://127.0.0.1:9")
    with pytest.raises(wooshpay.ConfigurationError, match=words) as caught:
        await client.files.create(file=source, purpose="dispute_evidence")
    assert caught.value.outcome == "not_sent"


async def test_a_large_file_is_never_whole_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.bin"
    with path.open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    peer = Counting(reply(200, FILE))
    async with peer, AsyncWooshPay(KEY, base_url=peer.url) as client:
        tracemalloc.start()
        await client.files.create(file=path, purpose="dispute_evidence")
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peer.bytes_read > 64 * 1024 * 1024
    assert most < 16 * 1024 * 1024


class Counting(Peer):
    """A peer that throws bodies away as they come."""

    bytes_read = 0

    async def _read(self, connection: Any) -> Received | None:
        head = await connection.reader.readuntil(b"\r\n\r\n")
        left = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        while left:
            chunk = await connection.reader.read(min(left, 65536))
            self.bytes_read += len(chunk)
            left -= len(chunk)
        return Received("POST", "/v1/files", {}, b"", connection.number)


def test_the_plain_client_uploads_alike(path: Path) -> None:
    with ThreadedPeer(close(), reply(200, FILE)) as peer:
        with WooshPay(KEY, base_url=peer.url, retry_policy=NO_WAIT) as client:
            file = client.files.create(file=path, purpose="dispute_evidence")
    assert file.id == "file_1"
    assert parts_of(peer.requests[1])["file"].get_payload(decode=True) == CONTENT


@pytest.mark.parametrize(
    "name", ["data:x/y\r\nX-Evil: 1\r\n\r\nhello,a.png", "data:text/evil,a.png"], ids=["with line breaks", "without"]
)
async def test_a_name_cannot_choose_the_type_of_its_part(name: str) -> None:
    """A name that looks like a URL of data was taken for its own type, line breaks and all."""
    async with Peer(reply(200, {})) as peer, AsyncWooshPay(KEY, base_url=peer.url) as client:
        await client.files.create(file=b"x", filename=name, purpose="dispute_evidence")
    head = peer.requests[0].body
    assert b"Content-Type: image/png\r\n\r\nx\r\n" in head
    assert b"\r\nX-Evil" not in head


async def test_a_name_that_is_no_unicode_is_sent_as_its_bytes(tmp_path: Path) -> None:
    """Old file systems have such names; they are no reason not to upload."""
    path = tmp_path / os.fsdecode(b"r\xe9sum\xe9.pdf")
    path.write_bytes(b"%PDF")
    async with Peer(reply(200, {})) as peer, AsyncWooshPay(KEY, base_url=peer.url) as client:
        await client.files.create(file=path, purpose="dispute_evidence")
        await client.files.create(file=b"x", filename="a\ud800\0.pdf", purpose="dispute_evidence")
    first, second = (request.body for request in peer.requests)
    assert b'filename="r\xe9sum\xe9.pdf"' in first
    assert b'filename="a?%00.pdf"' in second
