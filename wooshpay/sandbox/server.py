"""The HTTP server, and what runs beside it: alarms of the clock and webhook deliveries."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from wooshpay.core.json import dumps
from wooshpay.sandbox.controls.health import Health
from wooshpay.sandbox.engine.account_options import AccountOptions
from wooshpay.sandbox.engine.addresses import OwnNames, local_url, read_public_url
from wooshpay.sandbox.engine.clock import Clock, real_time
from wooshpay.sandbox.engine.errors import STATE_NOT_KEPT, ErrorBodies, SandboxError
from wooshpay.sandbox.engine.facts import Facts
from wooshpay.sandbox.engine.guard import Guard
from wooshpay.sandbox.engine.ids import Ids
from wooshpay.sandbox.engine.state import Account, State
from wooshpay.sandbox.engine.wakeup import Wakeup
from wooshpay.sandbox.requests.faults import Faults
from wooshpay.sandbox.requests.gate import Gate
from wooshpay.sandbox.requests.idempotency import Keys
from wooshpay.sandbox.requests.late_routes import LateRoutes, Routed
from wooshpay.sandbox.requests.log import RequestLog
from wooshpay.sandbox.requests.routing import Routes
from wooshpay.sandbox.webhooks.deliveries import Deliveries
from wooshpay.sandbox.webhooks.posting import TIMEOUT_SECONDS

if TYPE_CHECKING:
    from wooshpay.sandbox.engine.unit import Units

_LARGEST_BODY: Final = 16 * 1024 * 1024
_SHUTDOWN_SECONDS: Final = 2.0
# 2026-01-01T00:00:00Z: where the clock of a sandbox with a seed stands.
SEEDED_TIME: Final = 1_767_225_600_000


class Server:
    """A sandbox put together and, between `start` and `stop`, reachable on a loopback port.

    Args:
        host: The address to listen on.
        port: The port; 0 takes the one that the state file remembers, or else a free one.
        chosen: Keys of the account, by their names there; the rest are made up.
        public_url: The URL under which others reach it; ``None`` for the address that it listens on.
        webhook: The address of an endpoint that gets every event.
        seed: Makes ids, secrets and times repeatable.
        now: The real time in milliseconds.
        state_file: Where the sandbox is kept; in memory alone when left out.
        options: How the account differs from others.
        strict: Whether parameters that the API does not know are refused instead of dropped.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        public_url: str | None = None,
        chosen: dict[str, str] | None = None,
        webhook: str | None = None,
        seed: int | None = None,
        now: Callable[[], int] | None = None,
        state_file: str | os.PathLike[str] | None = None,
        options: AccountOptions | None = None,
        strict: bool = False,
    ) -> None:
        self._public_url = None if public_url is None else read_public_url(public_url)
        self._real_time = now is None
        self._host = host
        self._port = port
        self._webhook = webhook
        self.state_file = state_file
        self.lock = Guard()
        self.clock = Clock(now or real_time, lock=self.lock)
        if seed is not None and now is None:
            self.clock.put_back(0, SEEDED_TIME, SEEDED_TIME)
        ids = Ids(lambda: self.clock.now, seed=seed)
        made_up = {
            "api_key": f"sk_test_{ids.text(32)}",
            "publishable_key": f"pk_test_{ids.text(32)}",
            "dashboard_key": ids.text(32),
            "webhook_secret": ids.webhook_secret(),
        }
        account = Account(**{**made_up, **(chosen or {})})
        self.state = State(account=account, clock=self.clock, ids=ids, options=options or AccountOptions())
        self.deliveries = Deliveries(self.state, self.lock, seed=seed, real_now=now or real_time)
        self.state.deliver = self.deliveries.take
        self.faults = Faults(seed=seed)
        self.log = RequestLog()
        self._keys = Keys(lambda: self.clock.now)
        self._facts = Facts(self.state, chosen or {})
        self._gate = Gate(
            state=self.state,
            routes=Routes(),
            faults=self.faults,
            log=self.log,
            keys=self._keys,
            lock=self.lock,
            strict=strict,
        )
        self._health = Health(self.lock)
        self._wakeup = Wakeup()
        self._progress = Wakeup()
        self._running = AsyncExitStack()

    def _controls(self) -> tuple[Routed, ...]:
        from wooshpay.sandbox.controls.http import Controls
        from wooshpay.sandbox.controls.publishing import Publisher

        controls = Controls(
            state=self.state,
            lock=self.lock,
            faults=self.faults,
            log=self.log,
            deliveries=self.deliveries,
            settle=self.settle,
            reset=self.reset,
        )
        return (controls, Publisher(self.state))

    def _hosted_pages(self) -> tuple[Routed, ...]:
        from wooshpay.sandbox.pages.actions import ActionPages
        from wooshpay.sandbox.pages.checkout import CheckoutPage
        from wooshpay.sandbox.pages.dashboard.desk import Desk
        from wooshpay.sandbox.pages.dashboard.routes import Dashboard
        from wooshpay.sandbox.pages.files import FileContents
        from wooshpay.sandbox.pages.front import FrontPages
        from wooshpay.sandbox.pages.invoices import InvoicePage
        from wooshpay.sandbox.pages.links import LinkPage
        from wooshpay.sandbox.pages.shop import ShopPage

        desk = Desk(
            state=self.state,
            lock=self.lock,
            log=self.log,
            faults=self.faults,
            deliveries=self.deliveries,
            closing=self._gate.breakage.closing,
        )
        return (
            CheckoutPage(self.state, self.lock),
            LinkPage(self.state, self.lock),
            InvoicePage(self.state, self.lock),
            ActionPages(self.state, self.lock),
            ShopPage(self.state),
            FileContents(self.state, self.lock),
            Dashboard(desk),
            # After all others, since it takes every path.
            FrontPages(self.state, self._gate.handle),
        )

    async def start(self) -> None:
        """Listen; see to alarms and deliveries."""
        async with AsyncExitStack() as starting:
            if self.state_file is not None:
                starting.callback(self._resume(self.state_file).close)
            site = await self._listen(starting)
            self._register_webhook()
            session = aiohttp.ClientSession(
                # Every endpoint has one attempt at a time, so there is no need for a limit; one that hangs keeps its
                # connection for long, and must not hold up the others.
                connector=aiohttp.TCPConnector(limit=0),
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
                headers={"User-Agent": "wooshpay-sandbox"},
            )
            await starting.enter_async_context(session)
            self._wakeup.open()
            starting.callback(self._wakeup.close)
            self._progress.open()
            starting.callback(self._progress.close)
            self.clock.watch(self._wakeup.set)
            self.clock.watch(self.deliveries.wake)
            self.deliveries.on_change(self._progress.set)
            for work in (self._see_to_alarms(), self.deliveries.run(session)):
                starting.push_async_callback(_cancel, asyncio.create_task(work))
            # First of all nobody new is let in, or a client that tries again would hold the closing up; then
            # stalled requests are let go, before their connections are closed.
            starting.callback(self._gate.breakage.closing.set)
            starting.push_async_callback(site.stop)
            starting.callback(self._health.stop)
            self._health.start()
            self._running = starting.pop_all()

    async def stop(self) -> None:
        """Close every connection and end everything that runs."""
        await self._running.aclose()

    async def settle(self, seconds: float) -> None:
        """Wait until nothing is due any more: no alarm, no delivery."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    self.clock.run_due()
                    if not self.deliveries.busy:
                        return
                    # The limit is a net, should an attempt end between the look and the wait.
                    await self._progress.wait(0.5)
        except TimeoutError:
            raise TimeoutError(
                f"The sandbox was still delivering webhooks after {seconds:g} seconds; an endpoint does not answer."
            ) from None

    def reset(self) -> None:
        """Go back to the state of a new sandbox, with the same address, keys and options.

        All objects, deliveries, faults, idempotency keys and logged requests are gone, and the clock is where it
        was at the start. Only the webhook endpoint that the sandbox was started with stays. IDs are never used again.
        """
        with self.lock:
            secret = self.state.account.webhook_secret
            self.state.store.clear(lambda record: record.kind == "webhook_endpoint" and record["secret"] == secret)
            self._keys.clear()
            self.deliveries.clear()
            self.faults.clear()
            self.log.clear()
            seeded = self.state.ids.seed is not None and self._real_time
            self.clock.start_again(SEEDED_TIME if seeded else None)
            self._register_webhook()

    async def _listen(self, starting: AsyncExitStack) -> web.TCPSite:
        app = web.Application(client_max_size=_LARGEST_BODY, middlewares=[_refusals(self.state.options.error_bodies)])
        self._health.add_routes(app.router)
        app.router.register_resource(LateRoutes(_may_be_control, self._controls))
        app.router.register_resource(LateRoutes(_may_be_page, self._hosted_pages))
        # Line ends too, which "." would leave out.
        app.router.add_route("*", r"/{path:[\s\S]*}", self._gate.handle)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=_SHUTDOWN_SECONDS)
        await runner.setup()
        starting.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, self._host, self._port or self._facts.port)
        try:
            await site.start()
        except OSError as error:
            if self._port or not self._facts.port or error.errno != errno.EADDRINUSE:
                raise
            site = web.TCPSite(runner, self._host, 0)
            await site.start()
        bound: str = runner.addresses[0][0]
        port: int = runner.addresses[0][1]
        with self.lock:
            self.state.base_url = self._public_url or local_url(self._host, bound, port)
            self.state.own_names = OwnNames.of(self._host, bound, self._public_url)
            if self.state_file is not None:
                from wooshpay.sandbox.lifecycles.moving import move_pages

                move_pages(self.state)
            self._facts.port = port
        return site

    def _resume(self, path: str | os.PathLike[str]) -> Units:
        """Go on from what the state file holds, and keep what is done from now on."""
        from wooshpay.sandbox.engine.journal import Journal
        from wooshpay.sandbox.engine.unit import Units

        journal = Journal(path)
        try:
            units = Units(journal, self._facts, (self.state.store, self.clock, self._keys, self.deliveries))
            units.resume()
            # From here on nothing is answered that is not in the file: a new one gets its account at once.
            units.write_facts()
        except BaseException:
            journal.close()
            raise
        self.lock.tell(units)
        return units

    def _register_webhook(self) -> None:
        """Register the endpoint that the sandbox was started with, but for the first time only."""
        with self.lock:
            before, secret = self._facts.kept_webhook_secret, self.state.account.webhook_secret
            if before is not None and before != secret:
                # Otherwise every event would also be delivered with a signature that the receiver refuses.
                for endpoint in list(self.state.store["webhook_endpoint"].where(secret=before)):
                    endpoint["secret"] = secret
            if self._webhook is not None:
                from wooshpay.sandbox.behaviours.webhook_endpoints import register

                register(self.state, self._webhook)

    async def _see_to_alarms(self) -> None:
        while True:
            try:
                self.clock.run_due()
            except SandboxError as error:
                # The alarm is off and the log tells of it; the others must still ring.
                if error.code == STATE_NOT_KEPT:
                    return
            await self._wakeup.wait(self.clock.seconds_to_next())


def _may_be_control(raw_path: str) -> bool:
    return raw_path.startswith(("/sandbox", "/openapi.json"))


def _may_be_page(raw_path: str) -> bool:
    # The contents of a file are served where the API is, though not by an operation of it.
    return not raw_path.startswith("/v1/") or raw_path.startswith("/v1/files/")


def _refusals(bodies: ErrorBodies) -> Middleware:
    """Make the middleware that answers where a page or control did not: when the state file cannot be written."""

    @web.middleware
    async def refuse(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except SandboxError as error:
            return web.Response(status=error.status, body=dumps(error.body(bodies)), content_type="application/json")
        except ConnectionError:
            # The client left before its request was whole: nobody hears this, and the sandbox is not at fault.
            return web.Response(status=400)

    return refuse


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
