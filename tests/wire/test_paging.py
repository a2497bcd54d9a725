"""Lists over a real socket: what is fetched, when, with which cursor, and where it ends."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from support.peer import Received
from support.wire import Both, body_of, path_of, query_of

from wooshpay import ConfigurationError, DecodeError, ProtocolError, RequestOptions
from wooshpay.api import declarations
from wooshpay.core.catalog import load

TABLE = Path(__file__).parents[1] / "data" / "api" / "operations.tsv"

ROWS = {row["operation"]: row for row in csv.DictReader(TABLE.read_text().splitlines(), delimiter="\t")}
DECLARED = {declaration.name: declaration for declaration in declarations()}
LISTS = [name for name, row in ROWS.items() if row["returns"].startswith("List[")]

Envelope: TypeAlias = Callable[[list[Any], bool], object]

# Filters in the query alone and in the body too, with an id in the path and without.
SOME = [
    "webhook_endpoints.list",
    "payment_intents.list",
    "customers.list_payment_methods",
    "checkout.sessions.list_line_items",
]

each_list = pytest.mark.parametrize("name", LISTS)
some_lists = pytest.mark.parametrize("name", SOME)
worlds = pytest.mark.parametrize("world", ["sync", "async"])


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> None:  # pyright: ignore[reportUnusedFunction]
    """In place of the check after every test: `both` makes one for them all."""


def as_list(data: list[Any], has_more: bool) -> object:
    return {"object": "list", "url": "/v1/things", "has_more": has_more, "data": data}


def ids_of(count: int) -> list[str]:
    return [f"x_{number:03d}" for number in range(count)]


class Shop:
    """Serves a list as WooshPay does: ten entries on a page, or ``limit``, from behind the cursor on."""

    def __init__(self, count: int, envelope: Envelope = as_list) -> None:
        self.ids = ids_of(count)
        self.envelope = envelope

    def __call__(self, request: Received) -> object:
        query = query_of(request)
        limit = int(query.get("limit", 10))
        if "ending_before" in query:
            rest = self.ids[: self.ids.index(query["ending_before"])]
            return self.envelope(self.entries(rest[-limit:]), len(rest) > limit)
        start = self.ids.index(query["starting_after"]) + 1 if "starting_after" in query else 0
        return self.envelope(self.entries(self.ids[start : start + limit]), len(self.ids) > start + limit)

    def entries(self, ids: list[str]) -> list[Any]:
        return [{"id": found} for found in ids]


class Walk:
    """A pager of one world over the peer's list."""

    def __init__(self, both: Both, world: str, name: str, shop: Callable[[Received], object], **filters: Any) -> None:
        self.both = both
        self.world = world
        both.answer = shop
        both.requests.clear()
        ids = ["x_1"] * ROWS[name]["path"].count("{")
        self.pager = both.operation(world, name)(*ids, **filters)

    def items(self, limit: int | None = None) -> list[str]:
        return ids_in(self.both.take(self.world, self.pager.items(limit)))

    def to_list(self, limit: int) -> list[str]:
        return ids_in(self.both.wait(self.world, self.pager.to_list(limit)))

    def page(self) -> Any:
        return self.both.wait(self.world, self.pager.page())

    def pages(self) -> list[Any]:
        return self.both.take(self.world, self.pager.pages())

    @property
    def queries(self) -> list[dict[str, Any]]:
        return [query_of(request) for request in self.both.requests]


def ids_in(entries: Any) -> list[str]:
    return [entry.id for entry in entries]


# ---- every list -----------------------------------------------------------------------------------------------


@worlds
@each_list
def test_every_list_goes_on_where_the_page_before_ended(world: str, name: str, both: Both) -> None:
    """The cursor is wherever the filters are: a server that reads only the body must not start again."""
    row = ROWS[name]
    walk = Walk(both, world, name, Shop(5), limit=3)
    entries = both.take(world, walk.pager.items())
    assert ids_in(entries) == ids_of(5)
    assert {type(entry) for entry in entries} == {load(row["returns"].removeprefix("List[").removesuffix("]"))}
    assert walk.queries == [{"limit": "3"}, {"limit": "3", "starting_after": "x_002"}]
    both_places = row["params_in"] == "query+body"
    assert [body_of(request) for request in both.requests] == (
        [{"limit": 3}, {"limit": 3, "starting_after": "x_002"}] if both_places else [None, None]
    )
    assert len({path_of(request) for request in both.requests}) == 1
    assert {request.method for request in both.requests} == {"GET"}


