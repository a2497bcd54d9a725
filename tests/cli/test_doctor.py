"""The doctor: each thing that can be in the way is named in a sentence, and the key is never shown."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
from support.cli import KEY, Run, process, run
from support.peer import Peer, Step, ThreadedPeer, reply

from wooshpay import APIError, AuthenticationError, PermissionError, ServerError
from wooshpay.cli.doctor import probes
from wooshpay.cli.doctor.findings import (
    Finding,
    Reached,
    masked,
    of_answer,
    of_connection,
    of_proxy,
)
from wooshpay.sandbox import Sandbox, SyncSandbox

CHECKS = ["versions", "key", "host", "proxy", "connection", "tls", "clock", "answer"]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SyncSandbox]:
    with Sandbox() as found:
        yield found


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> None:  # pyright: ignore[reportUnusedFunction]
    """The sandbox stays for the whole module."""


def doctor(*arguments: str, **variables: str) -> tuple[Run, dict[str, dict[str, Any]]]:
    done = run("doctor", "--json", *arguments, **variables)
    found = json.loads(done.out)
    assert found["ok"] == (done.code == 0)
    assert done.err == ""
    return done, {one["check"]: one for one in found["checks"]}


def at(peer: ThreadedPeer, **variables: str) -> dict[str, dict[str, Any]]:
    return doctor(WOOSHPAY_BASE_URL=peer.url, **variables)[1]


def dated(ahead: timedelta, status: int = 200) -> Step:
    """An answer from a host whose clock is ahead."""
    return reply(status, {"object": "balance"}, {"Date": format_datetime(datetime.now(UTC) + ahead, usegmt=True)})


# ---- against the sandbox --------------------------------------------------------------------------------------


def test_all_is_well_with_a_sandbox(sandbox: SyncSandbox) -> None:
    done, found = doctor(WOOSHPAY_API_KEY=sandbox.api_key, WOOSHPAY_BASE_URL=sandbox.base_url)
    assert (done.code, list(found)) == (0, CHECKS)
    assert {one["status"] for one in found.values()} == {"ok"}
    assert found["answer"]["says"].startswith("the key works")
    assert "wooshpay " in found["versions"]["says"]
    assert "aiohttp " in found["versions"]["says"]


def test_as_lines_for_people(sandbox: SyncSandbox) -> None:
    done = process("doctor", WOOSHPAY_API_KEY=sandbox.api_key, WOOSHPAY_BASE_URL=sandbox.base_url)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("ok ")] == CHECKS
    assert lines[-1] == "Calls can work from here."
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in done.stdout
    assert sandbox.api_key not in done.stdout


def test_a_wrong_key_is_refused_by_the_host(sandbox: SyncSandbox) -> None:
    done, found = doctor(WOOSHPAY_BASE_URL=sandbox.base_url)
    assert done.code == 1
    assert found["answer"]["says"] == "the key is refused (HTTP 401)"
    assert "Copy the key again from the dashboard" in found["answer"]["do"]


@pytest.mark.parametrize(
    ("key", "check", "says", "do"),
    [
        ("", "key", "there is none", "Set WOOSHPAY_API_KEY"),
        ("pk_test_abcdefghijklmnopqr", "key", "a test key for browsers", "Use the secret key"),
        ("whsec_abcdefghijklmnopqrst", "settings", "The API key is malformed", ""),
        ("sk_live_abcdefghijklmnopqr", "settings", "A live key is never sent over plain http", ""),
    ],
)
def test_a_key_that_cannot_work_is_not_sent_anywhere(
    sandbox: SyncSandbox, key: str, check: str, says: str, do: str
) -> None:
    done, found = doctor(WOOSHPAY_API_KEY=key, WOOSHPAY_BASE_URL=sandbox.base_url)
    assert (done.code, found[check]["status"]) == (1, "fail")
    assert says in found[check]["says"]
    assert do in (found[check]["do"] or "")
    assert found["connection"]["status"] == "ok", "the host can be looked at all the same"
    assert "answer" not in found


def test_no_key_is_shown(sandbox: SyncSandbox) -> None:
    for key in (KEY, "sk_test_short", "not-a-key-at-all", "whsec_abcdefghijklmnopqrst"):
        done = run("doctor", WOOSHPAY_API_KEY=key, WOOSHPAY_BASE_URL=sandbox.base_url)
        assert key not in done.out + done.err
    assert masked("sk_test_abcdefghijklmnop1234") == "sk_test_...1234"
    assert masked("sk_live_short") == "sk_live_..."


# ---- the connection -------------------------------------------------------------------------------------------


def test_a_refused_connection() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        done, found = doctor("--base-url", f"http://127.0.0.1:{port}")
    assert done.code == 1
    assert found["connection"]["says"] == f"127.0.0.1:{port} could not be reached: Connection refused"
    assert "answer" not in found, "what cannot be reached is not asked again"


def test_a_host_that_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        _, found = doctor("--base-url", url, "--timeout", "0.2")
    assert found["connection"]["says"].endswith("no answer within 0.2 s")
    assert "--timeout" in found["connection"]["do"]


def test_a_base_url_that_is_none() -> None:
    done, found = doctor("--base-url", "ftp://x")
    assert done.code == 1
    assert "malformed" in found["settings"]["says"]


@pytest.mark.parametrize(
    ("ahead", "status", "says"),
    [
        (timedelta(seconds=5), "ok", "right to within some seconds"),
        (timedelta(seconds=-100), "warn", "ahead of the host's"),
        (timedelta(seconds=200), "warn", "3 minutes behind the host's"),
        (timedelta(hours=3, minutes=1), "fail", "3 hours behind the host's"),
        (timedelta(days=-40), "fail", "40 days ahead of the host's"),
    ],
    ids=str,
)
def test_a_clock_that_is_wrong(ahead: timedelta, status: str, says: str) -> None:
    with ThreadedPeer(dated(ahead)) as peer:
        found = at(peer)
    assert found["clock"]["status"] == status
    assert says in found["clock"]["says"]
    assert found["answer"]["status"] == "ok", "the key is tried all the same"


def test_an_answer_without_a_date_is_no_failure() -> None:
    for headers in ({}, {"Date": "yesterday"}):
        with ThreadedPeer(reply(200, {"object": "balance"}, headers)) as peer:
            assert at(peer)["clock"]["status"] == "warn"


def test_the_first_look_at_the_host_is_without_the_key() -> None:
    with ThreadedPeer(dated(timedelta(0))) as peer:
        at(peer)
        first, second = peer.requests
    assert "authorization" not in first.headers
    assert second.headers["authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    ("status", "finding", "says"),
    [(403, "warn", "may not read the balance"), (500, "fail", "HTTP 500"), (302, "fail", "redirect")],
)
def test_an_answer_that_is_no_balance(status: int, finding: str, says: str) -> None:
    with ThreadedPeer(dated(timedelta(0), status)) as peer:
        found = at(peer)
        assert len(peer.requests) == 2, "nothing is tried twice"
    assert found["answer"]["status"] == finding
    assert says in found["answer"]["says"]


# ---- TLS ------------------------------------------------------------------------------------------------------


def server_context(tmp_path: Path, days: float) -> ssl.SSLContext:
    """A certificate for this machine; who signed it is in ``ca.pem``."""
    authority = trustme.CA()
    (tmp_path / "ca.pem").write_bytes(authority.cert_pem.bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate: Any = authority.issue_cert("127.0.0.1", not_after=datetime.now(UTC) + timedelta(days=days))
    certificate.configure_cert(context)
    return context


async def tls_checks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, trusted: bool, days: float
) -> dict[str, dict[str, Any]]:
    context = server_context(tmp_path, days)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    async with Peer(dated(timedelta(0)), tls=context) as peer:
        done = await asyncio.to_thread(process, "doctor", "--json", WOOSHPAY_BASE_URL=peer.url)
    return {one["check"]: one for one in json.loads(done.stdout)["checks"]}


async def test_tls_says_how_long_the_certificate_is_valid(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = await tls_checks(monkeypatch, tmp_path, trusted=True, days=3.5)
    assert found["tls"]["status"] == "warn"
    assert "TLSv1.3, the certificate is valid for 3 more days" in found["tls"]["says"]
    assert found["answer"]["status"] == "ok"


async def test_a_certificate_that_cannot_be_verified(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = await tls_checks(monkeypatch, tmp_path, trusted=False, days=300)
    assert "its certificate could not be verified" in found["connection"]["says"]
    assert "SSL_CERT_FILE" in found["connection"]["do"]


async def test_the_host_is_looked_at_through_the_proxy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    heads: list[bytes] = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            writer.write(data)
        writer.close()

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        if b"Proxy-Authorization: Basic bWU6cHc=" not in heads[-1]:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            writer.close()
            return
        host, port = heads[-1].split()[1].decode().split(":")
        there, back = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(pump(reader, back), pump(there, writer))

    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    async with (
        Peer(dated(timedelta(0)), tls=server_context(tmp_path, 300)) as peer,
        await asyncio.start_server(proxy, "127.0.0.1", 0) as server,
    ):
        at = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        found = await asyncio.to_thread(probes.connect, peer.url, f"http://me:pw@{at}", 10, probes.Clock())
        refused = await asyncio.to_thread(probes.connect, peer.url, at, 10, probes.Clock())
    assert [one.status for one in found] == ["ok", "ok", "ok"]
    assert "through the proxy" in found[0].says
    assert heads[0].startswith(b"CONNECT 127.0.0.1:")
    assert refused[0].status == "fail"
    assert "407 Proxy Authentication Required" in refused[0].says


def test_https_where_only_http_is_spoken() -> None:
    def answer(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer, args=(server,))
        thread.start()
        _, found = doctor("--base-url", f"https://127.0.0.1:{server.getsockname()[1]}")
        thread.join()
    assert "no TLS could be agreed on" in found["connection"]["says"]


# ---- what is said, without a host -----------------------------------------------------------------------------


def of(findings: list[Finding], check: str) -> Finding:
    [found] = [one for one in findings if one.check == check]
    return found


def test_a_certificate_that_lasts_is_fine() -> None:
    reached = Reached(0.01, 0.02, timedelta(0), "TLSv1.3", timedelta(days=60))
    assert of(of_connection(reached, "x:443"), "tls").status == "ok"
    assert of(of_connection(reached, "x:443"), "connection").says == "x:443 connected in 10 ms and answered in 20 ms"


def test_the_password_of_a_proxy_is_not_shown() -> None:
    assert of_proxy("http://me:secret@proxy.example:3128").says.startswith("proxy.example:3128, from HTTPS_PROXY")
    assert of_proxy("proxy.example:3128").says.startswith("proxy.example:3128,")
    assert of_proxy(None).says == "none"


@pytest.mark.parametrize(
    ("cls", "status", "finding"),
    [(AuthenticationError, 401, "fail"), (PermissionError, 403, "warn"), (ServerError, 500, "fail")],
)
def test_an_error_of_wooshpay_is_judged(cls: type[APIError], status: int, finding: str) -> None:
    found = of_answer(cls(f"No, sk_test_{'x' * 20}.", status=status), 0.1)
    assert found.status == finding
    assert "xxx" not in found.says
    assert found.do


def test_a_live_key_is_tried_only_with_live(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: object) -> list[Finding]:
        return []

    monkeypatch.setattr("wooshpay.cli.doctor.probes.connect", nothing)
    key = "sk_live_abcdefghijklmnopqr"
    _, found = doctor(WOOSHPAY_API_KEY=key)
    assert found["key"]["says"] == "sk_live_...opqr from WOOSHPAY_API_KEY, a live key, which was not tried"
    assert found["key"]["do"] == "Add --live to say that you mean it."
    assert "answer" not in found
    _, found = doctor("--live")
    assert "--live is for a live key" in found["key"]["says"]
