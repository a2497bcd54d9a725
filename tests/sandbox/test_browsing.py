"""Whether tests in a browser are skipped on a machine without one."""

from __future__ import annotations

import pytest
from sandbox.browsing import may_skip


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, True),
        ({"CI": "false"}, True),
        ({"CI": "true"}, False),
        ({"WOOSHPAY_TEST_SKIP_NOTHING": "1"}, False),
        ({"WOOSHPAY_TEST_SKIP_NOTHING": ""}, True),
    ],
)
def test_a_missing_browser_fails_the_tests_where_nothing_may_be_skipped(
    environment: dict[str, str], expected: bool
) -> None:
    """Otherwise a whole CI run could pass without opening a page."""
    assert may_skip(environment) is expected
