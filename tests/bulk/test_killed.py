"""``wooshpay bulk`` killed in the middle, and started again until it comes to its end: each row is done once.

With WOOSHPAY_TEST_ROWS=10000 in the environment it takes some minutes and says more.
"""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Final

from bulk.world import payment, refunded

from wooshpay.sandbox import SyncSandbox

ROWS: Final = int(os.environ.get("WOOSHPAY_TEST_ROWS", "600"))
# When each of the first processes is killed, in parts of all rows.
KILLS: Final = (0.2, 0.55)
LIMIT_SECONDS: Final = 600
PROGRAM: Final = "from wooshpay.cli import main; main()"


def started(file: Path, sandbox: SyncSandbox) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "bulk", "refunds.create", str(file), "--id", "number"],
        env={**os.environ, "WOOSHPAY_API_KEY": sandbox.api_key, "WOOSHPAY_BASE_URL": sandbox.base_url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_nothing_is_missing_and_nothing_is_done_twice(sandbox: SyncSandbox, tmp_path: Path) -> None:
    paid = payment(sandbox)
    file = tmp_path / "refunds.csv"
    with file.open("w", newline="") as written:
        table = csv.writer(written)
        table.writerow(["number", "payment_intent", "amount", "metadata.row"])
        table.writerows([f"R-{number}", paid, 1, number] for number in range(ROWS))
    # Answers that come late make sure that some calls are under way whenever it is killed.
    sandbox.faults.add("slow", operation="refunds.create", times=None, probability=0.2, seconds=0.05, seed=7)
    for part in KILLS:
        child = started(file, sandbox)
        deadline = time.monotonic() + LIMIT_SECONDS
        while sandbox.store.count("refund") < ROWS * part:
            assert child.poll() is None, child.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.005)
        child.send_signal(signal.SIGKILL)
        child.communicate()
    done_before = sandbox.store.count("refund")
    assert ROWS * KILLS[-1] <= done_before < ROWS, "it was killed in the middle"

    child = started(file, sandbox)
    output, errors = child.communicate(timeout=LIMIT_SECONDS)
    assert (child.returncode, output) == (0, "")
    assert f"{ROWS:,} of {ROWS:,} rows" in errors
    assert f"{ROWS:,} succeeded" in errors

    assert refunded(sandbox) == sorted(map(str, range(ROWS)))
    # However often a row was sent, it was with one key. The sandbox forgets requests beyond ten thousand.
    assert len({request.idempotency_key for request in sandbox.requests.of("refunds.create")}) <= ROWS
    with (tmp_path / "refunds.csv.results.csv").open(newline="") as results:
        found = list(csv.DictReader(results))
    assert Counter(row["row"] for row in found) == Counter(f"R-{number}" for number in range(ROWS))
    assert {row["state"] for row in found} == {"succeeded"}
    # The results name the very refunds that there are, those of the killed processes included.
    ids = {refund["metadata"]["row"]: refund["id"] for refund in sandbox.store.all("refund")}
    assert {row["row"].removeprefix("R-"): row["object_id"] for row in found} == ids
    assert sum(row["earlier"] == "True" for row in found) > ROWS * KILLS[0]
