"""The page that stands for a shop whose address cannot exist, such as ``https://shop.example/thanks``.

Examples and first programs use such addresses. A browser that is sent there shows an error of the network, right after
the customer paid. So the sandbox sends browsers to a page of its own, which says which address would open here. Objects
of the API keep the merchant's address, and so does the ``Location`` that other programs than browsers get.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode, urlsplit

import attrs
from aiohttp import web

from wooshpay.core.hosts import DEFAULT_PORTS, UNSAFE_IN_URL, ascii_host
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.pages.answers import from_browser, no_such_page, redirect
from wooshpay.sandbox.pages.templates import page

_PATH: Final = "/shop"
# RFC 2606 reserves these, and nothing answers there. It reserves "test" too, but developers do run servers under such
# names (Laravel Valet, dnsmasq). "localhost", example.com, example.net and example.org do resolve.
_NEVER_RESOLVE: Final = (".example", ".invalid")


def cannot_exist(url: str) -> bool:
    """Return whether the host of an address has a reserved name at which no server can be.

    A text that is not an address, or that browsers read in another way, has no such host: the page shows the address to
    whoever follows a link to it.
    """
    try:
        parts = urlsplit(url)
        host = ascii_host(parts.hostname or "")
    except ValueError:
        return False
    if host is None or UNSAFE_IN_URL.search(url) or parts.scheme not in DEFAULT_PORTS:
        return False
    return host.removesuffix(".").endswith(_NEVER_RESOLVE)


def reachable(request: web.Request, url: str) -> str:
    """Return where a browser is sent for an address of a shop.

    Args:
        request: The request that is answered. Only a browser is sent elsewhere.
        url: The shop's address.

    Returns:
        The address itself, or the page of the sandbox that stands for it.
    """
    return f"{_PATH}?{urlencode({'url': url})}" if cannot_exist(url) and from_browser(request) else url


def send_to(request: web.Request, where: str) -> web.Response | None:
    """Send the customer on to a page of the sandbox or of the shop. Returns ``None`` if there is no address."""
    return redirect(reachable(request, where))


@attrs.frozen(eq=False)
class ShopPage:
    """The page that stands for shops that do not exist.

    Attributes:
        state: The sandbox.
    """

    state: State

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Put the page on a server."""
        router.add_get(_PATH, self.show)

    async def show(self, request: web.Request) -> web.Response:
        """Show which address of a shop would open here."""
        url = request.query.get("url", "")
        # Only for addresses that the sandbox itself sends here, so that the page cannot vouch for any other.
        if not cannot_exist(url):
            return no_such_page()
        host = urlsplit(url).hostname
        return page("shop", merchant=self.state.options.business_name, url=url, host=host)
