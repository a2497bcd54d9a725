"""The style and the script of the dashboard."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

from aiohttp import web

_FOLDER: Final = files("wooshpay.sandbox.pages")
# Name in the address: the type, and what it is made of.
_ASSETS: Final = {
    "dashboard.css": ("text/css", ("tokens.css", "dashboard/dashboard.css")),
    "dashboard.js": ("text/javascript", ("dashboard/dashboard.js",)),
}


async def serve(request: web.Request) -> web.Response:
    """One of the files. They hold nothing that anybody might not see."""
    name = request.match_info["name"]
    if name not in _ASSETS:
        return web.Response(status=404)
    headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
    return web.Response(text=_text(name), content_type=_ASSETS[name][0], charset="utf-8", headers=headers)


@cache
def _text(name: str) -> str:
    return "\n".join(_FOLDER.joinpath(part).read_text("utf-8") for part in _ASSETS[name][1])
