"""Parameters that an operation does not know: dropped and listed; refused by a strict sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Literal, TypedDict

import aiohttp
import pytest
from sandbox.rig import GOOD, Api, card, order, payment
from support.arguments import every

from wooshpay import AsyncWooshPay, WooshPayError
from wooshpay.api import declarations
from wooshpay.sandbox import Sandbox
from wooshpay.sandbox.requests.fitting import Unknowns, fit_of
from wooshpay.sandbox.requests.strictness import unknown_parameters

ALL = list(declarations())


@pytest.fixture
async def strict() -> AsyncIterator[Sandbox]:
    async with Sandbox(strict=True) as sandbox:
        yield sandbox


@pytest.fixture
async def strict_api(strict: Sandbox) -> AsyncIterator[Api]:
    async with aiohttp.ClientSession() as session:
        yield Api(session, strict.base_url, strict.api_key)


# What real programs send, and parameters inside every kind of place.
CASES: list[tuple[str, dict[str, Any], list[str], str]] = [
    ("/v1/payment_intents", payment(save_payment_method=True), ["save_payment_method"], "payment_method"),
    ("/v1/payment_intents", payment(cancel_url="https://a.example"), ["cancel_url"], "return_url"),
    ("/v1/payment_intents", payment(customer_email="a@example.com"), ["customer_email"], "customer"),
    (
        "/v1/payment_intents",
        payment(payment_method_data=card(colour="blue")),
        ["payment_method_data[card][colour]"],
        "payment_method_data[card][",
    ),
    (
        "/v1/payment_intents",
        payment(GOOD, shipping={"adress": {"line1": "1 Test Street"}, "name": "Ada"}),
        ["shipping[adress]"],
        "shipping[address]",
    ),
    (
        "/v1/checkout/sessions",
        order(return_url="https://a.example", line_items=[{**order()["line_items"][0], "quantitty": 3}]),
        ["return_url", "line_items[0][quantitty]"],
        "cancel_url",
    ),
    ("/v1/customers", {"id": "cus_1"}, ["id"], ""),
]


@pytest.mark.parametrize(("path", "body", "names", "nearest"), CASES)
async def test_they_are_dropped_and_listed(
    api: Api, sandbox: Sandbox, path: str, body: dict[str, Any], names: list[str], nearest: str
) -> None:
    """Without the list a program never learns that WooshPay ignores what it sends."""
    reply = await api.post(path, body)
    assert reply.status == 200, reply.body
    assert sorted(sandbox.requests[-1].unknown_parameters) == sorted(names)
    listed = (await api.find("/sandbox/requests"))["data"][0]
    assert sorted(listed["unknown_parameters"]) == sorted(names)


@pytest.mark.parametrize(("path", "body", "names", "nearest"), CASES)
async def test_a_strict_sandbox_refuses_them_and_names_the_nearest_known_one(
    strict_api: Api, strict: Sandbox, path: str, body: dict[str, Any], names: list[str], nearest: str
) -> None:
    reply = await strict_api.post(path, body, key="order-1001")
    assert (reply.status, reply.error["code"]) == (400, "parameter_unknown")
    assert reply.error["param"] in names
    for name in names:
        assert name in reply.error["message"]
    assert f"The nearest known one is {nearest}" in reply.error["message"]
    assert strict.store.kinds() == []
    assert sorted(strict.requests[-1].unknown_parameters) == sorted(names)
    # The idempotency key was not used up by the refusal.
    assert (await strict_api.post("/v1/customers", {}, key="order-1001")).status == 200


async def test_forms_and_queries_are_read_alike(api: Api, strict_api: Api, sandbox: Sandbox) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    data = b"email=a%40example.com&adress[line1]=1&address[line3]=x&metadata[any][thing]=1"
    await api.send("POST", "/v1/customers", data=data, headers=form)
    assert sandbox.requests[-1].unknown_parameters == ("adress", "address[line3]")
    await api.get("/v1/payment_intents?limits=3&created[from]=1")
    assert sandbox.requests[-1].unknown_parameters == ("limits", "created[from]")
    reply = await strict_api.get("/v1/payment_intents?limits=3")
    assert (reply.status, reply.error["param"]) == (400, "limits")
    assert "The nearest known one is limit." in reply.error["message"]


async def test_they_are_listed_where_the_request_is_refused_for_another_reason(api: Api, sandbox: Sandbox) -> None:
    await api.post("/v1/payment_intents", {"ammount": 5, "payment_method_types": {"a": "b"}})
    assert sandbox.requests[-1].unknown_parameters == ("ammount",)


async def test_free_objects_may_hold_any_names(strict_api: Api) -> None:
    metadata = {"order": "1001", "any name": "x"}
    for path, body in (
        ("/v1/customers", {"metadata": metadata}),
        ("/v1/payment_intents", payment(metadata=metadata)),
        ("/v1/checkout/sessions", order(metadata=metadata, payment_intent_data={"metadata": metadata})),
    ):
        assert (await strict_api.post(path, body)).status == 200


async def test_a_secret_in_a_name_is_not_kept(api: Api, sandbox: Sandbox) -> None:
    await api.post("/v1/customers", {"4111111111111111": "x"})
    assert "4111111111111111" not in str(sandbox.requests[-1].unknown_parameters)


async def test_every_declared_parameter_is_known(strict: Sandbox) -> None:
    """A false alarm would make the strict sandbox useless: what the SDK can send, it must know."""
    async with AsyncWooshPay(strict.api_key, base_url=strict.base_url, max_retries=0) as client:
        for declaration in ALL:
            call: Any = client
            for part in declaration.name.split("."):
                call = getattr(call, part)
            try:
                result = call(*["pi_1"] * declaration.path.count("{"), **every(declaration))
                await (anext(aiter(result), None) if declaration.is_list else result)
            except WooshPayError:
                pass  # many of the made-up values are refused, as they should be
    assert {request.operation for request in strict.requests} == {declaration.name for declaration in ALL}
    assert [request for request in strict.requests if request.unknown_parameters] == []
    assert [request for request in strict.requests if request.error_code == "parameter_unknown"] == []
    # Otherwise the test would say nothing: the parameters arrived.
    sent = {request.operation: request.params.keys() for request in strict.requests}
    assert sent["checkout.sessions.create"] >= {"line_items", "payment_intent_data", "metadata"}


async def test_the_pager_of_a_list_that_declares_no_cursor_reads_all_pages(strict: Sandbox) -> None:
    """The SDK continues every list with a cursor, also where the reference does not mention one."""
    async with AsyncWooshPay(strict.api_key, base_url=strict.base_url) as client:
        customer = await client.customers.create()
        for _ in range(3):
            method = await client.payment_methods.create(**card())
            await client.payment_methods.attach(method.id, customer=customer.id)
        found = [method async for method in client.customers.list_payment_methods(customer.id, limit=1)]
    assert len(found) == 3


class _Shape(TypedDict, total=False):
    name: str
    inner: dict[str, str]


class _Other(TypedDict, total=False):
    name: str
    size: int


@pytest.mark.parametrize(
    ("hint", "value", "names"),
    [
        (_Shape, {"name": "a", "other": 1}, ["x[other]"]),
        (list[_Shape], [{"name": "a"}, {"nam": "a"}], ["x[1][nam]"]),
        (_Shape, {"inner": {"any": "thing"}}, []),
        (dict[str, _Shape], {"any": {"other": 1}}, ["x[any][other]"]),
        (Any, {"any": 1}, []),
        # Of a union, the shape that knows most of what was sent.
        (_Shape | _Other, {"name": "a", "size": 1}, []),
        (_Shape | _Other, {"name": "a", "size": 1, "colour": "b"}, ["x[colour]"]),
        (Literal["a"] | _Shape, {"other": 1}, ["x[other]"]),
    ],
)
def test_names_within_shapes(hint: Any, value: Any, names: list[str]) -> None:
    unknown: Unknowns = []
    fit_of(hint)(value, "x", unknown)
    assert [parameter.name for parameter in unknown] == names


def test_a_message_stays_short_however_much_is_unknown() -> None:
    unknown: Unknowns = []
    fit_of(_Shape)({f"name{number}": "a" for number in range(1000)}, "x", unknown)
    message = unknown_parameters("things.create", unknown).message
    assert message.startswith("things.create has no parameter x[name0]. The nearest known one is x[name].")
    assert len(message) < 400
    assert ", ..." in message
