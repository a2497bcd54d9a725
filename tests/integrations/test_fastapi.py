"""Clients and receivers that live as long as a FastAPI app, and the dependency that gives endpoints their client."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import warnings
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import pytest
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, Request, WebSocket
from support.children import environment
from webhooks.adapters.serving import on_uvicorn
from webhooks.deliver import SECRET, body_of, headers_for

from wooshpay import AsyncWooshPay
from wooshpay.errors import ConfigurationError
from wooshpay.integrations.fastapi import ClientDependency, wooshpay_lifespan
from wooshpay.sandbox import Sandbox, SyncSandbox
from wooshpay.webhooks import MemoryInbox, SqliteInbox, WebhookReceiver
from wooshpay.webhooks.adapters import starlette_endpoint

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Starlette's about httpx, which a newer package replaces
    from fastapi import testclient

TestClient: Any = testclient.TestClient

# FastAPI looks for what annotations name among the globals of a module.
get_client = ClientDependency(lambda: AsyncWooshPay("sk_test_unused"))
get_second = ClientDependency(lambda: AsyncWooshPay("sk_test_second"))
Client = Annotated[AsyncWooshPay, Depends(get_client)]
Second = Annotated[AsyncWooshPay, Depends(get_second)]


class Noted(AsyncWooshPay):
    """A client that notes when it is closed."""

    closed = 0

    async def close(self) -> None:
        self.closed += 1
        await super().close()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SyncSandbox]:
    with Sandbox() as sandbox:
        yield sandbox


def ask(url: str, path: str, *, body: bytes | None = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    with closing(HTTPConnection(urlsplit(url).netloc, timeout=10)) as connection:
        connection.request("GET" if body is None else "POST", path, body, headers or {})
        with connection.getresponse() as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text.startswith((b"{", b'"')) else text


def test_on_uvicorn_endpoints_of_apps_and_routers_share_one_client_that_is_closed_at_the_end(
    sandbox: SyncSandbox,
) -> None:
    """A client for each request would make new connections for each, and one that nobody closes leaks them."""
    made: list[Noted] = []

    def make() -> AsyncWooshPay:
        made.append(Noted(sandbox.api_key, base_url=sandbox.base_url))
        return made[-1]

    get = ClientDependency(make)
    given: Any = Depends(get)
    seen: list[AsyncWooshPay] = []
    receiver = WebhookReceiver(SECRET, inbox=MemoryInbox())

    @receiver.other
    async def note(event: Any) -> None:
        seen.append(get.client)

    app = FastAPI(lifespan=wooshpay_lifespan(receiver, get))
    app.post("/webhooks")(starlette_endpoint(receiver))
    router, inner = APIRouter(prefix="/router"), FastAPI()

    async def buy(client: AsyncWooshPay = given) -> str:
        seen.append(client)
        return (await client.payment_intents.create(amount=100, currency="USD")).id

    async def later(tasks: BackgroundTasks) -> str:
        tasks.add_task(lambda: seen.append(get.client))
        return "later"

    app.post("/buy")(buy)
    app.post("/later")(later)
    router.post("/buy")(buy)
    inner.post("/buy")(buy)
    app.include_router(router)
    app.mount("/inner", inner)
    assert made == []
    with on_uvicorn(app, lifespan=True) as url:
        for path in ("/buy", "/router/buy", "/inner/buy"):
            status, id = ask(url, path, body=b"")
            assert (status, id[:3]) == (200, "pi_")
        assert ask(url, "/later", body=b"")[0] == 200
        assert ask(url, "/webhooks", body=body_of(), headers=headers_for(body_of())) == (200, b"Done.")
        [client] = made
        assert client.closed == 0
    assert seen == [client] * 5
    assert client.closed == 1
    receiver.close_now()


def test_several_clients_and_the_users_own_lifespan_with_state() -> None:
    """The own lifespan may use the clients, also at its end, and its state reaches the requests."""
    steps: list[str] = []

    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncGenerator[dict[str, str]]:
        steps.append(f"start {app.title} {get_client.client is not get_second.client}")
        yield {"greeting": "hello"}
        steps.append(f"stop {get_client.client is not get_second.client}")

    app = FastAPI(title="shop", lifespan=wooshpay_lifespan(get_client, get_second, lifespan=own))

    @app.get("/")
    async def both(request: Request, client: Client, second: Second) -> str:
        return f"{request.state.greeting} {client is get_client.client} {second is get_second.client}"

    with on_uvicorn(app, lifespan=True) as url:
        assert ask(url, "/") == (200, "hello True True")
    assert steps == ["start shop True", "stop True"]
    for dependency in (get_client, get_second):
        with pytest.raises(ConfigurationError, match="not open"):
            _ = dependency.client


def test_within_the_users_own_lifespan() -> None:
    """Whoever has a lifespan already can enter ours in it."""

    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncGenerator[None]:
        async with wooshpay_lifespan(get_client)(app):
            yield

    app = FastAPI(lifespan=own)

    @app.get("/")
    async def index(client: Client) -> str:
        return type(client).__name__

    with TestClient(app) as test:
        assert test.get("/").json() == "AsyncWooshPay"


def test_a_websocket_gets_the_client() -> None:
    app = FastAPI(lifespan=wooshpay_lifespan(get_client))

    @app.websocket("/socket")
    async def talk(socket: WebSocket, client: Client) -> None:
        await socket.accept()
        await socket.send_text(type(client).__name__)
        await socket.close()

    with TestClient(app) as test, test.websocket_connect("/socket") as socket:
        assert socket.receive_text() == "AsyncWooshPay"


def test_an_override_in_a_test_needs_no_lifespan_and_no_key() -> None:
    class Fake:
        pass

    app = FastAPI(lifespan=wooshpay_lifespan(get_client))

    @app.get("/")
    async def index(client: Client) -> str:
        return type(client).__name__

    app.dependency_overrides[get_client] = Fake
    assert TestClient(app).get("/").json() == "Fake"
    app.dependency_overrides.clear()
    with pytest.raises(ConfigurationError, match="with TestClient"):
        TestClient(app).get("/")


def test_an_app_that_is_started_again_has_a_new_client_and_a_receiver_that_works(
    sandbox: SyncSandbox, tmp_path: Path
) -> None:
    """Tests start the app of a module once for each test. A closed client could not be used again."""
    get = ClientDependency(lambda: AsyncWooshPay(sandbox.api_key, base_url=sandbox.base_url))
    given: Any = Depends(get)
    for inbox in (MemoryInbox(), SqliteInbox(tmp_path / "inbox.db")):
        receiver = WebhookReceiver(SECRET, inbox=inbox)
        receiver.other(lambda event: None)
        app = FastAPI(lifespan=wooshpay_lifespan(get, receiver))
        app.post("/webhooks")(starlette_endpoint(receiver))

        async def index(client: AsyncWooshPay = given) -> str:
            return (await client.customers.create()).id

        app.get("/")(index)
        for number in range(2):
            body = body_of(f"evt_{number}")
            with TestClient(app) as test:
                assert test.get("/").status_code == 200
                assert test.post("/webhooks", content=body, headers=headers_for(body)).text == "Done."
                assert test.post("/webhooks", content=body, headers=headers_for(body)).text.startswith("This event")


def test_an_app_that_runs_twice_at_once_closes_the_client_after_the_last(sandbox: SyncSandbox) -> None:
    """The second test client would find the client of the first one closed."""
    made: list[Noted] = []

    def make() -> AsyncWooshPay:
        made.append(Noted(sandbox.api_key, base_url=sandbox.base_url))
        return made[-1]

    get = ClientDependency(make)
    given: Any = Depends(get)
    app = FastAPI(lifespan=wooshpay_lifespan(get))

    @app.get("/")
    async def index(client: AsyncWooshPay = given) -> str:
        return (await client.customers.create()).id

    first, second = TestClient(app), TestClient(app)
    with first:
        with second:
            assert first.get("/").status_code == second.get("/").status_code == 200
        assert first.get("/").status_code == 200
        assert made[0].closed == 0
    assert [client.closed for client in made] == [1]


async def test_handlers_that_still_run_at_shutdown_may_use_the_client(sandbox: SyncSandbox) -> None:
    """In another order, the handler would fail, and WooshPay would deliver its event again."""
    get = ClientDependency(lambda: AsyncWooshPay(sandbox.api_key, base_url=sandbox.base_url))
    receiver = WebhookReceiver(SECRET, inbox=MemoryInbox())
    begun, customers = threading.Event(), list[str]()

    @receiver.other
    async def slow(event: Any) -> None:
        begun.set()
        await asyncio.sleep(0.05)
        customers.append((await get.client.customers.create()).id)

    async with wooshpay_lifespan(get, receiver)(None):
        delivery = asyncio.create_task(receiver.receive(body_of(), headers_for(body_of())))
        while not begun.is_set():
            await asyncio.sleep(0.001)
    assert (await delivery).text == "Done."
    assert len(customers) == 1


async def test_a_failing_start_closes_what_was_opened() -> None:
    made: list[Noted] = []

    def make() -> AsyncWooshPay:
        made.append(Noted("sk_test_x"))
        return made[-1]

    @asynccontextmanager
    async def own(app: object) -> AsyncGenerator[None]:
        if made:
            raise RuntimeError("the database is down")
        yield

    with pytest.raises(RuntimeError, match="the database is down"):
        async with wooshpay_lifespan(ClientDependency(make), lifespan=own)(None):
            pytest.fail("it started")
    assert [client.closed for client in made] == [1]


def test_anything_else_is_refused_with_a_sentence() -> None:
    """A client would be closed by the first shutdown, and a lifespan would be ignored."""
    wrong: Any = AsyncWooshPay("sk_test_x")
    with pytest.raises(ConfigurationError, match="not AsyncWooshPay"):
        wooshpay_lifespan(wrong)


def test_the_openapi_document_does_not_mention_the_client() -> None:
    app = FastAPI()

    @app.get("/")
    async def index(client: Client) -> str:
        return "x"

    assert "parameters" not in app.openapi()["paths"]["/"]["get"]


def test_neither_framework_is_imported() -> None:
    program = (
        "import sys; import wooshpay.integrations.fastapi\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules} & {'fastapi', 'starlette', 'pydantic'}))\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True, env=environment()
    )
    assert run.stdout == "\n"
