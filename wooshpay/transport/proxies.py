"""The choice of the proxy that a request goes through."""

from __future__ import annotations

import os
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from wooshpay.core.hosts import DEFAULT_PORTS, check_proxy, in_url, is_loopback, is_private


def proxy_from_environment(origin: str) -> str | None:
    """Return the proxy that the environment names.

    ``HTTPS_PROXY`` (for https), ``HTTP_PROXY`` (for http) and then ``ALL_PROXY`` name it, in small or in capital
    letters, of which the small ones win. ``NO_PROXY`` makes exceptions. Without any of them, the system's own
    settings count where Python knows them, on Windows and macOS.

    Args:
        origin: Scheme, host and port of the server.

    Returns:
        The proxy's URL, or ``None``. This machine itself is never reached through a proxy, and neither is a private
        network over plain http: the proxy would get the key unencrypted.

    Raises:
        ConfigurationError: The SDK cannot use that proxy; the sentence names the variable.
    """
    parts = urlsplit(origin)
    host = parts.hostname or ""
    port = parts.port or DEFAULT_PORTS.get(parts.scheme)
    if parts.scheme == "http" and is_private(host):
        return None
    # NO_PROXY may name a port too.
    if is_loopback(host) or proxy_bypass(host) or proxy_bypass(f"{in_url(host)}:{port}"):
        return None
    proxies = getproxies()
    for kind in (parts.scheme, "all"):
        proxy = proxies.get(kind)
        if proxy:
            return check_proxy(proxy, _source(kind))
    return None


def _source(kind: str) -> str:
    """Return the name of the variable that names the proxy, for an error."""
    for name in (f"{kind}_proxy", f"{kind.upper()}_PROXY"):
        if os.environ.get(name):
            return name
    return "the system's settings"
