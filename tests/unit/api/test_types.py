"""`wooshpay.types`: every object in one place, and none of them imported before it is used."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from wooshpay import types
from wooshpay.api import OBJECTS
from wooshpay.core.catalog import load
from wooshpay.core.codec import UnknownObject
from wooshpay.core.listing import ListObject
from wooshpay.core.objects import Object


@pytest.mark.parametrize("name", sorted(OBJECTS))
def test_every_object_can_be_imported(name: str) -> None:
    assert getattr(types, name) is load(name)
    assert name in types.__all__
    assert name in dir(types)


def test_the_general_classes_can_be_imported_too() -> None:
    assert (types.ListObject, types.Object, types.UnknownObject) == (ListObject, Object, UnknownObject)


def test_type_checkers_see_the_very_names_that_exist_at_run_time() -> None:
    tree = ast.parse(Path(types.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.asname or "": f"{node.module}.{alias.name}"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    core = {
        "ListObject": "wooshpay.core.listing.ListObject",
        "Object": "wooshpay.core.objects.Object",
        "UnknownObject": "wooshpay.core.codec.UnknownObject",
    }
    assert seen == {name: f"wooshpay.api.{module}.{name}" for name, module in OBJECTS.items()} | core
    assert sorted(types.__all__) == sorted(seen)


def test_a_name_that_is_no_object_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Refunds"):
        _ = types.Refunds  # pyright: ignore[reportAttributeAccessIssue]


def test_importing_it_imports_no_section() -> None:
    code = (
        "import sys, wooshpay.types as types\n"
        "before = [name for name in sys.modules if name.startswith('wooshpay.api.')]\n"
        "types.Customer\n"
        "after = [name for name in sys.modules if name.startswith('wooshpay.api.')]\n"
        "assert before == [], before\n"
        "assert 'wooshpay.api.customers' in after and 'wooshpay.api.charges' not in after, after\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
