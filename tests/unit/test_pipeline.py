"""The way of a call, on a scripted transport and a clock that only moves when told to."""

from __future__ import annotations

import asyncio
import builtins
import datetime
import logging
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.effects import KEY, REFUND, FakeClock, ScriptedClient, Step, answer

from wooshpay import (
    UNSET,
    APIError,
    Attempt,
    CardError,
    ConfigurationError,
    ConnectError,
    DecodeError,
    IdempotencyError,
    Next,
    ProtocolError,
    RateLimitError,
    Request,
    RequestOptions,
    Response,
    RetryEvent,
    RetryPolicy,
    ServerError,
    TimeoutError,
    WooshPayError,
)
from wooshpay.core.effects import Effects
from wooshpay.core.query import encode_query

CARD = "4242424242424242"


def dead() -> ConnectError:
    return ConnectError("No way.", failure="not_connected")


def forbidden() -> ConnectError:
    return ConnectError("A bad certificate.", failure="refused")


def broken() -> ProtocolError:
    return ProtocolError("It broke.", failure="broken")


async def refund(client: ScriptedClient, **options: Any) -> Any:
    return await client.refunds.create(payment_intent="pi_1", options=RequestOptions(**options) if options else None)


# ---- the idempotency key --------------------------------------------------------------------------------------


async def test_one_key_is_made_and_kept_through_every_retry() -> None:
    """A new key for the retry would be a second refund."""
    client = ScriptedClient(broken(), answer(500), answer())
    await refund(client)
    assert client.transport.keys == ["key_1"] * 3
    assert [request.headers["Idempotency-Key"] for request in client.transport.requests] == ["key_1"] * 3
    assert len({request.body for request in client.transport.requests}) == 1
    await refund(client)
    assert client.transport.keys[3:] == ["key_2"]


async def test_the_users_key_is_used_as_it_is() -> None:
    client = ScriptedClient(broken(), answer())
    await refund(client, idempotency_key="order-1/refund")
    assert client.transport.keys == ["order-1/refund"] * 2
    assert client.transport.last.headers["Idempotency-Key"] == "order-1/refund"


async def test_switching_the_key_off_switches_unsafe_retries_off_too() -> None:
    client = ScriptedClient(broken())
    with pytest.raises(ProtocolError) as caught:
        await refund(client, idempotency_key=None)
    assert client.transport.keys == [None]
    assert "Idempotency-Key" not in client.transport.last.headers
    assert (caught.value.outcome, caught.value.idempotency_key) == ("unknown", None)


async def test_without_a_key_what_was_surely_not_carried_out_is_still_tried_again() -> None:
    client = ScriptedClient(dead(), answer(429), answer())
    await refund(client, idempotency_key=None)
    assert len(client.transport.requests) == 3


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_only_a_post_carries_a_key(method: Any) -> None:
    client = ScriptedClient(broken(), answer())
    await client.request(method, "/v1/things/1")
    assert client.transport.keys == [None, None]
    assert "Idempotency-Key" not in client.transport.last.headers


# ---- how often and how long -----------------------------------------------------------------------------------


@pytest.mark.parametrize("retries", [0, 1, 2, 5])
async def test_the_number_of_attempts_is_one_more_than_the_retries(retries: int) -> None:
    client = ScriptedClient(dead(), max_retries=retries)
    with pytest.raises(ConnectError) as caught:
        await refund(client)
    assert len(client.transport.requests) == caught.value.attempts == retries + 1
    assert [request.attempt for request in client.transport.requests] == list(range(1, retries + 2))
    assert client.clock.slept == [min(8.0, 0.5 * 2**n) for n in range(retries)]


async def test_a_call_has_its_own_number_of_retries() -> None:
    client = ScriptedClient(dead(), max_retries=5)
    with pytest.raises(ConnectError):
        await refund(client, max_retries=1)
    assert len(client.transport.requests) == 2


async def test_limits_reach_the_transport_and_can_be_set_by_call() -> None:
    client = ScriptedClient(timeout=50, attempt_timeout=20, connect_timeout=3)
    await refund(client)
    await refund(client, timeout=9, attempt_timeout=8, connect_timeout=7)
    first, second = client.transport.requests
    assert (first.deadline - 1000, first.attempt_timeout, first.connect_timeout) == (50, 20, 3)
    assert (second.deadline - 1000, second.attempt_timeout, second.connect_timeout) == (9, 8, 7)


