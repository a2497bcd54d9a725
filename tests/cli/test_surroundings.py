"""Every command in surroundings that fail it: closed and full streams, files that are missing, damaged or not ours.

A traceback tells a user nothing, and its exit code 1 looks like a failed call.
"""

from __future__ import annotations

import json
import os
import shlex
import sqlite3
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from cli.endpoint import endpoint
from support.children import HANGS
from support.cli import MAIN, environment, run
from support.peer import ThreadedPeer, answering

from wooshpay.cli.export.formats import Csv
from wooshpay.cli.files import open_new_private

REFUND: Final = {"id": "re_1", "object": "refund", "amount": 5, "currency": "USD", "created": 1}
SECRET: Final = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """WooshPay, as far as it answers every request with one refund, or with a list of it."""

    def answer(request: object) -> object:
        target = getattr(request, "target", "")
        return REFUND if "re_1" in target or "refunds" in target else {"object": "list", "data": [REFUND]}

    with ThreadedPeer(answering(answer)) as peer:
        yield peer.url


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> None:  # pyright: ignore[reportUnusedFunction]
    """The peer stays for the whole module."""


def shell(url: str, line: str, *, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run ``wooshpay`` as it is written in a shell."""
    script = f'set -o pipefail; wooshpay() {{ {shlex.join(MAIN)} "$@"; }}; {line}'
    settings = {**environment(WOOSHPAY_BASE_URL=url, WOOSHPAY_WEBHOOK_SECRET=SECRET), **variables}
    return subprocess.run(
        ["bash", "-c", script], env=settings, cwd=cwd, capture_output=True, text=True, timeout=HANGS, errors="replace"
    )


def is_a_sentence(text: str) -> bool:
    """Whether an error is a few lines that end like sentences, at most with a line of usage before them."""
    lines = text.splitlines()
    return "Traceback" not in text and "bug in wooshpay" not in text and 0 < len(lines) <= 4


# ---- streams --------------------------------------------------------------------------------------------------

# Each command that ends by itself and writes to standard output.
PRINTING: Final = [
    "--help",
    "--version",
    "refunds --help",
    "refunds create --help",
    "refunds retrieve re_1",
    "refunds retrieve re_1 --format table",
    "charges list --all",
    "charges list --format table",
    "refunds create --payment-intent pi_1 --dry-run",
    "report",
    "doctor",
    "doctor --json",
    "api",
    "api --json",
    "openapi",
    "completion zsh",
    "trigger --list",
    "demo",
    "sandbox",
    "sandbox --json",
]
# One for each way of printing: click's, ours, rich's, and that of a command with a server.
SOME: Final = ["--help", "refunds retrieve re_1 --format table", "charges list --all", "report", "doctor", "api"]


@pytest.mark.parametrize("words", PRINTING)
def test_a_full_disk_is_a_sentence_and_exit_code_4(url: str, words: str, tmp_path: Path) -> None:
    done = shell(url, f"wooshpay {words} > /dev/full", cwd=tmp_path)
    assert done.returncode == 4
    assert done.stderr.splitlines()[-1] == "Error: Standard output could not be written: No space left on device."
    assert is_a_sentence(done.stderr)


@pytest.mark.parametrize("words", [*SOME, "sandbox"])
def test_closed_standard_output_is_a_sentence_and_exit_code_4(url: str, words: str, tmp_path: Path) -> None:
    done = shell(url, f"wooshpay {words} >&-", cwd=tmp_path)
    assert done.returncode == 4
    assert done.stderr.splitlines()[-1] == "Error: Standard output could not be written: it is closed."


@pytest.mark.parametrize("words", [*SOME, "sandbox"])
def test_a_reader_that_went_away_ends_a_command_without_a_word(url: str, words: str, tmp_path: Path) -> None:
    done = shell(url, f"wooshpay {words} | head -c 0", cwd=tmp_path)
    assert done.returncode == 141
    assert [line for line in done.stderr.splitlines() if line != "Nothing was sent."] == []


@pytest.mark.parametrize("words", SOME)
def test_closed_standard_input_and_error_change_nothing(url: str, words: str, tmp_path: Path) -> None:
    assert shell(url, f"wooshpay {words} <&- 2>&- > out", cwd=tmp_path).returncode == 0
    assert (tmp_path / "out").read_text()


@pytest.mark.parametrize("words", [*SOME, "demo", "openapi"])
def test_every_command_prints_in_any_encoding(url: str, words: str, tmp_path: Path) -> None:
    done = shell(url, f"wooshpay {words}", cwd=tmp_path, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 0


def test_events_that_were_sent_are_counted_when_they_cannot_be_shown(url: str, tmp_path: Path) -> None:
    """A script that sees exit code 1 would send them once more."""
    with endpoint() as hook:
        for broken in ("> /dev/full", ">&-", "| head -c 0"):
            words = f"trigger payment_intent.succeeded --to {hook.url} --count 2"
            done = shell(url, f"wooshpay {words} {broken}", cwd=tmp_path)
            assert done.returncode == 3
            assert done.stderr.splitlines()[-1] == "1 of 2 events were sent."


def test_listening_ends_when_nobody_can_see_the_events(url: str, tmp_path: Path) -> None:
    # The URL in the environment is not that of a sandbox, so the command has to run one of its own.
    done = shell(url, "wooshpay listen --port 0 --forward-to http://127.0.0.1:9/hook > /dev/full", cwd=tmp_path)
    assert (done.returncode, is_a_sentence(done.stderr)) == (4, True)


def test_a_server_that_is_not_a_sandbox_is_a_sentence(url: str, tmp_path: Path) -> None:
    done = shell(url, "wooshpay listen --forward-to http://127.0.0.1:9/hook", cwd=tmp_path)
    assert (done.returncode, is_a_sentence(done.stderr)) == (1, True)
    assert "is not a sandbox" in done.stderr


# ---- files to read --------------------------------------------------------------------------------------------

CREATE: Final = "refunds create --payment-intent pi_1 --dry-run"
# Reading it fails with an input/output error, also for root, whom no permission stops.
UNREADABLE: Final = "/proc/self/mem"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory with one file of each kind."""
    (tmp_path / "latin").write_bytes(b'{"a": "\xe9"}')
    (tmp_path / "text").write_text("no JSON")
    (tmp_path / "dir").mkdir()
    (tmp_path / "nan.json").write_text('{"id": NaN}')
    (tmp_path / "surrogate.json").write_text('{"id": "\\ud800"}')
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "link").symlink_to("mine")
    (tmp_path / "dangling").symlink_to("nowhere")
    return tmp_path


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (f"{CREATE} --body @missing", "No such file or directory"),
        (f"{CREATE} --body @dir", "Is a directory"),
        (f"{CREATE} --body @latin", "not in UTF-8"),
        (f"{CREATE} --body @{UNREADABLE}", "Input/output error"),
        (f"{CREATE} --body @~nobody-there/file", "home directory"),
        (f"{CREATE} --body @text", "must be a JSON object"),
        (f"{CREATE} --body - <&-", "it is closed"),
        (f"{CREATE} --body - < latin", "not in UTF-8"),
        (f"{CREATE} --metadata @- <&-", "it is closed"),
        ("balance retrieve --api-key-file missing", "No such file or directory"),
        ("balance retrieve --api-key-file dir", "is a directory"),
        ("balance retrieve --api-key-file latin", "it is not text"),
        (f"balance retrieve --api-key-file {UNREADABLE}", "Input/output error"),
        ("files create --purpose identity_document --file missing", "There is no file"),
        ("files create --purpose identity_document --file dir", "There is no file"),
        ("files create --purpose identity_document --file - <&-", "it is closed"),
        ("trigger charge.succeeded --to http://127.0.0.1:9/ --object missing", "No such file or directory"),
        ("trigger charge.succeeded --to http://127.0.0.1:9/ --object dir", "directory"),
        ("trigger charge.succeeded --to http://127.0.0.1:9/ --object latin", "not JSON"),
        ("trigger charge.succeeded --to http://127.0.0.1:9/ --object text", "not JSON"),
        ("trigger charge.succeeded --to http://127.0.0.1:9/ --object nan.json", "not JSON that can be sent"),
        ("trigger charge.succeeded --to http://127.0.0.1:9/ --object surrogate.json", "not JSON that can be sent"),
        (f"trigger charge.succeeded --to http://127.0.0.1:9/ --object {UNREADABLE}", "Input/output error"),
        ("trigger charge.succeeded --to http://127.0.0.1:9/ --object - <&-", "it is closed"),
        ("export charges --columns $'id,metadata.\\xff'", "not in UTF-8"),
    ],
)
def test_an_input_that_cannot_be_read_is_a_sentence(url: str, folder: Path, line: str, says: str) -> None:
    done = shell(url, f"wooshpay {line}", cwd=folder)
    assert done.returncode == 2
    assert says in " ".join(done.stderr.split())
    assert is_a_sentence(done.stderr)
    assert done.stdout == ""


