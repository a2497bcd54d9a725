"""The same run again, the same rows elsewhere, the same journal with another key: nothing passes for work done now."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import pytest
from bulk.world import MemoryJournal, payment, refunded, rows
from support.effects import FakeClock, ScriptedClient, Step, answer

from wooshpay import AsyncWooshPay, ConfigurationError, ProtocolError, RetryEvent, WooshPay, bulk
from wooshpay.bulk import Report, Row, RowResult
from wooshpay.bulk.decisions import CLOCK_TOLERANCE
from wooshpay.bulk.journal import KEY_LIFETIME
from wooshpay.sandbox import Sandbox, SyncSandbox

Runs: TypeAlias = Callable[..., Report]
ROW = Row("r1", {"payment_intent": "pi_1", "amount": 5})
LOST = ProtocolError("cut off")
REPLAYED = {"Idempotent-Replayed": "true"}


@pytest.fixture(params=["sync", "async"])
def run(request: pytest.FixtureRequest, sandbox: SyncSandbox, tmp_path: Path) -> Runs:
    """A run of refunds on a client of either world, without a name."""

    def start(source: Any, **settings: Any) -> Report:
        settings = {"journal": tmp_path / "journal.db", **settings}
        key = settings.pop("api_key", sandbox.api_key)
        if request.param == "sync":
            with WooshPay(key, base_url=sandbox.base_url) as client:
                return bulk.run(client, "refunds.create", source, **settings)

        async def awaited() -> Report:
            async with AsyncWooshPay(key, base_url=sandbox.base_url) as client:
                return await bulk.run(client, "refunds.create", source, **settings)

        return asyncio.run(awaited())

    return start


def calls(sandbox: SyncSandbox) -> int:
    return len(sandbox.requests.of("refunds.create"))


# ---- a run that has finished ----------------------------------------------------------------------------------


def test_a_finished_run_says_that_it_did_nothing(
    run: Runs, sandbox: SyncSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """Next month's payroll has the same rows. Counted as succeeded, nobody would be paid and nobody would know."""
    paid = payment(sandbox)
    first = run(rows(paid, 3), name="payroll")
    assert (first.complete, first.finished_before) == (True, None)
    sent = calls(sandbox)
    again = run(rows(paid, 3), name="payroll")
    assert calls(sandbox) == sent
    assert (again.complete, again.repeated, again.succeeded, again.earlier) == (False, True, 3, 3)
    assert again.finished_before is not None
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert warning.name == "wooshpay.bulk"
    assert "The run 'payroll' (refunds.create) finished at 20" in warning.getMessage()
    assert "nothing was sent now. To do the rows again as a new run, pass a new name=" in warning.getMessage()


