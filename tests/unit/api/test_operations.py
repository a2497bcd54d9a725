"""The declared operations, held against the table of what WooshPay's reference offers."""

from __future__ import annotations

import csv
import inspect
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from wooshpay.api import SECTIONS, declarations
from wooshpay.api.shared import PaymentMethodType
from wooshpay.core.declaration import Declaration
from wooshpay.core.unset import UNSET
from wooshpay.sandbox.rules.methods import TYPES

TABLE = Path(__file__).parents[2] / "data" / "api" / "operations.tsv"

Row: TypeAlias = dict[str, str]

DECLARED = {declaration.name: declaration for declaration in declarations()}
ROWS: dict[str, Row] = {row["operation"]: row for row in csv.DictReader(TABLE.read_text().splitlines(), delimiter="\t")}


def result_name(declaration: Declaration) -> str:
    if declaration.is_list:
        return f"List[{typing.get_args(declaration.returns)[0].__name__}]"
    if declaration.returns is Any:  # plain JSON, where nothing is known of the reply
        return "unknown"
    name: str = declaration.returns.__name__
    return name


def typed_dicts_in(hint: Any) -> Iterator[Any]:
    if typing.is_typeddict(hint):
        yield hint
        for inner in typing.get_type_hints(hint, include_extras=True).values():
            yield from typed_dicts_in(inner)
    for inner in typing.get_args(hint):
        yield from typed_dicts_in(inner)


each_operation = pytest.mark.parametrize("declaration", DECLARED.values(), ids=DECLARED)


def test_every_section_has_rows_in_the_table() -> None:
    assert {name.rpartition(".")[0] for name in ROWS} == set(SECTIONS)


def test_the_operations_are_those_of_the_table() -> None:
    assert set(DECLARED) == set(ROWS)


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_an_operation_has_the_verb_path_and_result_of_the_table(row: Row) -> None:
    declaration = DECLARED[row["operation"]]
    assert declaration.method == row["method"]
    assert declaration.path == row["path"]
    assert result_name(declaration) == row["returns"].replace("SearchResult[", "List[")


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_parameters_travel_where_the_table_says(row: Row) -> None:
    declaration = DECLARED[row["operation"]]
    has_parameters = [
        name
        for name, parameter in declaration.signature.parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and name != "options"
    ]
    if row["params_in"] == "-":
        assert not has_parameters
    else:
        assert declaration.params_in == row["params_in"]


@each_operation
def test_every_annotation_resolves_at_run_time(declaration: Declaration) -> None:
    hints = typing.get_type_hints(declaration.function)
    assert hints.keys() == {*declaration.signature.parameters, "return"}
    assert hints["return"] == declaration.returns


@each_operation
def test_every_nested_parameter_shape_resolves_at_run_time(declaration: Declaration) -> None:
    for hint in typing.get_type_hints(declaration.function).values():
        for shape in typed_dicts_in(hint):
            assert typing.get_type_hints(shape, include_extras=True)
            assert shape.__doc__


@each_operation
def test_every_operation_names_its_page_of_the_reference(declaration: Declaration) -> None:
    assert declaration.reference


@each_operation
def test_an_operation_says_what_is_inferred_exactly_where_its_page_was_not_read_whole(declaration: Declaration) -> None:
    assert bool(declaration.inferred) == (ROWS[declaration.name]["seen"] != "documented")


@each_operation
def test_every_docstring_explains_every_parameter_the_result_and_the_errors(declaration: Declaration) -> None:
    text = inspect.getdoc(declaration.function) or ""
    described = text[text.index("Args:") : text.index("Returns:")]
    for name in declaration.signature.parameters:
        assert f"\n    {name}: " in described
    assert text.index("Returns:") < text.index("Raises:") < text.index("Reference:")


@each_operation
def test_every_operation_ends_with_options(declaration: Declaration) -> None:
    name, last = list(declaration.signature.parameters.items())[-1]
    assert (name, last.kind, last.default) == ("options", inspect.Parameter.KEYWORD_ONLY, None)


