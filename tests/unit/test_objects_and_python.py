"""Objects where Python's own tools meet them: `vars`, `attrs`, `typing`, changes, copies and pickles."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
import subprocess
import sys
import typing
from typing import Any

import attrs
import orjson
import pytest
from rich.pretty import pretty_repr

from wooshpay.api import OBJECTS
from wooshpay.core.catalog import load
from wooshpay.core.objects import wire_names
from wooshpay.types import Charge, Customer, Event, ListObject, PaymentIntent, UnknownObject

SECRET = "pi_1_secret_hunter2"
RECEIVED: dict[str, Any] = {
    "id": "pi_1",
    "object": "payment_intent",
    "amount": "1999",
    "currency": "USD",
    "description": None,
    "client_secret": SECRET,
    "metadata": {"order": "1"},
    "latest_charge": {"id": "ch_1", "object": "charge", "amount": 1999, "metadata": {"order": "1"}},
    "new": {"deep": [1]},
}

each_class = pytest.mark.parametrize("name", sorted(OBJECTS))


def payment(**changes: Any) -> PaymentIntent:
    return PaymentIntent.from_dict({**copy.deepcopy(RECEIVED), **changes})


# ---- changing a field -----------------------------------------------------------------------------------------


def test_a_changed_field_shows_in_the_json_whether_it_came_as_a_value_as_null_or_not_at_all() -> None:
    """Otherwise a program that stores `to_dict()` stores the old value without an error."""
    changed = payment()
    changed.currency = "EUR"
    changed.description = "came as null"
    changed.statement_descriptor = "was missing"
    assert changed.to_dict() == {
        **RECEIVED,
        "currency": "EUR",
        "description": "came as null",
        "statement_descriptor": "was missing",
    }


def test_a_changed_field_that_was_converted_shows_in_the_json() -> None:
    """The amount came as text. What is given back must not be that text once the amount is another one."""
    changed = payment()
    assert changed.to_dict()["amount"] == "1999"
    changed.amount = 5
    assert changed.to_dict()["amount"] == 5


def test_a_change_within_an_object_that_came_as_json_text_shows_in_the_json() -> None:
    changed = payment(latest_charge=json.dumps(RECEIVED["latest_charge"]))
    charge = PaymentIntent.from_dict({"latest_charge": RECEIVED["latest_charge"]}).latest_charge
    changed.latest_charge = charge
    assert changed.to_dict()["latest_charge"] == RECEIVED["latest_charge"]
    event = Event.from_dict({"data": json.dumps({"object": RECEIVED})})
    assert event.to_dict() == {"data": json.dumps({"object": RECEIVED})}
    assert isinstance(event.data.object, PaymentIntent)
    event.data.object.amount = 5
    assert event.to_dict() == {"data": {"object": {**RECEIVED, "amount": 5}}}


def test_a_field_that_is_null_again_is_null_in_the_json() -> None:
    changed = payment()
    changed.description = "set"
    changed.description = None
    assert changed.to_dict()["description"] is None


def test_a_change_to_an_object_that_was_made_of_no_object_shows_in_the_json() -> None:
    received: Any = ["odd"]
    odd: Any = PaymentIntent.from_dict(received)
    assert odd.to_dict() == ["odd"]
    odd.id = "pi_1"
    assert odd.to_dict() == {"id": "pi_1"}


def test_a_changed_unknown_field_shows_in_the_json() -> None:
    changed = payment()
    changed.extra = {**changed.extra, "newer": 2}
    assert changed.to_dict() == {**RECEIVED, "newer": 2}


def test_the_empty_extra_that_all_objects_share_refuses_to_be_changed() -> None:
    """A field added to it would appear in every object of the program."""
    lonely = typing.cast("Any", PaymentIntent.from_dict({"id": "pi_1"}))
    with pytest.raises(TypeError, match="Assign a dict of your own"):
        lonely.extra["new"] = 1
    with pytest.raises(TypeError, match="Assign a dict of your own"):
        lonely.extra.update(new=1)
    assert PaymentIntent.from_dict({"id": "pi_2"}).to_dict() == {"id": "pi_2"}


# ---- nothing is shared ----------------------------------------------------------------------------------------


def test_an_object_shares_nothing_with_the_json_that_it_is_made_of() -> None:
    """If the dict or the object is changed afterwards, the other one must stay as it is."""
    source = copy.deepcopy(RECEIVED)
    made = PaymentIntent.from_dict(source)
    source["metadata"]["order"] = "2"
    source["latest_charge"]["metadata"]["order"] = "2"
    source["new"]["deep"].append(2)
    assert made.to_dict() == RECEIVED
    assert made.metadata is not None
    made.metadata["order"] = "3"
    assert source["metadata"] == {"order": "2"}


def test_the_json_of_an_object_shares_nothing_with_it() -> None:
    made = payment(amount_details='{"tip": {"amount": 1}}', shipping=json.dumps({"address": {"extra_lines": ["a"]}}))
    before = copy.deepcopy(made.to_dict())
    given = made.to_dict()
    given["metadata"]["order"] = "2"
    given["latest_charge"]["metadata"]["order"] = "2"
    given["new"]["deep"].append(2)
    assert made.to_dict() == before


@pytest.mark.parametrize("odd", [["a", {"b": []}], {"a": {"b": []}}])
def test_what_is_of_another_type_than_documented_is_not_shared_either(odd: Any) -> None:
    source = {"amount": copy.deepcopy(odd), "livemode": [odd]}
    made = PaymentIntent.from_dict(source)
    given = made.to_dict()
    (given["amount"] if isinstance(odd, list) else given["amount"]["a"]).clear()
    given["livemode"].clear()
    assert made.to_dict() == source == {"amount": odd, "livemode": [odd]}


# ---- no private field -----------------------------------------------------------------------------------------


@each_class
def test_attrs_and_vars_show_the_documented_fields_and_extra_only(name: str) -> None:
    """A private field in a stored or logged dict breaks with the next version of the SDK."""
    cls: Any = load(name)
    fields = [attribute for attribute, _ in wire_names(cls)]
    made = cls.from_dict({wire: None for _, wire in wire_names(cls)})
    assert sorted(attrs.asdict(made)) == sorted([*fields, "extra"])
    assert {field.name for field in attrs.fields(cls)} == {*fields, "extra"}
    assert {*typing.cast("dict[str, Any]", vars(made))} <= {*fields, "extra"}


def test_vars_shows_the_values_and_leaves_secrets_out() -> None:
    """Loggers and the encoders of web frameworks read it: FastAPI's does, for a route without a response model."""
    shown = vars(payment())
    assert (shown["id"], shown["amount"], shown["description"]) == ("pi_1", 1999, None)
    assert shown["extra"] == {"new": {"deep": [1]}}
    assert "client_secret" not in shown
    unknown = UnknownObject.from_dict({"id": "x_1", "object": "new", "client_secret": SECRET})
    assert vars(unknown) == {"id": "x_1", "object": "new", "extra": {}}


