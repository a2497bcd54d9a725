"""Disputes: 27 fields of evidence, and an answer that leaves some fields out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from wooshpay.api.charges import Charge
from wooshpay.api.disputes import Dispute, DisputeEvidence, DisputeEvidenceParam
from wooshpay.api.files import File
from wooshpay.api.payment_intents import PaymentIntent
from wooshpay.core.codec import UnknownObject, reader, structure
from wooshpay.core.declaration import Declaration
from wooshpay.core.listing import ListObject
from wooshpay.core.objects import wire_names

Example = Callable[[str], dict[str, Any]]
Declared = Callable[[str], Declaration]

FILES = [
    "cancellation_policy", "customer_communication", "customer_signature", "duplicate_charge_documentation", "receipt",
    "refund_policy", "service_documentation", "shipping_documentation", "uncategorized_file",
]  # fmt: skip


def fields_of_evidence() -> list[str]:
    evidence: type = DisputeEvidence
    return [wire for _, wire in wire_names(evidence)]


def test_evidence_has_27_fields_in_answers_and_in_parameters(example: Example) -> None:
    assert len(fields_of_evidence()) == 27
    assert fields_of_evidence() == list(DisputeEvidenceParam.__annotations__)
    assert set(example("dispute_listed")["evidence"]) == set(fields_of_evidence())


def test_evidence_that_nobody_gave_is_null_and_comes_back_so(example: Example) -> None:
    dispute = Dispute.from_dict(example("dispute_listed"))
    assert all(getattr(dispute.evidence, name) is None for name in fields_of_evidence())
    assert dispute.to_dict()["evidence"] == dict.fromkeys(fields_of_evidence())


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_the_evidence_is_an_id_or_the_whole_file(name: str) -> None:
    evidence = DisputeEvidence.from_dict({name: "file_1"})
    assert (getattr(evidence, name), getattr(evidence, f"{name}_id")) == ("file_1", "file_1")
    evidence = DisputeEvidence.from_dict({name: {"id": "file_1", "object": "file", "size": 7}})
    assert isinstance(getattr(evidence, name), File)
    assert getattr(evidence, f"{name}_id") == "file_1"


def test_the_listed_dispute_of_the_reference_counts_in_seconds_and_writes_the_currency_small(example: Example) -> None:
    dispute = Dispute.from_dict(example("dispute_listed"))
    assert (dispute.amount, dispute.currency, dispute.reason) == (1000, "eur", "general")
    assert dispute.status == "warning_needs_response"
    assert dispute.evidence_details.due_by_time == datetime(2022, 12, 17, 23, 59, 59, tzinfo=UTC)
    assert (dispute.payment_intent, dispute.payment_intent_id) == (None, None)
    assert dispute.charge_id == "ch_3K5l24L6kclEVx6M0ls3dCrx"


@pytest.mark.parametrize("due_by", [1671321599, 1671321599000])
def test_the_last_moment_is_read_in_seconds_and_milliseconds(due_by: int) -> None:
    dispute = Dispute.from_dict({"evidence_details": {"due_by": due_by}})
    assert dispute.evidence_details.due_by_time == datetime(2022, 12, 17, 23, 59, 59, tzinfo=UTC)


def test_closing_answers_without_three_fields(example: Example) -> None:
    answer = example("dispute_whole")
    for name in ("balance_transactions", "is_charge_refundable", "reason"):
        del answer[name]
    dispute = structure(answer, Dispute, strict=True)
    assert (dispute.balance_transactions, dispute.is_charge_refundable, dispute.reason) == (None, None, None)
    assert dispute.to_dict() == answer


def test_charge_payment_and_movements_may_come_whole() -> None:
    answer = {
        "charge": {"id": "ch_1", "object": "charge"},
        "payment_intent": {"id": "pi_1", "object": "payment_intent"},
        "balance_transactions": ["txn_1", {"id": "txn_2", "object": "balance_transaction"}],
    }
    dispute = Dispute.from_dict(answer)
    assert isinstance(dispute.charge, Charge)
    assert isinstance(dispute.payment_intent, PaymentIntent)
    assert (dispute.charge_id, dispute.payment_intent_id) == ("ch_1", "pi_1")
    assert dispute.balance_transactions is not None
    first, second = dispute.balance_transactions
    assert first == "txn_1"
    assert isinstance(second, UnknownObject)
    assert second.id == "txn_2"
    assert dispute.to_dict() == answer


@pytest.mark.parametrize("file", ["dispute_listed", "dispute_whole"])
def test_strict_reading_accepts_a_documented_answer(file: str, example: Example) -> None:
    assert structure(example(file), Dispute, strict=True).to_dict() == example(file)


def test_a_list_names_another_path_than_it_was_called_under(example: Example, declared: Declared) -> None:
    answer = {"object": "list", "url": "/v1/disputes", "has_more": False, "data": [example("dispute_listed")]}
    page: ListObject[Dispute] = reader(ListObject[Dispute])(answer)
    assert (page.url, page.data[0].id) == ("/v1/disputes", "dp_1M97r8L6kclEVx6M2LpvSCG3")
    assert declared("disputes.list").path == "/v1/disputes/list"


def test_filters_travel_in_query_and_body(declared: Declared) -> None:
    filters = {"charge": "ch_1", "payment_intent": "pi_1", "created": {"gte": 1669645362, "lt": "1671321599"}}
    call = declared("disputes.list").bind((), dict(filters))
    assert call.query == call.body == filters


def test_evidence_can_be_kept_before_it_is_submitted(declared: Declared) -> None:
    params = {"evidence": {"receipt": "file_1", "customer_name": "Jo Doe"}, "submit": False}
    assert declared("disputes.update").bind(("dp_1",), dict(params)).body == params


def test_closing_sends_no_parameters(declared: Declared) -> None:
    call = declared("disputes.close").bind(("dp_1",), {})
    assert (call.method, call.path, call.body) == ("POST", "/v1/disputes/dp_1/close", {})
