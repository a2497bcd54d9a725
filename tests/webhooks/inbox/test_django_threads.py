"""In which thread and on which connection a `DjangoInbox` works, and that no handler blocks it there."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from support.children import environment
from webhooks.deliver import SECRET, body_of, headers_for
from webhooks.handling import PATIENCE, deliver, opened
from webhooks.inbox import django_stores
from webhooks.inbox.django_stores import DJANGO

from wooshpay.api.events import Event
from wooshpay.webhooks import DjangoInbox, WebhookReceiver
from wooshpay.webhooks.inbox import Claim

TABLE = "wooshpay_webhooks_event"


class Watched(DjangoInbox):
    """Notes each renewal that got through."""

    def __init__(self, alias: str, **settings: Any) -> None:
        super().__init__(alias, **settings)
        self.renewed = threading.Semaphore(0)

    async def renew(self, claim: Claim) -> bool:
        kept = await super().renew(claim)
        if kept:
            self.renewed.release()
        return kept


@pytest.fixture(params=DJANGO)
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return django_stores.make_address(request.param, tmp_path, request.getfixturevalue)


@pytest.fixture
async def inbox(address: str) -> AsyncGenerator[Watched]:
    inbox = Watched(django_stores.use(address), lease=1.0)
    yield inbox
    await inbox.close()


@asynccontextmanager
async def a_request(alias: str) -> AsyncGenerator[None]:
    """A request as Django's ASGI handler runs it: with a thread of its own, whose connection is closed at the end."""
    from django.db import connections

    async with ThreadSensitiveContext():
        await sync_to_async(lambda: connections[alias])()
        yield
        await sync_to_async(lambda: connections[alias].close())()


@asynccontextmanager
async def a_test(alias: str) -> AsyncGenerator[None]:
    """A request inside the transaction of Django's `TestCase`, which is rolled back."""
    from django.db import transaction

    async with a_request(alias):
        block = transaction.atomic(using=alias)
        await sync_to_async(block.__enter__)()
        yield
        await sync_to_async(transaction.set_rollback)(True, using=alias)
        await sync_to_async(block.__exit__)(None, None, None)


def rows(address: str) -> int:
    [(count,)] = django_stores.execute(address, f"SELECT count(*) FROM {TABLE}")
    return int(count)


async def test_within_a_test_case_everything_is_rolled_back(inbox: Watched, address: str) -> None:
    """Otherwise one test would leave its events to the next one, and SQLite would say that the database is locked."""
    from django.db import connections

    def write() -> None:
        with connections[inbox.using].cursor() as cursor:
            cursor.execute(f"UPDATE {TABLE} SET event_id = 'seen'")

    async with a_test(inbox.using):
        async with opened(inbox) as receiver:

            @receiver.other
            async def handler(event: Event) -> None:
                await inbox.run_in_transaction(write)

            assert (await deliver(receiver)).text == "Done."
            assert (await deliver(receiver)).text == "This event was done before."
            assert await inbox.counts() == (0, 1)
            claim = await inbox.claim("evt_2")
            assert isinstance(claim, Claim)
            assert await inbox.claim("evt_2") == "held"
            await inbox.give_back(claim)
    assert rows(address) == 0


async def test_a_claim_in_a_transaction_of_others_is_not_renewed_from_outside(inbox: Watched, address: str) -> None:
    """Nobody else sees it, so it cannot be taken over. It would look lost, and the handler would be cancelled."""
    async with a_test(inbox.using):
        async with opened(inbox) as receiver:

            @receiver.other
            async def handler(event: Event) -> None:
                await asyncio.to_thread(wait_for_renewals, inbox, 3)

            assert (await deliver(receiver)).text == "Done."
    assert rows(address) == 0


async def test_a_claim_is_committed_before_the_handler_runs(inbox: Watched, address: str) -> None:
    """Otherwise another worker would handle the event at the same time."""
    other = django_stores.open_inbox(address)
    async with a_request(inbox.using), opened(inbox) as receiver:

        @receiver.other
        async def handler(event: Event) -> None:
            seen.append(await other.claim(event.id))

        seen: list[object] = []
        assert (await deliver(receiver)).text == "Done."
    assert seen == ["held"]
    await other.close()