def test_exactly_the_required_parameters_have_no_default() -> None:
    required = {
        name: {
            parameter.name
            for parameter in declaration.signature.parameters.values()
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY and parameter.default is inspect.Parameter.empty
        }
        for name, declaration in DECLARED.items()
    }
    assert {name: names for name, names in required.items() if names} == {
        "beneficiaries.create": {"destination_data"},
        "checkout.sessions.create": {"success_url"},
        "files.create": {"file", "purpose"},
        "fx_quotes.create": {"from_currencies", "to_currency", "usage"},
        "invoice_items.create": {"customer"},
        "invoices.add_lines": {"lines"},
        "invoices.create": {"customer"},
        "issuing.cardholders.create": {"billing", "name"},
        "issuing.cards.create": {"cardholder", "currency", "type"},
        "payment_intents.cancel": {"cancellation_reason"},
        "payment_intents.create": {"amount", "currency"},
        "payment_intents.search": {"query"},
        "payment_links.create": {"line_items"},
        "payment_methods.attach": {"customer"},
        "payment_methods.create": {"type"},
        "payouts.create": {"payment_currency", "source_currency"},
        "prices.create": {"currency", "unit_amount"},
        "products.create": {"name"},
        "promotion_codes.create": {"coupon"},
        "refunds.create": {"payment_intent"},
        "setup_intents.confirm": {"return_url"},
        "subscription_items.create": {"subscription"},
        "subscriptions.create": {"customer", "items"},
        "webhook_endpoints.create": {"enabled_events", "url"},
    }


@each_operation
def test_what_is_not_required_is_left_out_unless_given(declaration: Declaration) -> None:
    optional = {
        parameter.default
        for parameter in declaration.signature.parameters.values()
        if parameter.name != "options" and parameter.default is not inspect.Parameter.empty
    }
    assert optional <= {UNSET}


def test_a_publishable_key_may_retrieve_a_payment_intent_and_nothing_else() -> None:
    assert [name for name, declaration in DECLARED.items() if declaration.publishable] == ["payment_intents.retrieve"]


def test_off_session_has_a_hyphen_on_create_and_none_on_confirm() -> None:
    create = DECLARED["payment_intents.create"].bind((), {"amount": 1, "currency": "USD", "off_session": True})
    confirm = DECLARED["payment_intents.confirm"].bind(("pi_1",), {"off_session": True})
    assert create.body == {"amount": 1, "currency": "USD", "off-session": True}
    assert confirm.body == {"off_session": True}


def test_list_filters_travel_in_the_query_and_in_the_body_where_the_reference_shows_a_body() -> None:
    call = DECLARED["checkout.sessions.list"].bind((), {"limit": 2, "customer_details": {"email": "jo@example.com"}})
    assert call.query == call.body == {"limit": 2, "customer_details": {"email": "jo@example.com"}}


def test_webhook_endpoints_are_listed_by_query_alone() -> None:
    call = DECLARED["webhook_endpoints.list"].bind((), {"limit": 2})
    assert (call.query, call.body) == ({"limit": 2}, None)


def test_the_client_secret_travels_in_the_query() -> None:
    call = DECLARED["payment_intents.retrieve"].bind(("pi_1",), {"client_secret": "pi_1_secret_x"})
    assert (call.path, call.query, call.body) == ("/v1/payment_intents/pi_1", {"client_secret": "pi_1_secret_x"}, None)


def test_deleting_sends_no_parameters() -> None:
    call = DECLARED["webhook_endpoints.delete"].bind(("we_1",), {})
    assert (call.method, call.path, call.query, call.body) == ("DELETE", "/v1/webhook_endpoints/we_1", {}, None)


def test_null_metadata_is_sent_to_remove_all_pairs() -> None:
    assert DECLARED["payment_intents.update"].bind(("pi_1",), {"metadata": None}).body == {"metadata": None}


def test_payment_method_types_are_those_of_the_reference_of_the_guides_and_of_programs_in_use() -> None:
    types = typing.get_args(PaymentMethodType)
    assert len(types) == len(set(types)) == 37 + 4 + 9
    assert {"card", "9pay", "bpi"} < set(types)
    assert set(types[37:41]) == {"sepa", "bank_transfer_eu", "bank_transfer_uk", "mobile_money"}
    assert set(types[41:]) == {
        *("akulaku", "applepay", "atome", "bank_transfer_vn", "googlepay", "gopay", "momo", "vietcombank", "zalo")
    }
    assert set(types) <= set(TYPES), "the sandbox takes every type that the SDK names"
