"""No secret comes to light, whatever is called and however it ends.

Every text that is sent is marked, and so is every secret that comes back. Then everything that a program could
write down is searched for the marks: logs at their lowest levels, reprs, errors with causes and pickles, and
tracebacks with the variables of every frame, as tools that report errors collect them.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from support.arguments import keywords
from support.leaks import (
    API_KEY,
    CARD,
    CLIENT_SECRET,
    ENCODED_KEY,
    IBAN,
    Everything,
    answer_with_secrets,
    leaks,
    marked_arguments,
    sensitive_part,
    shown_by,
)
from support.peer import Peer, Received, Step, ThreadedPeer, close, cut, garbage, reply, reset, stall

from wooshpay import AsyncWooshPay, RequestOptions, RetryEvent, RetryPolicy, WooshPay, WooshPayError
from wooshpay.api import declarations
from wooshpay.core import callers
from wooshpay.core.declaration import Declaration
from wooshpay.core.json import is_array, is_object
from wooshpay.core.request import Next, Request, Response
from wooshpay.transport import http

DECLARED = {declaration.name: declaration for declaration in declarations()}
SHOWN_IN_ANSWERS = f"{CARD} {IBAN} {API_KEY} {CLIENT_SECRET} Basic {ENCODED_KEY}"


def declined(received: Received) -> tuple[int, Any]:
    """An error that repeats all that was sent and must not be seen."""
    sent: Any = json.loads(received.body) if received.body[:1] == b"{" else {}
    words = f"{sensitive_part(sent)} {SHOWN_IN_ANSWERS}"
    error = {"type": "card_error", "code": "card_declined", "message": words, "payment_intent": answer_with_secrets()}
    return 402, {"error": {**error, "param": words, "decline_code": words}}


def answers(status: int, body: Any, headers: dict[str, str] | None = None) -> Step:
    return reply(status, body, {"Request-Id": f"req_{API_KEY}", **(headers or {})})


def echo() -> Step:
    async def step(connection: Any) -> None:
        await answers(*declined(connection.received[-1]))(connection)

    return step


ENDINGS: dict[str, Step] = {
    "success": answers(200, answer_with_secrets()),
    "declined": echo(),
    "bad request in plain text": answers(400, SHOWN_IN_ANSWERS.encode()),
    "server error": answers(500, f"<html><title>{SHOWN_IN_ANSWERS}</title>{SHOWN_IN_ANSWERS}</html>".encode()),
    "redirect": answers(302, b"", {"Location": f"https://elsewhere.example/?key={API_KEY}"}),
    "no JSON": answers(200, f"{{'x': {SHOWN_IN_ANSWERS}".encode()),
    "closed": close(),
    "reset": reset(),
    "cut": cut(f'{{"client_secret": "{CLIENT_SECRET}"'.encode()),
    "no HTTP": garbage(),
}


class Collected:
    """What one client shows, besides what its calls give."""

    def __init__(self) -> None:
        self.texts: list[str | bytes] = []

    async def watch(self, request: Request, call_next: Next) -> Response:
        self.texts += [repr(request), str(request)]
        response = await call_next(request)
        self.texts += [repr(response), str(response)]
        return response

    def retry(self, event: RetryEvent) -> None:
        self.texts.append(repr(event))

    def settings(self, url: str) -> dict[str, Any]:
        return {
            "base_url": url,
            "max_retries": 1,
            "retry_policy": RetryPolicy(base=0.0),
            "attempt_middlewares": [self.watch],
            "call_middlewares": [self.watch],
            "on_retry": self.retry,
            "headers": {"X-Token": f"Basic {ENCODED_KEY}"},
        }


@pytest.fixture
def log() -> Iterator[Everything]:
    """Every logger there is, at its lowest level."""
    handler = Everything()
    root = logging.getLogger()
    before = {name: logging.getLogger(name).level for name in ("", "asyncio", "aiohttp", "aiohttp.client", "wooshpay")}
    for name in before:
        logging.getLogger(name).setLevel(logging.DEBUG)
    root.addHandler(handler)
    yield handler
    root.removeHandler(handler)
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def arguments_of(declaration: Declaration) -> tuple[list[str], dict[str, Any]]:
    ids = [f"{name}_1" for name in re.findall(r"\{(\w+)\}", declaration.path)]
    options = RequestOptions(headers={"X-Token": f"Basic {ENCODED_KEY}"}, extra_query={"s": CLIENT_SECRET})
    return ids, {**marked_arguments(declaration), "options": options}


def operation_of(client: Any, name: str) -> Any:
    for part in name.split("."):
        client = getattr(client, part)
    return client


def seen_in(value: Any) -> list[str | bytes]:
    """How a value writes itself; JSON as it was received is data, and hides nothing."""
    if is_object(value) or is_array(value):
        return []
    return [repr(value), str(value), f"{value}"]


FORMS = ("__call__", "with_response")


async def shown_by_call(client: AsyncWooshPay, name: str, forms: Sequence[str] = FORMS) -> list[str | bytes]:
    """Make one call in some of its forms; give all that can be seen of it."""
    operation = operation_of(client, name)
    ids, arguments = arguments_of(DECLARED[name])
    texts = seen_in(operation) + seen_in(arguments["options"])
    for form in forms:
        made = getattr(operation, form)(*ids, **arguments)
        texts += seen_in(made)
        try:
            result = await made
        except WooshPayError as error:
            texts += shown_by(error)
        else:
            texts += seen_in(result)
    return texts


@pytest.mark.parametrize("ending", ENDINGS)
async def test_no_call_shows_a_secret_however_it_ends(ending: str, log: Everything) -> None:
    collected = Collected()
    found: dict[str, list[str]] = {}
    async with Peer(ENDINGS[ending]) as peer, AsyncWooshPay(API_KEY, **collected.settings(peer.url)) as client:
        for number, name in enumerate(DECLARED):
            forms = FORMS if ending in {"success", "declined"} else FORMS[number % 2 :][:1]
            shown = await shown_by_call(client, name, forms)
            shown += [*seen_in(client), repr(vars(client)), *collected.texts, *log.texts]
            collected.texts.clear()
            log.texts.clear()
            if leaked := leaks(*shown):
                found[name] = leaked
        assert len(peer.requests) >= len(DECLARED)
        # What is searched for was there: the test would not notice if nothing had been sent.
        assert any(leaks(request.body) for request in peer.requests)
        assert all(leaks(request.headers["authorization"]) for request in peer.requests)
    assert found == {}


def test_the_synchronous_client_shows_none_either(log: Everything) -> None:
    """Its calls go through a thread, and its frames hold the arguments while the call is under way."""
    found: dict[str, list[str]] = {}
    endings = [*ENDINGS.values()]
    collected = Collected()
    with ThreadedPeer(*(endings * 120)) as peer, WooshPay(API_KEY, **collected.settings(peer.url)) as client:
        for name, declaration in DECLARED.items():
            operation = operation_of(client, name)
            ids, arguments = arguments_of(declaration)
            shown: list[str | bytes] = []
            for form in (operation, operation.with_response):
                try:
                    made = form(*ids, **arguments)
                    shown += seen_in(made)
                    if form is operation and declaration.is_list:
                        shown += [*seen_in(made.page()), *map(repr, made.page())]
                except WooshPayError as error:
                    shown += shown_by(error)
            if leaked := leaks(*shown, *collected.texts, *log.texts):
                found[name] = leaked
    assert found == {}


@pytest.mark.parametrize("name", ["payment_intents.create", "payment_intents.retrieve", "beneficiaries.create"])
async def test_a_call_that_is_stopped_shows_none(name: str, log: Everything) -> None:
    """By its time limit, by the user's, or by the end of its task."""
    shown: list[str | bytes] = []
    collected = Collected()
    ids, arguments = arguments_of(DECLARED[name])
    async with Peer(stall()) as peer, AsyncWooshPay(API_KEY, **collected.settings(peer.url)) as client:
        operation = operation_of(client.with_options(attempt_timeout=0.2, max_retries=0), name)
        with pytest.raises(WooshPayError) as late:
            await operation(*ids, **arguments)
        slow = client.with_options(attempt_timeout=30.0)
        with pytest.raises(TimeoutError) as stopped:
            async with asyncio.timeout(0.1):
                await operation_of(slow, name)(*ids, **arguments)
        task = asyncio.ensure_future(operation_of(slow, name)(*ids, **arguments))
        shown += seen_in(task)
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as cancelled:
            await task
        shown += seen_in(task)
    for caught in (late, stopped, cancelled):
        shown += shown_by(caught.value)
    assert leaks(*shown, *collected.texts, *log.texts) == []


