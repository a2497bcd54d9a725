"""What the doctor looks at: one connection without the key, and one harmless call with it."""

from __future__ import annotations

import http.client
import platform
import socket
import ssl
from base64 import b64encode
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import unquote, urlsplit

import attrs

from wooshpay import WooshPay, WooshPayError, __version__
from wooshpay.cli.doctor.findings import Finding, Reached, of_answer, of_connection, of_no_connection
from wooshpay.core.clock import monotonic_time

_PACKAGES = ("aiohttp", "attrs", "cattrs", "orjson", "click", "rich")
_TROUBLE = (OSError, http.client.HTTPException)


@attrs.frozen
class Clock:
    """The two clocks: one of times of day, one that never goes back."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = monotonic_time


def versions() -> dict[str, str | None]:
    """The versions of what a call depends on; ``None`` where it is not installed."""
    found: dict[str, str | None] = {"wooshpay": __version__, "Python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return {**found, "OpenSSL": ssl.OPENSSL_VERSION.split()[1]}


def connect(base_url: str, proxy: str | None, seconds: float, clock: Clock) -> list[Finding]:
    """Connect to the host, without the key, and ask for anything.

    Args:
        base_url: The host.
        proxy: The proxy in between.
        seconds: How long connecting and answering may take, each.
        clock: The clocks.
    """
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    place = f"{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
    via = f"{place} through the proxy" if proxy else place
    try:
        return of_connection(_connect(base_url, proxy, seconds, clock), via)
    except ssl.SSLCertVerificationError as error:
        do = "Check the host, this machine's clock, and its CA certificates (SSL_CERT_FILE names others)."
        return [of_no_connection(via, f"its certificate could not be verified ({error.verify_message})", do)]
    except socket.gaierror:
        return [of_no_connection(via, "there is no such host", "Check the host's name, and this machine's DNS.")]
    except TimeoutError:
        do = "Check the network, the firewall and the proxy; --timeout gives it longer."
        return [of_no_connection(via, f"no answer within {seconds:.3g} s", do)]
    except ssl.SSLError as error:
        reason = f"no TLS could be agreed on ({error.reason or 'unknown reason'})"
        return [of_no_connection(via, reason, "Check that the host speaks https at this port.")]
    except _TROUBLE as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return [of_no_connection(via, reason, "Check the host, the network, the firewall and the proxy.")]


def call(client: WooshPay, clock: Clock) -> Finding:
    """Read the balance, which changes nothing."""
    started = clock.monotonic()
    error: WooshPayError | None = None
    try:
        client.balance.retrieve()
    except WooshPayError as caught:
        error = caught
    return of_answer(error, clock.monotonic() - started)


def _connect(base_url: str, proxy: str | None, seconds: float, clock: Clock) -> Reached:
    with closing(open_connection(base_url, proxy, seconds)) as connection:
        started = clock.monotonic()
        connection.connect()
        connected = clock.monotonic()
        tls, end = None, None
        if isinstance(connection.sock, ssl.SSLSocket):
            tls, end = connection.sock.version(), _end_of(connection.sock)
        connection.request("GET", f"{urlsplit(base_url).path}/v1/balance", headers={"User-Agent": "wooshpay-doctor"})
        answer = connection.getresponse()
        answered = clock.monotonic()
        return Reached(
            connected=connected - started,
            answered=answered - connected,
            ahead=_ahead(answer.getheader("Date"), clock.now()),
            tls=tls,
            valid_for=None if end is None else end - clock.now(),
        )


def open_connection(base_url: str, proxy: str | None, seconds: float) -> http.client.HTTPConnection:
    """Return a connection to a host, through a proxy for https if there is one. It is not connected yet."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, parts.port, timeout=seconds)
    if proxy is None:
        return http.client.HTTPSConnection(host, parts.port, timeout=seconds)
    via = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    connection = http.client.HTTPSConnection(via.hostname or "", via.port or 80, timeout=seconds)
    headers: dict[str, str] = {}
    if via.username is not None:
        pair = f"{unquote(via.username)}:{unquote(via.password or '')}"
        headers["Proxy-Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    connection.set_tunnel(host, parts.port or 443, headers)
    return connection


def _end_of(connection: ssl.SSLSocket) -> datetime | None:
    end = (connection.getpeercert() or {}).get("notAfter")
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(end), UTC) if isinstance(end, str) else None


def _ahead(date: str | None, now: datetime) -> timedelta | None:
    try:
        there = parsedate_to_datetime(date or "")
    except ValueError:
        return None
    return now - (there if there.tzinfo is not None else there.replace(tzinfo=UTC))
