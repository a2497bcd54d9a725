"""Walking through lists: which page comes next, when to stop, and how much is fetched."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, ClassVar, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wooshpay import AsyncPager, ConfigurationError, ListObject, NotFoundError, Pager, ProtocolError
from wooshpay.core import paging
from wooshpay.core.codec import reader
from wooshpay.core.objects import Object, model
from wooshpay.core.paging import Trail, next_call
from wooshpay.core.request import Call


@model
class Thing(Object):
    TAG: ClassVar[str] = "thing"

    id: str | None = None


Page: TypeAlias = ListObject[Thing]


def page(*ids: str | None, **fields: Any) -> Page:
    data = [{} if item is None else {"id": item} for item in ids]
    made: Page = reader(ListObject[Thing])({"object": "list", "data": data, **fields})
    return made


def listing(*, body: bool = False, **query: Any) -> Call:
    return Call(
        operation="things.list",
        method="GET",
        template="/v1/things",
        path="/v1/things",
        query=query,
        body=query if body else None,
    )


def ids_of(count: int) -> list[str]:
    return [f"t_{number:03d}" for number in range(count)]


# ---- which call comes next ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "shown", "expected"),
    [
        ({}, page("a", "b", has_more=True), {"starting_after": "b"}),
        ({}, page("a", "b", has_more=False), None),
        ({"limit": 2}, page("a", "b", has_more=True), {"limit": 2, "starting_after": "b"}),
        ({"limit": 2}, page("a", "b", has_more=False), None),
        # has_more may be null in answers of old: then a full page means that there may be more.
        ({"limit": 2}, page("a", "b"), {"limit": 2, "starting_after": "b"}),
        ({"limit": 2}, page("a", "b", has_more=None), {"limit": 2, "starting_after": "b"}),
        ({"limit": 3}, page("a", "b"), None),
        ({}, page(*ids_of(9)), None),
        ({}, page(*ids_of(10)), {"starting_after": "t_009"}),
        ({}, page(has_more=True), None),
        ({"starting_after": "0"}, page("a", has_more=True), {"starting_after": "a"}),
        ({"ending_before": "z"}, page("x", "y", has_more=True), {"ending_before": "x"}),
        ({"ending_before": "z"}, page("x", "y", has_more=False), None),
        ({"query": "q"}, page("a", object="search_result", next_page="tok"), {"query": "q", "page": "tok"}),
        ({"page": "tok"}, page("a", object="search_result", next_page="tok2"), {"page": "tok2"}),
        ({"query": "q"}, page("a", object="search_result", next_page=2), {"query": "q", "page": 2}),
        ({"query": "q"}, page("a", object="search_result", next_page=""), None),
        ({"query": "q"}, page("a", object="search_result"), None),
        ({"query": "q"}, page("a", object="search_result", has_more=False), None),
    ],
)
def test_the_next_call_follows_from_the_page(query: Any, shown: Page, expected: Any) -> None:
    following = next_call(listing(**query), shown)
    assert (None if following is None else following.query) == expected


def test_the_cursor_travels_wherever_the_filters_do() -> None:
    """In the query only, a server that reads the body would send the first page forever."""
    following = next_call(listing(body=True, limit=1), page("a", has_more=True))
    assert following is not None
    assert following.body == following.query == {"limit": 1, "starting_after": "a"}


def test_the_first_call_is_left_as_it_was() -> None:
    """A pager can be iterated twice."""
    call = listing(body=True, limit=1)
    next_call(call, page("a", has_more=True))
    assert (call.query, call.body) == ({"limit": 1}, {"limit": 1})


@pytest.mark.parametrize(
    ("call", "shown", "words"),
    [
        (listing(), page("a", None, has_more=True), "no id"),
        (listing(), page("a", "", has_more=True), "no id"),
        (listing(), page("a", object="search_result", has_more=True), "no next_page token"),
        (listing(page="tok"), page("a", object="search_result", next_page="tok"), "just used"),
        (listing(), page("a", object="search_result", next_page={"page": 2}), "neither text nor a number"),
        (listing(), page("a", object="search_result", next_page=True), "neither text nor a number"),
    ],
)
def test_a_list_that_cannot_be_continued_says_so_instead_of_ending_early(call: Call, shown: Page, words: str) -> None:
    """Ending early would lose entries: a report without them looks complete."""
    with pytest.raises(ProtocolError, match=words) as caught:
        next_call(call, shown)
    assert caught.value.outcome == "rejected"
    assert caught.value.operation == "things.list"


@pytest.mark.parametrize(
    "after",
    [
        page("a", "b", has_more=True),
        page("b", "a", has_more=True),
        page("b", has_more=True),
        # A list that promised more and then repeats a whole page has not ended, whatever it says.
        page("a", "b", has_more=False),
    ],
    ids=["the same", "in another order", "a part of it", "the same as the last page"],
)
def test_a_page_that_brings_nothing_new_is_no_progress(after: Page) -> None:
    with pytest.raises(ProtocolError, match="cursor was ignored"):
        follow(page("a", "b", has_more=True), after)


def test_a_page_that_overlaps_gives_what_is_new_in_it() -> None:
    """It was an error, and half of a report was missing because a payment came in meanwhile."""
    assert follow(page("a", "b"), page("b", "c")) == [["a", "b"], ["c"]]
    assert follow(page("a", "b"), page("a", "b", "c")) == [["a", "b"], ["c"]]
    assert follow(page("a", "b"), page("x", "a")) == [["a", "b"], ["x"]]
    assert follow(page("a", "b"), page("c", "d")) == [["a", "b"], ["c", "d"]]
    assert follow(page("a", None), page(None, "c")) == [["a", None], [None, "c"]]
    assert follow(page("a"), page()) == [["a"], []]


def test_a_last_page_may_hold_nothing_but_the_entry_that_the_cursor_names() -> None:
    """With an inclusive cursor, the end of the list would be an error."""
    assert follow(page("a", "b", has_more=True), page("b", has_more=False)) == [["a", "b"], []]


def test_both_cursors_are_an_error_as_soon_as_they_would_be_sent_again() -> None:
    """Sent together with the next page's cursor, one of them would decide the direction at random."""
    call = listing(starting_after="a", ending_before="z")
    with pytest.raises(ConfigurationError, match="Pass only one of them"):
        next_call(call, page("x", has_more=True))
    assert next_call(call, page("x", has_more=False)) is None


