"""Issuing: cards whose numbers are never shown, limits without an id, and text where something else is meant."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from wooshpay import AsyncWooshPay, WooshPay
from wooshpay.api.files import File
from wooshpay.api.issuing.authorizations import Authorizations, IssuingAuthorization
from wooshpay.api.issuing.cardholders import Cardholders, IssuingCardholder
from wooshpay.api.issuing.cards import Cards, IssuingCard, IssuingCardLimits
from wooshpay.api.issuing.transactions import IssuingTransaction, Transactions
from wooshpay.core.codec import reader, structure
from wooshpay.core.declaration import Declaration
from wooshpay.core.listing import ListObject
from wooshpay.core.query import encode_query

Example = Callable[[str], dict[str, Any]]
Declared = Callable[[str], Declaration]

AT = datetime(2024, 11, 8, 2, 41, 32, tzinfo=UTC)

CLASSES: dict[str, type[Any]] = {
    "issuing_authorization_whole": IssuingAuthorization,
    "issuing_card_limits_whole": IssuingCardLimits,
    "issuing_card_text": IssuingCard,
    "issuing_card_whole": IssuingCard,
    "issuing_cardholder_whole": IssuingCardholder,
    "issuing_transaction_whole": IssuingTransaction,
}


@pytest.mark.parametrize("file", CLASSES)
def test_strict_reading_accepts_a_documented_answer(file: str, example: Example) -> None:
    assert structure(example(file), CLASSES[file], strict=True).to_dict() == example(file)


@pytest.mark.parametrize("kind", [WooshPay, AsyncWooshPay])
def test_the_four_sections_are_under_issuing(kind: Any) -> None:
    issuing = kind("sk_test_abc").issuing
    assert issuing.cards is issuing.cards
    assert [type(section) for section in (issuing.authorizations, issuing.cardholders, issuing.cards)] == [
        Authorizations,
        Cardholders,
        Cards,
    ]
    assert type(issuing.transactions) is Transactions


# ---- cards ----------------------------------------------------------------------------------------------------


def test_a_card_holds_its_cardholder_whole_or_by_id(example: Example) -> None:
    card = IssuingCard.from_dict(example("issuing_card_whole"))
    assert isinstance(card.cardholder, IssuingCardholder)
    assert (card.cardholder.name, card.cardholder_id) == ("Jo Doe", "ich_1")
    assert IssuingCard.from_dict({"cardholder": "ich_1"}).cardholder_id == "ich_1"


def test_a_card_has_first_digits_unlike_stripes(example: Example) -> None:
    card = IssuingCard.from_dict(example("issuing_card_whole"))
    assert (card.first6, card.last4, card.type) == ("400000", "0002", "virtual")


def test_the_number_and_the_security_code_are_there_and_never_shown(example: Example) -> None:
    card = IssuingCard.from_dict(example("issuing_card_whole"))
    assert (card.number, card.cvc) == ("4000000000000002", "737")
    shown = repr(card)
    assert "4000000000000002" not in shown
    assert "737" not in shown
    assert "number=[hidden]" in shown
    assert "cvc=[hidden]" in shown
    assert "last4='0002'" in shown


def test_without_being_asked_for_they_are_missing(example: Example) -> None:
    card = IssuingCard.from_dict(example("issuing_card_text"))
    assert (card.number, card.cvc, card.cancellation_reason) == (None, None, None)


def test_metadata_of_a_card_may_be_pairs_or_the_text_of_them(example: Example) -> None:
    assert IssuingCard.from_dict(example("issuing_card_whole")).metadata == {"k": "v"}
    assert IssuingCard.from_dict(example("issuing_card_text")).metadata == {"k": "v"}
    assert IssuingCard.from_dict({"metadata": ""}).metadata is None
    kept: Any = IssuingCard.from_dict({"metadata": "a note"}).metadata
    assert kept == "a note"


def test_number_and_security_code_are_asked_for_with_a_prefix(declared: Declared) -> None:
    call = declared("issuing.cards.retrieve").bind(("ic_1",), {"expand": ["issuing_card.number", "issuing_card.cvc"]})
    assert (call.path, call.body) == ("/v1/issuing/cards/ic_1", None)
    assert encode_query(call.query) == "expand%5B%5D=issuing_card.number&expand%5B%5D=issuing_card.cvc"


def test_limits_have_neither_id_nor_kind(example: Example, declared: Declared) -> None:
    limits = IssuingCardLimits.from_dict(example("issuing_card_limits_whole"))
    assert limits.currency == "usd"
    assert [(limit.amount, limit.interval, limit.remaining) for limit in limits.limits] == [
        (50000, "monthly", 12500),
        (10000, "per_authorization", 10000),
    ]
    assert declared("issuing.cards.retrieve_limits").bind(("ic_1",), {}).path == "/v1/issuing/cards/ic_1/limits"


def test_what_may_be_spent_is_read(example: Example) -> None:
    controls = IssuingCard.from_dict(example("issuing_card_whole")).spending_controls
    assert controls is not None
    assert controls.spending_limits is not None
    assert (controls.spending_limits[0].amount, controls.spending_limits[0].interval) == (50000, "monthly")
    assert (controls.blocked_categories, controls.spending_limits_currency) == (["gambling"], "usd")


# ---- cardholders ----------------------------------------------------------------------------------------------


def test_a_cardholder_is_read_with_all_that_identifies_a_person(example: Example) -> None:
    cardholder = IssuingCardholder.from_dict(example("issuing_cardholder_whole"))
    assert cardholder.billing.address is not None
    assert cardholder.billing.address.city == "London"
    assert cardholder.company is not None
    assert cardholder.company.tax_id_provided is False
    person = cardholder.individual
    assert person is not None
    assert person.dob is not None
    assert (person.dob.day, person.dob.month, person.dob.year) == (16, 5, 1991)
    assert person.card_issuing is not None
    assert person.card_issuing.user_terms_acceptance is not None
    assert person.card_issuing.user_terms_acceptance.date_time == AT


@pytest.mark.parametrize("side", ["front", "back"])
def test_a_picture_of_a_paper_is_an_id_or_the_whole_file(side: str) -> None:
    for picture in ("file_1", {"id": "file_1", "object": "file"}):
        answer = {"individual": {"verification": {"document": {side: picture}}}}
        person = IssuingCardholder.from_dict(answer).individual
        assert person is not None
        assert person.verification is not None
        document = person.verification.document
        assert getattr(document, f"{side}_id") == "file_1"
        assert isinstance(getattr(document, side), (str, File))


def test_cardholders_are_listed_by_query_although_the_reference_shows_a_body(declared: Declared) -> None:
    call = declared("issuing.cardholders.list").bind((), {"email": "jo@example.com", "limit": 2})
    assert (call.query, call.body) == ({"email": "jo@example.com", "limit": 2}, None)


# ---- authorizations -------------------------------------------------------------------------------------------


def test_an_authorization_holds_the_card_and_the_card_its_cardholder(example: Example) -> None:
    authorization = IssuingAuthorization.from_dict(example("issuing_authorization_whole"))
    assert (authorization.amount, authorization.approved, authorization.status) == (1250, True, "closed")
    assert isinstance(authorization.card, IssuingCard)
    assert isinstance(authorization.card.cardholder, IssuingCardholder)
    assert (authorization.card_id, authorization.cardholder_id) == ("ic_1", "ich_1")
    assert authorization.merchant_data.category_code == "4121"
    assert authorization.transactions is not None
    assert [type(transaction) for transaction in authorization.transactions] == [IssuingTransaction]


def test_one_bare_authorization_in_place_of_a_list_is_a_list_of_one(example: Example) -> None:
    page: ListObject[IssuingAuthorization] = reader(ListObject[IssuingAuthorization])(
        example("issuing_authorization_whole")
    )
    assert [authorization.id for authorization in page] == ["iauth_1"]


def test_filters_on_time_are_written_without_a_space(declared: Declared) -> None:
    call = declared("issuing.authorizations.list").bind((), {"card": "ic_1", "created": {"gte": 0}})
    assert (encode_query(call.query), call.body) == ("card=ic_1&created%5Bgte%5D=0", None)


# ---- transactions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("created", ["1731033692000", 1731033692000, "1731033692", 1731033692])
def test_the_time_of_a_transaction_is_documented_as_text(created: int | str) -> None:
    transaction = IssuingTransaction.from_dict({"created": created})
    assert transaction.created == int(created)
    assert transaction.created_at == AT
    assert transaction.to_dict() == {"created": created}


def test_a_transaction_holds_ids_where_an_authorization_holds_objects(example: Example) -> None:
    transaction = IssuingTransaction.from_dict(example("issuing_transaction_whole"))
    assert (transaction.card, transaction.cardholder, transaction.authorization) == ("ic_1", "ich_1", "iauth_1")
    assert (transaction.amount, transaction.merchant_amount, transaction.type) == (-1250, -1000, "capture")
    assert (transaction.dispute_id, transaction.metadata) == ("idp_1", {"k": "v"})
    assert transaction.network_data is not None
    assert transaction.network_data.authorization_code == "A1"


def test_a_whole_object_in_the_place_of_an_id_is_read() -> None:
    transaction = IssuingTransaction.from_dict(
        {
            "authorization": {"id": "iauth_1", "object": "issuing.authorization"},
            "card": {"id": "ic_1", "object": "issuing.card"},
            "cardholder": {"id": "ich_1"},
        }
    )
    assert isinstance(transaction.authorization, IssuingAuthorization)
    assert isinstance(transaction.card, IssuingCard)
    assert isinstance(transaction.cardholder, IssuingCardholder)
    assert (transaction.authorization_id, transaction.card_id, transaction.cardholder_id) == (
        "iauth_1",
        "ic_1",
        "ich_1",
    )


def test_the_id_of_the_authorization_is_no_secret(example: Example) -> None:
    """The name is that of a header which is one."""
    transaction = IssuingTransaction.from_dict(example("issuing_transaction_whole"))
    assert "authorization='iauth_1'" in repr(transaction)


def test_metadata_are_all_that_can_be_changed(declared: Declared) -> None:
    call = declared("issuing.transactions.update").bind(("ipi_1",), {"metadata": {"a": "b"}})
    assert (call.path, call.body) == ("/v1/issuing/transactions/ipi_1", {"metadata": {"a": "b"}})
