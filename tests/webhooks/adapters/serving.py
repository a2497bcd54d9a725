"""Serves an app over loopback with the server that is usual for its framework."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

from support import served

PATH: Final = "/webhooks"


@contextmanager
def on_uvicorn(app: Any, *, lifespan: bool = False) -> Generator[str]:
    """Serve an ASGI app with uvicorn. Yields the URL of its webhooks."""
    with served.on_uvicorn(app, lifespan=lifespan) as url:
        yield f"{url}{PATH}"


@contextmanager
def on_werkzeug(app: Any) -> Generator[str]:
    """Serve a WSGI app with Werkzeug's server. Yields the URL of its webhooks."""
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log(self, type: str, message: str, *args: Any) -> None:
            """A test has enough to say."""

    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{PATH}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