def test_a_file_that_cannot_be_read_during_the_upload_is_a_sentence(url: str, folder: Path) -> None:
    done = shell(url, f"wooshpay files create --purpose identity_document --file {UNREADABLE}", cwd=folder)
    assert done.returncode in {1, 2}
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith(("Error: ", "Attempt", "Usage"))


@pytest.mark.parametrize("variable", ["WOOSHPAY_API_KEY", "WOOSHPAY_BASE_URL", "WOOSHPAY_WEBHOOK_SECRET"])
def test_a_setting_that_is_not_text_is_a_sentence(url: str, folder: Path, variable: str) -> None:
    words = "trigger charge.succeeded --to http://127.0.0.1:9/" if "SECRET" in variable else "balance retrieve"
    done = shell(url, f"export {variable}=$'sk_test_\\xff\\xfe'; wooshpay {words}", cwd=folder)
    assert (done.returncode, is_a_sentence(done.stderr)) == (2, True)


# ---- files to write -------------------------------------------------------------------------------------------

# Command -> how it names the file that it writes.
WRITING: Final = {
    "export": "export charges --format csv -o",
    "parquet": "export charges --format parquet -o",
    "report": "report --html",
    "openapi": "openapi -o",
    "sandbox": "sandbox --json --state",
}
writers = pytest.mark.parametrize("words", WRITING.values(), ids=list(WRITING))


