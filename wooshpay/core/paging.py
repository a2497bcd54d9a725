"""Walking through lists, page by page, without ever holding more than one page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import attrs

from wooshpay.core.listing import ListObject
from wooshpay.errors import ConfigurationError, ProtocolError

if TYPE_CHECKING:
    from wooshpay.core.json import Json, JsonObject
    from wooshpay.core.request import Call

T = TypeVar("T")

_DEFAULT_LIMIT = 10


def next_call(call: Call, page: ListObject[Any]) -> Call | None:
    """Decide how to get the page after this one.

    Args:
        call: The call that gave the page.
        page: The page.

    Returns:
        The call for the next page, or ``None`` after the last one.

    Raises:
        ProtocolError: WooshPay says that there is more, but not how to get it.
    """
    entries = list(page)
    if not entries:
        return None
    if page.next_page is not None or page.object == "search_result":
        return _next_of_search(call, page)
    if page.has_more is False:
        return None
    if page.has_more is not True and len(entries) < _limit_of(call):
        return None
    backwards = "ending_before" in call.query and "starting_after" not in call.query
    name = "ending_before" if backwards else "starting_after"
    cursor = getattr(entries[0 if backwards else -1], "id", None)
    if not isinstance(cursor, str) or not cursor:
        raise _cannot_continue(call, "the entries have no id to continue from")
    return _with_params(call, {name: cursor})


def _next_of_search(call: Call, page: ListObject[Any]) -> Call | None:
    token: Json = page.next_page
    if token is None or token == "":
        if page.has_more:
            raise _cannot_continue(call, "there is no next_page token to continue with")
        return None
    if not isinstance(token, (str, int)) or isinstance(token, bool):
        raise _cannot_continue(call, "the next_page token is neither text nor a number")
    if call.query.get("page") == token:
        raise _cannot_continue(call, "the next_page token is the one that was just used")
    return _with_params(call, {"page": token})


class Trail:
    """The pages of one walk, as far as needed to notice a server that sends the same ones again.

    A page must share no entry with the one before it, and must not be the same as one kept from earlier. The
    kept one is replaced after 1, 2, 4, 8, ... pages (Brent), so a circle of any length is noticed in the end,
    and memory stays constant.
    """

    def __init__(self) -> None:
        self._last: frozenset[str] = frozenset()
        self._kept: frozenset[str] = frozenset()
        self._since: int = 0
        self._until: int = 1

    def follow(self, call: Call, page: ListObject[Any]) -> None:
        """Go on to the next page.

        Raises:
            ProtocolError: It was seen before.
        """
        entries = frozenset(found for found in map(_id_of, page) if found is not None)
        if entries & self._last or (entries and entries == self._kept):
            raise _cannot_continue(call, "the same entries came again, so the cursor was ignored")
        self._last = entries
        self._since += 1
        if self._since == self._until:
            self._kept = entries
            self._since = 0
            self._until *= 2


def _id_of(item: Any) -> str | None:
    found: Json = getattr(item, "id", None)
    return found if isinstance(found, str) else None


def _limit_of(call: Call) -> int:
    limit: Json = call.query.get("limit", _DEFAULT_LIMIT)
    try:
        # The reference types it as text in one place.
        return int(limit)
    except (TypeError, ValueError):
        return _DEFAULT_LIMIT


def _with_params(call: Call, params: JsonObject) -> Call:
    body = None if call.body is None else {**call.body, **params}
    return attrs.evolve(call, query={**call.query, **params}, body=body)


def _cannot_continue(call: Call, reason: str) -> ProtocolError:
    return ProtocolError(
        f"The list {call.template} cannot be read beyond this page: {reason}."
        " Read it page by page with smaller filters, such as a `created` range.",
        failure="refused",
        outcome="rejected",
        operation=call.operation,
        attempts=1,
    )


def _check_limit(limit: int | None) -> None:
    if limit is not None and limit < 0:
        raise ConfigurationError(f"limit must be 0 or more, not {limit}.")


class AsyncPager(Generic[T]):
    """A list that is fetched as you go.

    ``await pager`` gives the first page, ``async for item in pager`` every entry of every page.
    """

    def __init__(self, fetch: Callable[[Call], Awaitable[ListObject[T]]], call: Call) -> None:
        self._fetch = fetch
        self._call = call

    def __await__(self) -> Generator[Any, None, ListObject[T]]:
        return self.page().__await__()

    async def page(self) -> ListObject[T]:
        """Get the first page only."""
        return await self._fetch(self._call)

    async def pages(self) -> AsyncIterator[ListObject[T]]:
        """Go through the pages, fetching each when it is asked for."""
        trail = Trail()
        call: Call | None = self._call
        while call is not None:
            page = await self._fetch(call)
            trail.follow(call, page)
            yield page
            call = next_call(call, page)

    def __aiter__(self) -> AsyncIterator[T]:
        return self.items()

    async def items(self, limit: int | None = None) -> AsyncIterator[T]:
        """Go through the entries of all pages.

        Args:
            limit: How many entries at most, over all pages; all when left out.
        """
        _check_limit(limit)
        left = limit
        if left == 0:
            return
        async for page in self.pages():
            for item in _in_order(self._call, page):
                yield item
                if left is not None:
                    left -= 1
                    if left == 0:
                        return

    async def to_list(self, limit: int) -> list[T]:
        """Collect entries over as many pages as that takes.

        Args:
            limit: How many entries at most.
        """
        return [item async for item in self.items(limit)]

    def __repr__(self) -> str:
        return f"<AsyncPager of {self._call.operation}: await it for one page, iterate it for all entries>"


class Pager(Generic[T]):
    """A list that is fetched as you go.

    ``pager.page()`` gives the first page, ``for item in pager`` every entry of every page.
    """

    def __init__(self, fetch: Callable[[Call], ListObject[T]], call: Call) -> None:
        self._fetch = fetch
        self._call = call

    def page(self) -> ListObject[T]:
        """Get the first page only."""
        return self._fetch(self._call)

    def pages(self) -> Iterator[ListObject[T]]:
        """Go through the pages, fetching each when it is asked for."""
        trail = Trail()
        call: Call | None = self._call
        while call is not None:
            page = self._fetch(call)
            trail.follow(call, page)
            yield page
            call = next_call(call, page)

    def __iter__(self) -> Iterator[T]:
        return self.items()

    def items(self, limit: int | None = None) -> Iterator[T]:
        """Go through the entries of all pages.

        Args:
            limit: How many entries at most, over all pages; all when left out.
        """
        _check_limit(limit)
        left = limit
        if left == 0:
            return
        for page in self.pages():
            for item in _in_order(self._call, page):
                yield item
                if left is not None:
                    left -= 1
                    if left == 0:
                        return

    def to_list(self, limit: int) -> list[T]:
        """Collect entries over as many pages as that takes.

        Args:
            limit: How many entries at most.
        """
        return list(self.items(limit))

    def __repr__(self) -> str:
        return f"<Pager of {self._call.operation}: .page() for one page, iterate it for all entries>"


def _in_order(call: Call, page: ListObject[T]) -> list[T]:
    """Entries in the direction of travel: going back with ``ending_before``, the last of a page comes first."""
    if "ending_before" in call.query and "starting_after" not in call.query:
        return list(page)[::-1]
    return list(page)
