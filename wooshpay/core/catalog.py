"""Where the object classes are, told by the sections of the API, so that the core need not know them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from wooshpay.core.json import Json
    from wooshpay.core.objects import Object

_modules: Final[dict[str, str]] = {}
_tags: Final[dict[str, str]] = {}


def announce(modules: Mapping[str, str], tags: Mapping[str, str]) -> None:
    """Tell where object classes are.

    Args:
        modules: Class name to the module that defines it.
        tags: Value of the ``object`` field to class name.
    """
    _modules.update(modules)
    _tags.update(tags)


def knows(name: str) -> bool:
    """Whether a section announced an object class of this name."""
    return name in _modules


@cache
def load(name: str) -> type[Object]:
    """Import the object class of this name."""
    found: type[Object] = getattr(import_module(_modules[name]), name)
    return found


def class_for_tag(tag: Json) -> type[Object] | None:
    """Find the class for the value of an ``object`` field; ``None`` where the SDK knows none."""
    name = _tags.get(tag) if isinstance(tag, str) else None
    return load(name) if name is not None else None