@writers
@pytest.mark.parametrize(
    "file", ["dir", "missing/file", "dir/../missing/file", "/proc/file", "link", "dangling", "x" * 300]
)
def test_a_file_that_cannot_be_written_is_a_sentence(url: str, folder: Path, words: str, file: str) -> None:
    done = shell(url, f"wooshpay {words} {file}", cwd=folder)
    assert done.returncode in {1, 2}
    assert is_a_sentence(done.stderr)
    assert (folder / "mine").read_text() == "mine"
    assert not (folder / "nowhere").exists()


@pytest.mark.parametrize("words", [WRITING[name] for name in ("export", "parquet", "report", "openapi")])
def test_a_file_that_exists_is_replaced_only_when_asked(url: str, folder: Path, words: str) -> None:
    done = shell(url, f"wooshpay {words} mine", cwd=folder)
    assert (done.returncode, (folder / "mine").read_text()) == (2, "mine")
    assert "Add --overwrite" in " ".join(done.stderr.split())
    assert shell(url, f"wooshpay {words} mine --overwrite", cwd=folder).returncode == 0
    assert (folder / "mine").read_bytes() != b"mine"
    assert stat.S_IMODE((folder / "mine").stat().st_mode) == 0o600


@pytest.mark.parametrize("words", [WRITING[name] for name in ("export", "parquet", "report", "openapi")])
def test_overwriting_never_writes_through_a_symbolic_link(url: str, folder: Path, words: str) -> None:
    """Whoever can make a link in a shared directory would else choose which of the user's files is destroyed."""
    shell(url, f"wooshpay {words} link --overwrite", cwd=folder)
    assert (folder / "mine").read_text() == "mine"


