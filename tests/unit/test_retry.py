"""When a call is tried again, and after how long: the table of the design, cell by cell."""

from __future__ import annotations

import math
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from wooshpay import Attempt, RetryPolicy
from wooshpay.core.retry import parse_retry_after

NOW = 1_700_000_000.0

NOT_CONNECTED: dict[str, Any] = {"failure": "not_connected"}
REFUSED: dict[str, Any] = {"failure": "refused"}
BROKEN: dict[str, Any] = {"failure": "broken"}
KEY_IN_USE: dict[str, Any] = {"status": 409, "key_in_use": True}

# What came of the attempt; then whether GET, DELETE, a POST with a key and one without are tried again.
TABLE: list[tuple[dict[str, Any], bool, bool, bool, bool]] = [
    (NOT_CONNECTED, True, True, True, True),
    (REFUSED, False, False, False, False),
    (BROKEN, True, True, True, False),
    ({"status": 408}, True, True, True, False),
    ({"status": 500}, True, True, True, False),
    ({"status": 502}, True, True, True, False),
    ({"status": 503}, True, True, True, False),
    ({"status": 504}, True, True, True, False),
    ({"status": 425}, True, True, True, True),
    ({"status": 429}, True, True, True, True),
    ({"status": 409}, False, False, False, False),
    (KEY_IN_USE, False, False, True, True),
    *[({"status": status}, False, False, False, False) for status in (301, 307, 400, 401, 402, 403, 404, 410, 422)],
    *[({"status": status}, False, False, False, False) for status in (501, 505)],
]
KINDS: dict[str, dict[str, Any]] = {
    "GET": {"method": "GET", "keyed": False},
    "DELETE": {"method": "DELETE", "keyed": False},
    "POST with key": {"method": "POST", "keyed": True},
    "POST without key": {"method": "POST", "keyed": False},
}


def attempt(number: int = 1, *, kind: str = "POST with key", **facts: Any) -> Attempt:
    return Attempt(number=number, **{**KINDS[kind], **facts})


def middle(low: float, high: float) -> float:
    return (low + high) / 2


@pytest.mark.parametrize("column", range(4), ids=list(KINDS))
def test_the_table_of_the_design_holds_in_every_cell(column: int) -> None:
    """A wrong cell either charges twice or gives up on a call that a retry would have saved."""
    kind = list(KINDS)[column]
    for facts, *expected in TABLE:
        decided = RetryPolicy().may_retry(attempt(kind=kind, **facts))
        assert decided is expected[column], f"{kind} after {facts}"
        wait = RetryPolicy().wait(attempt(kind=kind, **facts), middle)
        assert (wait is not None) is expected[column], f"{kind} after {facts}: wait() says something else"


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_replayed_answer_is_final(kind: str) -> None:
    """The same key would only bring the same stored answer again."""
    for facts, *_ in TABLE:
        if "status" in facts:
            assert not RetryPolicy().may_retry(attempt(kind=kind, replayed=True, **facts)), facts


def test_an_attempt_is_ambiguous_exactly_where_it_may_have_been_carried_out() -> None:
    """Too few, and an error says that nothing happened after a charge; too many, and every decline is a riddle."""
    unclear: list[dict[str, Any]] = [BROKEN, KEY_IN_USE]
    unclear += [{"status": status} for status in (301, 302, 304, 307, 308, 408, 500, 501, 502, 503, 504, 505, 599)]
    clear: list[dict[str, Any]] = [NOT_CONNECTED, REFUSED]
    clear += [{"status": status} for status in (400, 401, 402, 404, 409, 425, 429)]
    for facts in unclear:
        assert not attempt(kind="GET", **facts).ambiguous, "a GET changes nothing"
        for kind in ("DELETE", "POST with key", "POST without key"):
            assert attempt(kind=kind, **facts).ambiguous, f"{kind} after {facts}"
    for facts in clear:
        for kind in KINDS:
            assert not attempt(kind=kind, **facts).ambiguous, f"{kind} after {facts}"


@pytest.mark.parametrize(
    ("number", "longest"), [(1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0), (5, 8.0), (6, 8.0), (50, 8.0), (1024, 8.0)]
)
def test_the_backoff_is_a_random_part_of_a_doubling_time_with_a_ceiling(number: int, longest: float) -> None:
    bounds: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        bounds.append((low, high))
        return high

    assert RetryPolicy().wait(attempt(number, **BROKEN), uniform) == longest
    assert bounds == [(0.0, longest)], "full jitter: from nothing up to the whole"


