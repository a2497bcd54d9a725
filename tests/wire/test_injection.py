"""What strangers put into an id, a header or a key stays there: seen as raw bytes by a server that parses nothing."""

from __future__ import annotations

import asyncio
import re
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.arguments import required

from wooshpay import AsyncWooshPay, ConfigurationError, RequestOptions
from wooshpay.api import declarations

WITH_IDS = {declaration.name: declaration for declaration in declarations() if "{" in declaration.path}
EVIL = [
    *(
        "..",
        ".",
        "../balance",
        "..%2f..",
        "%2e%2e",
        "/",
        "//evil.example/",
        "a/b",
        "a\\..\\b",
        "?a=1",
        "a?b",
        "#",
        "a#b",
    ),
    *(
        "\r\nX-Evil: 1",
        "a\nb",
        "a\rb",
        "a\x00b",
        "\x7f",
        "\t",
        " ",
        "a b",
        "%0d%0a",
        "%00",
        "é",
        "日本",
        "😀",
        "\u2028",
    ),
    *(" HTTP/1.1\r\nHost: evil\r\n\r\nGET /", ";x=1", "..;/", "@evil.example", ":80", "&a=b", "a+b", "\ud800", "\xff"),
]
IDS = st.sampled_from(EVIL) | st.text(min_size=1, max_size=12) | st.text("./\\%?#\r\n\0;@ 2efF", min_size=1, max_size=8)
# The bytes that a path segment may have; all others are quoted.
SEGMENT = re.compile(rb"(?:[A-Za-z0-9\-._~]|%[0-9A-F]{2})+")


class RawServer:
    """Keeps the bytes that came in, up to the end of each request, and answers with an empty object."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.url = ""

    async def __aenter__(self) -> RawServer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._server.close()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                length = re.search(rb"\r\nContent-Length: (\d+)\r\n", head)
                if length:
                    await reader.readexactly(int(length.group(1)))
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def operation_of(client: Any, name: str) -> Any:
    for part in name.split("."):
        client = getattr(client, part)
    return client


async def send(name: str, values: list[str]) -> list[bytes]:
    """Call an operation with these ids; give the request lines that the server saw."""
    declaration = WITH_IDS[name]
    async with RawServer() as server, AsyncWooshPay("sk_test_x", base_url=server.url, max_retries=0) as client:
        for value in values:
            ids = [value] * len(re.findall(r"\{\w+\}", declaration.path))
            made = operation_of(client, name).with_response
            try:
                await made(*ids, **required(declaration))
            except ValueError as error:
                assert "no possible id" in str(error)  # noqa: PT017  # refused or sent: either is fine
                server.heads.append(b"")
    return [head.partition(b"\r\n")[0] for head in server.heads]


@pytest.mark.parametrize("name", WITH_IDS)
@settings(deadline=None, max_examples=2, suppress_health_check=[HealthCheck.too_slow])
@given(more=st.lists(IDS, min_size=5, max_size=5))
async def test_an_id_stays_one_segment_of_its_path_or_is_refused(name: str, more: list[str]) -> None:
    """An id from a stranger's request must reach no other operation, host or header with the secret key."""
    declaration = WITH_IDS[name]
    template = re.escape(declaration.path.encode())
    expected = re.compile(
        declaration.method.encode()
        + b" "
        + re.sub(rb"\\\{\w+\\\}", lambda _: b"(" + SEGMENT.pattern + b")", template)
        + rb"(?:\?[^\s#]*)? HTTP/1\.1"
    )
    values = [*EVIL, *more]
    lines = await send(name, values)
    assert len(lines) == len(values), "one request for each id, and no other"
    for value, line in zip(values, lines, strict=True):
        if line == b"":
            assert value in {".", ".."} or re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", value)
            continue
        found = expected.fullmatch(line)
        assert found, (value, line)
        for segment in found.groups():
            assert unquote(segment.decode()) == value
            assert segment not in {b".", b".."}


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    headers=st.dictionaries(
        st.sampled_from(["X-Trace", "User-Agent", "Accept", "X-A\r\nX-Evil", "X A", ""]) | st.text(max_size=6),
        st.sampled_from(EVIL) | st.text(max_size=10),
        max_size=2,
    ),
    key=st.sampled_from([*EVIL, "order-1"]) | st.text(max_size=10),
)
async def test_headers_and_keys_arrive_as_they_are_or_are_refused(headers: dict[str, str], key: str) -> None:
    """One that broke out of its line would be another header, or another request."""
    try:
        options = RequestOptions(headers=headers, idempotency_key=key)
    except ConfigurationError:
        return
    async with RawServer() as server, AsyncWooshPay("sk_test_x", base_url=server.url, max_retries=0) as client:
        await client.request("POST", "/v1/x", options=options)
        await client.with_options(headers=headers).request("GET", "/v1/x")
    assert len(server.heads) == 2
    own = {b"host", b"accept", b"content-type", b"user-agent", b"idempotency-key", b"authorization"}
    own |= {b"accept-encoding", b"content-length"}
    for head in server.heads:
        lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")[1:]
        pairs = [(name.lower(), value) for name, _, value in (line.partition(b": ") for line in lines)]
        assert len({name for name, _ in pairs}) == len(pairs)
        assert {name for name, _ in pairs} <= own | {name.lower().encode() for name in headers}
        assert not any(sign in head.replace(b"\r\n", b"") for sign in (b"\r", b"\n", b"\0"))
        found = dict(pairs)
        for name, value in headers.items():
            assert found[name.lower().encode()].strip() == value.encode().strip()
    assert f"\r\nIdempotency-Key: {key}\r\n".encode() in server.heads[0]


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(values=st.dictionaries(st.text(max_size=6), st.sampled_from(EVIL) | st.text(max_size=8), max_size=3))
async def test_a_query_is_one_query_whatever_is_in_it(values: dict[str, str]) -> None:
    async with RawServer() as server, AsyncWooshPay("sk_test_x", base_url=server.url, max_retries=0) as client:
        try:
            await client.request("GET", "/v1/x", query=values)
        except ValueError:
            assert re.search(r"[\ud800-\udfff]", str(values.items())) or "\\ud" in repr(values)
            return
    [head] = server.heads
    assert re.match(rb"GET /v1/x(?:\?[A-Za-z0-9%&=+\-._~*]*)? HTTP/1\.1\r\n", head)


@pytest.mark.parametrize(
    "path",
    [
        *(
            "v1/x",
            "//evil.example/x",
            "/v1/../x",
            "/v1/%2e%2E/x",
            "/v1/x/..",
            "/v1/..;/x",
            "/v1/%2e%2e;a=b/x",
            "/v1/x?a=1",
        ),
        *(
            "/v1/x#a",
            "/v1/x y",
            "/v1/x\r\nX-Evil: 1",
            "/v1/é",
            "/v1/%zz",
            "http://evil.example/",
            "/v1//x",
            "",
            "/",
            "/v1/\\x",
        ),
    ],
)
async def test_a_path_that_could_lead_elsewhere_is_refused(path: str) -> None:
    async with RawServer() as server, AsyncWooshPay("sk_test_x", base_url=server.url) as client:
        with pytest.raises(ValueError, match="path must look like"):
            await client.request("GET", path)
        assert server.heads == []