@writers
def test_a_new_file_is_private_whatever_the_umask(url: str, folder: Path, words: str) -> None:
    """It holds customers' names, or keys."""
    # A sandbox would run forever; one that cannot show its address ends.
    shell(url, f"umask 0000; wooshpay {words} new > /dev/full", cwd=folder)
    assert stat.S_IMODE((folder / "new").stat().st_mode) == 0o600


@pytest.mark.parametrize("words", [WRITING[name] for name in ("export", "report", "openapi")])
def test_a_full_disk_during_a_write_is_a_sentence_and_leaves_no_half_file(url: str, folder: Path, words: str) -> None:
    done = shell(url, f"ulimit -f 0; wooshpay {words} new 2> >(cat >&2) | cat", cwd=folder)
    assert done.returncode == 1
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "new").exists()


# ---- an interrupted export ------------------------------------------------------------------------------------


def test_an_export_under_way_is_private_and_resumes_after_a_full_disk(url: str, folder: Path) -> None:
    done = shell(url, "umask 0; ulimit -f 1; wooshpay export charges -o a.jsonl", cwd=folder)
    assert done.returncode == 0, "what fits is written"
    (folder / "a.jsonl").unlink()
    for name, text in {"a.jsonl.part": "", "a.jsonl.part.json": "{"}.items():
        (folder / name).write_text(text)
    refused = run("export", "charges", "-o", str(folder / "a.jsonl"), WOOSHPAY_BASE_URL=url)
    assert refused.code == 2
    assert "is damaged, so the export cannot be resumed. Move it away, or add --overwrite" in refused.err
    again = run("export", "charges", "-o", str(folder / "a.jsonl"), "--overwrite", WOOSHPAY_BASE_URL=url)
    assert again.code == 0
    assert json.loads((folder / "a.jsonl").read_text()) == REFUND


@pytest.mark.parametrize(
    "notes",
    [b"", b"{", b"[]", b"{}", b"\xff", b'{"plan": 1}', b"null", b"[" * 100_000,
     b'{"plan":{},"since":null,"until":"x","cursor":1,"count":-1,"size":-5,"complete":2}'],
)  # fmt: skip
def test_damaged_notes_of_an_export_are_a_sentence(url: str, folder: Path, notes: bytes) -> None:
    """They were taken for no notes, and the part was overwritten."""
    (folder / "a.csv.part").write_text("rows")
    (folder / "a.csv.part.json").write_bytes(notes)
    done = run("export", "charges", "-o", str(folder / "a.csv"), WOOSHPAY_BASE_URL=url)
    assert done.code == 2
    assert "is damaged" in done.err
    assert (folder / "a.csv.part").read_text() == "rows"


def test_a_part_that_is_not_ours_is_left_alone(url: str, folder: Path) -> None:
    (folder / "a.csv.part").write_text("somebody's download")
    done = run("export", "charges", "-o", str(folder / "a.csv"), WOOSHPAY_BASE_URL=url)
    assert (done.code, "does not belong to an export that can be resumed" in done.err) == (2, True)
    assert (folder / "a.csv.part").read_text() == "somebody's download"


@pytest.mark.parametrize("name", ["a.csv.part", "a.csv.part.json", "a.csv.part.json.new"])
def test_an_export_under_way_is_not_written_through_a_link(url: str, folder: Path, name: str) -> None:
    (folder / name).symlink_to("mine")
    run("export", "charges", "-o", str(folder / "a.csv"), WOOSHPAY_BASE_URL=url)
    run("export", "charges", "-o", str(folder / "a.csv"), "--overwrite", WOOSHPAY_BASE_URL=url)
    assert (folder / "mine").read_text() == "mine"


