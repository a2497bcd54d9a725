"""Going through lists, page by page.

Memory stays bounded however long a list is: one page, and the IDs of two.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import attrs

from wooshpay.core.confined import Confined
from wooshpay.core.listing import ListObject
from wooshpay.errors import ConfigurationError, ProtocolError

if TYPE_CHECKING:
    from wooshpay.core.json import Json, JsonObject
    from wooshpay.core.request import Call

T = TypeVar("T")

_DEFAULT_LIMIT: Final = 10
CURSORS: Final = ("starting_after", "ending_before")
# Where a page begins and how long it is. ``None`` and "" mean that the parameter was not given.
_POSITION: Final = (*CURSORS, "page", "limit")


def with_position(call: Call) -> Call:
    """Return the call of a list with its position in the query, and without blank positions.

    A cursor that is ``None`` or empty counts as not given: sent, it would decide the direction. A cursor among the
    extra parameters of the options would be sent again with every page.

    Args:
        call: The call as the user made it.
    """
    if any(name in call.query and _is_blank(call.query[name]) for name in _POSITION):
        body = None if call.body is None else _without_blanks(call.body)
        call = attrs.evolve(call, query=_without_blanks(call.query), body=body or None)
    options = call.options
    if options is None:
        return call
    given = {name: value for name, value in {**options.extra_body, **options.extra_query}.items() if name in _POSITION}
    if not given:
        return call
    options = attrs.evolve(
        options,
        extra_query={name: value for name, value in options.extra_query.items() if name not in _POSITION},
        extra_body={name: value for name, value in options.extra_body.items() if name not in _POSITION},
    )
    return attrs.evolve(_with_params(call, _without_blanks(given)), options=options)


def _without_blanks(params: JsonObject) -> JsonObject:
    return {name: value for name, value in params.items() if name not in _POSITION or not _is_blank(value)}


def _is_blank(value: Json) -> bool:
    return value is None or value == ""


def next_call(call: Call, page: ListObject[Any]) -> Call | None:
    """Decide how to get the page after this one.

    Args:
        call: The call that gave the page.
        page: The page.

    Returns:
        The call for the next page, or ``None`` after the last one.

    Raises:
        ProtocolError: WooshPay says that there is more, but not how to get it.
        ConfigurationError: Both cursors were given, so that the direction is not clear.
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
    if call.query.keys() >= {*CURSORS}:
        raise ConfigurationError(
            f"{call.operation}: starting_after and ending_before were both given. Pass only one of them to read more"
            " than one page.",
            operation=call.operation,
        )
    backwards = _is_backwards(call)
    cursor = getattr(entries[0 if backwards else -1], "id", None)
    if not isinstance(cursor, str) or not cursor:
        raise _cannot_continue(call, "the entries have no id to continue from")
    return _with_params(call, {"ending_before" if backwards else "starting_after": cursor})


def _is_backwards(call: Call) -> bool:
    return "ending_before" in call.query and "starting_after" not in call.query


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
    """Remembers pages of one walk through a list, to return each entry once and to notice a server that repeats itself.

    It remembers the IDs of the previous page and of one earlier page. The earlier page is replaced after 1, 2, 4,
    8, ... pages (Brent's algorithm), so that a cycle of any length is noticed.

    Pages may overlap: entries that are new since the last request push the others to later pages, and some servers
    repeat the entry that the cursor names. Only a page that brings nothing new cannot be continued from.
    """

    def __init__(self) -> None:
        self._last: frozenset[str] = frozenset()
        self._kept: frozenset[str] = frozenset()
        self._since: int = 0
        self._until: int = 1

    def follow(self, call: Call, page: ListObject[T]) -> list[T]:
        """Go on to the next page.

        Returns:
            The entries that were not in the pages remembered, in the order of the page.

        Raises:
            ProtocolError: There are none, although there should be more.
        """
        entries = list(page)
        seen = self._last | self._kept
        new = [entry for entry in entries if _id_of(entry) not in seen]
        found = frozenset(id_ for id_ in map(_id_of, entries) if id_ is not None)
        # The last page may hold nothing but the entry that the cursor names.
        if entries and not new and not (found < self._last and next_call(call, page) is None):
            raise _cannot_continue(call, "the same entries came again, so the cursor was ignored")
        self._last = found
        self._since += 1
        if self._since == self._until:
            self._kept = found
            self._since = 0
            self._until *= 2
        return new


