"""Files on the wire: streamed from wherever they are, and sent again only where they can be read again."""

from __future__ import annotations

import email
import io
import os
import tracemalloc
from collections.abc import AsyncIterator, Callable
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from support.peer import Peer, Received, ThreadedPeer, close, reply

import wooshpay
from wooshpay import AsyncWooshPay, Next, Request, Response, RetryPolicy, WooshPay
from wooshpay.api.files import File
from wooshpay.core.upload import Upload, UploadFailed

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


# ---- files that change ----


def during(change: Callable[[], None]) -> Any:
    """Change a file after its size was sent along in the request, and before the file is read."""

    async def middleware(request: Request, call_next: Next) -> Response:
        change()
        return await call_next(request)

    return [middleware]


def client_of(peer: Peer, **settings: Any) -> AsyncWooshPay:
    """A client whose limits are so long that a call which waits for them would never end."""
    return AsyncWooshPay(
        KEY, base_url=peer.url, retry_policy=NO_WAIT, timeout=3600.0, attempt_timeout=3600.0, **settings
    )


@pytest.mark.parametrize("change", ["shorter", "longer", "gone"])
async def test_a_file_that_changed_before_it_is_sent_is_not_sent(change: str, path: Path) -> None:
    """Its length stands in the head: of a shorter one the server waits for the rest, and a longer one is cut off."""

    def happen() -> None:
        if change == "gone":
            path.unlink()
        else:
            path.write_bytes(CONTENT[:-1] if change == "shorter" else CONTENT + b"x")

    async with Peer(reply(200, FILE)) as peer, client_of(peer, attempt_middlewares=during(happen)) as client:
        with pytest.raises(wooshpay.ConfigurationError, match=r"slip\.png") as caught:
            await client.files.create(file=path, purpose="dispute_evidence")
    assert (caught.value.outcome, caught.value.attempts) == ("not_sent", 1)
    assert peer.requests == []


async def test_an_open_file_that_changed_before_it_is_sent_is_not_sent(path: Path) -> None:
    with path.open("rb") as opened:

        def grow() -> None:
            path.write_bytes(CONTENT + b"x")

        async with Peer(reply(200, FILE)) as peer, client_of(peer, attempt_middlewares=during(grow)) as client:
            with pytest.raises(wooshpay.ConfigurationError, match="changed") as caught:
                await client.files.create(file=opened, purpose="dispute_evidence")
    assert caught.value.outcome == "not_sent"
    assert peer.requests == []


class Changing(io.BytesIO):
    """A file that is changed by someone else while it is read."""

    name = "slip.png"

    def __init__(self, change: str) -> None:
        super().__init__(CONTENT)
        self._change = change
        self._reads = 0

    def read(self, size: int | None = -1) -> bytes:
        self._reads += 1
        if self._reads == 2:
            if self._change == "fails":
                raise OSError(5, "Input/output error")
            content = {"shorter": CONTENT[:-1], "longer": CONTENT + b"x", "empty": b""}[self._change]
            place = self.tell()
            self.seek(0)
            self.truncate()
            self.write(content)
            self.seek(place)
        return super().read(size)


@pytest.mark.parametrize("change", ["shorter", "longer", "empty", "fails"])
async def test_a_file_that_changes_while_it_is_sent_ends_the_call_at_once(change: str) -> None:
    """Today's silence until the deadline, or a file that is cut off and reported as uploaded, are both worse."""
    async with Peer(reply(200, FILE)) as peer, client_of(peer) as client:
        with pytest.raises(wooshpay.TransportError, match=r"slip\.png") as caught:
            await client.files.create(file=Changing(change), purpose="dispute_evidence")
    assert (caught.value.outcome, caught.value.attempts) == ("unknown", 1)
    assert caught.value.idempotency_key is not None
    assert peer.requests == [], "the server must not take a part for the whole"


@pytest.mark.parametrize("size", [0, 1, 256 * 1024, 256 * 1024 + 1, 2 * 256 * 1024])
@pytest.mark.parametrize("more", [-1, 0, 1])
async def test_not_a_byte_more_or_less_passes_for_the_file(size: int, more: int, tmp_path: Path) -> None:
    """The sizes are those around the chunks in which a file is read."""
    upload = Upload({}, "file", io.BytesIO(b"x" * size))
    stream: Any = upload._source  # pyright: ignore[reportPrivateUsage]  # what changes is behind it
    if size + more < 0:
        return
    chunks = upload.chunks()
    head = await anext(chunks)
    stream.truncate(size + more)
    stream.seek(0)
    stream.write(b"x" * (size + more))
    stream.seek(0)
    if more == 0:
        assert len(head) + sum([len(chunk) async for chunk in chunks]) == upload.length
        return
    sent = len(head)

    async def send_the_rest() -> None:
        nonlocal sent
        async for chunk in chunks:
            sent += len(chunk)

    with pytest.raises(UploadFailed) as caught:
        await send_the_rest()
    assert caught.value.begun
    assert upload.length is not None
    assert sent < upload.length


async def test_what_an_iterator_raises_is_the_cause_of_the_error() -> None:
    """aiohttp hides it behind an error of the connection, which nobody would look for in the user's own code."""

    async def broken() -> AsyncIterator[bytes]:
        yield CONTENT
        raise LookupError("the download has ended")

    async with Peer(reply(200, FILE)) as peer, client_of(peer) as client:
        with pytest.raises(wooshpay.TransportError, match="could not be read") as caught:
            await client.files.create(file=broken(), purpose="dispute_evidence")
    assert isinstance(caught.value.__cause__, LookupError)
    assert caught.value.outcome == "unknown"
    assert peer.requests == []


async def test_an_iterator_over_text_is_named() -> None:
    async def text() -> AsyncIterator[Any]:
        yield "not bytes"

    async with Peer(reply(200, FILE)) as peer, client_of(peer) as client:
        with pytest.raises(wooshpay.TransportError, match="str"):
            await client.files.create(file=text(), purpose="dispute_evidence")
