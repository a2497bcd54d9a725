"""For FastAPI and Starlette: clients and receivers that live as long as the app, and a dependency for the client.

    get_client = ClientDependency()
    app = FastAPI(lifespan=wooshpay_lifespan(get_client, receiver))

    @app.post("/pay")
    async def pay(client: Annotated[AsyncWooshPay, Depends(get_client)]) -> ...

Neither framework is imported here.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar, overload

from wooshpay.client import AsyncWooshPay
from wooshpay.errors import ConfigurationError
from wooshpay.webhooks.receiver import WebhookReceiver

App = TypeVar("App")
State = TypeVar("State")


class ClientDependency:
    """Passes a client to the endpoints of an app: ``client: Annotated[AsyncWooshPay, Depends(get_client)]``.

    The client is made when the app starts and closed when it stops; pass this object to `wooshpay_lifespan`. An app
    that needs several clients has one dependency for each. In tests, set
    ``app.dependency_overrides[get_client] = lambda: fake``.

    Args:
        make: Makes the client. It is called each time the app starts, as a closed client cannot be used again.
            Default: ``AsyncWooshPay``, with settings from the environment.
    """

    def __init__(self, make: Callable[[], AsyncWooshPay] = AsyncWooshPay) -> None:
        self._make = make
        self._client: AsyncWooshPay | None = None
        self._users = 0
        # Tests start an app several times, also at once in several threads.
        self._lock = threading.Lock()

    async def __call__(self) -> AsyncWooshPay:
        """Return the client; see `client`."""
        return self.client

    @property
    def client(self) -> AsyncWooshPay:
        """Return the client, for code outside of endpoints, such as background tasks.

        Raises:
            ConfigurationError: The app does not run, or its lifespan does not open this dependency.
        """
        client = self._client
        if client is None:
            raise ConfigurationError(
                "The WooshPay client is not open. Pass this ClientDependency to the app's lifespan:"
                " FastAPI(lifespan=wooshpay_lifespan(get_client)). In tests, run the lifespan with"
                " `with TestClient(app) as client:`, or set app.dependency_overrides[get_client]."
            )
        return client

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[AsyncWooshPay]:
        """Make the client, and close it when the block ends. `wooshpay_lifespan` does this."""
        with self._lock:
            if self._client is None:
                self._client = self._make()
            client = self._client
            self._users += 1
        try:
            yield client
        finally:
            with self._lock:
                self._users -= 1
                last = self._users == 0
                if last:
                    self._client = None
            if last:
                await client.close()


@overload
def wooshpay_lifespan(
    *parts: ClientDependency | WebhookReceiver,
) -> Callable[[object], AbstractAsyncContextManager[None]]: ...
@overload
def wooshpay_lifespan(
    *parts: ClientDependency | WebhookReceiver, lifespan: Callable[[App], AbstractAsyncContextManager[State]]
) -> Callable[[App], AbstractAsyncContextManager[State]]: ...
def wooshpay_lifespan(
    *parts: ClientDependency | WebhookReceiver,
    lifespan: Callable[[Any], AbstractAsyncContextManager[Any]] | None = None,
) -> Callable[[Any], AbstractAsyncContextManager[Any]]:
    """Make the lifespan of an app: ``FastAPI(lifespan=wooshpay_lifespan(get_client, receiver))``.

    When the app stops, the receivers wait for handlers that still run and close their inboxes. The clients are closed
    last, as those handlers may use them.

    Args:
        parts: The dependencies and receivers of the app, in any order.
        lifespan: Your own lifespan. It runs while the clients are open, and what it yields is the state of the app.

    Raises:
        ConfigurationError: One of the parts is something else.
    """
    dependencies = [part for part in parts if isinstance(part, ClientDependency)]
    receivers = [part for part in parts if isinstance(part, WebhookReceiver)]
    for part in parts:
        if not isinstance(part, (ClientDependency, WebhookReceiver)):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
            raise ConfigurationError(
                f"wooshpay_lifespan takes ClientDependency and WebhookReceiver objects, not {type(part).__name__}."
                " Pass a client as ClientDependency(lambda: AsyncWooshPay(...)), and your own lifespan as lifespan=..."
            )

    @asynccontextmanager
    async def wooshpay(app: Any) -> AsyncGenerator[Any]:
        async with AsyncExitStack() as stack:
            for dependency in dependencies:
                await stack.enter_async_context(dependency.open())
            for receiver in receivers:
                stack.push_async_callback(receiver.close)
            yield None if lifespan is None else await stack.enter_async_context(lifespan(app))

    return wooshpay
