"""Names of hosts and URLs of proxies, checked before anything is sent."""

from __future__ import annotations

import ipaddress
import re
from typing import Final, NoReturn
from urllib.parse import SplitResult, unquote, urlsplit

from wooshpay.errors import ConfigurationError

UNSAFE_IN_URL: Final = re.compile(r"[\s\x00-\x1f\x7f\\]")
_LABEL: Final = re.compile(r"[a-z0-9_-]{1,63}")
_LONGEST_NAME: Final = 253
DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def ascii_host(host: str) -> str | None:
    """Return a host in the form in which it is sent, or ``None`` if it is not a valid host.

    The resolver fails on such names with a `UnicodeError`.

    Args:
        host: A host name, which may have letters beyond ASCII, or an IP address without brackets.
    """
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    host = host.lower()
    if not host.isascii() or "xn--" in host:
        from yarl import URL

        try:
            url = URL.build(scheme="https", host=host)
            host, _ = url.raw_host or "", url.host  # aiohttp reads both, and either may fail
        except ValueError:
            return None
    labels = host.removesuffix(".").split(".")
    # What ends with a number is an IP address in a short form, such as 127.1, to some programs and a name to others.
    if len(host) > _LONGEST_NAME or labels[-1].isdigit() or not all(_LABEL.fullmatch(label) for label in labels):
        return None
    return host


def in_url(host: str) -> str:
    """Return a host as it stands in a URL: an IPv6 address is put into brackets."""
    return f"[{host}]" if ":" in host else host


def check_proxy(proxy: str, source: str) -> str:
    """Return the URL of a proxy, complete with scheme and port.

    ``host:port`` without a scheme is an ``http`` proxy, as it is for curl, requests and Go, since many machines are
    set up that way. A host alone is refused, because programs do not agree on the port that it means.

    Args:
        proxy: The URL. It may hold a password, so no error shows it.
        source: The setting it comes from, for the error: ``"proxy=..."`` or the name of a variable.

    Raises:
        ConfigurationError: The SDK cannot use such a proxy; the sentence names the setting.
    """
    if not isinstance(proxy, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
        raise ConfigurationError(f"The proxy in {source} must be text, not {type(proxy).__name__}.")
    split = _split(proxy if "://" in proxy else f"http://{proxy}")
    if split is None:
        # A password with an unquoted / or # ends up where the port should be.
        _refuse_proxy(source, "is malformed", quoting="@" in proxy)
    parts, host, port = split
    if parts.scheme in {"socks", "socks4", "socks4a", "socks5", "socks5h"}:
        raise ConfigurationError(
            f"The proxy in {source} is a SOCKS proxy, which the SDK cannot use. Set HTTPS_PROXY or proxy=... to an HTTP"
            " proxy. To use SOCKS, add WooshPay's host to NO_PROXY and pass AsyncWooshPay(session=...) an aiohttp"
            " session whose connector speaks SOCKS."
        )
    if parts.scheme not in DEFAULT_PORTS or not host or port == 0 or UNSAFE_IN_URL.search(proxy):
        _refuse_proxy(source, "is malformed")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        _refuse_proxy(source, "has more than scheme, user, password, host and port", quoting=True)
    if "://" not in proxy and port is None:
        _refuse_proxy(source, "names neither a scheme nor a port")
    name = ascii_host(host)
    if name is None:
        raise ConfigurationError(
            f"The proxy in {source} names a host that cannot exist. Check the name: between its dots there must be"
            " 1 to 63 letters, digits or hyphens."
        )
    user, at, _ = parts.netloc.rpartition("@")
    _check_credentials(user, source)
    return f"{parts.scheme}://{user}{at}{in_url(name)}:{port or DEFAULT_PORTS[parts.scheme]}"


def _refuse_proxy(source: str, what: str, *, quoting: bool = False) -> NoReturn:
    hint = ", and percent-encode special characters in the password" if quoting else ""
    raise ConfigurationError(f"The proxy in {source} {what}. Use a URL such as http://proxy.example:3128{hint}.")


def _split(url: str) -> tuple[SplitResult, str | None, int | None] | None:
    """Return the parts of a URL, its host and its port, or ``None`` if it has no valid ones."""
    try:
        parts = urlsplit(url)
        return parts, parts.hostname, parts.port
    except ValueError:
        return None  # the exception would show a part of the password


def _check_credentials(user: str, source: str) -> None:
    name, _, password = user.partition(":")
    if ":" in unquote(name):
        raise ConfigurationError(f"The user name of the proxy in {source} has a colon, which HTTP does not allow.")
    # Encoding them to see whether it works would put them into the error.
    if any(ord(letter) > 0xFF for letter in unquote(name) + unquote(password)):
        raise ConfigurationError(
            f"The user name or the password of the proxy in {source} has characters outside Latin-1, which cannot be"
            " sent to a proxy."
        )