class Walk(Generic[T]):
    """One walk through the entries of all pages: decides which page to fetch next, and which entries to return first.

    The last entry of a page is held back until the next page is there. So the entry that the cursor names still
    exists when it is used, even if the caller deletes each entry as it comes.
    """

    def __init__(self, call: Call, limit: int | None) -> None:
        if limit is not None and limit < 0:
            raise ConfigurationError(f"limit must be 0 or more, not {limit}.")
        self._call = call
        self._left = limit
        self._page: ListObject[T] | None = None
        self._trail = Trail()
        self._entries: deque[T] = deque()

    def next_call(self) -> Call | None:
        """Return the call for the page to fetch now, or ``None`` if the entries at hand are the last ones.

        Raises:
            ProtocolError: The list cannot be continued.
        """
        if self._left is not None and len(self._entries) >= self._left:
            return None
        return self._call if self._page is None else next_call(self._call, self._page)

    def add(self, call: Call, page: ListObject[T]) -> None:
        """Take the page that a call gave.

        Raises:
            ProtocolError: The page brings nothing new.
        """
        new = self._trail.follow(call, page)
        self._call, self._page = call, page
        self._entries.extend(reversed(new) if _is_backwards(call) else new)

    def all_but_last(self) -> Iterator[T]:
        """Go through the entries that can be handed out before the next page is there."""
        while len(self._entries) > 1 and self._left != 0:
            yield self._pop()

    def rest(self) -> Iterator[T]:
        """Go through the entries at hand, as no further page comes."""
        while self._entries and self._left != 0:
            yield self._pop()

    def _pop(self) -> T:
        if self._left is not None:
            self._left -= 1
        return self._entries.popleft()


def _with_only(page: ListObject[T], entries: list[T]) -> ListObject[T]:
    """Return a page without the entries that came before."""
    if len(entries) == len(page):
        return page
    shorter = copy.copy(page)
    shorter.data = entries
    return shorter


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


class AsyncPager(Confined, Generic[T]):
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
        """Go through the pages, fetching each when it is asked for. An entry that came before is left out.

        To delete entries on the way, use `items`: the entry that the next page is to follow must still exist.
        """
        trail = Trail()
        call: Call | None = self._call
        while call is not None:
            page = await self._fetch(call)
            new = trail.follow(call, page)
            if new or len(page) == 0:
                yield _with_only(page, new)
            call = next_call(call, page)

    def __aiter__(self) -> AsyncIterator[T]:
        return self.items()

    async def items(self, limit: int | None = None) -> AsyncIterator[T]:
        """Go through the entries of all pages, each once.

        Each entry may be deleted as it comes: the next page is fetched before the last entry of a page is handed out.

        Args:
            limit: How many entries at most, over all pages. Default: all.
        """
        walk: Walk[T] = Walk(self._call, limit)
        while True:
            try:
                call = walk.next_call()
                if call is not None:
                    walk.add(call, await self._fetch(call))
            except Exception:
                # The entries that were fetched are returned first. The error is raised when the next one is needed.
                for item in walk.rest():
                    yield item
                raise
            for item in walk.rest() if call is None else walk.all_but_last():
                yield item
            if call is None:
                return

    async def to_list(self, limit: int) -> list[T]:
        """Collect entries over as many pages as that takes.

        Args:
            limit: How many entries at most.
        """
        return [item async for item in self.items(limit)]

    def __repr__(self) -> str:
        return f"<AsyncPager of {self._call.operation}: await it for one page, iterate it for all entries>"


class Pager(Confined, Generic[T]):
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
        """Go through the pages, fetching each when it is asked for. An entry that came before is left out.

        To delete entries on the way, use `items`: the entry that the next page is to follow must still exist.
        """
        trail = Trail()
        call: Call | None = self._call
        while call is not None:
            page = self._fetch(call)
            new = trail.follow(call, page)
            if new or len(page) == 0:
                yield _with_only(page, new)
            call = next_call(call, page)

    def __iter__(self) -> Iterator[T]:
        return self.items()

    def items(self, limit: int | None = None) -> Iterator[T]:
        """Go through the entries of all pages, each once.

        Each entry may be deleted as it comes: the next page is fetched before the last entry of a page is handed out.

        Args:
            limit: How many entries at most, over all pages. Default: all.
        """
        walk: Walk[T] = Walk(self._call, limit)
        while True:
            try:
                call = walk.next_call()
                if call is not None:
                    walk.add(call, self._fetch(call))
            except Exception:
                # The entries that were fetched are returned first. The error is raised when the next one is needed.
                for item in walk.rest():
                    yield item
                raise
            for item in walk.rest() if call is None else walk.all_but_last():
                yield item
            if call is None:
                return

    def to_list(self, limit: int) -> list[T]:
        """Collect entries over as many pages as that takes.

        Args:
            limit: How many entries at most.
        """
        return list(self.items(limit))

    def __repr__(self) -> str:
        return f"<Pager of {self._call.operation}: .page() for one page, iterate it for all entries>"
