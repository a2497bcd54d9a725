from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Final

import pytest
from support.children import HANGS

from wooshpay.api import SECTIONS
from wooshpay.describe.operations import all_facts

RUN: Final = [sys.executable, "-W", "error", "-c", "from wooshpay.cli import main; main()", "api"]
NAMES: Final = [facts.name for facts in all_facts()]


def api(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR", "COLUMNS"}}
    return subprocess.run(
        [*RUN, *arguments],
        env={**given, "PYTHONUTF8": "1", **environment},
        capture_output=True,
        text=True,
        timeout=HANGS,
    )


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


# ---- piped ----------------------------------------------------------------------------------------------------


def test_piped_there_is_one_line_for_each_operation() -> None:
    run = api()
    assert (run.returncode, run.stderr) == (0, "")
    rows = [line.split("\t") for line in run.stdout.splitlines()]
    assert [row[0] for row in rows] == NAMES
    assert {len(row) for row in rows} == {5}
    assert "\x1b" not in run.stdout


def test_a_line_has_verb_path_signature_and_how_well_it_is_known() -> None:
    lines = dict(line.split("\t", 1) for line in api("refunds", "files.create").stdout.splitlines())
    assert lines["refunds.retrieve"] == "GET\t/v1/refunds/{refund_id}\t(refund_id: str) -> Refund\tdocumented"
    assert lines["files.create"] == (
        "POST\t/v1/files\t(file: FileSource, purpose: FilePurpose, filename?: str) -> File\tinferred"
    )


# ---- which ones -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sections"),
    [
        (["refunds"], ["refunds"]),
        (["payment-intents"], ["payment_intents"]),
        (["checkout"], ["checkout.sessions"]),
        (["checkout", "sessions"], ["checkout.sessions"]),
        (["checkout.sessions"], ["checkout.sessions"]),
        (["refunds", "charges", "refunds"], ["charges", "refunds"]),
        (["issuing"], [section for section in SECTIONS if section.startswith("issuing.")]),
    ],
)
def test_sections_are_chosen_by_their_names(arguments: list[str], sections: list[str]) -> None:
    run = api(*arguments)
    assert run.returncode == 0
    assert list(dict.fromkeys(line.split("\t")[0].rpartition(".")[0] for line in run.stdout.splitlines())) == sections


def test_a_single_operation_is_chosen_by_its_name() -> None:
    assert [line.split("\t")[0] for line in api("refunds.create").stdout.splitlines()] == ["refunds.create"]


@pytest.mark.parametrize(
    ("word", "near"),
    [("refund", "refunds"), ("payment_intent", "payment_intents"), ("refunds.creat", "refunds.create")],
)
def test_an_unknown_name_is_refused_with_near_ones(word: str, near: str) -> None:
    run = api(word)
    assert (run.returncode, run.stdout) == (2, "")
    assert re.search(rf"No section '{re.escape(word)}'\. Did you mean .*\b{re.escape(near)}\b", run.stderr)


def test_a_name_like_no_other_is_refused_with_all_there_are() -> None:
    run = api("zzz")
    assert run.returncode == 2
    assert all(section in run.stderr for section in SECTIONS)


# ---- JSON -----------------------------------------------------------------------------------------------------


def test_json_holds_every_operation_with_its_parameters() -> None:
    run = api("--json")
    operations = {operation["operation"]: operation for operation in json.loads(run.stdout)}
    assert list(operations) == NAMES
    off_session = next(
        each for each in operations["payment_intents.create"]["parameters"] if each["name"] == "off_session"
    )
    assert (off_session["wire"], off_session["in"], off_session["required"]) == ("off-session", "body", False)
    reason = next(each for each in operations["refunds.create"]["parameters"] if each["name"] == "reason")
    assert "fraudulent" in reason["values"]


def test_json_can_be_had_of_one_section() -> None:
    sections = {operation["section"] for operation in json.loads(api("refunds", "--json", FORCE_COLOR="1").stdout)}
    assert sections == {"refunds"}


# ---- in a terminal --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [80, 120])
def test_the_map_fits_the_terminal(width: int) -> None:
    run = api(FORCE_COLOR="1", COLUMNS=str(width))
    assert (run.returncode, run.stderr) == (0, "")
    lines = plain(run.stdout).splitlines()
    assert max(len(line) for line in lines) <= width
    assert [line for line in lines if line != line.rstrip()] == []
    assert [line.strip().partition("(")[0] for line in lines if re.match(r"  \w[\w.]+\(", line)] == NAMES
    assert [line for line in lines if re.fullmatch(r"[a-z_.]*[a-z_]", line)] == list(SECTIONS)
    assert lines[-1] == "What each parameter means: wooshpay api SECTION"


def test_a_call_is_shown_above_its_verb_and_path() -> None:
    text = plain(api(FORCE_COLOR="1", COLUMNS="80").stdout)
    assert ("  refunds.create(payment_intent, amount?, reason?, metadata?) -> Refund\n    POST   /v1/refunds\n") in text
    assert "  balance.retrieve() -> Balance\n    GET    /v1/balance\n" in text
    assert (
        "\n      currency?, default_payment_method?" in text
        or "subscriptions.create(customer, items, currency?" in text
    )


def test_what_was_inferred_is_marked() -> None:
    text = " ".join(plain(api(FORCE_COLOR="1", COLUMNS="80").stdout).split())
    assert text.count("(inferred)") == sum(facts.text.inferred is not None for facts in all_facts())


def test_a_section_is_shown_with_what_its_parameters_mean() -> None:
    text = plain(api("refunds", FORCE_COLOR="1", COLUMNS="80").stdout)
    assert "    payment_intent: str\n      Id of the payment.\n" in text
    assert "    amount?: int\n" in text
    assert "Values: duplicate, fraudulent," in text
    assert max(len(line) for line in text.splitlines()) <= 80


def test_a_note_on_what_was_inferred_is_shown_with_its_operation() -> None:
    assert "    Inferred: the path, the names of the form's fields" in plain(api("files", FORCE_COLOR="1").stdout)


def test_colour_is_left_out_where_nobody_wants_it() -> None:
    colours = re.compile(r"\x1b\[[0-9;]*3\d")
    assert colours.search(api("refunds", FORCE_COLOR="1").stdout)
    assert not colours.search(api("refunds", FORCE_COLOR="1", NO_COLOR="1").stdout)
