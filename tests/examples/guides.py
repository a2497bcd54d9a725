"""The guides beside the code, taken apart: which programs, commands and outputs they print.

A guide's Python blocks make up one program, ``program.py``, or the files that their titles name; its ``text`` blocks
are what the program prints, with ``...`` for what differs from run to run; its ``sh`` blocks are commands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

ROOT: Final = Path(__file__).parents[2]
PROGRAM: Final = "program.py"
_BLOCK: Final = re.compile(r'^```(\w+)(?: title="([^"\n]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)


@attrs.frozen
class Guide:
    """One Markdown file."""

    path: Path

    @property
    def name(self) -> str:
        """What it is called in the tests: its folder under ``wooshpay``."""
        return self.path.parent.relative_to(ROOT).as_posix().removeprefix("wooshpay/")

    @property
    def text(self) -> str:
        """The whole file."""
        return self.path.read_text("utf-8")

    @property
    def files(self) -> dict[str, str]:
        """The programs, by the name of the file that a reader would keep them in."""
        files: dict[str, str] = {}
        for language, title, block in self._blocks():
            if language == "python":
                name = title or PROGRAM
                files[name] = f"{files[name]}\n\n{block}" if name in files else block
        return files

    @property
    def prints(self) -> str:
        """What the program prints, in all."""
        return self._outputs("python")

    @property
    def commands(self) -> str:
        """The shell blocks, as one script."""
        return "".join(block for language, _, block in self._blocks() if language == "sh")

    @property
    def commands_print(self) -> str:
        """What the commands print, in all."""
        return self._outputs("sh")

    def save(self, folder: Path) -> None:
        """Write the files into a folder."""
        for name, text in self.files.items():
            (folder / name).write_text(text, "utf-8")

    def _outputs(self, of: str) -> str:
        outputs, last = "", ""
        for language, _, block in self._blocks():
            if language == "text" and last == of:
                outputs += block
            last = language
        return outputs

    def _blocks(self) -> Iterator[tuple[str, str, str]]:
        for match in _BLOCK.finditer(self.text):
            yield match[1], match[2] or "", match[3]


def guides() -> list[Guide]:
    """Every guide in the package."""
    return [Guide(path) for path in sorted((ROOT / "wooshpay").rglob("*.md"))]


def matches(printed: str, expected: str) -> bool:
    """Whether an output is the expected one; ``...`` stands for anything within a line, on a line alone for lines."""
    pattern = ""
    for line in expected.splitlines(keepends=True):
        pattern += r"(?:.*\n)*" if line == "...\n" else ".*".join(re.escape(part) for part in line.split("..."))
    return re.fullmatch(pattern, printed) is not None
