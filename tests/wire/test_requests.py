"""What goes over the wire: URL, headers, key and body of a call. On aioresponses: no socket is opened."""

from __future__ import annotations

import base64
import builtins
from typing import Any

import pytest
from aioresponses import CallbackResult
from support.peer import Peer, reply

from wooshpay import UNSET, AsyncWooshPay, RequestOptions, TimeoutError
from wooshpay.api.refunds import Refund

KEY = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
REFUND: dict[str, Any] = {
    "id": "re_1693466278934609920",
    "object": "refund",
    "amount": 500,
    "created": 1692588799000,
    "currency": "USD",
    "status": "succeeded",
}


class Seen:
    """Collects the requests that aioresponses is asked for."""

    def __init__(self, payload: Any, status: int = 200) -> None:
        self.calls: list[dict[str, Any]] = []
        self.urls: list[str] = []
        self._payload = payload
        self._status = status

    def __call__(self, url: Any, **kwargs: Any) -> CallbackResult:
        self.urls.append(str(url))
        self.calls.append(kwargs)
        return CallbackResult(status=self._status, payload=self._payload)


async def test_a_post_carries_json_basic_auth_and_an_idempotency_key(mocked: Any) -> None:
    seen = Seen(REFUND)
    mocked.post("https://apitest.wooshpay.com/v1/refunds", callback=seen)
    async with AsyncWooshPay(KEY) as client:
        refund = await client.refunds.create(
            payment_intent="pi_1", amount=500, reason="duplicate", metadata=None, options=None
        )
    assert isinstance(refund, Refund)
    assert refund.amount == 500
    [call] = seen.calls
    headers = call["headers"]
    assert headers["Authorization"] == "Basic " + base64.b64encode(f"{KEY}:".encode()).decode()
    assert headers["Content-Type"] == headers["Accept"] == "application/json"
    assert headers["User-Agent"].startswith("wooshpay-python/")
    assert len(headers["Idempotency-Key"]) >= 32
    assert call["data"] == b'{"payment_intent":"pi_1","amount":500,"reason":"duplicate","metadata":null}'
    assert call["allow_redirects"] is False


async def test_what_is_unset_is_not_sent(mocked: Any) -> None:
    seen = Seen(REFUND)
    mocked.post("https://apitest.wooshpay.com/v1/refunds", callback=seen)
    async with AsyncWooshPay(KEY) as client:
        await client.refunds.create(payment_intent="pi_1", amount=UNSET)
    assert seen.calls[0]["data"] == b'{"payment_intent":"pi_1"}'


async def test_a_get_carries_no_key_and_no_body(mocked: Any) -> None:
    seen = Seen(REFUND)
    mocked.get(f"https://apitest.wooshpay.com/v1/refunds/{REFUND['id']}", callback=seen)
    async with AsyncWooshPay(KEY) as client:
        await client.refunds.retrieve(str(REFUND["id"]))
    [call] = seen.calls
    assert "Idempotency-Key" not in call["headers"]
    assert call["data"] is None


async def test_an_id_never_walks_the_path() -> None:
    """An id from a stranger's request must not reach another endpoint with the secret key."""
    async with Peer(reply(200, REFUND)) as peer, AsyncWooshPay(KEY, base_url=peer.url) as client:
        await client.refunds.retrieve("../balance?a=1#b")
    assert peer.requests[0].target == "/v1/refunds/..%2Fbalance%3Fa%3D1%23b"


async def test_a_live_key_goes_to_the_live_host(mocked: Any) -> None:
    mocked.get(f"https://api.wooshpay.com/v1/refunds/{REFUND['id']}", payload=REFUND)
    async with AsyncWooshPay("sk_live_abc") as client:
        assert (await client.refunds.retrieve(str(REFUND["id"]))).id == REFUND["id"]


async def test_options_of_one_call_reach_the_wire(mocked: Any) -> None:
    seen = Seen(REFUND)
    mocked.post("https://apitest.wooshpay.com/v1/refunds?beta=1", callback=seen)
    options = RequestOptions(
        idempotency_key="order-17", headers={"X-Trace": "t1"}, extra_query={"beta": 1}, extra_body={"note": "hi"}
    )
    async with AsyncWooshPay(KEY) as client:
        await client.refunds.create(payment_intent="pi_1", options=options)
    [call] = seen.calls
    assert call["headers"]["Idempotency-Key"] == "order-17"
    assert call["headers"]["X-Trace"] == "t1"
    assert call["data"] == b'{"payment_intent":"pi_1","note":"hi"}'


async def test_an_undeclared_operation_is_reached_with_the_same_machinery(mocked: Any) -> None:
    seen = Seen({"anything": [1, 2]})
    mocked.post("https://apitest.wooshpay.com/v1/brand/new?a%5Bb%5D=true", callback=seen)
    async with AsyncWooshPay(KEY) as client:
        answer = await client.request("POST", "/v1/brand/new", query={"a": {"b": True}}, body={"x": 1})
    assert answer == {"anything": [1, 2]}
    assert seen.calls[0]["headers"]["Idempotency-Key"]
    assert seen.calls[0]["data"] == b'{"x":1}'


async def test_with_response_tells_what_came_with_the_result(mocked: Any) -> None:
    mocked.post("https://apitest.wooshpay.com/v1/refunds", payload=REFUND, headers={"Request-Id": "req_9"}, status=201)
    async with AsyncWooshPay(KEY) as client:
        answer = await client.refunds.create.with_response(
            payment_intent="pi_1", options=RequestOptions(idempotency_key="order-18")
        )
    assert answer.data.id == REFUND["id"]
    assert (answer.status, answer.request_id, answer.attempts) == (201, "req_9", 1)
    assert answer.idempotency_key == "order-18"
    assert answer.headers["request-id"] == "req_9"
    assert answer.json() == REFUND


async def test_a_time_limit_in_the_transport_is_ours_and_its_outcome_unknown(mocked: Any) -> None:
    mocked.post("https://apitest.wooshpay.com/v1/refunds", exception=builtins.TimeoutError(), repeat=True)
    async with AsyncWooshPay(KEY, max_retries=0) as client:
        with pytest.raises(TimeoutError) as caught:
            await client.refunds.create(payment_intent="pi_1")
    assert caught.value.outcome == "unknown"
    assert caught.value.idempotency_key is not None
