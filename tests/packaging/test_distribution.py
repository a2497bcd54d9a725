"""What is uploaded and what it asks for: the wheel's content, its reproducibility, the bounds of its requirements."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement

ROOT: Final = Path(__file__).parents[2]
# What the package is made of. A file of another kind in the wheel is a stray, until it is named here.
KINDS: Final = {".css", ".html", ".js", ".py", ".typed"}
_LATER: Final = 1_900_000_000


def _copy(target: Path) -> Path:
    """The files that a distribution is made of, without what a checkout has beside them."""
    target.mkdir()
    for name in (".docs", "wooshpay", "tests", "benchmarks"):
        shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", ".gitignore"):
        shutil.copy(ROOT / name, target / name)
    return target


def _build(tree: Path, kind: str) -> Path:
    made = tree.parent / f"{tree.name}-{kind}"
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", kind, "--directory", str(made)],
        cwd=tree,
        check=True,
        capture_output=True,
    )
    (built,) = made.iterdir()
    return built


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _copy(tmp_path_factory.mktemp("distribution") / "tree")


@pytest.fixture(scope="module")
def wheel(tree: Path) -> Path:
    return _build(tree, "wheel")


@pytest.fixture(scope="module")
def source(tree: Path) -> Path:
    return _build(tree, "sdist")


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(wheel: Path) -> None:
    files = [path for path in (ROOT / "wooshpay").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    wanted = {str(path.relative_to(ROOT)) for path in files if path.suffix != ".md"}
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == wanted
    assert {Path(name).suffix for name in held} == KINDS


def test_the_wheel_says_that_it_is_typed_and_carries_the_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "wooshpay/py.typed" in names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_source_distribution_holds_the_tests_that_its_users_may_run(source: Path) -> None:
    with tarfile.open(source) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    assert {"pyproject.toml", "README.md", "LICENSE", "tests/conftest.py", "wooshpay/__init__.py"} <= names
    assert {name.split("/")[0] for name in names} <= {
        *(".docs", "benchmarks", "tests", "wooshpay", ".gitignore", "CHANGELOG.md", "LICENSE", "PKG-INFO", "README.md"),
        "pyproject.toml",
    }


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_whoever_builds_it_gets_the_same_bytes(
    kind: str, wheel: Path, source: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    again = _copy(tmp_path_factory.mktemp("again") / "elsewhere")
    for path in again.rglob("*"):
        os.utime(path, (_LATER, _LATER))
    first = wheel if kind == "wheel" else source
    assert _build(again, kind).read_bytes() == first.read_bytes()


def _requirements() -> dict[str, list[Requirement]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = {"": project["dependencies"], **project["optional-dependencies"]}
    return {
        group: [Requirement(line) for line in lines if not line.startswith("wooshpay[")]
        for group, lines in groups.items()
    }


def test_every_requirement_has_a_lower_bound_and_none_keeps_its_user_from_an_update() -> None:
    for group, requirements in _requirements().items():
        for requirement in requirements:
            operators = [specifier.operator for specifier in requirement.specifier]
            assert operators == [">="], f"{group or 'dependencies'}: {requirement}"


def test_the_sdk_itself_needs_three_packages() -> None:
    assert {requirement.name for requirement in _requirements()[""]} == {"aiohttp", "attrs", "cattrs"}
