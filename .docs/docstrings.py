"""Shows the declarations as the reference wants them: what an object holds as a table, marks as remarks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import griffe

_MARK: Final = re.compile(r"^(Note|Inferred|Reference): (.*?)(?=\n\n|\Z)", re.MULTILINE | re.DOTALL)
_VERBS: Final = {"get": "GET", "post": "POST", "delete": "DELETE", "paged": "GET"}


class Declarations(griffe.Extension):
    """Rewrites what griffe read of ``wooshpay.api``; everything else stays as it is."""

    def on_function(self, *, func: griffe.Function, loader: griffe.GriffeLoader, **kwargs: Any) -> None:
        """Put the request above an operation's text, and take ``Unset`` out of its types."""
        for parameter in func.parameters:
            parameter.annotation = _without_unset(parameter.annotation)
        if not func.path.startswith("wooshpay.api.") or func.docstring is None:
            return
        func.docstring.value = _MARK.sub(_remark, func.docstring.value)
        sections = func.docstring.parsed
        request = _request(func)
        if request and isinstance(sections[0], griffe.DocstringSectionText):
            sections[0].value = f"{request}\n\n{sections[0].value}"

    def on_class(self, *, cls: griffe.Class, loader: griffe.GriffeLoader, **kwargs: Any) -> None:
        """List all that an object or a shape holds, described or not."""
        if not cls.path.startswith("wooshpay.api.") or cls.docstring is None:
            return
        rows = list(_rows(cls))
        if not rows:
            return
        sections = cls.docstring.parsed
        described: dict[str, str] = {}
        for section in sections:
            if isinstance(section, griffe.DocstringSectionAttributes):
                described = {attribute.name: attribute.description for attribute in section.value}
        for row in rows:
            row.description = described.get(row.name, row.description)
        kept = [section for section in sections if not isinstance(section, griffe.DocstringSectionAttributes)]
        title = "Keys:" if _is_shape(cls) else "Fields:"
        vars(cls.docstring)["parsed"] = [*kept, griffe.DocstringSectionAttributes(rows, title)]


def _rows(cls: griffe.Class) -> Iterator[griffe.DocstringAttribute]:
    for name, member in cls.attributes.items():
        if name.startswith("_") or name in {"TAG", "extra"}:
            continue
        value = member.value
        called = str(value.function) if isinstance(value, griffe.ExprCall) else ""
        if called in {"Moment", "IdOf"} and isinstance(value, griffe.ExprCall):
            field = str(value.arguments[0]).strip("'\"")
            kind = "datetime | None" if called == "Moment" else "str | None"
            says = f"`{field}` as an aware datetime." if called == "Moment" else f"The id in `{field}`, in either form."
            yield griffe.DocstringAttribute(name, annotation=kind, description=says)
        elif member.annotation is not None:
            yield griffe.DocstringAttribute(name, annotation=member.annotation, description="")


def _is_shape(cls: griffe.Class) -> bool:
    return any(str(base).endswith(("TypedDict", "Param")) for base in cls.bases)


def _request(func: griffe.Function) -> str:
    for decorator in func.decorators:
        value = decorator.value
        if isinstance(value, griffe.ExprCall) and str(value.function) in _VERBS:
            path = str(value.arguments[0]).strip("'\"")
            return f"`{_VERBS[str(value.function)]} {path}`"
    return ""


def _remark(mark: re.Match[str]) -> str:
    kind, text = mark[1], " ".join(mark[2].split())
    if kind == "Reference":
        return f"In WooshPay's reference: *{text}*."
    title = "Not read in WooshPay's reference, but inferred" if kind == "Inferred" else "Note"
    return f'!!! {"warning" if kind == "Inferred" else "note"} "{title}"\n    {text}'


def _without_unset(annotation: Any) -> Any:
    """Take ``Unset`` out of a union: that a parameter may be left out shows in its default."""
    if not isinstance(annotation, griffe.ExprBinOp):
        return annotation
    left, right = _without_unset(annotation.left), _without_unset(annotation.right)
    if _is_unset(right):
        return left
    if _is_unset(left):
        return right
    return griffe.ExprBinOp(left, annotation.operator, right)


def _is_unset(expression: Any) -> bool:
    return isinstance(expression, griffe.ExprName) and expression.name == "Unset"