def follow(*pages: Page) -> list[list[str | None]]:
    trail = Trail()
    return [[thing.id for thing in trail.follow(listing(), shown)] for shown in pages]


@pytest.mark.parametrize("length", [2, 3, 4, 7, 10])
@pytest.mark.parametrize("lead", [0, 1, 5])
def test_a_server_that_goes_in_circles_is_noticed_whatever_their_length(length: int, lead: int) -> None:
    """Neighbouring pages differ in such a circle: comparing only those would walk on forever."""
    circle = [page(f"c{n}") for n in range(length)]
    way = [page(f"a{n}") for n in range(lead)] + circle * 20
    with pytest.raises(ProtocolError, match="cursor was ignored"):
        follow(*way)


def test_a_long_list_is_no_circle() -> None:
    follow(*(page(f"a{n}", f"b{n}") for n in range(500)))


# ---- the pagers, in both worlds -------------------------------------------------------------------------------


class Server:
    """Serves a list page by page, as WooshPay does, and counts the fetches."""

    def __init__(self, items: list[str], *, ignores_cursor: bool = False, inclusive: bool = False) -> None:
        self.items = items
        self.ignores_cursor = ignores_cursor
        self.inclusive = inclusive
        self.calls: list[Call] = []

    def fetch(self, call: Call) -> Page:
        self.calls.append(call)
        limit = call.query.get("limit", 10)
        items = self.items
        if "ending_before" in call.query:
            rest = items[: items.index(call.query["ending_before"]) + self.inclusive]
            return page(*rest[-limit:], has_more=len(rest) > limit)
        if "starting_after" in call.query and not self.ignores_cursor:
            items = items[items.index(call.query["starting_after"]) + (not self.inclusive) :]
        return page(*items[:limit], has_more=len(items) > limit)

    async def fetch_async(self, call: Call) -> Page:
        return self.fetch(call)


