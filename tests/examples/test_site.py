"""The site of guides and reference: built by its one command, complete, and readable without a network."""

from __future__ import annotations

import functools
import html
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from examples.guides import ROOT, guides
from examples.serving import environment
from sandbox.browsing import DESKTOP, PHONE, fits, keep_picture, needs_browser

from wooshpay.api import OBJECTS, declarations

if TYPE_CHECKING:
    from playwright.async_api import Page

# Elements that a browser fetches by itself, unlike a link that a reader follows.
FETCHED: Final = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*\bsrc=[\"'](?:https?:)?//[^>]*>"
    r"|<link\b(?![^>]*rel=[\"']?canonical)[^>]*\bhref=[\"'](?:https?:)?//[^>]*>"
    r"|(?:url|@import)\(?\s*[\"']?(?:https?:)?//[^)\s]*",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site. A broken link or an unknown name is an error."""
    folder = tmp_path_factory.mktemp("site")
    command: list[str | Path] = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    command += ["-f", ROOT / ".docs" / "mkdocs.yml", "-d", folder]
    run = subprocess.run(
        command,
        env=environment(NO_MKDOCS_2_WARNING="1"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return folder


@pytest.fixture
def address(site: Path) -> Iterator[str]:
    """The site, served on loopback."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """A test has enough to say."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


def test_every_guide_and_every_operation_has_its_place(site: Path) -> None:
    for guide in guides():
        assert (site / guide.path.parent.relative_to(ROOT) / "index.html").is_file(), guide.name
    for declaration in declarations():
        section, _, name = declaration.name.rpartition(".")
        page = (site / "reference" / section / "index.html").read_text("utf-8")
        path = f"wooshpay.api.{section}.{declaration.function.__qualname__}"
        assert f'id="{path}"' in page, declaration.name
        assert f"<code>{declaration.method} {html.escape(declaration.path)}</code>" in page
        text = declaration.text.args
        assert all(f">{parameter}</" in page for parameter in text), f"{section}.{name}"


def test_every_object_shows_its_fields(site: Path) -> None:
    for name, section in OBJECTS.items():
        page = (site / "reference" / section / "index.html").read_text("utf-8")
        assert f'id="wooshpay.api.{section}.{name}"' in page, name


def test_nothing_private_is_shown(site: Path) -> None:
    for page in (site / "reference").rglob("*.html"):
        assert not re.findall(r'id="wooshpay\.[\w.]*\._\w+"', page.read_text("utf-8")), page


def test_no_page_asks_for_anything_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*"):
        if path.suffix in {".html", ".css"}:
            assert not FETCHED.findall(path.read_text("utf-8")), path


@needs_browser
async def test_the_site_is_read_and_searched_without_a_network(page: Page, address: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for width, height in (PHONE, DESKTOP):
        await page.set_viewport_size({"width": width, "height": height})
        for path in ("", "wooshpay/api/guides/direct_cards/", "reference/payment_intents/"):
            await page.goto(address + path)
            assert await fits(page), path
            await keep_picture(page, f"site-{path.strip('/').replace('/', '-') or 'home'}")
    await page.locator(".md-search__input").click()
    await page.keyboard.type("evidence")
    await page.locator(".md-search-result__item").first.wait_for()
    assert "isputes" in await page.locator(".md-search-result__list").inner_text()
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