def test_a_file_that_another_program_made_meanwhile_is_not_replaced(
    url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading a million charges takes an hour: the check at the beginning is not enough."""
    target = folder / "a.csv"
    head = Csv.head

    def meanwhile(form: Csv) -> bytes:
        target.write_text("theirs")
        return head(form)

    monkeypatch.setattr(Csv, "head", meanwhile)
    done = run("export", "charges", "-o", str(target), "--columns", "id", WOOSHPAY_BASE_URL=url)
    assert (done.code, target.read_text()) == (1, "theirs")
    assert "was created by another program in the meantime" in done.err
    monkeypatch.undo()
    target.unlink()
    assert run("export", "charges", "-o", str(target), "--columns", "id", WOOSHPAY_BASE_URL=url).code == 0
    assert target.read_text() == "id\nre_1\n"


# ---- the sandbox's state file ---------------------------------------------------------------------------------


def _made(path: Path) -> None:
    from wooshpay.sandbox import Sandbox

    with Sandbox(state=path):
        pass


def _sql(statement: str) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        _made(path)
        connection = sqlite3.connect(path)
        with connection:
            connection.execute(statement)
        connection.close()

    return damage


def _overwritten(path: Path) -> None:
    _made(path)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))


def _cut(path: Path) -> None:
    _made(path)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


DAMAGES: Final[dict[str, Callable[[Path], object]]] = {
    "text": lambda path: path.write_text("no database" * 100),
    "facts": _sql("UPDATE facts SET body = x'00'"),
    "facts of another shape": _sql("UPDATE facts SET body = '[]'"),
    "facts without account": _sql("UPDATE facts SET body = '{}'"),
    "a row of objects": _sql("INSERT INTO objects (id, place, body) VALUES ('x', 1, x'ff')"),
    "a row of keys": _sql("INSERT INTO keys (id, place, body) VALUES ('x', 1, '3')"),
    "a row of deliveries": _sql("INSERT INTO deliveries (id, place, body) VALUES ('x', 1, '{}')"),
    "a row of alarms": _sql("INSERT INTO alarms (id, place, body) VALUES ('x', 1, 'null')"),
    "a table of another form": _sql("ALTER TABLE keys RENAME COLUMN body TO text"),
    "pages": _overwritten,
    "cut": _cut,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
def test_a_damaged_state_file_is_a_sentence(url: str, tmp_path: Path, damage: Callable[[Path], object]) -> None:
    damage(tmp_path / "state.db")
    done = shell(url, "wooshpay sandbox --json --state state.db", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert is_a_sentence(done.stderr)
    assert done.stderr.startswith("Error: The state file state.db ")


# ---- the helper -----------------------------------------------------------------------------------------------


def test_a_private_file_is_new_private_and_no_link(folder: Path) -> None:
    old = os.umask(0)
    try:
        with open_new_private(folder / "new", newline="") as file:
            file.write("é\ud800\r\n")
        with open_new_private(folder / "bytes", binary=True) as raw:
            raw.write(b"\xff")
    finally:
        os.umask(old)
    assert (folder / "new").read_bytes() == "é\\ud800\r\n".encode()
    assert {stat.S_IMODE((folder / name).stat().st_mode) for name in ("new", "bytes")} == {0o600}
    for name in ("mine", "link", "dangling"):
        with pytest.raises(FileExistsError):
            open_new_private(folder / name)
    for name in ("link", "dangling"):
        with pytest.raises(OSError, match="symbolic link"):
            open_new_private(folder / name, replace=True)
    (folder / "mine").chmod(0o644)
    with open_new_private(folder / "mine", replace=True) as file:
        file.write("x")
    assert ((folder / "mine").read_text(), stat.S_IMODE((folder / "mine").stat().st_mode)) == ("x", 0o600)


def test_a_device_keeps_its_mode() -> None:
    """As root, ``--overwrite -o /dev/null`` would else take the device from everybody."""
    before = os.stat("/dev/null").st_mode
    with open_new_private(Path("/dev/null"), replace=True) as file:
        file.write("x")
    assert os.stat("/dev/null").st_mode == before
