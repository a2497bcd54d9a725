"""The types of an object's fields, resolved when somebody reads them.

An object may hold objects of any other section: a payment intent has a customer, a charge and a payment method.
If each section imported all of these, a program that makes one call would start half a second later. So their classes
are imported for type checkers only. `Annotations` compensates for that: `typing.get_type_hints`, `attrs.resolve_types`
and `inspect.get_annotations` see the classes themselves, and import them at that moment.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, ItemsView, Iterator, Mapping, ValuesView
from typing import Any

from wooshpay.core.catalog import knows, load


class Annotations(dict[str, Any]):
    """The annotations of one object class. They are text until they are read for the first time.

    Attributes:
        written: The annotations as text, as they are written in the class.
    """

    def __init__(self, written: Mapping[str, Any], module: str) -> None:
        super().__init__(written)
        self.written = dict(written)
        self._module = module
        self._resolved = False

    def _resolve(self) -> None:
        if not self._resolved:
            self._resolved = True
            self.update(evaluate(self.written, self._module, load))

    def __getitem__(self, name: str) -> Any:
        self._resolve()
        return super().__getitem__(name)

    def __iter__(self) -> Iterator[str]:
        # Copying a dict calls this first.
        self._resolve()
        return super().__iter__()

    def get(self, name: str, default: Any = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the type of a field."""
        self._resolve()
        return super().get(name, default)

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the names of the fields with their types."""
        self._resolve()
        return super().items()

    def values(self) -> ValuesView[Any]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the types of the fields."""
        self._resolve()
        return super().values()

    def copy(self) -> dict[str, Any]:
        """Return a plain dict of the types."""
        self._resolve()
        return dict(self)


class _Names(Mapping[str, Any]):
    """The names that a section knows only under TYPE_CHECKING."""

    def __init__(self, imported: Mapping[str, Any], find: Callable[[str], Any]) -> None:
        self._imported = imported
        self._find = find

    def __getitem__(self, name: str) -> Any:
        if name in self._imported or not knows(name):
            raise KeyError(name)
        return self._find(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def evaluate(written: Mapping[str, Any], module: str, find: Callable[[str], Any]) -> dict[str, Any]:
    """Turn annotations from text into types.

    Args:
        written: Name to annotation. What is not text is a type already.
        module: The module that holds the class.
        find: Returns what stands for an object class that the module does not import at run time.

    Raises:
        NameError: An annotation uses a name that is neither in the module nor an object class.
    """
    known = vars(sys.modules[module])
    names = _Names(known, find)
    # The text is the annotations in the source of the class, never something received.
    return {
        name: eval(text, known, names) if isinstance(text, str) else text  # noqa: S307  # see above
        for name, text in written.items()
    }
