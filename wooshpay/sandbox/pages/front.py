"""What a browser finds at addresses that are not a page: the start page, and a page that says that nothing is there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import attrs
from aiohttp import web

from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.pages import card_list
from wooshpay.sandbox.pages.answers import from_browser, no_such_page
from wooshpay.sandbox.pages.templates import page

_API: Final = ("v1", "sandbox")

_Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


@attrs.frozen(eq=False)
class FrontPages:
    """Answers every GET and HEAD request that is not for a page of its own.

    Attributes:
        state: The sandbox.
        api: Answers what is for the API.
    """

    state: State
    api: _Handler

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Put the pages on a server, after all others."""
        # Line ends too, which "." would leave out.
        router.add_get(r"/{path:[\s\S]*}", self.answer)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Show a browser a page, and leave everything else to the API, which answers with JSON."""
        if not _wants_a_page(request):
            return await self.api(request)
        return self._start() if request.path == "/" else no_such_page()

    def _start(self) -> web.Response:
        # Whoever reaches the port can read this page: other users of this machine, and other machines where the sandbox
        # listens for them. So it holds no key, not even the one that opens the dashboard, and links to the dashboard's
        # bare address. That opens in a browser that has opened the dashboard with its key before.
        return page("start", base_url=self.state.base_url, groups=card_list.groups(), spaced=card_list.spaced)


def _wants_a_page(request: web.Request) -> bool:
    # Java's HttpURLConnection asks for HTML too unless it is told otherwise: with a key or a path of the API, it is a
    # program that needs an error in JSON.
    first = request.path.lstrip("/").partition("/")[0]
    return from_browser(request) and "Authorization" not in request.headers and first not in _API
