"""Declarations read as facts."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

import pytest

from wooshpay.api import SECTIONS, declarations
from wooshpay.api.payment_intents import PaymentIntent
from wooshpay.api.refunds import Refund
from wooshpay.config import RequestOptions
from wooshpay.core.declaration import Declaration, Resource, W, get, paged, post
from wooshpay.core.listing import ListObject
from wooshpay.core.unset import UNSET, Unset
from wooshpay.core.upload import FileSource, Upload
from wooshpay.describe.operations import Facts, all_facts, facts_of, purpose_of, to_json, values_of, without_unset

DECLARED = {declaration.name: declaration for declaration in declarations()}
FACTS = {facts.name: facts for facts in all_facts()}

each_operation = pytest.mark.parametrize(
    ("declaration", "facts"), [(DECLARED[name], FACTS[name]) for name in DECLARED], ids=list(DECLARED)
)


class Things(Resource[W]):
    """Things of this test."""

    @post("/v1/things/{id}/of/{owner}", wire={"off_session": "off-session"})
    def change(
        self,
        id: str,
        owner: str,
        /,
        *,
        off_session: bool | Unset = UNSET,
        kind: Literal["a", "b"],
        options: RequestOptions | None = None,
    ) -> Refund:
        """Change a thing.

        Args:
            id: Which thing.
            kind: What it becomes.

        Raises:
            CardError: The card was declined.
            ConfigurationError: The SDK refuses.
            ValueError: No error of WooshPay.
        """
        raise NotImplementedError

    @post("/v1/things/file", params_in="multipart")
    def upload(
        self, *, file: FileSource, purpose: str, filename: str | Unset = UNSET, options: RequestOptions | None = None
    ) -> Refund:
        raise NotImplementedError

    @paged("/v1/things", params_in="query+body")
    def list(self, *, limit: int | Unset = UNSET, options: RequestOptions | None = None) -> ListObject[Refund]:
        raise NotImplementedError

    @get("/v1/things/{id}", publishable=True)
    def retrieve(self, id: str, /, *, secret: str | Unset | None = UNSET, options: RequestOptions | None = None) -> Any:
        raise NotImplementedError


# ---- one declaration ------------------------------------------------------------------------------------------


def test_parameters_come_in_the_order_in_which_a_call_needs_them() -> None:
    facts = facts_of(Things.change)
    assert [(each.name, each.required) for each in facts.parameters] == [
        ("id", True),
        ("owner", True),
        ("kind", True),
        ("off_session", False),
    ]


def test_a_parameter_has_its_name_on_the_wire_and_its_place() -> None:
    facts = facts_of(Things.change)
    assert [(each.name, each.wire, each.place) for each in facts.parameters] == [
        ("id", "id", "path"),
        ("owner", "owner", "path"),
        ("kind", "kind", "body"),
        ("off_session", "off-session", "body"),
    ]


def test_a_parameter_is_described_where_the_docstring_does() -> None:
    assert [each.description for each in facts_of(Things.change).parameters] == [
        "Which thing.",
        "",
        "What it becomes.",
        "",
    ]


def test_that_a_parameter_may_be_left_out_is_no_part_of_its_type() -> None:
    change, secret = facts_of(Things.change).parameters[-1], facts_of(Things.retrieve).parameters[-1]
    assert (change.type, change.annotation) == (bool, "bool")
    assert (secret.type, secret.annotation) == (str | None, "str | None")


def test_a_multipart_body_has_a_file_whose_name_is_no_field() -> None:
    facts = facts_of(Things.upload)
    assert {each.name: each.place for each in facts.parameters} == {
        "file": "file",
        "purpose": "form",
        "filename": "filename",
    }


async def test_the_fields_of_the_upload_are_those_that_the_facts_call_fields() -> None:
    facts = FACTS["files.create"]
    given = {"file": b"content", **{each.name: f"<{each.name}>" for each in facts.parameters if each.name != "file"}}
    sent = b"".join([chunk async for chunk in Upload.of(given).chunks()]).decode()
    for each in facts.parameters:
        assert (f'name="{each.wire}"' in sent) == (each.place in {"form", "file"})


def test_a_list_and_a_publishable_call_are_known_as_such() -> None:
    assert (facts_of(Things.list).is_list, facts_of(Things.list).publishable) == (True, False)
    assert (facts_of(Things.retrieve).is_list, facts_of(Things.retrieve).publishable) == (False, True)


def test_filters_that_travel_both_ways_say_so() -> None:
    assert [each.place for each in facts_of(Things.list).parameters] == ["query+body"]


def test_only_errors_that_wooshpay_answers_with_are_errors_of_the_operation() -> None:
    assert facts_of(Things.change).errors == {"CardError": "The card was declined."}


# ---- types ----------------------------------------------------------------------------------------------------


class Shape(TypedDict):
    kind: Literal["never", "listed"]


@pytest.mark.parametrize(
    ("hint", "values"),
    [
        (Literal["a", "b"], ("a", "b")),
        (Literal["a"] | str, ("a",)),
        (Literal["a"] | Literal["b"] | None, ("a", "b")),
        (Sequence[Literal["a", "b"] | str], ("a", "b")),
        (str, ()),
        (Mapping[str, str], ()),
        (Shape, ()),
        (int | None, ()),
    ],
)
def test_the_values_of_a_type_are_those_that_it_lists(hint: Any, values: tuple[str, ...]) -> None:
    assert values_of(hint) == values


def test_unset_is_taken_out_of_a_union_and_nothing_else() -> None:
    assert without_unset(int | Unset) is int
    assert without_unset(int | str | Unset | None) == int | str | None
    assert without_unset(str) is str


# ---- all declarations -----------------------------------------------------------------------------------------


def test_every_declaration_is_read_once_and_in_order() -> None:
    assert list(FACTS) == list(DECLARED)


@each_operation
def test_facts_repeat_what_the_declaration_says(declaration: Declaration, facts: Facts) -> None:
    assert (facts.method, facts.path, facts.publishable) == (
        declaration.method,
        declaration.path,
        declaration.publishable,
    )
    assert facts.name == f"{facts.section}.{declaration.function.__name__}"
    assert (facts.is_list, facts.returns) == (declaration.is_list, declaration.returns)
    assert (facts.text.inferred, facts.text.reference) == (declaration.inferred, declaration.reference)


@each_operation
def test_every_parameter_but_the_options_is_a_fact(declaration: Declaration, facts: Facts) -> None:
    declared = {name: each for name, each in declaration.signature.parameters.items() if name != "options"}
    assert {each.name for each in facts.parameters} == set(declared)
    for each in facts.parameters:
        assert each.required == (declared[each.name].default is inspect.Parameter.empty)
        assert (each.place == "path") == (declared[each.name].kind is inspect.Parameter.POSITIONAL_ONLY)
        assert each.description


@each_operation
def test_a_call_puts_each_parameter_where_the_facts_say(declaration: Declaration, facts: Facts) -> None:
    in_path = [each for each in facts.parameters if each.place == "path"]
    others = [each for each in facts.parameters if each.place != "path"]
    call = declaration.bind(tuple(each.name for each in in_path), {each.name: each.name for each in others})
    path = facts.path
    for each in in_path:
        path = path.replace(f"{{{each.wire}}}", each.name)
    assert call.path == path
    assert call.query == {each.wire: each.name for each in others if each.place.startswith("query")}
    body = {each.wire: each.name for each in others if each.place != "query"}
    assert (call.body or {}) == body
    assert call.multipart == any(each.place == "file" for each in others)


@each_operation
def test_facts_can_be_written_as_json(declaration: Declaration, facts: Facts) -> None:
    written = json.loads(json.dumps(to_json(facts)))
    assert written["operation"] == declaration.name
    assert [each["name"] for each in written["parameters"]] == [each.name for each in facts.parameters]


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_says_what_it_is_for(section: str) -> None:
    assert purpose_of(section).endswith(".")


def test_results_are_the_classes_themselves() -> None:
    assert FACTS["payment_intents.create"].returns is PaymentIntent
    assert FACTS["payment_intents.list"].returns == ListObject[PaymentIntent]
