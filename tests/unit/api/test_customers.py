"""The payment methods that were saved for a customer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from wooshpay.api.payment_methods import PaymentMethod
from wooshpay.core.codec import reader
from wooshpay.core.declaration import Declaration
from wooshpay.core.listing import ListObject
from wooshpay.core.paging import next_call
from wooshpay.core.query import encode_query

Example = Callable[[str], dict[str, Any]]
Declared = Callable[[str], Declaration]

LIST = "customers.list_payment_methods"


def entries(count: int) -> list[dict[str, Any]]:
    return [{"id": f"pm_{number}", "object": "payment_method"} for number in range(count)]


# ---- the call -------------------------------------------------------------------------------------------------


def test_filters_travel_in_the_query(declared: Declared) -> None:
    call = declared(LIST).bind(("cus_1",), {"type": "alipay", "limit": 3})
    assert (call.path, call.body) == ("/v1/customers/cus_1/payment_methods", None)
    assert encode_query(call.query) == "type=alipay&limit=3"


def test_a_limit_in_text_as_the_reference_has_it_travels_as_the_number_does(declared: Declared) -> None:
    number, text = (declared(LIST).bind(("cus_1",), {"limit": limit}).query for limit in (3, "3"))
    assert encode_query(number) == encode_query(text)


def test_there_are_no_cursors(declared: Declared) -> None:
    for name in ("starting_after", "ending_before"):
        with pytest.raises(TypeError, match=name):
            declared(LIST).bind(("cus_1",), {name: "pm_1"})


def test_a_payment_method_is_looked_up_under_both_ids_in_order(declared: Declared) -> None:
    call = declared("customers.retrieve_payment_method").bind(("cus_1", "pm/1"), {})
    assert (call.path, call.query, call.body) == ("/v1/customers/cus_1/payment_methods/pm%2F1", {}, None)


@pytest.mark.parametrize("ids", [(), ("cus_1",), ("cus_1", "pm_1", "pm_2")])
def test_one_id_too_few_or_too_many_is_an_error(ids: tuple[str, ...], declared: Declared) -> None:
    with pytest.raises(TypeError, match="customer_id, paymentmethod_id"):
        declared("customers.retrieve_payment_method").bind(ids, {})


# ---- the reply ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strict", [False, True])
def test_the_single_payment_method_that_the_reference_shows_is_a_list_of_one(
    strict: bool, example: Example, declared: Declared
) -> None:
    page: ListObject[PaymentMethod] = reader(declared(LIST).returns, strict=strict)(example("payment_method_whole"))
    assert [type(entry) for entry in page] == [PaymentMethod]
    assert page.data[0].to_dict() == example("payment_method_whole")
    assert next_call(declared(LIST).bind(("cus_1",), {"limit": 1}), page) is None


@pytest.mark.parametrize("reply", [[], [{"id": "pm_1", "object": "payment_method"}]])
def test_a_bare_array_is_a_list(reply: list[Any], declared: Declared) -> None:
    page: ListObject[PaymentMethod] = reader(declared(LIST).returns)(reply)
    assert [entry.to_dict() for entry in page] == reply


def test_the_usual_envelope_is_read_too(declared: Declared) -> None:
    reply = {"object": "list", "url": "/v1/customers/cus_1/payment_methods", "has_more": False, "data": entries(2)}
    page: ListObject[PaymentMethod] = reader(declared(LIST).returns)(reply)
    assert [entry.id for entry in page] == ["pm_0", "pm_1"]
    assert page.to_dict() == reply


@pytest.mark.parametrize("reply", [{}, {"object": "list"}, {"object": "list", "has_more": None, "data": []}])
def test_an_envelope_without_entries_is_an_empty_list(reply: dict[str, Any], declared: Declared) -> None:
    page: ListObject[PaymentMethod] = reader(declared(LIST).returns)(reply)
    assert list(page) == []


@pytest.mark.parametrize("limit", [3, "3"])
def test_a_full_page_may_have_another_after_it_whether_the_limit_is_a_number_or_text(
    limit: Any, declared: Declared
) -> None:
    call = declared(LIST).bind(("cus_1",), {"limit": limit})
    read = reader(declared(LIST).returns)
    after = next_call(call, read(entries(3)))
    assert after is not None
    assert after.query["starting_after"] == "pm_2"
    assert next_call(call, read(entries(2))) is None
