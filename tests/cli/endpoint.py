"""An endpoint that keeps what is posted to it, for the commands that send events."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import attrs


@attrs.frozen
class Hook:
    """A delivery as it arrived."""

    body: bytes
    headers: dict[str, str]


@attrs.define
class Endpoint:
    """Where events are sent to.

    Attributes:
        url: Its address.
        hooks: What came.
        answers: Statuses to answer with, one after another; 200 when there are none left.
        says: The text of every answer, and its type.
    """

    url: str = ""
    hooks: queue.Queue[Hook] = attrs.field(factory=queue.Queue[Hook])
    answers: list[int] = attrs.field(factory=list[int])
    says: tuple[str, str] = ("", "text/plain")

    def next(self) -> Hook:
        """Wait for the next delivery."""
        return self.hooks.get(timeout=20)


@contextmanager
def endpoint(port: int = 0) -> Generator[Endpoint]:
    """Listen on a loopback port; 0 takes a free one."""
    found = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            text, kind = found.says
            self.send_response(found.answers.pop(0) if found.answers else 200)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(text.encode())
            found.hooks.put(Hook(body, dict(self.headers)))

        def log_message(self, format: str, *args: object) -> None:
            """A test has enough to say."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        found.url = f"http://127.0.0.1:{server.server_port}/webhooks"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()
