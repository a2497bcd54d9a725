"""Options and settings that were passed as parameters: they must never travel in the body, where they do nothing."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from support.effects import KEY, ScriptedClient

from wooshpay import AsyncWooshPay, RequestOptions, WooshPay
from wooshpay.core.names import ONLY_AT_CONSTRUCTION, OPTIONS, SETTINGS

FOR_SETTINGS = sorted(SETTINGS - ONLY_AT_CONSTRUCTION)


@pytest.fixture
def client() -> Any:
    return AsyncWooshPay(KEY)


def test_every_option_and_every_setting_is_known() -> None:
    """A new option that is missing here would be sent as a parameter, and nobody would notice."""
    assert set(inspect.signature(RequestOptions).parameters) == OPTIONS
    at_construction = set(inspect.signature(AsyncWooshPay).parameters)
    assert at_construction <= OPTIONS | SETTINGS
    in_copies = set(inspect.signature(AsyncWooshPay.with_options).parameters) - {"self"}
    assert at_construction - in_copies == ONLY_AT_CONSTRUCTION
    assert set(inspect.signature(WooshPay).parameters) <= at_construction


@pytest.mark.parametrize("name", sorted(OPTIONS))
@pytest.mark.parametrize(
    "operation", ["refunds.create", "refunds.create.with_response", "payment_intents.list", "request"]
)
def test_an_option_among_the_parameters_is_refused_with_the_place_where_it_works(
    client: Any, name: str, operation: str
) -> None:
    """With the advice to use extra_body, the key of a charge was sent in the body and protected nothing."""
    call = client
    for part in operation.split("."):
        call = getattr(call, part)
    with pytest.raises(TypeError) as caught:
        call(**{name: "order-1"})
    assert f"options=RequestOptions({name}=...)" in str(caught.value)
    assert f"no parameter {name!r}" in str(caught.value)
    assert "extra_body" not in str(caught.value) or name == "extra_body"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("idempotencyKey", "idempotency_key"),
        ("Idempotency-Key", "idempotency_key"),
        ("maxRetries", "max_retries"),
        ("extra_headers", "headers"),
        ("max_network_retries", "max_retries"),
    ],
)
def test_other_spellings_of_an_option_are_understood(client: Any, written: str, meant: str) -> None:
    with pytest.raises(TypeError, match=rf"options=RequestOptions\({meant}=\.\.\.\)"):
        client.refunds.create(**{written: "order-1"})


@pytest.mark.parametrize("written", ["idempotencyKey", "Idempotency-Key", "IDEMPOTENCY_KEY"])
def test_no_spelling_of_the_key_gets_into_the_body(client: Any, written: str) -> None:
    with pytest.raises(TypeError, match=r"extra_body must not hold .*options=RequestOptions\(idempotency_key=\.\.\.\)"):
        client.refunds.create(options=RequestOptions(extra_body={written: "order-1"}))


async def test_only_what_is_called_like_an_option_is_refused() -> None:
    """A name that another SDK uses for an option can be a parameter of WooshPay."""
    client = ScriptedClient()
    extra = {"retries": 1, "session": "cs_1", "proxy": "x", "strict": True}
    await client.refunds.create(payment_intent="pi_1", options=RequestOptions(extra_body=extra))
    assert client.transport.last_json == {"payment_intent": "pi_1", **extra}


@pytest.mark.parametrize("name", FOR_SETTINGS)
def test_a_setting_of_the_client_is_refused_with_the_call_that_works(client: Any, name: str) -> None:
    """``create(api_key=...)`` for one merchant of many must not send the key to the wrong place."""
    with pytest.raises(TypeError, match=rf"client\.with_options\({name}=\.\.\.\)\.refunds\.create\(\.\.\.\)"):
        client.refunds.create(**{name: "sk_test_other"})


@pytest.mark.parametrize("name", sorted(ONLY_AT_CONSTRUCTION))
def test_a_setting_of_the_connections_is_refused_with_the_place_where_it_works(client: Any, name: str) -> None:
    with pytest.raises(TypeError, match=rf"pass {name}=\.\.\. when you create the client"):
        client.refunds.create(**{name: "x"})


def test_expand_is_answered_with_what_works_instead(client: Any) -> None:
    with pytest.raises(TypeError, match=r"retrieve the related object by its ID.*extra_query=\{\"expand\""):
        client.refunds.create(expand=["charge"])


def test_a_wait_names_the_option_too(client: Any) -> None:
    with pytest.raises(TypeError, match=r"options=RequestOptions\(headers=\.\.\.\)"):
        client.payment_intents.wait("pi_1", headers={})
    with pytest.raises(TypeError, match=r"with_options\(api_key=\.\.\.\)"):
        client.payment_intents.wait("pi_1", api_key="sk_test_other")


@pytest.mark.parametrize("name", sorted(OPTIONS | {"options", "api_key"}))
@pytest.mark.parametrize("place", ["extra_body", "extra_query"])
def test_the_way_around_the_signature_refuses_options_too(client: Any, place: str, name: str) -> None:
    """Otherwise the advice in the first error would lead to a silent one."""
    extras: Any = {place: {"memo": 1, name: "order-1"}}
    with pytest.raises(TypeError, match=rf"{place} must not hold '{name}'"):
        client.refunds.create(options=RequestOptions(**extras))


@pytest.mark.parametrize("name", sorted(OPTIONS | {"options", "api_key"}))
@pytest.mark.parametrize("place", ["body", "query"])
def test_parameters_of_an_undeclared_operation_are_held_to_the_same_rule(client: Any, place: str, name: str) -> None:
    with pytest.raises(TypeError, match=rf"{place} must not hold '{name}'"):
        client.request("POST", "/v1/things", **{place: {name: "order-1"}})


async def test_a_parameter_called_like_an_option_can_be_sent_by_whoever_sets_the_option_too() -> None:
    """Should WooshPay have a parameter ``timeout`` one day, nobody has to wait for a release."""
    client = ScriptedClient()
    options = RequestOptions(timeout=30, extra_body={"timeout": 5})
    await client.refunds.create(payment_intent="pi_1", options=options)
    assert client.transport.last_json == {"payment_intent": "pi_1", "timeout": 5}
    await client.request("POST", "/v1/things", body={"timeout": 5}, options=RequestOptions(timeout=30))
    assert client.transport.last_json == {"timeout": 5}


async def test_a_parameter_that_the_operation_documents_is_sent() -> None:
    client = ScriptedClient()
    options = RequestOptions(extra_query={"expand": ["issuing_card.number"]})
    await client.issuing.cards.retrieve("ic_1", options=options)
    assert client.transport.last.url.endswith("?expand%5B%5D=issuing_card.number")
    await client.issuing.cards.retrieve("ic_1", expand=["issuing_card.number"])
    assert client.transport.last.url.endswith("?expand%5B%5D=issuing_card.number")


def test_an_undeclared_operation_says_where_its_parameters_go(client: Any) -> None:
    with pytest.raises(TypeError, match=r"Pass the parameters of the operation in body=\{\.\.\.\} or query="):
        client.request("POST", "/v1/things", params={"a": 1})


@pytest.mark.parametrize("operation", ["refunds.create", "payment_intents.list", "request"])
def test_options_in_a_dict_are_refused_with_the_same_options_written_right(client: Any, operation: str) -> None:
    """The error comes at the call: a list would otherwise tell of it only when it is read."""
    call: Any = client
    for part in operation.split("."):
        call = getattr(call, part)
    ids = ("GET", "/v1/things") if operation == "request" else ()
    with pytest.raises(TypeError, match=r"pass options=RequestOptions\(idempotency_key=\.\.\., timeout=\.\.\.\)"):
        call(*ids, options={"idempotencyKey": "order-1", "timeout": 3})
    with pytest.raises(TypeError, match=r"pass options=RequestOptions\(\.\.\.\)"):
        call(*ids, options={})
    with pytest.raises(TypeError, match="not str"):
        call(*ids, options="order-1")