async def test_an_event_loop_that_logs_everything_shows_none(log: Everything) -> None:
    """In debug mode asyncio writes down every callback with its arguments, and every task."""
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 0.0
    try:
        for ending in ("success", "declined", "reset"):
            async with Peer(ENDINGS[ending]) as peer, AsyncWooshPay(API_KEY, base_url=peer.url) as client:
                await shown_by_call(client, "payment_intents.create")
                await asyncio.gather(*(client.balance.retrieve() for _ in range(3)), return_exceptions=True)
    finally:
        loop.set_debug(False)
        loop.slow_callback_duration = 0.1
    written = [text for text in log.texts if isinstance(text, str) and "took" in text]
    assert len(written) > 10
    assert leaks(*log.texts) == []


@pytest.mark.parametrize("world", [AsyncWooshPay, WooshPay], ids=["async", "sync"])
@pytest.mark.parametrize("name", DECLARED)
def test_a_wrong_argument_is_refused_without_showing_the_others(name: str, world: Callable[..., Any]) -> None:
    """A misspelt parameter fails at the user's, with the card beside it; the report must not show it."""
    declaration = DECLARED[name]
    client = world(API_KEY)
    ids, arguments = arguments_of(declaration)
    wrong: list[tuple[list[Any], dict[str, Any]]] = [(ids, {**arguments, "cvcc": CARD}), ([*ids, CARD], arguments)]
    if ids:
        wrong.append(([CARD.encode(), *ids[1:]], arguments))
        wrong.append((["\n" + CARD, *ids[1:]], arguments))
    for args, kwargs in wrong:
        for form in (operation_of(client, name), operation_of(client, name).with_response):
            with pytest.raises((TypeError, ValueError)) as caught:
                form(*args, **kwargs)
            assert leaks(*shown_by(caught.value)) == []


