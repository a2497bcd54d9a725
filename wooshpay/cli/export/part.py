"""A file under way: what is written, and how far it got, so that a killed export loses and repeats nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import BinaryIO, TypeAlias

import attrs

from wooshpay.core.json import is_object

Plan: TypeAlias = dict[str, str | None]
"""What is exported, as it was asked for: what was begun for something else must not be gone on with."""


class DifferentPlan(Exception):
    """There is a part of an export that was asked for otherwise.

    Attributes:
        name: What differs.
        before: How it was asked for then.
    """

    def __init__(self, name: str, before: object) -> None:
        super().__init__(name, before)
        self.name = name
        self.before = before


@attrs.frozen(kw_only=True)
class Progress:
    """How far an export got.

    Attributes:
        plan: What is exported.
        since: Where the span of time begins, in milliseconds since 1970; settled by the first run.
        until: Where it ends.
        cursor: The id of the last object that was read; ``None`` before the first page.
        count: How many objects are written.
        size: How many bytes of the part are theirs. What stands beyond was cut off by the end.
        complete: Whether all pages are in.
    """

    plan: Plan
    since: int | None
    until: int
    cursor: str | None = None
    count: int = 0
    size: int = 0
    complete: bool = False


class Part:
    """The unfinished file beside its target, ``FILE.part``, and its progress, ``FILE.part.json``.

    Args:
        target: The file that is to be made.
    """

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(f"{target.name}.part")
        self._notes = target.with_name(f"{target.name}.part.json")
        self._file: BinaryIO | None = None

    def find(self) -> Progress | None:
        """How far an earlier run got; ``None`` where there was none, or nothing that can be gone on with."""
        try:
            notes = json.loads(self._notes.read_bytes())
            progress = Progress(**notes) if is_object(notes) else None
            if progress is None or self.path.stat().st_size < progress.size:
                return None
            return progress
        except (OSError, ValueError, TypeError):
            return None

    def open(self, start: Progress, head: bytes) -> Progress:
        """Begin, or go on where an earlier run stopped.

        Args:
            start: The plan, and the span of time for a new beginning.
            head: What the file begins with.

        Returns:
            How far the export is.

        Raises:
            DifferentPlan: The earlier run was asked for something else.
            OSError: The file cannot be written.
        """
        progress = self.find()
        if progress is None:
            self._file = self.path.open("wb")
            return self.add(head, start)
        for name, wanted in start.plan.items():
            if progress.plan.get(name) != wanted:
                raise DifferentPlan(name, progress.plan.get(name))
        self._file = self.path.open("r+b")
        self._file.truncate(progress.size)
        self._file.seek(progress.size)
        return progress

    def add(self, data: bytes, progress: Progress) -> Progress:
        """Write some more, and then that it is written: in this order, so that the note never says too much.

        Args:
            data: The bytes.
            progress: How far the export is with them; ``size`` is set here.

        Returns:
            The progress, as it was noted.
        """
        assert self._file is not None
        self._file.write(data)
        self._file.flush()
        os.fsync(self._file.fileno())
        progress = attrs.evolve(progress, size=self._file.tell())
        fresh = self._notes.with_name(f"{self._notes.name}.new")
        with fresh.open("w", encoding="utf-8") as notes:
            json.dump(attrs.asdict(progress), notes)
            notes.flush()
            os.fsync(notes.fileno())
        os.replace(fresh, self._notes)
        return progress

    def close(self) -> None:
        """Close the file; the part stays."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def forget(self) -> None:
        """Take the note of the progress away, once the target is made; and the part, where there still is one."""
        self.close()
        self._notes.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)
