"""A customer for programs that print where to pay: pays, or passes the 3-D Secure challenge."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

from wooshpay.sandbox import SyncSandbox


class Customer:
    """Does once what each page of a sandbox asks for, as soon as a line names the page."""

    def __init__(self, sandbox: SyncSandbox) -> None:
        self._sandbox = sandbox
        self._page = re.compile(rf"{re.escape(sandbox.base_url)}/(?:pay/|3ds/challenge|paymentcode)\S*")
        self._visited: set[str] = set()

    def read(self, line: str) -> None:
        """Read a line that a program printed, and go where it leads."""
        for url in self._page.findall(line):
            if url not in self._visited:
                self._visited.add(url)
                self.visit(url)

    def visit(self, url: str) -> Any:
        """Pay, or pass the challenge, and return the address to which the browser is sent."""
        path = urlsplit(url).path
        if path.startswith("/pay/"):
            session = path.rpartition("/")[2].replace("cs_test_", "cs_")
            return self._sandbox.act("checkout.sessions.pay", session=session)["url"]
        intent = parse_qs(urlsplit(url).query)["clientSecret"][0].partition("_secret_")[0]
        if intent.startswith("seti_"):
            return self._sandbox.act("setup_intents.authenticate", setup_intent=intent)["url"]
        action = "payment_intents.authenticate" if path == "/3ds/challenge" else "payment_intents.pay"
        return self._sandbox.act(action, payment_intent=intent)["url"]
