"""Every operation as a command: what would be sent is what the same arguments send in Python."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

import pytest
from support.arguments import every
from support.cli import run, words
from support.texts import in_places, in_whole
from support.wire import nested

from wooshpay.api import declarations
from wooshpay.core.json import is_array, is_object
from wooshpay.core.redaction import redact_json
from wooshpay.describe.operations import Facts, all_facts
from wooshpay.describe.shapes import shape_of
from wooshpay.describe.values import type_at

FACTS: Final = {facts.name: facts for facts in all_facts()}
DECLARED: Final = {declaration.name: declaration for declaration in declarations()}
HOSTILE: Final = "../a b/ü?x=1&y#z%2F"

each_operation = pytest.mark.parametrize("name", list(FACTS))


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> None:  # pyright: ignore[reportUnusedFunction]
    """In place of the check after every test, which would take longer than the tests."""


def arguments_for(name: str, file: Path) -> dict[str, Any]:
    found = every(DECLARED[name])
    return {**found, "file": str(file)} if name == "files.create" else found


def option(place: str) -> str:
    """Hyphens in the parameter's name; keys as they are in the API."""
    name, dot, keys = place.partition(".")
    return f"--{name.replace('_', '-')}{dot}{keys}"


def typed(facts: Facts, given: Iterator[tuple[str, str]]) -> Iterator[str]:
    for place, text in given:
        shape = shape_of(type_at(facts, place))
        if shape.kind == "boolean" and "." not in place:
            yield option(place) if text == "true" else f"--no-{option(place)[2:]}"
        else:
            yield from (option(place), text)


def ids_for(facts: Facts) -> list[str]:
    return [f"{HOSTILE}{number}" for number, one in enumerate(facts.parameters) if one.place == "path"]


def path_for(facts: Facts) -> str:
    ids = iter(ids_for(facts))
    return "/".join(quote(next(ids), safe="") if step.startswith("{") else step for step in facts.path.split("/"))


def as_query(value: Any) -> Any:
    if is_object(value):
        return {name: as_query(inner) for name, inner in value.items()}
    if is_array(value):
        return [as_query(inner) for inner in value]
    return value if isinstance(value, str) else json.dumps(value)


def expected(facts: Facts, arguments: Mapping[str, Any]) -> Any:
    names = {parameter.name: parameter.wire for parameter in facts.parameters}
    return redact_json({names[name]: value for name, value in arguments.items()})


# ---- the requests ---------------------------------------------------------------------------------------------


@each_operation
@pytest.mark.parametrize("write", [in_whole, in_places])
def test_what_is_typed_is_what_is_sent(write: Any, name: str, tmp_path: Path) -> None:
    facts = FACTS[name]
    (tmp_path / "paper.png").touch()
    arguments = arguments_for(name, tmp_path / "paper.png")
    done = run(*words(name), *ids_for(facts), *typed(facts, write(facts, arguments)), "--dry-run")
    assert (done.code, done.err) == (0, "Nothing was sent.\n")
    head, _, body = done.out.partition("\n\n")
    verb, url = head.splitlines()[0].split(" ", 1)
    parts = urlsplit(url)
    assert (verb, parts.path) == (facts.method, path_for(facts))
    places = {one.place for one in facts.parameters if one.place != "path"}
    assert nested(parts.query) == (as_query(expected(facts, arguments)) if places & {"query", "query+body"} else {})
    if places & {"body", "query+body", "form"}:
        assert json.loads(body) == expected(facts, arguments)
    else:
        assert body.strip() in {"", "{}"}
    assert ("\nIdempotency-Key: auto_" in head) == (verb == "POST")


@each_operation
def test_without_options_nothing_but_the_ids_is_sent(name: str) -> None:
    """A default of the command's own would overrule WooshPay's."""
    facts = FACTS[name]
    if any(one.required and one.place != "path" for one in facts.parameters):
        done = run(*words(name), *ids_for(facts), "--dry-run")
        assert (done.code, done.out) == (2, "")
        assert " is missing." in done.err
        return
    done = run(*words(name), *ids_for(facts), "--dry-run")
    first, *_ = done.out.splitlines()
    assert first.endswith(path_for(facts))
    assert done.out.partition("\n\n")[2].strip() in {"", "{}"}


# ---- the help -------------------------------------------------------------------------------------------------


@each_operation
def test_help_tells_every_parameter_and_fits_80_columns(name: str) -> None:
    facts = FACTS[name]
    done = run(*words(name), "--help", COLUMNS="80")
    assert (done.code, done.err) == (0, "")
    assert f"  {facts.method} {facts.path}" in done.out
    for parameter in facts.parameters:
        shown = parameter.name.upper() if parameter.place == "path" else option(parameter.name)
        assert f"\n  {shown}" in done.out
    assert not any(python in done.out for python in ("``", "=True", "ListObject", "bytes, a file opened"))
    assert max(map(len, done.out.splitlines())) <= 80


def test_every_section_lists_its_operations() -> None:
    for section in {facts.section for facts in FACTS.values()}:
        done = run(*words(section), "--help", COLUMNS="80")
        assert done.code == 0
        for facts in FACTS.values():
            if facts.section == section:
                assert f"\n  {words(facts.name)[-1]} " in done.out
        assert max(map(len, done.out.splitlines())) <= 80


def test_no_parameter_hides_behind_an_option_of_the_command() -> None:
    own = {"all", "format", "dry-run", "body", "idempotency-key", "live", "base-url", "api-key", "api-key-file"}
    own |= {"timeout", "max-retries", "help"}
    assert not {parameter.name.replace("_", "-") for facts in FACTS.values() for parameter in facts.parameters} & own