async def test_the_deadline_is_one_for_all_attempts() -> None:
    client = ScriptedClient(dead(), answer())
    await refund(client, timeout=50)
    assert len({request.deadline for request in client.transport.requests}) == 1


def slow(clock: FakeClock, seconds: float, then: Step) -> Callable[[Request], Response]:
    def step(_: Request) -> Response:
        clock.advance(seconds)
        if isinstance(then, Response):
            return then
        assert isinstance(then, WooshPayError)
        raise then

    return step


async def test_no_attempt_starts_that_the_deadline_cannot_hold() -> None:
    """A request sent in the last instant cannot bring an answer, only doubt."""
    clock = FakeClock()
    client = ScriptedClient(slow(clock, 9.0, dead()), clock=clock, max_retries=9)
    with pytest.raises(ConnectError, match="deadline") as caught:
        await refund(client, timeout=10.0)
    assert len(client.transport.requests) == caught.value.attempts == 1
    assert clock.slept == []
    assert caught.value.outcome == "not_sent"


async def test_an_attempt_that_the_deadline_can_hold_is_made() -> None:
    clock = FakeClock()
    client = ScriptedClient(slow(clock, 8.0, dead()), answer(), clock=clock)
    await refund(client, timeout=10.0)
    assert len(client.transport.requests) == 2


async def test_a_short_attempt_needs_no_more_time_than_its_own_limit() -> None:
    clock = FakeClock(luck=0.0)
    client = ScriptedClient(slow(clock, 0.2, dead()), answer(), clock=clock)
    await refund(client, timeout=0.5, attempt_timeout=0.2)
    assert len(client.transport.requests) == 2


async def test_a_short_deadline_may_hold_a_second_attempt_too() -> None:
    clock = FakeClock(luck=0.0)
    client = ScriptedClient(slow(clock, 0.1, dead()), slow(clock, 0.2, dead()), answer(), clock=clock)
    with pytest.raises(ConnectError, match="deadline"):
        await refund(client, timeout=0.5)
    assert len(client.transport.requests) == 2, "0.4 s were left for the second attempt, 0.2 s for a third"


async def test_a_retry_after_beyond_the_deadline_ends_the_call_at_once_and_says_so() -> None:
    """Sleeping until the deadline only to fail then would waste the caller's time."""
    client = ScriptedClient(answer(429, {"error": "slow down"}, {"Retry-After": "200"}))
    with pytest.raises(RateLimitError, match="asks to wait 200 s") as caught:
        await refund(client)
    assert client.clock.slept == []
    assert (caught.value.retry_after, caught.value.attempts, caught.value.outcome) == (200.0, 1, "rejected")


async def test_an_odd_retry_after_counts_as_five_minutes() -> None:
    """Programs sleep for as long as `retry_after` says: 1e300 seconds would be an OverflowError, or forever."""
    client = ScriptedClient(answer(429, {"error": "slow down"}, {"Retry-After": "1e300"}), answer())
    await refund(client, timeout=1000.0)
    assert client.clock.slept == [300.0]
    client = ScriptedClient(answer(429, {"error": "slow down"}, {"Retry-After": "1e300"}))
    with pytest.raises(RateLimitError) as caught:
        await refund(client)
    assert caught.value.retry_after == 300.0


async def test_retry_after_is_waited_for() -> None:
    client = ScriptedClient(answer(429, headers={"Retry-After": "7"}), answer())
    await refund(client)
    assert client.clock.slept == [7.0]


async def test_the_policy_can_be_replaced() -> None:
    seen: list[Attempt] = []

    class Never(RetryPolicy):
        def wait(self, attempt: Attempt, uniform: Callable[[float, float], float]) -> float | None:
            seen.append(attempt)
            return None

    client = ScriptedClient(answer(503, {"error": "down"}), retry_policy=Never())
    with pytest.raises(ServerError):
        await refund(client)
    assert [(attempt.number, attempt.method, attempt.keyed, attempt.status) for attempt in seen] == [
        (1, "POST", True, 503)
    ]


async def test_a_policy_that_always_retries_is_still_held_by_the_limits() -> None:
    class Always(RetryPolicy):
        def wait(self, attempt: Attempt, uniform: Callable[[float, float], float]) -> float | None:
            return 0.0

    client = ScriptedClient(answer(402, {"error": {"type": "card_error"}}), retry_policy=Always(), max_retries=3)
    with pytest.raises(CardError):
        await refund(client)
    assert len(client.transport.requests) == 4


