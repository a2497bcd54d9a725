"""Every way in which FastAPI and Starlette register a route takes the webhook endpoint, served by uvicorn."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from webhooks.adapters.serving import on_uvicorn
from webhooks.deliver import SECRET, body_of, headers_for

from wooshpay.webhooks import WebhookReceiver
from wooshpay.webhooks.adapters import starlette_endpoint

Endpoint = Callable[[Request], Any]


def post(endpoint: Endpoint) -> FastAPI:
    app = FastAPI()
    app.post("/webhooks")(endpoint)
    return app


def add_api_route(endpoint: Endpoint) -> FastAPI:
    app = FastAPI()
    app.add_api_route("/webhooks", endpoint, methods=["POST"])
    return app


def api_route(endpoint: Endpoint) -> FastAPI:
    app = FastAPI()
    app.api_route("/webhooks", methods=["POST"], tags=["payments"], response_class=PlainTextResponse)(endpoint)
    return app


def router(endpoint: Endpoint) -> FastAPI:
    app, router = FastAPI(), APIRouter(prefix="/webhooks")
    router.post("")(endpoint)
    app.include_router(router)
    return app


def router_add_api_route(endpoint: Endpoint) -> FastAPI:
    app, router = FastAPI(), APIRouter()
    router.add_api_route("/webhooks", endpoint, methods=["POST"])
    app.include_router(router)
    return app


def add_route(endpoint: Endpoint) -> FastAPI:
    app = FastAPI()
    app.add_route("/webhooks", endpoint, methods=["POST"])
    return app


def sub_app(endpoint: Endpoint) -> FastAPI:
    app, inner = FastAPI(), FastAPI()
    inner.post("/")(endpoint)
    app.mount("/webhooks", inner)
    return app


def starlette_route(endpoint: Endpoint) -> Starlette:
    return Starlette(routes=[Route("/webhooks", endpoint, methods=["POST"])])


def starlette_mount(endpoint: Endpoint) -> Starlette:
    return Starlette(routes=[Mount("/webhooks", routes=[Route("/", endpoint, methods=["POST"])])])


WAYS: Final[dict[str, Callable[[Endpoint], Any]]] = {
    way.__name__: way
    for way in (
        post,
        add_api_route,
        api_route,
        router,
        router_add_api_route,
        add_route,
        sub_app,
        starlette_route,
        starlette_mount,
    )
}


@pytest.fixture
def seen() -> list[str]:
    return []


@pytest.fixture
def receiver(seen: list[str]) -> Iterator[WebhookReceiver]:
    receiver = WebhookReceiver(SECRET)
    receiver.other(lambda event: seen.append(event.id))
    yield receiver
    receiver.close_now()


@contextmanager
def requests_to(url: str) -> Generator[Callable[..., tuple[int, bytes]]]:
    parts = urlsplit(url)

    def send(
        path: str = "/webhooks", *, method: str = "POST", body: bytes = b"", chunked: bool = False
    ) -> tuple[int, bytes]:
        with closing(HTTPConnection(parts.netloc, timeout=10)) as connection:
            pieces: Any = iter([body[:50], body[50:]]) if chunked else body
            connection.request(method, path, pieces, headers_for(body), encode_chunked=chunked)
            with connection.getresponse() as answer:
                return answer.status, answer.read()

    yield send


@pytest.mark.parametrize("way", WAYS)
def test_a_delivery_reaches_the_handler(way: str, receiver: WebhookReceiver, seen: list[str]) -> None:
    """FastAPI reads the annotations of an endpoint. One that it cannot resolve becomes a query parameter: 422."""
    path = "/webhooks/" if way in {"sub_app", "starlette_mount"} else "/webhooks"
    with on_uvicorn(WAYS[way](starlette_endpoint(receiver))) as url, requests_to(url) as send:
        assert send(path, body=body_of("evt_1")) == (200, b"Done.")
        assert send(path, body=body_of("evt_2"), chunked=True) == (200, b"Done.")
        status, text = send(path, body=b"forged")
        assert (status, seen) == (400, ["evt_1", "evt_2"])
        assert b"is not JSON" in text or b"not an event" in text


@pytest.mark.parametrize("way", [post, add_api_route, api_route, router, router_add_api_route, add_route, sub_app])
def test_the_openapi_document_is_valid_and_asks_for_no_parameters(
    way: Callable[[Endpoint], FastAPI], receiver: WebhookReceiver
) -> None:
    app = way(starlette_endpoint(receiver))
    document = app.openapi()
    OpenAPIV31SpecValidator(document).validate()
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert all("requestBody" not in operation for operation in operations)
    assert all("parameters" not in operation for operation in operations)


def test_several_receivers_in_one_document_have_different_operation_ids(receiver: WebhookReceiver) -> None:
    """FastAPI warns about operations with the same ID, and generated clients would lose one of them."""
    app = FastAPI()
    app.post("/payments")(starlette_endpoint(receiver))
    app.post("/payouts")(starlette_endpoint(receiver))
    document = app.openapi()
    OpenAPIV31SpecValidator(document).validate()
    assert len({path["post"]["operationId"] for path in document["paths"].values()}) == 2


def test_a_dependency_that_reads_the_body_and_one_that_logs_it_afterwards(
    receiver: WebhookReceiver, seen: list[str]
) -> None:
    """Both see the body, and so does the receiver."""
    logged: list[bytes] = []

    async def before(request: Request) -> None:
        logged.append(await request.body())

    async def after(request: Request) -> Any:
        yield
        logged.append(await request.body())

    app = FastAPI()
    app.post("/before", dependencies=[Depends(before)])(starlette_endpoint(receiver))
    app.post("/after", dependencies=[Depends(after)])(starlette_endpoint(receiver))
    body = body_of()
    with on_uvicorn(app) as url, requests_to(url) as send:
        for path in ("/before", "/after"):
            for chunked in (False, True):
                assert send(path, body=body, chunked=chunked) == (200, b"Done.")
    assert logged == [body] * 4


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_route_for_all_methods_refuses_all_but_post(method: str, receiver: WebhookReceiver) -> None:
    app = FastAPI()
    app.api_route("/webhooks", methods=["GET", "PUT", "POST"], include_in_schema=False)(starlette_endpoint(receiver))
    with on_uvicorn(app) as url, requests_to(url) as send:
        assert send(method=method, body=body_of())[0] == 405
