"""ASGI applications on a real server, on a loopback port, until a block ends."""

from __future__ import annotations

import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import uvicorn


@contextmanager
def on_uvicorn(app: Any, *, lifespan: bool = False) -> Generator[str]:
    """Serve an application with uvicorn, in a thread.

    Args:
        app: The ASGI application.
        lifespan: Whether the application is told when the server starts and stops.

    Yields:
        The URL of the server, without a path.
    """
    config = uvicorn.Config(
        app, log_config=None, lifespan="on" if lifespan else "off", ws="none", timeout_graceful_shutdown=2
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        # What comes before the server listens waits in the queue.
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