async def test_a_key_in_use_is_waited_for_and_a_key_used_otherwise_is_not() -> None:
    in_use = answer(409, {"error": {"type": "idempotency_error", "code": "idempotency_key_in_use"}})
    client = ScriptedClient(in_use, answer())
    await refund(client)
    assert len(client.transport.requests) == 2
    reused = answer(409, {"error": {"type": "idempotency_error", "message": "Used with other parameters"}})
    client = ScriptedClient(reused)
    with pytest.raises(IdempotencyError) as caught:
        await refund(client)
    assert (len(client.transport.requests), caught.value.outcome) == (1, "rejected")


async def test_a_replayed_failure_is_not_asked_for_again() -> None:
    client = ScriptedClient(answer(500, {"error": "boom"}, {"idempotent-replayed": "true"}))
    with pytest.raises(ServerError):
        await refund(client)
    assert len(client.transport.requests) == 1


# ---- what an error says about the money -----------------------------------------------------------------------

DECLINED = answer(402, {"error": {"type": "card_error"}})


@pytest.mark.parametrize(
    ("steps", "error", "outcome"),
    [
        ([dead(), dead()], ConnectError, "not_sent"),
        ([forbidden()], ConnectError, "not_sent"),
        ([broken(), broken()], ProtocolError, "unknown"),
        ([broken(), dead()], ConnectError, "unknown"),
        ([dead(), broken()], ProtocolError, "unknown"),
        ([broken(), forbidden()], ConnectError, "unknown"),
        ([answer(500), dead()], ConnectError, "unknown"),
        ([answer(502, b"<html>"), DECLINED], CardError, "unknown"),
        ([broken(), answer(400)], APIError, "unknown"),
        ([dead(), answer(400)], APIError, "rejected"),
        ([answer(429), answer(429)], RateLimitError, "rejected"),
        ([answer(429), DECLINED], CardError, "rejected"),
        ([broken(), answer(429)], RateLimitError, "unknown"),
        ([answer(429), dead()], ConnectError, "rejected"),
        ([answer(429), forbidden()], ConnectError, "rejected"),
        ([answer(503), answer(503)], ServerError, "unknown"),
        ([broken(), answer(200, b"oops")], DecodeError, "unknown"),
        ([broken(), ConfigurationError("The client was closed.")], ConfigurationError, "unknown"),
        ([dead(), ConfigurationError("The client was closed.")], ConfigurationError, "not_sent"),
        ([answer(429), ConfigurationError("The client was closed.")], ConfigurationError, "rejected"),
    ],
)
async def test_the_outcome_is_that_of_all_attempts_together(
    steps: list[Any], error: type[WooshPayError], outcome: str
) -> None:
    """One attempt that may have been carried out makes the whole call one that may have been."""
    script = [raising(step) if isinstance(step, ConfigurationError) else step for step in steps]
    client = ScriptedClient(*script, max_retries=1)
    with pytest.raises(error) as caught:
        await refund(client)
    assert caught.value.outcome == outcome
    assert caught.value.attempts == len(steps)
    assert (caught.value.operation, caught.value.idempotency_key) == ("refunds.create", "key_1")


def raising(error: WooshPayError) -> Callable[[Request], Response]:
    def step(_: Request) -> Response:
        raise error

    return step


@pytest.mark.parametrize("steps", [[broken(), broken()], [answer(500), answer(500)], [broken(), answer(404)]])
async def test_a_failed_read_never_leaves_doubt(steps: list[Step]) -> None:
    client = ScriptedClient(*steps, max_retries=1)
    with pytest.raises(WooshPayError) as caught:
        await client.refunds.retrieve("re_1")
    assert (caught.value.outcome, caught.value.attempts) == ("rejected", 2)


async def test_success_after_retries_tells_how_many_it_took() -> None:
    client = ScriptedClient(broken(), answer(503), answer(headers={"Request-Id": "req_1"}))
    got = await client.refunds.create.with_response(payment_intent="pi_1")
    assert (got.data.id, got.status, got.attempts, got.request_id) == ("re_1", 200, 3, "req_1")
    assert got.idempotency_key == "key_1"
    assert got.json() == REFUND


