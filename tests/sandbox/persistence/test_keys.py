"""Idempotency keys live for 24 hours, whatever else is being worked on, and come back from a state file."""

from __future__ import annotations

import pytest

from wooshpay.sandbox import SandboxError
from wooshpay.sandbox.requests.idempotency import LIFETIME, Answer, Keys

ANSWER = Answer(200, b'{"id":"pi_1"}')


class Time:
    def __init__(self) -> None:
        self.now = 1_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def keys(time: Time) -> Keys:
    return Keys(time)


def test_a_key_is_free_again_after_a_day_even_behind_one_that_is_still_worked_on(keys: Keys, time: Time) -> None:
    assert keys.claim("slow", "POST", "/a", {}) is None
    assert keys.claim("quick", "POST", "/a", {}) is None
    keys.finish("quick", ANSWER)
    time.now += LIFETIME - 1
    assert keys.claim("quick", "POST", "/a", {}) == ANSWER
    time.now += 1
    assert keys.claim("quick", "POST", "/a", {}) is None


def test_a_key_that_is_worked_on_for_longer_than_a_day_is_still_in_use(keys: Keys, time: Time) -> None:
    keys.claim("slow", "POST", "/a", {})
    time.now += 2 * LIFETIME
    with pytest.raises(SandboxError, match="still being worked on"):
        keys.claim("slow", "POST", "/a", {})


def test_answers_come_back_and_what_was_worked_on_does_not(keys: Keys, time: Time) -> None:
    keys.restore([])
    for key in ("done", "open"):
        keys.claim(key, "POST", "/a", {"b": [1]})
    keys.finish("done", ANSWER)
    rows = keys.changes()
    assert [row.id for row in rows] == ["done"]
    assert keys.changes() == []
    others = Keys(time)
    others.restore(rows)
    assert others.claim("done", "POST", "/a", {"b": [1]}) == ANSWER
    assert others.claim("open", "POST", "/a", {"b": [1]}) is None


def test_a_key_in_work_survives_that_other_work_is_undone(keys: Keys) -> None:
    keys.restore([])
    keys.claim("mine", "POST", "/a", {})
    keys.restore([])
    keys.finish("mine", ANSWER)
    assert [row.id for row in keys.changes()] == ["mine"]


def test_an_old_key_is_written_as_gone(keys: Keys, time: Time) -> None:
    keys.restore([])
    keys.claim("old", "POST", "/a", {})
    keys.finish("old", ANSWER)
    keys.changes()
    time.now += LIFETIME
    keys.claim("new", "POST", "/a", {})
    assert [(row.id, row.body) for row in keys.changes()] == [("old", None)]
