"""What is done with a row, in view of what the journal knows of it: facts in, a decision out."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wooshpay.bulk.journal import KEY_LIFETIME, Decision, Entry, Policy, Refuse, Run, Send, Skip, decide, settle

RUN = Run(name="recall", operation="refunds.create", host="https://apitest.wooshpay.com")
NOW = 1_800_000_000.0
KEPT = Entry(fingerprint="f", generation=1, key=RUN.key("r1", 1), state="started", sent_at=NOW - 60, seen=1)


def decided(entry: Entry | None, *, fingerprint: str = "f", seen: int | None = 2, **policy: bool) -> Decision:
    return decide(entry, run=RUN, row_id="r1", fingerprint=fingerprint, seen=seen, now=NOW, policy=Policy(**policy))


def kept(**facts: Any) -> Entry:
    return attrs.evolve(KEPT, **facts)


def test_a_new_row_is_noted_as_started_before_it_is_sent() -> None:
    decision = decided(None)
    assert isinstance(decision, Send)
    assert decision.entry == kept(sent_at=NOW, seen=2)
    assert not decision.doubtful


@pytest.mark.parametrize("state", ["started", "unknown"])
def test_what_may_have_been_carried_out_is_sent_again_with_the_same_key(state: str) -> None:
    decision = decided(kept(state=state))
    assert isinstance(decision, Send)
    assert decision.doubtful
    # When the key was first sent is what its life is counted from.
    assert (decision.entry.key, decision.entry.state, decision.entry.sent_at) == (KEPT.key, "started", NOW - 60)


@pytest.mark.parametrize("state", ["started", "unknown"])
def test_a_key_that_may_be_forgotten_is_never_sent_unasked(state: str) -> None:
    """WooshPay would carry it out a second time."""
    old = kept(state=state, sent_at=NOW - KEY_LIFETIME - 1)
    refused = decided(old)
    assert isinstance(refused, Refuse)
    assert "may have forgotten" in refused.reason
    sent = decided(old, resend_expired=True)
    assert isinstance(sent, Send)
    assert (sent.entry.key, sent.entry.sent_at, sent.doubtful) == (KEPT.key, NOW, True)


@pytest.mark.parametrize("age", [60, KEY_LIFETIME + 1])
def test_what_was_never_sent_is_sent_however_late(age: float) -> None:
    decision = decided(kept(state="not_sent", sent_at=NOW - age))
    assert isinstance(decision, Send)
    assert (decision.entry.key, decision.entry.sent_at, decision.doubtful) == (KEPT.key, NOW, False)


@pytest.mark.parametrize("state", ["succeeded", "rejected"])
@pytest.mark.parametrize("age", [60, 100 * KEY_LIFETIME])
def test_what_has_an_answer_is_not_sent(state: str, age: float) -> None:
    assert decided(kept(state=state, sent_at=NOW - age)) == Skip(kept(state=state, sent_at=NOW - age, seen=2))


def test_what_was_refused_is_sent_with_a_new_key_when_asked_for() -> None:
    """Under the old key WooshPay would give the old refusal again."""
    decision = decided(kept(state="rejected"), fingerprint="g", retry_rejected=True)
    assert isinstance(decision, Send)
    assert (decision.entry.generation, decision.entry.fingerprint) == (2, "g")
    assert decision.entry.key == RUN.key("r1", 2) != KEPT.key


@pytest.mark.parametrize("asked", [False, True])
def test_what_has_succeeded_is_never_sent_again(asked: bool) -> None:
    assert isinstance(decided(kept(state="succeeded"), retry_rejected=asked, resend_expired=asked), Skip)
    assert isinstance(decided(kept(state="succeeded"), fingerprint="g", retry_rejected=asked), Refuse)


@pytest.mark.parametrize("state", ["started", "unknown", "succeeded", "rejected"])
def test_a_row_that_is_another_one_now_is_refused(state: str) -> None:
    decision = decided(kept(state=state), fingerprint="g")
    assert isinstance(decision, Refuse)
    assert "is another one now" in decision.reason


def test_a_row_of_which_nothing_came_may_be_mended() -> None:
    decision = decided(kept(state="not_sent"), fingerprint="g")
    assert isinstance(decision, Send)
    assert decision.entry.key != KEPT.key


@pytest.mark.parametrize("state", ["started", "unknown", "succeeded", "rejected", "not_sent"])
def test_two_rows_with_one_id_are_one_too_many(state: str) -> None:
    decision = decided(kept(state=state, seen=2), retry_rejected=True, resend_expired=True)
    assert isinstance(decision, Refuse)
    assert "two rows with this id" in decision.reason


def test_a_queue_may_hand_the_same_row_in_again() -> None:
    assert isinstance(decided(kept(state="succeeded", seen=None), seen=None), Skip)


@given(
    state=st.sampled_from(["started", "unknown", "succeeded", "rejected", "not_sent"]),
    age=st.floats(0, 10 * KEY_LIFETIME),
    fingerprint=st.sampled_from("fg"),
    seen=st.sampled_from([1, 2, None]),
    retry_rejected=st.booleans(),
)
def test_nothing_is_sent_that_could_be_done_twice(
    state: Any, age: float, fingerprint: str, seen: int | None, retry_rejected: bool
) -> None:
    entry = kept(state=state, sent_at=NOW - age)
    decision = decided(entry, fingerprint=fingerprint, seen=seen, retry_rejected=retry_rejected)
    if not isinstance(decision, Send):
        return
    if decision.entry.key == entry.key:
        assert fingerprint == entry.fingerprint
        assert state in {"started", "unknown", "not_sent"}
        assert age <= KEY_LIFETIME or state == "not_sent"
    else:
        assert state in {"rejected", "not_sent"}, "a new key for something that may have been done"


def test_a_success_stays_whatever_another_worker_notes() -> None:
    assert settle(kept(state="unknown"))(kept(state="succeeded")) is None
    assert settle(kept(state="unknown"))(kept(state="started")) == kept(state="unknown")
    assert settle(kept(state="succeeded"))(None) == kept(state="succeeded")


def test_keys_are_the_same_for_ever() -> None:
    """They are in journals and at WooshPay: made otherwise, rows of a run that goes on would be done twice."""
    assert RUN.key("r1", 1) == "bulk_e593881e5c61bb159f6f35d1a7bd3c1bd7369c1f"


@given(st.lists(st.tuples(st.text(), st.text(), st.text(), st.integers(1, 3)), min_size=2, unique=True))
def test_no_two_rows_have_one_key(parts: list[tuple[str, str, str, int]]) -> None:
    keys = {Run(name=name, operation=operation, host="h").key(row, n) for name, operation, row, n in parts}
    assert len(keys) == len(parts)
    assert all(len(key) <= 255 and key.isascii() and key.isprintable() for key in keys)