@pytest.mark.parametrize("headers", [{"Request-Id": "req_1"}, {"x-request-id": "req_1"}])
async def test_the_request_id_is_on_the_error(headers: dict[str, str]) -> None:
    client = ScriptedClient(answer(400, {"error": "no"}, headers))
    with pytest.raises(APIError, match="request req_1") as caught:
        await refund(client)
    assert caught.value.request_id == "req_1"


async def test_a_redirect_is_no_success() -> None:
    client = ScriptedClient(answer(302, b"", {"Location": "https://evil.example"}))
    with pytest.raises(APIError, match="redirect"):
        await refund(client)


# ---- telling of retries ---------------------------------------------------------------------------------------


async def test_on_retry_is_told_before_every_wait() -> None:
    events: list[RetryEvent] = []
    client = ScriptedClient(broken(), answer(503), answer(), on_retry=events.append)
    await refund(client)
    common = {"operation": "refunds.create", "idempotency_key": "key_1"}
    assert events == [
        RetryEvent(attempt=1, wait=0.5, status=None, error="It broke.", **common),
        RetryEvent(attempt=2, wait=1.0, status=503, error=None, **common),
    ]


async def test_on_retry_is_not_told_of_the_last_failure() -> None:
    events: list[RetryEvent] = []
    client = ScriptedClient(dead(), on_retry=events.append, max_retries=1)
    with pytest.raises(ConnectError):
        await refund(client)
    assert [event.attempt for event in events] == [1]


# ---- middlewares ----------------------------------------------------------------------------------------------


def noting(notes: list[str], name: str) -> Any:
    async def middleware(request: Request, call_next: Next) -> Response:
        notes.append(f"{name} {request.attempt}")
        try:
            return await call_next(request)
        finally:
            notes.append(f"/{name}")

    return middleware


async def test_call_middlewares_run_once_per_call_and_attempt_middlewares_once_per_attempt() -> None:
    """The first one listed is the outermost: what users of every other stack expect."""
    notes: list[str] = []
    client = ScriptedClient(
        dead(),
        answer(),
        call_middlewares=[noting(notes, "A"), noting(notes, "B")],
        attempt_middlewares=[noting(notes, "c"), noting(notes, "d")],
    )
    await refund(client)
    assert notes == ["A 1", "B 1", "c 1", "d 1", "/d", "/c", "c 2", "d 2", "/d", "/c", "/B", "/A"]


async def test_middlewares_change_requests_by_making_others() -> None:
    def adding(name: str) -> Any:
        async def middleware(request: Request, call_next: Next) -> Response:
            headers = {**request.headers, name: f"{request.headers.get(name, '')}{request.attempt}"}
            return await call_next(attrs.evolve(request, headers=headers))

        return middleware

    client = ScriptedClient(
        dead(), answer(), call_middlewares=[adding("X-Call")], attempt_middlewares=[adding("X-Attempt")]
    )
    await refund(client)
    assert [request.headers["X-Call"] for request in client.transport.requests] == ["1", "1"]
    assert [request.headers["X-Attempt"] for request in client.transport.requests] == ["1", "2"]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        client.transport.last.body = b"other"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


async def test_a_middleware_sees_the_answer_and_may_give_another() -> None:
    async def cached(request: Request, call_next: Next) -> Response:
        assert (await call_next(request)).status == 404
        return answer()

    client = ScriptedClient(answer(404), call_middlewares=[cached])
    assert (await refund(client)).id == "re_1"


async def test_a_middleware_sees_no_key_of_the_account() -> None:
    seen: list[str] = []

    async def spy(request: Request, call_next: Next) -> Response:
        seen.append(f"{request!r} {request.headers} {request.authorization}")
        return await call_next(request)

    client = ScriptedClient(call_middlewares=[spy], attempt_middlewares=[spy])
    await refund(client)
    assert "thekeythatnobodymaysee" not in "".join(seen)
    assert "c2tf" not in "".join(seen), "nor its Base64 form"


async def test_a_time_limit_of_a_middleware_is_not_replaced_by_the_deadline() -> None:
    """Ours is a TimeoutError of Python's too. Its message says what to change, and it knows that nothing was sent."""

    async def limited(request: Request, call_next: Next) -> Response:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise TimeoutError("No turn in time.", failure="not_connected") from None
        raise AssertionError("the deadline did not come")

    client = ScriptedClient(attempt_middlewares=[limited], max_retries=0, timeout=0.02)
    with pytest.raises(TimeoutError, match="No turn in time") as caught:
        await refund(client)
    assert caught.value.outcome == "not_sent"