def test_rich_shows_the_fields_without_secrets() -> None:
    """rich reads the fields of attrs classes when it writes local variables, for Typer and structlog, too."""
    about = {"type": "redirect_to_url", "url": f"https://pay.example/?client_secret={SECRET}"}
    made = payment(next_action=about, new={"client_secret": SECRET})
    page = ListObject(object="list", data=[made])
    for value in (made, [made], {"payment": made}, page):
        shown = pretty_repr(value, max_width=10_000)
        assert SECRET not in shown
        assert "amount=1999" in shown
        assert "latest_charge=Charge(id='ch_1'" in shown
        assert "client_secret=[hidden]" in shown


def test_a_repr_does_not_fail_for_unknown_fields_whose_names_are_not_text() -> None:
    """JSON has no such names, but a dict that a program made may have, and a debugger must not fail because of it."""
    made: Any = {1: 2, "a": 3}
    assert repr(PaymentIntent.from_dict(made)) == "<PaymentIntent extra=<1, a>>"


def test_attrs_returns_all_values_and_they_can_be_written_as_json() -> None:
    made = attrs.asdict(payment())
    assert made["client_secret"] == SECRET
    assert json.loads(json.dumps(made)) == made
    assert orjson.loads(orjson.dumps(made)) == made


# ---- types ----------------------------------------------------------------------------------------------------


