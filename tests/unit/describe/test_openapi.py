"""The OpenAPI document, held against the declarations, the objects and answers of WooshPay."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from wooshpay import __version__
from wooshpay.api import OBJECTS, SECTIONS, TAGS
from wooshpay.config import LIVE_URL, TEST_URL
from wooshpay.core.catalog import load
from wooshpay.core.codec import UndocumentedType, structure
from wooshpay.core.failures import read_failing
from wooshpay.core.json import is_array, is_object
from wooshpay.core.objects import Object, wire_names
from wooshpay.describe.openapi import ALSO_IN_BODY, INFERRED, REFERENCE, document
from wooshpay.describe.operations import Facts, all_facts

DATA = Path(__file__).parents[2] / "data" / "api"
DOCUMENT = document()
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
FACTS = {facts.name: facts for facts in all_facts()}
OPERATIONS: dict[str, tuple[str, str, dict[str, Any]]] = {
    operation["operationId"]: (path, method, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}

each_operation = pytest.mark.parametrize("facts", FACTS.values(), ids=list(FACTS))
each_object = pytest.mark.parametrize("name", sorted(OBJECTS))


def class_of(file: str) -> str:
    """The class of an answer kept as data, from the name of its file."""
    kinds = {"".join(f"_{c.lower()}" if c.isupper() else c for c in name)[1:]: name for name in OBJECTS}
    return kinds[max((kind for kind in kinds if file.startswith(f"{kind}_")), key=len)]


EXAMPLES = {path.stem: class_of(path.stem) for path in sorted(DATA.glob("*.json"))}
each_example = pytest.mark.parametrize(("file", "name"), EXAMPLES.items(), ids=list(EXAMPLES))


def references_in(value: Any) -> Iterator[str]:
    if is_object(value):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references_in(inner)
    elif is_array(value):
        for inner in value:
            yield from references_in(inner)


def found_at(reference: str) -> Any:
    place: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        place = place[step]
    return place


def faults(name: str, answer: Any) -> list[str]:
    validator: Any = Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": {"schemas": SCHEMAS}})
    return [f"{list(fault.absolute_path)}: {fault.message}" for fault in validator.iter_errors(answer)]


def as_read(value: Any) -> Any:
    """Give what the SDK reads in an answer: JSON text as what it holds, numbers in text as numbers."""
    if isinstance(value, Object):
        cls: type = type(value)
        fields = {wire: as_read(getattr(value, name)) for name, wire in wire_names(cls)}
        return {**{wire: field for wire, field in fields.items() if field is not None}, **value.extra}
    if is_array(value):
        return [as_read(item) for item in value]
    if is_object(value):
        return {name: as_read(item) for name, item in value.items()}
    return value


# ---- the document ---------------------------------------------------------------------------------------------


def test_it_is_a_valid_openapi_document() -> None:
    assert [fault.message for fault in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []


def test_it_says_what_it_is_and_where_the_api_is() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    assert DOCUMENT["info"]["version"] == __version__
    assert [server["url"] for server in DOCUMENT["servers"]] == [TEST_URL, LIVE_URL]


def test_another_server_may_publish_it_as_its_own() -> None:
    servers = {"http://127.0.0.1:8000": "The sandbox."}
    assert document(servers)["servers"] == [{"url": "http://127.0.0.1:8000", "description": "The sandbox."}]


def test_a_secret_key_opens_everything_and_a_publishable_one_what_it_may() -> None:
    assert DOCUMENT["security"] == [{"secretKey": []}]
    for scheme in DOCUMENT["components"]["securitySchemes"].values():
        assert (scheme["type"], scheme["scheme"]) == ("http", "basic")
    opened = {
        name
        for name, (_, _, operation) in OPERATIONS.items()
        if {"publishableKey": []} in operation.get("security", [])
    }
    assert opened == {facts.name for facts in FACTS.values() if facts.publishable}


def test_every_section_is_a_tag() -> None:
    assert [tag["name"] for tag in DOCUMENT["tags"]] == list(SECTIONS)
    assert all(tag["description"] for tag in DOCUMENT["tags"])


def test_every_reference_leads_somewhere() -> None:
    assert [reference for reference in references_in(DOCUMENT) if not found_at(reference)] == []


def test_every_component_is_reached_from_an_operation() -> None:
    reached: set[str] = set()
    waiting = list(references_in(DOCUMENT["paths"]))
    while waiting:
        reference = waiting.pop()
        if reference not in reached:
            reached.add(reference)
            waiting += references_in(found_at(reference))
    parts = ("schemas", "parameters", "responses")
    assert reached == {f"#/components/{part}/{name}" for part in parts for name in DOCUMENT["components"][part]}


def test_no_two_paths_differ_in_the_names_of_their_placeholders_alone() -> None:
    bare = ["/".join("{}" if "{" in step else step for step in path.split("/")) for path in DOCUMENT["paths"]]
    assert len(bare) == len(set(bare))


def test_it_is_the_same_in_every_process_and_drags_no_command_line_or_socket_in() -> None:
    program = (
        "import hashlib, json, sys\n"
        "from wooshpay.describe.openapi import document\n"
        "print(hashlib.sha256(json.dumps(document()).encode()).hexdigest())\n"
        "print(*sorted({'aiohttp', 'click', 'jinja2', 'rich'} & set(sys.modules)))\n"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1
    assert runs.pop().splitlines()[1:] == [""]


# ---- operations -----------------------------------------------------------------------------------------------


def test_it_does_not_depend_on_which_declaration_was_read_first() -> None:
    """Python takes ``Annotated[int | str, mark]`` for ``Annotated[str | int, mark]`` once the first has been made.

    The document of a program that had made another call before would differ, and so would a command's options.
    """
    program = (
        "import json, sys, typing\n"
        "from wooshpay.api import declarations\n"
        "from wooshpay.describe.openapi import document\n"
        "if sys.argv[1] == 'read before':\n"
        "    for declaration in declarations():\n"
        "        typing.get_type_hints(declaration.function, include_extras=True)\n"
        "print(json.dumps(document()))"
    )
    texts = {
        subprocess.run([sys.executable, "-c", program, way], capture_output=True, text=True, check=True).stdout
        for way in ("unread", "read before")
    }
    assert len(texts) == 1


def test_every_operation_stands_in_it_once() -> None:
    assert sum(len(methods) for methods in DOCUMENT["paths"].values()) == len(OPERATIONS)
    assert set(OPERATIONS) == set(FACTS)


@each_operation
def test_an_operation_has_its_verb_path_tag_and_texts(facts: Facts) -> None:
    path, method, operation = OPERATIONS[facts.name]
    assert (path, method.upper()) == (facts.path, facts.method)
    assert operation["tags"] == [facts.section]
    assert operation["summary"]
    assert operation[REFERENCE] == facts.text.reference
    assert (INFERRED in operation) == (facts.text.inferred is not None)
    assert "``" not in json.dumps(operation)


@each_operation
def test_path_and_query_parameters_are_those_that_are_declared(facts: Facts) -> None:
    _, _, operation = OPERATIONS[facts.name]
    written = {
        (each["in"], each["name"].removesuffix("[]")): each["required"]
        for each in operation.get("parameters", [])
        if "$ref" not in each
    }
    assert written == {
        ("path" if each.place == "path" else "query", each.wire): each.required
        for each in facts.parameters
        if each.place in {"path", "query", "query+body"}
    }
    assert (ALSO_IN_BODY in operation) == any(each.place == "query+body" for each in facts.parameters)


@each_operation
def test_the_body_holds_the_parameters_that_are_declared(facts: Facts) -> None:
    _, _, operation = OPERATIONS[facts.name]
    fields = [each for each in facts.parameters if each.place in {"body", "form", "file"}]
    if not fields:
        assert "requestBody" not in operation
        return
    [(_, content)] = operation["requestBody"]["content"].items()
    assert set(content["schema"]["properties"]) == {each.wire for each in fields}
    required = {each.wire for each in fields if each.required}
    assert set(content["schema"].get("required", [])) == required
    assert operation["requestBody"]["required"] == bool(required)


@each_operation
def test_an_idempotency_key_goes_with_every_post_and_with_nothing_else(facts: Facts) -> None:
    _, method, operation = OPERATIONS[facts.name]
    key = {"$ref": "#/components/parameters/IdempotencyKey"}
    assert (key in operation.get("parameters", [])) == (method == "post")


@each_operation
def test_the_answer_is_of_the_declared_type(facts: Facts) -> None:
    _, _, operation = OPERATIONS[facts.name]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    name = facts.result.removeprefix("ListObject[").removesuffix("]")
    if name == "Json":
        assert schema == {}
    else:
        assert schema == {"$ref": f"#/components/schemas/{name}{'List' if facts.is_list else ''}"}
    assert operation["responses"]["default"] == {"$ref": "#/components/responses/Error"}


def body_of(name: str) -> dict[str, Any]:
    [(_, content)] = OPERATIONS[name][2]["requestBody"]["content"].items()
    schema: dict[str, Any] = content["schema"]
    return schema


def test_off_session_is_spelled_as_it_travels() -> None:
    assert "off-session" in body_of("payment_intents.create")["properties"]
    assert "off_session" in body_of("payment_intents.confirm")["properties"]


def test_a_file_is_uploaded_in_a_form_without_a_field_for_its_name() -> None:
    content = OPERATIONS["files.create"][2]["requestBody"]["content"]
    assert list(content) == ["multipart/form-data"]
    schema = content["multipart/form-data"]["schema"]
    assert set(schema["properties"]) == {"file", "purpose"}
    assert schema["required"] == ["file", "purpose"]
    assert schema["properties"]["file"]["contentMediaType"] == "application/octet-stream"


def test_values_that_can_be_sent_are_closed_lists() -> None:
    reason = body_of("refunds.create")["properties"]["reason"]
    assert "requested_by_customer" in reason["enum"]


def test_nested_filters_travel_as_the_sdk_writes_them() -> None:
    _, _, listed = OPERATIONS["payment_intents.list"]
    created = next(each for each in listed["parameters"] if each["name"] == "created")
    assert (created["style"], created["explode"]) == ("deepObject", True)
    _, _, card = OPERATIONS["issuing.cards.retrieve"]
    expand = next(each for each in card["parameters"] if each["name"].startswith("expand"))
    assert (expand["name"], expand["style"], expand["explode"]) == ("expand[]", "form", True)


# ---- objects --------------------------------------------------------------------------------------------------


@each_object
def test_every_object_has_a_schema_with_every_field_by_its_name_on_the_wire(name: str) -> None:
    cls: type = load(name)
    assert list(SCHEMAS[name]["properties"]) == [wire for _, wire in wire_names(cls)]
    assert SCHEMAS[name]["description"]


@each_object
def test_fields_that_are_always_there_are_required(name: str) -> None:
    cls: Any = load(name)
    always = {field.name for field in attrs.fields(cls) if field.default is attrs.NOTHING}
    assert set(SCHEMAS[name].get("required", [])) == {wire for field, wire in wire_names(cls) if field in always}


def test_a_field_that_python_cannot_spell_has_its_own_name() -> None:
    assert "3ds_status" in SCHEMAS["PaymentIntent"]["properties"]


def test_no_answer_is_a_closed_list() -> None:
    answers = {*OBJECTS, *(name for name in SCHEMAS if name.endswith("List"))}
    assert [name for name in answers if '"enum"' in json.dumps(SCHEMAS[name])] == []
    assert faults("Refund", {**json.loads((DATA / "refund_whole.json").read_text()), "status": "of_tomorrow"}) == []


def test_any_object_knows_every_tag() -> None:
    assert SCHEMAS["AnyObject"]["properties"]["object"]["examples"] == sorted(TAGS)


@each_example
def test_a_real_answer_fits_its_schema_exactly_where_strict_reading_takes_it(file: str, name: str) -> None:
    answer = json.loads((DATA / f"{file}.json").read_text())
    try:
        structure(answer, load(name), strict=True)
    except UndocumentedType:
        assert faults(name, answer) != []
    else:
        assert faults(name, answer) == []


@each_example
def test_what_the_sdk_reads_in_a_real_answer_fits_its_schema(file: str, name: str) -> None:
    answer = json.loads((DATA / f"{file}.json").read_text())
    assert faults(name, as_read(load(name).from_dict(answer))) == []


@pytest.mark.parametrize("file", ["payment_intent_whole", "refund_whole"])
@pytest.mark.parametrize(("field", "wrong"), [("id", 7), ("created", "yesterday"), ("metadata", ["text"])])
def test_an_answer_of_other_types_does_not_fit(file: str, field: str, wrong: Any) -> None:
    answer = json.loads((DATA / f"{file}.json").read_text())
    assert faults(EXAMPLES[file], {**answer, field: wrong}) != []


def test_a_page_of_a_list_fits_its_schema() -> None:
    refund = json.loads((DATA / "refund_whole.json").read_text())
    assert faults("RefundList", {"object": "list", "url": "/v1/refunds", "has_more": None, "data": [refund]}) == []
    assert faults("RefundList", {"object": "list", "data": [{}]}) != []


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"type": "card_error", "code": "card_declined", "decline_code": "lost_card", "message": "No."}},
        {"error": "Not found"},
        {"code": "unauthorized", "message": "No."},
    ],
)
def test_every_form_of_an_error_that_the_sdk_reads_fits_its_schema(body: dict[str, Any]) -> None:
    assert read_failing(json.dumps(body).encode()).message is not None or "error" in body
    assert faults("Error", body) == []
