"""What a docstring of the sections says, taken apart: its first sentence, its blocks, its marks."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Final

import attrs

_NOTHING: Final[Mapping[str, str]] = {}
_HEAD: Final = re.compile(r"(Args|Attributes|Returns|Raises|Note|Inferred|Reference):\s*")
_ENTRY: Final = re.compile(r"(\w+): *(.*)")


@attrs.frozen(kw_only=True)
class Docstring:
    """A docstring, taken apart. Lines of a paragraph are joined.

    Attributes:
        summary: The first paragraph.
        body: The paragraphs after it that stand under no head.
        args: Parameter to what it means.
        attributes: Attribute to what it means.
        returns: What comes back.
        raises: Name of the error to when it is raised.
        notes: The remarks, each under a head of its own.
        inferred: What was not read in WooshPay's reference.
        reference: The title of the page in WooshPay's reference.
    """

    summary: str = ""
    body: tuple[str, ...] = ()
    args: Mapping[str, str] = _NOTHING
    attributes: Mapping[str, str] = _NOTHING
    returns: str = ""
    raises: Mapping[str, str] = _NOTHING
    notes: tuple[str, ...] = ()
    inferred: str | None = None
    reference: str | None = None


def read_docstring(text: str | None) -> Docstring:
    """Take a docstring apart.

    Args:
        text: The docstring as it stands in the code; ``None`` where there is none.
    """
    plain: list[str] = []
    notes: list[str] = []
    texts: dict[str, str] = {}
    tables: dict[str, Mapping[str, str]] = {}
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(text or "")):
        head = _HEAD.match(paragraph)
        if head is None:
            plain.append(_joined(paragraph))
            continue
        rest = paragraph[head.end() :]
        if head[1] in {"Args", "Attributes", "Raises"}:
            tables[head[1]] = _entries(rest)
        elif head[1] == "Note":
            notes.append(_joined(rest))
        else:
            texts[head[1]] = _joined(rest)
    return Docstring(
        summary=plain[0] if plain else "",
        body=tuple(plain[1:]),
        args=tables.get("Args", _NOTHING),
        attributes=tables.get("Attributes", _NOTHING),
        returns=texts.get("Returns", ""),
        raises=tables.get("Raises", _NOTHING),
        notes=tuple(notes),
        inferred=texts.get("Inferred"),
        reference=texts.get("Reference"),
    )


def _entries(block: str) -> Mapping[str, str]:
    """Read lines of ``name: text``; a line indented more deeply goes on with the entry before it."""
    lines = inspect.cleandoc(f"\n{block}" if block.startswith(" ") else block).splitlines()
    found: dict[str, str] = {}
    name = ""
    for line in lines:
        entry = None if line.startswith(" ") else _ENTRY.match(line)
        if entry is not None:
            name, found[entry[1]] = entry[1], entry[2]
        elif name:
            found[name] = f"{found[name]} {line.strip()}".strip()
    return found


def _joined(paragraph: str) -> str:
    return " ".join(paragraph.split())
