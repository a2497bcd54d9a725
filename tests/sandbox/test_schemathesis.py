"""The sandbox keeps to the document that it publishes, whatever is asked of it: no 5xx, no answer outside it."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from wooshpay.api import declarations

PROGRAM = Path(__file__).with_name("published.py")
EXAMPLES = 6
# A net for a machine that is very slow; alone it takes half a minute.
SECONDS = 300


async def test_no_server_error_and_no_answer_outside_the_document() -> None:
    """For more examples run the program by hand: ``python tests/sandbox/published.py --examples 100 --seconds 900``."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, str(PROGRAM), "--examples", str(EXAMPLES), "--seconds", str(SECONDS)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await asyncio.wait_for(child.communicate(), SECONDS + 60)
    assert out, errors.decode()
    report = json.loads(out)
    assert report["findings"] == {}
    assert child.returncode == 0
    # The figures say that something was asked, and that it was not refused each time.
    assert report["operations"] == len(list(declarations()))
    assert report["statuses"]["200"] > report["calls"] / 4
    assert len(report["never succeeded"]) < report["operations"] / 4
