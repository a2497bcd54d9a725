"""What the demo shows: one entry per step, with what it proved."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import attrs
from rich.console import Console
from rich.text import Text

_WIDTH: Final = 80
_MARGIN: Final = 2


class StepFailed(Exception):
    """A step was not as it should be.

    Attributes:
        step: Its title.
        why: What was wrong, as a sentence.
    """

    def __init__(self, step: str, why: str) -> None:
        super().__init__(f"{step}: {why}")
        self.step = step
        self.why = why


class Broken(Exception):
    """Raised by a check inside a step: what is not as it should be, as a sentence."""


def expect(holds: bool, otherwise: str) -> None:
    """Let a step go on only if something holds.

    Raises:
        Broken: It does not; ``otherwise`` says what is wrong.
    """
    if not holds:
        raise Broken(otherwise)


@attrs.define
class Step:
    """A step under way; its body says what it proved."""

    proof: str = ""

    def proved(self, what: str) -> None:
        """Note what the step proved."""
        self.proof = what


@attrs.frozen
class _Glyphs:
    good: str
    bad: str
    rail: str
    dash: str


_UNICODE: Final = _Glyphs(good="✓", bad="✗", rail="│", dash="·")
_ASCII: Final = _Glyphs(good="+", bad="x", rail="|", dash="-")


class Timeline:
    """Prints steps as they happen.

    Args:
        console: Where to print. It knows about terminals, their width and ``NO_COLOR``.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._glyphs = _UNICODE if console.encoding.lower().startswith("utf") else _ASCII
        self._width = min(console.width, _WIDTH)
        self._began = time.monotonic()
        self._held = 0
        self._client = ""

    def open(self, sandbox_url: str) -> None:
        """Say what is about to happen."""
        self._line()
        self._line(("wooshpay demo", "bold"))
        self._line(("A payment from end to end, on this machine only: no key, no network.", ""))
        self._line((f"The sandbox stands for WooshPay at {sandbox_url}", "dim"))

    def chapter(self, client: str, how: str) -> None:
        """Begin the steps of one client."""
        self._client = client
        self._line()
        self._line((client, "bold cyan"), (f"  {how}", "dim"))

    @contextmanager
    def step(self, title: str) -> Generator[Step]:
        """Run a step and print it.

        Raises:
            StepFailed: Anything went wrong in it.
        """
        step = Step()
        began = time.monotonic()
        try:
            yield step
        except Exception as error:
            why = str(error) if isinstance(error, Broken) else f"{type(error).__name__}: {error}"
            self._entry(self._glyphs.bad, "bold red", title, "", why, "red")
            raise StepFailed(title, why) from error
        self._held += 1
        took = f"{(time.monotonic() - began) * 1000:.0f} ms"
        self._entry(self._glyphs.good, "bold green", title, took, step.proof, "")

    def close(self) -> None:
        """Say that every step held."""
        self._line()
        self._line(
            (f"All {self._held} steps held", "bold green"),
            (f" in {time.monotonic() - self._began:.1f} s. Next:", ""),
        )
        self._line(("wooshpay sandbox", "bold"), ("  keeps this WooshPay running for a program of yours", ""))
        self._line()

    def fail(self, failure: StepFailed) -> None:
        """Say which step did not hold."""
        self._line()
        self._line(
            (f"Failed: {failure.step}", "bold red"),
            (f" ({self._client}). Before it, {self._held} steps held.", ""),
        )
        self._line()

    def _entry(self, mark: str, mark_style: str, title: str, took: str, text: str, text_style: str) -> None:
        gap = self._width - 2 * _MARGIN - 2 - len(title) - len(took)
        self._line((mark, mark_style), (f" {title}", "bold"), (f"{took:>{max(gap, 1) + len(took)}}", "dim"))
        for line in Text(text, text_style).wrap(self._console, self._width - 2 * _MARGIN - 2):
            line.rstrip()
            self._line((self._glyphs.rail, "dim"), (" ", ""), line)

    def _line(self, *parts: tuple[str, str] | Text) -> None:
        text = Text()
        for part in parts:
            text.append(part) if isinstance(part, Text) else text.append(*part)
        for line in text.wrap(self._console, self._width - _MARGIN):
            line.rstrip()
            self._console.print(Text(" " * _MARGIN if line else "").append(line), soft_wrap=True)
