"""What all pages share: reading forms, comparing secrets, sending the browser on."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from aiohttp import web
from yarl import URL

from wooshpay.sandbox.pages.templates import Link, message

_ASCII: Final = "".join(map(chr, range(0x21, 0x7F)))


def texts(posted: Mapping[str, object]) -> dict[str, str]:
    """The fields of a form, without files and outer spaces."""
    return {name: value.strip() for name, value in posted.items() if isinstance(value, str)}


async def read_form(request: web.Request) -> dict[str, str]:
    """Return the fields of the form that a browser sent, without files and outer spaces.

    Raises:
        web.HTTPBadRequest: The body is not a form, or its bytes are not text in the charset that it names. No browser
            sends such a body.
    """
    try:
        return texts(await request.post())
    except (ValueError, LookupError, RuntimeError):
        # aiohttp raises these for bytes that are not UTF-8, unknown charsets, missing boundaries and unknown encodings.
        page = message("This form cannot be read", "Load the page again, then send the form again.", status=400)
        headers = {name: value for name, value in page.headers.items() if name != "Content-Type"}
        raise web.HTTPBadRequest(text=page.text, content_type="text/html", headers=headers) from None


def redirect(where: str) -> web.Response | None:
    """Send the browser on. An ASCII address stays as the merchant wrote it: braces in it are not quoted."""
    return web.Response(status=303, headers={"Location": _in_ascii(where)}) if where else None


def _in_ascii(url: str) -> str:
    """Return an address as it can stand in a header."""
    if url.isascii():
        return url
    try:
        return str(URL(url))
    except ValueError:
        # Its host or port is not valid. The browser says so, since the payment itself went through.
        return quote(url, safe=_ASCII)


def same(given: str, expected: str) -> bool:
    """Whether a secret is right; the time that it takes tells nothing about it."""
    return hmac.compare_digest(given.encode(), expected.encode())


def no_such_page() -> web.Response:
    """Return the page for a wrong address."""
    return message(
        "Page not found",
        "There is no such page in the sandbox. Check that the address was copied completely.",
        status=404,
        links=[Link("Go to the start page of the sandbox", "/")],
    )


def from_browser(request: web.Request) -> bool:
    """Return whether a browser asks, which prefers HTML. Programs that call the API accept anything, or JSON."""
    return "text/html" in request.headers.get("Accept", "").lower()
