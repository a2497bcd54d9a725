"""What importing costs: measured in modules, since times depend on the machine."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
import threading

import pytest
from support.children import HANGS

import wooshpay

# Left out of ``import *``, as they would hide what Python itself calls so.
SAME_NAME_IN_PYTHON = {"PermissionError", "TimeoutError"}


def run(program: str) -> str:
    """Run a program in a fresh interpreter in which every warning is an error."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=HANGS, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def imported_by(program: str) -> set[str]:
    return set(run(f"import sys\n{program}\nprint(*sys.modules)").split())


def test_importing_the_package_imports_next_to_nothing() -> None:
    """A command line tool that only may take a payment must not pay half a second for it."""
    modules = imported_by("import wooshpay")
    heavy = {"aiohttp", "attrs", "attr", "cattrs", "asyncio", "typing_extensions", "ssl", "json", "logging"}
    assert not modules & heavy
    ours = {name for name in modules if name.startswith("wooshpay")}
    assert ours == {"wooshpay", "wooshpay._version"}


def test_catching_errors_needs_neither_attrs_nor_aiohttp() -> None:
    modules = imported_by("from wooshpay import WooshPayError, CardError")
    assert not modules & {"aiohttp", "attrs", "attr", "cattrs", "asyncio"}


def test_a_client_imports_no_section_until_it_is_used() -> None:
    """A class of twenty fields costs a millisecond to define, and there are hundreds."""
    program = "from wooshpay import WooshPay\nclient = WooshPay('sk_test_x')"
    before = imported_by(program)
    assert not {name for name in before if name.startswith("wooshpay.api.")}
    after = imported_by(f"{program}\nclient.refunds.create")
    sections = {name for name in after if name.startswith("wooshpay.api.")}
    assert "wooshpay.api.refunds" in sections
    assert sections <= {"wooshpay.api.refunds", "wooshpay.api.shared"}


def test_every_public_name_resolves_to_what_type_checkers_see() -> None:
    """The names stand twice, once for checkers and once for the interpreter: they must not drift apart."""
    tree = ast.parse(inspect.getsource(wooshpay))
    checked: dict[str, str] = {}
    for block in tree.body:
        if isinstance(block, ast.If):
            for line in block.body:
                assert isinstance(line, ast.ImportFrom)
                checked |= {name.asname or name.name: f"{line.module}.{name.name}" for name in line.names}
    assert set(checked) | {"__version__"} == {*wooshpay.__all__, *SAME_NAME_IN_PYTHON}
    assert len(wooshpay.__all__) == len(set(wooshpay.__all__))
    for name, home in checked.items():
        module, _, attribute = home.rpartition(".")
        __import__(module)
        found = getattr(wooshpay, name)
        assert found is getattr(sys.modules[module], attribute), name
    assert {*wooshpay.__all__, *SAME_NAME_IN_PYTHON} <= set(dir(wooshpay))


def test_an_unknown_name_is_an_attribute_error() -> None:
    """``hasattr`` and ``from wooshpay import x`` rely on it."""
    assert not hasattr(wooshpay, "Stripe")


def test_star_import_works() -> None:
    assert run("from wooshpay import *\nprint(AsyncWooshPay.__name__, [UNSET])") == "AsyncWooshPay [UNSET]\n"


@pytest.mark.parametrize("module", ["wooshpay", "wooshpay.errors", "wooshpay.types", "wooshpay.webhooks"])
def test_a_star_import_hides_nothing_of_python(module: str) -> None:
    """``except TimeoutError`` around a socket or a file would catch nothing any more, far from the import."""
    program = (
        "import builtins\n"
        f"from {module} import *\n"
        "print([name for name in dir(builtins) if name[0] != '_' and globals().get(name) is not None])"
    )
    assert run(program) == "[]\n"


def test_constructing_clients_starts_no_thread_and_leaves_nothing_to_clean_up() -> None:
    """gunicorn --preload constructs the client before it forks: a thread started then is lost in every worker."""
    before = threading.active_count()
    wooshpay.AsyncWooshPay("sk_test_x")
    assert wooshpay.WooshPay("sk_test_x").with_options(timeout=3).refunds is not None
    assert threading.active_count() == before
    program = (
        "import threading, wooshpay\n"
        "clients = [wooshpay.WooshPay('sk_test_x'), wooshpay.AsyncWooshPay('sk_test_x')]\n"
        "print(threading.active_count())"
    )
    assert run(program) == "1\n"


def test_the_version_is_one_text() -> None:
    from importlib.metadata import PackageNotFoundError, version

    assert wooshpay.__version__.count(".") == 2
    try:
        installed = version("wooshpay")
    except PackageNotFoundError:
        return
    assert installed == wooshpay.__version__
