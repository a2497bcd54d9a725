"""Which proxy a request goes through."""

from __future__ import annotations

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass


def proxy_from_environment(origin: str) -> str | None:
    """Find the proxy that ``HTTPS_PROXY``, ``HTTP_PROXY`` and ``NO_PROXY`` ask for.

    Args:
        origin: Scheme, host and port of the server.

    Returns:
        The proxy's URL, or ``None``. This machine itself is never reached through a proxy.
    """
    from wooshpay.config import is_loopback

    parts = urlsplit(origin)
    host = parts.hostname or ""
    if is_loopback(host) or proxy_bypass(host):
        return None
    return getproxies().get(parts.scheme)
