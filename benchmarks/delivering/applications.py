"""The shop's endpoint for webhooks in each web framework: an adapter of this SDK, or a bare view.

The bare view does the least that a shop can do: it verifies the HMAC, reads the JSON and writes one row.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from benchmarks.delivering.parties import Party
from benchmarks.delivering.shops import Order, Shop, open_shop
from benchmarks.webhooks import SECRET
from wooshpay.core.json import JsonObject
from wooshpay.webhooks import WebhookReceiver
from wooshpay.webhooks.adapters import (
    aiohttp_handler,
    django_async_view,
    django_view,
    flask_view,
    starlette_endpoint,
)

if TYPE_CHECKING:
    from aiohttp import web
    from django.http import HttpRequest, HttpResponse
    from fastapi import FastAPI
    from flask import Flask
    from flask import Response as FlaskResponse
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

PATH: Final = "/webhooks"
HEADER: Final = "Wooshpay-Signature"


def read(body: bytes, header: str | None) -> Order | None:
    """Verify a delivery and read the order from it, by hand. Return ``None`` if the signature is wrong."""
    time, _, signature = (header or "").partition(",v1=")
    expected = hmac.digest(SECRET.encode(), f"{time[2:]}.".encode() + body, "sha256").hex()
    if not hmac.compare_digest(expected, signature):
        return None
    event = json.loads(body)
    return Order(event["id"], event["data"]["object"]["merchant_order_id"])


def receiver_of(shop: Shop) -> WebhookReceiver:
    """Make the receiver that handles the shop's deliveries."""
    inbox, handler = shop.handler()
    receiver = WebhookReceiver(SECRET, inbox=inbox)
    receiver.on("payment_intent.succeeded")(handler)
    return receiver


def aiohttp_application(party: Party) -> web.Application:
    """For aiohttp's own server."""
    from aiohttp import web

    shop = open_shop(party)

    async def bare(request: web.Request) -> web.Response:
        order = read(await request.read(), request.headers.get(HEADER))
        if order is None:
            return web.Response(status=400)
        await shop.insert(order)
        return web.Response(text="Done.")

    app = web.Application()
    app.router.add_post(PATH, bare if party.bare else aiohttp_handler(receiver_of(shop)))
    return app


def starlette_application(party: Party) -> Starlette:
    """For uvicorn."""
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse

    shop = open_shop(party)

    async def bare(request: Request) -> Response:
        order = read(await request.body(), request.headers.get(HEADER))
        if order is None:
            return PlainTextResponse("", 400)
        await shop.insert(order)
        return PlainTextResponse("Done.")

    app = Starlette()
    app.add_route(PATH, bare if party.bare else starlette_endpoint(receiver_of(shop)), methods=["POST"])
    return app


def fastapi_application(party: Party) -> FastAPI:
    """For uvicorn."""
    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse, Response

    shop = open_shop(party)

    async def bare(request: Request) -> Response:
        order = read(await request.body(), request.headers.get(HEADER))
        if order is None:
            return PlainTextResponse("", 400)
        await shop.insert(order)
        return PlainTextResponse("Done.")

    # FastAPI resolves annotations among the globals of this module, where these names are not.
    bare.__annotations__ = {"request": Request, "return": Response}
    app = FastAPI()
    app.post(PATH)(bare if party.bare else starlette_endpoint(receiver_of(shop)))
    return app


def flask_application(party: Party) -> Flask:
    """For gunicorn."""
    from flask import Flask, Response, request

    shop = open_shop(party)

    def bare() -> FlaskResponse:
        order = read(request.get_data(), request.headers.get(HEADER))
        if order is None:
            return Response(status=400)
        shop.insert_now(order)
        return Response("Done.", mimetype="text/plain")

    view: Callable[[], FlaskResponse] = bare if party.bare else flask_view(receiver_of(shop))
    app = Flask("shop")
    app.post(PATH)(view)
    return app