def test_a_policy_of_ones_own_numbers_keeps_to_them() -> None:
    policy = RetryPolicy(base=1.0, factor=3.0, longest=5.0)
    waits = [policy.wait(attempt(number, **BROKEN), lambda _, high: high) for number in (1, 2, 3)]
    assert waits == [1.0, 3.0, 5.0]


@pytest.mark.parametrize("status", [429, 503, 500])
def test_retry_after_is_the_least_that_is_waited(status: int) -> None:
    """Coming back earlier than asked is what gets an account blocked; a longer backoff stays longer."""
    policy = RetryPolicy()
    assert policy.wait(attempt(status=status, retry_after=20.0), lambda _, high: high) == 20.0
    assert policy.wait(attempt(number=4, status=status, retry_after=0.1), lambda _, high: high) == 4.0
    assert policy.wait(attempt(status=status, retry_after=0.0), lambda low, _: low) == 0.0


def test_retry_after_never_makes_a_final_answer_retryable() -> None:
    assert RetryPolicy().wait(attempt(status=402, retry_after=1.0), middle) is None


# ---- what Retry-After says ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "3"}, 3.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "-5"}, 0.0),
        ({"Retry-After": formatdate(NOW + 30, usegmt=True)}, 30.0),
        ({"Retry-After": formatdate(NOW - 30, usegmt=True)}, 0.0),
        ({"Retry-After": "Tue, 14 Nov 2023 22:13:50 -0000"}, 30.0),
        ({"Retry-After": "Tue, 14 Nov 2023 22:13:50"}, 30.0),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "1e999"}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Wed, 99 Foo 2023 99:99:99 GMT"}, None),
        ({"Retry-After-Ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "Retry-After": "9"}, 0.25),
        ({"Retry-After-Ms": "what", "Retry-After": "9"}, 9.0),
        ({"Retry-After-Ms": "nan", "Retry-After": "9"}, 9.0),
        ({"Retry-After-Ms": "-1"}, 0.0),
        ({"Retry-After": "300"}, 300.0),
        ({"Retry-After": "301"}, 300.0),
        ({"Retry-After": "1e300"}, 300.0),
        ({"Retry-After-Ms": "1e300"}, 300.0),
        ({"Retry-After": formatdate(NOW + 10_000, usegmt=True)}, 300.0),
        ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}, 300.0),
    ],
)
def test_every_form_of_retry_after_is_read(
    monkeypatch: pytest.MonkeyPatch, headers: dict[str, str], seconds: float | None
) -> None:
    """A date without a zone is in GMT, as HTTP says, wherever this machine stands."""
    import time

    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        assert parse_retry_after(CIMultiDict(headers), NOW) == seconds
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()


dates = st.builds(
    "{}, {} {} {} {}:{}:{} {}".format,
    st.sampled_from(["Mon", "Tue", "???", ""]),
    st.integers(-1, 40),
    st.sampled_from(["Jan", "Feb", "Dec", "Foo", "13"]),
    st.integers(-1, 10_000),
    st.integers(-1, 99),
    st.integers(-1, 99),
    st.integers(-1, 99),
    st.sampled_from(["GMT", "+0000", "-0000", "+9999", "-99999999", "EST", "", "💥"]),
)


@given(
    st.fixed_dictionaries(
        {}, optional={"Retry-After": st.text() | dates | st.floats().map(str), "Retry-After-Ms": st.text()}
    )
)
def test_no_retry_after_can_break_a_call(headers: dict[str, str]) -> None:
    """It is read while an error is being handled: it must never become a second, worse error."""
    seconds = parse_retry_after(headers, NOW)
    assert seconds is None or (seconds >= 0 and math.isfinite(seconds))


def test_a_job_that_tries_for_hours_does_not_break_at_the_thousandth_attempt() -> None:
    """The growing wait was beyond what a number can be, and the error of that hid the outcome of the call."""
    attempt = Attempt(number=100_000, method="POST", keyed=True, failure="broken")
    assert RetryPolicy().wait(attempt, lambda low, high: high) == 8.0
