"""Somebody who looks at the dashboard without a browser: plain requests, cookies, forms."""

from __future__ import annotations

import re
from collections.abc import Mapping

import aiohttp
import attrs

TOKEN = re.compile(r'name="token" value="([0-9a-f]+)"')


@attrs.frozen
class Sight:
    """What was seen."""

    status: int
    text: str
    location: str
    headers: Mapping[str, str]

    def rows(self) -> list[str]:
        """The keys of the lines of tables, from the top."""
        return re.findall(r'<tr data-key="([^"]+)"', self.text)

    def link(self, text: str) -> str:
        """Where the link with this text leads."""
        found = re.search(rf'<a href="([^"]+)">{text}</a>', self.text)
        assert found is not None, f"no link {text}"
        return found.group(1)


class Visitor:
    """Looks at the dashboard and sends its forms, as a browser without script does."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str) -> None:
        self.session = session
        self.base_url = base_url

    async def enter(self, dashboard_url: str) -> None:
        """Open the address with the key."""
        async with self.session.get(dashboard_url, allow_redirects=False) as response:
            assert (response.status, response.headers["Location"]) == (303, "/dashboard")

    async def look(self, path: str = "", *, headers: Mapping[str, str] | None = None) -> Sight:
        """Open a page: a path within the dashboard, or one from a link."""
        async with self.session.get(self._url(path), headers=headers, allow_redirects=False) as response:
            return await _seen(response)

    async def send(self, path: str, *, token: str | None = None, **form: str) -> Sight:
        """Send a form, with the token that the pages carry."""
        if token is None:
            found = TOKEN.search((await self.look("clock")).text)
            assert found is not None
            token = found.group(1)
        async with self.session.post(self._url(path), data={"token": token, **form}, allow_redirects=False) as response:
            return await _seen(response)

    def _url(self, path: str) -> str:
        if path.startswith("/"):
            return self.base_url + path
        return f"{self.base_url}/dashboard/{path}" if path else f"{self.base_url}/dashboard"


async def _seen(response: aiohttp.ClientResponse) -> Sight:
    return Sight(response.status, await response.text(), response.headers.get("Location", ""), response.headers)