class Walk:
    """One pager in either world, read in the same words."""

    def __init__(self, server: Server, *, sync: bool, **query: Any) -> None:
        self.server = server
        call = listing(**query)
        self.pager: Pager[Thing] | AsyncPager[Thing] = (
            Pager(server.fetch, call) if sync else AsyncPager(server.fetch_async, call)
        )

    async def take(self, source: Iterator[Any] | AsyncIterator[Any], count: int | None = None) -> list[Any]:
        taken: list[Any] = []
        if count == 0:
            return taken
        if isinstance(source, AsyncIterator):
            async for item in source:
                taken.append(item)
                if len(taken) == count:
                    break
        else:
            for item in source:
                taken.append(item)
                if len(taken) == count:
                    break
        return taken

    async def items(self, limit: int | None = None) -> list[str | None]:
        return [thing.id for thing in await self.take(self.pager.items(limit))]

    async def to_list(self, limit: int) -> list[str | None]:
        found = self.pager.to_list(limit)
        return [thing.id for thing in (found if isinstance(found, list) else await found)]


worlds = pytest.mark.parametrize("sync", [True, False], ids=["sync", "async"])


@worlds
async def test_all_entries_come_in_order_over_as_many_pages_as_it_takes(sync: bool) -> None:
    walk = Walk(Server(ids_of(25)), sync=sync)
    assert await walk.items() == ids_of(25)
    assert [call.query for call in walk.server.calls] == [
        {},
        {"starting_after": "t_009"},
        {"starting_after": "t_019"},
    ]


@worlds
async def test_iterating_the_pager_is_iterating_its_entries(sync: bool) -> None:
    walk = Walk(Server(ids_of(12)), sync=sync)
    pager = walk.pager
    source = iter(pager) if isinstance(pager, Pager) else aiter(pager)
    assert [thing.id for thing in await walk.take(source)] == ids_of(12)


@worlds
@pytest.mark.parametrize(
    ("limit", "fetches"), [(0, 0), (1, 1), (9, 1), (10, 1), (11, 2), (20, 2), (25, 3), (26, 3), (999, 3)]
)
async def test_a_limit_counts_over_all_pages_and_fetches_no_page_too_many(sync: bool, limit: int, fetches: int) -> None:
    walk = Walk(Server(ids_of(25)), sync=sync)
    assert await walk.items(limit) == ids_of(25)[:limit]
    assert len(walk.server.calls) == fetches
    assert await walk.to_list(limit) == ids_of(25)[:limit]


@worlds
async def test_nothing_is_fetched_before_it_is_asked_for(sync: bool) -> None:
    walk = Walk(Server(ids_of(25)), sync=sync)
    assert walk.server.calls == []
    await walk.take(walk.pager.items(), 9)
    assert len(walk.server.calls) == 1
    walk.server.calls.clear()
    await walk.take(walk.pager.items(), 10)
    assert len(walk.server.calls) == 2, "the entry that the cursor names is handed out last"
    walk.server.calls.clear()
    await walk.take(walk.pager.items(), 19)
    assert len(walk.server.calls) == 2
    walk.server.calls.clear()
    await walk.take(walk.pager.pages(), 2)
    assert len(walk.server.calls) == 2


@worlds
async def test_pages_can_be_walked_as_pages(sync: bool) -> None:
    walk = Walk(Server(ids_of(5)), sync=sync, limit=2)
    pages = await walk.take(walk.pager.pages())
    assert [[thing.id for thing in shown] for shown in pages] == [["t_000", "t_001"], ["t_002", "t_003"], ["t_004"]]
    assert [shown.has_more for shown in pages] == [True, True, False]


@worlds
async def test_the_first_page_alone_is_one_fetch(sync: bool) -> None:
    walk = Walk(Server(ids_of(25)), sync=sync)
    got = walk.pager.page()
    first = got if isinstance(got, ListObject) else await got
    assert [thing.id for thing in first] == ids_of(10)
    assert len(walk.server.calls) == 1
    if isinstance(walk.pager, AsyncPager):
        assert len(await walk.pager) == 10, "awaiting the pager is the short form"


