"""Operations that are awaited are coroutine functions for mocks, FastAPI and asgiref."""

# Annotations are evaluated here: those of the routes name local variables, which FastAPI cannot find by their text.

import asyncio
import functools
import inspect
import json
import sys
import typing
import urllib.request
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from unittest import mock

import pytest
from asgiref.sync import async_to_sync
from fastapi import Depends, FastAPI
from openapi_spec_validator import OpenAPIV31SpecValidator
from support.answers import read
from support.effects import KEY, ScriptedClient, answer
from support.peer import ThreadedPeer, answering
from support.served import on_uvicorn
from support.wire import path_of, query_of

from wooshpay import AsyncPager, AsyncWooshPay, WooshPay
from wooshpay.api import declarations
from wooshpay.types import Balance, Charge, Customer, PaymentIntent

ALL = {declaration.name: declaration for declaration in declarations()}
each_operation = pytest.mark.parametrize("name", sorted(ALL))

PAYMENT = read("payment_intent_whole")


def bound(client: AsyncWooshPay | WooshPay, name: str) -> Any:
    return functools.reduce(getattr, name.split("."), typing.cast("Any", client))


def is_coroutine_function(function: Any) -> bool:
    found = inspect.iscoroutinefunction(function)
    assert vars(asyncio)["iscoroutinefunction"](function) is found, "the older one, which libraries still use"
    assert inspect.iscoroutinefunction(functools.partial(function)) is found
    return found


# ---- what each is ---------------------------------------------------------------------------------------------


@each_operation
def test_operations_of_the_async_client_are_coroutine_functions_and_lists_are_not(name: str) -> None:
    """A list operation returns its pager at once. Its first page with the response is awaited."""
    operation = bound(AsyncWooshPay(KEY), name)
    assert is_coroutine_function(operation) is not ALL[name].is_list
    assert is_coroutine_function(operation.with_response)


@each_operation
def test_operations_of_the_sync_client_are_not_coroutine_functions(name: str) -> None:
    """FastAPI must run them in a thread, and a mock of them must return its value at once."""
    operation = bound(WooshPay(KEY), name)
    assert not is_coroutine_function(operation)
    assert not is_coroutine_function(operation.with_response)


def test_waiting_and_undeclared_operations_and_closing_are_what_they_are() -> None:
    awaited, called = AsyncWooshPay(KEY), WooshPay(KEY)
    for name in ("payment_intents.wait", "checkout.sessions.wait", "request", "request.with_response", "close"):
        assert is_coroutine_function(bound(awaited, name))
        assert not is_coroutine_function(bound(called, name))
    pager: Any = awaited.charges.list()
    for function in (pager.page, pager.to_list):
        assert is_coroutine_function(function)
    for function in (pager.pages, pager.items):
        assert inspect.isasyncgenfunction(function)
        assert not is_coroutine_function(function)


@each_operation
def test_signature_name_docstring_and_types_are_those_of_the_declaration(name: str) -> None:
    operation, declaration = bound(AsyncWooshPay(KEY), name), ALL[name]
    assert inspect.signature(operation) == declaration.signature
    assert str(inspect.signature(operation)) == str(declaration.signature)
    assert inspect.signature(operation.with_response) == declaration.signature
    assert operation.__doc__ == declaration.__doc__
    assert operation.__name__ == declaration.function.__name__
    assert operation.__qualname__ == declaration.function.__qualname__
    hints = typing.get_type_hints(operation)
    assert hints["return"] == declaration.returns


async def test_being_a_coroutine_function_costs_no_call_of_python() -> None:
    """Between the call of an operation and its request there is what there was: the operation and its coroutine."""
    client = ScriptedClient(answer(body=PAYMENT))
    operations = client.payment_intents
    frames: list[str] = []

    def note(frame: Any, event: str, argument: Any) -> None:
        if event == "call" and "/core/bound.py" in frame.f_code.co_filename.replace("\\", "/"):
            frames.append(frame.f_code.co_name)

    await operations.retrieve(PAYMENT["id"])
    sys.setprofile(note)
    try:
        coroutine = operations.retrieve("pi_1")
    finally:
        sys.setprofile(None)
    coroutine.close()
    assert frames == ["__init__", "__call__"]


