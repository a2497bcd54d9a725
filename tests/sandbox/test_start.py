"""What the sandbox imports before its first response: counted in modules, since times depend on the machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.children import HANGS, environment

import wooshpay.sandbox
from wooshpay.api import SECTIONS, declarations_of
from wooshpay.sandbox.engine import registry
from wooshpay.sandbox.engine.module_index import REACTIONS, VIEWS, behaviours_of

_PACKAGE = Path(wooshpay.sandbox.__path__[0])

_FIRST_REQUEST = """
import asyncio, sys
import aiohttp
from wooshpay.sandbox import Sandbox

async def main():
    async with Sandbox() as sandbox, aiohttp.ClientSession() as session:
        answer = await session.request({method!r}, sandbox.base_url + {path!r}, json={body!r},
                                       headers={{"Accept": {accept!r}}},
                                       auth=aiohttp.BasicAuth(sandbox.api_key))
        print(answer.status, *sorted(sys.modules))

asyncio.run(main())
"""


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=HANGS, check=False, env=environment()
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def modules_after(method: str, path: str, body: object = None, accept: str = "*/*") -> tuple[int, set[str]]:
    """Return the status of a first request, and the modules that are imported when its response is there."""
    status, *modules = run(_FIRST_REQUEST.format(method=method, path=path, body=body, accept=accept)).split()
    return int(status), set(modules)


def sections_of(modules: set[str]) -> set[str]:
    found = {name.removeprefix("wooshpay.api.") for name in modules if name.startswith("wooshpay.api.")}
    return found & set(SECTIONS)


def test_the_first_request_imports_its_own_section_only() -> None:
    """Every sandbox would start a fifth of a second later if all sections and pages were imported at once."""
    status, modules = modules_after("GET", "/v1/customers/cus_1")
    assert status == 404
    assert sections_of(modules) <= {"customers", "payment_methods"}
    assert not {name for name in modules if name.startswith("wooshpay.sandbox.pages")}
    heavy = {"jinja2", "rich", "click", "sqlite3", "wooshpay.client", "wooshpay.sandbox.controls.http"}
    assert not modules & heavy
    assert len({name for name in modules if name.startswith("wooshpay")}) < 100


def test_creating_an_object_imports_no_page_either() -> None:
    """An event comes up here: what reacts to it must be found without importing everything that could."""
    status, modules = modules_after("POST", "/v1/customers", {"email": "ada@example.com"})
    assert status == 200
    assert sections_of(modules) <= {"customers", "payment_methods"}
    assert not {name for name in modules if name.startswith("wooshpay.sandbox.pages")}


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/customers/cus_1"])
def test_an_api_request_that_accepts_html_imports_no_page(path: str) -> None:
    """The page for unknown addresses looks at whoever accepts HTML; Java's HTTP client does so on every call."""
    status, modules = modules_after("GET", path, accept="text/html, */*; q=.2")
    assert status == 404
    assert not {name for name in modules if name.startswith("wooshpay.sandbox.pages")}


def test_a_page_imports_the_pages_and_a_control_does_not() -> None:
    """A test that moves the clock should not wait for the dashboard."""
    assert "wooshpay.sandbox.pages.dashboard.routes" in modules_after("GET", "/dashboard")[1]
    status, modules = modules_after("GET", "/sandbox/clock")
    assert status == 200
    assert "wooshpay.sandbox.controls.http" in modules
    assert "wooshpay.sandbox.pages.dashboard.routes" not in modules


# ---- the tables that say where things are


def test_the_tables_name_what_the_modules_register() -> None:
    """A view or a reaction that a table forgets would be missing in programs that call certain operations first."""
    registry.load()
    views = {kind: registry.find_view(kind).__module__ for kind in registry._views}  # pyright: ignore[reportPrivateUsage, reportOptionalMemberAccess]  # compared with the table
    assert {kind: f"wooshpay.sandbox.{module}" for kind, module in VIEWS.items()} == views
    reactions = {event: {function.__module__ for function in found} for event, found in registry._reactions.items()}  # pyright: ignore[reportPrivateUsage]
    assert {
        event: {f"wooshpay.sandbox.{module}" for module in modules} for event, modules in REACTIONS.items()
    } == reactions


def test_reactions_come_in_the_order_of_the_table() -> None:
    """An invoice is paid before the session that waits for it is completed, whichever module is imported first."""
    modules = [function.__module__ for function in registry.find_reactions("payment_intent.succeeded")]
    assert modules == [f"wooshpay.sandbox.{module}" for module in REACTIONS["payment_intent.succeeded"]]


def test_the_behaviours_of_a_section_are_in_the_module_that_is_named_after_it() -> None:
    """A section in another module would be answered as one that the sandbox does not have."""
    for section in SECTIONS:
        for declaration in declarations_of(section):
            behaviour = registry.find_behaviour(declaration.name)
            assert behaviour is not None
            assert behaviour.__module__ == f"wooshpay.sandbox.{behaviours_of(section)}"


def test_no_section_answers_below_the_path_of_another() -> None:
    """The section of a request is told by the beginning of its path before the others are imported."""
    beginnings = {section: tuple(section.split(".")) for section in SECTIONS}
    for section in SECTIONS:
        for declaration in declarations_of(section):
            segments = tuple(declaration.path.strip("/").split("/")[1:])
            named = [name for name, beginning in beginnings.items() if segments[: len(beginning)] == beginning]
            assert named in ([section], []), declaration.name


_ALONE = """
import os, sys
import aiohttp.web, wooshpay.core.declaration
for name in sys.argv[1:]:
    child = os.fork()
    if not child:
        try:
            __import__(name)
        except BaseException as error:
            print(name, repr(error), flush=True)
            os._exit(1)
        os._exit(0)
    os.waitpid(child, 0)
"""


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="needs fork")
def test_every_module_can_be_imported_first() -> None:
    """Which module comes first depends on the first request: a circle of imports would fail for some programs only."""
    names = [
        "wooshpay.sandbox." + ".".join(file.relative_to(_PACKAGE).with_suffix("").parts)
        for folder in ("behaviours", "lifecycles", "controls", "pages", "rules", "requests", "engine", "webhooks")
        for file in sorted((_PACKAGE / folder).rglob("*.py"))
        if file.name != "__init__.py"
    ]
    assert len(names) > 100
    done = subprocess.run(
        [sys.executable, "-c", _ALONE, *names],
        capture_output=True, text=True, timeout=HANGS, check=False, env=environment(),
    )  # fmt: skip
    assert done.stdout == ""
    assert done.returncode == 0, done.stderr


def test_the_public_names_are_the_ones_that_type_checkers_see() -> None:
    """The names stand twice, once for checkers and once for the interpreter: they must not drift apart."""
    for name in wooshpay.sandbox.__all__:
        assert getattr(wooshpay.sandbox, name) is not None
    assert set(wooshpay.sandbox.__all__) <= set(dir(wooshpay.sandbox))
    assert not hasattr(wooshpay.sandbox, "Stripe")