@worlds
async def test_going_back_goes_back_entry_by_entry(sync: bool) -> None:
    """The pages come from the end, so the entries of each must too, or the order would jump."""
    walk = Walk(Server(ids_of(7)), sync=sync, ending_before="t_006", limit=2)
    assert await walk.items() == list(reversed(ids_of(6)))


@worlds
async def test_a_pager_can_be_walked_again(sync: bool) -> None:
    walk = Walk(Server(ids_of(15)), sync=sync)
    assert await walk.items() == await walk.items() == ids_of(15)


@worlds
async def test_a_server_that_ignores_the_cursor_ends_the_walk_with_an_error(sync: bool) -> None:
    """Without it, a script that lists everything runs forever and bills every charge again."""
    walk = Walk(Server(ids_of(25), ignores_cursor=True), sync=sync)
    with pytest.raises(ProtocolError, match="cursor was ignored"):
        await walk.items()
    assert len(walk.server.calls) == 2
    assert await walk.items(10) == ids_of(10), "what the first page holds can be had"


@worlds
@pytest.mark.parametrize("limit", [-1, -100])
async def test_a_negative_limit_is_refused(sync: bool, limit: int) -> None:
    walk = Walk(Server(ids_of(3)), sync=sync)
    with pytest.raises(ConfigurationError, match="limit"):
        await walk.items(limit)
    assert walk.server.calls == []


@worlds
@pytest.mark.parametrize(
    "received",
    [
        {"object": "list", "has_more": False},
        {"object": "list", "data": None, "has_more": True},
        {"object": "list", "data": []},
        {"object": "list", "data": {}},
        {"object": "list", "data": {"what": 1}, "has_more": True},
        {"object": "list", "data": "nothing", "has_more": True},
        {"object": "list", "data": 7},
        {},
        [],
        None,
        "nothing",
        5,
    ],
    ids=repr,
)
async def test_a_list_without_entries_is_empty_however_it_says_so(sync: bool, received: Any) -> None:
    """An empty account must not look like a crash."""
    shown: Page = reader(ListObject[Thing])(received)

    def fetch(_: Call) -> Page:
        return shown

    async def fetch_async(_: Call) -> Page:
        return shown

    pager: Pager[Thing] | AsyncPager[Thing] = Pager(fetch, listing()) if sync else AsyncPager(fetch_async, listing())
    walk = Walk(Server([]), sync=sync)
    assert await walk.take(pager.items()) == []
    assert await walk.take(pager.pages()) == [shown]
    assert (len(shown), list(shown)) == (0, [])


@worlds
async def test_a_bare_array_is_a_list(sync: bool) -> None:
    """Some lists of the reference are shown without an envelope."""
    shown: Page = reader(ListObject[Thing])([{"id": "a"}, {"id": "b"}])
    assert [thing.id for thing in shown] == ["a", "b"]
    assert next_call(listing(), shown) is None


def test_a_pager_says_how_to_use_it() -> None:
    """Forgetting ``await`` or printing the pager are the two first mistakes of every newcomer."""
    server = Server([])
    assert "things.list" in repr(Pager(server.fetch, listing()))
    assert "await" in repr(AsyncPager(server.fetch_async, listing()))


# ---- lists that change on the way -----------------------------------------------------------------------------


@worlds
@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize("count", [2, 3, 9, 10, 11, 19, 20, 25])
async def test_an_inclusive_cursor_gives_each_entry_once(sync: bool, backwards: bool, count: int) -> None:
    """Some servers answer from the entry that the cursor names on, instead of after it."""
    query: dict[str, Any] = {"ending_before": ids_of(count)[-1]} if backwards else {}
    walk = Walk(Server(ids_of(count), inclusive=True), sync=sync, **query)
    assert await walk.items() == (ids_of(count)[::-1] if backwards else ids_of(count))
    pages = [[thing.id for thing in shown] for shown in await walk.take(walk.pager.pages())]
    entries = [id_ for shown in pages for id_ in shown]
    assert sorted(map(str, entries)) == ids_of(count), "whole pages repeat no entry either"
    assert all(pages), "and none of them is empty"


