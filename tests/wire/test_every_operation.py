"""Every operation of the table, on both clients and over a real socket: what is sent, and what comes back.

Nothing here is taken from the declarations but the names and types of the keyword parameters. Verb, path, the place
of parameters and the result are those of the table; the names on the wire are those of the parameters, but for `WIRE`.
"""

from __future__ import annotations

import csv
import email
import json
import re
from collections.abc import Mapping
from email.message import Message
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

import attrs
import pytest
from support.arguments import every, nullable, required
from support.peer import Received
from support.wire import Both, body_of, nested, path_of, query_of

from wooshpay import UNSET, ApiResponse, AsyncPager, ListObject, Pager
from wooshpay.api import SECTIONS, declarations
from wooshpay.core.catalog import load
from wooshpay.core.declaration import Declaration
from wooshpay.core.json import is_array, is_object

TABLE = Path(__file__).parents[1] / "data" / "api" / "operations.tsv"

Row: TypeAlias = dict[str, str]

ROWS: dict[str, Row] = {row["operation"]: row for row in csv.DictReader(TABLE.read_text().splitlines(), delimiter="\t")}
DECLARED = {declaration.name: declaration for declaration in declarations()}

# Parameters that Python cannot spell as the API does.
WIRE = {("payment_intents.create", "off_session"): "off-session"}

# The path says all that there is to say.
WITHOUT_PARAMETERS = {
    "checkout.sessions.expire",
    "disputes.close",
    "invoices.send",
    "invoices.void",
    "payment_methods.detach",
}

# No id of WooshPay looks like this; but what a stranger puts in a URL of the shop may.
HOSTILE = "../a b/ü?x=1&y#z%2F"

each_operation = pytest.mark.parametrize("name", ROWS)


@attrs.frozen
class Exchange:
    """One call: what arrived at the peer, and what the client gave for the answer; of a list, the first page too."""

    request: Received
    result: Any
    page: Any = None

    @property
    def parts(self) -> dict[str, Message]:
        head = f"Content-Type: {self.request.headers['content-type']}\r\n\r\n".encode()
        message: Any = email.message_from_bytes(head + self.request.body)
        return {str(part.get_param("name", header="content-disposition")): part for part in message.get_payload()}


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> None:  # pyright: ignore[reportUnusedFunction]
    """In place of the check after every test: `both` makes one for them all, which is most of a minute less."""


def call(both: Both, world: str, name: str, arguments: Mapping[str, Any], variant: str = "") -> Exchange:
    """Make one call of this operation with ids for its path, and answer it."""
    row = ROWS[name]
    both.answer = lambda _: answer_of(row, DECLARED[name])
    both.requests.clear()
    result = both.operation(world, f"{name}.{variant}" if variant else name)(*ids_for(row), **arguments)
    if variant or "[" not in row["returns"]:
        result = both.wait(world, result)
        [request] = both.requests
        return Exchange(request, result)
    assert both.requests == [], "a list is fetched when it is asked for"
    page = both.wait(world, result.page())
    [request] = both.requests
    return Exchange(request, result, page)


def is_exactly(value: object, cls: type[object]) -> bool:
    return type(value) is cls


worlds = pytest.mark.parametrize("world", ["sync", "async"])


# ---- what the table says --------------------------------------------------------------------------------------


def ids_for(row: Row) -> list[str]:
    return [f"{HOSTILE}{number}" for number, _ in enumerate(re.findall(r"\{\w+\}", row["path"]))]


def path_for(row: Row) -> str:
    ids = iter(ids_for(row))
    return re.sub(r"\{\w+\}", lambda _: quote(next(ids), safe=""), row["path"])


def entry_of(row: Row) -> str:
    """The name of the class that the operation returns, or that its list is full of."""
    return re.sub(r"^(?:List|SearchResult)\[(\w+)\]$", r"\1", row["returns"])


def answer_of(row: Row, declared: Declaration) -> Any:
    if row["returns"] == "unknown":
        return {"whatever": ["it", {"is": 1}]}
    cls = load(entry_of(row))
    # An object that is named by the path has that ID: one with another ID would be asked for again.
    name = ids_for(row)[-1] if declared.returns_named_object else "x_1"
    answer = {"id": name, "object": cls.TAG, "deleted": True, "field_of_tomorrow": 1}
    if row["returns"].startswith("SearchResult"):
        return {"object": "search_result", "url": row["path"], "has_more": False, "data": [answer]}
    if row["returns"].startswith("List"):
        return {"object": "list", "url": row["path"], "has_more": False, "data": [answer]}
    return answer


