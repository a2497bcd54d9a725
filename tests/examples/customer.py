"""A customer for programs that print where to pay: opens the page, and pays or proves who they are."""

from __future__ import annotations

import re
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlencode, urlsplit

from sandbox.rig import card_form


class Customer:
    """Visits each page of a sandbox once, as soon as a line names it."""

    def __init__(self, base_url: str) -> None:
        self._page = re.compile(rf"{re.escape(base_url)}/(?:pay/|3ds/challenge|paymentcode)\S*")
        self._visited: set[str] = set()

    def read(self, line: str) -> None:
        """Read a line that a program printed, and go where it leads."""
        for url in self._page.findall(line):
            if url not in self._visited:
                self._visited.add(url)
                self.visit(url)

    def visit(self, url: str) -> str:
        """Pay on a payment page, authenticate on a challenge; give where the page leads then."""
        path = urlsplit(url).path
        form = card_form() if path.startswith("/pay/") else {"outcome": "pay"}
        if path == "/3ds/challenge":
            form = {"outcome": "authenticate"}
        return send(url, form)


def send(url: str, form: dict[str, str]) -> str:
    """Send a page's form without following; give the address that it leads to."""
    parts = urlsplit(url)
    with closing(HTTPConnection(parts.netloc, timeout=30)) as connection:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", f"{parts.path}?{parts.query}", urlencode(form), headers)
        answer = connection.getresponse()
        assert answer.status == 303, (answer.status, answer.read())
        return answer.headers["Location"]
