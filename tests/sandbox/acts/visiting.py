"""A customer with a browser, and a comparison of two sandboxes: what the tests of simulated actions work with."""

from __future__ import annotations

import re
from contextlib import closing
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

import attrs

from wooshpay import WooshPay
from wooshpay.sandbox import SyncSandbox

# The card form of the simulated customer: the sandbox's clock begins in 2026 where it has a seed.
EXPIRY = {"exp_month": "12", "exp_year": "2036", "cvc": "123"}

_ID = re.compile(r"\b[a-z]+_(?:test_)?\d{15,}")


@attrs.frozen
class Seen:
    """What a browser got."""

    status: int
    location: str | None
    text: str


def browse(url: str, form: dict[str, str] | None = None) -> Seen:
    """Open a page, or send its form; redirects are not followed."""
    parts = urlsplit(url)
    with closing(HTTPConnection(parts.netloc, timeout=30)) as connection:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        target = f"{parts.path}?{parts.query}"
        body = None if form is None else urlencode(form)
        connection.request("GET" if form is None else "POST", target, body, headers if body is not None else {})
        answer = connection.getresponse()
        return Seen(answer.status, answer.headers["Location"], answer.read().decode())


def pay_on_page(url: str, form: dict[str, str], button: str | None) -> Seen:
    """Send the form of a page, and press a button on the page of the bank or wallet that it leads to."""
    seen = browse(url, form)
    if button is not None and seen.location is not None and re.search("/3ds/challenge|/paymentcode", seen.location):
        return browse(seen.location, {"outcome": button})
    return seen


@attrs.frozen
class Place:
    """A sandbox and a client for it."""

    sandbox: SyncSandbox
    client: WooshPay

    def everything(self) -> Any:
        """All objects and events, with IDs replaced by their order, so that two sandboxes can be compared."""
        state = self.sandbox._server.state  # pyright: ignore[reportPrivateUsage]  # private fields count too
        found: list[Any] = []
        for kind in state.store.kinds():
            for record in reversed(list(state.store[kind])):
                fields = {name: value for name, value in record.items() if name != "request"}
                found.append({**fields, "private": record.private})
        return self.plain(repr(found))

    def plain(self, text: str | None) -> str | None:
        """Return a text without what differs between sandboxes: the port and the IDs."""
        if text is None:
            return None
        numbers: dict[str, int] = {}
        text = text.replace(self.sandbox.base_url, "http://sandbox")
        return _ID.sub(lambda found: f"#{numbers.setdefault(found[0].replace('test_', ''), len(numbers))}", text)

    def unlike(self, text: str | None) -> str | None:
        """Return a text in which each ID says only of which kind it is."""
        if text is None:
            return None
        text = text.replace(self.sandbox.base_url, "http://sandbox")
        return _ID.sub(lambda found: found[0].rpartition("_")[0], text)
