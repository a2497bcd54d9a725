"""The sections that can be exported: those whose objects are listed without naming another object."""

from __future__ import annotations

import typing
from difflib import get_close_matches
from functools import reduce
from importlib import import_module
from typing import Any

import attrs
import click

from wooshpay import WooshPay
from wooshpay.api import SECTIONS
from wooshpay.core.declaration import Declaration
from wooshpay.core.objects import Object
from wooshpay.core.paging import Pager
from wooshpay.describe.operations import Facts, facts_of


@attrs.frozen
class Section:
    """A section whose objects can be listed.

    Attributes:
        name: Its name, such as ``payment_intents``.
        facts: Its ``list`` operation.
    """

    name: str
    facts: Facts

    @property
    def object_class(self) -> type[Object]:
        """The class of its objects."""
        entries: type[Object] = typing.get_args(self.facts.returns)[0]
        return entries

    @property
    def filters_by_time(self) -> bool:
        """Whether WooshPay takes bounds on the time of creation."""
        return any(parameter.name == "created" for parameter in self.facts.parameters)

    def listed(self, client: WooshPay, **params: Any) -> Pager[Any]:
        """Its objects, page by page."""
        resource: Any = reduce(getattr, self.name.split("."), client)
        pager: Pager[Any] = resource.list(**params)
        return pager


def find_section(name: str) -> Section:
    """The section of a name, as in Python or as on the command line.

    Raises:
        click.UsageError: There is no such section, or its objects cannot be listed.
    """
    wanted = name.replace("-", "_").replace(" ", ".")
    if wanted not in SECTIONS:
        near = get_close_matches(wanted, [*SECTIONS], 1)
        hint = f" Did you mean {_typed(near[0])}?" if near else ""
        raise click.UsageError(f"There is no section {name!r}.{hint} {_offer()}")
    section = _section(wanted)
    if section is None:
        raise click.UsageError(f"{_typed(wanted)} has no list of all its objects. {_offer()}")
    return section


def _section(name: str) -> Section | None:
    resource: type = getattr(import_module(f"wooshpay.api.{name}"), SECTIONS[name])
    declaration = vars(resource).get("list")
    if not isinstance(declaration, Declaration):
        return None
    facts = facts_of(declaration)
    return None if any(parameter.required for parameter in facts.parameters) else Section(name, facts)


def _offer() -> str:
    names = [_typed(name) for name in SECTIONS if _section(name) is not None]
    return f"Those that can be exported: {', '.join(names)}."


def _typed(name: str) -> str:
    return name.replace("_", "-")