# ---- mocks ----------------------------------------------------------------------------------------------------


async def test_a_patched_operation_can_be_awaited() -> None:
    """`mock.patch.object` made a mock that cannot be awaited, so each test of a shop had to make its own."""
    client = AsyncWooshPay(KEY)
    with mock.patch.object(client.payment_intents, "create") as create:
        create.return_value = PaymentIntent.from_dict(PAYMENT)
        assert isinstance(create, mock.AsyncMock)
        assert (await client.payment_intents.create(amount=1, currency="USD")).id == PAYMENT["id"]
    with mock.patch.object(client.charges, "list") as listing:
        assert not isinstance(listing, mock.AsyncMock)
    with mock.patch.object(WooshPay(KEY).payment_intents, "create") as create:
        assert not isinstance(create, mock.AsyncMock)


def async_mocks() -> list[Any]:
    whole: Any = mock.create_autospec(AsyncWooshPay)
    return [whole(KEY), mock.create_autospec(AsyncWooshPay, instance=True)]


@pytest.mark.parametrize("client", [*async_mocks(), mock.create_autospec(AsyncWooshPay(KEY))])
async def test_a_mock_of_the_async_client_has_its_sections_and_awaitable_operations(client: Any) -> None:
    for name, value in {"payment_intents.create": 1, "checkout.sessions.wait": 2, "request": 3}.items():
        bound(client, name).return_value = value
    assert await client.payment_intents.create(amount=1, currency="USD") == 1
    assert await client.checkout.sessions.wait("cs_1") == 2
    assert await client.request("GET", "/v1/balance") == 3
    client.payment_intents.create.with_response.return_value = 4
    assert await client.payment_intents.create.with_response(amount=1, currency="USD") == 4
    client.charges.list.return_value = [5]
    assert client.charges.list(limit=1) == [5]
    with pytest.raises(AttributeError):
        client.payment_intents.crate  # noqa: B018
    async with client:
        await client.close()


@pytest.mark.parametrize("client", async_mocks())
async def test_a_mock_of_the_class_refuses_parameters_that_the_operation_does_not_have(client: Any) -> None:
    with pytest.raises(TypeError, match="amunt"):
        await client.payment_intents.create(amunt=1, amount=1, currency="USD")
    with pytest.raises(TypeError, match="too many positional arguments"):
        client.charges.list("ch_1")


def test_a_mock_of_the_sync_client_returns_values() -> None:
    whole: Any = mock.create_autospec(WooshPay)
    client = whole(KEY)
    client.payment_intents.create.return_value = 1
    assert client.payment_intents.create(amount=1, currency="USD") == 1
    with pytest.raises(TypeError, match="amunt"):
        client.payment_intents.create(amunt=1, amount=1, currency="USD")


def test_an_operation_of_the_class_says_that_it_needs_a_client() -> None:
    with pytest.raises(TypeError, match=r"Create a client first: client = WooshPay\(\.\.\.\)"):
        typing.cast("Any", WooshPay).refunds.create(payment_intent="pi_1")


# ---- frameworks -----------------------------------------------------------------------------------------------


def test_asgiref_runs_an_operation() -> None:
    """It warns of what is not a coroutine function, and a warning is an error here."""
    client = ScriptedClient(answer(body=PAYMENT))
    retrieve: Any = async_to_sync(client.payment_intents.retrieve)
    assert retrieve(PAYMENT["id"]).id == PAYMENT["id"]


ANSWERS: dict[str, Any] = {
    "/v1/payment_intents/pi_1": {**PAYMENT, "id": "pi_1"},
    "/v1/customers/cus_1": {"id": "cus_1", "object": "customer"},
    "/v1/balance": read("balance_whole"),
    "/v1/charges/list": {"object": "list", "has_more": False, "data": [{"id": "ch_1", "object": "charge"}]},
}


