"""Under which URL a sandbox is reached, and which host names are its own."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

import attrs

from wooshpay.core.hosts import UNSAFE_IN_URL, ascii_host, in_url, is_loopback, read_address
from wooshpay.sandbox.engine.errors import SandboxError

_EXAMPLE: Final = "such as http://sandbox:4242 or https://sandbox.shop.example"
_AUTHORITY: Final = re.compile(r"(?:\[[^\[\]]*\]|[^\[\]:]+)(?::\d{1,5})?", re.ASCII)


def read_public_url(url: str) -> str:
    """Return a public URL in the form in which others are made from it: without a slash at the end.

    Raises:
        SandboxError: It is not a URL under which a sandbox can be reached; the message says why.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _refused(f"is not a valid URL. Pass scheme, host and port, {_EXAMPLE}.") from None
    if "@" in parts.netloc:
        raise _refused("must not hold a user name or a password.")
    plain = parts.scheme in {"http", "https"} and bool(_AUTHORITY.fullmatch(parts.netloc))
    name = ascii_host(host) if host and plain and port != 0 and not UNSAFE_IN_URL.search(url) else None
    if name is None:
        raise _refused(f"is not a valid URL. Pass scheme, host and port, {_EXAMPLE}.")
    if parts.path not in {"", "/"} or "?" in url or "#" in url:
        raise _refused(
            f"must not have a path, a query or a fragment, since the sandbox serves its pages from the root of a host."
            f" Give it a host name or a port of its own, {_EXAMPLE}."
        )
    address = read_address(name)
    if address is not None and address.is_unspecified:
        raise _refused(f"names {name}, which no browser or client can connect to. Pass a host name, {_EXAMPLE}.")
    return f"{parts.scheme}://{in_url(name)}{'' if port is None else f':{port}'}"


def local_url(host: str, bound: str, port: int) -> str:
    """Return a URL under which programs on this machine reach a sandbox.

    Args:
        host: The host to listen on, as it was given.
        bound: The IP address that it stands for.
        port: The port.
    """
    address = read_address(bound)
    if address is not None and address.is_unspecified:
        host = "127.0.0.1" if address.version == 4 else "::1"
    return f"http://{in_url(host)}:{port}"


@attrs.frozen
class OwnNames:
    """The host names of a sandbox. A browser that asks for another one was sent by somebody else's DNS.

    Attributes:
        names: The host to listen on and the one of the public URL, in lower case.
        everywhere: Whether it listens on all addresses of the machine. Then each IP address may be one of its own, and
            no DNS record leads to a page whose host is an IP address.
    """

    names: frozenset[str] = frozenset()
    everywhere: bool = False

    @classmethod
    def of(cls, host: str, bound: str, public_url: str | None) -> OwnNames:
        """Return the names of a sandbox that listens on a host, whose IP address is ``bound``."""
        address = read_address(bound)
        public = urlsplit(public_url or "").hostname
        names = {ascii_host(name) for name in (host, public) if name}
        return cls(
            frozenset(name for name in names if name is not None), address is not None and address.is_unspecified
        )

    def include(self, header: str) -> bool:
        """Return whether a Host header names the sandbox.

        Args:
            header: The header, with or without a port. No ``X-Forwarded-Host`` counts, as any client may send one.
        """
        if not _AUTHORITY.fullmatch(header):
            return False
        try:
            name = ascii_host(urlsplit(f"//{header}").hostname or "")
        except ValueError:
            return False
        if name is None:
            return False
        return is_loopback(name) or name in self.names or (self.everywhere and read_address(name) is not None)


def _refused(why: str) -> SandboxError:
    return SandboxError(f"The public URL {why}", code="url_invalid", param="public_url")
