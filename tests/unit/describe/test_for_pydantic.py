"""Objects in pydantic models: validated, serialized and described, without secrets."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic_core import to_json, to_jsonable_python
from support.answers import EXAMPLES, read

from wooshpay import ListObject
from wooshpay.api import OBJECTS
from wooshpay.core.catalog import load
from wooshpay.core.objects import Object, is_secret, wire_names
from wooshpay.types import (
    Customer,
    DeletedCoupon,
    Event,
    Invoice,
    IssuingCard,
    PaymentIntent,
    Refund,
    UnknownObject,
    WebhookEndpoint,
)
from wooshpay.webhooks import EventOf

SECRET = "pi_1_secret_hunter2"
RECEIVED: dict[str, Any] = {
    "id": "pi_1",
    "object": "payment_intent",
    "amount": 1999,
    "description": None,
    "client_secret": SECRET,
    "metadata": {"order": "1", "user_id": "5"},
    "customer": {"id": "cus_1", "object": "customer", "new": 1},
    "new": {"deep": [1], "client_secret": SECRET},
}
PUBLIC: dict[str, Any] = {
    **{name: value for name, value in RECEIVED.items() if name != "client_secret"},
    "new": {"deep": [1]},
}


class Order(BaseModel):
    number: str
    payment: PaymentIntent
    refunds: list[Refund] = []
    page: ListObject[PaymentIntent] | None = None
    customer: str | Customer | None = None


def payment() -> PaymentIntent:
    return PaymentIntent.from_dict(RECEIVED)


def order() -> Order:
    page = ListObject(object="list", data=[payment()])
    return Order(number="1", payment=payment(), refunds=[Refund.from_dict({"id": "re_1"})], page=page)


each_class = pytest.mark.parametrize("name", [*sorted(OBJECTS), "ListObject", "Object", "UnknownObject"])
each_example = pytest.mark.parametrize(("file", "name"), EXAMPLES.items(), ids=EXAMPLES)
each_mode = pytest.mark.parametrize("mode", ["validation", "serialization"])


def class_of(name: str) -> Any:
    others: dict[str, Any] = {"ListObject": ListObject, "Object": Object, "UnknownObject": UnknownObject}
    return others.get(name) or load(name)


# ---- validation -----------------------------------------------------------------------------------------------


def test_an_instance_is_taken_as_it_is() -> None:
    given = payment()
    assert Order(number="1", payment=given).payment is given
    assert TypeAdapter(PaymentIntent).validate_python(given) is given


def test_json_and_dicts_become_objects_with_unknown_fields_and_share_nothing() -> None:
    source = copy.deepcopy(RECEIVED)
    made = Order.model_validate({"number": "1", "payment": source})
    assert isinstance(made.payment, PaymentIntent)
    assert made.payment.to_dict() == RECEIVED
    source["metadata"].clear()
    assert made.payment.to_dict() == RECEIVED
    text = json.dumps({"number": "1", "payment": RECEIVED})
    assert Order.model_validate_json(text).payment == payment()


@pytest.mark.parametrize("wrong", [None, 5, "pi_1", [], [RECEIVED]])
def test_what_is_not_an_object_is_refused_with_the_name_of_the_class(wrong: Any) -> None:
    with pytest.raises(ValidationError, match="a JSON object or an instance of PaymentIntent"):
        TypeAdapter(PaymentIntent).validate_python(wrong)


def test_an_object_of_another_kind_is_refused_so_that_unions_find_theirs() -> None:
    with pytest.raises(ValidationError, match="of type 'payment_intent', but its field 'object' is 'refund'"):
        TypeAdapter(PaymentIntent).validate_python({"id": "re_1", "object": "refund"})
    either: TypeAdapter[Any] = TypeAdapter(PaymentIntent | Refund)
    assert isinstance(either.validate_python({"id": "re_1", "object": "refund"}), Refund)
    assert isinstance(either.validate_json(json.dumps(RECEIVED)), PaymentIntent)


def test_any_object_becomes_the_class_that_its_field_names() -> None:
    anything: TypeAdapter[Any] = TypeAdapter(Object)
    assert isinstance(anything.validate_python({"id": "re_1", "object": "refund"}), Refund)
    assert isinstance(anything.validate_python({"id": "x_1", "object": "new"}), UnknownObject)


def test_a_page_has_objects_of_the_class_that_it_is_declared_with() -> None:
    page = TypeAdapter(ListObject[PaymentIntent]).validate_python({"object": "list", "data": [{"id": "pi_1"}]})
    assert isinstance(page.data[0], PaymentIntent)


def test_events_and_what_remains_of_deleted_objects_work_as_all_others() -> None:
    class Seen(BaseModel):
        event: EventOf[PaymentIntent]
        deleted: DeletedCoupon

    event = {"id": "evt_1", "object": "event", "data": {"object": RECEIVED}}
    seen = Seen.model_validate({"event": event, "deleted": {"id": "co_1", "object": "coupon", "deleted": True}})
    assert isinstance(seen.event, Event)
    assert seen.event.data.object == payment()
    assert seen.model_dump() == {
        "event": {**event, "data": {"object": PUBLIC}},
        "deleted": {"id": "co_1", "object": "coupon", "deleted": True},
    }


# ---- serialization --------------------------------------------------------------------------------------------


def test_a_model_returns_the_json_of_its_objects_without_secrets() -> None:
    """A route that returns the model would publish the client secret of every payment otherwise."""
    shown = {
        "number": "1",
        "payment": PUBLIC,
        "refunds": [{"id": "re_1"}],
        "page": {"object": "list", "data": [PUBLIC]},
        "customer": None,
    }
    assert order().model_dump() == shown
    assert order().model_dump(mode="json") == shown
    assert json.loads(order().model_dump_json()) == shown
    assert json.loads(TypeAdapter(list[PaymentIntent]).dump_json([payment()])) == [PUBLIC]


def test_secrets_are_included_if_the_caller_asks_for_them() -> None:
    assert order().model_dump(context={"wooshpay_secrets": True})["payment"] == RECEIVED
    assert json.loads(order().model_dump_json(context={"wooshpay_secrets": True}))["payment"] == RECEIVED
    assert order().model_dump(context={"wooshpay_secrets": False, "other": 1})["payment"] == PUBLIC


@each_class
def test_no_class_publishes_a_secret(name: str) -> None:
    """Each secret field holds the same text, which must be nowhere."""
    cls = class_of(name)
    fields = {wire: SECRET if is_secret(cls, wire) else None for _, wire in wire_names(cls)}
    made = cls.from_dict({**fields, "extra_field": {"client_secret": SECRET, "list": [{"api_key": SECRET}]}})
    assert SECRET not in TypeAdapter(cls).dump_json(made).decode()
    assert SECRET not in json.dumps(TypeAdapter(cls).dump_python(made))


def test_secrets_are_more_than_client_secrets_and_the_number_of_an_invoice_is_not_one() -> None:
    card = IssuingCard.from_dict({"id": "ic_1", "number": "4242424242424242", "cvc": "123", "last4": "4242"})
    assert TypeAdapter(IssuingCard).dump_python(card) == {"id": "ic_1", "last4": "4242"}
    endpoint = WebhookEndpoint.from_dict({"id": "we_1", "secret": "whsec_1"})
    assert TypeAdapter(WebhookEndpoint).dump_python(endpoint) == {"id": "we_1"}
    invoice = Invoice.from_dict({"id": "in_1", "number": "WP-1"})
    assert TypeAdapter(Invoice).dump_python(invoice) == {"id": "in_1", "number": "WP-1"}


def test_a_secret_in_an_object_that_came_as_json_text_is_left_out_as_well() -> None:
    event = Event.from_dict({"id": "evt_1", "data": json.dumps({"object": RECEIVED})})
    assert TypeAdapter(Event).dump_python(event) == {"id": "evt_1", "data": {"object": PUBLIC}}


def test_the_options_of_pydantic_for_leaving_fields_out_work() -> None:
    dumped = order().model_dump(exclude_none=True, exclude={"payment": {"new", "customer"}, "page": True})
    wanted = {"id", "object", "amount", "metadata"}
    assert dumped.keys() == {"number", "payment", "refunds"}
    assert dumped["payment"].keys() == wanted
    assert order().model_dump(include={"payment": {"id"}}) == {"payment": {"id": "pi_1"}}


@each_example
def test_what_a_model_returns_can_be_validated_again(file: str, name: str) -> None:
    """A model that is kept in a cache as JSON must come back. Secrets are not kept."""
    cls = class_of(name)
    adapter: TypeAdapter[Any] = TypeAdapter(cls)
    once = adapter.validate_python(read(file))
    again = adapter.validate_json(adapter.dump_json(once))
    assert adapter.dump_python(again) == adapter.dump_python(once)


def test_models_with_objects_are_compared_and_copied_as_others() -> None:
    one = order()
    assert one == order()
    deep = one.model_copy(deep=True)
    deep.payment.amount = 5
    assert one.payment.amount == 1999
    assert one != deep


class Note(BaseModel):
    model_config = ConfigDict(extra="allow")

    about: Any


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(lambda: Note(about=payment()).model_dump(mode="json")["about"], id="a field of type Any"),
        pytest.param(
            lambda: Note.model_validate({"about": 1, "payment": payment()}).model_dump(mode="json")["payment"],
            id="an extra field",
        ),
        pytest.param(lambda: json.loads(Note(about=[payment()]).model_dump_json())["about"][0], id="as text"),
        pytest.param(lambda: order().model_dump(serialize_as_any=True)["payment"], id="serialize_as_any"),
        pytest.param(lambda: json.loads(to_json({"x": payment()}))["x"], id="to_json"),
        pytest.param(lambda: to_jsonable_python([payment()])[0], id="to_jsonable_python"),
    ],
)
def test_an_object_is_written_without_secrets_where_no_annotation_tells_its_class(written: Callable[[], Any]) -> None:
    """Otherwise a route whose model has a field of type `Any` answers 500 when an object is in it."""
    assert written() == PUBLIC


def test_the_json_of_an_object_that_was_put_into_a_model_without_validation_has_no_secrets_either() -> None:
    """`model_copy` and `model_construct` do not validate, so a dict may be in the place of the object."""
    copied = order().model_copy(update={"payment": payment().to_dict(), "refunds": [RECEIVED]})
    assert copied.model_dump(warnings=False)["payment"] == PUBLIC
    assert SECRET not in copied.model_dump_json(warnings=False)
    made = Order.model_construct(number="1", payment=payment().to_dict())
    assert SECRET not in made.model_dump_json(warnings=False)
    assert copied.model_dump(context={"wooshpay_secrets": True}, warnings=False)["payment"] == RECEIVED


# ---- JSON Schema ----------------------------------------------------------------------------------------------


@each_class
@each_mode
def test_every_class_has_a_valid_schema_whose_references_lead_somewhere(name: str, mode: Any) -> None:
    schema = TypeAdapter(class_of(name)).json_schema(mode=mode)
    Draft202012Validator.check_schema(schema)
    references = {part.split('"')[0] for part in json.dumps(schema).split('"$ref": "')[1:]}
    assert references <= {f"#/$defs/{defined}" for defined in schema.get("$defs", {})}
    assert references or "$defs" not in schema


@pytest.mark.parametrize("file", [file for file in EXAMPLES if file.endswith("_whole")])
def test_what_is_serialized_is_as_the_schema_says(file: str) -> None:
    """Answers of earlier years are left out here: they lack fields, or have other types in them."""
    name = EXAMPLES[file]
    adapter: TypeAdapter[Any] = TypeAdapter(class_of(name))
    made = adapter.dump_python(adapter.validate_python(read(file)))
    validator: Any = Draft202012Validator(adapter.json_schema(mode="serialization"))
    validator.validate(made)


def test_the_schema_shows_a_secret_only_where_it_may_come_in() -> None:
    incoming = TypeAdapter(PaymentIntent).json_schema(mode="validation")
    outgoing = TypeAdapter(PaymentIntent).json_schema(mode="serialization")
    assert '"client_secret": {' in json.dumps(incoming)
    assert "client_secret" not in json.dumps({name: part for name, part in outgoing.items() if name != "description"})


def test_the_schema_of_a_model_refers_to_each_class_once_by_its_name() -> None:
    schema = Order.model_json_schema(mode="serialization")
    assert schema["properties"]["payment"] == {"$ref": "#/$defs/PaymentIntent"}
    assert schema["properties"]["refunds"]["items"] == {"$ref": "#/$defs/Refund"}
    page = schema["$defs"]["ListObject_PaymentIntent_"]
    assert page["properties"]["data"]["items"] == {"$ref": "#/$defs/PaymentIntent"}
    described = schema["$defs"]["PaymentIntent"]
    assert described["properties"]["amount"]["type"] == "integer"
    assert "Minor units" in described["properties"]["amount"]["description"]
    assert described.get("additionalProperties", True) is True


# ---- no dependency --------------------------------------------------------------------------------------------


def test_the_sdk_works_without_pydantic_and_never_imports_it_by_itself() -> None:
    """It is not a dependency: a program that has no use for it must not pay for it, and may not have it."""
    program = (
        "import sys\nsys.modules['pydantic'] = sys.modules['pydantic_core'] = None\n"
        "import typing, json, wooshpay\nfrom wooshpay.types import PaymentIntent\n"
        "made = PaymentIntent.from_dict({'id': 'pi_1', 'client_secret': 'x'})\n"
        "typing.get_type_hints(PaymentIntent)\n"
        "print(json.dumps(made, default=wooshpay.json_default), made.to_dict())"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "{\"id\": \"pi_1\"} {'id': 'pi_1', 'client_secret': 'x'}\n"
