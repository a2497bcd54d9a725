"""The command: all checks in order, shown as lines or JSON."""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Sequence
from typing import Final

import click
from rich.console import Console
from rich.text import Text

from wooshpay import ConfigurationError, WooshPay
from wooshpay.cli.connection import KEY_VARIABLE, URL_VARIABLE, Connection, with_connection
from wooshpay.cli.doctor import probes
from wooshpay.cli.doctor.findings import Finding, Status, of_host, of_key, of_proxy, of_versions
from wooshpay.cli.streams import write_line
from wooshpay.cli.texts import visible
from wooshpay.config import TEST_URL, check_base_url, resolve
from wooshpay.transport.proxies import proxy_from_environment

_SECONDS: Final = 10.0
_STYLES: Final[dict[Status, str]] = {"ok": "green", "warn": "yellow", "fail": "bold red"}
_STATUS_WIDTH: Final = 6
_CHECK_WIDTH: Final = 12


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@with_connection
def command(connection: Connection, as_json: bool) -> None:
    """Check whether calls to WooshPay can work from here.

    Looks at versions, key, host, proxy, connection, TLS and clock, then reads the balance, which changes nothing. The
    key is never shown. A live key is tried only with --live.

    Exits with 0 if calls can work, and with 1 if not.
    """
    found = examine(connection)
    if as_json:
        checks = [{"check": one.check, "status": one.status, "says": one.says, "do": one.do} for one in found]
        write_line(json.dumps({"ok": not _failed(found), "checks": checks}, indent=2))
    else:
        _show(found)
    if _failed(found):
        click.get_current_context().exit(1)


def examine(connection: Connection, clock: probes.Clock | None = None) -> list[Finding]:
    """Make all checks that can be made."""
    clock = clock or probes.Clock()
    seconds = connection.timeout or _SECONDS
    found = [of_versions(probes.versions())]
    given_url = connection.base_url or os.environ.get(URL_VARIABLE) or None
    key, key_source = connection.found()
    url_source = "--base-url" if connection.base_url else URL_VARIABLE if given_url else "the key"
    try:
        config = resolve(key, given_url, os.environ)
    except ConfigurationError as error:
        found.append(_of_settings(error, key))
        base_url = _url_without_key(given_url)
    else:
        found.append(of_key(config, key_source, live_meant=connection.live))
        base_url = config.base_url
    if base_url is None:
        return found
    usable = not _failed(found)
    found.append(of_host(base_url, url_source if key or given_url else "default"))
    try:
        proxy = proxy_from_environment(base_url)
    except ConfigurationError as error:
        return [*found, Finding("proxy", "fail", error.message)]
    found.append(of_proxy(proxy))
    reached = probes.connect(base_url, proxy, seconds, clock)
    found += reached
    if usable and not any(one.check == "connection" and one.status == "fail" for one in reached):
        with WooshPay(key, base_url=given_url, timeout=seconds, max_retries=0) as client:
            found.append(probes.call(client, clock))
    return found


def _of_settings(error: ConfigurationError, key: str) -> Finding:
    if not key:
        return Finding(
            "key",
            "fail",
            "there is none",
            f"Set {KEY_VARIABLE} to a key from the dashboard, or run `wooshpay sandbox` for one to try things with.",
        )
    return Finding("settings", "fail", error.message)


def _url_without_key(given: str | None) -> str | None:
    """The host to look at although the key is of no use."""
    try:
        return check_base_url(given or TEST_URL, live=False)
    except ConfigurationError:
        return None


def _failed(found: Sequence[Finding]) -> bool:
    return any(one.status == "fail" for one in found)


def _show(found: Sequence[Finding]) -> None:
    console = Console(highlight=False)
    indent = " " * (_STATUS_WIDTH + _CHECK_WIDTH)
    width = max(console.width if console.is_terminal else 80, 40)
    for one in found:
        lines = textwrap.wrap(visible(one.says), width - len(indent), break_on_hyphens=False, break_long_words=False)
        first = Text.assemble(
            (one.status.ljust(_STATUS_WIDTH), _STYLES[one.status]), one.check.ljust(_CHECK_WIDTH), lines[0]
        )
        console.print(first, soft_wrap=True)
        rest = lines[1:] + (
            textwrap.wrap(visible(one.do), width - len(indent), break_on_hyphens=False) if one.do else []
        )
        for line in rest:
            console.print(Text(f"{indent}{line}"), soft_wrap=True)
    problems = sum(one.status == "fail" for one in found)
    words = {0: "Calls can work from here.", 1: "One thing is in the way."}
    console.print()
    console.print(words.get(problems, f"{problems} things are in the way."))
