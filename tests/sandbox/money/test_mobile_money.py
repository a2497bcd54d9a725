"""Payouts to mobile money in Rwanda, as one merchant's program sends them. Nothing of it is in WooshPay's reference."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.money.kit import funded, held
from sandbox.rig import Api
from sandbox.test_shapes import check

from wooshpay import WooshPay
from wooshpay.sandbox import Sandbox
from wooshpay.sandbox.rules.payout_outcomes import ACCOUNTS

PATH = "/v1/payouts"
NAME = "beneficiary_data[destination_data][mobile_money]"


def wallet(**fields: Any) -> dict[str, Any]:
    whole = {"msisdn": "250788123456", "provider": "mtn_rw", "name": "Ada Uwase", **fields}
    account = {name: value for name, value in whole.items() if value is not None}
    return {"destination_type": "mobile_money", "mobile_money": account}


def payout(amount: Any = 15_000, /, **fields: Any) -> dict[str, Any]:
    return {
        "payment_amount": amount,
        "source_amount": amount,
        "payment_currency": "RWF",
        "source_currency": "RWF",
        "merchant_payout_id": "payout-1001",
        **fields,
    }


@pytest.mark.parametrize("provider", ["mtn_rw", "airtel_rw"])
@pytest.mark.parametrize("directly", [False, True])
async def test_arrives(api: Api, sandbox: Sandbox, provider: str, directly: bool) -> None:
    """Whole francs: the amount that is sent is the amount that arrives, without a factor of 100."""
    await funded(api, 20_000, "RWF")
    destination = wallet(provider=provider)
    where = (
        {"destination_data": destination}
        if directly
        else {"beneficiary_data": {"nickname": "Driver 17", "destination_data": destination}}
    )
    made = await api.make(PATH, payout(**where))
    check(made)
    assert (made["payment_amount"], made["source_amount"], made["payment_currency"]) == (15_000, 15_000, "RWF")
    assert made["beneficiary_data"]["destination_data"] == destination
    assert await held(api, "rwf") == 5000
    sandbox.clock.advance(days=1)
    assert (await api.find(f"{PATH}/{made['id']}"))["status"] == "paid"


@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account.failure.code)
async def test_fails_at_the_phone_number_of_a_test_account(api: Api, sandbox: Sandbox, account: Any) -> None:
    await funded(api, 20_000, "RWF")
    assert len(account.msisdn) == 12
    made = await api.make(PATH, payout(beneficiary_data={"destination_data": wallet(msisdn=account.msisdn)}))
    sandbox.clock.advance(days=1)
    failed = await api.find(f"{PATH}/{made['id']}")
    assert (failed["status"], failed["failure_code"]) == ("failed", account.failure.code)
    assert await held(api, "rwf") == 20_000


@pytest.mark.parametrize(
    ("fields", "amount", "param", "code"),
    [
        ({"msisdn": "+250788123456"}, 15_000, f"{NAME}[msisdn]", "parameter_invalid"),
        ({"msisdn": "0788123456"}, 15_000, f"{NAME}[msisdn]", "parameter_invalid"),
        ({"msisdn": "256788123456"}, 15_000, f"{NAME}[msisdn]", "parameter_invalid"),
        ({"msisdn": "2507881234567"}, 15_000, f"{NAME}[msisdn]", "parameter_invalid"),
        ({"msisdn": None}, 15_000, f"{NAME}[msisdn]", "parameter_missing"),
        ({"provider": "vodafone"}, 15_000, f"{NAME}[provider]", "parameter_invalid"),
        ({"provider": None}, 15_000, f"{NAME}[provider]", "parameter_missing"),
        ({}, 979, "payment_amount", "amount_too_small"),
        ({}, 2_000_001, "payment_amount", "amount_too_large"),
        ({}, 1500.5, "payment_amount", "parameter_invalid_integer"),
    ],
)
async def test_what_does_not_fit_is_refused_by_name(
    api: Api, sandbox: Sandbox, fields: dict[str, Any], amount: Any, param: str, code: str
) -> None:
    await funded(api, 3_000_000, "RWF")
    reply = await api.post(PATH, payout(amount, beneficiary_data={"destination_data": wallet(**fields)}))
    assert (reply.status, reply.error["param"], reply.error["code"]) == (400, param, code)
    assert sandbox.store.count("payout") == sandbox.store.count("beneficiary") == 0
    assert await held(api, "rwf") == 3_000_000


@pytest.mark.parametrize("amount", [980, 2_000_000])
async def test_the_bounds_themselves_are_accepted(api: Api, amount: int) -> None:
    await funded(api, 3_000_000, "RWF")
    await api.make(PATH, payout(amount, destination_data=wallet()))


async def test_another_currency_is_refused(api: Api) -> None:
    await funded(api)
    fields = payout(5500, destination_data=wallet(), payment_currency="USD", source_currency="USD")
    reply = await api.post(PATH, fields)
    assert (reply.status, reply.error["param"]) == (400, "payment_currency")
    assert "RWF" in reply.error["message"]


async def test_only_one_way_to_name_the_destination(api: Api) -> None:
    both = {"destination_data": wallet(), "beneficiary_data": {"destination_data": wallet()}}
    reply = await api.post(PATH, payout(**both))
    assert (reply.status, reply.error["param"]) == (400, "destination_data")
    assert reply.error["message"] == "Pass beneficiary_data or destination_data, not both."


def test_the_sdk_has_types_for_it() -> None:
    with Sandbox() as sandbox, WooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        sandbox.act("balance.top_up", amount=20_000, currency="RWF")
        made = client.payouts.create(
            payment_amount=15_000,
            payment_currency="RWF",
            source_currency="RWF",
            beneficiary_data={
                "destination_data": {
                    "destination_type": "mobile_money",
                    "mobile_money": {"msisdn": "250788123456", "provider": "airtel_rw", "name": "Ada Uwase"},
                }
            },
        )
    assert made.beneficiary_data is not None
    assert made.beneficiary_data.destination_data is not None
    assert made.beneficiary_data.destination_data.mobile_money is not None
    assert made.beneficiary_data.destination_data.mobile_money.provider == "airtel_rw"
