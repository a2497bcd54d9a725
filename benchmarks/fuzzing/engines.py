"""Who tries the inputs: a plain loop over mutations, or atheris, which looks for inputs that reach new code.

atheris runs each target in a process of its own: ``python -m benchmarks.fuzzing.engines TARGET SECONDS SEED``.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
import tempfile
import time
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import attrs

from benchmarks.child import environment
from benchmarks.fuzzing.mutations import Mutator

_LONGEST_INPUT: Final = 65_536


@attrs.frozen(kw_only=True)
class Tried:
    """What came of trying one target.

    Attributes:
        executions: How many inputs were tried.
        seconds: How long that took.
        crashes: Each a traceback, with the input that led to it.
        covered: Edges of code that were reached; ``None`` where nobody counted.
    """

    executions: int
    seconds: float
    crashes: list[str]
    covered: int | None = None


def at_random(name: str, *, seed: int, seconds: float = float("inf"), executions: int | None = None) -> Tried:
    """Try mutations of the seeds for some time, or some number of them; the same ones for the same seed."""
    from benchmarks.fuzzing.targets import targets

    target = targets()[name]
    mutator = Mutator(target.seeds, target.words, random.Random(f"{name} {seed}"))
    crashes: dict[str, str] = {}
    done = 0
    started = time.monotonic()
    inputs = iter(target.seeds)
    while done != executions and time.monotonic() - started < seconds:
        data = next(inputs, None)
        data = mutator.next() if data is None else data
        try:
            target.run(data)
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            text = "".join(traceback.format_exception(error))
            crashes.setdefault(f"{type(error).__name__} at {where.filename}:{where.lineno}", f"{text}{data[:4000]!r}")
        done += 1
    return Tried(executions=done, seconds=time.monotonic() - started, crashes=list(crashes.values()))


def guided(name: str, *, seed: int, seconds: float) -> Tried:
    """Let atheris try inputs for some time; it stops at the first crash."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(
            [sys.executable, "-m", "benchmarks.fuzzing.engines", name, str(seconds), str(seed)],
            cwd=folder,
            env=environment(),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        inputs = [repr(path.read_bytes()[:4000]) for path in Path(folder).glob("*-*") if path.is_file()]
    counted = re.search(r"stat::number_of_executed_units:\s+(\d+)", run.stderr)
    covered = re.findall(r"cov: (\d+)", run.stderr)
    return Tried(
        executions=int(counted.group(1)) if counted else 0,
        seconds=time.monotonic() - started,
        crashes=[] if run.returncode == 0 else [f"{run.stdout[-2000:]}{run.stderr[-4000:]}{inputs}"],
        covered=int(covered[-1]) if covered else None,
    )


def _run_atheris(name: str, seconds: str, seed: str) -> None:
    engine: Any = import_module("atheris")
    with engine.instrument_imports(include=["wooshpay"]):
        from benchmarks.fuzzing.targets import targets

        target = targets()[name]
        for data in target.seeds:  # imports the sections, too
            target.run(data)
    corpus = Path("corpus")
    corpus.mkdir()
    for number, data in enumerate(target.seeds):
        (corpus / f"seed{number}").write_bytes(data)
    words = Path("words")
    words.write_text("".join('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n' for word in target.words))
    options = [f"-max_total_time={float(seconds):.0f}", f"-seed={seed}", f"-max_len={_LONGEST_INPUT}", "-dict=words"]
    engine.Setup([sys.argv[0], *options, "-print_final_stats=1", "-timeout=30", str(corpus)], target.run)
    engine.Fuzz()


if __name__ == "__main__":
    _run_atheris(*sys.argv[1:4])
