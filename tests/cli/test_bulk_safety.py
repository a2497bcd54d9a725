"""What ``wooshpay bulk`` refuses and says, so that no row is paid twice, none is forgotten and no file is lost."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from bulk.world import payment
from cli.test_bulk import BY_LINE, Shell

from wooshpay.api import declarations
from wooshpay.bulk import RowResult, Run
from wooshpay.bulk.money_moving import MOVES_MONEY
from wooshpay.cli import bulk_results
from wooshpay.cli.spreadsheets import guarded, unguarded
from wooshpay.sandbox import Sandbox

BY_NUMBER = ("--id", "number")


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    with Sandbox() as sandbox:
        yield Shell(sandbox, tmp_path)


def refunds(shell: Shell, count: int, *, amount: int = 1, name: str = "refunds.csv") -> str:
    """A file with an ID in each row."""
    paid = next((payment["id"] for payment in shell.sandbox.store.all("payment_intent")), None) or payment(
        shell.sandbox
    )
    lines = [f"R-{number},{paid},{amount}" for number in range(count)]
    return shell.file("\n".join(["number,payment_intent,amount", *lines, ""]), name)


def count(shell: Shell) -> int:
    return shell.sandbox.store.count("refund")


# ---- a run that has finished, and files that look like it -----------------------------------------------------


def test_next_months_file_is_not_taken_for_this_months(shell: Shell) -> None:
    """The same employees get the same amounts: counted as done, nobody would be paid."""
    file = refunds(shell, 2)
    assert shell.run("refunds.create", *BY_NUMBER, file, "--name", "may").returncode == 0
    again = shell.run("refunds.create", *BY_NUMBER, file, "--name", "may")
    assert again.returncode == 1
    assert "The run 'may' (refunds.create) finished at" in again.stderr
    assert "nothing was sent now" in again.stderr
    assert count(shell) == 2
    june = shell.run("refunds.create", *BY_NUMBER, file, "--name", "june")
    assert june.returncode == 0
    assert "Row by row in refunds.csv.results.2.csv" in june.stderr
    assert count(shell) == 4


def test_a_script_may_repeat_a_run_on_purpose(shell: Shell) -> None:
    file = refunds(shell, 2)
    shell.run("refunds.create", *BY_NUMBER, file)
    again = shell.run("refunds.create", *BY_NUMBER, file, "--finished-ok")
    assert again.returncode == 0
    assert "finished at" not in again.stderr
    assert count(shell) == 2


def test_rows_added_to_a_finished_run_are_sent(shell: Shell) -> None:
    shell.run("refunds.create", *BY_NUMBER, refunds(shell, 2))
    more = shell.run("refunds.create", *BY_NUMBER, refunds(shell, 3))
    assert more.returncode == 1
    assert "1 of the 3 rows were sent now, and nothing was sent for the other 2." in more.stderr
    assert count(shell) == 3
    assert shell.run("refunds.create", *BY_NUMBER, refunds(shell, 4), "--finished-ok").returncode == 0


def test_a_file_of_the_same_name_in_another_folder_is_another_run(shell: Shell) -> None:
    """It got the responses of the first file: '2 succeeded', and nothing was sent."""
    file = refunds(shell, 2)
    shell.run("refunds.create", *BY_NUMBER, file)
    other = shell.folder / "other"
    other.mkdir()
    shutil.copy(shell.folder / file, other / file)
    assert shell.run("refunds.create", *BY_NUMBER, f"other/{file}").returncode == 0
    assert count(shell) == 4


def test_what_another_journal_sent_under_the_same_name_is_told_apart(shell: Shell) -> None:
    file = refunds(shell, 2)
    shell.run("refunds.create", *BY_NUMBER, file, "--name", "may")
    for place in shell.folder.glob("*.journal*"):
        place.unlink()
    again = shell.run("refunds.create", *BY_NUMBER, file, "--name", "may", "--overwrite")
    assert again.returncode == 1
    assert "0 succeeded" in again.stderr
    assert "2 already done under this key: nothing was sent for them by this journal" in again.stderr
    assert {row["state"] for row in shell.results()} == {"replayed"}
    assert count(shell) == 2


def test_the_journal_of_another_account_is_refused_and_its_results_stay(shell: Shell) -> None:
    """With another key it said '20 succeeded (earlier)' and made no call."""
    file = refunds(shell, 2)
    shell.run("refunds.create", *BY_NUMBER, file)
    before = (shell.folder / "refunds.csv.results.csv").read_bytes()
    other = shell.run("refunds.create", *BY_NUMBER, file, key="sk_test_another")
    assert other.returncode == 2
    assert "made with another API key. Nothing was sent." in other.stderr
    assert "succeeded" not in other.stderr
    assert (shell.folder / "refunds.csv.results.csv").read_bytes() == before
    rotated = shell.run("refunds.create", *BY_NUMBER, file, "--rotated-key", "--finished-ok", key="sk_test_another")
    assert (rotated.returncode, "2 succeeded (2 of them earlier)" in rotated.stderr) == (0, True)


# ---- which row is which ---------------------------------------------------------------------------------------


def test_operations_that_move_money_need_to_know_which_row_is_which(shell: Shell) -> None:
    """If rows were identified by line, those after a deleted row would be mistaken for it."""
    file = refunds(shell, 2)
    run = shell.run("refunds.create", file, "--ignore", "number")
    assert run.returncode == 2
    assert "refunds.create moves money, so each row needs an ID that never changes" in run.stderr
    assert count(shell) == 0
    assert shell.run("refunds.create", file, "--ignore", "number", *BY_LINE).returncode == 0


def test_other_operations_take_the_number_of_the_row(shell: Shell) -> None:
    assert shell.run("customers.create", shell.file("email\nada@example.com\n", "customers.csv")).returncode == 0


OTHERS = {
    *("beneficiaries.create", "beneficiaries.update", "checkout.sessions.create", "checkout.sessions.expire"),
    *("coupons.create", "customers.create", "customers.update", "disputes.update", "files.create"),
    *("fx_quotes.create", "invoices.send", "issuing.cardholders.create", "issuing.cardholders.update"),
    *("issuing.cards.create", "issuing.cards.update", "issuing.transactions.update", "payment_links.create"),
    *("payment_links.update", "payment_methods.attach", "payment_methods.create", "payment_methods.detach"),
    *("payment_methods.update", "payouts.update", "prices.create", "prices.update", "products.create"),
    *("products.update", "promotion_codes.create", "promotion_codes.update", "setup_intents.cancel"),
    *("setup_intents.confirm", "setup_intents.create", "setup_intents.update", "webhook_endpoints.create"),
    "webhook_endpoints.update",
}


def test_every_operation_is_known_to_move_money_or_not() -> None:
    """Rows of an operation that is missing here would be identified by their line."""
    posts = {declaration.name for declaration in declarations() if declaration.method == "POST"}
    assert posts == MOVES_MONEY | OTHERS
    assert not MOVES_MONEY & OTHERS


def test_deleting_finished_rows_does_not_hide_the_next_ones(shell: Shell) -> None:
    file = refunds(shell, 4)
    lines = (shell.folder / file).read_text().splitlines()
    (shell.folder / file).write_text("\n".join(lines[:3]) + "\n")
    shell.run("refunds.create", *BY_NUMBER, file)
    (shell.folder / file).write_text("\n".join([lines[0], *lines[3:]]) + "\n")
    assert shell.run("refunds.create", *BY_NUMBER, file).returncode == 0
    assert count(shell) == 4


def test_by_line_a_row_that_took_the_place_of_another_is_refused(shell: Shell) -> None:
    """The rows differ in nothing but the card, which no plain digest may cover."""
    row = "1999,USD,true,card,{},12,2034,123\n".format
    columns = "number,exp_month,exp_year,cvc"
    head = f"amount,currency,confirm,payment_method_data.type,{columns}\n".replace(
        columns, ",".join(f"payment_method_data.card.{name}" for name in columns.split(","))
    )
    one, two = "4111111111111111", "5555555555554444"
    file = shell.file(head + row(one) + row(two), "payments.csv")
    assert shell.run("payment_intents.create", *BY_LINE, file).returncode == 0
    shell.file(head + row(two), "payments.csv")
    run = shell.run("payment_intents.create", *BY_LINE, file)
    assert run.returncode == 1
    (result,) = shell.results("payments.csv.results.2.csv")
    assert result["state"] == "refused"
    assert "the row has changed since" in result["error"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("r.csv", "number,payment_intent,amount\nR-1,{},1\nR-1 ,{},1\n", "rows 1 and 2 have the same ID, 'R-1'"),
        ("r.csv", "number,payment_intent,amount\n ,{},1\n", "line 2: The ID of a row must be a text"),
        (
            "r.jsonl",
            '{{"number": 1, "payment_intent": "{}", "amount": 1, "amount": 9}}\n',
            "has the key 'amount' twice",
        ),
        (
            "r.jsonl",
            '{{"number": 1, "payment_intent": "{}", "metadata": {{"a": "1", "a": "2"}}}}\n',
            "has the key 'a' twice",
        ),
        ("r.csv", 'number,payment_intent,metadata\nR-1,{},"{{""a"": ""1"", ""a"": ""2""}}"\n', "has the key 'a' twice"),
    ],
    ids=["same_id", "no_id", "json", "json_inside", "json_in_csv"],
)
def test_a_file_in_which_rows_cannot_be_told_apart_sends_nothing(shell: Shell, name: str, text: str, said: str) -> None:
    """Of two rows with one ID, or two amounts in one row, one would silently win."""
    paid = payment(shell.sandbox)
    run = shell.run("refunds.create", *BY_NUMBER, shell.file(text.replace("{}", paid).format(), name))
    assert run.returncode == 2
    assert said in run.stderr
    assert count(shell) == 0


def test_a_column_named_line_is_not_the_number_of_the_row(shell: Shell) -> None:
    run = shell.run("refunds.create", *BY_LINE, shell.file("line,payment_intent\n1,pi_1\n"))
    assert run.returncode == 2
    assert "has a column named 'line', but `line` stands for the number of a row" in run.stderr


def test_an_id_in_the_path_must_be_text_or_a_number(shell: Shell) -> None:
    """``null`` became the ID ``None``."""
    run = shell.run("payment_intents.capture", *BY_LINE, shell.file('{"id": null}\n', "r.jsonl"))
    assert run.returncode == 2
    assert "has no text or number at id" in run.stderr


# ---- files ----------------------------------------------------------------------------------------------------


def by_name(shell: Shell, file: str) -> str:
    return file


def by_spelling(shell: Shell, file: str) -> str:
    return f"./../{shell.folder.name}/{file}"


def by_symbolic_link(shell: Shell, file: str) -> str:
    (shell.folder / "link.csv").symlink_to(file)
    return "link.csv"


def by_hard_link(shell: Shell, file: str) -> str:
    os.link(shell.folder / file, shell.folder / "hard.csv")
    return "hard.csv"


@pytest.mark.parametrize("spelled", [by_name, by_spelling, by_symbolic_link, by_hard_link])
@pytest.mark.parametrize("option", ["--results", "--journal"])
def test_the_input_is_never_written_over(shell: Shell, spelled: Callable[[Shell, str], str], option: str) -> None:
    """The list of whom to pay would be gone."""
    file = refunds(shell, 2)
    before = (shell.folder / file).read_bytes()
    run = shell.run("refunds.create", *BY_NUMBER, file, option, spelled(shell, file), "--overwrite")
    assert run.returncode == 2
    assert "is the file of the rows" in run.stderr
    assert (shell.folder / file).read_bytes() == before
    assert count(shell) == 0


def test_the_journal_is_never_written_over(shell: Shell) -> None:
    file = refunds(shell, 2)
    shell.run("refunds.create", *BY_NUMBER, file)
    run = shell.run("refunds.create", *BY_NUMBER, file, "--results", "refunds.csv.journal", "--overwrite")
    assert run.returncode == 2
    assert "is the journal" in run.stderr
    assert shell.run("refunds.create", *BY_NUMBER, file, "--finished-ok").returncode == 0


@pytest.mark.parametrize("text", ["my notes\n", "row,state\nR-1,succeeded\n"], ids=["notes", "table"])
def test_a_file_that_is_there_is_not_overwritten_unasked(shell: Shell, text: str) -> None:
    file = refunds(shell, 2)
    shell.file(text, "out.csv")
    run = shell.run("refunds.create", *BY_NUMBER, file, "--results", "out.csv")
    assert run.returncode == 2
    assert "--results out.csv exists, and this run did not write it" in run.stderr
    assert (shell.folder / "out.csv").read_text() == text
    assert count(shell) == 0
    assert shell.run("refunds.create", *BY_NUMBER, file, "--results", "out.csv", "--overwrite").returncode == 0
    assert len(shell.results("out.csv")) == 2


@pytest.mark.parametrize("results", ["out.csv", "out.jsonl"])
def test_a_run_writes_its_own_results_again(shell: Shell, results: str) -> None:
    """A run that is resumed must not stop over what it wrote itself, wherever the files have been moved."""
    file = refunds(shell, 2)
    assert shell.run("refunds.create", *BY_NUMBER, file, "--results", results).returncode == 0
    moved = shell.folder / "moved"
    moved.mkdir()
    for place in list(shell.folder.iterdir()):
        if place.is_file():
            place.rename(moved / place.name)
    shell.folder = moved
    refunds(shell, 3)
    assert shell.run("refunds.create", *BY_NUMBER, file, "--results", results, "--finished-ok").returncode == 0
    assert len((moved / results).read_text().splitlines()) == (4 if results.endswith("csv") else 3)


def test_results_of_another_run_are_not_a_runs_own(shell: Shell) -> None:
    """June's results would take the place of May's."""
    file = refunds(shell, 2)
    shell.run("refunds.create", *BY_NUMBER, file, "--name", "may")
    may = shell.results()
    for _ in range(2):
        shell.run("refunds.create", *BY_NUMBER, file, "--name", "june")
    assert shell.results() == may
    assert {row["object_id"] for row in shell.results("refunds.csv.results.2.csv")}.isdisjoint(
        row["object_id"] for row in may
    )
    assert not (shell.folder / "refunds.csv.results.3.csv").exists()


def test_results_of_rows_that_were_removed_from_the_file_are_kept(shell: Shell) -> None:
    """Nothing else but the journal tells which refund was whose."""
    shell.run("refunds.create", *BY_NUMBER, refunds(shell, 3))
    before = shell.results()
    file = refunds(shell, 2)
    shell.run("refunds.create", *BY_NUMBER, file)
    assert shell.results() == before
    assert len(shell.results("refunds.csv.results.2.csv")) == 2
    run = shell.run("refunds.create", *BY_NUMBER, file, "--results", "refunds.csv.results.csv")
    assert run.returncode == 2
    assert "rows in it are no longer in refunds.csv" in run.stderr


def test_results_of_a_killed_run_may_end_in_half_a_line(shell: Shell) -> None:
    file = refunds(shell, 3)
    shell.run("refunds.create", *BY_NUMBER, file)
    whole = (shell.folder / "refunds.csv.results.csv").read_bytes()
    (shell.folder / "refunds.csv.results.csv").write_bytes(whole[: whole.rindex(b"R-") + 1])
    assert shell.run("refunds.create", *BY_NUMBER, file, "--finished-ok").returncode == 0
    assert len(shell.results()) == 3
    assert not (shell.folder / "refunds.csv.results.2.csv").exists()


def test_nothing_is_written_through_a_symbolic_link(shell: Shell) -> None:
    file = refunds(shell, 2)
    shell.file("private", "target")
    (shell.folder / "refunds.csv.results.csv").symlink_to("target")
    run = shell.run("refunds.create", *BY_NUMBER, file, "--overwrite")
    assert run.returncode == 2
    assert "is a symbolic link" in run.stderr
    assert (shell.folder / "target").read_text() == "private"
    assert count(shell) == 0


def test_new_files_are_for_the_eyes_of_their_owner(shell: Shell) -> None:
    file = refunds(shell, 2)
    shell.run("refunds.create", *BY_NUMBER, file)
    for name in ("refunds.csv.journal", "refunds.csv.results.csv"):
        assert stat.S_IMODE((shell.folder / name).stat().st_mode) == 0o600, name


def test_results_that_cannot_be_written_are_told_in_a_sentence(shell: Shell) -> None:
    if not Path("/dev/full").is_char_device():
        pytest.skip("only Linux has a disk that is always full")
    file = refunds(shell, 2)
    run = shell.run("refunds.create", *BY_NUMBER, file, "--results", "/dev/full")
    assert run.returncode == 1
    assert "The results cannot be written to /dev/full: No space left on device." in run.stderr
    assert "Traceback" not in run.stderr
    assert shell.run("refunds.create", *BY_NUMBER, file, "--finished-ok").returncode == 0
    assert count(shell) == 2


def test_a_full_disk_is_told_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(bulk_results, "open_new_private", full)
    results = bulk_results.Results(tmp_path / "out.csv", replace=False)
    with pytest.raises(
        click.ClickException, match=r"cannot be written to .*out.csv: No space left on device. The journal holds"
    ):
        results.write(RowResult(row="R-1", state="succeeded"))
    results.close()


@pytest.mark.parametrize("text", ["", "\n\n", "a\n1\n", "\n1\n", "one line"])
def test_files_that_are_no_results_are_recognized(tmp_path: Path, text: str) -> None:
    (tmp_path / "out.csv").write_text(text)
    run = Run(name=None, operation="refunds.create", host="")
    assert bulk_results.may_replace(tmp_path / "out.csv", {"1"}, tmp_path / "journal", run) is (not text.strip())


FORMULAS = [
    *("=1+1", "+cmd", "-cmd", "@SUM(A1)", "\t=1", "\r=1", "\n=1"),
    *("\uff1d1+1", "\uff0bcmd", "\uff0dcmd", "\uff20SUM"),
]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_spreadsheet_runs_no_formula_in_results(text: str) -> None:
    assert guarded(text) == f"'{text}"
    assert unguarded(guarded(text)) == text


@pytest.mark.parametrize("text", ["R-1", "+49 30 1234", "-5", "", "'quoted'", "a=b", "a\n=b"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert guarded(text) == text
    assert unguarded(text) == text


def test_ids_in_results_are_guarded_and_known_again(shell: Shell) -> None:
    paid = payment(shell.sandbox)
    file = shell.file("".join(["number,payment_intent,amount\n", f"=cmd|1,{paid},1\n", f"\uff1dcmd|2,{paid},1\n"]))
    assert shell.run("refunds.create", *BY_NUMBER, file).returncode == 0
    assert {row["row"] for row in shell.results()} == {"'=cmd|1", "'\uff1dcmd|2"}
    assert shell.run("refunds.create", *BY_NUMBER, file, "--finished-ok").returncode == 0
    # JSON Lines are for programs, which get the ID as it is.
    lines = shell.run("refunds.create", *BY_NUMBER, file, "--finished-ok", "--results", "-").stdout.splitlines()
    assert {json.loads(line)["row"] for line in lines} == {"=cmd|1", "\uff1dcmd|2"}


# ---- files that were renamed ----------------------------------------------------------------------------------


def interrupted(shell: Shell, file: str) -> None:
    """Run a file so that some of its rows are left."""
    shell.sandbox.faults.add("server_error", operation="refunds.create", times=None, probability=0.5, seed=7)
    run = shell.run("refunds.create", *BY_NUMBER, file, "--concurrency", "1", "--max-retries", "0")
    assert run.returncode == 1
    shell.sandbox.faults.clear()


def test_a_file_that_was_renamed_is_not_sent_again(shell: Shell) -> None:
    """Its journal kept the old name: with a new one, everything that is done would be done again."""
    file = refunds(shell, 4)
    interrupted(shell, file)
    done = count(shell)
    assert 0 < done < 4
    (shell.folder / file).rename(shell.folder / "renamed.csv")
    run = shell.run("refunds.create", *BY_NUMBER, "renamed.csv")
    assert (run.returncode, count(shell)) == (2, done)
    assert "Row 'R-0' of renamed.csv was already sent by the unfinished run in refunds.csv.journal." in run.stderr
    assert "If the file was renamed, add --journal refunds.csv.journal to resume that run." in run.stderr
    resumed = shell.run("refunds.create", *BY_NUMBER, "renamed.csv", "--journal", "refunds.csv.journal")
    assert (resumed.returncode, count(shell)) == (0, 4)


def test_a_file_with_rows_of_its_own_is_a_new_run(shell: Shell) -> None:
    """Neither a run that has finished, nor one of other rows, is in the way of it."""
    interrupted(shell, refunds(shell, 4))
    other = shell.run("refunds.create", *BY_NUMBER, refunds(shell, 4, amount=2, name="other.csv"))
    assert other.returncode == 0
    (shell.folder / "notes.journal").write_text("This file is not a journal, and it must stay as it is.")
    again = shell.run("refunds.create", *BY_NUMBER, refunds(shell, 4, amount=2, name="june.csv"))
    assert again.returncode == 0
    assert (shell.folder / "notes.journal").read_text() == "This file is not a journal, and it must stay as it is."
