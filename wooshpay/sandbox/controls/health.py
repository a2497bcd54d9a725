"""The health check: whether the sandbox is ready, for Docker, Kubernetes and scripts that wait for it."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from wooshpay import __version__
from wooshpay.core.json import dumps
from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.engine.guard import Guard

PATH: Final = "/sandbox/health"


class Health:
    """Answers ``GET /sandbox/health``, without a key, since the response holds no secret.

    Args:
        lock: Guards the sandbox. It cannot be entered once the state file could not be written.
    """

    def __init__(self, lock: Guard) -> None:
        self._lock = lock
        self._ready = False

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Put the check on a server."""
        router.add_get(PATH, self._answer)

    def start(self) -> None:
        """Note that everything is running."""
        self._ready = True

    def stop(self) -> None:
        """Note that the sandbox is closing."""
        self._ready = False

    async def _answer(self, request: web.Request) -> web.Response:
        ready = self._ready and self._works()
        status = "ok" if ready else "unavailable"
        return web.Response(
            status=200 if ready else 503,
            body=dumps({"object": "sandbox.health", "status": status, "version": __version__}),
            content_type="application/json",
            headers={"Cache-Control": "no-store"},
        )

    def _works(self) -> bool:
        try:
            with self._lock:
                return True
        except SandboxError:
            return False