@each_list
def test_every_list_goes_back_too_unless_the_reference_gives_it_no_cursor(name: str, both: Both) -> None:
    cursors = {"starting_after", "ending_before"} & DECLARED[name].signature.parameters.keys()
    if name == "customers.list_payment_methods":
        assert cursors == set()
        return
    walk = Walk(both, "sync", name, Shop(6), limit=2, ending_before="x_005")
    assert walk.items() == list(reversed(ids_of(5)))
    assert [query["ending_before"] for query in walk.queries] == ["x_005", "x_003", "x_001"]


@worlds
@each_list
def test_every_list_notices_a_server_that_ignores_the_cursor(world: str, name: str, both: Both) -> None:
    """Else a script that lists everything would run forever, or handle every payment again and again."""
    # Who does not notice comes to an end here nevertheless, only without the error.
    walk = Walk(both, world, name, lambda _: as_list([{"id": "x_000"}], len(both.requests) < 5))
    with pytest.raises(ProtocolError, match="cursor was ignored") as caught:
        walk.items()
    assert caught.value.operation == name
    assert len(both.requests) == 2


# ---- ways of reading ------------------------------------------------------------------------------------------


@worlds
@some_lists
def test_the_first_page_alone_is_one_request(world: str, name: str, both: Both) -> None:
    walk = Walk(both, world, name, Shop(25))
    page = walk.page()
    assert ids_in(page) == ids_of(10)
    assert (len(page), page.has_more, page.url) == (10, True, "/v1/things")
    assert len(both.requests) == 1


@some_lists
def test_awaiting_a_pager_gives_the_first_page(name: str, both: Both) -> None:
    walk = Walk(both, "async", name, Shop(25))
    assert ids_in(both.wait("async", walk.pager)) == ids_of(10)
    assert len(both.requests) == 1


@worlds
@some_lists
def test_a_loop_over_the_pager_is_one_over_all_entries(world: str, name: str, both: Both) -> None:
    walk = Walk(both, world, name, Shop(25))
    source = iter(walk.pager) if world == "sync" else aiter(walk.pager)
    assert ids_in(both.take(world, source)) == ids_of(25)
    assert walk.queries == [{}, {"starting_after": "x_009"}, {"starting_after": "x_019"}]


@worlds
@some_lists
def test_pages_come_one_by_one(world: str, name: str, both: Both) -> None:
    pages = Walk(both, world, name, Shop(5), limit=2).pages()
    assert [ids_in(page) for page in pages] == [["x_000", "x_001"], ["x_002", "x_003"], ["x_004"]]
    assert [page.has_more for page in pages] == [True, True, False]


@worlds
@some_lists
@pytest.mark.parametrize(
    ("limit", "requests"), [(0, 0), (1, 1), (9, 1), (10, 1), (11, 2), (20, 2), (25, 3), (26, 3), (999, 3)]
)
def test_a_limit_counts_over_pages_and_fetches_none_too_many(
    world: str, name: str, limit: int, requests: int, both: Both
) -> None:
    walk = Walk(both, world, name, Shop(25))
    assert walk.items(limit) == ids_of(25)[:limit]
    assert len(both.requests) == requests
    assert walk.to_list(limit) == ids_of(25)[:limit]
    assert len(both.requests) == 2 * requests


@worlds
def test_a_limit_below_zero_is_refused_before_anything_is_sent(world: str, both: Both) -> None:
    walk = Walk(both, world, "payment_intents.list", Shop(25))
    with pytest.raises(ConfigurationError, match="limit"):
        walk.items(-1)
    assert both.requests == []


@worlds
@some_lists
def test_nothing_is_fetched_before_it_is_needed(world: str, name: str, both: Both) -> None:
    walk = Walk(both, world, name, Shop(25))
    source = walk.pager.items()
    assert both.requests == []
    # The last entry of a page is handed out once the next page is there: it is the one that the cursor names.
    for entries, requests in ((1, 1), (8, 1), (1, 2), (9, 2), (1, 3), (5, 3)):
        assert len([both.wait(world, anext(source) if world == "async" else next(source)) for _ in range(entries)])
        assert len(both.requests) == requests
    if world == "async":
        both.wait(world, source.aclose())


@worlds
@some_lists
def test_a_list_can_be_read_again_from_its_beginning(world: str, name: str, both: Both) -> None:
    walk = Walk(both, world, name, Shop(12))
    assert walk.items() == walk.items() == ids_of(12)
    assert walk.queries == [{}, {"starting_after": "x_009"}] * 2