def wait_for_renewals(inbox: Watched, count: int) -> None:
    """Occupy the thread until the claim was renewed so often."""
    for _ in range(count):
        assert inbox.renewed.acquire(timeout=PATIENCE), "the claim is not renewed"


@pytest.mark.parametrize("request_first", [False, True])
async def test_renewals_get_through_while_a_handler_occupies_the_thread_of_django(
    inbox: Watched, address: str, request_first: bool
) -> None:
    """A handler that takes longer than the lease would lose its event to another worker, which runs it again."""
    async with opened(inbox) as receiver:

        @receiver.other
        async def handler(event: Event) -> None:
            if event.id == "evt_long":
                await sync_to_async(wait_for_renewals)(inbox, 4)

        if request_first:
            # The thread that renews starts here. It must not keep to the context of this request.
            async with a_request(inbox.using):
                assert (await deliver(receiver, "evt_short")).text == "Done."
        async with a_request(inbox.using):
            assert (await deliver(receiver, "evt_long")).text == "Done."


async def test_renewals_do_not_wait_for_the_handler_s_own_transaction(inbox: Watched, address: str) -> None:
    """It holds the row, so nobody can take the event over. A renewal would wait for it until its time is over."""
    async with a_request(inbox.using), opened(inbox) as receiver:

        @receiver.other
        async def handler(event: Event) -> None:
            await inbox.run_in_transaction(wait_for_renewals, inbox, 4)

        assert (await deliver(receiver)).text == "Done."


async def test_a_plain_call_in_the_thread_of_a_request_does_not_wait_for_that_thread(inbox: Watched) -> None:
    """`receive_now` in a plain view that an ASGI server runs: its thread waits for the claim, so both would wait."""
    receiver = WebhookReceiver(SECRET, inbox=inbox)
    receiver.other(lambda event: None)
    body = body_of()
    async with a_request(inbox.using):
        async with asyncio.timeout(PATIENCE):
            reply = await sync_to_async(receiver.receive_now)(body, headers_for(body))
    assert reply.text == "Done."
    await receiver.close()


async def test_a_delivery_whose_request_has_ended_is_settled_on_a_connection_that_is_closed(
    inbox: Watched, address: str
) -> None:
    """The sender hung up. asgiref would start a thread of which Django knows nothing, with a connection left open."""
    from django.db import connections

    ended, begun = asyncio.Event(), asyncio.Event()
    async with opened(inbox) as receiver:

        @receiver.other
        async def handler(event: Event) -> None:
            begun.set()
            await ended.wait()

        async with a_request(inbox.using):
            delivery = asyncio.create_task(deliver(receiver))
            await begun.wait()
        before = set(threading.enumerate())
        ended.set()
        assert (await delivery).text == "Done."
        new = {thread.name.rpartition("_")[0] for thread in set(threading.enumerate()) - before}
        assert new <= {"wooshpay-inbox"}
    assert connections[inbox.using].connection is None, "the event loop's thread has a connection"
    assert await django_stores_counts(address) == (0, 1)


async def django_stores_counts(address: str) -> tuple[int, int]:
    """Count the events as another worker does."""
    inbox = django_stores.open_inbox(address)
    try:
        return await inbox.counts()
    finally:
        await inbox.close()


