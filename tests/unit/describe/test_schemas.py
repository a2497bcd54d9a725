"""Types written as JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NotRequired, Required, TypedDict

import pytest

from wooshpay.api.charges import Charge
from wooshpay.api.refunds import Refund
from wooshpay.core.listing import ListObject
from wooshpay.core.objects import AsText, Object, model, wire
from wooshpay.describe.schemas import Schemas, described, markdown


class Small(TypedDict, total=False):
    """A small shape. ``None`` in ``size`` means none.

    And a second paragraph.
    """

    name: Required[str]
    size: int | None


class Larger(Small):
    colour: Literal["red", "blue"]
    notes: NotRequired[Sequence[str]]


SMALL = Small


@model
class Node(Object):
    """A node.

    Attributes:
        parent: The node above; ``None`` at the top.
    """

    TAG = "node"

    id: str
    object: str
    parent: str | Node | None = None
    odd: str | None = wire("odd-name", default=None)


def ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        (str, {"type": "string"}),
        (int, {"type": "integer"}),
        (float, {"type": "number"}),
        (bool, {"type": "boolean"}),
        (Any, {}),
        (str | None, {"type": ["string", "null"]}),
        (int | str, {"type": ["integer", "string"]}),
        (int | str | None, {"type": ["integer", "string", "null"]}),
        (AsText[int], {"type": ["integer", "string"]}),
        (AsText[int] | None, {"type": ["integer", "string", "null"]}),
        (Sequence[str], {"type": "array", "items": {"type": "string"}}),
        (list[Any], {"type": "array"}),
        (list[str] | None, {"type": ["array", "null"], "items": {"type": "string"}}),
        (Mapping[str, str], {"type": "object", "additionalProperties": {"type": "string"}}),
        (dict[str, Any], {"type": "object"}),
        (
            Sequence[str] | str | None,
            {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}, {"type": "null"}]},
        ),
        (
            AsText[list[str]] | None,
            {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}, {"type": "null"}]},
        ),
        (Small, ref("Small")),
        (Small | None, {"anyOf": [ref("Small"), {"type": "null"}]}),
        (str | Refund | None, {"anyOf": [{"type": "string"}, ref("Refund"), {"type": "null"}]}),
        (Object, ref("AnyObject")),
        (ListObject[Refund], ref("RefundList")),
    ],
)
def test_a_type_has_its_schema(hint: Any, schema: object) -> None:
    assert Schemas().of(hint, answer=True) == schema


@pytest.mark.parametrize(
    ("hint", "sent", "comes"),
    [
        (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}, {"type": "string", "examples": ["a", "b"]}),
        (
            Literal["a"] | None,
            {"type": ["string", "null"], "enum": ["a", None]},
            {"type": ["string", "null"], "examples": ["a"]},
        ),
        (Literal["a"] | str, {"type": "string", "examples": ["a"]}, {"type": "string", "examples": ["a"]}),
        (
            Literal["a"] | Literal["b"] | str | None,
            {"type": ["string", "null"], "examples": ["a", "b"]},
            {"type": ["string", "null"], "examples": ["a", "b"]},
        ),
    ],
)
def test_listed_values_close_what_is_sent_and_never_what_comes(hint: Any, sent: object, comes: object) -> None:
    assert Schemas().of(hint) == sent
    assert Schemas().of(hint, answer=True) == comes


def test_a_shape_requires_what_its_marks_or_its_class_say_also_where_it_extends_another() -> None:
    schemas = Schemas()
    schemas.of(Larger)
    schemas.of(Small)
    assert schemas.made["Small"]["required"] == ["name"]
    assert schemas.made["Larger"]["required"] == ["name", "colour"]
    assert list(schemas.made["Larger"]["properties"]) == ["name", "size", "colour", "notes"]


def test_the_text_of_a_shape_is_markdown_with_the_constants_of_json() -> None:
    schemas = Schemas()
    schemas.of(Small)
    assert (
        schemas.made["Small"]["description"] == "A small shape. `null` in `size` means none.\n\nAnd a second paragraph."
    )


def test_an_object_has_its_fields_by_their_names_on_the_wire_and_may_hold_itself() -> None:
    schemas = Schemas()
    schemas.of(Node, answer=True)
    assert schemas.made == {
        "Node": {
            "type": "object",
            "description": "A node.",
            "properties": {
                "id": {"type": "string"},
                "object": {"type": "string", "examples": ["node"]},
                "parent": {
                    "anyOf": [{"type": "string"}, ref("Node"), {"type": "null"}],
                    "description": "The node above; `null` at the top.",
                },
                "odd-name": {"type": ["string", "null"]},
            },
            "required": ["id", "object"],
        }
    }


def test_the_list_of_a_class_named_later_is_the_list_of_that_class() -> None:
    schemas = Schemas()
    schemas.of(Charge, answer=True)
    schemas.of(ListObject[Refund], answer=True)
    assert schemas.made["RefundList"]["properties"]["data"]["items"] == ref("Refund")


def test_two_classes_of_one_name_are_refused() -> None:
    class Small(TypedDict):
        """Another shape of that name."""

    schemas = Schemas()
    schemas.of(SMALL)
    with pytest.raises(TypeError, match="two classes of the API are called Small"):
        schemas.of(Small)


@pytest.mark.parametrize("hint", [bytes, object, tuple[int, int]])
def test_a_type_without_a_json_form_is_refused(hint: Any) -> None:
    with pytest.raises(TypeError, match="no JSON form"):
        Schemas().of(hint)


def test_constants_are_respelled_in_code_and_nowhere_else() -> None:
    assert markdown("None but ``confirm=True`` or ``NoneSuch``") == "None but `confirm=true` or `NoneSuch`"


def test_a_schema_without_a_text_gets_no_description() -> None:
    assert described({"type": "string"}, "") == {"type": "string"}
    assert described(ref("Node"), "Where.") == {**ref("Node"), "description": "Where."}
