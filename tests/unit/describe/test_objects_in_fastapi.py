"""Objects as responses and bodies of FastAPI routes, served by uvicorn, with the application's OpenAPI document."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from fastapi import Body, FastAPI, Response
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import BaseModel
from support.answers import EXAMPLES, read
from support.served import on_uvicorn

import wooshpay
from wooshpay import ListObject
from wooshpay.api import OBJECTS
from wooshpay.core.catalog import load
from wooshpay.types import Event, Object, PaymentIntent, Refund

SECRET = "pi_1_secret_hunter2"
RECEIVED: dict[str, Any] = {
    "id": "pi_1",
    "object": "payment_intent",
    "amount": 1999,
    "description": None,
    "client_secret": SECRET,
    "new": {"deep": [1]},
}
PUBLIC = {name: value for name, value in RECEIVED.items() if name != "client_secret"}


class Order(BaseModel):
    number: str
    payment: PaymentIntent


def payment() -> PaymentIntent:
    return PaymentIntent.from_dict(RECEIVED)


def application() -> FastAPI:
    app = FastAPI()

    @app.get("/payment")
    async def show() -> PaymentIntent:
        return payment()

    @app.get("/dict", response_model=PaymentIntent)
    async def show_dict() -> dict[str, Any]:
        return payment().to_dict()

    @app.get("/payments")
    async def show_all() -> list[PaymentIntent]:
        return [payment()]

    @app.get("/page")
    async def show_page() -> ListObject[PaymentIntent]:
        return ListObject(object="list", has_more=False, data=[payment()])

    @app.get("/order")
    async def show_order() -> Order:
        return Order(number="1", payment=payment())

    @app.get("/either")
    async def show_either() -> PaymentIntent | Refund | None:
        return Refund.from_dict({"id": "re_1", "object": "refund"})

    @app.get("/short", response_model_exclude_none=True, response_model_exclude={"new"})
    async def show_short() -> PaymentIntent:
        return payment()

    @app.get("/undeclared", response_model=None)
    async def show_undeclared() -> Any:
        return payment()

    @app.get("/explicit", response_model=None)
    async def show_explicit() -> Any:
        return payment().to_dict()

    @app.get("/raw")
    async def show_raw() -> Response:
        return Response(json.dumps(payment(), default=wooshpay.json_default), media_type="application/json")

    @app.post("/payment")
    async def take(given: Annotated[PaymentIntent, Body()]) -> str:
        return f"{type(given).__name__} {given.amount} {dict(given.extra)} {given.client_secret}"

    @app.post("/order")
    async def take_order(order: Order) -> Order:
        return order

    @app.post("/event")
    async def take_event(event: Annotated[Event, Body()]) -> Object | None:
        return event.data.object

    @app.post("/two")
    async def take_two(payment: Annotated[PaymentIntent, Body()], note: Annotated[str, Body()]) -> str:
        return f"{payment.id} {note}"

    return app


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with on_uvicorn(application()) as found:
        yield found


def get(url: str, body: Any = None, *, status: int = 200) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            assert response.status == status
            return json.load(response)
    except urllib.error.HTTPError as refused:
        with refused:
            if refused.code != status:
                raise
            return json.load(refused)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("payment", PUBLIC),
        ("dict", PUBLIC),
        ("payments", [PUBLIC]),
        ("page", {"object": "list", "has_more": False, "data": [PUBLIC]}),
        ("order", {"number": "1", "payment": PUBLIC}),
        ("either", {"id": "re_1", "object": "refund"}),
        ("short", {"id": "pi_1", "object": "payment_intent", "amount": 1999}),
        ("raw", PUBLIC),
    ],
)
def test_a_route_returns_the_json_with_unknown_fields_and_without_the_client_secret(
    url: str, path: str, expected: Any
) -> None:
    """FastAPI refused the type when the application was imported; and a response model must publish no secret."""
    assert get(f"{url}/{path}") == expected


def test_a_route_without_a_response_model_publishes_no_secret_either(url: str) -> None:
    """FastAPI writes what it does not know by its `vars`."""
    found = get(f"{url}/undeclared")
    assert (found["id"], found["amount"], found["extra"]) == ("pi_1", 1999, {"new": {"deep": [1]}})
    assert "client_secret" not in found


def test_a_route_that_asks_for_the_secret_gets_it(url: str) -> None:
    assert get(f"{url}/explicit") == RECEIVED


def test_a_body_becomes_the_object(url: str) -> None:
    """FastAPI takes bodies by themselves from its own kinds of models only; others are declared with `Body`."""
    assert get(f"{url}/payment", RECEIVED) == "PaymentIntent 1999 {'new': {'deep': [1]}} " + SECRET
    assert get(f"{url}/order", {"number": "1", "payment": RECEIVED}) == {"number": "1", "payment": PUBLIC}
    assert get(f"{url}/event", {"id": "evt_1", "object": "event", "data": {"object": RECEIVED}}) == PUBLIC
    assert get(f"{url}/two", {"payment": RECEIVED, "note": "x"}) == "pi_1 x"


@pytest.mark.parametrize("wrong", [["pi_1"], "pi_1", {"id": "re_1", "object": "refund"}])
def test_a_body_of_another_kind_is_refused_with_422(url: str, wrong: Any) -> None:
    assert get(f"{url}/payment", wrong, status=422)["detail"][0]["loc"] == ["body"]


def test_the_openapi_document_is_valid_and_refers_to_the_classes_by_their_names(url: str) -> None:
    document = get(f"{url}/openapi.json")
    OpenAPIV31SpecValidator(document).validate()
    content = document["paths"]["/payments"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    reference = content["items"]["$ref"]
    outgoing = document["components"]["schemas"][reference.rpartition("/")[2]]
    assert "amount" in outgoing["properties"]
    assert "client_secret" not in outgoing["properties"]
    body = document["paths"]["/payment"]["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    assert "client_secret" in document["components"]["schemas"][body.rpartition("/")[2]]["properties"]


def test_every_class_can_be_what_a_route_returns() -> None:
    """One route for each class, and each returns an answer of WooshPay's reference."""
    app = FastAPI()
    answers = {name: read(file) for file, name in EXAMPLES.items() if file.endswith("_whole")}

    def route(name: str) -> None:
        cls: Any = load(name)

        @app.get(f"/{name}", response_model=cls)
        async def show() -> Any:
            return cls.from_dict(answers.get(name, {"id": "x_1"}))

    for name in OBJECTS:
        route(name)
    with on_uvicorn(app) as url:
        OpenAPIV31SpecValidator(get(f"{url}/openapi.json")).validate()
        for name in OBJECTS:
            found = get(f"{url}/{name}")
            assert found.get("id") == answers.get(name, {"id": "x_1"}).get("id")
            assert "client_secret" not in json.dumps(found)