@worlds
def test_filters_stay_on_every_page(world: str, both: Both) -> None:
    filters: Any = {"limit": 2, "customer": "cus_1", "created": {"gte": 1700000000000}}
    walk = Walk(both, world, "payment_intents.list", Shop(4), **filters)
    assert walk.items() == ids_of(4)
    for query, request in zip(walk.queries, both.requests, strict=True):
        assert query | {"starting_after": ""} == {
            "limit": "2",
            "customer": "cus_1",
            "created": {"gte": "1700000000000"},
            "starting_after": "",
        }
        assert body_of(request) | {"starting_after": ""} == {**filters, "starting_after": ""}


@worlds
def test_an_error_on_a_later_page_comes_when_that_page_is_due(world: str, both: Both) -> None:
    """What came before it is not lost."""
    shop = Shop(15)
    walk = Walk(both, world, "charges.list", lambda request: b"<html>" if "?" in request.target else shop(request))
    assert walk.items(10) == ids_of(10)
    with pytest.raises(DecodeError, match="not JSON") as caught:
        walk.items(11)
    assert (caught.value.operation, caught.value.outcome) == ("charges.list", "rejected")


# ---- shapes of lists ------------------------------------------------------------------------------------------

SHAPES: dict[str, Envelope] = {
    "has_more is null": lambda data, _: {"object": "list", "data": data, "has_more": None},
    "has_more is missing": lambda data, _: {"object": "list", "data": data},
    "has_more is text": lambda data, more: {"object": "list", "data": data, "has_more": str(more).lower()},
    "a plain array": lambda data, _: data,
}


@worlds
@some_lists
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("count", [0, 3, 10, 14, 20])
def test_a_list_is_read_to_its_end_whatever_its_shape(
    world: str, name: str, shape: str, count: int, both: Both
) -> None:
    """Where WooshPay does not say whether there is more, a full page means that there may be."""
    assert Walk(both, world, name, Shop(count, SHAPES[shape])).items() == ids_of(count)
    assert len(both.requests) <= count // 10 + 1


@worlds
def test_a_list_in_the_form_of_its_only_entry_is_a_list_of_one(world: str, both: Both) -> None:
    """So the reference shows the payment methods of a customer."""
    walk = Walk(both, world, "customers.list_payment_methods", lambda _: {"id": "pm_1", "object": "payment_method"})
    assert walk.items() == ["pm_1"]
    assert len(both.requests) == 1


@worlds
def test_entries_without_an_id_cannot_be_continued_from_and_that_is_said(world: str, both: Both) -> None:
    """Ending there in silence would make half a report look whole."""
    walk = Walk(both, world, "charges.list", lambda _: as_list([{"object": "charge"}], True))
    with pytest.raises(ProtocolError, match="no id"):
        walk.items()


# ---- search ---------------------------------------------------------------------------------------------------


class Index(Shop):
    """Serves a search: each page names the token of the next one."""

    def __call__(self, request: Received) -> object:
        query = query_of(request)
        assert query["query"] == "merchant_order_id:'a b'"
        limit, start = int(query.get("limit", 10)), int(query.get("page", "at_0").removeprefix("at_"))
        following = start + limit
        found = {"object": "search_result", "url": "/v1/things", "data": self.entries(self.ids[start:following])}
        return found | ({"next_page": f"at_{following}"} if following < len(self.ids) else {"has_more": False})


def search(both: Both, world: str, shop: Callable[[Received], object], **filters: Any) -> Walk:
    return Walk(both, world, "payment_intents.search", shop, query="merchant_order_id:'a b'", **filters)


@worlds
def test_a_search_is_read_page_by_page_with_the_tokens_that_it_gives(world: str, both: Both) -> None:
    walk = search(both, world, Index(7), limit=3)
    assert walk.items() == ids_of(7)
    assert [query.get("page") for query in walk.queries] == [None, "at_3", "at_6"]
    assert {query["limit"] for query in walk.queries} == {"3"}
    assert [body_of(request) for request in both.requests] == [None, None, None]
    both.requests.clear()
    assert [ids_in(page) for page in walk.pages()] == [ids_of(7)[:3], ids_of(7)[3:6], ids_of(7)[6:]]
    assert ids_in(walk.page()) == ids_of(3)
    both.requests.clear()
    assert walk.to_list(4) == ids_of(4)
    assert len(both.requests) == 2


@worlds
def test_a_search_can_begin_at_a_token(world: str, both: Both) -> None:
    assert search(both, world, Index(7), limit=3, page="at_3").items() == ids_of(7)[3:]


