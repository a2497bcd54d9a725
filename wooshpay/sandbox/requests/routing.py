"""From method and path to an operation. The table is the declarations of the API themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

import attrs

from wooshpay.api import SECTIONS, declarations_of

if TYPE_CHECKING:
    from wooshpay.core.declaration import Declaration

_PLACEHOLDER = re.compile(r"\{(\w+)\}")

# Some lists stand at the collection's own path and some at /list below it, and programs in use mix the two up.
_LIST: Final = "/list"


@attrs.frozen
class Route:
    """What a request asks for.

    Attributes:
        operation: The SDK name of the operation.
        publishable: Whether a publishable key may ask for it.
        path: What stands in the placeholders of the path.
    """

    operation: str
    publishable: bool
    path: Mapping[str, str]


@attrs.frozen
class _Target:
    declaration: Declaration
    names: tuple[str, ...]


@attrs.define
class _Node:
    """One step into the paths. A literal segment is tried before a placeholder."""

    literals: dict[str, _Node] = attrs.field(factory=lambda: dict[str, _Node]())
    placeholder: _Node | None = None
    targets: dict[str, _Target] = attrs.field(factory=dict[str, _Target])


class Routes:
    """The routing table.

    A section of the API is imported when the first request to one of its paths comes: with all of them, the sandbox
    would take a tenth of a second longer to start.

    Args:
        declared: The operations. Default: all that the SDK declares.
    """

    def __init__(self, declared: Iterable[Declaration] | None = None) -> None:
        self._root = _Node()
        self._operations: dict[str, Declaration] = {}
        # By the first segments of their paths. A section whose paths do not begin with its name stands under its own
        # name all the same, and is found when everything is imported.
        self._waiting = {} if declared is not None else {section.replace(".", "/"): section for section in SECTIONS}
        if declared is not None:
            self._add_all(declared)

    def operation(self, name: str) -> Declaration:
        """Return the declaration of an operation that `find` has found."""
        return self._operations[name]

    def find(self, method: str, raw_path: str) -> Route | None:
        """Find the operation for a request; the path is as it came, percent-quoted.

        An empty segment counts as an empty ID where the path has a place for one, so that a program which lost the ID
        is not answered with a list. Elsewhere a slash at the end makes no difference.
        """
        found = self._find(method, raw_path)
        if found is None and self._import_section(_segments(raw_path)):
            found = self._find(method, raw_path)
        if found is None and self._waiting:
            self._import_rest()
            found = self._find(method, raw_path)
        return found

    def methods(self, raw_path: str) -> list[str]:
        """The verbs that a path takes; none where there is no such path."""
        self._import_rest()
        known = sorted({declaration.method for declaration in self._operations.values()})
        return [method for method in known if self.find(method, raw_path) is not None]

    def _find(self, method: str, raw_path: str) -> Route | None:
        values: list[str] = []
        target = None
        if raw_path.endswith("/"):
            target = self._search(self._root, method, [*_segments(raw_path), ""], 0, values)
        if target is None:
            target = self._search(self._root, method, _segments(raw_path), 0, values)
        if target is None:
            return None
        declaration = target.declaration
        return Route(declaration.name, declaration.publishable, dict(zip(target.names, values, strict=True)))

    def _import_section(self, segments: list[str]) -> bool:
        """Import the section that the first segments name; return whether there was one to import."""
        for length in (1, 2):
            section = self._waiting.pop("/".join(segments[1 : 1 + length]), None)
            if section is not None:
                self._add_all(declarations_of(section))
                return True
        return False

    def _import_rest(self) -> None:
        while self._waiting:
            self._add_all(declarations_of(self._waiting.popitem()[1]))

    def _add_all(self, declared: Iterable[Declaration]) -> None:
        added = {declaration.name: declaration for declaration in declared}
        self._operations.update(added)
        for declaration in added.values():
            self._add(declaration.method, declaration.path, declaration)
        for declaration in added.values():
            if declaration.is_list and declaration.name.endswith(".list"):
                self._add(declaration.method, other_path(declaration.path), declaration)

    def _add(self, method: str, path: str, declaration: Declaration) -> None:
        node = self._root
        names: list[str] = []
        for segment in _segments(path):
            found = _PLACEHOLDER.fullmatch(segment)
            if found is None:
                node = node.literals.setdefault(segment, _Node())
            else:
                names.append(found.group(1))
                node.placeholder = node.placeholder or _Node()
                node = node.placeholder
        node.targets[method] = _Target(declaration, tuple(names))

    def _search(self, node: _Node, method: str, segments: list[str], place: int, values: list[str]) -> _Target | None:
        if place == len(segments):
            return node.targets.get(method)
        segment = unquote(segments[place])
        literal = node.literals.get(segment)
        if literal is not None:
            found = self._search(literal, method, segments, place + 1, values)
            if found is not None:
                return found
        if node.placeholder is None:
            return None
        values.append(segment)
        found = self._search(node.placeholder, method, segments, place + 1, values)
        if found is None:
            values.pop()
        return found


def other_path(path: str) -> str:
    """The other path at which a list answers."""
    return path.removesuffix(_LIST) if path.endswith(_LIST) else path + _LIST


def _segments(path: str) -> list[str]:
    return path.strip("/").split("/")
