"""A Flask app with several receivers, blueprints, class-based views and loggers, on real servers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import wraps
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

import pytest
from flask import Blueprint, Flask, Response, request
from flask.views import MethodView
from support.children import environment
from webhooks.adapters.serving import on_werkzeug
from webhooks.deliver import SECRET, body_of, headers_for

from wooshpay.webhooks import WebhookReceiver
from wooshpay.webhooks.adapters import flask_view

OTHER_SECRET: Final = "whsec_other"
LIMIT: Final = 4096


def send(
    url: str,
    path: str,
    body: bytes,
    *,
    secret: str = SECRET,
    chunked: bool = False,
    method: str = "POST",
    headers: dict[str, str] | None = None,
) -> int:
    """Send a signed body. Returns the status of the response."""
    with closing(HTTPConnection(urlsplit(url).netloc, timeout=10)) as connection:
        pieces: Any = iter([body[:50], body[50:]]) if chunked else body
        connection.request(
            method, path, pieces, {**headers_for(body, secret=secret), **(headers or {})}, encode_chunked=chunked
        )
        with connection.getresponse() as answer:
            answer.read()
            return answer.status


@pytest.fixture
def seen() -> list[str]:
    return []


@pytest.fixture
def receiver(seen: list[str]) -> Iterator[WebhookReceiver]:
    receiver = WebhookReceiver(SECRET, largest_body=LIMIT)
    receiver.other(lambda event: seen.append(event.id))
    yield receiver
    receiver.close_now()


@pytest.fixture
def other(seen: list[str]) -> Iterator[WebhookReceiver]:
    receiver = WebhookReceiver(OTHER_SECRET)
    receiver.other(lambda event: seen.append(f"other {event.id}"))
    yield receiver
    receiver.close_now()


def test_several_receivers_in_one_app(receiver: WebhookReceiver, other: WebhookReceiver, seen: list[str]) -> None:
    """Flask names a route after its view function, and refuses a second function of the same name."""
    app = Flask("shop")
    app.post("/payments")(flask_view(receiver))
    app.post("/payouts")(flask_view(other))
    with on_werkzeug(app) as url:
        assert send(url, "/payments", body_of("evt_1")) == 200
        assert send(url, "/payouts", body_of("evt_2"), secret=OTHER_SECRET) == 200
        assert send(url, "/payouts", body_of("evt_3")) == 400
    assert seen == ["evt_1", "other evt_2"]


def test_one_view_at_several_paths(receiver: WebhookReceiver, seen: list[str]) -> None:
    app, view = Flask("shop"), flask_view(receiver)
    app.post("/one")(view)
    app.post("/two")(view)
    with on_werkzeug(app) as url:
        assert [send(url, path, body_of()) for path in ("/one", "/two")] == [200, 200]
    assert seen == ["evt_1"] * 2


def test_blueprints_with_an_endpoint_name_of_the_users_own(
    receiver: WebhookReceiver, other: WebhookReceiver, seen: list[str]
) -> None:
    app = Flask("shop")
    blueprint = Blueprint("pay", "pay", url_prefix="/pay")
    blueprint.post("/webhooks", endpoint="hooks")(flask_view(receiver))
    blueprint.add_url_rule("/payouts", view_func=flask_view(other), methods=["POST"])
    app.register_blueprint(blueprint)
    with app.test_request_context():
        assert app.url_for("pay.hooks") == "/pay/webhooks"
    with on_werkzeug(app) as url:
        assert send(url, "/pay/webhooks", body_of("evt_1")) == 200
        assert send(url, "/pay/payouts", body_of("evt_2"), secret=OTHER_SECRET) == 200
    assert seen == ["evt_1", "other evt_2"]


def test_class_based_decorated_and_parametrized(receiver: WebhookReceiver, seen: list[str]) -> None:
    """A method gets ``self``, and a path with a variable part gives its value: neither is for the receiver."""
    calls: list[str] = []

    def counted(view: Callable[..., Response]) -> Callable[..., Response]:
        @wraps(view)
        def inner(*args: Any, **kwargs: Any) -> Response:
            calls.append(request.path)
            return view(*args, **kwargs)

        return inner

    class Webhooks(MethodView):
        post = flask_view(receiver)

    class Decorated(MethodView):
        decorators: ClassVar[list[Callable[..., Any]]] = [counted]
        post = flask_view(receiver)

    app = Flask("shop")
    app.add_url_rule("/class", view_func=Webhooks.as_view("class"))
    app.add_url_rule("/decorated-class", view_func=Decorated.as_view("decorated"))
    app.post("/decorated")(counted(flask_view(receiver)))
    app.post("/<shop>/webhooks")(flask_view(receiver))

    @app.post("/own")
    def own() -> Response:
        return flask_view(receiver)()

    paths = ["/class", "/decorated-class", "/decorated", "/berlin/webhooks", "/own"]
    with on_werkzeug(app) as url:
        assert [send(url, path, body_of(f"evt_{path}")) for path in paths] == [200] * 5
        assert send(url, "/class", body_of(), method="GET") == 405
    assert seen == [f"evt_{path}" for path in paths]
    assert calls == ["/decorated-class", "/decorated"]


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize("early", [False, True], ids=["after", "before and after"])
def test_loggers_see_the_body(
    receiver: WebhookReceiver, seen: list[str], chunked: bool, content_type: str, early: bool
) -> None:
    """The stream of a request can be read only once. A logger that gets nothing hides what was received."""
    app, logged = Flask("shop"), list[bytes]()

    if early:

        @app.before_request
        def note_before() -> None:
            logged.append(request.get_data())

    @app.after_request
    def note_after(response: Response) -> Response:
        logged.append(request.get_data())
        if content_type == "application/json":
            assert request.get_json()["id"] == "evt_1"
        return response

    app.post("/webhooks")(flask_view(receiver))
    body = body_of()
    with on_werkzeug(app) as url:
        assert send(url, "/webhooks", body, chunked=chunked, headers={"Content-Type": content_type}) == 200
    assert logged == [body] * (2 if early else 1)
    assert seen == ["evt_1"]


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("of_flask", [False, True], ids=["largest_body", "MAX_CONTENT_LENGTH"])
def test_a_body_that_is_too_large_is_not_read_whole(
    receiver: WebhookReceiver, seen: list[str], chunked: bool, of_flask: bool
) -> None:
    app, read = Flask("shop"), list[int]()
    app.config["MAX_CONTENT_LENGTH"] = LIMIT if of_flask else None
    app.post("/webhooks")(flask_view(WebhookReceiver(SECRET) if of_flask else receiver))

    def counting(environ: dict[str, Any], start: Any) -> Any:
        inner = environ["wsgi.input"]

        class Counting:
            def read(self, size: int = -1) -> bytes:
                found: bytes = inner.read(size)
                read.append(len(found))
                return found

        environ["wsgi.input"] = Counting()
        return app.wsgi_app(environ, start)

    with on_werkzeug(counting) as url:
        body = body_of(text="x" * 20 * LIMIT)
        try:
            assert send(url, "/webhooks", body, chunked=chunked) == 413
        except ConnectionError:
            pass  # the server closes the connection, and what was not read makes that a reset
    assert sum(read) <= LIMIT + 1
    assert seen == []


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_route_for_all_methods_refuses_all_but_post(method: str, receiver: WebhookReceiver) -> None:
    app = Flask("shop")
    app.add_url_rule("/webhooks", view_func=flask_view(receiver), methods=["GET", "PUT", "POST"])
    with on_werkzeug(app) as url:
        assert send(url, "/webhooks", body_of(), method=method) == 405


PROGRAM: Final = f"""
import os, threading, time
from flask import Flask, request
from gunicorn.app.base import BaseApplication
from wooshpay.webhooks import WebhookReceiver
from wooshpay.webhooks.adapters import flask_view

