"""Who may see the dashboard: whoever opened its address with the key, in the same browser.

Any web page that is open in that browser can send requests to this machine. So the cookie goes out with requests of
the dashboard itself only, forms carry a token that other pages cannot read, and a name that somebody else's DNS points
here is not served.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from wooshpay.core.hosts import DEFAULT_PORTS
from wooshpay.sandbox.engine.state import State

ROOT: Final = "/dashboard"


def may_enter(request: web.Request, state: State) -> bool:
    """Whether the browser has the cookie."""
    return _same(request.cookies.get(_cookie_name(state), ""), _derived(state, "cookie"))


def is_key(given: str, state: State) -> bool:
    """Whether this is the key of the dashboard."""
    return _same(given, state.account.dashboard_key)


def let_in(state: State, host: str) -> web.Response:
    """Exchange the key in the address for a cookie.

    Args:
        state: The sandbox.
        host: The Host header of the request.
    """
    public = urlsplit(state.base_url)
    response = web.Response(status=303, headers={"Location": ROOT, "Cache-Control": "no-store"})
    response.set_cookie(
        _cookie_name(state),
        _derived(state, "cookie"),
        path=ROOT,
        httponly=True,
        samesite="Strict",
        # Over plain http, as on this machine, browsers would not send a secure cookie back.
        secure=public.scheme == "https" and host.lower() == public.netloc,
    )
    return response


def form_token(state: State) -> str:
    """What every form of the dashboard carries."""
    return _derived(state, "form")


def is_form_token(given: str, state: State) -> bool:
    """Whether a form is one of the dashboard."""
    return _same(given, form_token(state))


def _cookie_name(state: State) -> str:
    # Browsers share cookies among the ports of a machine: each sandbox has a cookie of its own.
    public = urlsplit(state.base_url)
    return f"wooshpay_dashboard_{public.port or DEFAULT_PORTS[public.scheme]}"


def _derived(state: State, purpose: str) -> str:
    return hmac.new(state.account.dashboard_key.encode(), purpose.encode(), hashlib.sha256).hexdigest()


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected.encode())
