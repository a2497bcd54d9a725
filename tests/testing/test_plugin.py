"""The fixtures work in any kind of test, leave nothing behind, and cost nothing where they are not used."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from importlib.metadata import entry_points

import pytest

from wooshpay import AsyncWooshPay, NotFoundError, WooshPay
from wooshpay.sandbox import SyncSandbox

pytest_plugins = ["pytester"]


# ---- used here and now


def test_the_client_talks_to_the_sandbox(wooshpay_client: WooshPay, wooshpay_sandbox: SyncSandbox) -> None:
    customer = wooshpay_client.customers.create(email="ada@example.com")
    assert wooshpay_sandbox.store.get(customer.id)["email"] == "ada@example.com"
    with pytest.raises(NotFoundError):
        wooshpay_client.customers.retrieve("cus_1")


async def test_the_asynchronous_client_too(wooshpay_async_client: AsyncWooshPay, wooshpay_sandbox: SyncSandbox) -> None:
    customers = await asyncio.gather(*(wooshpay_async_client.customers.create(email=f"{n}@a.com") for n in range(5)))
    assert wooshpay_sandbox.store.count("customer") == len({customer.id for customer in customers}) == 5


def test_both_clients_in_one_test(wooshpay_client: WooshPay, wooshpay_async_client: AsyncWooshPay) -> None:
    made = wooshpay_client.customers.create()

    async def find() -> str:
        return (await wooshpay_async_client.customers.retrieve(made.id)).id

    assert asyncio.run(find()) == made.id


async def test_the_sandbox_runs_beside_the_tests_own_loop(wooshpay_sandbox: SyncSandbox) -> None:
    # The plain client blocks this loop, and is answered all the same.
    with (
        pytest.warns(RuntimeWarning, match="running event loop"),
        WooshPay(wooshpay_sandbox.api_key, base_url=wooshpay_sandbox.base_url) as client,
    ):
        assert client.customers.create().id


# ---- in projects of users


def check(pytester: pytest.Pytester, program: str, *arguments: str, passed: int = 1) -> None:
    pytester.makepyfile(textwrap.dedent(program))
    result = pytester.runpytest_subprocess("-W", "error", *arguments)
    result.assert_outcomes(passed=passed)


def test_pytest_finds_it_by_itself() -> None:
    (found,) = entry_points(group="pytest11", name="wooshpay")
    assert found.value == "wooshpay.testing.plugin"


def test_in_a_plain_project(pytester: pytest.Pytester) -> None:
    check(
        pytester,
        """
        def test_it(wooshpay_client, wooshpay_sandbox):
            wooshpay_sandbox.faults.add("server_error")
            assert wooshpay_client.customers.create().id.startswith("cus_")
            assert len(wooshpay_sandbox.requests) == 2
        """,
        "-p", "no:asyncio", "-p", "no:anyio",
    )  # fmt: skip


MISSPELLED = """
    import pytest
    from wooshpay import InvalidRequestError, RequestOptions

    def test_it(wooshpay_client, wooshpay_sandbox):
        options = RequestOptions(extra_body={"descripton": "Tea"})
        with pytest.raises(InvalidRequestError, match="no parameter descripton.*nearest known one is description"):
            wooshpay_client.customers.create(options=options)
        assert wooshpay_sandbox.store.count("customer") == 0
"""


def test_a_setting_makes_the_fixtures_strict(pytester: pytest.Pytester) -> None:
    """Otherwise a shop's tests pass with a parameter that WooshPay drops."""
    pytester.makeini("[pytest]\nwooshpay_strict = true")
    check(pytester, MISSPELLED, "-p", "no:asyncio", "-p", "no:anyio")


def test_without_the_setting_unknown_parameters_are_dropped_and_listed(pytester: pytest.Pytester) -> None:
    check(
        pytester,
        """
        from wooshpay import RequestOptions

        def test_it(wooshpay_client, wooshpay_sandbox):
            wooshpay_client.customers.create(options=RequestOptions(extra_body={"descripton": "Tea"}))
            assert wooshpay_sandbox.requests[-1].unknown_parameters == ("descripton",)
        """,
        "-p", "no:asyncio", "-p", "no:anyio",
    )  # fmt: skip


def test_a_fixture_of_the_project_replaces_the_sandbox(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest
        from wooshpay.sandbox import Sandbox

        @pytest.fixture
        def wooshpay_sandbox():
            with Sandbox(strict=True) as sandbox:
                yield sandbox
        """
    )
    check(pytester, MISSPELLED, "-p", "no:asyncio", "-p", "no:anyio")


def test_every_test_gets_a_sandbox_of_its_own(pytester: pytest.Pytester) -> None:
    check(
        pytester,
        """
        import pytest

        @pytest.mark.parametrize("number", range(3))
        def test_it(wooshpay_client, wooshpay_sandbox, number):
            assert wooshpay_sandbox.store.count("customer") == 0
            wooshpay_client.customers.create()
        """,
        "-p", "no:asyncio",
        passed=3,
    )  # fmt: skip


@pytest.mark.parametrize("scope", ["function", "module"])
def test_under_pytest_asyncio(pytester: pytest.Pytester, scope: str) -> None:
    check(
        pytester,
        f"""
        import pytest

        pytestmark = pytest.mark.asyncio(loop_scope="{scope}")

        async def test_one(wooshpay_async_client):
            assert (await wooshpay_async_client.customers.create()).id

        async def test_two(wooshpay_async_client):
            assert [each async for each in wooshpay_async_client.webhook_endpoints.list()] == []
        """,
        "-o", "asyncio_default_fixture_loop_scope=function", "-p", "no:anyio",
        passed=2,
    )  # fmt: skip


def test_under_anyio(pytester: pytest.Pytester) -> None:
    check(
        pytester,
        """
        import pytest

        pytestmark = pytest.mark.anyio

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        async def test_it(wooshpay_async_client):
            assert (await wooshpay_async_client.customers.create()).id
        """,
        "-p", "no:asyncio",
    )  # fmt: skip


def test_the_fixtures_are_listed_with_what_they_are(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess("--fixtures")
    result.stdout.fnmatch_lines(["wooshpay_sandbox -- *", "*An offline WooshPay of the test's own*"])


# ---- unused


def test_a_project_that_does_not_use_it_imports_almost_nothing(pytester: pytest.Pytester) -> None:
    check(
        pytester,
        """
        import sys

        def test_it():
            ours = [name for name in sys.modules if name.partition(".")[0] == "wooshpay"]
            assert "wooshpay.testing.plugin" in ours
            assert len(ours) <= 4, ours
            assert not {"aiohttp", "attrs", "cattrs", "jinja2", "sqlite3"} & set(sys.modules)
        """,
        "-p", "no:asyncio", "-p", "no:anyio", "-p", "no:schemathesis", "-p", "no:hypothesispytest",
    )  # fmt: skip


def test_importing_it_is_light() -> None:
    program = (
        "import pytest, sys; before = set(sys.modules); import wooshpay.testing.plugin;"
        " print(*set(sys.modules) - before)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert len(run.stdout.split()) <= 8, run.stdout
