"""A charge is made once, whatever happens to its attempts, and an error says truly what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, TypeAlias, get_args

import attrs
import pytest

from benchmarks.exactly_once import investigate
from benchmarks.faulty_proxy import LINE_FAULTS, FaultyProxy, LineFault
from benchmarks.purchases import World
from wooshpay import AsyncWooshPay, CardError, Request, RequestOptions, Response, RetryPolicy, WooshPay, WooshPayError
from wooshpay.core.request import Next
from wooshpay.errors import Outcome
from wooshpay.sandbox import Sandbox
from wooshpay.sandbox.requests.fault_kinds import FAULT_KINDS, FaultKind
from wooshpay.sandbox.sandbox import SyncSandbox

WORLDS: tuple[World, ...] = ("async", "sync")
# Seconds that an attempt may take: little where the fault is a silence, plenty where an answer comes.
SILENT = 0.3
SLOW = 0.6
PLENTY = 20.0


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SyncSandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def proxy(sandbox: SyncSandbox) -> Iterator[FaultyProxy]:
    with FaultyProxy(sandbox.base_url) as proxy:
        yield proxy


@attrs.define
class Till:
    """One client of either world on the line, which charges one order after another.

    Attributes:
        world: Which client.
        sandbox: What it talks to.
        url: Through what.
        attempt_timeout: Seconds.
    """

    world: World
    sandbox: SyncSandbox
    url: str
    attempt_timeout: float = PLENTY

    def charge(
        self, *orders: str, max_retries: int = 0, key: str | None = None, card: str = "4111111111111111"
    ) -> list[Any]:
        """Charge for orders on one connection; give the payment or the error of each."""
        options = RequestOptions(max_retries=max_retries)
        if key is not None:
            options = attrs.evolve(options, idempotency_key=key)
        paid_by = {"type": "card", "card": {"number": card, "exp_month": 12, "exp_year": 2034, "cvc": "123"}}
        payment = {"amount": 1999, "currency": "USD", "confirm": True, "payment_method_data": paid_by}
        arguments: list[dict[str, Any]] = [
            {**payment, "metadata": {"order": order}, "options": options} for order in orders
        ]
        settings: Any = {
            "base_url": self.url,
            "attempt_timeout": self.attempt_timeout,
            "retry_policy": RetryPolicy(base=0.05, factor=1.5),
        }
        if self.world == "async":
            return asyncio.run(self._charge(settings, arguments))
        with WooshPay(self.sandbox.api_key, **settings) as client:
            return [_ending(client, these) for these in arguments]

    async def _charge(self, settings: Any, arguments: list[dict[str, Any]]) -> list[Any]:
        endings: list[Any] = []
        async with AsyncWooshPay(self.sandbox.api_key, **settings) as client:
            for these in arguments:
                try:
                    endings.append(await client.payment_intents.create(**these))
                except WooshPayError as error:
                    endings.append(error)
        return endings

    def made(self, order: str) -> list[str]:
        """The ids of the payments that are there for an order."""
        everything = self.sandbox.store.all("payment_intent")
        return [payment["id"] for payment in everything if payment["metadata"]["order"] == order]


def _ending(client: WooshPay, arguments: dict[str, Any]) -> Any:
    try:
        return client.payment_intents.create(**arguments)
    except WooshPayError as error:
        return error


Fault: TypeAlias = LineFault | FaultKind
# What a charge without retries says of each fault, and whether it was made.
TRUTH: dict[str, tuple[Outcome, bool]] = {
    "line shut": ("unknown", False),
    "line reset_before": ("unknown", False),
    "line half_sent": ("unknown", False),
    "line reset_after": ("unknown", True),
    "line cut_head": ("unknown", True),
    "line cut_body": ("unknown", True),
    "line stall_before": ("unknown", False),
    "line stall_after": ("unknown", True),
    "server refuse": ("unknown", False),
    "server drop_before": ("unknown", False),
    "server drop_after": ("unknown", True),
    "server cut_body": ("unknown", True),
    "server stall": ("unknown", False),
    "server stall_after": ("unknown", True),
    "server rate_limit": ("rejected", False),
    "server server_error": ("unknown", False),
    "server unavailable": ("unknown", False),
    "server bad_gateway": ("unknown", False),
    "server invalid_json": ("unknown", True),
}


def let(fault: str, sandbox: SyncSandbox, proxy: FaultyProxy) -> None:
    """Let a fault hit the next request."""
    side, _, kind = fault.partition(" ")
    for line_fault in LINE_FAULTS:
        if (side, kind) == ("line", line_fault):
            proxy.let_next(line_fault)
    for server_fault in FAULT_KINDS:
        if (side, kind) == ("server", server_fault):
            sandbox.faults.add(server_fault, retry_after=0.1, seconds=SLOW)


def till(world: World, sandbox: SyncSandbox, proxy: FaultyProxy, fault: str) -> Till:
    return Till(world, sandbox, proxy.url, SILENT if "stall" in fault or "slow" in fault else PLENTY)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("fault", TRUTH)
def test_the_error_of_a_single_attempt_says_what_became_of_it_and_its_key_resumes_it(
    sandbox: SyncSandbox, proxy: FaultyProxy, fault: str, world: World
) -> None:
    outcome, done = TRUTH[fault]
    order = f"{fault} once {world}"
    let(fault, sandbox, proxy)
    desk = till(world, sandbox, proxy, fault)
    [error] = desk.charge(order)
    assert isinstance(error, WooshPayError)
    made = desk.made(order)
    assert (error.outcome, len(made)) == (outcome, done)
    desk.attempt_timeout = PLENTY
    [payment] = desk.charge(order, max_retries=5, key=error.idempotency_key)
    assert desk.made(order) == [payment.id]
    assert made in ([], [payment.id])


@pytest.mark.parametrize("fault", [*(fault for fault in TRUTH if fault != "server invalid_json"), "server slow"])
def test_a_single_fault_is_absorbed_and_one_charge_is_made(
    sandbox: SyncSandbox, proxy: FaultyProxy, fault: str
) -> None:
    for world in WORLDS:
        order = f"{fault} absorbed {world}"
        let(fault, sandbox, proxy)
        desk = till(world, sandbox, proxy, fault)
        [payment] = desk.charge(order, max_retries=10)
        assert desk.made(order) == [payment.id]


@pytest.mark.parametrize("world", WORLDS)
def test_a_refused_connection_sends_nothing_and_says_so(sandbox: SyncSandbox, proxy: FaultyProxy, world: World) -> None:
    order = f"refused {world}"
    desk = Till(world, sandbox, proxy.url)
    proxy.shut()
    [error] = desk.charge(order, max_retries=1)
    proxy.open()
    assert (error.outcome, error.attempts, desk.made(order)) == ("not_sent", 2, [])
    [payment] = desk.charge(order, key=error.idempotency_key)
    assert desk.made(order) == [payment.id]


@pytest.mark.parametrize("world", WORLDS)
def test_work_that_is_done_after_its_client_gave_up_is_in_doubt_until_its_key_resumes_it(
    sandbox: SyncSandbox, proxy: FaultyProxy, world: World
) -> None:
    order = f"slow {world}"
    sandbox.faults.add("slow", seconds=SLOW)
    desk = Till(world, sandbox, proxy.url, SILENT)
    [error] = desk.charge(order)
    assert (error.outcome, desk.made(order)) == ("unknown", [])
    desk.attempt_timeout = PLENTY
    [payment] = desk.charge(order, max_retries=10, key=error.idempotency_key)
    assert desk.made(order) == [payment.id]


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("fault", ["line stale", "server stale_close"])
@pytest.mark.parametrize(("max_retries", "absorbed"), [(0, False), (2, True)], ids=["no retry", "retries"])
def test_a_stale_connection_never_makes_two_charges_of_one(
    sandbox: SyncSandbox, proxy: FaultyProxy, fault: str, world: World, max_retries: int, absorbed: bool
) -> None:
    first, second = f"{fault} {world} {max_retries} first", f"{fault} {world} {max_retries} second"
    let(fault, sandbox, proxy)
    desk = Till(world, sandbox, proxy.url)
    good, ending = desk.charge(first, second, max_retries=max_retries)
    assert desk.made(first) == [good.id]
    if absorbed:
        assert desk.made(second) == [ending.id]
    else:
        assert (ending.outcome, desk.made(second)) == ("unknown", [])


@pytest.mark.parametrize("world", WORLDS)
def test_a_decline_says_that_no_money_moved_and_not_that_nothing_is_there(sandbox: SyncSandbox, world: World) -> None:
    """The payment that was declined stays, to be tried with another card."""
    order = f"declined {world}"
    desk = Till(world, sandbox, sandbox.base_url)
    [error] = desk.charge(order, card="4000000000000002")
    assert isinstance(error, CardError)
    assert error.outcome == "rejected"
    assert "no money moved" in str(error)
    [payment] = [sandbox.store.get(id) for id in desk.made(order)]
    assert (payment["status"], payment["amount_received"]) == ("requires_payment_method", 0)


def test_every_fault_is_tried() -> None:
    """A kind that is new must be thought about here."""
    tried = {*TRUTH, "line stale", "server stale_close", "server slow"}
    kinds = {*(f"line {kind}" for kind in LINE_FAULTS), *(f"server {kind}" for kind in get_args(FaultKind))}
    assert kinds - tried == {"server drip"}, "slow bytes are the deadlines' matter"


# ---- many at a time -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("world", WORLDS)
def test_of_many_charges_and_refunds_in_bad_weather_each_is_made_once(world: World) -> None:
    """`python -m benchmarks charges` does the same with thousands."""
    findings = investigate(world, 250, seed=6, patience=0.6)
    assert findings.wrong == []
    assert findings.calls == findings.returned + findings.raised.total() == 250
    assert findings.attempts > 300
    assert findings.faults.total() > 0.2 * findings.attempts
    assert findings.raised.keys() >= {"unknown", "rejected"}
    assert findings.unknown_and_done > 0, "no answer was lost: the run proves little"
    assert findings.resumed > 0


async def _new_key_for_every_attempt(request: Request, call_next: Next) -> Response:
    key = f"{request.idempotency_key}-{request.attempt}"
    return await call_next(attrs.evolve(request, headers={**request.headers, "Idempotency-Key": key}))


async def _never_in_doubt(request: Request, call_next: Next) -> Response:
    try:
        return await call_next(request)
    except WooshPayError as error:
        error.outcome = "not_sent"
        raise


class _AnswersMixedUp:
    """Gives every call the answer of the one before it."""

    def __init__(self) -> None:
        self._kept: Response | None = None

    async def __call__(self, request: Request, call_next: Next) -> Response:
        response = await call_next(request)
        if response.status < 300:
            response, self._kept = self._kept or response, response
        return response


@pytest.mark.parametrize(
    ("breakage", "findings"),
    [
        ({"attempt_middlewares": [_new_key_for_every_attempt]}, ["objects are there twice", "was sent with"]),
        ({"call_middlewares": [_never_in_doubt]}, ["its error says not_sent"]),
        ({"call_middlewares": [_AnswersMixedUp()]}, ["that is not its own"]),
    ],
    ids=["a new key for every attempt", "errors that are never in doubt", "answers mixed up"],
)
def test_the_inquest_finds_a_client_that_breaks_the_promise(breakage: dict[str, Any], findings: list[str]) -> None:
    wrong = investigate("async", 60, seed=3, patience=0.3, **breakage).wrong
    assert all(any(finding in sentence for sentence in wrong) for finding in findings), wrong
