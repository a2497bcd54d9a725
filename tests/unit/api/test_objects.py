"""What holds for every object class of the sections."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from support.answers import EXAMPLES

from wooshpay.api import OBJECTS, TAGS
from wooshpay.core.catalog import class_for_tag, load
from wooshpay.core.json import is_array, is_object
from wooshpay.core.objects import Object, wire_names

WHOLE = [name for name in EXAMPLES if name.endswith("_whole")]

CLIENT_SECRET = "pi_1693466278934609920_secret_xjsfriry3X8stv3ROmynz0kz"

each_class = pytest.mark.parametrize("name", sorted(OBJECTS))
each_example = pytest.mark.parametrize(("file", "cls"), EXAMPLES.items(), ids=EXAMPLES)


def exact(value: Any) -> str:
    """JSON text, which tells 1 from 1.0 and from true."""
    return json.dumps(value, sort_keys=True)


def unknown_fields(value: Any, path: str = "") -> list[str]:
    if isinstance(value, Object):
        names = [f"{path}.{name}" for name in value.extra]
        cls: type = type(value)
        return names + [
            found for name, _ in wire_names(cls) for found in unknown_fields(getattr(value, name), f"{path}.{name}")
        ]
    if is_array(value):
        return [found for item in value for found in unknown_fields(item, f"{path}[]")]
    if is_object(value):
        return [found for key, item in value.items() for found in unknown_fields(item, f"{path}[{key}]")]
    return []


def unset_fields(value: Object) -> list[str]:
    cls: type = type(value)
    return [name for name, _ in wire_names(cls) if getattr(value, name) is None]


def in_every_field(cls: type[Object], value: object) -> dict[str, Any]:
    kind: type = cls
    return {wire: value for _, wire in wire_names(kind)}


# ---- the tables -----------------------------------------------------------------------------------------------


@each_class
def test_every_object_stands_in_the_module_that_the_table_names(name: str) -> None:
    cls = load(name)
    assert issubclass(cls, Object)
    assert (cls.__name__, cls.__module__) == (name, f"wooshpay.api.{OBJECTS[name]}")


@pytest.mark.parametrize("tag", sorted(TAGS))
def test_every_tag_leads_to_the_class_that_carries_it(tag: str) -> None:
    cls = class_for_tag(tag)
    assert cls is not None
    assert tag == cls.TAG


@each_class
def test_every_class_with_a_tag_is_found_by_it_unless_it_is_what_remains_of_a_deleted_object(name: str) -> None:
    tag = load(name).TAG
    assert (TAGS.get(tag) == name) == (tag != "" and not name.startswith("Deleted"))


# ---- documented answers ---------------------------------------------------------------------------------------


@each_example
def test_nothing_of_a_documented_answer_is_unknown(
    file: str, cls: str, example: Callable[[str], dict[str, Any]]
) -> None:
    assert unknown_fields(load(cls).from_dict(example(file))) == []


@each_example
def test_to_dict_gives_a_documented_answer_back_exactly(
    file: str, cls: str, example: Callable[[str], dict[str, Any]]
) -> None:
    assert exact(load(cls).from_dict(example(file)).to_dict()) == exact(example(file))


@each_example
def test_a_documented_answer_survives_pickling_and_copying(
    file: str, cls: str, example: Callable[[str], dict[str, Any]]
) -> None:
    made = load(cls).from_dict(example(file))
    for other in (pickle.loads(pickle.dumps(made)), copy.deepcopy(made), copy.copy(made)):
        assert other == made
        assert exact(other.to_dict()) == exact(example(file))


@pytest.mark.parametrize("file", WHOLE)
def test_the_whole_answer_fills_every_field_of_its_class(file: str, example: Callable[[str], dict[str, Any]]) -> None:
    assert unset_fields(load(EXAMPLES[file]).from_dict(example(file))) == []


# ---- any answer -----------------------------------------------------------------------------------------------


@each_class
def test_an_empty_answer_gives_an_object_without_values(name: str) -> None:
    made = load(name).from_dict({})
    cls: type = type(made)
    assert unset_fields(made) == [field for field, _ in wire_names(cls)]
    assert made.to_dict() == {}
    assert repr(made) == f"<{name}>"


@each_class
def test_no_repr_shows_a_client_secret_wherever_it_stands(name: str) -> None:
    cls = load(name)
    for value in (CLIENT_SECRET, f"https://pay.example/?clientSecret={CLIENT_SECRET}", [CLIENT_SECRET]):
        made = cls.from_dict({**in_every_field(cls, value), "field_of_tomorrow": value})
        assert "xjsfriry3X8stv3ROmynz0kz" not in repr(made)


@pytest.mark.parametrize(
    "secret", ["whsec_9rMfZUGWM3gTTBtn0f8kPEfmiIJCmzQi", "c2tfdGVzdF9kR1Z6ZERwMFpYTjBNVEl6TkRVMjo="]
)
def test_no_repr_shows_the_secret_of_a_webhook_endpoint(secret: str, example: Callable[[str], dict[str, Any]]) -> None:
    made = load("WebhookEndpoint").from_dict({**example("webhook_endpoint_2022"), "secret": secret})
    assert secret[-12:] not in repr(made)
    assert "secret=[hidden]" in repr(made)


def test_no_repr_shows_an_account_number() -> None:
    assert "DE1250" not in repr(load("SepaOptions").from_dict({"iban": "DE12500105170648489890"}))
