"""What the doctor says of what was found. Pure: nothing here looks at anything."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

import attrs

from wooshpay.config import LIVE_URL, TEST_URL, Config
from wooshpay.core.redaction import redact
from wooshpay.errors import AuthenticationError, PermissionError, WooshPayError

Status: TypeAlias = Literal["ok", "warn", "fail"]

# A Date header knows whole seconds, and the answer was on its way for a while.
_CLOCK_WARNS: Final = timedelta(seconds=30)
# Webhooks from further in the future are refused.
_CLOCK_FAILS: Final = timedelta(minutes=5)
_CERTIFICATE_WARNS: Final = timedelta(days=14)
_SHOWN_END: Final = 4
# Shorter keys would be shown too well by their last characters.
_LEAST_HIDDEN: Final = 12


@attrs.frozen
class Finding:
    """One check.

    Attributes:
        check: What was looked at.
        status: ``ok``, ``warn`` or ``fail``.
        says: What was found.
        do: What to do about it.
    """

    check: str
    status: Status
    says: str
    do: str | None = None


@attrs.frozen
class Reached:
    """A connection that could be made, without the key.

    Attributes:
        connected: Seconds until it stood, TLS included.
        answered: Seconds from the request to the head of the answer.
        ahead: How far this machine's clock is ahead; ``None`` where the answer had no date.
        tls: The version of TLS; ``None`` over plain http.
        valid_for: How long the certificate still is valid; ``None`` where it does not say.
    """

    connected: float
    answered: float
    ahead: timedelta | None
    tls: str | None = None
    valid_for: timedelta | None = None


def of_versions(versions: Mapping[str, str | None]) -> Finding:
    """Name what is installed; what is not needed may be missing."""
    there = [f"{name} {version}" for name, version in versions.items() if version is not None]
    missing = [name for name, version in versions.items() if version is None]
    more = f"; without {', '.join(missing)}" if missing else ""
    return Finding("versions", "ok", f"{', '.join(there)}{more}")


def of_key(config: Config, source: str, *, live_meant: bool) -> Finding:
    """Say which key it is, and whether it can be tried."""
    kind = "live" if config.live else "test"
    shown = f"{masked(config.api_key.reveal())} from {source}, a {kind} key"
    if config.publishable:
        return Finding(
            "key",
            "fail",
            f"{shown} for browsers",
            "Use the secret key, sk_..., which stands beside it in the dashboard.",
        )
    if config.live and not live_meant:
        return Finding("key", "fail", f"{shown}, which was not tried", "Add --live to say that you mean it.")
    if live_meant and not config.live:
        return Finding("key", "fail", f"{shown}, but --live is for a live key", "Leave --live out, or set a live key.")
    return Finding("key", "ok", shown)


def masked(key: str) -> str:
    """A key, told apart from others and of no use to anyone."""
    start, _, rest = key.rpartition("_")
    return f"{start}_...{rest[-_SHOWN_END:] if len(rest) >= _LEAST_HIDDEN + _SHOWN_END else ''}"


def of_host(base_url: str, source: str) -> Finding:
    """Say where calls go."""
    known = {TEST_URL: "WooshPay's test host", LIVE_URL: "WooshPay's live host"}
    return Finding("host", "ok", f"{base_url}, {known.get(base_url, 'no host of WooshPay itself')}, from {source}")


def of_proxy(proxy: str | None) -> Finding:
    """Say whether calls go through a proxy."""
    if proxy is None:
        return Finding("proxy", "ok", "none")
    parts = urlsplit(proxy if "://" in proxy else f"//{proxy}")
    port = "" if parts.port is None else f":{parts.port}"
    return Finding("proxy", "ok", f"{parts.hostname}{port}, from HTTPS_PROXY or ALL_PROXY; NO_PROXY makes exceptions")


def of_connection(reached: Reached, place: str) -> list[Finding]:
    """Judge a connection: its times, its certificate, the clock."""
    times = f"{place} connected in {_ms(reached.connected)} and answered in {_ms(reached.answered)}"
    return [Finding("connection", "ok", times), _of_tls(reached), _of_clock(reached.ahead)]


def _of_tls(reached: Reached) -> Finding:
    if reached.tls is None:
        return Finding(
            "tls",
            "ok",
            "none: plain http, allowed with a test key on this machine and private networks",
        )
    if reached.valid_for is None:
        return Finding("tls", "ok", reached.tls)
    says = f"{reached.tls}, the certificate is valid for {reached.valid_for.days} more days"
    if reached.valid_for < _CERTIFICATE_WARNS:
        return Finding("tls", "warn", says, "Calls will fail then, unless it is renewed: tell whoever runs the host.")
    return Finding("tls", "ok", says)


def _of_clock(ahead: timedelta | None) -> Finding:
    if ahead is None:
        return Finding(
            "clock", "warn", "the answer had no date to compare with", "Check that the clock is synchronised."
        )
    way = "ahead of" if ahead > timedelta(0) else "behind"
    off = abs(ahead)
    if off <= _CLOCK_WARNS:
        return Finding("clock", "ok", "right to within some seconds")
    says = f"{_duration(off)} {way} the host's"
    return Finding(
        "clock",
        "fail" if off > _CLOCK_FAILS else "warn",
        says,
        "Synchronise this machine's clock (NTP): times in webhooks and certificates are judged by it.",
    )


def of_no_connection(place: str, reason: str, do: str) -> Finding:
    """Say that there is no connection."""
    return Finding("connection", "fail", f"{place} could not be reached: {redact(reason)}", do)


def of_answer(error: WooshPayError | None, seconds: float) -> Finding:
    """Judge what the call with the key brought."""
    if error is None:
        return Finding("answer", "ok", f"the key works: the balance was read in {_ms(seconds)}")
    if isinstance(error, AuthenticationError):
        return Finding(
            "answer",
            "fail",
            f"the key is refused (HTTP {error.status})",
            "Copy the key again from the dashboard, of the mode that the host is for; an old one may be switched off.",
        )
    if isinstance(error, PermissionError):
        return Finding(
            "answer",
            "warn",
            f"the key is known, but may not read the balance (HTTP {error.status})",
            "Give it that permission, or go on if it has all that you need.",
        )
    return Finding("answer", "fail", redact(error.message), "Run `wooshpay doctor` again later, or ask WooshPay.")


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _duration(off: timedelta) -> str:
    seconds = round(off.total_seconds())
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}s"
    return f"{seconds} seconds"
