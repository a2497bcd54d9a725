"""Rendering: jinja2 templates of this package."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from wooshpay.sandbox.rules.currencies import written

if TYPE_CHECKING:
    import jinja2

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'"


@cache
def _environment() -> jinja2.Environment:
    try:
        import jinja2
    except ImportError:
        raise ModuleNotFoundError(
            "The sandbox's pages need jinja2, which is not installed: pip install 'wooshpay[cli]'."
        ) from None
    return jinja2.Environment(
        loader=jinja2.PackageLoader("wooshpay.sandbox.pages", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page(template: str, *, status: int = 200, policy: str = _POLICY, **facts: Any) -> web.Response:
    """Render a page.

    Args:
        template: The template's name, without its ending.
        status: The HTTP status.
        policy: The Content-Security-Policy; the pages that customers see have no script.
        facts: What the template shows.
    """
    text = _environment().get_template(f"{template}.html").render({"money": written, **facts})
    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return web.Response(status=status, text=text, content_type="text/html", headers=headers)


def message(title: str, text: str, *, status: int = 200) -> web.Response:
    """A page that only says something."""
    return page("message", status=status, title=title, text=text)