async def test_an_attempt_middleware_that_waits_too_long_is_cut_by_the_deadline() -> None:
    """A rate limiter inside the call must not stretch it beyond what the caller allowed."""

    async def limiter(request: Request, call_next: Next) -> Response:
        await asyncio.sleep(60)
        return await call_next(request)

    client = ScriptedClient(attempt_middlewares=[limiter], effects=Effects(), max_retries=0)
    started = asyncio.get_running_loop().time()
    with pytest.raises(TimeoutError, match="deadline") as caught:
        await refund(client, timeout=0.05)
    assert asyncio.get_running_loop().time() - started < 2
    assert caught.value.outcome == "not_sent"


async def test_an_attempt_middleware_that_waits_too_long_after_sending_leaves_doubt() -> None:
    async def ponderer(request: Request, call_next: Next) -> Response:
        response = await call_next(request)
        await asyncio.sleep(60)
        return response

    client = ScriptedClient(attempt_middlewares=[ponderer], effects=Effects(), max_retries=0)
    with pytest.raises(TimeoutError, match="deadline") as caught:
        await refund(client, timeout=0.05)
    assert caught.value.outcome == "unknown"


async def test_a_timeout_of_the_middlewares_own_stays_its_own() -> None:
    async def impatient(request: Request, call_next: Next) -> Response:
        raise builtins.TimeoutError("mine")

    client = ScriptedClient(attempt_middlewares=[impatient])
    with pytest.raises(builtins.TimeoutError, match="mine"):
        await refund(client)


# ---- what is sent ---------------------------------------------------------------------------------------------


async def test_the_request_is_the_one_that_was_declared() -> None:
    client = ScriptedClient()
    await client.refunds.create(payment_intent="pi_1", amount=5, metadata={"a": "b"})
    request = client.transport.last
    assert (request.method, request.url) == ("POST", "https://apitest.wooshpay.com/v1/refunds")
    assert request.template == "/v1/refunds"
    assert client.transport.last_json == {"payment_intent": "pi_1", "amount": 5, "metadata": {"a": "b"}}
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["User-Agent"].startswith("wooshpay-python/")
    assert request.authorization.reveal() == "Basic c2tfdGVzdF90aGVrZXl0aGF0bm9ib2R5bWF5c2VlOg=="


async def test_unset_is_left_out_and_none_is_sent_as_null() -> None:
    """``metadata=None`` removes the metadata; leaving it out keeps it."""
    client = ScriptedClient()
    await client.refunds.create(payment_intent="pi_1", amount=UNSET, metadata=None)
    assert client.transport.last_json == {"payment_intent": "pi_1", "metadata": None}


async def test_read_only_mappings_and_sequences_can_be_sent() -> None:
    from types import MappingProxyType

    client = ScriptedClient()
    await client.request("POST", "/v1/x", body={"a": MappingProxyType({"b": (1, 2)}), "c": range(2)})
    assert client.transport.last_json == {"a": {"b": [1, 2]}, "c": [0, 1]}


NO_JSON: list[Any] = [
    object(),
    Decimal("1.5"),
    datetime.datetime(2024, 1, 1),
    datetime.date(2024, 1, 1),
    b"bytes",
    {1, 2},
    math.nan,
    math.inf,
    RequestOptions(),
    {"nested": [object()]},
    "\ud800",
]


@pytest.mark.parametrize("value", NO_JSON, ids=lambda value: type(value).__name__)
async def test_what_has_no_json_form_is_refused_the_same_whichever_parser_is_installed(value: Any) -> None:
    """A datetime that goes out as text on one machine and fails on the next, or nan that goes out as null."""
    client = ScriptedClient()
    with pytest.raises((TypeError, ValueError), match=r"request\(\): Parameter a"):
        await client.request("POST", "/v1/x", body={"a": value})
    with pytest.raises((TypeError, ValueError), match=r"request\(\): Parameter a"):
        await client.request("GET", "/v1/x", query={"a": value})
    assert client.transport.requests == []