async def test_a_forked_worker_leaves_the_connections_of_its_parent_alone(inbox: Watched, address: str) -> None:
    """Both processes share the sockets: what one of them closes or reads is missing in the other."""
    assert isinstance(await inbox.claim("evt_1"), Claim)
    child = os.fork()
    if child == 0:
        try:

            async def use() -> bool:
                taken = await inbox.claim("evt_1"), await inbox.claim("evt_2")
                await inbox.close()
                return taken[0] == "held" and isinstance(taken[1], Claim)

            asyncio.set_event_loop(None)
            asyncio._set_running_loop(None)
            os._exit(0 if asyncio.run(use()) else 1)
        except BaseException:
            os._exit(2)
    _, status = await asyncio.to_thread(os.waitpid, child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert await inbox.claim("evt_2") == "held"


SET_UP = """
import sys, unittest
from types import ModuleType
from django.conf import settings
APP = "wooshpay.webhooks.inbox.django"
database = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:", "ATOMIC_REQUESTS": True}
urls = ModuleType("urls")
settings.configure(
    SECRET_KEY="for tests", DATABASES={"default": database}, INSTALLED_APPS=[APP], ROOT_URLCONF=urls, USE_TZ=True
)
import django
django.setup()
from asgiref.sync import async_to_sync
from django.test import TestCase
from django.test.runner import DiscoverRunner
from webhooks.deliver import SECRET, body_of, headers_for
from wooshpay.webhooks import DjangoInbox, WebhookReceiver
from wooshpay.webhooks.inbox.django.models import InboxEvent

def write():
    InboxEvent.objects.create(id="mine", event_id="mine", token="", done=False, expires=0)
"""
RUN = """
runner = DiscoverRunner(verbosity=0)
databases = runner.setup_databases()
result = unittest.TextTestRunner().run(unittest.defaultTestLoader.loadTestsFromTestCase(Deliveries))
runner.teardown_databases(databases)
print(result.testsRun, len(result.errors), len(result.failures))
"""


def run(program: str) -> None:
    """Run three tests with Django's own test runner, in a process with settings of its own."""
    command = [sys.executable, "-W", "error", "-c", f"{SET_UP}{program}{RUN}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment())
    assert done.stdout == "3 0 0\n", done.stderr


def test_a_real_test_case_on_a_database_in_memory() -> None:
    """A second connection cannot write to that database while the transaction of the test is open."""
    run("""
class Deliveries(TestCase):
    def deliver(self):
        inbox = DjangoInbox()
        receiver = WebhookReceiver(SECRET, inbox=inbox)
        @receiver.other
        async def handler(event):
            await inbox.run_in_transaction(write)
        async def receive():
            reply = await receiver.receive(body_of(), headers_for(body_of()))
            await receiver.close()
            return reply
        self.assertEqual(async_to_sync(receive)().text, "Done.")
        self.assertEqual(InboxEvent.objects.get(event_id="evt_1").done, True)
        self.assertEqual(InboxEvent.objects.count(), 2)
    def test_one(self):
        self.deliver()
    def test_two(self):
        self.deliver()
    async def test_three(self):
        inbox = DjangoInbox()
        claim = await inbox.claim("evt_1")
        self.assertTrue(await inbox.done(claim))
        self.assertEqual(await InboxEvent.objects.acount(), 1)
        await inbox.close()
""")


def test_a_real_test_case_through_the_views() -> None:
    """A delivery through Django's test client must be rolled back with the test, whatever the view and the handler."""
    run("""
from django.urls import path
from wooshpay.webhooks.adapters import django_async_view, django_view

inbox = DjangoInbox()
receiver = WebhookReceiver(SECRET, inbox=inbox)
@receiver.on("payment_intent.succeeded")
def plain(event):
    with inbox.transaction():
        write()
@receiver.other
async def asynchronous(event):
    await inbox.run_in_transaction(write)
urls.urlpatterns = [path("plain", django_view(receiver)), path("async", django_async_view(receiver))]

class Deliveries(TestCase):
    def post(self, client, path, body):
        return client.post(path, body, content_type="application/json", headers=headers_for(body))
    def check(self, response):
        self.assertEqual((response.status_code, response.content), (200, b"Done."))
    def test_plain(self):
        self.check(self.post(self.client, "/plain", body_of()))
        self.assertEqual(InboxEvent.objects.filter(done=True).count(), 1)
    def test_async_handler(self):
        self.check(self.post(self.client, "/plain", body_of(type="payment_intent.created")))
        self.assertEqual(InboxEvent.objects.filter(done=True).count(), 1)
    async def test_async_view(self):
        self.check(await self.post(self.async_client, "/async", body_of()))
        self.assertEqual(await InboxEvent.objects.filter(done=True).acount(), 1)
    @classmethod
    def tearDownClass(cls):
        receiver.close_now()
        super().tearDownClass()
""")
