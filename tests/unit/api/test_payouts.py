"""Payouts: two sums and a whole beneficiary now, one sum and a bank account in 2022."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from wooshpay.api.beneficiaries import Beneficiary
from wooshpay.api.customers import Customer
from wooshpay.api.events import Event
from wooshpay.api.payouts import BankAccount, Payout
from wooshpay.core.codec import UndocumentedType, UnknownObject, reader, structure
from wooshpay.core.declaration import Declaration
from wooshpay.core.listing import ListObject

Example = Callable[[str], dict[str, Any]]
Declared = Callable[[str], Declaration]


def test_a_payout_tells_what_is_spent_and_what_arrives(example: Example) -> None:
    payout = Payout.from_dict(example("payout_2024"))
    assert (payout.payment_amount, payout.payment_currency) == (124000, "INR")
    assert (payout.source_amount, payout.source_currency) == (124000, "INR")
    assert (payout.status, payout.amount, payout.destination) == ("pending", None, None)


def test_the_beneficiary_comes_whole_with_an_id_and_a_time_of_its_own(example: Example) -> None:
    payout = Payout.from_dict(example("payout_2024"))
    assert isinstance(payout.beneficiary_data, Beneficiary)
    assert payout.beneficiary_data_id == payout.beneficiary_data.id == "bf_1854477747879936000"
    assert payout.created_at == datetime(2024, 11, 8, 2, 41, 32, tzinfo=UTC)
    assert payout.beneficiary_data.created_at == datetime(2024, 11, 8, 2, 41, 31, tzinfo=UTC)


def test_the_details_of_a_upi_destination_come_back_under_imps(example: Example) -> None:
    beneficiary = Payout.from_dict(example("payout_2024")).beneficiary_data
    assert beneficiary is not None
    destination = beneficiary.destination_data
    assert destination is not None
    assert (destination.destination_type, destination.upi) == ("upi", None)
    assert destination.imps is not None
    assert (destination.imps.vpa, destination.imps.phone_number) == ("8276831583@axl", "91-8276831583")


def test_papers_are_kept_as_file_ids_in_the_metadata(example: Example) -> None:
    assert Payout.from_dict(example("payout_2024")).metadata == {"document_1": "file_1673896475416854528"}


def test_a_payout_of_2022_has_one_sum_and_a_bank_account(example: Example) -> None:
    payout = Payout.from_dict(example("payout_2022"))
    assert (payout.amount, payout.currency, payout.type) == (666, "CNY", "bank_account")
    assert payout.payment_amount is None
    assert isinstance(payout.destination, BankAccount)
    assert (payout.destination_id, payout.destination.last4) == ("ba_1597440945916215296", "3445")
    assert payout.destination.account_holder_type == "company"
    assert payout.payment_intents_id == ["pi_1577840204872417280"]
    assert (payout.balance_transaction, payout.failure_code, payout.currency_account) == (None, None, None)


def test_the_beneficiary_of_a_payout_of_2022_says_itself_who_it_is(example: Example) -> None:
    payout = Payout.from_dict(example("payout_2022"))
    assert isinstance(payout.beneficiary, Beneficiary)
    assert (payout.beneficiary_id, payout.beneficiary.type) == ("bf_1597440940000000000", "business")
    assert payout.beneficiary.business is not None
    assert payout.beneficiary.business.company_registered_name == "Test Trading Ltd"
    assert payout.beneficiary.payee is None
    assert payout.beneficiary.destination_data is None


def test_a_beneficiary_and_a_destination_may_be_ids_alone() -> None:
    payout = Payout.from_dict({"beneficiary": "bf_1", "destination": "ba_1", "beneficiary_data": None})
    assert (payout.beneficiary_id, payout.destination_id, payout.beneficiary_data_id) == ("bf_1", "ba_1", None)


def test_movements_on_the_balance_and_the_customer_of_an_account_may_come_whole() -> None:
    payout = Payout.from_dict(
        {
            "balance_transaction": {"id": "txn_1", "object": "balance_transaction"},
            "failure_balance_transaction": "txn_2",
            "destination": {"object": "bank_account", "customer": {"id": "cus_1", "object": "customer"}},
        }
    )
    assert isinstance(payout.balance_transaction, UnknownObject)
    assert (payout.balance_transaction_id, payout.failure_balance_transaction_id) == ("txn_1", "txn_2")
    assert isinstance(payout.destination, BankAccount)
    assert isinstance(payout.destination.customer, Customer)
    assert payout.destination.customer_id == "cus_1"


def test_a_webhook_of_2025_says_created_when_the_money_is_already_in_transit(example: Example) -> None:
    event = Event.from_dict(example("event_payout_2025"))
    assert isinstance(event.data.object, Payout)
    assert (event.type, event.data.object.status) == ("payout.created", "in_transit")
    assert (event.data.object.payment_amount, event.data.object.source_amount) == (7000, 10000)
    assert event.data.object.merchant_payout_id == "pay_123123123"
    assert event.created_at == datetime(2025, 8, 8, 4, 15, 31, 398000, tzinfo=UTC)
    assert event.data.object.created_at == datetime(2025, 8, 8, 4, 15, 30, tzinfo=UTC)


def test_a_list_may_count_in_seconds() -> None:
    answer = {
        "object": "list",
        "url": "/v1/payouts",
        "has_more": False,
        "data": [{"id": "po_1M9OPNL6kclEVx6MVxzULjsL", "object": "payout", "amount": 1100, "currency": "eur",
                  "created": 1669707553}],
    }  # fmt: skip
    page: ListObject[Payout] = reader(ListObject[Payout])(answer)
    assert page.data[0].created_at == datetime(2022, 11, 29, 7, 39, 13, tzinfo=UTC)
    assert page.to_dict() == answer


def test_an_unknown_status_is_kept() -> None:
    assert Payout.from_dict({"status": "on_the_moon"}).status == "on_the_moon"


def test_sums_that_came_as_text_are_numbers() -> None:
    payout = Payout.from_dict({"payment_amount": "124000", "source_amount": "10000"})
    assert (payout.payment_amount, payout.source_amount) == (124000, 10000)


@pytest.mark.parametrize("file", ["payout_2022", "payout_2024", "payout_whole"])
def test_strict_reading_accepts_a_documented_answer(file: str, example: Example) -> None:
    assert structure(example(file), Payout, strict=True).to_dict() == example(file)


def test_strict_reading_refuses_a_sum_in_text(example: Example) -> None:
    with pytest.raises(UndocumentedType):
        structure({**example("payout_2024"), "payment_amount": "124000"}, Payout, strict=True)


def test_no_repr_shows_the_routing_number_of_an_account(example: Example) -> None:
    account = BankAccount.from_dict(example("bank_account_whole"))
    assert account.routing_number == "00290019"
    assert "00290019" not in repr(account)
    assert "last4='3445'" in repr(account)


def test_a_list_goes_to_its_own_path_with_the_filters_in_query_and_body(declared: Declared) -> None:
    filters = {"status": "paid", "created": {"gte": "1731033691000"}, "destination": "ba_1"}
    call = declared("payouts.list").bind((), dict(filters))
    assert (call.method, call.path, call.query, call.body) == ("GET", "/v1/payouts/list", filters, filters)


def test_a_payout_is_sent_with_a_beneficiary_made_on_the_way(declared: Declared) -> None:
    params: dict[str, Any] = {
        "payment_amount": 5500,
        "payment_currency": "EUR",
        "source_currency": "EUR",
        "merchant_payout_id": "pay_123123123",
        "beneficiary_data": {
            "nickname": "Jo in Vienna",
            "destination_data": {
                "destination_type": "bank_account",
                "bank_account": {
                    "country": "AT",
                    "account_holder_name": "Jo Doe",
                    "routing_type": "iban",
                    "routing_number": "AT91967209385576",
                },
            },
        },
    }
    assert declared("payouts.create").bind((), dict(params)).body == params


def test_nothing_but_the_metadata_can_be_changed(declared: Declared) -> None:
    assert declared("payouts.update").bind(("po_1",), {"metadata": {"a": "b"}}).body == {"metadata": {"a": "b"}}
    with pytest.raises(TypeError, match="payment_amount"):
        declared("payouts.update").bind(("po_1",), {"payment_amount": 1})
