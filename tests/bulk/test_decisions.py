"""What is done with a row, in view of what the journal knows of it: facts in, a decision out."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wooshpay.bulk.decisions import CLOCK_TOLERANCE, Decision, Refuse, Send, Skip, decide, open_run, settle
from wooshpay.bulk.journal import KEY_LIFETIME, Entry, Policy, Run, RunEntry
from wooshpay.core.redaction import Secret

RUN = Run(name="recall", operation="refunds.create", host="https://apitest.wooshpay.com")
OWN = attrs.evolve(RUN, name=None)
NOW = 1_800_000_000.0
# The digest without secret fields, the account, and the digest of all fields.
SAME = "f:account:w"
CHANGED = "g:account:x"
KEPT = Entry(fingerprint=SAME, generation=1, key=RUN.key("r1", 1, "i"), state="started", sent_at=NOW - 60, seen=1)


def decided(
    entry: Entry | None, *, fingerprint: str = SAME, seen: int | None = 2, latest: float = NOW, **policy: bool
) -> Decision:
    return decide(
        entry,
        run=RUN,
        identity="i",
        row_id="r1",
        fingerprint=fingerprint,
        seen=seen,
        now=NOW,
        latest=latest,
        policy=Policy(**policy),
    )


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


@pytest.mark.parametrize("state", ["succeeded", "rejected", "replayed"])
@pytest.mark.parametrize("age", [60, 100 * KEY_LIFETIME])
def test_what_has_an_answer_is_not_sent(state: str, age: float) -> None:
    assert decided(kept(state=state, sent_at=NOW - age)) == Skip(kept(state=state, sent_at=NOW - age, seen=2))


def test_what_was_refused_is_sent_with_a_new_key_when_asked_for() -> None:
    """Under the old key WooshPay would give the old refusal again."""
    decision = decided(kept(state="rejected"), fingerprint=CHANGED, retry_rejected=True)
    assert isinstance(decision, Send)
    assert (decision.entry.generation, decision.entry.fingerprint) == (2, CHANGED)
    assert decision.entry.key == RUN.key("r1", 2, "i") != KEPT.key


@pytest.mark.parametrize("asked", [False, True])
def test_what_has_succeeded_is_never_sent_again(asked: bool) -> None:
    assert isinstance(decided(kept(state="succeeded"), retry_rejected=asked, resend_expired=asked), Skip)
    assert isinstance(decided(kept(state="succeeded"), fingerprint=CHANGED, retry_rejected=asked), Refuse)


@pytest.mark.parametrize("state", ["started", "unknown", "succeeded", "rejected", "replayed"])
def test_a_row_that_is_another_one_now_is_refused(state: str) -> None:
    decision = decided(kept(state=state), fingerprint=CHANGED)
    assert isinstance(decision, Refuse)
    assert "the row has changed since" in decision.reason


def test_a_row_of_which_nothing_came_may_be_mended() -> None:
    decision = decided(kept(state="not_sent"), fingerprint=CHANGED)
    assert isinstance(decision, Send)
    assert decision.entry.key != KEPT.key


@pytest.mark.parametrize("state", ["started", "unknown", "succeeded", "rejected", "not_sent"])
def test_two_rows_with_one_id_are_one_too_many(state: str) -> None:
    decision = decided(kept(state=state, seen=2), retry_rejected=True, resend_expired=True)
    assert isinstance(decision, Refuse)
    assert "two rows with this ID" in decision.reason


def test_a_queue_may_hand_the_same_row_in_again() -> None:
    assert isinstance(decided(kept(state="succeeded", seen=None), seen=None), Skip)


@given(
    state=st.sampled_from(["started", "unknown", "succeeded", "rejected", "not_sent"]),
    age=st.floats(0, 10 * KEY_LIFETIME),
    fingerprint=st.sampled_from([SAME, CHANGED]),
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


def test_a_key_of_unknown_age_is_never_sent_unasked_when_the_clock_went_back() -> None:
    """It was sent at some time, the journal was used a day later, and now the clock says it was a minute ago."""
    refused = decided(kept(state="unknown"), latest=NOW + CLOCK_TOLERANCE + 1)
    assert isinstance(refused, Refuse)
    assert "The clock of this machine says" in refused.reason
    assert isinstance(decided(kept(state="unknown"), latest=NOW + CLOCK_TOLERANCE), Send), "clocks differ by a little"
    # The journal need not have noted the time: that of the row itself is enough.
    assert isinstance(decided(kept(state="started", sent_at=NOW + CLOCK_TOLERANCE + 1)), Refuse)
    assert isinstance(decided(kept(state="unknown"), latest=NOW + KEY_LIFETIME, resend_expired=True), Send)
    # What is done, or was never sent, needs no clock.
    assert isinstance(decided(kept(state="succeeded"), latest=NOW + KEY_LIFETIME), Skip)
    assert isinstance(decided(kept(state="not_sent"), latest=NOW + KEY_LIFETIME), Send)
    assert isinstance(decided(None, latest=NOW + KEY_LIFETIME), Send)


def test_sending_a_key_again_does_not_prolong_its_life() -> None:
    """Otherwise the key would be sent forever, long after WooshPay has forgotten it."""
    decision = decided(kept(state="unknown"), resend_expired=True)
    assert isinstance(decision, Send)
    assert decision.entry.sent_at == NOW - 60


@pytest.mark.parametrize(
    ("kept_fingerprint", "now_fingerprint", "same"),
    [
        ("f:a:w", "f:a:w", True),
        ("f:a:w", "f:a:x", False),
        ("f:a:w", "g:a:w", False),
        ("f:a:w", "f:b:x", True),
        ("f:a:w", "g:b:x", False),
    ],
    ids=["same", "secret_changed", "visible_changed", "key_rotated", "key_rotated_and_changed"],
)
def test_rows_are_compared_by_every_field_that_can_be_compared(
    kept_fingerprint: str, now_fingerprint: str, same: bool
) -> None:
    """The digest of secret fields is made with the API key, and cannot be made again after its rotation."""
    decision = decided(kept(state="succeeded", fingerprint=kept_fingerprint), fingerprint=now_fingerprint)
    assert isinstance(decision, Skip if same else Refuse)


def test_a_response_that_another_worker_asked_for_is_the_runs_own() -> None:
    """A queue delivers a row to two workers at once: for one of them WooshPay repeats what the other one sent."""
    replayed = kept(state="replayed", error="already done")
    settled = settle(replayed)(kept(tries=2))
    assert settled is not None
    assert (settled.state, settled.error) == ("succeeded", None)
    assert settle(replayed)(kept(tries=1)) == replayed


# ---- runs -----------------------------------------------------------------------------------------------------

KEY = Secret("sk_test_one")


def opened(entry: RunEntry | None, key: Secret = KEY, *, mode: Any = "test", host: str = "h", **settings: Any) -> Any:
    settings = {"rotated_key": False, "now": NOW, "token": lambda: "random", **settings}
    return open_run(entry, api_key=key, mode=mode, host=host, **settings)


def test_a_run_is_bound_to_account_mode_and_host() -> None:
    """Otherwise its rows would count as done in another account, where nobody was paid."""
    begun = opened(None)
    assert isinstance(begun, RunEntry)
    assert opened(begun) == begun
    for other, said in [
        (opened(begun, Secret("sk_test_two")), "made with another API key"),
        (opened(begun, Secret("sk_live_one"), mode="live", rotated_key=True), "holds a run in test mode"),
        (opened(begun, host="other", rotated_key=True), "holds a run for h, and the calls would go to other"),
    ]:
        assert isinstance(other, Refuse)
        assert said in other.reason
        assert "Nothing was sent" in other.reason


def test_a_rotated_key_is_accepted_when_the_user_says_so() -> None:
    rotated = opened(opened(None), Secret("sk_test_two"), rotated_key=True)
    assert isinstance(rotated, RunEntry)
    assert opened(rotated, Secret("sk_test_two")) == rotated
    assert opened(rotated, KEY) == rotated, "workers that still have the old key go on"
    assert isinstance(opened(rotated, Secret("sk_test_three")), Refuse)


def test_a_run_that_no_key_was_accepted_for_belongs_to_nobody() -> None:
    """A mistyped key would own it forever."""
    begun = attrs.evolve(opened(None), accounts=())
    taken = opened(begun, Secret("sk_live_two"), mode="live", host="other")
    assert isinstance(taken, RunEntry)
    assert (taken.identity, taken.secret, taken.mode, taken.host) == (begun.identity, begun.secret, "live", "other")
    assert isinstance(opened(taken, mode="live", host="other"), Refuse)


def test_a_run_shows_neither_the_api_key_nor_its_secret() -> None:
    begun = opened(None, token=lambda: "never-shown")
    assert "sk_test_one" not in str(attrs.asdict(begun))
    assert "never-shown" not in repr(attrs.evolve(begun, identity="i"))


def test_keys_are_the_same_for_ever() -> None:
    """Journals and WooshPay hold these keys. With other keys, rows of a resumed run would be done twice."""
    assert RUN.key("r1", 1, "i") == "bulk_e593881e5c61bb159f6f35d1a7bd3c1bd7369c1f"
    assert OWN.key("r1", 1, "i") == "bulk_da3811f41f8a922a38fe9c3c014864fa93a22d60"


@given(st.lists(st.tuples(st.text(), st.text(), st.text(), st.integers(1, 3)), min_size=2, unique=True))
def test_no_two_rows_have_one_key(parts: list[tuple[str, str, str, int]]) -> None:
    runs = [(Run(name=name, operation=operation, host="h"), row, n) for name, operation, row, n in parts]
    # A run without a name has the identity that another run has as its name: not even then they share a key.
    runs += [(Run(name=None, operation=operation, host="h"), row, n) for _, operation, row, n in parts[:1]]
    keys = {run.key(row, n, parts[0][0]) for run, row, n in runs}
    assert len(keys) == len(runs)
    assert all(len(key) <= 255 and key.isascii() and key.isprintable() for key in keys)
