"""Servers that take a connection and do not answer: from the start, or from a moment on."""

from __future__ import annotations

import socket
import threading
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import Final

_CHUNK: Final = 65_536


class Freezer:
    """Stands between a client and a server. While it is frozen, it forwards nothing; the connections stay open."""

    def __init__(self, connect: tuple[str, int] | str | None) -> None:
        self._target = connect
        self._going = threading.Event()
        self._going.set()
        self._over = False
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]

    def freeze(self) -> None:
        """Forward nothing from now on."""
        self._going.clear()

    def thaw(self) -> None:
        """Forward again, also what came meanwhile."""
        self._going.set()

    def start(self) -> None:
        """Accept connections."""
        self._spawn(self._accept)

    def stop(self) -> None:
        """Close everything."""
        self._over = True
        self._going.set()
        self._server.shutdown(socket.SHUT_RDWR)
        for each in self._sockets:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in list(self._threads):
            thread.join()
        for each in (self._server, *self._sockets):
            each.close()

    def _spawn(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, name="freezer")  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            self._sockets.append(client)
            if self._target is None:
                continue
            if isinstance(self._target, str):
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._target)
            else:
                server = socket.create_connection(self._target)
            self._sockets.append(server)
            self._spawn(self._forward, client, server)
            self._spawn(self._forward, server, client)

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(_CHUNK):
                self._going.wait()
                if self._over:
                    return
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


@contextmanager
def frozen(connect: tuple[str, int] | str | None = None) -> Generator[Freezer]:
    """Run a freezer in front of a server, or one that never answers.

    Args:
        connect: The server's address: host and port, or the path of a socket; ``None`` for a server that is silent.
    """
    freezer = Freezer(connect)
    with ExitStack() as stack:
        stack.callback(freezer.stop)
        freezer.start()
        yield freezer