app = Flask("shop")
receiver = WebhookReceiver("{SECRET}")
logged = []
receiver.other(lambda event: print(event.id, flush=True))
app.post("/webhooks")(flask_view(receiver))

@app.after_request
def log(response):
    print(len(request.get_data()), flush=True)
    return response

class Server(BaseApplication):
    def load_config(self):
        self.cfg.set("bind", "127.0.0.1:0")
        self.cfg.set("when_ready", lambda server: print(server.LISTENERS[0].sock.getsockname()[1], flush=True))
        self.cfg.set("worker_class", "gthread")
        self.cfg.set("threads", 2)
        self.cfg.set("loglevel", "critical")
        self.cfg.set("graceful_timeout", 1)

    def load(self):
        return app

Server().run()
"""


def test_on_gunicorn_loggers_see_the_body_of_both_kinds(tmp_path: Path) -> None:
    """Gunicorn's stream ends by itself, also for chunked bodies, and is another one than Werkzeug's."""
    body = body_of()
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True, env=environment(), cwd=tmp_path
    ) as server:
        try:
            assert server.stdout is not None
            url = f"http://127.0.0.1:{int(server.stdout.readline())}"
            assert [send(url, "/webhooks", body, chunked=chunked) for chunked in (False, True)] == [200, 200]
        finally:
            server.terminate()
        assert server.stdout.read().split() == ["evt_1", str(len(body))] * 2