def on_wire(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {WIRE.get((name, key), key): value for key, value in arguments.items()}


def as_query(value: Any) -> Any:
    """What a query string can tell of a value: no types, only text."""
    if is_object(value):
        return {key: as_query(item) for key, item in value.items()}
    if is_array(value):
        return [as_query(item) for item in value]
    return value if isinstance(value, str) else json.dumps(value)


def check_parameters(row: Row, exchange: Exchange, sent: Mapping[str, Any]) -> None:
    """The parameters are where the table says, all of them, and nothing else is anywhere."""
    place = row["params_in"]
    if place == "multipart":
        assert query_of(exchange.request) == {}
        assert {name: part.get_payload(decode=True) for name, part in exchange.parts.items()} == {
            name: value if isinstance(value, bytes) else str(value).encode()
            for name, value in sent.items()
            if name != "filename"
        }
        assert f'name="file"; filename="{sent.get("filename", "file")}"'.encode() in exchange.request.body
        return
    assert query_of(exchange.request) == (as_query(sent) if place in {"query", "query+body"} else {})
    if row["method"] == "POST":
        assert body_of(exchange.request) == sent
        assert exchange.request.headers["content-type"] == "application/json"
    else:
        assert body_of(exchange.request) == ((sent or None) if place in {"body", "query+body"} else None)


# ---- every operation ------------------------------------------------------------------------------------------


def test_the_table_is_whole() -> None:
    assert len(ROWS) == 109
    assert {name.rpartition(".")[0] for name in ROWS} == set(SECTIONS)
    assert set(ROWS) == set(DECLARED)


@worlds
@each_operation
def test_all_parameters_arrive_where_the_table_says_under_the_names_of_the_api(
    world: str, name: str, both: Both
) -> None:
    row, arguments = ROWS[name], every(DECLARED[name])
    exchange = call(both, world, name, arguments)
    assert (exchange.request.method, path_of(exchange.request)) == (row["method"], path_for(row))
    assert bool(arguments) == (row["params_in"] != "-" and name not in WITHOUT_PARAMETERS)
    check_parameters(row, exchange, on_wire(name, arguments))


@worlds
@each_operation
@pytest.mark.parametrize("how", ["left out", "UNSET"])
def test_what_is_not_given_is_not_sent(how: str, world: str, name: str, both: Both) -> None:
    row, arguments = ROWS[name], required(DECLARED[name])
    unset = dict.fromkeys(every(DECLARED[name]), UNSET) if how == "UNSET" else {}
    exchange = call(both, world, name, {**unset, **arguments})
    assert (exchange.request.method, path_of(exchange.request)) == (row["method"], path_for(row))
    check_parameters(row, exchange, on_wire(name, arguments))


@worlds
@each_operation
def test_exactly_a_post_carries_an_idempotency_key_of_its_own(world: str, name: str, both: Both) -> None:
    keys = [call(both, world, name, required(DECLARED[name])).request.headers.get("idempotency-key") for _ in range(2)]
    if ROWS[name]["method"] == "POST":
        assert None not in keys
        assert keys[0] != keys[1]
    else:
        assert keys == [None, None]


@worlds
@each_operation
def test_what_comes_back_is_of_the_type_in_the_table(world: str, name: str, both: Both) -> None:
    row = ROWS[name]
    exchange = call(both, world, name, required(DECLARED[name]))
    result = exchange.result
    if row["returns"] == "unknown":
        assert result == answer_of(row, DECLARED[name])
    elif "[" in row["returns"]:
        assert type(result) is (Pager if world == "sync" else AsyncPager)
        check_list(row, DECLARED[name], exchange.page)
    else:
        assert type(result) is load(row["returns"])
        assert result.to_dict() == answer_of(row, DECLARED[name])


@worlds
@each_operation
def test_the_whole_answer_can_be_had_as_well(world: str, name: str, both: Both) -> None:
    row = ROWS[name]
    response = call(both, world, name, required(DECLARED[name]), "with_response").result
    assert is_exactly(response, ApiResponse)
    assert (response.status, response.attempts, response.json()) == (200, 1, answer_of(row, DECLARED[name]))
    assert (response.idempotency_key is not None) == (row["method"] == "POST")
    if row["returns"] == "unknown":
        assert response.data == answer_of(row, DECLARED[name])
    elif "[" in row["returns"]:
        check_list(row, DECLARED[name], response.data)
    else:
        assert type(response.data) is load(row["returns"])


def check_list(row: Row, declared: Declaration, page: Any) -> None:
    assert is_exactly(page, ListObject)
    assert page.to_dict() == answer_of(row, declared)
    assert [type(entry) for entry in page] == [load(entry_of(row))]


NULLABLE = [(name, parameter) for name, declaration in DECLARED.items() for parameter in nullable(declaration)]


@pytest.mark.parametrize(("name", "parameter"), NULLABLE)
def test_none_is_sent_as_null(name: str, parameter: str, both: Both) -> None:
    """It means something else than leaving the parameter out: it removes what is there."""
    exchange = call(both, "sync", name, {**required(DECLARED[name]), parameter: None})
    assert body_of(exchange.request)[WIRE.get((name, parameter), parameter)] is None


# ---- the tools of this file -----------------------------------------------------------------------------------


def test_a_query_is_read_back_as_it_was_meant() -> None:
    query = "a=1&b%5Bc%5D=2&b%5Bd%5D%5B%5D=x%26y&b%5Bd%5D%5B%5D=z&e="
    assert nested(query) == {"a": "1", "b": {"c": "2", "d": ["x&y", "z"]}, "e": ""}
