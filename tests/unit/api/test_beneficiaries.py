"""Beneficiaries: one key for each kind of destination, the fields of three years, and no account in a repr."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, get_args

import pytest

from wooshpay.api.beneficiaries import (
    Beneficiary,
    BeneficiaryBankAccount,
    BeneficiaryDestination,
    BeneficiaryEntity,
    DeletedBeneficiary,
)
from wooshpay.api.shared import BankAccountParam, DestinationDataParam, DestinationType
from wooshpay.core.codec import UndocumentedType, structure
from wooshpay.core.declaration import Declaration
from wooshpay.core.json import is_array
from wooshpay.core.objects import Object, wire_names

Example = Callable[[str], dict[str, Any]]
Declared = Callable[[str], Declaration]


def all_objects_in(value: Any) -> Iterator[Object]:
    if isinstance(value, Object):
        yield value
        cls: type = type(value)
        for name, _ in wire_names(cls):
            yield from all_objects_in(getattr(value, name))
    elif is_array(value):
        for item in value:
            yield from all_objects_in(item)


def test_the_details_stand_under_the_key_that_the_type_names(example: Example) -> None:
    beneficiary = Beneficiary.from_dict(example("beneficiary_alipay"))
    assert beneficiary.destination_data is not None
    assert beneficiary.destination_data.destination_type == "alipay"
    assert beneficiary.destination_data.alipay is not None
    assert (beneficiary.destination_data.alipay.user_id, beneficiary.destination_data.alipay.first_name) == (
        "+86123456789",
        "Jo",
    )
    assert beneficiary.destination_data.bank_account is None
    assert (beneficiary.nickname, beneficiary.metadata) == (None, None)


def test_every_kind_of_destination_has_a_key_in_answers_and_in_parameters() -> None:
    kinds = {"destination_type", *get_args(DestinationType)}
    destination: type = BeneficiaryDestination
    assert {wire for _, wire in wire_names(destination)} == kinds
    assert DestinationDataParam.__annotations__.keys() == kinds


def test_whatever_comes_of_a_bank_account_can_be_sent_too() -> None:
    account: type = BeneficiaryBankAccount
    assert {wire for _, wire in wire_names(account)} == set(BankAccountParam.__annotations__)


def test_a_routing_number_holds_the_iban_where_its_type_says_so(example: Example) -> None:
    destination = Beneficiary.from_dict(example("beneficiary_eurozone")).destination_data
    assert destination is not None
    account = destination.bank_account
    assert account is not None
    assert (account.routing_type, account.routing_number, account.country) == ("iban", "AT91967209385576", "AT")


def test_a_date_of_birth_is_text_and_a_certificate_has_a_type(example: Example) -> None:
    destination = Beneficiary.from_dict(example("beneficiary_whole")).destination_data
    assert destination is not None
    account = destination.bank_account
    assert account is not None
    assert account.dob is not None
    assert (account.dob.day, account.dob.month, account.dob.year) == ("16", "05", "1991")
    assert account.certificate is not None
    assert (account.certificate.certificate_type, account.certificate.certificate_number) == (
        "id_card",
        "9105160596211",
    )


def test_real_beneficiaries_count_in_milliseconds_although_the_reference_says_seconds() -> None:
    at = datetime(2024, 11, 8, 2, 41, 31, tzinfo=UTC)
    assert Beneficiary.from_dict({"created": 1731033691000}).created_at == at
    assert Beneficiary.from_dict({"created": 1731033691}).created_at == at


def test_the_entity_of_2023_names_the_business_inside_or_beside_it(example: Example) -> None:
    entity = Beneficiary.from_dict(example("beneficiary_whole")).entity
    assert isinstance(entity, BeneficiaryEntity)
    assert entity.business is not None
    assert entity.business.company_registered_name == entity.company_registered_name == "Test Trading Ltd"
    assert entity.business.additional_info is not None
    assert entity.business.additional_info.legal_rep_id_type == "NATIONAL_ID"
    assert entity.business.address is not None
    assert entity.business.address.city == "Shanghai"
    assert entity.individual is not None
    assert entity.individual.additional_info is not None
    assert entity.individual.additional_info.id_country_iso_code == "US"


def test_what_is_not_documented_of_a_destination_is_kept_as_it_came() -> None:
    answer = {
        "destination_type": "carrier_pigeon",
        "card": {"brand": "visa"},
        "carrier_billing": {},
        "carrier_pigeon": {"ring": 7},
    }
    destination = BeneficiaryDestination.from_dict(answer)
    assert (destination.destination_type, destination.card) == ("carrier_pigeon", {"brand": "visa"})
    assert destination.extra == {"carrier_pigeon": {"ring": 7}}
    assert destination.to_dict() == answer


@pytest.mark.parametrize("file", ["beneficiary_whole", "beneficiary_eurozone", "beneficiary_alipay"])
def test_strict_reading_accepts_a_documented_answer(file: str, example: Example) -> None:
    assert structure(example(file), Beneficiary, strict=True).to_dict() == example(file)


def test_strict_reading_refuses_an_account_number_that_is_a_number(example: Example) -> None:
    answer = example("beneficiary_eurozone")
    answer["destination_data"]["bank_account"]["account_number"] = 67209385576
    with pytest.raises(UndocumentedType):
        structure(answer, Beneficiary, strict=True)


@pytest.mark.parametrize(
    "secret",
    [
        "6222020200112233445",  # account_number
        "00290019",  # routing_number
        "9105160596211",  # certificate_number
        "310101199001011234",  # legal_rep_id_number
        "078051120",  # id_number
        "+86123456789",  # user_id
        "8276831583@axl",  # vpa
    ],
)
def test_no_repr_shows_an_account_or_the_number_of_a_paper(secret: str, example: Example) -> None:
    objects = list(all_objects_in(Beneficiary.from_dict(example("beneficiary_whole"))))
    assert any(secret in found.to_dict().values() for found in objects)
    assert not [found for found in objects if secret in repr(found)]


def test_no_repr_shows_an_iban(example: Example) -> None:
    destination = Beneficiary.from_dict(example("beneficiary_eurozone")).destination_data
    assert destination is not None
    account = destination.bank_account
    assert "9672" not in repr(account)
    assert "routing_number=[hidden]" in repr(account)


def test_a_deleted_beneficiary_says_so(example: Example) -> None:
    deleted = DeletedBeneficiary.from_dict(example("deleted_beneficiary_whole"))
    assert (deleted.id, deleted.deleted) == ("bf_1854477747879936000", True)


def test_the_path_names_the_beneficiary(declared: Declared) -> None:
    call = declared("beneficiaries.update").bind(("bf_1",), {"nickname": "Jo"})
    assert (call.method, call.path, call.body) == ("POST", "/v1/beneficiaries/bf_1", {"nickname": "Jo"})
    call = declared("beneficiaries.delete").bind(("bf_1",), {})
    assert (call.method, call.path, call.body) == ("DELETE", "/v1/beneficiaries/bf_1", None)


def test_a_list_is_filtered_by_query(declared: Declared) -> None:
    call = declared("beneficiaries.list").bind((), {"limit": 2, "created": {"gte": 1731033691000}})
    assert (call.query, call.body) == ({"limit": 2, "created": {"gte": 1731033691000}}, None)
