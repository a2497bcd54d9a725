"""The content of files, for whoever has the secret key."""

from __future__ import annotations

import base64
from typing import Final
from urllib.parse import quote

import attrs
from aiohttp import web

from wooshpay.core.json import dumps
from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.engine.guard import Guard
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.requests.access import check_access

PATH: Final = "/v1/files/{id}/contents"


@attrs.frozen
class FileContents:
    """Gives files back as they came."""

    state: State
    lock: Guard

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Take the address that a file's ``url`` names."""
        router.add_get(PATH, self._show)

    async def _show(self, request: web.Request) -> web.Response:
        try:
            check_access(self.state.account, request.headers.get("Authorization"), publishable=False)
            with self.lock:
                self.state.clock.run_due()
                file = self.state.need("file", request.match_info["id"], param="id")
        except SandboxError as error:
            return web.Response(
                status=error.status,
                body=dumps(error.body(self.state.options.error_bodies)),
                content_type="application/json",
            )
        # Whatever type the sender named: a browser saves the file and does not run what may be in it.
        headers = {
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file['filename'], safe='')}",
            "X-Content-Type-Options": "nosniff",
        }
        body = base64.b64decode(file.private["content"])
        return web.Response(body=body, content_type="application/octet-stream", headers=headers)