@worlds
def test_a_search_that_gives_its_own_token_again_is_noticed(world: str, both: Both) -> None:
    def shop(_: Received) -> object:
        count = len(both.requests)
        return {"object": "search_result", "data": [{"id": f"x_{count}"}], "next_page": "again" if count < 5 else None}

    with pytest.raises(ProtocolError, match="next_page"):
        search(both, world, shop).items()
    assert len(both.requests) == 2


@worlds
def test_a_search_that_promises_more_without_a_token_says_so(world: str, both: Both) -> None:
    def shop(_: Received) -> object:
        return {"object": "search_result", "data": [{"id": "x_0"}], "has_more": True}

    with pytest.raises(ProtocolError, match="no next_page token"):
        search(both, world, shop).items()


@worlds
def test_nothing_found_is_an_empty_page(world: str, both: Both) -> None:
    walk = search(both, world, Index(0))
    assert (walk.items(), len(walk.page())) == ([], 0)


# ---- where a list begins --------------------------------------------------------------------------------------

NOT_GIVEN: list[dict[str, Any]] = [
    {"ending_before": None},
    {"ending_before": ""},
    {"starting_after": None},
    {"starting_after": ""},
    {"starting_after": None, "ending_before": None},
    {"starting_after": "", "ending_before": None},
    {"limit": None},
]


@worlds
@pytest.mark.parametrize("name", ["webhook_endpoints.list", "payment_intents.list"])
@pytest.mark.parametrize("blank", NOT_GIVEN, ids=repr)
def test_a_cursor_that_is_none_or_empty_counts_as_not_given(
    world: str, name: str, blank: dict[str, Any], both: Both
) -> None:
    """``ending_before=None`` gave the first page only, backwards: a script that resumes has None at its first run."""
    walk = Walk(both, world, name, Shop(25), **blank)
    assert walk.items() == ids_of(25)
    assert walk.queries == [{}, {"starting_after": "x_009"}, {"starting_after": "x_019"}]
    assert [body_of(request) for request in both.requests] == [None] * 3


@worlds
@pytest.mark.parametrize("blank", [None, ""], ids=repr)
def test_one_cursor_goes_on_alone_when_the_other_is_none(world: str, blank: str | None, both: Both) -> None:
    """Both were sent with the second page, and which one counts is up to the server."""
    walk = Walk(both, world, "payment_intents.list", Shop(25), ending_before="x_015", starting_after=blank)
    assert walk.items() == ids_of(15)[::-1]
    assert walk.queries == [{"ending_before": "x_015"}, {"ending_before": "x_005"}]
    walk = Walk(both, world, "payment_intents.list", Shop(25), starting_after="x_009", ending_before=blank)
    assert walk.items() == ids_of(25)[10:]
    assert walk.queries == [{"starting_after": "x_009"}, {"starting_after": "x_019"}]


@worlds
@pytest.mark.parametrize("blank", [None, ""], ids=repr)
def test_a_search_token_that_is_none_or_empty_counts_as_not_given(world: str, blank: str | None, both: Both) -> None:
    assert search(both, world, Index(7), limit=3, page=blank).items() == ids_of(7)


@worlds
def test_both_cursors_never_travel_together_beyond_the_first_page(world: str, both: Both) -> None:
    """Whether they may be combined is up to WooshPay; how to go on from there is not known."""
    walk = Walk(both, world, "payment_intents.list", Shop(25), starting_after="x_001", ending_before="x_020")
    with pytest.raises(ConfigurationError, match="starting_after and ending_before"):
        walk.items()
    assert len(both.requests) == 1


@worlds
@pytest.mark.parametrize("place", ["extra_query", "extra_body"])
@pytest.mark.parametrize("name", ["customers.list_payment_methods", "payment_intents.list"])
def test_a_cursor_among_the_extra_parameters_is_where_the_list_begins(
    world: str, name: str, place: str, both: Both
) -> None:
    """It was sent again with every page, so that the second page was the first one again."""
    extras: dict[str, Any] = {place: {"starting_after": "x_004", "memo": "1"}}
    walk = Walk(both, world, name, Shop(25), options=RequestOptions(**extras))
    assert walk.items() == ids_of(25)[5:]
    assert [query["starting_after"] for query in walk.queries] == ["x_004", "x_014"]
    sent = walk.queries if place == "extra_query" else [body_of(request) for request in both.requests]
    assert {found["memo"] for found in sent} == {"1"}, "other parameters stay on every page"
