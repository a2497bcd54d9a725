"""The receiver: which handler gets an event, how often, and what WooshPay is answered."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from webhooks.deliver import SECRET, body_of, headers_for

from wooshpay import ConfigurationError, webhooks
from wooshpay.api.events import DOCUMENTED_EVENT_TYPES, INFERRED_EVENT_TYPES, THIRD_PARTY_EVENT_TYPES, Event
from wooshpay.api.payment_intents import PaymentIntent
from wooshpay.webhooks import MemoryInbox, Reply, SqliteInbox, WebhookReceiver
from wooshpay.webhooks.handlers import CLASS_OF
from wooshpay.webhooks.inbox import Claim, InboxError, Taken


class Both:
    """One receiver in one of its two worlds: awaited, or called plainly."""

    def __init__(self, now: bool) -> None:
        self.now = now

    def deliver(self, receiver: WebhookReceiver, body: bytes | None = None, headers: Any = None) -> Reply:
        body = body_of() if body is None else body
        headers = headers_for(body) if headers is None else headers
        if self.now:
            return receiver.receive_now(body, headers)
        return asyncio.run(receiver.receive(body, headers))


@pytest.fixture(params=[False, True], ids=["awaited", "plain"])
def both(request: pytest.FixtureRequest) -> Both:
    return Both(request.param)


@contextmanager
def made(**settings: Any) -> Generator[WebhookReceiver]:
    receiver = WebhookReceiver(SECRET, **settings)
    try:
        yield receiver
    finally:
        receiver.close_now()


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_handler_of_either_kind_gets_the_typed_event(both: Both, kind: str) -> None:
    seen: list[Any] = []
    with made() as receiver:
        if kind == "def":
            receiver.on("payment_intent.succeeded")(lambda event: seen.append(event))
        else:

            @receiver.on("payment_intent.succeeded")
            async def paid(event: Event) -> None:
                await asyncio.sleep(0)
                seen.append(event)

        assert both.deliver(receiver) == (200, "Done.", "evt_1")
    assert isinstance(seen[0].data.object, PaymentIntent)
    assert seen[0].data.object.amount == 1999


def test_what_nobody_handles_is_accepted_or_goes_to_the_fallback(both: Both) -> None:
    """A 4xx would make WooshPay send an uninteresting event 18 times, and then mail the merchant."""
    seen: list[str] = []
    with made() as receiver:
        receiver.on("payment_intent.succeeded")(lambda event: seen.append("wrong"))
        assert both.deliver(receiver, body_of(type="galaxy.exploded")).status == 200
        receiver.other(lambda event: seen.append(event.type))
        assert both.deliver(receiver, body_of(type="galaxy.exploded")).status == 200
    assert seen == ["galaxy.exploded"]


def test_an_event_about_something_else_than_its_type_says_is_not_lost(both: Both) -> None:
    """A handler that was promised a PaymentIntent must not get something else, and nobody may drop the event."""
    seen: list[str] = []
    odd = body_of(id="ch_1", object="charge")
    with made() as receiver:
        assert both.deliver(receiver, odd).status == 200, "nobody wants it"
        receiver.on("payment_intent.succeeded")(lambda event: seen.append("typed"))
        assert both.deliver(receiver, odd).status == 500
        receiver.other(lambda event: seen.append("other"))
        assert both.deliver(receiver, odd).status == 200
    assert seen == ["other"]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (body_of(), {}),
        (body_of(), {"Wooshpay-Signature": "t=1,v1=00"}),
        (body_of(), headers_for(body_of(), secret="whsec_other")),
        (body_of("evt_2"), headers_for(body_of())),
        (b"[]", headers_for(b"[]")),
        (b"{", headers_for(b"{")),
        (b'{"id":"evt_1"}', headers_for(b'{"id":"evt_1"}')),
    ],
    ids=["none", "malformed", "secret", "tampered", "array", "cut", "typeless"],
)
def test_what_cannot_be_trusted_is_refused_and_reaches_no_handler(both: Both, body: bytes, headers: Any) -> None:
    with made() as receiver:
        receiver.other(lambda event: pytest.fail("it reached a handler"))
        reply = both.deliver(receiver, body, headers)
    assert (reply.status, reply.event_id) == (400, None)
    assert SECRET not in reply.text


def test_a_body_beyond_the_limit_is_refused_before_anything_is_computed(both: Both) -> None:
    with made(largest_body=100) as receiver:
        receiver.other(lambda event: pytest.fail("it reached a handler"))
        assert both.deliver(receiver).status == 413


def test_a_failing_handler_makes_wooshpay_come_again(both: Both, caplog: pytest.LogCaptureFixture) -> None:
    tries: list[int] = []
    with made(inbox=MemoryInbox()) as receiver:

        @receiver.on("payment_intent.succeeded")
        def paid(event: Event) -> None:
            tries.append(1)
            if len(tries) == 1:
                raise ValueError("out of stock")

        assert both.deliver(receiver).status == 500
        assert "out of stock" in caplog.text
        assert both.deliver(receiver).status == 200
    assert len(tries) == 2


def test_a_duplicate_is_answered_at_once_and_runs_nothing(both: Both) -> None:
    tries: list[int] = []
    with made(inbox=MemoryInbox()) as receiver:
        receiver.on("payment_intent.succeeded")(lambda event: tries.append(1))
        replies = [both.deliver(receiver).status for _ in range(18)]
        assert both.deliver(receiver, body_of("evt_2")).status == 200
    assert replies == [200] * 18
    assert len(tries) == 2


async def test_a_redelivery_while_the_handler_runs_starts_no_second_one() -> None:
    """Answered 409, so that WooshPay comes again should the first one die."""
    started, go_on = asyncio.Event(), asyncio.Event()
    receiver = WebhookReceiver(SECRET, inbox=MemoryInbox())
    tries: list[int] = []

    @receiver.on("payment_intent.succeeded")
    async def paid(event: Event) -> None:
        tries.append(1)
        started.set()
        await go_on.wait()

    body = body_of()
    first = asyncio.create_task(receiver.receive(body, headers_for(body)))
    await started.wait()
    assert (await receiver.receive(body, headers_for(body))).status == 409
    go_on.set()
    assert (await first).status == 200
    assert (await receiver.receive(body, headers_for(body))).status == 200
    assert len(tries) == 1
    await receiver.close()


async def test_a_plain_handler_does_not_hold_the_event_loop_up() -> None:
    receiver = WebhookReceiver(SECRET)
    go_on = threading.Event()
    receiver.on("payment_intent.succeeded")(lambda event: go_on.wait(10))
    body = body_of()
    delivery = asyncio.create_task(receiver.receive(body, headers_for(body)))
    await asyncio.sleep(0.05)
    go_on.set()
    assert (await delivery).status == 200


def test_a_plain_handler_runs_in_the_thread_of_a_plain_call() -> None:
    """Connections of web frameworks belong to a thread: Django's transactions would not be the request's."""
    seen: list[int] = []
    with made(inbox=MemoryInbox()) as receiver:
        receiver.on("payment_intent.succeeded")(lambda event: seen.append(threading.get_ident()))
        Both(now=True).deliver(receiver)
    assert seen == [threading.get_ident()]


def test_a_handler_longer_than_its_lease_keeps_the_event(both: Both, tmp_path: Path) -> None:
    """Without renewing, a second worker would start while the first still works."""
    lease = 1.5

    class Watched(SqliteInbox):
        async def renew(self, claim: Claim) -> bool:
            kept = await super().renew(claim)
            renewals.release()
            return kept

    renewals = threading.Semaphore(0)
    with (
        closing_inbox(SqliteInbox(tmp_path / "inbox.db", lease=lease)) as other,
        made(inbox=Watched(tmp_path / "inbox.db", lease=lease)) as receiver,
    ):
        seen: list[Claim | Taken] = []

        @receiver.on("payment_intent.succeeded")
        def paid(event: Event) -> None:
            # A claim is renewed three times per lease, so that the first lease has ended after the fourth time.
            for _ in range(4):
                assert renewals.acquire(timeout=20)
            seen.append(asyncio.run(other.claim(event.id)))

        assert both.deliver(receiver).status == 200
    assert seen == ["held"]


@contextmanager
def closing_inbox(inbox: SqliteInbox) -> Generator[SqliteInbox]:
    try:
        yield inbox
    finally:
        inbox.close_now()


class Failing(MemoryInbox):
    """An inbox whose connection breaks at the calls that are named."""

    def __init__(self) -> None:
        super().__init__()
        self.broken: set[str] = set()

    def _check(self, name: str) -> None:
        if name in self.broken:
            raise InboxError("The store does not answer.")

    async def claim(self, event_id: str) -> Claim | Taken:
        self._check("claim")
        return await super().claim(event_id)

    async def done(self, claim: Claim) -> bool:
        self._check("done")
        return await super().done(claim)

    async def give_back(self, claim: Claim) -> None:
        self._check("give_back")
        await super().give_back(claim)


def test_without_its_inbox_it_runs_nothing_and_asks_for_the_event_again(both: Both) -> None:
    inbox, tries = Failing(), list[int]()
    with made(inbox=inbox) as receiver:
        receiver.on("payment_intent.succeeded")(lambda event: tries.append(1))
        inbox.broken = {"claim"}
        assert both.deliver(receiver).status == 503
        assert tries == []
        inbox.broken = set()
        assert both.deliver(receiver).status == 200
        assert both.deliver(receiver).status == 200
    assert tries == [1]


def test_a_handled_event_that_could_not_be_marked_is_marked_by_its_next_delivery(
    both: Both, caplog: pytest.LogCaptureFixture
) -> None:
    """Running it again in silence would ship twice; this process knows better than the inbox."""
    inbox, tries = Failing(), list[int]()
    with made(inbox=inbox) as receiver:
        receiver.on("payment_intent.succeeded")(lambda event: tries.append(1))
        inbox.broken = {"done"}
        assert both.deliver(receiver).status == 503
        assert "the inbox could not record it" in caplog.text
        assert both.deliver(receiver).status == 503
        inbox.broken = set()
        assert both.deliver(receiver).status == 200
        assert both.deliver(receiver).status == 200
    assert tries == [1]


def test_a_claim_that_cannot_be_given_back_waits_for_its_lease(both: Both) -> None:
    inbox = Failing()
    with made(inbox=inbox) as receiver:

        @receiver.on("payment_intent.succeeded")
        def paid(event: Event) -> None:
            raise ValueError

        inbox.broken = {"give_back"}
        assert both.deliver(receiver).status == 500
        assert both.deliver(receiver).status == 409


def test_an_interrupted_handler_gives_the_event_back() -> None:
    tries: list[int] = []
    with made(inbox=MemoryInbox()) as receiver:

        @receiver.on("payment_intent.succeeded")
        def paid(event: Event) -> None:
            tries.append(1)
            if len(tries) == 1:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            Both(now=True).deliver(receiver)
        assert Both(now=True).deliver(receiver).status == 200


def test_rows_written_in_the_inbox_s_transaction_come_with_done_or_not_at_all(both: Both, tmp_path: Path) -> None:
    inbox = SqliteInbox(tmp_path / "shop.db")
    fail = [True]
    with made(inbox=inbox) as receiver:

        @receiver.on("payment_intent.succeeded")
        def paid(event: Event) -> None:
            with inbox.transaction() as connection:
                connection.execute("CREATE TABLE IF NOT EXISTS shipped (event TEXT)")
                connection.execute("INSERT INTO shipped VALUES (?)", (event.id,))
                if fail.pop() if fail else False:
                    raise ValueError("the printer is out of paper")

        assert [both.deliver(receiver).status for _ in range(3)] == [500, 200, 200]
    import sqlite3

    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        assert connection.execute("SELECT event FROM shipped").fetchall() == [("evt_1",)]


def test_a_failure_after_the_transaction_does_not_undo_done(both: Both, tmp_path: Path) -> None:
    inbox = SqliteInbox(tmp_path / "shop.db")
    tries: list[int] = []
    with made(inbox=inbox) as receiver:

        @receiver.on("payment_intent.succeeded")
        def paid(event: Event) -> None:
            tries.append(1)
            with inbox.transaction():
                pass
            raise ValueError("the mail server is down")

        assert [both.deliver(receiver).status for _ in range(2)] == [500, 200]
    assert len(tries) == 1


def test_a_transaction_outside_a_handler_is_refused(tmp_path: Path) -> None:
    inbox = SqliteInbox(tmp_path / "shop.db")
    with pytest.raises(RuntimeError, match="inside a handler"), inbox.transaction():
        pass


def test_a_worker_that_lost_its_event_writes_nothing(both: Both, tmp_path: Path) -> None:
    now = [1_000.0]
    inbox = SqliteInbox(tmp_path / "shop.db", now=lambda: now[0])
    with closing_inbox(SqliteInbox(tmp_path / "shop.db", now=lambda: now[0])) as other, made(inbox=inbox) as receiver:

        @receiver.on("payment_intent.succeeded")
        def paid(event: Event) -> None:
            now[0] += 61
            assert isinstance(asyncio.run(other.claim(event.id)), Claim)
            with inbox.transaction() as connection:
                connection.execute("CREATE TABLE shipped (event TEXT)")

        assert both.deliver(receiver).status == 409
    import sqlite3

    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        assert connection.execute("SELECT * FROM sqlite_master WHERE name = 'shipped'").fetchall() == []


def test_old_ids_are_forgotten(tmp_path: Path) -> None:
    now = [1_000.0]
    for inbox in (MemoryInbox(now=lambda: now[0]), SqliteInbox(tmp_path / "i.db", now=lambda: now[0])):

        async def use(inbox: MemoryInbox | SqliteInbox = inbox) -> None:
            claim = await inbox.claim("evt_1")
            assert isinstance(claim, Claim)
            await inbox.done(claim)
            now[0] += 6 * 86_400
            assert await inbox.claim("evt_1") == "done"
            now[0] += 2 * 86_400
            assert await inbox.forget_old() == 1
            assert await inbox.counts() == (0, 0)
            await inbox.close()

        asyncio.run(use())


@pytest.mark.parametrize("pattern", ["*", "payment_intent.*"])
def test_a_pattern_is_not_taken_for_a_type_of_event(pattern: str) -> None:
    """Its handler would never run: WooshPay would get a 200 for each event, and every payment would be lost."""
    receiver = webhooks.WebhookReceiver(SECRET)
    with pytest.raises(ConfigurationError, match="register the handler with `other`"):
        receiver.on("payout.paid", pattern)(print)
    assert receiver.types == ()


def test_a_type_has_one_handler() -> None:
    receiver = WebhookReceiver(SECRET)
    receiver.on("payout.paid", "payout.failed")(print)
    with pytest.raises(ConfigurationError, match=r"payout\.failed"):
        receiver.on("payout.failed")(print)
    receiver.other(print)
    with pytest.raises(ConfigurationError):
        receiver.other(print)


@pytest.mark.parametrize("secrets", ["", [], "sk_test_x", None, [""]])
def test_a_receiver_without_a_usable_secret_is_refused_when_it_is_made(secrets: Any) -> None:
    """At the first delivery it would be too late to notice."""
    with pytest.raises(ConfigurationError):
        WebhookReceiver(secrets)


def test_every_known_type_has_a_class() -> None:
    known = {*DOCUMENTED_EVENT_TYPES, *INFERRED_EVENT_TYPES, *THIRD_PARTY_EVENT_TYPES}
    assert CLASS_OF.keys() == known


def test_a_secret_is_in_no_repr_and_no_log(both: Both, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with made(inbox=MemoryInbox()) as receiver:
        receiver.other(lambda event: 1 / 0)
        both.deliver(receiver)
        both.deliver(receiver, body_of("evt_2"), headers_for(body_of()))
        assert SECRET not in repr(receiver)
    signature = headers_for(body_of())["Wooshpay-Signature"].partition("v1=")[2]
    assert SECRET not in caplog.text
    assert signature not in caplog.text
    assert "order-17" not in caplog.text


@pytest.mark.parametrize(
    ("about", "reference"),
    [
        ({"object": "checkout.session", "id": "cs_1", "client_reference_id": "A"}, "A"),
        ({"object": "payment_intent", "id": "pi_1", "merchant_order_id": "B"}, "B"),
        ({"object": "payment_intent", "id": "pi_1", "metadata": {"order_id": "C"}}, "C"),
        ({"object": "payment_intent", "id": "pi_1", "merchant_order_id": "", "metadata": {"order_id": "C"}}, "C"),
        ({"object": "payout", "id": "po_1", "merchant_payout_id": "D"}, "D"),
        ({"object": "charge", "payment_intent": {"object": "payment_intent", "merchant_order_id": "E"}}, "E"),
        ({"object": "unheard_of", "id": "x_1", "client_reference_id": "F"}, "F"),
        ({"object": "charge", "id": "ch_1", "payment_intent": "pi_1"}, None),
        ({"object": "payment_intent", "id": "pi_1", "metadata": {"order_id": 17}}, "17"),
        ({"object": "payment_intent", "id": "pi_1", "metadata": "odd"}, None),
    ],
)  # fmt: skip
def test_the_merchant_s_own_reference_is_found_wherever_it_stands(about: dict[str, Any], reference: str | None) -> None:
    event = webhooks.parse_unverified(body_of(**about))
    assert webhooks.merchant_reference(event) == reference


def test_which_metadata_count_is_the_merchant_s_choice() -> None:
    event = webhooks.parse_unverified(body_of(object="payment_intent", metadata={"basket": "G", "order_id": "H"}))
    assert webhooks.merchant_reference(event, metadata=["basket"]) == "G"
    assert webhooks.merchant_reference(event, metadata=["shelf"]) is None


@pytest.mark.parametrize("body", [None, {"id": "evt_1"}, "text"])
def test_a_body_that_is_no_bytes_is_refused_with_a_hint(both: Both, body: Any) -> None:
    with made() as receiver:
        reply = both.deliver(receiver, body or None, headers_for(b"")) if body else receiver.receive_now(body, {})
    assert reply.status == 400
    assert "raw bytes" in reply.text


def test_verifying_imports_neither_receiver_nor_inbox() -> None:
    program = (
        "import sys; from wooshpay import webhooks; webhooks.sign(b'', 'whsec_x');"
        "print([name for name in sys.modules if name.partition('.')[0] in "
        "{'asyncio', 'sqlite3', 'redis', 'psycopg', 'aiohttp', 'attrs', 'cattrs', 'flask', 'django', 'starlette'}])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_the_decorated_function_stays_what_it_was() -> None:
    receiver = WebhookReceiver(SECRET)

    def paid(event: Event) -> int:
        return 1

    assert receiver.on("payment_intent.succeeded")(paid) is paid