class Arrivals(Server):
    """Serves a search by number of page, newest first, while further entries arrive before each page."""

    def __init__(self, count: int, *, arriving: int) -> None:
        super().__init__(ids_of(count))
        self.arriving = arriving

    def fetch(self, call: Call) -> Page:
        number = int(call.query.get("page", 0))
        if self.calls:
            self.items = [f"new_{number}_{n}" for n in range(self.arriving)] + self.items
        self.calls.append(call)
        start = number * 10
        more = start + 10 < len(self.items)
        return page(*self.items[start : start + 10], object="search_result", next_page=number + 1 if more else None)


@worlds
@pytest.mark.parametrize("arriving", [1, 3, 9])
async def test_entries_that_arrive_meanwhile_neither_end_a_search_nor_repeat_others(sync: bool, arriving: int) -> None:
    walk = Walk(Arrivals(35, arriving=arriving), sync=sync)
    assert await walk.items() == ids_of(35)


@worlds
async def test_a_search_that_is_pushed_on_by_a_whole_page_says_so(sync: bool) -> None:
    """Going on could mean to go on forever."""
    walk = Walk(Arrivals(35, arriving=10), sync=sync)
    with pytest.raises(ProtocolError, match="the same entries came again"):
        await walk.items()


async def test_the_memory_of_a_walk_does_not_grow_with_the_list() -> None:
    """The pager remembers the IDs of the previous page and of one earlier page, and nothing else."""
    trail = Trail()
    for number in range(300):
        trail.follow(listing(), page(*(f"t_{number}_{n}" for n in range(10))))
    assert (len(vars(trail)["_last"]), len(vars(trail)["_kept"])) == (10, 10)
    walk: paging.Walk[Thing] = paging.Walk(listing(), None)
    for number in range(300):
        walk.add(listing(), page(*(f"t_{number}_{n}" for n in range(10))))
        assert len([*walk.all_but_last()]) == (9 if number == 0 else 10)
        assert len(vars(walk)["_entries"]) == 1


class Shelf(Server):
    """Serves a list that entries can be deleted from. As at WooshPay, a cursor must not name a deleted entry."""

    def fetch(self, call: Call) -> Page:
        for name in ("starting_after", "ending_before"):
            if name in call.query and call.query[name] not in self.items:
                raise NotFoundError(f"No such entry: {call.query[name]}", status=404)
        return super().fetch(call)


@worlds
@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize("count", [1, 9, 10, 11, 20, 25])
async def test_entries_can_be_deleted_while_going_through_them(sync: bool, backwards: bool, count: int) -> None:
    """The walk ended with a 404 at the edge of the first page, with most entries left."""
    names = ids_of(count + 1) if backwards else ids_of(count)
    shelf = Shelf(list(names))
    query: dict[str, Any] = {"ending_before": names[-1]} if backwards else {}
    walk = Walk(shelf, sync=sync, **query)
    deleted: list[str | None] = []
    source = walk.pager.items()
    while thing := await walk.take(source, 1):
        deleted += [found.id for found in thing]
        shelf.items.remove(str(thing[0].id))
    assert deleted == (ids_of(count)[::-1] if backwards else ids_of(count))
    assert shelf.items == (names[-1:] if backwards else [])
    assert len(shelf.calls) == max(1, -(-count // 10)), "no request more than without deleting"


@worlds
async def test_an_error_of_the_next_page_waits_until_the_entries_at_hand_are_handed_out(sync: bool) -> None:
    server = Server(ids_of(15))
    walk = Walk(server, sync=sync)
    source = walk.pager.items()
    assert len(await walk.take(source, 9)) == 9
    server.items = []  # the next page's cursor is not found any more
    assert [thing.id for thing in await walk.take(source, 1)] == ["t_009"]
    with pytest.raises(ValueError, match="not in list"):
        await walk.take(source, 1)


@given(st.integers(0, 40), st.integers(1, 12), st.none() | st.integers(0, 45))
def test_paging_gives_exactly_the_list(count: int, size: int, limit: int | None) -> None:
    server = Server(ids_of(count))
    found = [thing.id for thing in Pager(server.fetch, listing(limit=size)).items(limit)]
    assert found == ids_of(count)[: count if limit is None else limit]
    needed = min(count, count if limit is None else limit)
    assert len(server.calls) <= -(-needed // size) + 1