@each_class
def test_the_types_of_every_class_can_be_read(name: str) -> None:
    """Validators, dependency injection and documentation tools read them. Some classes are imported for it."""
    cls: Any = load(name)
    found = typing.get_type_hints(cls)
    assert {attribute for attribute, _ in wire_names(cls)} <= found.keys()
    assert attrs.resolve_types(cls) is cls
    assert not [field.name for field in attrs.fields(cls) if isinstance(field.type, str)]
    assert not [value for value in inspect.get_annotations(cls).values() if isinstance(value, str)]


def test_the_types_are_the_classes_themselves() -> None:
    found = typing.get_type_hints(PaymentIntent)
    assert found["customer"] == str | Customer | None
    assert found["latest_charge"] == str | Charge | None
    assert dict(PaymentIntent.__annotations__)["latest_charge"] == found["latest_charge"]


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


def test_no_section_is_imported_before_the_types_are_read() -> None:
    """There are hundreds of classes. A program that makes one call pays for what it uses."""
    program = (
        "import sys, typing\nfrom wooshpay.types import PaymentIntent\n"
        "PaymentIntent.from_dict({'id': 'pi_1', 'customer': 'cus_1'})\n"
        "print('wooshpay.api.customers' in sys.modules)\n"
        "typing.get_type_hints(PaymentIntent)\n"
        "print('wooshpay.api.customers' in sys.modules)"
    )
    assert run(program) == "False\nTrue\n"


def test_reading_the_types_does_not_change_how_objects_are_read() -> None:
    """The field is documented as a charge, and the object says that it is something else: the object is right."""
    program = (
        "import typing\nfrom wooshpay.types import PaymentIntent\n{before}\n"
        "made = PaymentIntent.from_dict({{'latest_charge': {{'object': 'refund', 'id': 're_1'}}}})\n"
        "print(type(made.latest_charge).__name__)"
    )
    for before in ("", "typing.get_type_hints(PaymentIntent)"):
        assert run(program.format(before=before)) == "Refund\n"


# ---- copies ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_holds_all_that_was_received(protocol: int) -> None:
    """Objects go through caches and queues. Nulls and values that were converted must survive that."""
    made = pickle.loads(pickle.dumps(payment(), protocol))
    assert made.to_dict() == RECEIVED
    assert made == payment()


def test_an_object_made_by_hand_can_be_pickled_and_copied() -> None:
    made = ListObject(object="list", data=[UnknownObject(id="x_1")])
    for twin in (pickle.loads(pickle.dumps(made)), copy.deepcopy(made), copy.copy(made)):
        assert twin == made
        assert twin.to_dict() == {"object": "list", "data": [{"id": "x_1"}]}


def test_a_pickle_of_a_version_with_other_fields_can_be_read() -> None:
    """Otherwise an update of the SDK would break the caches of every shop that uses it."""
    made: Any = PaymentIntent.__new__(PaymentIntent)
    made.__setstate__({"id": "pi_1", "removed_in_this_version": 1})
    assert made.to_dict() == {"id": "pi_1"}
    assert made.amount is None
    assert made.extra == {}


def test_a_deep_copy_shares_nothing_and_a_copy_shares_the_fields() -> None:
    made = payment()
    deep, shallow = copy.deepcopy(made), copy.copy(made)
    assert deep == shallow == made
    assert deep.metadata is not None
    deep.metadata["order"] = "2"
    assert made.to_dict() == shallow.to_dict() == RECEIVED
    shallow.amount = 5
    assert made.amount == 1999
    evolved: Any = attrs.evolve(typing.cast("Any", made), amount=5)
    assert evolved.amount == 5
