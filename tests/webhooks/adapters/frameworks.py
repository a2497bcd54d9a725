"""A receiver served over loopback by each framework, with the server that is usual for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from types import ModuleType
from typing import Any, Final

from webhooks.adapters.serving import on_uvicorn as _uvicorn
from webhooks.adapters.serving import on_werkzeug as _werkzeug

from wooshpay.webhooks import WebhookReceiver
from wooshpay.webhooks.adapters import (
    aiohttp_handler,
    django_async_view,
    django_view,
    flask_view,
    starlette_endpoint,
)

PATH: Final = "/webhooks"
FORM: Final = "/form"
"""In Django, an ordinary view beside."""


@contextmanager
def aiohttp(receiver: WebhookReceiver, *, cancelling: bool = False) -> Generator[str]:
    """On aiohttp's own server, which may cancel the requests of clients that hang up."""
    from aiohttp import web

    found: list[int] = []
    ready, loop = threading.Event(), asyncio.new_event_loop()
    ending = asyncio.Event()

    async def serve() -> None:
        app = web.Application()
        app.router.add_post(PATH, aiohttp_handler(receiver))
        runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=1, handler_cancellation=cancelling
        )
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        found.append(runner.addresses[0][1])
        ready.set()
        await ending.wait()
        await runner.cleanup()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(10)
    try:
        yield f"http://127.0.0.1:{found[0]}{PATH}"
    finally:
        loop.call_soon_threadsafe(ending.set)
        thread.join()


@contextmanager
def starlette(receiver: WebhookReceiver) -> Generator[str]:
    """On uvicorn."""
    from starlette.applications import Starlette

    app = Starlette()
    app.add_route(PATH, starlette_endpoint(receiver), methods=["POST"])
    with _uvicorn(app) as url:
        yield url


@contextmanager
def fastapi(receiver: WebhookReceiver) -> Generator[str]:
    """On uvicorn."""
    from fastapi import FastAPI

    app = FastAPI()
    app.add_route(PATH, starlette_endpoint(receiver), methods=["POST"])
    with _uvicorn(app) as url:
        yield url


@contextmanager
def flask(receiver: WebhookReceiver) -> Generator[str]:
    """On Werkzeug's server."""
    from flask import Flask

    app = Flask(__name__)
    app.post(PATH)(flask_view(receiver))
    with _werkzeug(app) as url:
        yield url


@contextmanager
def django_wsgi(receiver: WebhookReceiver) -> Generator[str]:
    """On Werkzeug's server."""
    _route(django_view(receiver))
    from django.core.handlers.wsgi import WSGIHandler

    with _werkzeug(WSGIHandler()) as url:
        yield url


@contextmanager
def django_asgi(receiver: WebhookReceiver) -> Generator[str]:
    """On uvicorn."""
    _route(django_async_view(receiver))
    from django.core.handlers.asgi import ASGIHandler

    with _uvicorn(ASGIHandler()) as url:
        yield url


FRAMEWORKS: Final[dict[str, Callable[[WebhookReceiver], AbstractContextManager[str]]]] = {
    "aiohttp": aiohttp,
    "aiohttp-cancelling": partial(aiohttp, cancelling=True),
    "starlette": starlette,
    "fastapi": fastapi,
    "flask": flask,
    "django-wsgi": django_wsgi,
    "django-asgi": django_asgi,
}


def _route(view: Callable[..., Any]) -> None:
    """Make a view the whole site, behind the middleware that asks every form for a token."""
    import django
    from django.conf import settings
    from django.http import HttpRequest, HttpResponse
    from django.urls import clear_url_caches, path

    def form(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    urls = ModuleType("urls")
    vars(urls)["urlpatterns"] = [path(PATH[1:], view), path(FORM[1:], form)]
    if not settings.configured:
        settings.configure(
            SECRET_KEY="for tests",
            ALLOWED_HOSTS=["127.0.0.1"],
            MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware"],
            LOGGING_CONFIG=None,
        )
        django.setup()
    settings.ROOT_URLCONF = urls
    clear_url_caches()
