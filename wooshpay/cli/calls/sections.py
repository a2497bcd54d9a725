"""The sections of the API as groups of commands.

The map of all commands needs little: what an operation's own command needs besides is imported with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib import import_module
from typing import Any, Final

import click

from wooshpay.api import SECTIONS
from wooshpay.cli.groups import LazyGroup
from wooshpay.core.composed import Composed
from wooshpay.core.declaration import Declaration
from wooshpay.core.docstring import read_docstring
from wooshpay.sections import Sections

# Methods that make several calls have commands of their own: the method, and the module whose `command` it is.
_COMPOSED: Final = {"webhook_endpoints.ensure": "wooshpay.cli.ensure"}


def purposes_of_sections() -> dict[str, str]:
    """The sections that a client has, and what each is for. None of them is imported for that."""
    names = dict.fromkeys(section.partition(".")[0] for section in SECTIONS)
    return {_hyphenated(name): read_docstring(vars(Sections)[name].__doc__).summary for name in names}


def find_section(name: str) -> click.Command:
    """Make the group of a section, by its name on the command line."""
    section = name.replace("-", "_")
    return OperationGroup(section) if section in SECTIONS else SectionGroup(section)


class SectionGroup(LazyGroup):
    """Sections within a section, such as ``checkout``."""

    def __init__(self, name: str) -> None:
        super().__init__(_hyphenated(name), help=purposes_of_sections()[_hyphenated(name)])
        self._sections = {
            _hyphenated(section.partition(".")[2]): section for section in SECTIONS if section.startswith(f"{name}.")
        }

    @property
    def purposes(self) -> Mapping[str, Mapping[str, str]]:
        """The sections, and what each is for."""
        from wooshpay.describe.operations import purpose_of

        return {"Sections": {name: purpose_of(section) for name, section in self._sections.items()}}

    def find(self, name: str) -> click.Command:
        """Make the group of a section."""
        return OperationGroup(self._sections[name])


class OperationGroup(LazyGroup):
    """The operations of one section."""

    def __init__(self, section: str) -> None:
        from wooshpay.describe.operations import purpose_of

        super().__init__(_hyphenated(section.rpartition(".")[2]), help=purpose_of(section))
        self._section = section

    @cached_property
    def _members(self) -> Mapping[str, object]:
        resource: type = getattr(import_module(f"wooshpay.api.{self._section}"), SECTIONS[self._section])
        return vars(resource)

    @cached_property
    def _declarations(self) -> Mapping[str, Declaration]:
        found = self._members.items()
        return {_hyphenated(name): member for name, member in found if isinstance(member, Declaration)}

    @cached_property
    def _composed(self) -> Mapping[str, Composed[..., Any]]:
        composed: dict[str, Composed[..., Any]] = {}
        for name, member in self._members.items():
            if isinstance(member, Composed):
                composed[_hyphenated(name)] = member
        return {name: member for name, member in composed.items() if member.name in _COMPOSED}

    @property
    def purposes(self) -> Mapping[str, Mapping[str, str]]:
        """The operations, and what each does; then the methods that make several calls."""
        operations = {name: _first_sentence(found.text.summary) for name, found in self._declarations.items()}
        composed = {
            name: _first_sentence(read_docstring(found.__doc__).summary) for name, found in self._composed.items()
        }
        return {"Operations": operations, **({"Several calls": composed} if composed else {})}

    def find(self, name: str) -> click.Command:
        """Make the command of an operation, or import that of a method that makes several calls."""
        composed = self._composed.get(name)
        if composed is not None:
            command: click.Command = import_module(_COMPOSED[composed.name]).command
            return command
        from wooshpay.cli.calls.operation import OperationCommand

        return OperationCommand(name, self._declarations[name])


def _hyphenated(name: str) -> str:
    return name.replace("_", "-")


def _first_sentence(text: str) -> str:
    from wooshpay.cli.calls.descriptions import plain

    first, end, _ = plain(text).partition(". ")
    return f"{first}." if end else first