def django_wsgi_application(party: Party) -> Any:
    """For gunicorn."""
    _set_up_django(party)
    from django.core.handlers.wsgi import WSGIHandler
    from django.http import HttpResponse
    from django.views.decorators.csrf import csrf_exempt

    shop = open_shop(party)

    @csrf_exempt
    def bare(request: HttpRequest) -> HttpResponse:
        order = read(request.body, request.headers.get(HEADER))
        if order is None:
            return HttpResponse(status=400)
        shop.insert_now(order)
        return HttpResponse("Done.", content_type="text/plain")

    _route(bare if party.bare else django_view(receiver_of(shop)))
    return WSGIHandler()


def django_asgi_application(party: Party) -> Any:
    """For uvicorn."""
    _set_up_django(party)
    from django.core.handlers.asgi import ASGIHandler
    from django.http import HttpResponse

    shop = open_shop(party)

    async def bare(request: HttpRequest) -> HttpResponse:
        order = read(request.body, request.headers.get(HEADER))
        if order is None:
            return HttpResponse(status=400)
        await shop.insert(order)
        return HttpResponse("Done.", content_type="text/plain")

    vars(bare)["csrf_exempt"] = True  # before Django 5, the decorator takes no coroutine function
    _route(bare if party.bare else django_async_view(receiver_of(shop)))
    return ASGIHandler()


def lambda_application(party: Party) -> Callable[[JsonObject, object], JsonObject]:
    """For AWS Lambda: a function that takes an event of API Gateway in payload format 2.0."""
    from wooshpay.webhooks import adapters

    shop = open_shop(party)

    def bare(event: JsonObject, context: object) -> JsonObject:
        order = read(event["body"].encode(), event["headers"].get(HEADER.lower()))
        if order is None:
            return {"statusCode": 400}
        shop.insert_now(order)
        return {"statusCode": 200, "headers": {"content-type": "text/plain"}, "body": "Done."}

    if party.bare:
        return bare
    make: Callable[[WebhookReceiver], Callable[[JsonObject, object], JsonObject]] = vars(adapters)["lambda_handler"]
    return make(receiver_of(shop))


def invocation(body: bytes, headers: dict[str, str]) -> JsonObject:
    """Make the event with which API Gateway calls a Lambda function for a delivery, in payload format 2.0."""
    http = {"method": "POST", "path": PATH, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "benchmark"}
    return {
        "version": "2.0",
        "routeKey": f"POST {PATH}",
        "rawPath": PATH,
        "rawQueryString": "",
        "headers": {name.lower(): value for name, value in headers.items()},
        "requestContext": {"http": http, "requestId": "benchmark", "stage": "$default", "timeEpoch": 1692588800000},
        "body": body.decode(),
        "isBase64Encoded": False,
    }


def _route(view: Any) -> None:
    from django.conf import settings
    from django.urls import path

    urls = ModuleType("urls")
    vars(urls)["urlpatterns"] = [path(PATH[1:], view)]
    settings.ROOT_URLCONF = urls


def _set_up_django(party: Party) -> None:
    import django
    from django.conf import settings

    settings.configure(
        SECRET_KEY="for the benchmark",
        ALLOWED_HOSTS=["127.0.0.1"],
        DATABASES={"default": _database(party)},
        INSTALLED_APPS=["wooshpay.webhooks.inbox.django"] if party.kind.startswith("django-") else [],
        MIDDLEWARE=["django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware"],
        LOGGING_CONFIG=None,
        USE_TZ=True,
    )
    if party.database.startswith("mysql"):
        import pymysql

        pymysql.install_as_MySQLdb()
    django.setup()


def _database(party: Party) -> dict[str, Any]:
    address = urlsplit(party.database)
    if not address.scheme:
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": party.database, "OPTIONS": {"timeout": 30}}
    engine = {"postgresql": "postgresql", "mysql": "mysql"}[address.scheme]
    return {
        "ENGINE": f"django.db.backends.{engine}",
        "NAME": address.path[1:],
        "HOST": address.hostname,
        "PORT": address.port,
        "USER": address.username,
        # On WSGI, views keep their connection. On ASGI, each request has its own thread, whose connection would leak.
        "CONN_MAX_AGE": 0 if party.awaited else 60,
    }
