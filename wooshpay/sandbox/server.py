"""The HTTP server, and what runs beside it: alarms of the clock and webhook deliveries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Final

import aiohttp
from aiohttp import web

from wooshpay.sandbox.controls.http import Controls
from wooshpay.sandbox.controls.publishing import Publisher
from wooshpay.sandbox.engine.clock import Clock, real_time
from wooshpay.sandbox.engine.guard import Guard
from wooshpay.sandbox.engine.ids import Ids
from wooshpay.sandbox.engine.registry import load
from wooshpay.sandbox.engine.state import Account, State
from wooshpay.sandbox.engine.wakeup import Wakeup
from wooshpay.sandbox.pages.actions import ActionPages
from wooshpay.sandbox.pages.checkout import CheckoutPage
from wooshpay.sandbox.pages.files import FileContents
from wooshpay.sandbox.requests.faults import Faults
from wooshpay.sandbox.requests.gate import Gate
from wooshpay.sandbox.requests.idempotency import Keys
from wooshpay.sandbox.requests.log import RequestLog
from wooshpay.sandbox.requests.routing import Routes
from wooshpay.sandbox.webhooks.deliveries import TIMEOUT_SECONDS, Deliveries

_LARGEST_BODY: Final = 16 * 1024 * 1024
_SHUTDOWN_SECONDS: Final = 2.0


class Server:
    """A sandbox put together and, between `start` and `stop`, reachable on a loopback port.

    Args:
        host: The address to listen on.
        port: The port; 0 takes a free one.
        account: The keys; made up when left out.
        seed: Makes ids and secrets repeatable.
        now: The real time in milliseconds.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        account: Account | None = None,
        seed: int | None = None,
        now: Callable[[], int] = real_time,
    ) -> None:
        load()
        self._host = host
        self._port = port
        self.lock = Guard()
        self.clock = Clock(now, lock=self.lock)
        ids = Ids(lambda: self.clock.now, seed=seed)
        if account is None:
            account = Account(
                api_key=f"sk_test_{ids.text(32)}",
                publishable_key=f"pk_test_{ids.text(32)}",
                dashboard_key=ids.text(32),
            )
        self.state = State(account=account, clock=self.clock, ids=ids)
        self.deliveries = Deliveries(self.state, self.lock, seed=seed)
        self.state.deliver = self.deliveries.take
        self.faults = Faults(seed=seed)
        self.log = RequestLog()
        self._gate = Gate(
            state=self.state,
            routes=Routes(),
            faults=self.faults,
            log=self.log,
            keys=Keys(lambda: self.clock.now),
            lock=self.lock,
        )
        controls = Controls(
            state=self.state,
            lock=self.lock,
            faults=self.faults,
            log=self.log,
            deliveries=self.deliveries,
            settle=self.settle,
        )
        self._pages = (
            controls,
            Publisher(self.state),
            CheckoutPage(self.state, self.lock),
            ActionPages(self.state, self.lock),
            FileContents(self.state, self.lock),
        )
        self._wakeup = Wakeup()
        self._progress = Wakeup()
        self._running = AsyncExitStack()

    async def start(self) -> None:
        """Listen; see to alarms and deliveries."""
        async with AsyncExitStack() as starting:
            site = await self._listen(starting)
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

    async def _listen(self, starting: AsyncExitStack) -> web.TCPSite:
        app = web.Application(client_max_size=_LARGEST_BODY)
        for pages in self._pages:
            pages.add_routes(app.router)
        app.router.add_route("*", "/{path:.*}", self._gate.handle)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=_SHUTDOWN_SECONDS)
        await runner.setup()
        starting.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, self._host, self._port)
        await site.start()
        port: int = runner.addresses[0][1]
        host = f"[{self._host}]" if ":" in self._host else self._host
        self.state.base_url = f"http://{host}:{port}"
        return site

    async def _see_to_alarms(self) -> None:
        while True:
            self.clock.run_due()
            await self._wakeup.wait(self.clock.seconds_to_next())


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
