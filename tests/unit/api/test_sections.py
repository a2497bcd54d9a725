"""What is particular to the smaller sections."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from wooshpay.api.balance import Balance
from wooshpay.api.charges import Charge
from wooshpay.api.customers import Customer
from wooshpay.api.refunds import Refund
from wooshpay.api.webhook_endpoints import DeletedWebhookEndpoint, WebhookEndpoint
from wooshpay.core.listing import ListObject

Example = Callable[[str], dict[str, Any]]


def test_a_balance_tells_funds_by_currency_and_may_be_negative(example: Example) -> None:
    balance = Balance.from_dict(example("balance_whole"))
    assert [(funds.amount, funds.currency) for funds in balance.available] == [(-62, "usd"), (500, "gbp")]
    assert balance.pending is not None
    assert [funds.amount for funds in balance.pending] == [12]


def test_a_charge_holds_its_refunds_and_the_card(example: Example) -> None:
    charge = Charge.from_dict(example("charge_whole"))
    assert isinstance(charge.refunds, ListObject)
    assert [type(refund) for refund in charge.refunds] == [Refund]
    assert charge.payment_method_details is not None
    assert charge.payment_method_details.card is not None
    assert charge.payment_method_details.card.last4 == "1111"
    assert charge.payment_method_details.card.checks is not None
    assert charge.payment_method_details.card.checks.address_zip_check == "pass"
    assert charge.payment_method_details.card.wallet is not None
    assert charge.payment_method_details.card.wallet.type == "apple_pay"
    assert charge.outcome is not None
    assert charge.outcome.risk_score == 3
    assert (charge.balance_transaction_id, charge.review_id) == ("txn_1", "prv_1")


def test_the_details_of_a_wallet_are_in_extra() -> None:
    details = Charge.from_dict({"payment_method_details": {"type": "alipay", "alipay": {"buyer_id": "2088"}}})
    assert details.payment_method_details is not None
    assert details.payment_method_details.extra == {"alipay": {"buyer_id": "2088"}}


def test_a_customer_made_with_an_address_of_mail_alone_has_an_empty_postal_one(example: Example) -> None:
    customer = Customer.from_dict(example("customer_2023"))
    assert customer.address is not None
    assert customer.address.city is None
    assert (customer.email, customer.name) == ("jo@example.com", None)


def test_a_webhook_endpoint_keeps_its_secret_as_it_came(example: Example) -> None:
    endpoint = WebhookEndpoint.from_dict(example("webhook_endpoint_2022"))
    assert endpoint.secret == "c2tfdGVzdF9kR1Z6ZERwMFpYTjBNVEl6TkRVMjo="
    assert endpoint.enabled_events[0] == "payment_intent.created"


def test_a_webhook_endpoint_of_a_list_has_no_secret(example: Example) -> None:
    answer = example("webhook_endpoint_2022")
    del answer["secret"]
    assert WebhookEndpoint.from_dict(answer).secret is None


def test_a_deleted_webhook_endpoint_says_so(example: Example) -> None:
    deleted = DeletedWebhookEndpoint.from_dict(example("deleted_webhook_endpoint_whole"))
    assert (deleted.id, deleted.deleted) == ("we_1600745739909070848", True)


@pytest.mark.parametrize("created", [1680800504, 1680800504000])
def test_a_refund_made_in_seconds_or_milliseconds_has_the_same_date(created: int) -> None:
    assert Refund.from_dict({"created": created}).created_at == datetime(2023, 4, 6, 17, 1, 44, tzinfo=UTC)