def test_a_program_may_repeat_a_finished_run_on_purpose(
    run: Runs, sandbox: SyncSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    paid = payment(sandbox)
    run(rows(paid, 3))
    again = run(rows(paid, 3), finished_ok=True)
    assert (again.complete, again.earlier, again.finished_before) == (True, 3, None)
    assert caplog.records == []


def test_rows_that_were_added_to_a_finished_run_are_sent_and_the_others_are_told(
    run: Runs, sandbox: SyncSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """Next month's payroll has one employee more: paying that one must not hide that the others are not paid."""
    paid = payment(sandbox)
    run(rows(paid, 3))
    more = run(rows(paid, 5))
    assert (more.succeeded, more.earlier, more.complete) == (5, 3, False)
    assert refunded(sandbox) == list("01234")
    assert "2 of the 5 rows were sent now, and nothing was sent for the other 3." in caplog.text
    assert run(rows(paid, 6), finished_ok=True).complete


def test_new_rows_alone_need_no_word(run: Runs, sandbox: SyncSandbox, caplog: pytest.LogCaptureFixture) -> None:
    """A journal may be kept for years where every row has an ID of its own."""
    paid = payment(sandbox)
    run(list(rows(paid, 6))[:3])
    assert run(list(rows(paid, 6))[3:]).complete
    assert caplog.records == []


def test_a_run_that_was_interrupted_is_resumed_without_a_word(
    run: Runs, sandbox: SyncSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    paid = payment(sandbox)
    sandbox.faults.add("server_error", operation="refunds.create", times=None)
    assert run(rows(paid, 3), max_errors=1, concurrency=1).stopped is not None
    sandbox.faults.clear()
    resumed = run(rows(paid, 3))
    assert (resumed.complete, resumed.succeeded, resumed.finished_before) == (True, 3, None)
    assert caplog.records == []


@pytest.mark.parametrize("state", ["not_sent", "unknown", "refused"])
async def test_a_run_with_rows_left_has_not_finished(state: str) -> None:
    """Otherwise it would count as finished when it is started again for these rows."""
    steps: dict[str, Step] = {"not_sent": answer(429, {"error": {}}), "unknown": LOST, "refused": answer()}
    row = Row("r1", {}) if state == "refused" else ROW
    journal = MemoryJournal()
    first = await bulk.run(ScriptedClient(steps[state], max_retries=0), "refunds.create", [row], journal=journal)
    assert getattr(first, state) == 1
    again = await bulk.run(ScriptedClient(), "refunds.create", [ROW], journal=journal)
    assert (again.complete, again.succeeded) == (True, 1)


async def test_a_finished_run_may_be_repeated_for_what_was_rejected() -> None:
    """The others are passed over; the user says that this is meant, as next month's list would look the same."""
    declined = answer(402, {"error": {"type": "card_error", "message": "declined"}})
    journal, rows_of_two = MemoryJournal(), [ROW, Row("r2", dict(ROW.arguments))]
    await bulk.run(ScriptedClient(declined, answer()), "refunds.create", rows_of_two, journal=journal, concurrency=1)
    for finished_ok in (False, True):
        client = ScriptedClient(declined if not finished_ok else answer())
        report = await bulk.run(
            client, "refunds.create", rows_of_two, journal=journal, retry_rejected=True, finished_ok=finished_ok
        )
        assert (len(client.transport.requests), report.earlier, report.complete) == (1, 1, finished_ok)


# ---- rows that another journal sent ---------------------------------------------------------------------------


def test_two_journals_share_no_key_unless_the_run_has_a_name(run: Runs, sandbox: SyncSandbox, tmp_path: Path) -> None:
    """A file of the same name in another folder would get the responses of the first, and nothing would be sent."""
    paid = payment(sandbox)
    results: list[RowResult] = []
    assert run(rows(paid, 2), on_result=results.append).complete
    assert run(rows(paid, 2), journal=tmp_path / "other.db", on_result=results.append).complete
    assert sandbox.store.count("refund") == 4
    assert len({result.idempotency_key for result in results}) == 4


def test_what_another_journal_sent_is_not_reported_as_sent(run: Runs, sandbox: SyncSandbox, tmp_path: Path) -> None:
    """The journal was lost, but the run has a name: WooshPay repeats its responses, and does nothing."""
    paid = payment(sandbox)
    run(rows(paid, 2), name="recall")
    for earlier in (0, 3):
        results: list[RowResult] = []
        other = run(rows(paid, 3), name="recall", journal=tmp_path / "other.db", on_result=results.append)
        assert (other.replayed, other.succeeded, other.earlier, other.complete) == (2, 1, earlier, False)
        replayed = [result for result in results if result.state == "replayed"]
        assert all("already done under this key" in (result.error or "") for result in replayed)
        assert {result.object_id for result in replayed} <= {refund["id"] for refund in sandbox.store.all("refund")}
    assert refunded(sandbox) == list("012")


def test_what_a_call_asks_for_twice_is_its_own(run: Runs, sandbox: SyncSandbox) -> None:
    """The response was lost on the way, and the retry gets it: the row was sent by nobody else."""
    sandbox.faults.add("drop_after", operation="refunds.create", times=2)
    report = run(rows(payment(sandbox), 2))
    assert (report.succeeded, report.replayed, report.complete) == (2, 0, True)
    assert calls(sandbox) == 4


IN_USE = answer(409, {"error": {"type": "idempotency_error", "code": "idempotency_key_in_use", "message": "in use"}})
TOO_MANY = answer(429, {"error": {"message": "slow down"}})


@pytest.mark.parametrize(
    ("steps", "state"),
    [
        ([IN_USE], "replayed"),
        ([TOO_MANY, IN_USE], "replayed"),
        ([IN_USE, LOST], "replayed"),
        ([LOST], "succeeded"),
        ([LOST, IN_USE], "succeeded"),
        ([answer(500), IN_USE], "succeeded"),
        ([TOO_MANY], "replayed"),
    ],
    ids=["in_use", "429_in_use", "in_use_lost", "lost", "lost_in_use", "500_in_use", "429"],
)
async def test_a_key_that_somebody_else_had_in_use_first_is_not_the_runs_own(steps: list[Step], state: str) -> None:
    """Two programs run the same list at once: each would report all rows as its own, and half is paid."""
    client = ScriptedClient(*steps, answer(headers=REPLAYED), max_retries=5)
    report = await bulk.run(client, "refunds.create", [ROW], journal=MemoryJournal(), name="recall")
    assert getattr(report, state) == 1


async def test_the_users_own_hook_for_retries_is_called_all_the_same() -> None:
    events: list[RetryEvent] = []
    client = ScriptedClient(answer(500), answer(), on_retry=events.append)
    await bulk.run(client, "refunds.create", [ROW], journal=MemoryJournal())
    assert [event.status for event in events] == [500]


async def test_what_an_earlier_pass_asked_for_is_the_runs_own() -> None:
    journal = MemoryJournal()
    await bulk.run(ScriptedClient(LOST, max_retries=0), "refunds.create", [ROW], journal=journal)
    report = await bulk.run(ScriptedClient(answer(headers=REPLAYED)), "refunds.create", [ROW], journal=journal)
    assert (report.succeeded, report.replayed) == (1, 0)


async def test_a_row_that_did_not_arrive_is_still_one_that_was_never_sent() -> None:
    journal = MemoryJournal()
    refusal = answer(429, {"error": {"message": "slow down"}})
    await bulk.run(ScriptedClient(refusal, max_retries=0), "refunds.create", [ROW], journal=journal)
    report = await bulk.run(ScriptedClient(answer(headers=REPLAYED)), "refunds.create", [ROW], journal=journal)
    assert (report.succeeded, report.replayed) == (0, 1)


async def test_a_key_that_was_used_otherwise_does_not_clear_up_a_doubt() -> None:
    """If it were recorded as rejected, the row could be sent with a new key, although the old key may have done it."""
    reused = answer(409, {"error": {"type": "idempotency_error", "message": "other parameters"}})
    journal = MemoryJournal()
    await bulk.run(ScriptedClient(LOST, max_retries=0), "refunds.create", [ROW], journal=journal)
    report = await bulk.run(ScriptedClient(reused, max_retries=0), "refunds.create", [ROW], journal=journal)
    assert (report.unknown, report.rejected) == (1, 0)


# ---- another account, another mode, another clock -------------------------------------------------------------


def test_a_journal_with_another_key_sends_and_tells_nothing(run: Runs, sandbox: SyncSandbox) -> None:
    """It said '20 succeeded (earlier)' with the key of an account in which nobody was paid."""
    paid = payment(sandbox)
    run(rows(paid, 2))
    sent = calls(sandbox)
    results: list[RowResult] = []
    with pytest.raises(ConfigurationError, match=r"made with another API key. Nothing was sent.*rotated_key=True"):
        run(rows(paid, 3), api_key="sk_test_another", on_result=results.append)
    assert (calls(sandbox), results) == (sent, [])


def test_a_rotated_key_resumes_a_run(sandbox: SyncSandbox, tmp_path: Path) -> None:
    paid = payment(sandbox)
    journal = MemoryJournal()
    with WooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        bulk.run(client, "refunds.create", rows(paid, 2), journal=journal)
    # What the journal holds of a run that was begun with a key which has been rotated since.
    (id, entry), *_ = journal.runs.items()
    journal.runs[id] = attrs.evolve(entry, accounts=("another",))
    with WooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        with pytest.raises(ConfigurationError, match="made with another API key"):
            bulk.run(client, "refunds.create", rows(paid, 3), journal=journal)
        report = bulk.run(client, "refunds.create", rows(paid, 3), journal=journal, rotated_key=True, finished_ok=True)
        assert (report.complete, report.earlier) == (True, 2)
        # Once said, it need not be said again.
        assert bulk.run(client, "refunds.create", rows(paid, 3), journal=journal, finished_ok=True).complete
    assert refunded(sandbox) == list("012")


def test_a_journal_for_another_host_is_refused(run: Runs, sandbox: SyncSandbox, tmp_path: Path) -> None:
    run(rows(payment(sandbox), 2))
    with Sandbox() as other, WooshPay(other.api_key, base_url=other.base_url) as client:
        with pytest.raises(ConfigurationError, match="This journal holds a run for"):
            bulk.run(client, "refunds.create", rows("pi_1", 2), journal=tmp_path / "journal.db", rotated_key=True)
        assert calls(other) == 0


async def test_a_test_run_is_not_taken_for_a_live_one() -> None:
    journal = MemoryJournal()
    await bulk.run(ScriptedClient(), "refunds.create", [ROW], journal=journal)
    live = ScriptedClient(api_key="sk_live_x")
    with pytest.raises(ConfigurationError, match="holds a run in test mode, and the API key is for live mode"):
        await bulk.run(live, "refunds.create", [ROW], journal=journal)
    assert live.transport.requests == []


async def test_a_key_that_was_never_accepted_does_not_own_the_journal() -> None:
    journal = MemoryJournal()
    wrong = ScriptedClient(answer(401, {"error": {"message": "who?"}}), api_key="sk_test_typo")
    await bulk.run(wrong, "refunds.create", [ROW], journal=journal)
    assert (await bulk.run(ScriptedClient(), "refunds.create", [ROW], journal=journal)).complete
    # After a call that was accepted, a key that is not accepted any more changes nothing.
    journal = MemoryJournal()
    await bulk.run(ScriptedClient(LOST, max_retries=0), "refunds.create", [ROW], journal=journal)
    await bulk.run(ScriptedClient(answer(401, {"error": {}})), "refunds.create", [ROW], journal=journal)
    with pytest.raises(ConfigurationError, match="made with another API key"):
        await bulk.run(ScriptedClient(api_key="sk_test_other"), "refunds.create", [ROW], journal=journal)


async def test_a_clock_that_went_back_makes_no_expired_key_good() -> None:
    """The journal says that the key is two days old, the clock says five minutes. WooshPay would do the row again."""
    clock, journal = FakeClock(), MemoryJournal()

    async def send(*steps: Step) -> tuple[RowResult, int]:
        client = ScriptedClient(*steps, clock=clock, max_retries=0)
        results: list[RowResult] = []
        await bulk.run(client, "refunds.create", [ROW], journal=journal, on_result=results.append)
        return results[0], len(client.transport.requests)

    await send(LOST)
    clock.advance(2 * KEY_LIFETIME)
    assert (await send())[0].state == "refused"
    clock.advance(300 - 2 * KEY_LIFETIME)
    result, sent = await send()
    assert (result.state, sent) == ("refused", 0)
    assert result.error is not None
    assert "The clock of this machine says" in result.error


async def test_the_latest_time_is_noted_while_a_run_goes_on() -> None:
    """A run takes days, is killed, and the clock is set back: when it was begun must not be all that is known."""
    clock, journal = FakeClock(), MemoryJournal()

    def source() -> Any:
        yield ROW
        clock.advance(CLOCK_TOLERANCE * 2)
        yield Row("r2", dict(ROW.arguments))
        raise LookupError("the program ends here")

    with pytest.raises(LookupError):
        await bulk.run(ScriptedClient(clock=clock), "refunds.create", source(), journal=journal)
    (entry,) = journal.runs.values()
    assert entry.latest == clock.now


def test_whitespace_around_an_id_does_not_make_another_row(run: Runs, sandbox: SyncSandbox) -> None:
    """A spreadsheet adds a space, and the row would be done twice."""
    paid = payment(sandbox)
    run([Row("r1", {"payment_intent": paid, "amount": 1})])
    report = run([Row(" r1\t", {"payment_intent": paid, "amount": 1})], finished_ok=True)
    assert (report.earlier, sandbox.store.count("refund")) == (1, 1)
    assert Row(" r1 ", {}).id == "r1"
