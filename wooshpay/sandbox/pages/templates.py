"""Rendering: jinja2 templates of this package, and money in words."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

if TYPE_CHECKING:
    import jinja2

# Seen in guides, or else ISO 4217's: amounts in these currencies have no decimals.
_WHOLE: Final = frozenset(
    {
        *("BIF", "CLP", "DJF", "GNF", "IDR", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "UGX", "VND", "VUV", "XAF"),
        *("XOF", "XPF"),
    }
)

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'"


def money(amount: int, currency: str) -> str:
    """An amount for people: ``1,999.00 USD``."""
    if currency in _WHOLE:
        return f"{amount:,} {currency}"
    whole, cents = divmod(abs(amount), 100)
    return f"{'-' if amount < 0 else ''}{whole:,}.{cents:02d} {currency}"


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
    text = _environment().get_template(f"{template}.html").render({"money": money, **facts})
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