@pytest.mark.parametrize("value", [object(), float("nan"), "\ud800", {1, 2}], ids=["object", "NaN", "surrogate", "set"])
async def test_what_cannot_be_sent_is_refused_without_showing_the_rest(value: Any) -> None:
    async with AsyncWooshPay(API_KEY) as client:
        for name in ("payment_intents.create", "beneficiaries.create", "payouts.list"):
            ids, arguments = arguments_of(DECLARED[name])
            [*parameters] = keywords(DECLARED[name])
            with pytest.raises((TypeError, ValueError)) as caught:
                await operation_of(client, name)(*ids, **{**arguments, parameters[0]: value})
            assert leaks(*shown_by(caught.value)) == []


@pytest.mark.parametrize("world", [AsyncWooshPay, WooshPay], ids=["async", "sync"])
def test_settings_that_are_refused_are_not_shown(world: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The frames of a constructor hold the key, and those below it the whole environment."""
    monkeypatch.setenv("SOME_PASSWORD", API_KEY)
    password = {"proxy": f"http://user:{API_KEY}@proxy.example", "headers": {"X-Token": API_KEY}}
    url = f"https://user:{API_KEY}@gateway.example"
    refused: list[Callable[[], Any]] = [
        lambda: world(f" {API_KEY}", **password),
        lambda: world(API_KEY, base_url=url, **password),
        lambda: world(API_KEY, timeout=-1, **password),
        lambda: world(API_KEY, headers={f"X {API_KEY}\n": API_KEY, "X-A": f"{API_KEY}\n"}),
        lambda: world(API_KEY).with_options(api_key=f"{API_KEY}\n", headers={"X-Token": API_KEY}),
        lambda: world(API_KEY).with_options(base_url=url),
    ]
    for make in refused:
        with pytest.raises(WooshPayError) as caught:
            make()
        assert leaks(*shown_by(caught.value)) == []


async def test_a_middleware_that_wraps_errors_adds_no_secret() -> None:
    """Its own variables stay in the traceback, for it is the user's code; what was sent does not."""

    async def wrapping(request: Request, call_next: Next) -> Response:
        kept = "the user's own"
        try:
            return await call_next(request)
        except WooshPayError as error:
            raise LookupError(kept) from error

    ids, arguments = arguments_of(DECLARED["payment_intents.create"])
    async with Peer(reset()) as peer:
        client = AsyncWooshPay(API_KEY, base_url=peer.url, max_retries=0, attempt_middlewares=[wrapping])
        async with client:
            with pytest.raises(LookupError) as caught:
                await client.payment_intents.create(*ids, **arguments)
    assert leaks(*shown_by(caught.value)) == []
    step = caught.value.__traceback__
    kept: list[Any] = []
    while step is not None:
        kept.append(step.tb_frame.f_locals.get("kept"))
        step = step.tb_next
    assert "the user's own" in kept


@pytest.mark.parametrize("place", ["call_middlewares", "attempt_middlewares"])
async def test_a_middleware_that_reports_errors_reports_no_secret(place: str) -> None:
    """It sees the error before the call has ended, with all frames below it."""
    reported: list[str | bytes] = []

    async def reporting(request: Request, call_next: Next) -> Response:
        try:
            return await call_next(request)
        except WooshPayError as error:
            reported.extend(shown_by(error))
            raise

    ids, arguments = arguments_of(DECLARED["payment_intents.create"])
    middlewares: dict[str, Any] = {place: [reporting]}
    for ending in ("reset", "no HTTP"):
        async with Peer(ENDINGS[ending]) as peer:
            client = AsyncWooshPay(API_KEY, base_url=peer.url, max_retries=0, **middlewares)
            async with client:
                with pytest.raises(WooshPayError):
                    await client.payment_intents.create(*ids, **arguments)
    assert len(reported) > 20
    assert leaks(*reported) == []


async def test_what_the_user_was_handling_is_left_alone() -> None:
    """An error in the middle of handling another one is told with it; its frames belong to the user."""

    def fail() -> None:
        kept = ["the user's own"]
        raise LookupError(kept)

    async def handle(work: Callable[[], None], client: AsyncWooshPay) -> None:
        try:
            work()
        except LookupError:
            await client.balance.retrieve()

    async with Peer(reset()) as peer, AsyncWooshPay(API_KEY, base_url=peer.url, max_retries=0) as client:
        with pytest.raises(WooshPayError) as caught:
            await handle(fail, client)
    first: BaseException | None = caught.value
    while first is not None and not isinstance(first, LookupError):
        first = first.__context__
    assert first is not None
    assert first.__traceback__ is not None
    assert first.__traceback__.tb_next is not None
    assert first.__traceback__.tb_next.tb_frame.f_locals["kept"] == ["the user's own"]


# ---- these tests can fail


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    def keep(error: BaseException) -> None:
        """Let go of nothing."""

    for module in (callers, http):
        monkeypatch.setattr(module, "forget_locals", keep)


@pytest.mark.usefixtures("forgetful")
async def test_without_the_emptying_of_frames_the_secrets_are_found() -> None:
    async with Peer(reset()) as peer, AsyncWooshPay(API_KEY, base_url=peer.url, max_retries=0) as client:
        assert leaks(*await shown_by_call(client, "payment_intents.create"))


async def test_a_middleware_that_writes_the_body_down_is_found(log: Everything) -> None:
    async def careless(request: Request, call_next: Next) -> Response:
        logging.getLogger("shop").debug("sending %r", request.body)
        return await call_next(request)

    async with Peer(reply(200, {})) as peer:
        client = AsyncWooshPay(API_KEY, base_url=peer.url, attempt_middlewares=[careless])
        async with client:
            await shown_by_call(client, "payment_intents.create")
    assert leaks(*log.texts)
