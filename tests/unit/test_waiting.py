"""Waiting: which states end it, how often WooshPay is asked, and what does not end it. No time passes."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from support.effects import FakeClock, ScriptedClient, Step, answer

from wooshpay import (
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    DecodeError,
    NotFoundError,
    ProtocolError,
    RateLimitError,
    RequestOptions,
    ServerError,
    TimeoutError,
    TransportError,
    WaitResult,
    WooshPay,
)
from wooshpay.api import declarations
from wooshpay.api.checkout.sessions import Sessions
from wooshpay.api.payment_intents import PaymentIntents
from wooshpay.api.payouts import Payouts
from wooshpay.api.refunds import Refunds
from wooshpay.api.setup_intents import SetupIntents
from wooshpay.core.waiting import Waiting

ERROR = {"code": "card_declined", "message": "declined", "type": "card_error"}


def refund(status: str) -> Step:
    return answer(body={"id": "re_1", "object": "refund", "amount": 5, "currency": "USD", "status": status})


def client_of(*steps: Step, **settings: Any) -> ScriptedClient:
    return ScriptedClient(*steps, max_retries=0, **settings)


# ---- which states are final -----------------------------------------------------------------------------------

FINAL: list[tuple[str, dict[str, Any], str | None]] = [
    ("payment_intents", {"status": "succeeded"}, "succeeded"),
    ("payment_intents", {"status": "canceled"}, "canceled"),
    ("payment_intents", {"status": "requires_capture"}, "requires_capture"),
    ("payment_intents", {"status": "requires_confirmation"}, "requires_confirmation"),
    ("payment_intents", {"status": "requires_payment_method", "last_payment_error": ERROR}, "failed"),
    ("payment_intents", {"status": "requires_payment_method"}, None),
    ("payment_intents", {"status": "requires_action"}, None),
    # The error of an earlier attempt, while the next is under way.
    ("payment_intents", {"status": "requires_action", "last_payment_error": ERROR}, None),
    ("payment_intents", {"status": "processing"}, None),
    ("payment_intents", {"status": "a_new_status"}, None),
    ("payment_intents", {}, None),
    ("setup_intents", {"status": "succeeded"}, "succeeded"),
    ("setup_intents", {"status": "canceled"}, "canceled"),
    ("setup_intents", {"status": "requires_confirmation"}, "requires_confirmation"),
    ("setup_intents", {"status": "requires_payment_method", "last_setup_error": ERROR}, "failed"),
    ("setup_intents", {"status": "requires_payment_method"}, None),
    ("setup_intents", {"status": "requires_action"}, None),
    ("setup_intents", {"status": "processing"}, None),
    ("refunds", {"status": "succeeded"}, "succeeded"),
    ("refunds", {"status": "failed"}, "failed"),
    ("refunds", {"status": "canceled"}, "canceled"),
    ("refunds", {"status": "pending"}, None),
    ("payouts", {"status": "paid"}, "paid"),
    ("payouts", {"status": "failed"}, "failed"),
    ("payouts", {"status": "canceled"}, "canceled"),
    ("payouts", {"status": "pending"}, None),
    ("payouts", {"status": "in_transit"}, None),
    ("checkout.sessions", {"status": "complete", "payment_status": "paid"}, "paid"),
    ("checkout.sessions", {"status": "complete", "payment_status": "unpaid"}, "unpaid"),
    ("checkout.sessions", {"status": "complete", "payment_status": "no_payment_required"}, "no_payment_required"),
    ("checkout.sessions", {"status": "complete"}, "complete"),
    ("checkout.sessions", {"status": "expired", "payment_status": "unpaid"}, "expired"),
    ("checkout.sessions", {"status": "open", "payment_status": "unpaid"}, None),
    # An answer that is not as documented must not end in an error: the payment may have gone through.
    ("checkout.sessions", {"status": ["complete"], "payment_status": {}}, None),
]


def waiting_of(client: ScriptedClient, section: str) -> Any:
    found: Any = client
    for name in section.split("."):
        found = getattr(found, name)
    return found.wait


@pytest.mark.parametrize(("section", "body", "outcome"), FINAL, ids=[f"{s}-{b}" for s, b, _ in FINAL])
async def test_states_that_end_the_waiting(section: str, body: dict[str, Any], outcome: str | None) -> None:
    client = client_of(answer(body={"id": "x_1", "object": "x", **body}))
    result = await waiting_of(client, section)("x_1", timeout=10)
    assert result.outcome == (outcome or "timed_out")
    assert result.timed_out == (outcome is None)
    assert result.object.id == "x_1"
    assert (result.polls == 1) == (outcome is not None)


async def test_an_outcome_comes_with_the_object_as_it_is_then() -> None:
    client = client_of(refund("pending"), refund("pending"), refund("failed"))
    result = await client.refunds.wait("re_1")
    assert (result.outcome, result.object.status, result.polls) == ("failed", "failed", 3)
    assert result.waited == sum(client.clock.slept)
    assert {request.url.rpartition("/v1")[2] for request in client.transport.requests} == {"/refunds/re_1"}


# ---- how often ------------------------------------------------------------------------------------------------


async def test_gaps_grow_to_the_longest_and_the_last_question_is_asked_when_time_is_over() -> None:
    client = client_of(refund("pending"))
    result = await client.refunds.wait("re_1", timeout=20, first_gap=2, longest_gap=5)
    assert client.clock.slept == [2, 3, 4.5, 5, 5, 0.5]
    assert (result.outcome, result.polls, result.waited) == ("timed_out", 7, 20)


@pytest.mark.parametrize(("luck", "first"), [(0.0, 1.0), (1.0, 2.0)])
async def test_half_of_a_gap_is_left_to_chance(luck: float, first: float) -> None:
    """A thousand tasks that wait at once must not all ask at once."""
    client = client_of(refund("pending"), clock=FakeClock(luck=luck))
    await client.refunds.wait("re_1", timeout=60)
    assert client.clock.slept[0] == first


async def test_long_waiting_does_not_overflow() -> None:
    client = client_of(refund("pending"))
    result = await client.refunds.wait("re_1", timeout=3000, first_gap=0.5, longest_gap=1)
    assert result.polls > 2500


@pytest.mark.parametrize(
    "pace",
    [
        {"timeout": 0},
        {"timeout": -1},
        {"first_gap": 0},
        {"longest_gap": float("inf")},
        {"first_gap": 9, "longest_gap": 3},
    ],
    ids=str,
)
async def test_a_pace_that_cannot_be_is_refused_before_anything_is_asked(pace: dict[str, float]) -> None:
    client = client_of()
    with pytest.raises(ConfigurationError, match=next(iter(pace))):
        await client.refunds.wait("re_1", **pace)  # type: ignore[arg-type]  # one test for all of them
    assert client.transport.requests == []


# ---- what one question may meet -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble",
    [
        answer(500),
        answer(503),
        answer(429),
        answer(408),
        answer(425),
        answer(200, b"<html>back soon</html>"),
        ConnectError("no way", failure="not_connected"),
        ProtocolError("cut off"),
        TimeoutError("too late"),
    ],
    ids=["500", "503", "429", "408", "425", "html", "not_connected", "cut_off", "too_late"],
)
async def test_trouble_of_the_moment_does_not_end_the_waiting(trouble: Step) -> None:
    client = client_of(trouble, refund("pending"), trouble, refund("succeeded"))
    result = await client.refunds.wait("re_1")
    assert (result.outcome, result.polls, result.error) == ("succeeded", 4, None)


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (answer(404), NotFoundError),
        (answer(401), AuthenticationError),
        (ConnectError("bad certificate", failure="refused"), ConnectError),
    ],
    ids=["404", "401", "refused"],
)
async def test_what_no_waiting_mends_is_raised_at_once(trouble: Step, error: type[Exception]) -> None:
    client = client_of(trouble)
    with pytest.raises(error):
        await client.refunds.wait("re_1")
    assert len(client.transport.requests) == 1


async def test_under_strict_reading_an_undocumented_answer_is_raised() -> None:
    with pytest.raises(DecodeError):
        await client_of(answer(200, b"<html>"), strict=True).refunds.wait("re_1")


async def test_a_deadline_is_an_outcome_even_when_the_last_question_had_no_answer() -> None:
    client = client_of(refund("pending"), answer(503))
    result = await client.refunds.wait("re_1", timeout=10)
    assert result.timed_out
    assert result.object.status == "pending"
    assert isinstance(result.error, ServerError)


@pytest.mark.parametrize(
    ("trouble", "error"),
    [(answer(503), ServerError), (ProtocolError("cut off"), TransportError)],
    ids=["503", "cut_off"],
)
async def test_with_no_answer_at_all_there_is_nothing_to_give(trouble: Step, error: type[Exception]) -> None:
    client = client_of(trouble)
    with pytest.raises(error):
        await client.refunds.wait("re_1", timeout=10)
    assert len(client.transport.requests) > 1


async def test_a_rate_limit_says_how_long_to_wait() -> None:
    client = client_of(answer(429, headers={"Retry-After": "30"}), refund("succeeded"))
    await client.refunds.wait("re_1", first_gap=1, longest_gap=2)
    assert client.clock.slept == [30]


async def test_a_rate_limit_does_not_reach_beyond_the_deadline() -> None:
    client = client_of(refund("pending"), answer(429, headers={"Retry-After": "3000"}))
    result = await client.refunds.wait("re_1", timeout=10)
    assert isinstance(result.error, RateLimitError)
    assert result.waited == 10


async def test_no_question_takes_much_longer_than_the_waiting() -> None:
    """A server that answers nothing would otherwise hold the last question for the 80 seconds of a call."""
    client = client_of(refund("pending"))
    began = client.clock.monotonic
    await client.refunds.wait("re_1", timeout=20)
    left = [request.deadline - began for request in client.transport.requests]
    assert left[0] == 20
    assert max(left) == 25


async def test_settings_reach_every_question() -> None:
    client = client_of(refund("pending"), refund("succeeded"))
    began = client.clock.monotonic
    await client.refunds.wait("re_1", options=RequestOptions(timeout=3, headers={"X-Trace": "7"}))
    for request in client.transport.requests:
        assert request.headers["X-Trace"] == "7"
    assert client.transport.requests[0].deadline == began + 3
    assert await client.with_options(headers={"X-Trace": "8"}).refunds.wait("re_1")
    assert client.transport.last.headers["X-Trace"] == "8"


async def test_a_publishable_key_may_wait_for_a_payment_with_its_client_secret() -> None:
    client = ScriptedClient(answer(body={"id": "pi_1", "status": "succeeded"}), api_key="pk_test_x")
    result = await client.payment_intents.wait("pi_1", client_secret="pi_1_secret_x")
    assert result.outcome == "succeeded"
    assert "client_secret=" in client.transport.last.url


async def test_waiting_can_be_canceled() -> None:
    client = ScriptedClient(refund("pending"), effects=None)
    waiting = asyncio.create_task(client.refunds.wait("re_1"))
    while not client.transport.requests:
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


# ---- the declaration ------------------------------------------------------------------------------------------

ALL = [Sessions, PaymentIntents, Payouts, Refunds, SetupIntents]


@pytest.mark.parametrize("section", ALL, ids=lambda section: section.__name__)
def test_a_wait_takes_all_that_its_retrieve_takes(section: Any) -> None:
    """What is missing could not be passed on; what is named otherwise would mislead."""
    wait: Waiting[..., Any] = section.__dict__["wait"]
    own = ["timeout", "first_gap", "longest_gap"]
    parameters = [p for p in wait.signature.parameters.values() if p.name not in own]
    assert parameters == list(wait.retrieve.signature.parameters.values())
    assert set(own) < set(wait.signature.parameters)


@pytest.mark.parametrize("section", ALL, ids=lambda section: section.__name__)
def test_the_outcomes_that_a_wait_promises_are_those_that_it_tells(section: Any) -> None:
    wait: Waiting[..., Any] = section.__dict__["wait"]
    result = get_type_hints(wait.function)["return"]
    object, outcome = get_args(result)
    settled = get_type_hints(wait.settled, localns={object.__name__: object})["return"]
    assert (get_origin(result), object) == (WaitResult, wait.retrieve.returns)
    assert {value for values in get_args(settled) for value in get_args(values)} == set(get_args(outcome))


def test_a_wait_is_no_operation_of_the_api() -> None:
    """The command line, the OpenAPI document and the sandbox's routes are made of the declarations."""
    assert "wait" not in {declaration.name.rpartition(".")[2] for declaration in declarations()}


def test_help_shows_a_wait_as_a_method_with_its_parameters() -> None:
    wait = WooshPay("sk_test_x").refunds.wait
    assert list(inspect.signature(wait).parameters) == ["refund_id", "timeout", "first_gap", "longest_gap", "options"]
    assert inspect.getdoc(wait) == inspect.cleandoc(Refunds.wait.__doc__ or "")
    assert inspect.isroutine(wait)
    assert repr(wait) == "<refunds.wait>"


def test_a_wrong_parameter_is_refused_with_the_near_one() -> None:
    client: Any = WooshPay("sk_test_x")
    with pytest.raises(TypeError, match=r"refunds.wait\(\) has no parameter 'timeuot'. Did you mean 'timeout'"):
        client.refunds.wait("re_1", timeuot=3)


def test_a_result_shows_no_secret() -> None:
    text = repr(WaitResult[str, str](object="re_1", outcome="succeeded", polls=1, waited=0.5))
    assert text == "WaitResult(object='re_1', outcome='succeeded', polls=1, waited=0.5, error=None)"
