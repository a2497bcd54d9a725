"""What starting costs: fresh interpreters that import the SDK, or make their first call, beside bare ones."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import Final

from benchmarks.goals import Goals
from benchmarks.over_http import canned
from benchmarks.report import Figure
from benchmarks.rounds import Effort, Pairs, Sample

IMPORT: Final = 40.0  # milliseconds above bare Python
WEBHOOKS: Final = 30.0

BENCHMARK: Final = Goals(
    "Starting: importing the SDK above bare Python, and the first call beside aiohttp's first session.",
    functions=["benchmarks.imports:with_stdlib"],
)

# Whatever is measured, the standard library's JSON is used.
_NO_ORJSON: Final = "import sys\nsys.modules['orjson'] = None\n"
_LAZY: Final = "assert not {'aiohttp', 'cattrs'} & set(sys.modules), 'aiohttp or cattrs was imported'\n"
_IMPORT: Final = f"{_NO_ORJSON}import wooshpay\n{_LAZY}"
_WEBHOOKS: Final = f"{_NO_ORJSON}import wooshpay.webhooks\n{_LAZY}"
_SESSION: Final = f"""{_NO_ORJSON}
import asyncio, aiohttp, attrs, cattrs

async def main():
    async with aiohttp.ClientSession():
        pass

asyncio.run(main())
"""
_FIRST_CALL: Final = f"""{_NO_ORJSON}
import asyncio
from wooshpay import AsyncWooshPay

async def main():
    async with AsyncWooshPay("sk_test_benchmark", base_url=sys.argv[1]) as client:
        intent = await client.payment_intents.create(amount=1999, currency="USD")
        assert intent.latest_charge.payment_method_details.card.last4 == "4242"

asyncio.run(main())
"""


def with_stdlib(effort: Effort) -> list[Figure]:
    """With the standard library's JSON."""
    return [*above_bare_python(effort), *first_call(effort)]


def above_bare_python(effort: Effort) -> list[Figure]:
    """Milliseconds of ``import wooshpay`` and ``import wooshpay.webhooks``, and neither imports aiohttp or cattrs."""
    figures: list[Figure] = []
    for name, code, limit in (("wooshpay", _IMPORT, IMPORT), ("wooshpay.webhooks", _WEBHOOKS, WEBHOOKS)):
        pairs = _pairs((name, code), ("bare Python", _NO_ORJSON), effort)
        above = [(one.cpu - other.cpu) * 1e3 for one, other in zip(pairs.first, pairs.second, strict=True)]
        values = {"wooshpay": statistics.median(above)}
        figures.append(Figure(what=f"import {name}, above bare Python", unit="ms CPU", values=values, limit=limit))
    return figures


def first_call(effort: Effort) -> list[Figure]:
    """The first client and its first payment intent, beside importing aiohttp, attrs and cattrs and one session."""
    with canned() as server:
        names = ("wooshpay", "aiohttp + attrs + cattrs, one session")
        pairs = _pairs((names[0], _FIRST_CALL), (names[1], _SESSION), effort, server.url)
    return [
        Figure(
            what="Start to first PaymentIntent",
            unit="ms CPU",
            values={name: statistics.median(one.cpu for one in taken) * 1e3 for name, taken in pairs.by_name.items()},
            pairs=[1 / ratio for ratio in pairs.ratios(cpu=True)],
            goal=1.25,
        )
    ]


def _pairs(ours: tuple[str, str], other: tuple[str, str], effort: Effort, *arguments: str) -> Pairs:
    # Compiled once, as a package is when it is installed: also where the environment says to compile anew each time.
    with tempfile.TemporaryDirectory() as folder:
        environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environ["PYTHONPYCACHEPREFIX"] = folder
        for _, code in (ours, other):
            _run(code, environ, *arguments)
        taken = [
            (_run(other[1], environ, *arguments), _run(ours[1], environ, *arguments)) for _ in range(effort.rounds)
        ]
    return Pairs((ours[0], other[0]), tuple(one for _, one in taken), tuple(theirs for theirs, _ in taken))


def _run(code: str, environ: Mapping[str, str], *arguments: str) -> Sample:
    """Run code in a fresh interpreter; give its CPU, all of its threads together."""
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], env=environ)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"This failed in a fresh interpreter:\n{code}")
    cpu = used.ru_utime + used.ru_stime
    return Sample(cpu, cpu)
