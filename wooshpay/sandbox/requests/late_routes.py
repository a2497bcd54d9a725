"""Routes of the server that are imported when the first request asks for one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NoReturn, Protocol

from aiohttp import web


class Routed(Protocol):
    """Something that has routes: pages, or controls."""

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Put the routes on a server."""
        ...


class LateRoutes(web.AbstractResource):
    """Routes that a server has from the start, though what answers them is imported when it is first needed.

    A program that tests its calls never opens a page: it should not wait until the dashboard is imported.

    Args:
        concerns: Returns whether a path, as it came, may be one of these.
        make: Imports and creates what has the routes.
    """

    def __init__(self, concerns: Callable[[str], bool], make: Callable[[], Iterable[Routed]]) -> None:
        super().__init__()
        self._concerns = concerns
        self._make = make
        self._router: web.UrlDispatcher | None = None

    @property
    def canonical(self) -> str:
        """The path below which all of them are."""
        return "/"

    async def resolve(self, request: web.Request) -> tuple[web.UrlMappingMatchInfo | None, set[str]]:
        """Return the route of a request; ``None`` lets the server look further."""
        if not self._concerns(request.rel_url.raw_path):
            return None, set()
        if self._router is None:
            router = web.UrlDispatcher()
            for routed in self._make():
                routed.add_routes(router)
            self._router = router
        found = await self._router.resolve(request)
        return (found, set()) if found.http_exception is None else (None, set())

    def raw_match(self, path: str) -> bool:
        """Return whether this is the same resource as one that is added for ``path``: it never is."""
        return False

    def get_info(self) -> NoReturn:
        """Refuse: nothing of this server looks at its own routes."""
        raise NotImplementedError("late routes cannot be listed before they are imported")

    def add_prefix(self, prefix: str) -> NoReturn:
        """Refuse: the sandbox is not mounted below another path."""
        raise NotImplementedError("late routes cannot be moved below a prefix")

    def url_for(self, **kwargs: str) -> NoReturn:
        """Refuse: addresses of pages are made by the pages themselves."""
        raise NotImplementedError("late routes have no address of their own")

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[web.AbstractRoute]:
        return iter(())
