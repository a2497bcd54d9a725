"""Names of hosts and URLs of proxies, checked before anything is sent."""

from __future__ import annotations

import ipaddress
import re
from typing import Final, NoReturn, TypeAlias
from urllib.parse import SplitResult, unquote, urlsplit

from wooshpay.errors import ConfigurationError

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

UNSAFE_IN_URL: Final = re.compile(r"[\s\x00-\x1f\x7f\\]")
_LABEL: Final = re.compile(r"[a-z0-9_-]{1,63}")
_LONGEST_NAME: Final = 253
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
# The interface of a link-local IPv6 address, as in fe80::1%25eth0.
_ZONE: Final = re.compile(r"[A-Za-z0-9._~-]{1,32}")

# RFC 1918, link-local, and the shared range of RFC 6598 that carriers and overlay networks such as Tailscale use;
# unique local and link-local IPv6. The other ranges that `ipaddress` calls private belong to nobody's network.
_PRIVATE_NETWORKS: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10"),
        *("fc00::/7", "fe80::/10"),
    )
)
# ICANN keeps "internal" out of the public DNS, and "local" belongs to multicast DNS.
_PRIVATE_DOMAINS: Final = (".internal", ".local")


def ascii_host(host: str) -> str | None:
    """Return a host in the form in which it is sent, or ``None`` if it is not a valid host.

    The resolver fails on such names with a `UnicodeError`. Every spelling of a loopback address becomes the usual one,
    so that the address that was checked is the address that is connected to.

    Args:
        host: A host name, which may have letters beyond ASCII, or an IP address without brackets.
    """
    address = read_address(host)
    if address is not None:
        return _written_address(host, address)
    host = host.lower()
    if not host.isascii() or "xn--" in host:
        from yarl import URL

        try:
            url = URL.build(scheme="https", host=host)
            host, _ = url.raw_host or "", url.host  # aiohttp reads both, and either may fail
        except ValueError:
            return None
    labels = host.removesuffix(".").split(".")
    if len(host) > _LONGEST_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        return None
    if _is_number(labels[-1]):
        # To resolvers, 127.1 and 0x7f000001 are IP addresses. Programs read such spellings differently, so that only
        # those of the loopback addresses are accepted.
        short = _read_short_address(labels)
        return str(short) if short is not None and short.is_loopback else None
    return "localhost" if host == "localhost." else host


def read_address(host: str) -> Address | None:
    """Return the IP address that a host is, or ``None`` for a name. An IPv4 address within IPv6 becomes IPv4."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return address if mapped is None else mapped


def is_loopback(host: str) -> bool:
    """Return whether a host, in the form that `ascii_host` returns, can only be this machine."""
    address = read_address(host)
    if address is not None:
        return address.is_loopback
    return host == "localhost" or host.endswith(".localhost")  # RFC 6761


def is_private(host: str) -> bool:
    """Return whether a host, in the form that `ascii_host` returns, can only be on a private network.

    These are private, link-local, unique local and carrier-grade NAT addresses; names without a dot, such as that of a
    container; and names that end with ``.internal`` or ``.local``.
    """
    address = read_address(host)
    if address is not None:
        return any(address in network for network in _PRIVATE_NETWORKS)
    return "." not in host or host.endswith(_PRIVATE_DOMAINS)


def _written_address(host: str, address: Address) -> str | None:
    if address.is_loopback:
        return str(address) if "%" not in host else None
    _, percent, zone = host.partition("%")
    if percent and not (address.is_link_local and _ZONE.fullmatch(zone)):
        return None
    return str(ipaddress.ip_address(host))


def _is_number(label: str) -> bool:
    """Return whether resolvers read a host that ends with this label as an IPv4 address, as URLs do (WHATWG)."""
    return label.isdigit() or _read_number(label) is not None


def _read_number(part: str) -> int | None:
    """Read a decimal, octal (0177) or hexadecimal (0x7f) number as resolvers do."""
    base = 16 if part.startswith("0x") else 8 if part.startswith("0") and len(part) > 1 else 10
    digits = part[2:] or "0" if base == 16 else part
    try:
        return int(digits, base) if digits.isalnum() else None
    except ValueError:
        return None


def _read_short_address(parts: list[str]) -> ipaddress.IPv4Address | None:
    """Read an IPv4 address whose last number fills all bytes that are left, as in 127.1 and 2130706433."""
    numbers = [_read_number(part) for part in parts]
    value = 0
    for number in numbers[:-1]:
        if number is None or number > 0xFF:
            return None
        value = value << 8 | number
    last, left = numbers[-1], 5 - len(numbers)
    if last is None or left < 1 or last >= 1 << 8 * left:
        return None
    return ipaddress.IPv4Address(value << 8 * left | last)


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