def application(client: AsyncWooshPay, called: WooshPay) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with client:
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/payments/{id}")
    async def show_payment(
        found: Annotated[PaymentIntent, Depends(client.payment_intents.retrieve)],
    ) -> PaymentIntent:
        return found

    @app.get("/customers/{id}")
    async def show_customer(found: Annotated[Customer, Depends(called.customers.retrieve)]) -> Customer:
        return found

    @app.get("/balance")
    async def show_balance(found: Annotated[Balance, Depends(client.balance.retrieve)]) -> Balance:
        return found

    @app.get("/charges")
    async def show_charges(found: Annotated[Any, Depends(client.charges.list)]) -> list[Charge]:
        pager = typing.cast("AsyncPager[Charge]", found)
        assert type(found) is AsyncPager
        return [charge async for charge in pager]

    return app


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[str, ThreadedPeer]]:
    with ThreadedPeer(answering(lambda received: ANSWERS[path_of(received)])) as peer:
        client, called = AsyncWooshPay(KEY, base_url=peer.url), WooshPay(KEY, base_url=peer.url)
        with called, on_uvicorn(application(client, called), lifespan=True) as url:
            yield url, peer


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=20) as response:
        return json.load(response)


def test_fastapi_takes_operations_as_dependencies(served: tuple[str, ThreadedPeer]) -> None:
    """The ID comes from the path of the route. The operation of the async client is awaited, and the other is not."""
    url, _ = served
    assert get(f"{url}/payments/pi_1")["amount"] == PAYMENT["amount"]
    assert get(f"{url}/customers/cus_1") == {"id": "cus_1", "object": "customer"}
    assert get(f"{url}/balance")["object"] == "balance"
    assert get(f"{url}/charges") == [{"id": "ch_1", "object": "charge"}]


def test_who_calls_the_route_cannot_set_options_or_optional_parameters(served: tuple[str, ThreadedPeer]) -> None:
    """Otherwise anybody on the internet could set headers, time limits and filters of a call with the secret key."""
    url, peer = served
    peer.requests.clear()
    assert get(f"{url}/payments/pi_1?options=x&client_secret=y")["id"] == "pi_1"
    assert get(f"{url}/charges?limit=100&customer=cus_1") == [{"id": "ch_1", "object": "charge"}]
    assert [path_of(request) for request in peer.requests] == ["/v1/payment_intents/pi_1", "/v1/charges/list"]
    assert [query_of(request) for request in peer.requests] == [{}, {}]
    document = get(f"{url}/openapi.json")
    OpenAPIV31SpecValidator(document).validate()
    shown = document["paths"]["/payments/{id}"]["get"]
    assert [(found["name"], found["in"]) for found in shown["parameters"]] == [("id", "path")]
    assert "requestBody" not in shown
    assert "parameters" not in document["paths"]["/charges"]["get"]


@pytest.mark.parametrize("name", sorted(name for name, declared in ALL.items() if declared.method == "GET"))
def test_every_operation_that_reads_can_be_a_dependency(name: str) -> None:
    """FastAPI refuses a parameter that it does not understand when the application is imported."""
    declaration = ALL[name]
    app = FastAPI()
    ids = [named for named, found in declaration.signature.parameters.items() if found.kind is found.POSITIONAL_ONLY]
    path = "/x" + "".join(f"/{{{named}}}" for named in ids)
    for client in (AsyncWooshPay(KEY), WooshPay(KEY)):

        @app.get(f"/{type(client).__name__}{path}", response_model=None)
        async def show(found: Annotated[Any, Depends(bound(client, name))]) -> Any:
            return found

    for methods in app.openapi()["paths"].values():
        shown = methods["get"].get("parameters", [])
        required = [named for named, found in declaration.signature.parameters.items() if found.default is found.empty]
        assert [found["name"] for found in shown] == required
