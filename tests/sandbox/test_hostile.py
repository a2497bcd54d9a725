"""What no friendly client sends: it gets a refusal in the API's own form, and the sandbox lives on."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import struct
from typing import Any
from urllib.parse import quote

import pytest
from sandbox.rig import Api, payment

from wooshpay.sandbox import Sandbox

IDS = ["%00", "a%00b", "%0d%0aX:y", "..%2f..%2fbalance", "%F0%9F%92%B3", "%ff%fe", "%ed%a0%80", "a" * 4000, "%25",
       "'%20or%201=1--", "{{7*7}}", "%3Cscript%3E", "pi_1%3Fa=b", "__proto__", "%E2%80%AEx", "null", "0", "-1",
       "*"]  # fmt: skip


@pytest.mark.parametrize("id", IDS)
@pytest.mark.parametrize("path", ["/v1/payment_intents/{}", "/v1/customers/{}/payment_methods", "/v1/refunds/{}"])
async def test_a_hostile_id_is_an_unknown_one(api: Api, path: str, id: str) -> None:
    wire = await raw(api, f"GET {path.format(id)} HTTP/1.1")
    assert wire.status == 404
    assert wire.body["error"]["code"] in {"resource_missing", "unknown_route"}


@pytest.mark.parametrize(
    "path",
    ["//", "/v1//payment_intents", "/v1/../v1/balance", "/v1/./balance", "/%76%31/balance/x", "/v1/balance;x=1",
     "/v1/\\", "/v1/balance%2f", "/V1/balance", "/v1/" + "x/" * 1000, "/v1/%", "/v1/%zz",
     "/\u00e9", "/openapi.json/x", "/sandbox/x"],
)  # fmt: skip
async def test_a_hostile_path_is_answered(api: Api, path: str) -> None:
    wire = await raw(api, f"GET {path} HTTP/1.1")
    assert wire.status in {200, 400, 404}
    if wire.status != 400:
        assert wire.body.keys() & {"error", "object"}


class Wire:
    def __init__(self, data: bytes) -> None:
        head, _, self.content = data.partition(b"\r\n\r\n")
        self.status = int(head.split(b" ")[1])

    @property
    def body(self) -> Any:
        return json.loads(self.content)


async def raw(api: Api, line: str | bytes, *headers: bytes, body: bytes = b"") -> Wire:
    """Send bytes as they are; read to the end of the connection."""
    port = int(api.base_url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = [line.encode() if isinstance(line, str) else line, b"Host: x", b"Connection: close"]
    head += [f"Authorization: {api.authorization}".encode(), *headers]
    writer.write(b"\r\n".join(head) + b"\r\n\r\n" + body)
    data = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    await writer.wait_closed()
    return Wire(data)


async def alive(api: Api, sandbox: Sandbox) -> bool:
    return (await api.post("/v1/payment_intents", payment())).status == 200


@pytest.mark.parametrize(
    "line",
    [b"GET", b"GET /v1/balance HTTP/9.9", b"\x00\x01\x02", b"G\x00T /v1/balance HTTP/1.1",
     b"GET /v1/\xff\xfe HTTP/1.1", b"GET /v1/ba lance HTTP/1.1", b"GET " + b"/x" * 50_000 + b" HTTP/1.1"],
)  # fmt: skip
async def test_what_is_hardly_http_is_refused(api: Api, sandbox: Sandbox, line: bytes) -> None:
    wire = await raw(api, line)
    assert 400 <= wire.status < 500
    assert await alive(api, sandbox)


@pytest.mark.parametrize(
    "header",
    [b"Idempotency-Key: " + b"k" * 256, b"Idempotency-Key: \xff\xfe", b"Idempotency-Key: a\tb"],
    ids=["long", "no-utf8", "tab"],
)
async def test_a_key_that_could_not_be_answered_again_is_refused(api: Api, sandbox: Sandbox, header: bytes) -> None:
    body = b'{"amount": 1, "currency": "USD"}'
    wire = await raw(
        api, "POST /v1/payment_intents HTTP/1.1", header, f"Content-Length: {len(body)}".encode(), body=body
    )
    assert (wire.status, wire.body["error"]["param"]) == (400, "Idempotency-Key")
    assert sandbox.store.count("payment_intent") == 0
    assert all(key.idempotency_key is None or key.idempotency_key.isascii() for key in sandbox.requests)


@pytest.mark.parametrize(
    "header",
    [b"Authorization: Basic \xff", b"Authorization: Basic", b"Authorization: Basic " + b"A" * 5000, b"X: \xff"],
)
async def test_odd_headers(api: Api, sandbox: Sandbox, header: bytes) -> None:
    api.authorization = "None"
    wire = await raw(api, "GET /v1/balance HTTP/1.1", header)
    assert wire.status in {400, 401}
    api.authorization = "Basic " + base64.b64encode(f"{sandbox.api_key}:".encode()).decode()
    assert await alive(api, sandbox)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ([b"Transfer-Encoding: chunked"], b"zz\r\n"),
        ([b"Transfer-Encoding: chunked"], b"fffffffffffffffff\r\n"),
        ([b"Content-Length: -5"], b""),
        ([b"Content-Length: 5", b"Content-Length: 6"], b"{}   "),
        ([b"Content-Length: 4", b"Content-Encoding: gzip"], b"junk"),
        ([b"Content-Length: 2", b"Content-Type: \xff\xfe"], b"{}"),
        ([b"Content-Length: 2", b"Content-Type: multipart/form-data; boundary=\xff"], b"{}"),
        ([b"Content-Length: 2", b"Content-Type: ;;;==="], b"{}"),
    ],
    ids=range(8),
)
async def test_broken_bodies(api: Api, sandbox: Sandbox, headers: list[bytes], body: bytes) -> None:
    wire = await raw(api, "POST /v1/payment_intents HTTP/1.1", *headers, body=body)
    assert 400 <= wire.status < 500
    assert await alive(api, sandbox)


@pytest.mark.parametrize("end", ["close", "reset"])
async def test_a_body_that_never_comes_does_no_work(
    api: Api, sandbox: Sandbox, caplog: pytest.LogCaptureFixture, end: str
) -> None:
    port = int(api.base_url.rpartition(":")[2])
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST /v1/payment_intents HTTP/1.1\r\nHost: x\r\nAuthorization: {api.authorization}\r\n"
    writer.write(f"{head}Content-Length: 100\r\n\r\n".encode() + b'{"amount"')
    await writer.drain()
    await asyncio.sleep(0.05)
    if end == "reset":
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()
    await writer.wait_closed()
    assert await alive(api, sandbox)
    assert [record.message for record in caplog.records] == [], "a client that leaves is no error of the sandbox"
    assert sandbox.store.count("payment_intent") == 1


@pytest.mark.parametrize(
    "text", ["\x00", "\u202e", "\U0001f4b3", "'; drop table x; --", "<script>", "a" * 100_000, "\ufffe"]
)
async def test_odd_texts_are_kept_as_they_are(api: Api, text: str) -> None:
    reply = await api.post("/v1/customers", {"name": text, "metadata": {"k": text}})
    assert reply.status in {200, 400}
    if reply.status == 200:
        assert reply.body["name"] == reply.body["metadata"]["k"] == text
        assert await api.find(f"/v1/customers/{reply.body['id']}") == reply.body


@pytest.mark.parametrize(
    "query",
    ["limit=", "limit=0", "limit=1e3", "limit=-1", "limit=999999999999999999999", "limit[]=1", "limit[a]=1",
     "created=x", "created[gte]=x", "created[[gte]]=1", "created[]=1", "starting_after=" + quote("\x00"),
     "starting_after[]=1", "&&&=&", "%00=%00", "a[b][c][d][e][f][g][h][i]=1", "ending_before=x&starting_after=y",
     "%ff=%ff", "=1"],
)  # fmt: skip
async def test_odd_queries(api: Api, query: str) -> None:
    wire = await raw(api, f"GET /v1/payment_intents?{query} HTTP/1.1")
    # 404: a cursor that does not have the form of an ID.
    assert wire.status in {200, 400, 404}
    assert wire.body.keys() & {"error", "object"}
