"""``wooshpay sandbox health``: whether a sandbox is ready, without a key, for Docker's HEALTHCHECK and for scripts."""

from __future__ import annotations

import http.client
import json
import os
import ssl
from contextlib import closing
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

import attrs
import click

from wooshpay.cli.connection import URL_VARIABLE
from wooshpay.cli.doctor.probes import open_connection
from wooshpay.cli.exits import FAILED
from wooshpay.cli.streams import complain, reason_of, write_line
from wooshpay.cli.texts import visible
from wooshpay.config import LIVE_URL, TEST_URL, check_base_url
from wooshpay.core.json import is_object, loads
from wooshpay.transport.proxies import proxy_from_environment

State: TypeAlias = Literal["ready", "not_ready", "unreachable", "not_a_sandbox"]

_PATH: Final = "/sandbox/health"
_LONGEST: Final = 4096
_WOOSHPAY_HOSTS: Final = frozenset(urlsplit(url).hostname for url in (TEST_URL, LIVE_URL))


@attrs.frozen
class Health:
    """What was found at a base URL.

    Attributes:
        state: Whether a sandbox is there and ready.
        says: A sentence about it.
    """

    state: State
    says: str


@click.command("health")
@click.argument("url", required=False)
@click.option(
    "--timeout", type=click.FloatRange(0.1, 600), default=3.0, show_default=True, help="Seconds to wait for a response."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(url: str | None, timeout: float, as_json: bool) -> None:
    """Check that the sandbox at URL is ready to take requests. No key is needed or sent.

    Without URL, WOOSHPAY_BASE_URL says where it is.

    Exits with 0 if it is ready, and with 1 if not.
    """
    base_url = check_base_url(url or needed_url(None), live=False)
    health = look(base_url, timeout)
    if as_json:
        write_line(json.dumps({"status": health.state, "base_url": base_url, "says": health.says}))
    elif health.state == "ready":
        write_line(health.says)
    else:
        complain(f"Error: {health.says}")
    if health.state != "ready":
        click.get_current_context().exit(FAILED)


def needed_url(option: str | None) -> str:
    """Return the base URL from an option or the environment.

    Raises:
        click.UsageError: Neither has one.
    """
    url = option or os.environ.get(URL_VARIABLE)
    if not url:
        raise click.UsageError(
            f"Which sandbox? Set {URL_VARIABLE} to the base URL that `wooshpay sandbox` printed when it started, or"
            " pass that URL."
        )
    return url


def is_wooshpay(url: str) -> bool:
    """Return whether a URL names a host of WooshPay itself, where no sandbox can be."""
    return (urlsplit(url).hostname or "").removesuffix(".") in _WOOSHPAY_HOSTS


def look(base_url: str, seconds: float) -> Health:
    """Ask for the health of a sandbox, without a key. Redirects are not followed.

    Args:
        base_url: A checked base URL.
        seconds: How long connecting and the response may take, each.
    """
    shown = visible(base_url)
    try:
        status, body = _get(base_url, seconds)
    except TimeoutError:
        return Health("unreachable", f"There was no response from {shown} within {seconds:g} seconds.")
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, ssl.SSLError) else None
        reason = reason or (reason_of(error) if isinstance(error, OSError) else type(error).__name__)
        return Health("unreachable", f"Nothing could be reached at {shown}: {visible(str(reason))}. Is it running?")
    try:
        found = loads(body)
    except ValueError:
        found = None
    if not is_object(found) or found.get("object") != "sandbox.health":
        return Health("not_a_sandbox", f"What answers at {shown} is not a sandbox of this version of wooshpay.")
    if status != 200:
        return Health("not_ready", f"The sandbox at {shown} is not ready, or can no longer write its state file.")
    return Health("ready", f"The sandbox at {shown} is ready.")


def _get(base_url: str, seconds: float) -> tuple[int, bytes]:
    with closing(open_connection(base_url, proxy_from_environment(base_url), seconds)) as connection:
        connection.request("GET", f"{urlsplit(base_url).path}{_PATH}", headers={"User-Agent": "wooshpay-health"})
        response = connection.getresponse()
        return response.status, response.read(_LONGEST)
