"""What all pages share: reading forms, comparing secrets, sending the browser on."""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from aiohttp import web
from yarl import URL

from wooshpay.sandbox.pages.templates import message


def texts(posted: Mapping[str, object]) -> dict[str, str]:
    """The fields of a form, without files and outer spaces."""
    return {name: value.strip() for name, value in posted.items() if isinstance(value, str)}


def redirect(where: str) -> web.Response | None:
    """Send the browser on. The address stays as the merchant wrote it: braces in it are not quoted."""
    if not where:
        return None
    return web.Response(status=303, headers={"Location": where if where.isascii() else str(URL(where))})


def same(given: str, expected: str) -> bool:
    """Whether a secret is right; the time that it takes tells nothing about it."""
    return hmac.compare_digest(given.encode(), expected.encode())


def no_such_page() -> web.Response:
    """The answer to a wrong address."""
    return message("There is no such page", "Check the address; it may be cut off.", status=404)
