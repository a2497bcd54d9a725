"""The OpenAPI 3.1 document, made of the declarations and the object classes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from wooshpay import __version__
from wooshpay.api import SECTIONS
from wooshpay.config import LIVE_URL, TEST_URL
from wooshpay.core.docstring import read_docstring
from wooshpay.core.failures import Failing
from wooshpay.core.json import JsonObject
from wooshpay.describe.operations import Facts, Parameter, all_facts, purpose_of
from wooshpay.describe.schemas import Schemas, described, markdown

SERVERS: Final[Mapping[str, str]] = {
    TEST_URL: "Test mode: keys that begin with `sk_test_`.",
    LIVE_URL: "Live mode: keys that begin with `sk_live_`.",
}

INFERRED: Final = "x-wooshpay-inferred"
REFERENCE: Final = "x-wooshpay-reference"
ALSO_IN_BODY: Final = "x-wooshpay-also-in-body"

_ABOUT: Final = (
    "The WooshPay API as the Python SDK `wooshpay` declares it. This is not a document of WooshPay.\n\n"
    f"What could not be read in WooshPay's public pages is marked with `{INFERRED}`, which says what was inferred; "
    f"`{REFERENCE}` is the title of the page that an operation was read in.\n\n"
    "Amounts are in minor units. Times are in milliseconds since 1970, some in seconds. Answers are open: they may "
    "hold values and fields that are not listed here."
)
_FILTERS_IN_BODY: Final = (
    "WooshPay's reference documents these filters as a JSON body on this GET; programs in use send a query string. "
    "The SDK sends both."
)
_KEY: Final = (
    "Makes it safe to send the same request again: WooshPay carries it out once, and gives the first answer to "
    "every repetition."
)
_FILE: Final = "The content. The name of the file goes into the head of this part."
_FAILED: Final = "It did not work. Gateways on the way may answer with plain text or HTML instead."


def document(servers: Mapping[str, str] = SERVERS) -> JsonObject:
    """Make the document.

    Args:
        servers: URL to what is there.

    Returns:
        The document as JSON, always in the same order.
    """
    schemas = Schemas()
    paths: dict[str, JsonObject] = {}
    for facts in all_facts():
        paths.setdefault(facts.path, {})[facts.method.lower()] = _operation(facts, schemas)
    made = {**schemas.made, **_error_schemas(schemas)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "WooshPay API", "version": __version__, "description": _ABOUT},
        "servers": [{"url": url, "description": text} for url, text in servers.items()],
        "security": [{"secretKey": []}],
        "tags": [{"name": section, "description": markdown(purpose_of(section))} for section in SECTIONS],
        "paths": paths,
        "components": {
            "schemas": {name: made[name] for name in sorted(made)},
            "parameters": {"IdempotencyKey": _idempotency_key()},
            "responses": {"Error": _response(_FAILED, {"$ref": "#/components/schemas/Error"})},
            "securitySchemes": {
                "secretKey": _basic("The secret key is the user; the password is empty."),
                "publishableKey": _basic("The publishable key is the user; the password is empty."),
            },
        },
    }


# ---- one operation --------------------------------------------------------------------------------------------


def _operation(facts: Facts, schemas: Schemas) -> JsonObject:
    text = facts.text
    parts = [*text.body, *(f"Note: {note}" for note in text.notes)]
    if facts.errors:
        parts.append("Errors:\n\n" + "\n".join(f"- `{name}`: {when}" for name, when in facts.errors.items()))
    operation: JsonObject = {
        "operationId": facts.name,
        "tags": [facts.section],
        "summary": markdown(text.summary),
    }
    if parts:
        operation["description"] = markdown("\n\n".join(parts))
    if text.inferred is not None:
        operation[INFERRED] = markdown(text.inferred)
    if text.reference is not None:
        operation[REFERENCE] = text.reference
    if facts.publishable:
        operation["security"] = [{"secretKey": []}, {"publishableKey": []}]
    parameters = [_parameter(each, schemas) for each in facts.parameters if each.place in {"path", "query"}]
    both_ways = [each for each in facts.parameters if each.place == "query+body"]
    if both_ways:
        parameters += [_parameter(each, schemas) for each in both_ways]
        operation[ALSO_IN_BODY] = _FILTERS_IN_BODY
    if facts.method == "POST":
        parameters.append({"$ref": "#/components/parameters/IdempotencyKey"})
    if parameters:
        operation["parameters"] = parameters
    body = _body(facts.parameters, schemas)
    if body is not None:
        operation["requestBody"] = body
    operation["responses"] = {
        "200": _response(text.returns, schemas.of(facts.returns, answer=True)),
        "default": {"$ref": "#/components/responses/Error"},
    }
    return operation


def _parameter(parameter: Parameter, schemas: Schemas) -> JsonObject:
    schema = schemas.of(parameter.type)
    made: JsonObject = {
        "name": parameter.wire,
        "in": "path" if parameter.place == "path" else "query",
        "description": markdown(parameter.description),
        "required": parameter.required,
        "schema": schema,
    }
    if schema.get("type") == "array":
        return {**made, "name": f"{parameter.wire}[]", "style": "form", "explode": True}
    if "$ref" in schema or schema.get("type") == "object":
        return {**made, "style": "deepObject", "explode": True}
    return made


def _body(parameters: Iterable[Parameter], schemas: Schemas) -> JsonObject | None:
    json = [each for each in parameters if each.place == "body"]
    form = [each for each in parameters if each.place in {"form", "file"}]
    fields = json or form
    if not fields:
        return None
    properties = {each.wire: _field(each, schemas) for each in fields}
    schema: JsonObject = {"type": "object", "properties": properties}
    required = [each.wire for each in fields if each.required]
    if required:
        schema["required"] = required
    kind = "application/json" if json else "multipart/form-data"
    return {"required": bool(required), "content": {kind: {"schema": schema}}}


def _field(parameter: Parameter, schemas: Schemas) -> JsonObject:
    if parameter.place == "file":
        return {"type": "string", "contentMediaType": "application/octet-stream", "description": _FILE}
    return described(schemas.of(parameter.type), parameter.description)


# ---- what operations share ------------------------------------------------------------------------------------


def _response(text: str, schema: JsonObject) -> JsonObject:
    return {"description": markdown(text), "content": {"application/json": {"schema": schema}}}


def _error_schemas(schemas: Schemas) -> JsonObject:
    """Describe an error answer by what the SDK reads in it, in each of the forms that it reads."""
    text = read_docstring(Failing.__doc__)
    details: dict[str, Any] = {
        field.name: described({"type": ["string", "null"]}, text.attributes.get(field.name, ""))
        for field in attrs.fields(Failing)
        if field.name != "body"
    }
    facts: JsonObject = {"$ref": "#/components/schemas/ErrorDetails"}
    inside = {"type": "object", "required": ["error"], "properties": {"error": {"anyOf": [facts, {"type": "string"}]}}}
    return {
        "Error": {
            "description": "Facts under `error`, a text there, or the facts themselves.",
            "anyOf": [inside, facts],
        },
        "ErrorDetails": {"type": "object", "description": "What is known of an error.", "properties": details},
    }


def _idempotency_key() -> JsonObject:
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": _KEY,
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    }


def _basic(text: str) -> JsonObject:
    return {"type": "http", "scheme": "basic", "description": text}
