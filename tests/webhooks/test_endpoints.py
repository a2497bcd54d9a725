"""`ensure`: one webhook endpoint for a URL, however often and from wherever it is asked for."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

import attrs
import pytest

from wooshpay import (
    AsyncWooshPay,
    ConfigurationError,
    IdempotencyError,
    InvalidRequestError,
    RequestOptions,
    WooshPay,
    WooshPayError,
)
from wooshpay.api.endpoint_plans import EnsuredEndpoint, plan_endpoint
from wooshpay.api.webhook_endpoints import WebhookEndpoint
from wooshpay.core.effects import Effects
from wooshpay.sandbox import Sandbox, SyncSandbox
from wooshpay.webhooks import WebhookReceiver

URL: Final = "https://shop.example/webhooks"
PAID: Final = "payment_intent.succeeded"
FAILED: Final = "payout.failed"
DISPUTED: Final = "charge.dispute.created"


@attrs.define
class Account:
    """An account in a sandbox, its client, and the pauses that were made instead of waiting."""

    sandbox: SyncSandbox
    client: WooshPay
    slept: list[float] = attrs.field(factory=list[float])

    def ensure(self, *types: str, url: str = URL) -> EnsuredEndpoint:
        return self.client.webhook_endpoints.ensure(url=url, enabled_events=types)

    def all(self) -> list[WebhookEndpoint]:
        return list(self.client.webhook_endpoints.list(limit=100))

    def asked(self, operation: str) -> int:
        return len(self.sandbox.requests.of(f"webhook_endpoints.{operation}"))


@pytest.fixture
def account() -> Iterator[Account]:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    with (
        Sandbox() as sandbox,
        WooshPay(sandbox.api_key, base_url=sandbox.base_url, max_retries=0, effects=Effects(sleep=sleep)) as client,
    ):
        yield Account(sandbox, client, slept)


# ---- once, and again ------------------------------------------------------------------------------------------


def test_the_second_time_nothing_is_done(account: Account) -> None:
    """Every deployment runs it. With a second endpoint, each event would be delivered twice."""
    first = account.ensure(FAILED, PAID)
    assert (first.action, first.added, first.endpoint.enabled_events) == ("created", (PAID, FAILED), [PAID, FAILED])
    assert first.secret is not None
    assert first.secret == first.endpoint.secret
    second = account.ensure(PAID, FAILED)
    assert (second.action, second.added, second.secret) == ("unchanged", (), None)
    assert second.endpoint.id == first.endpoint.id
    assert (account.asked("create"), account.asked("update"), len(account.all())) == (1, 0, 1)


def test_missing_types_are_added_and_none_is_removed(account: Account) -> None:
    """An older release that still runs must go on getting its events."""
    first = account.ensure(PAID, FAILED)
    second = account.ensure(DISPUTED, PAID)
    assert (second.action, second.added, second.secret) == ("updated", (DISPUTED,), None)
    assert second.endpoint.enabled_events == account.all()[0].enabled_events == [PAID, FAILED, DISPUTED]
    assert [one.id for one in account.all()] == [first.endpoint.id]


def test_all_types_include_every_other_one(account: Account) -> None:
    account.ensure(PAID)
    assert (account.ensure("*", PAID).action, account.all()[0].enabled_events) == ("updated", ["*"])
    assert account.ensure(PAID, "*").action == account.ensure(DISPUTED).action == "unchanged"
    assert account.asked("update") == 1


def test_a_disabled_endpoint_is_enabled_again(account: Account) -> None:
    """A second one beside it would get each event twice as soon as somebody enables the first."""
    first = account.ensure(PAID)
    account.client.webhook_endpoints.update(first.endpoint.id, disabled=True)
    again = account.ensure(PAID)
    assert (again.action, again.enabled, again.added) == ("updated", True, ())
    assert [one.status for one in account.all()] == ["enabled"]


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example/webhooks/",
        "HTTPS://Shop.Example/webhooks",
        "https://shop.example:443/webhooks",
        "https://shop.example/webhooks?",
        "https://shop.example/webhooks#here",
    ],
)
def test_another_spelling_of_the_url_is_the_same_endpoint(account: Account, url: str) -> None:
    """The endpoint gets the new spelling: a web framework may answer a slash too many with a redirect."""
    first = account.ensure(PAID)
    again = account.ensure(PAID, url=url)
    assert (again.action, again.endpoint.id) == ("updated", first.endpoint.id)
    assert [one.url for one in account.all()] == [url]
    assert account.ensure(PAID, url=url).action == "unchanged"


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example/webhooks/eu",
        "https://shop.example/Webhooks",
        "https://shop.example:8443/webhooks",
        "https://shop.example/webhooks?shop=2",
        "https://eu.shop.example/webhooks",
        "https://a:b@shop.example/webhooks",
    ],
)
def test_another_url_is_another_endpoint(account: Account, url: str) -> None:
    account.ensure(PAID)
    assert account.ensure(PAID, url=url).action == "created"
    assert len(account.all()) == 2


def test_the_endpoint_is_found_on_the_last_of_several_pages(account: Account) -> None:
    first = account.ensure(PAID)
    for number in range(205):
        account.client.webhook_endpoints.create(url=f"https://shop.example/{number}", enabled_events=[PAID])
    before = account.asked("list")
    assert account.ensure(PAID) == attrs.evolve(first, action="unchanged", added=(), endpoint=account.all()[-1])
    assert account.asked("list") >= before + 3


def test_of_several_endpoints_the_one_that_needs_least_is_kept_and_the_others_are_named(account: Account) -> None:
    """They were created by hand. Nothing is deleted, since another program may use one of them."""
    create = account.client.webhook_endpoints.create
    disabled = create(url=URL, enabled_events=["*"])
    account.client.webhook_endpoints.update(disabled.id, disabled=True)
    other = create(url=URL, enabled_events=[FAILED])
    chosen = create(url=URL, enabled_events=[PAID])
    found = account.ensure(PAID)
    assert (found.action, found.endpoint.id) == ("unchanged", chosen.id)
    assert [one.id for one in found.others] == [other.id]


# ---- several processes at the same time -----------------------------------------------------------------------


async def test_processes_that_start_at_the_same_time_create_one_endpoint() -> None:
    """All of them see an empty list. They send the same key, so one endpoint is created, and all get its secret."""
    async with Sandbox() as sandbox:
        clients = [AsyncWooshPay(sandbox.api_key, base_url=sandbox.base_url) for _ in range(8)]
        barrier = asyncio.Barrier(len(clients))

        async def ensure(client: AsyncWooshPay) -> EnsuredEndpoint:
            waiting = client.with_options(call_middlewares=[together(barrier)])
            return await waiting.webhook_endpoints.ensure(url=URL, enabled_events=[PAID])

        found = await asyncio.gather(*map(ensure, clients))
        assert len({one.endpoint.id for one in found}) == 1
        assert len({one.secret for one in found}) == 1
        assert sandbox.store.count("webhook_endpoint") == 1
        for client in clients:
            await client.close()


async def test_processes_that_want_different_types_at_the_same_time_create_one_endpoint() -> None:
    """Two releases of a shop are started at once. The key was used with other types, so the second one adds its own."""
    async with Sandbox() as sandbox:
        clients = [AsyncWooshPay(sandbox.api_key, base_url=sandbox.base_url) for _ in range(2)]
        barrier = asyncio.Barrier(len(clients))

        async def ensure(client: AsyncWooshPay, type: str) -> EnsuredEndpoint:
            waiting = client.with_options(call_middlewares=[together(barrier)])
            return await waiting.webhook_endpoints.ensure(url=URL, enabled_events=[type])

        found = await asyncio.gather(*map(ensure, clients, (PAID, FAILED)))
        assert sorted(one.action for one in found) == ["created", "updated"]
        [endpoint] = [one async for one in clients[0].webhook_endpoints.list()]
        assert sorted(endpoint.enabled_events) == [PAID, FAILED]
        for client in clients:
            await client.close()


def together(barrier: asyncio.Barrier) -> Any:
    """A middleware that lets the first creations go out together, so that none of them saw the endpoint in the list."""
    first = True

    async def middleware(request: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
        nonlocal first
        if first and request.method == "POST":
            first = False
            await barrier.wait()
        return await call_next(request)

    return middleware


def test_an_endpoint_that_was_deleted_today_is_created_again(account: Account) -> None:
    """WooshPay repeats the response for a key for a day, so it returns the endpoint that does not exist any more."""
    ids = set[str]()
    for _ in range(3):
        found = account.ensure(PAID)
        assert found.action == "created"
        ids.add(found.endpoint.id)
        assert [one.id for one in account.all()] == [found.endpoint.id]
        account.client.webhook_endpoints.delete(found.endpoint.id)
    assert len(ids) == 3


def test_an_endpoint_that_was_deleted_today_is_created_again_with_other_types(account: Account) -> None:
    """The key was used with other types, and no other process has the endpoint in the making."""
    account.client.webhook_endpoints.delete(account.ensure(PAID).endpoint.id)
    found = account.ensure(FAILED)
    assert (found.action, found.endpoint.enabled_events) == ("created", [FAILED])
    assert account.slept, "another process had time to finish"
    assert len(account.all()) == 1


def test_while_another_process_creates_the_endpoint_no_second_one_is_created(account: Account) -> None:
    """It has sent the request, and WooshPay still works on it: the endpoint is not in the list yet."""
    account.sandbox.faults.add("slow", operation="webhook_endpoints.create", seconds=3600)
    hurried = account.client.with_options(timeout=0.2)
    with pytest.raises(WooshPayError):
        hurried.webhook_endpoints.ensure(url=URL, enabled_events=[PAID])
    with pytest.raises(IdempotencyError):
        account.ensure(PAID)
    assert len({request.idempotency_key for request in account.sandbox.requests.of("webhook_endpoints.create")}) == 1


@pytest.mark.parametrize("fault", ["server_error", "rate_limit", "drop_before"])
def test_the_secret_of_a_new_endpoint_is_returned_though_the_endpoint_cannot_be_checked(
    fault: Any, account: Account
) -> None:
    """Nothing returns the secret again: the next call would find the endpoint, and no delivery could be verified."""
    account.sandbox.faults.add(fault, operation="webhook_endpoints.retrieve", times=100)
    found = account.ensure(PAID)
    assert (found.action, [one.id for one in account.all()]) == ("created", [found.endpoint.id])
    assert found.secret is not None
    assert account.slept == []


# ---- both clients, and what is refused ------------------------------------------------------------------------


async def test_the_async_client_does_the_same() -> None:
    async with Sandbox() as sandbox, AsyncWooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        receiver = WebhookReceiver("whsec_x")
        receiver.on(PAID, FAILED)(print)
        found = await client.webhook_endpoints.ensure(url=URL, enabled_events=receiver.types)
        assert (found.action, found.endpoint.enabled_events) == ("created", [PAID, FAILED])
        receiver.other(print)
        found = await client.webhook_endpoints.ensure(url=URL, enabled_events=receiver.types)
        assert (found.action, found.added) == ("updated", ("*",))
        assert inspect.iscoroutinefunction(client.webhook_endpoints.ensure)


def test_the_method_looks_like_one(account: Account) -> None:
    """Editors and help() show its parameters and its text."""
    ensure: Any = account.client.webhook_endpoints.ensure
    assert list(inspect.signature(ensure).parameters) == ["url", "enabled_events", "options"]
    assert "there is one endpoint" in inspect.getdoc(ensure)  # type: ignore[operator]  # it has one
    assert not inspect.iscoroutinefunction(ensure)
    assert repr(type(account.client.webhook_endpoints).ensure) == "<webhook_endpoints.ensure>"


def test_what_cannot_work_is_refused_before_anything_is_sent(account: Account) -> None:
    ensure: Any = account.client.webhook_endpoints.ensure
    with pytest.raises(ConfigurationError, match="enabled_events is empty"):
        ensure(url=URL, enabled_events=[])
    with pytest.raises(ConfigurationError, match="must be a list of types"):
        ensure(url=URL, enabled_events=PAID)
    with pytest.raises(ConfigurationError, match="url is empty"):
        ensure(url=" ", enabled_events=[PAID])
    with pytest.raises(TypeError, match="missing a required argument: 'enabled_events'"):
        ensure(url=URL)
    with pytest.raises(TypeError, match=r"options=RequestOptions\(timeout=...\)"):
        ensure(url=URL, enabled_events=[PAID], timeout=3)
    assert account.sandbox.requests.of("webhook_endpoints.list") == []


def test_what_wooshpay_refuses_is_its_own_error(account: Account) -> None:
    with pytest.raises(InvalidRequestError, match="https"):
        account.ensure(PAID, url="http://shop.com/webhooks")


def test_options_hold_for_every_call_and_a_key_for_the_creation(account: Account) -> None:
    options = RequestOptions(headers={"X-Trace": "7"}, idempotency_key="mine")
    account.client.webhook_endpoints.ensure(url=URL, enabled_events=[PAID], options=options)
    account.client.webhook_endpoints.ensure(url=URL, enabled_events=[FAILED], options=options)
    [created] = account.sandbox.requests.of("webhook_endpoints.create")
    [updated] = account.sandbox.requests.of("webhook_endpoints.update")
    assert created.idempotency_key == "mine"
    assert updated.idempotency_key not in {None, "mine"}


def test_an_endpoint_of_an_odd_shape_does_not_stop_ensure() -> None:
    """A response may have null or another type where the reference documents a text, a list or a number."""
    fields = {"object": "webhook_endpoint", "livemode": False, "status": "enabled"}
    odd: list[dict[str, Any]] = [
        {"id": "we_1", "url": None, "enabled_events": None, "created": None},
        {"id": "we_2", "url": URL, "enabled_events": None, "created": None},
        {"id": "we_3", "url": URL, "enabled_events": [PAID], "created": "x"},
        {"id": "we_4", "url": "https://[shop/webhooks", "enabled_events": [], "created": 1},
    ]
    endpoints = [WebhookEndpoint.from_dict({**fields, **one}) for one in odd]
    plan = plan_endpoint(endpoints, URL, [PAID, FAILED])
    assert plan.endpoint is not None
    assert (plan.endpoint.id, plan.added, plan.enabled_events) == ("we_3", (FAILED,), (PAID, FAILED))
    assert plan_endpoint(endpoints[:2], URL, [PAID]).enabled_events == (PAID,)


def test_the_secret_is_in_no_text(account: Account) -> None:
    """The result is logged by whoever deploys."""
    found = account.ensure(PAID)
    assert found.secret is not None
    assert found.secret not in repr(found)
