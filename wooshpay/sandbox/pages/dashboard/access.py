"""Who may see the dashboard: whoever opened its address with the key, in the same browser.

Any web page that is open in that browser can send requests to this machine. So the cookie goes out with requests of
the dashboard itself only, forms carry a token that other pages cannot read, and a name that somebody else's DNS points
here is not served.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from wooshpay.sandbox.engine.state import State

ROOT: Final = "/dashboard"


def is_local(host: str, base_url: str) -> bool:
    """Whether a Host header names this machine.

    Args:
        host: The header.
        base_url: Where the sandbox listens.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    own = urlsplit(base_url).hostname or ""
    if name == "localhost" or name.endswith(".localhost") or name == own:
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    # Where it listens on every address of the machine, each of them is its own; none of them comes of a DNS name.
    return address.is_loopback or own in {"0.0.0.0", "::"}  # noqa: S104  # compared, not listened on


def may_enter(request: web.Request, state: State) -> bool:
    """Whether the browser has the cookie."""
    return _same(request.cookies.get(_cookie_name(state), ""), _derived(state, "cookie"))


def is_key(given: str, state: State) -> bool:
    """Whether this is the key of the dashboard."""
    return _same(given, state.account.dashboard_key)


def let_in(state: State) -> web.Response:
    """Change the key in the address for a cookie."""
    response = web.Response(status=303, headers={"Location": ROOT, "Cache-Control": "no-store"})
    response.set_cookie(_cookie_name(state), _derived(state, "cookie"), path=ROOT, httponly=True, samesite="Strict")
    return response


def form_token(state: State) -> str:
    """What every form of the dashboard carries."""
    return _derived(state, "form")


def is_form_token(given: str, state: State) -> bool:
    """Whether a form is one of the dashboard."""
    return _same(given, form_token(state))


def _cookie_name(state: State) -> str:
    # Browsers share cookies among the ports of a machine: each sandbox has a cookie of its own.
    return f"wooshpay_dashboard_{urlsplit(state.base_url).port}"


def _derived(state: State, purpose: str) -> str:
    return hmac.new(state.account.dashboard_key.encode(), purpose.encode(), hashlib.sha256).hexdigest()


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected.encode())