async def test_options_of_another_type_are_refused_by_name() -> None:
    client = ScriptedClient()
    with pytest.raises(TypeError, match="RequestOptions"):
        await client.refunds.create(payment_intent="pi_1", options={"timeout": 3})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("query", "encoded"),
    [
        ({"limit": 3}, "limit=3"),
        ({"a": True, "b": False}, "a=true&b=false"),
        ({"created": {"gte": 1, "lt": 2}}, "created[gte]=1&created[lt]=2"),
        ({"expand": ["a", "b.c"]}, "expand[]=a&expand[]=b.c"),
        ({"a": {"b": [{"c": 1}]}}, "a[b][][c]=1"),
        ({"a": None}, "a="),
        ({"a": "x y&z=ü+%"}, "a=x y&z=ü+%"),
        ({"a": []}, ""),
        ({"a": 1.5}, "a=1.5"),
    ],
)
def test_a_query_is_written_with_brackets(query: Any, encoded: str) -> None:
    written = encode_query(query)
    assert written.isascii()
    assert " " not in written
    if "x y" not in encoded:
        expected = [tuple(pair.split("=", 1)) for pair in encoded.split("&") if pair]
        assert parse_qsl(written, keep_blank_values=True) == expected
    else:
        assert parse_qsl(written) == [("a", "x y&z=ü+%")]


@given(st.dictionaries(st.text(min_size=1).filter(str.isprintable), st.text() | st.integers(), max_size=5))
def test_whatever_goes_into_a_query_comes_out_again(query: dict[str, Any]) -> None:
    assert dict(parse_qsl(encode_query(query), keep_blank_values=True)) == {k: str(v) for k, v in query.items()}


async def test_list_filters_travel_in_the_query_and_where_documented_in_the_body_too() -> None:
    client = ScriptedClient(answer(200, {"object": "list", "data": []}))
    await client.payment_intents.list(limit=3, created={"gte": 5})
    request = client.transport.last
    assert parse_qsl(urlsplit(request.url).query) == [("limit", "3"), ("created[gte]", "5")]
    assert request.body == b'{"limit":3,"created":{"gte":5}}'
    await client.webhook_endpoints.list(limit=3)
    assert client.transport.last.body is None, "the reference documents no body for this one"


async def test_extras_reach_the_wire() -> None:
    client = ScriptedClient()
    await refund(client, extra_query={"q": "1"}, extra_body={"new": 2}, headers={"X-A": "3"})
    assert client.transport.last.url.endswith("/v1/refunds?q=1")
    assert client.transport.last_json == {"payment_intent": "pi_1", "new": 2}
    assert client.transport.last.headers["X-A"] == "3"
    await client.refunds.retrieve("re_1", options=RequestOptions(extra_query={"expand": ["charge"]}))
    assert client.transport.last.url.endswith("/v1/refunds/re_1?expand%5B%5D=charge")
    assert client.transport.last.body is None


async def test_a_header_is_replaced_whatever_its_case() -> None:
    """Two User-Agent lines would be a malformed request."""
    client = ScriptedClient(headers={"user-agent": "mine", "X-A": "1"})
    await refund(client, headers={"x-a": "2", "ACCEPT": "*/*"})
    sent = {name.lower(): value for name, value in client.transport.last.headers.items()}
    assert len(sent) == len(client.transport.last.headers)
    assert (sent["user-agent"], sent["x-a"], sent["accept"]) == ("mine", "2", "*/*")


async def test_the_escape_hatch_goes_the_same_way() -> None:
    client = ScriptedClient(broken(), answer(200, {"any": ["json"]}))
    assert await client.request("POST", "/v1/things/1/do", query={"a": True}, body={"b": 1}) == {"any": ["json"]}
    request = client.transport.last
    assert request.url == "https://apitest.wooshpay.com/v1/things/1/do?a=true"
    assert client.transport.last_json == {"b": 1}
    assert client.transport.keys == ["key_1", "key_1"]
    await client.request("POST", "/v1/things")
    assert client.transport.last.body == b"{}"
    await client.request("GET", "/v1/things")
    assert client.transport.last.body is None


# ---- what comes back ------------------------------------------------------------------------------------------


async def test_an_answer_without_content_is_a_success() -> None:
    client = ScriptedClient(answer(204, b""))
    assert await client.request("DELETE", "/v1/things/1") == {}
    deleted = await client.webhook_endpoints.delete("we_1")
    assert deleted.to_dict() == {}


