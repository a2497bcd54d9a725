"""A file under way: what is written, and how far it got, so that a killed export loses and repeats nothing."""

from __future__ import annotations

import errno
import io
import json
import os
from pathlib import Path
from typing import Final, TypeAlias

import attrs

from wooshpay.cli.files import open_new_private
from wooshpay.core.json import Json, is_object

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


class DamagedPart(Exception):
    """The files of an earlier export cannot be used to resume it. The text says why."""


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

    Only the user of this process can read them, and neither is reached through a symbolic link.

    Args:
        target: The file that is to be made.
    """

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(f"{target.name}.part")
        self._notes = target.with_name(f"{target.name}.part.json")
        # Without a buffer: what a full disk refused is not kept to be refused once more when the file is closed.
        self._file: io.FileIO | None = None

    def find(self) -> Progress | None:
        """Return how far an earlier run got; ``None`` where there was none.

        Raises:
            DamagedPart: Its files cannot be used.
            OSError: They cannot be read.
        """
        try:
            notes = self._notes.read_bytes()
        except FileNotFoundError:
            if os.path.lexists(self.path):
                raise DamagedPart(f"{self.path} exists, but does not belong to an export that can be resumed") from None
            return None
        progress = _read_progress(notes)
        if progress is None:
            raise DamagedPart(f"{self._notes} is damaged, so the export cannot be resumed")
        if progress.size and (not self.path.exists() or self.path.stat().st_size < progress.size):
            raise DamagedPart(f"{self.path} is shorter than it was, so the export cannot be resumed")
        return progress

    def open(self, start: Progress, head: bytes) -> Progress:
        """Begin, or go on where an earlier run stopped.

        Args:
            start: The plan, and the span of time for a new beginning.
            head: What the file begins with.

        Returns:
            How far the export is.

        Raises:
            DifferentPlan: The earlier run was asked for something else.
            DamagedPart: The files of the earlier run cannot be used.
            OSError: The file cannot be written.
        """
        progress = self.find()
        if progress is None:
            # The notes come first: a part without notes would be taken for a file of somebody else.
            progress = start
            self._note(progress)
        for name, wanted in start.plan.items():
            if progress.plan.get(name) != wanted:
                raise DifferentPlan(name, progress.plan.get(name))
        self._file = _open_part(self.path)
        self._file.truncate(progress.size)
        self._file.seek(progress.size)
        return progress if progress.size else self.add(head, progress)

    def add(self, data: bytes, progress: Progress) -> Progress:
        """Write some more, and then that it is written: in this order, so that the note never says too much.

        Args:
            data: The bytes.
            progress: How far the export is with them; ``size`` is set here.

        Returns:
            The progress, as it was noted.

        Raises:
            OSError: They cannot be written.
        """
        assert self._file is not None
        left = memoryview(data)
        while left:
            left = left[self._file.write(left) :]
        os.fsync(self._file.fileno())
        progress = attrs.evolve(progress, size=self._file.tell())
        self._note(progress)
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

    def _note(self, progress: Progress) -> None:
        fresh = self._notes.with_name(f"{self._notes.name}.new")
        # What an earlier run, which was killed while it noted its progress, left behind.
        fresh.unlink(missing_ok=True)
        try:
            with open_new_private(fresh) as notes:
                json.dump(attrs.asdict(progress), notes)
                notes.flush()
                os.fsync(notes.fileno())
            os.replace(fresh, self._notes)
        except OSError:
            fresh.unlink(missing_ok=True)
            raise


def move(source: Path, target: Path, *, replace: bool) -> None:
    """Rename a finished file to its final name.

    Args:
        source: The file.
        target: Its new path, in the same directory. A symbolic link there is replaced, not followed.
        replace: Whether a file that is there is replaced.

    Raises:
        FileExistsError: There is one, and ``replace`` is false.
        OSError: The file cannot be renamed.
    """
    if not replace:
        try:
            # Unlike a rename, a link is refused where another program has made the file meanwhile.
            os.link(source, target, follow_symlinks=False)
        except FileExistsError:
            raise
        except (OSError, NotImplementedError):  # a file system without hard links
            if os.path.lexists(target):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        else:
            source.unlink()
            return
    os.replace(source, target)


_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "plan": (dict,),
    "since": (int, type(None)),
    "until": (int,),
    "cursor": (str, type(None)),
    "count": (int,),
    "size": (int,),
    "complete": (bool,),
}


def _read_progress(notes: bytes) -> Progress | None:
    try:
        found: Json = json.loads(notes)
    except (ValueError, RecursionError):
        return None
    if not is_object(found) or found.keys() != _TYPES.keys():
        return None
    if not all(isinstance(found[name], types) for name, types in _TYPES.items()):
        return None
    progress = Progress(**found)
    return progress if progress.count >= 0 and progress.size >= 0 else None


def _open_part(path: Path) -> io.FileIO:
    """Open the part for writing without a buffer, and make it where it is missing."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        if hasattr(os, "fchmod"):  # also for a part that an older version of this package made
            os.fchmod(descriptor, 0o600)
        return io.FileIO(descriptor, "r+b")
    except BaseException:
        os.close(descriptor)
        raise
