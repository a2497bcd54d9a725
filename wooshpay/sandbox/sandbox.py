"""The public face: a sandbox for asynchronous code and one for plain code."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from wooshpay.core.json import Json, JsonObject, dumps, loads
from wooshpay.sandbox.controls.acting import carry_out, list_acts
from wooshpay.sandbox.engine.account_options import AccountOptions
from wooshpay.sandbox.engine.act_parameters import SimulatedAction
from wooshpay.sandbox.engine.clock import Clock
from wooshpay.sandbox.engine.state import Account
from wooshpay.sandbox.inspector import Inspector
from wooshpay.sandbox.requests.faults import Faults
from wooshpay.sandbox.requests.log import RequestLog
from wooshpay.sandbox.server import Server
from wooshpay.sandbox.webhooks.deliveries import Delivery
from wooshpay.sandbox.webhooks.options import WebhookOptions

if TYPE_CHECKING:
    from typing import Self

T = TypeVar("T")


class _Face:
    """What both faces show."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._store = Inspector(server.state, server.lock)

    @property
    def base_url(self) -> str:
        """The URL for clients, such as ``http://127.0.0.1:41234``; the public URL if there is one."""
        if not self._server.state.base_url:
            raise RuntimeError("The sandbox has no address before it is entered: use it in a with block.")
        return self._server.state.base_url

    @property
    def api_key(self) -> str:
        """The secret key, ``sk_test_...``."""
        return self._account.api_key

    @property
    def publishable_key(self) -> str:
        """The publishable key, ``pk_test_...``."""
        return self._account.publishable_key

    @property
    def webhook_secret(self) -> str:
        """The secret that deliveries to ``webhook`` are signed with, ``whsec_...``."""
        return self._account.webhook_secret

    @property
    def dashboard_url(self) -> str:
        """The URL of the dashboard, with the key that opens it."""
        return f"{self.base_url}/dashboard?key={self._account.dashboard_key}"

    @property
    def clock(self) -> Clock:
        """The sandbox's own clock."""
        return self._server.clock

    @property
    def faults(self) -> Faults:
        """The faults that are switched on."""
        return self._server.faults

    @property
    def requests(self) -> RequestLog:
        """The requests to the API so far, without secrets."""
        return self._server.log

    @property
    def store(self) -> Inspector:
        """The objects, as the API would answer them."""
        return self._store

    @property
    def deliveries(self) -> list[Delivery]:
        """The webhook deliveries so far, oldest first."""
        return self._server.deliveries.all()

    @property
    def webhooks(self) -> WebhookOptions:
        """How webhooks are delivered: duplicates, delay, disorder. Set it as a whole."""
        return self._server.deliveries.options

    @webhooks.setter
    def webhooks(self, options: WebhookOptions) -> None:
        self._server.deliveries.options = options

    def act(self, name: str, /, **params: Json) -> JsonObject:
        """Carry out a simulated action: do what a customer, a cardholder, a bank or WooshPay does.

        ``sandbox.act("checkout.sessions.pay", session=session.id)`` pays a Checkout Session as a customer does on its
        page. ``POST /sandbox/acts/<name>`` does the same over HTTP.

        Args:
            name: The action, such as ``checkout.sessions.pay``. `acts` lists all of them.
            params: Its parameters, as JSON.

        Returns:
            The object that the action is about, as the API would answer it. The actions of a customer return what the
            customer sees: ``status``, ``message``, the ``url`` to which the browser is sent, and the objects concerned.

        Raises:
            SandboxError: There is no such action, a parameter is not valid, or the object is in another state than
                the action needs. The message says what to change, and nothing has changed.
        """
        return carry_out(self._server.state, self._server.lock, name, loads(dumps(params)))

    def acts(self) -> list[SimulatedAction]:
        """Return all simulated actions with their parameters, by name. ``GET /sandbox/acts`` lists the same."""
        return list_acts()

    def reset(self) -> None:
        """Go back to the state of a new sandbox, with the same address, keys and options: for the next test.

        All objects, deliveries, faults, idempotency keys and logged requests are gone, `webhooks` has its default, and
        the clock is where it was at the start. The webhook endpoint that the sandbox was started with stays. IDs are
        never used again, so that no receiver takes a new event for an old one. ``POST /sandbox/reset`` does the same.
        """
        self._server.reset()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._server.state.base_url or 'not running'}>"

    @property
    def _account(self) -> Account:
        if self._server.state_file is not None and not self._server.state.base_url:
            raise RuntimeError("The keys are in the state file, which is read on entering: use it in a with block.")
        return self._server.state.account

    def _resend(self, event_id: str) -> None:
        with self._server.lock:
            event = self._server.state.store["event"].get(event_id)
            if event is None:
                raise LookupError(f"There is no event {event_id!r}.")
            self._server.deliveries.resend(event)