@pytest.mark.parametrize(
    ("body", "words"), [(b"", "empty body"), (b"<html>ok</html>", "not JSON"), (b"\xff", "not JSON"), (b"{", "JSON")]
)
async def test_a_success_that_cannot_be_read_says_that_it_was_one(body: bytes, words: str) -> None:
    client = ScriptedClient(answer(200, body, {"Request-Id": "req_1"}))
    with pytest.raises(DecodeError, match=words) as caught:
        await refund(client)
    error = caught.value
    assert (error.outcome, error.status, error.attempts, error.request_id) == ("unknown", 200, 3, "req_1")
    assert (error.idempotency_key, error.operation) == ("key_1", "refunds.create")
    assert error.body == body.decode("utf-8", "replace")
    assert client.transport.keys == ["key_1"] * 3, "a body that was lost on the way is asked for again, under its key"
    with pytest.raises(DecodeError) as caught:
        await client.refunds.retrieve("re_1")
    assert caught.value.outcome == "rejected"


async def test_strict_refuses_undocumented_types_and_the_default_does_not() -> None:
    odd = answer(200, {**REFUND, "amount": "five"})
    assert (await refund(ScriptedClient(odd))).amount == "five"
    with pytest.raises(DecodeError, match="strict=True") as caught:
        await refund(ScriptedClient(odd, strict=True))
    assert caught.value.outcome == "unknown"
    client = ScriptedClient(odd)
    with pytest.raises(DecodeError):
        await client.with_options(strict=True).refunds.create(payment_intent="pi_1")


async def test_any_status_of_the_two_hundreds_is_a_success() -> None:
    for status in (200, 201, 202):
        assert (await refund(ScriptedClient(answer(status)))).id == "re_1"


# ---- logging and interruption ---------------------------------------------------------------------------------


async def test_the_debug_log_holds_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client = ScriptedClient(
        ProtocolError(f"It broke over {CARD}.", failure="broken"), answer(500, {"error": f"sk_test_leak {CARD}"})
    )
    with pytest.raises(ServerError):
        await client.payment_intents.create(
            amount=1,
            currency="USD",
            payment_method_data={
                "type": "card",
                "card": {"number": CARD, "exp_month": "12", "exp_year": "2030", "cvc": "737"},
            },
        )
    with pytest.raises(ServerError):
        await client.payment_intents.retrieve("pi_1", client_secret="pi_1_secret_hidden")
    text = caplog.text
    assert "POST /v1/payment_intents (payment_intents.create) attempt 1" in text
    for secret in (CARD, "737", "pi_1_secret_hidden", KEY, "sk_test_leak", "c2tf"):
        assert secret not in text


async def test_a_retry_is_logged_without_speaking_of_a_key_that_there_is_not(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    client = ScriptedClient(dead(), answer(), dead(), answer())
    await refund(client)
    assert "trying again in 0.50 s with the same key" in caplog.text
    caplog.clear()
    client.transport.requests.clear()
    await client.refunds.retrieve("re_1")
    assert "trying again in 0.50 s" in caplog.text
    assert "key" not in caplog.text


async def test_a_cancelled_call_leaves_the_key_to_resume_with(caplog: pytest.LogCaptureFixture) -> None:
    async def forever(request: Request, call_next: Next) -> Response:
        await asyncio.sleep(60)
        return await call_next(request)

    client = ScriptedClient(call_middlewares=[forever])
    task = asyncio.create_task(refund(client, idempotency_key="order-1"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert "refunds.create" in caught.value.__notes__[0]
    assert "idempotency key order-1" in caught.value.__notes__[0]
    assert "order-1" in caplog.text
    task = asyncio.create_task(client.refunds.retrieve("re_1"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert not hasattr(caught.value, "__notes__"), "an interrupted read leaves nothing to resume"


async def test_closing_closes_the_transport() -> None:
    client = ScriptedClient()
    async with client:
        assert not client.transport.closed
    assert client.transport.closed


async def test_an_error_of_the_users_own_code_keeps_the_key_of_the_call_that_it_ended() -> None:
    """A hook that fails after a lost answer must not take the key to resume with along."""

    def fail(event: RetryEvent) -> None:
        raise RuntimeError("the metrics server is down")

    client = ScriptedClient(broken(), answer(), on_retry=fail)
    with pytest.raises(RuntimeError, match="metrics server") as caught:
        await refund(client, idempotency_key="order-2")
    assert "idempotency key order-2" in caught.value.__notes__[0]
