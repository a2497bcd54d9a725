"""The pages of the API reference: one for each section, made of its module's declarations and objects."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

from wooshpay.api import SECTIONS
from wooshpay.core.declaration import Declaration
from wooshpay.core.docstring import read_docstring
from wooshpay.core.objects import Object

SHARED = ("shared", "issuing.shared")


def pages() -> list[str]:
    """The modules under ``wooshpay.api`` that have a page, sections first."""
    return [*SECTIONS, *SHARED]


def page_name(module: str) -> str:
    """Where a module's page is."""
    return f"reference/{module}.md"


def page_of(module: str) -> str:
    """A module's page."""
    home = import_module(f"wooshpay.api.{module}")
    return "\n\n".join([*_head(module, home), *_operations(module, home), *_rest(home)]) + "\n"


def _head(module: str, home: ModuleType) -> Iterator[str]:
    resource = SECTIONS.get(module)
    yield f"# {_title(module)}"
    text = read_docstring((getattr(home, resource) if resource else home).__doc__)
    yield from (_plain(paragraph) for paragraph in [text.summary, *text.body])
    if resource:
        yield f"On a client: `client.{module}`."


def _operations(module: str, home: ModuleType) -> Iterator[str]:
    if module not in SECTIONS:
        return
    resource: type = getattr(home, SECTIONS[module])
    path = f"{home.__name__}.{resource.__name__}"
    names = [name for name, member in vars(resource).items() if not name.startswith("_") and callable_of(member)]
    rows = ["| Call | Request | |", "| --- | --- | --- |"]
    for name in names:
        member = vars(resource)[name]
        request = f"`{member.method} {member.path}`" if isinstance(member, Declaration) else ""
        summary = _plain(read_docstring(member.__doc__).summary).replace("|", "\\|")
        rows.append(f"| [`{name}`][{path}.{name}] | {request} | {summary} |")
    yield "\n".join(rows)
    for name in names:
        yield _directive(f"{path}.{name}", f"{module}.{name}")


def _rest(home: ModuleType) -> Iterator[str]:
    classes = [cls for cls in vars(home).values() if inspect.isclass(cls) and cls.__module__ == home.__name__]
    public = [cls for cls in classes if not cls.__name__.startswith("_")]
    objects = [cls for cls in public if issubclass(cls, Object)]
    shapes = [cls for cls in public if typing.is_typeddict(cls)]
    values = [name for name, kind in inspect.get_annotations(home).items() if kind == "TypeAlias" and name[0] != "_"]
    for title, names in (
        ("Objects", [cls.__name__ for cls in objects]),
        ("Shapes of parameters", [cls.__name__ for cls in shapes]),
        ("Values", values),
    ):
        if names:
            yield f"## {title}"
            yield from (_directive(f"{home.__name__}.{name}", name, level=3) for name in names)


def callable_of(member: object) -> bool:
    """Whether a member of a resource is something to call: an operation, or a method beside them."""
    return isinstance(member, Declaration) or callable(member) or hasattr(type(member), "__get__")


def _directive(path: str, heading: str, *, level: int = 2) -> str:
    options = {"heading": f'"{heading}"', "toc_label": f'"{heading.rpartition(".")[2]}"', "heading_level": level}
    return "\n".join([f"::: {path}", "    options:", *(f"      {name}: {value}" for name, value in options.items())])


def _title(module: str) -> str:
    title = module.replace(".", " ").replace("_", " ").capitalize()
    return {"fx_quotes": "FX quotes", "shared": "Shared shapes", "issuing.shared": "Issuing, shared"}.get(module, title)


def _plain(text: str) -> str:
    return text.replace("``", "`")
