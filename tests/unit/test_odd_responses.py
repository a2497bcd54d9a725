"""Responses that are neither a clear success nor a clear refusal: none of them may pass for either."""

from __future__ import annotations

from typing import Any

import pytest
from support.effects import REFUND, ScriptedClient, answer

from wooshpay import APIError, CardError, ProtocolError, Request, RequestOptions, Response, WooshPayError
from wooshpay.core.failures import error_in_success

KEYED = RequestOptions(idempotency_key="order-1")
IMPROPER = [0, 1, 99, 100, 101, 103, 199, 600, 604, 999, 1000]


async def charge(client: ScriptedClient) -> Any:
    return await client.refunds.create(payment_intent="pi_1", options=KEYED)


# ---- statuses -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", IMPROPER)
async def test_a_status_that_http_does_not_know_is_never_a_success_and_never_a_refusal(status: int) -> None:
    """000 was taken for a success; 999 for a fault of WooshPay."""
    client = ScriptedClient(answer(status), max_retries=1)
    with pytest.raises(ProtocolError, match=f"status {status:03}") as caught:
        await charge(client)
    error = caught.value
    assert (error.outcome, error.idempotency_key, error.operation) == ("unknown", "order-1", "refunds.create")
    assert error.attempts == 2, "it is tried again under its key, like any response that cannot be read"
    assert client.transport.keys == ["order-1", "order-1"]


@pytest.mark.parametrize("status", IMPROPER)
async def test_an_improper_status_is_forgotten_when_a_proper_response_follows(status: int) -> None:
    client = ScriptedClient(answer(status), answer(200))
    assert (await charge(client)).id == REFUND["id"]


async def test_an_improper_status_to_a_read_changed_nothing() -> None:
    with pytest.raises(ProtocolError) as caught:
        await ScriptedClient(answer(999), max_retries=0).refunds.retrieve("re_1")
    assert caught.value.outcome == "rejected"


async def test_a_middleware_cannot_make_a_success_of_an_improper_status() -> None:
    async def odd(_: Request, call_next: Any) -> Response:
        return answer(0)

    with pytest.raises(ProtocolError) as caught:
        await charge(ScriptedClient(call_middlewares=[odd]))
    assert (caught.value.outcome, caught.value.idempotency_key) == ("unknown", "order-1")


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308, 399])
async def test_a_redirect_leaves_open_whether_the_work_was_done(status: int) -> None:
    """It said that no money moved, though the redirect may come from a gateway after the charge."""
    client = ScriptedClient(answer(status, b""), max_retries=2)
    with pytest.raises(APIError, match="redirect") as caught:
        await charge(client)
    assert (caught.value.outcome, caught.value.idempotency_key, caught.value.attempts) == ("unknown", "order-1", 1)
    with pytest.raises(APIError) as caught:
        await ScriptedClient(answer(status, b"")).refunds.retrieve("re_1")
    assert caught.value.outcome == "rejected"


# ---- an error under a 2xx status ------------------------------------------------------------------------------

ERRORS: dict[str, Any] = {
    "an error object": {"error": {"message": "Your card was declined.", "type": "card_error", "code": "card_declined"}},
    "an error object with facts beside it": {"error": {"message": "No."}, "livemode": False, "request_id": "req_1"},
    "an error as text": {"error": "No such payment"},
    "with empty names": {"id": None, "object": None, "error": {"message": "No."}},
    "flat": {"type": "invalid_request_error", "message": "No such payment", "code": "resource_missing"},
}
each_error = pytest.mark.parametrize("body", ERRORS.values(), ids=ERRORS)


@each_error
@pytest.mark.parametrize("status", [200, 201, 202])
async def test_a_success_that_holds_an_error_is_an_error_of_unknown_outcome(body: Any, status: int) -> None:
    """It was an object whose ID is None: the order was shipped, or the next call failed far from the cause."""
    client = ScriptedClient(answer(status, body, {"Request-Id": "req_7"}))
    with pytest.raises(APIError) as caught:
        await charge(client)
    error = caught.value
    assert type(error) is APIError, "after a CardError, a shop asks for another card and charges it too"
    assert (error.status, error.outcome, error.idempotency_key) == (status, "unknown", "order-1")
    assert (error.operation, error.request_id, error.attempts) == ("refunds.create", "req_7", 1)
    assert error.body == body
    assert len(client.transport.requests) == 1


async def test_the_facts_of_such_an_error_are_there() -> None:
    with pytest.raises(APIError, match=r"HTTP 200, but with an error.*Your card was declined") as caught:
        await charge(ScriptedClient(answer(200, ERRORS["an error object"])))
    assert (caught.value.type, caught.value.code) == ("card_error", "card_declined")
    assert not isinstance(caught.value, CardError)


@each_error
async def test_every_way_of_reading_a_response_notices_the_error(body: Any) -> None:
    client = ScriptedClient(answer(200, body))
    calls: list[Any] = [
        lambda: client.refunds.create.with_response(payment_intent="pi_1"),
        lambda: client.request("POST", "/v1/things"),
        lambda: client.request.with_response("POST", "/v1/things"),
        lambda: client.payment_intents.list().page(),
        lambda: client.payment_intents.list.with_response(),
        lambda: client.balance.retrieve(),
    ]
    for call in calls:
        with pytest.raises(APIError):
            await call()


async def test_a_read_that_holds_an_error_changed_nothing() -> None:
    with pytest.raises(APIError) as caught:
        await ScriptedClient(answer(200, {"error": "No such refund"})).refunds.retrieve("re_1")
    assert caught.value.outcome == "rejected"


@pytest.mark.parametrize(
    "body",
    [
        {**REFUND, "error": {"message": "The bank said no."}},
        {"id": "re_1", "error": "declined"},
        {"object": "refund", "error": {"message": "declined"}},
        {"id": "re_1", "type": "card_error", "message": "declined"},
        {"status": "succeeded", "error": None},
        {"status": "succeeded", "error": {}},
        {"status": "succeeded", "error": ""},
        {"status": "succeeded", "error": False},
        {"code": 0, "message": "success", "data": {}},
        {"type": "card", "message": "hello"},
        {"type": "card_error"},
        {},
        [],
        [{"error": "x"}],
        "error",
        None,
        5,
    ],
    ids=repr,
)
async def test_a_payment_that_went_through_never_becomes_an_exception(body: Any) -> None:
    """An object may have a field ``error`` of its own."""
    client = ScriptedClient(answer(200, b"null" if body is None else body))
    await charge(client)
    await client.request("POST", "/v1/things")


async def test_a_result_with_an_id_or_a_name_is_not_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading every response twice would cost every call time, and lists most of all."""
    looked: list[Response] = []

    def counted(request: Request, response: Response) -> WooshPayError | None:
        looked.append(response)
        return error_in_success(request, response)

    monkeypatch.setattr("wooshpay.core.pipeline.error_in_success", counted)
    await charge(ScriptedClient())
    await ScriptedClient(answer(200, {"object": "list", "data": []})).payment_intents.list()
    await ScriptedClient(answer(200, {"object": "balance"})).balance.retrieve()
    await ScriptedClient().request("POST", "/v1/things")
    assert looked == []
    await ScriptedClient(answer(200, {})).request("POST", "/v1/things")
    assert len(looked) == 1
