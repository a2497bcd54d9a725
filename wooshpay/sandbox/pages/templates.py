"""Render the pages: jinja2 templates of this package."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aiohttp import web

from wooshpay.sandbox.rules.currencies import written

if TYPE_CHECKING:
    import jinja2

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'"

# This page cannot be a template: it is shown when jinja2, which renders templates, is not installed.
_WITHOUT_JINJA2: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>A package is missing · WooshPay sandbox</title>
<link rel="icon" href="data:,">
<style>
:root { color-scheme: light dark; }
body { max-width: 36rem; margin: 3rem auto; padding: 0 1rem; font: 16px/1.5 system-ui, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.375rem; }
pre { overflow-x: auto; padding: .75rem 1rem; border: 1px solid #818a9e; border-radius: .5rem; }
</style>
</head>
<body>
<main>
<h1>The sandbox's pages need jinja2</h1>
<p>The package jinja2 is not installed in the Python environment that runs this sandbox. The API works without it, but
the hosted pages and the dashboard do not. Install the extra <b>cli</b>, and then start the sandbox again:</p>
<pre><code>pip install "wooshpay[cli]"</code></pre>
</main>
</body>
</html>
"""


class Link(NamedTuple):
    """A link below the text of a page.

    Attributes:
        text: What the link says.
        url: Where it leads.
    """

    text: str
    url: str


@cache
def _environment() -> jinja2.Environment | None:
    try:
        import jinja2
    except ImportError:
        return None
    return jinja2.Environment(
        loader=jinja2.PackageLoader("wooshpay.sandbox.pages", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page(
    template: str,
    *,
    status: int = 200,
    policy: str = _POLICY,
    script: str = "",
    merchant: str | None = None,
    **facts: Any,
) -> web.Response:
    """Render a page. If jinja2 is not installed, the page says how to install it and its status is 501.

    Args:
        template: The template's name, without its ending.
        status: The HTTP status.
        policy: The Content-Security-Policy. By default, no script runs except ``script``.
        script: The name of a script in this package that the page contains. The policy allows this script by its hash,
            so that a script which a merchant's or customer's text might bring in does not run.
        merchant: The name of the shop, shown at the top. Default: none.
        facts: What the template shows.
    """
    environment = _environment()
    if environment is None:
        return _html(_WITHOUT_JINJA2, status=501, policy=_POLICY)
    code, allowed = _script(script) if script else ("", "")
    values = {"money": written, "merchant": merchant, "script": code, **facts}
    return _html(environment.get_template(f"{template}.html").render(values), status=status, policy=policy + allowed)


def message(
    title: str, text: str, *, status: int = 200, merchant: str | None = None, links: Sequence[Link] = ()
) -> web.Response:
    """Render a page that only says something, with links to go on or back."""
    return page("message", status=status, merchant=merchant, title=title, text=text, links=links)


def _html(text: str, *, status: int, policy: str) -> web.Response:
    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return web.Response(status=status, text=text, content_type="text/html", headers=headers)


@cache
def _script(name: str) -> tuple[str, str]:
    """Return the text of a script, and the directive of the Content-Security-Policy that allows it."""
    code = files("wooshpay.sandbox.pages").joinpath(name).read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    return code, f"; script-src 'sha256-{digest}'"