class Sandbox(_Face):
    """An offline, stateful WooshPay on a loopback port.

    ``async with Sandbox() as sandbox`` runs it on the running event loop. ``with Sandbox() as sandbox`` gives a
    `SyncSandbox`, which runs on a thread of its own.

    Args:
        host: The address to listen on. With ``"0.0.0.0"`` or ``"::"``, which are all addresses of the machine, the
            sandbox still calls itself ``127.0.0.1`` or ``::1``, unless there is a ``public_url``.
        port: The port; 0 takes a free one.
        public_url: The URL under which clients and browsers reach the sandbox, such as ``http://sandbox:4242`` between
            containers or ``https://sandbox.shop.example`` behind a proxy. Every URL that the sandbox gives out begins
            with it. Default: the address that it listens on.
        api_key: The secret key. Default: a generated one.
        publishable_key: The publishable key. Default: a generated one.
        webhook_secret: The secret that deliveries to ``webhook`` are signed with. Default: a generated one.
        seed: Makes ids, secrets and times repeatable: without ``now``, the clock begins at 2026-01-01T00:00:00Z and
            stands still until it is moved. The same calls, one after another, then get the same answers.
        now: The real time in milliseconds, for the sandbox's clock to start from.
        state: A file to keep everything in, so that a sandbox that was ended, or killed, resumes where it was: what
            was answered is there, and keys and port are the same. Faults and the request log are not kept.
        webhook: An address that gets every event, signed with `webhook_secret`.
        account: How the account differs from others: enabled payment methods, minimum amounts and more.
        strict: Whether parameters that an operation does not know are refused with a 400 that names the nearest known
            one. Default: they are dropped, as at WooshPay, and listed in ``requests`` as ``unknown_parameters``.

    Raises:
        StateFileError: On entering, if the state file is in use or is none.
        SandboxError: On entering, if ``webhook`` is not a valid URL for webhooks; at once, if ``public_url`` is not
            valid or has a path.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        public_url: str | None = None,
        api_key: str | None = None,
        publishable_key: str | None = None,
        webhook_secret: str | None = None,
        seed: int | None = None,
        now: Callable[[], int] | None = None,
        state: str | os.PathLike[str] | None = None,
        webhook: str | None = None,
        account: AccountOptions | None = None,
        strict: bool = False,
    ) -> None:
        keys = {"api_key": api_key, "publishable_key": publishable_key, "webhook_secret": webhook_secret}
        chosen = {name: key for name, key in keys.items() if key}
        super().__init__(
            Server(
                host=host,
                port=port,
                public_url=public_url,
                chosen=chosen,
                webhook=webhook,
                seed=seed,
                now=now,
                state_file=state,
                options=account,
                strict=strict,
            )
        )
        self._used = False
        self._thread: _LoopThread | None = None

    async def __aenter__(self) -> Self:
        self._use()
        await self._server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.stop()

    def __enter__(self) -> SyncSandbox:
        self._use()
        self._thread = _LoopThread(self._server)
        self._thread.start()
        return SyncSandbox(self._server, self._thread)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread is not None:
            self._thread.stop()

    async def settle(self, *, timeout: float = 30.0) -> None:  # noqa: ASYNC109  # one name on both faces
        """Wait until everything that is due on the sandbox's clock is done, webhook deliveries included.

        Raises:
            TimeoutError: An endpoint takes longer than ``timeout`` real seconds.
        """
        await self._server.settle(timeout)

    async def resend(self, event_id: str) -> None:
        """Deliver an event once more to every endpoint that wants it."""
        self._resend(event_id)

    def _use(self) -> None:
        if self._used:
            raise RuntimeError("This sandbox was used before; make a new Sandbox().")
        self._used = True


class SyncSandbox(_Face):
    """A sandbox on a thread of its own, for plain code. ``with Sandbox() as sandbox`` gives it."""

    def __init__(self, server: Server, thread: _LoopThread) -> None:
        super().__init__(server)
        self._thread = thread

    def settle(self, *, timeout: float = 30.0) -> None:
        """Wait until everything that is due on the sandbox's clock is done, webhook deliveries included.

        Raises:
            TimeoutError: An endpoint takes longer than ``timeout`` real seconds.
        """
        self._thread.run(self._server.settle(timeout))

    def resend(self, event_id: str) -> None:
        """Deliver an event once more to every endpoint that wants it."""
        self._resend(event_id)


class _LoopThread:
    """A thread whose event loop runs a server from `start` to `stop`."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._thread = threading.Thread(target=self._main, name="wooshpay-sandbox", daemon=True)
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending = asyncio.Event()

    def start(self) -> None:
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            self._thread.join()
            raise self._error

    def stop(self) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        if self._loop is None or not self._thread.is_alive():
            work.close()
            raise RuntimeError("The sandbox is closed.")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _main(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # handed over to the thread that waits in start()
            self._error = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        await self._server.start()
        try:
            self._loop = asyncio.get_running_loop()
            self._ready.set()
            await self._ending.wait()
        finally:
            self._loop = None
            await self._server.stop()
