"""Payouts: each row of their state table, the sums, and the money that leaves and comes back."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.money.kit import REFUSING, american, do, funded, held, payout, statuses_of, try_to, types_of
from sandbox.rig import Api, Shop
from sandbox.test_shapes import check

from wooshpay.core.listing import ListObject
from wooshpay.sandbox import Sandbox
from wooshpay.sandbox.rules.payout_outcomes import ACCOUNTS

PATH = "/v1/payouts"


async def sent(api: Api, account: str | None = None, **fields: Any) -> Any:
    if account is not None:
        fields["beneficiary_data"] = {"destination_data": american(account_number=account)}
    return await api.make(PATH, payout(**fields))


async def status(api: Api, id: str) -> str:
    return str((await api.find(f"{PATH}/{id}"))["status"])


async def test_row_new_pending_takes_the_source_amount(api: Api, sandbox: Sandbox) -> None:
    await funded(api, 10_000)
    made = await sent(api, description="Fees", merchant_payout_id="pay_1", metadata={"document_1": "file_1"})
    check(made)
    assert made["id"].startswith("po_")
    assert (made["status"], made["method"]) == ("pending", "standard")
    assert (made["payment_amount"], made["payment_currency"]) == (5500, "USD")
    assert (made["source_amount"], made["source_currency"]) == (5500, "USD")
    assert (made["description"], made["merchant_payout_id"]) == ("Fees", "pay_1")
    assert made["metadata"] == {"document_1": "file_1"}
    assert made["beneficiary_data"]["nickname"] == "Grace"
    assert await held(api) == 4500
    assert types_of(sandbox, made["id"]) == ["payout.created"]
    assert sandbox.store.events()[-1]["data"]["object"] == made
    assert await api.find(f"{PATH}/{made['id']}") == made


async def test_row_pending_in_transit_after_an_hour(api: Api, sandbox: Sandbox) -> None:
    await funded(api)
    id = (await sent(api))["id"]
    sandbox.clock.advance(minutes=59)
    assert await status(api, id) == "pending"
    sandbox.clock.advance(minutes=1)
    assert await status(api, id) == "in_transit"
    assert types_of(sandbox, id) == ["payout.created", "payout.updated"]


async def test_row_in_transit_paid_after_a_day(api: Api, sandbox: Sandbox) -> None:
    await funded(api, 10_000)
    id = (await sent(api))["id"]
    sandbox.clock.advance(hours=23, minutes=59)
    assert await status(api, id) == "in_transit"
    sandbox.clock.advance(minutes=1)
    assert types_of(sandbox, id) == ["payout.created", "payout.updated", "payout.paid"]
    assert statuses_of(sandbox, id) == ["pending", "in_transit", "paid"]
    assert await held(api) == 4500


@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account.failure.code)
async def test_row_in_transit_failed_at_a_test_account_that_refuses(api: Api, sandbox: Sandbox, account: Any) -> None:
    await funded(api, 10_000)
    id = (await sent(api, account.number))["id"]
    sandbox.clock.advance(days=1)
    failed = await api.find(f"{PATH}/{id}")
    check(failed)
    assert (failed["status"], failed["failure_code"]) == ("failed", account.failure.code)
    assert failed["failure_message"] == account.failure.message
    assert await held(api) == 10_000
    assert statuses_of(sandbox, id) == ["pending", "in_transit", "failed"]
    assert types_of(sandbox, id)[-1] == "payout.failed"


@pytest.mark.parametrize(
    "destination",
    [
        {"destination_type": "alipay", "alipay": {"user_id": f"+86{REFUSING}", "first_name": "Wei"}},
        {"destination_type": "upi", "upi": {"vpa": f"{REFUSING}@axl9", "phone_number": "91-8276831583"}},
        {"destination_type": "carrier_billing", "carrier_billing": {"phone_number": f"256{REFUSING}"}},
        american(country="AT", routing_type="iban", routing_number=f"AT91{REFUSING}", account_number="1"),
    ],
)
async def test_wallets_and_ibans_refuse_by_the_same_digits(api: Api, sandbox: Sandbox, destination: Any) -> None:
    await funded(api)
    id = (await sent(api, beneficiary_data={"destination_data": destination}))["id"]
    sandbox.clock.advance(days=1)
    assert (await api.find(f"{PATH}/{id}"))["failure_code"] == "no_account"


async def test_row_pending_canceled_by_the_act(api: Api, sandbox: Sandbox) -> None:
    await funded(api, 10_000)
    id = (await sent(api))["id"]
    check(await do(api, "payouts.cancel", payout=id))
    assert await held(api) == 10_000
    sandbox.clock.advance(days=2)
    assert types_of(sandbox, id) == ["payout.created", "payout.canceled"]
    assert await status(api, id) == "canceled"


@pytest.mark.parametrize("hours", [0, 2])
async def test_row_open_paid_by_the_act(api: Api, sandbox: Sandbox, hours: int) -> None:
    await funded(api, 10_000)
    id = (await sent(api, REFUSING))["id"]
    sandbox.clock.advance(hours=hours)
    assert (await do(api, "payouts.pay", payout=id))["status"] == "paid"
    sandbox.clock.advance(days=2)
    assert statuses_of(sandbox, id) == ["pending", "in_transit", "paid"]
    assert await held(api) == 4500


@pytest.mark.parametrize("hours", [0, 2])
async def test_row_open_failed_by_the_act(api: Api, sandbox: Sandbox, hours: int) -> None:
    await funded(api, 10_000)
    id = (await sent(api))["id"]
    sandbox.clock.advance(hours=hours)
    failed = await do(api, "payouts.fail", payout=id, failure_code="account_closed")
    assert (failed["failure_code"], failed["failure_message"]) == ("account_closed", "The bank account was closed.")
    sandbox.clock.advance(days=2)
    assert statuses_of(sandbox, id) == ["pending", "in_transit", "failed"]
    assert await held(api) == 10_000


async def test_the_act_fails_for_any_reason_in_any_words(api: Api) -> None:
    await funded(api)
    failed = await do(api, "payouts.fail", payout=(await sent(api))["id"], failure_code="x", failure_message="Y.")
    assert (failed["failure_code"], failed["failure_message"]) == ("x", "Y.")
    other = await do(api, "payouts.fail", payout=(await sent(api))["id"])
    assert other["failure_code"] == "could_not_process"


@pytest.mark.parametrize("end", ["pay", "fail", "cancel"])
async def test_what_has_ended_does_not_move_again(api: Api, sandbox: Sandbox, end: str) -> None:
    await funded(api)
    id = (await sent(api))["id"]
    ended = await do(api, f"payouts.{end}", payout=id)
    before = await held(api)
    for act in ("pay", "fail", "cancel"):
        reply = await try_to(api, f"payouts.{act}", payout=id)
        assert (reply.status, reply.error["code"]) == (400, "payout_unexpected_state")
        assert ended["status"] in reply.error["message"]
    assert await held(api) == before
    assert await api.find(f"{PATH}/{id}") == ended


async def test_what_is_in_transit_cannot_be_canceled(api: Api, sandbox: Sandbox) -> None:
    await funded(api)
    id = (await sent(api))["id"]
    sandbox.clock.advance(hours=1)
    assert (await try_to(api, "payouts.cancel", payout=id)).error["code"] == "payout_unexpected_state"
    assert (await try_to(api, "payouts.pay", payout="po_1")).status == 404
    assert (await try_to(api, "payouts.pay")).error["param"] == "payout"


# ---- sums


async def test_with_one_currency_the_source_amount_is_the_payment_amount_whatever_was_sent(api: Api) -> None:
    await funded(api, 10**6, "INR")
    upi = {"destination_type": "upi", "upi": {"vpa": "8276831583@axl", "phone_number": "91-8276831583"}}
    made = await sent(
        api,
        payment_amount=124_000,
        source_amount=10_000,
        payment_currency="INR",
        source_currency="inr",
        beneficiary_data={"destination_data": upi},
    )
    assert (made["payment_amount"], made["source_amount"], made["source_currency"]) == (124_000, 124_000, "INR")
    assert made["beneficiary_data"]["destination_data"]["imps"] == upi["upi"]
    only = await sent(api, payment_amount=None, source_amount=10_000, payment_currency="INR", source_currency="INR")
    assert (only["payment_amount"], only["source_amount"]) == (10_000, 10_000)
    assert await held(api, "inr") == 10**6 - 134_000


@pytest.mark.parametrize(
    ("asked", "payment", "source"),
    [
        ({"payment_amount": 100_000, "payment_currency": "CNY"}, 100_000, 14_000),
        ({"source_amount": 14_000, "payment_currency": "CNY"}, 100_000, 14_000),
        ({"payment_amount": 100_000, "source_amount": 5, "payment_currency": "CNY"}, 100_000, 14_000),
        ({"payment_amount": 10_000, "payment_currency": "JPY"}, 10_000, 6700),
        ({"source_amount": 6700, "payment_currency": "JPY"}, 10_000, 6700),
        ({"payment_amount": 1000, "payment_currency": "KWD"}, 1000, 325),
        ({"source_amount": 325, "payment_currency": "KWD"}, 1000, 325),
    ],
)
async def test_the_balance_pays_in_the_source_currency_at_the_rate(
    api: Api, asked: dict[str, Any], payment: int, source: int
) -> None:
    await funded(api, 20_000)
    made = await sent(api, **{"payment_amount": None, **asked})
    check(made)
    assert (made["payment_amount"], made["source_amount"]) == (payment, source)
    assert await held(api) == 20_000 - source
    assert await held(api, asked["payment_currency"].lower()) == 0
    await do(api, "payouts.fail", payout=made["id"])
    assert await held(api) == 20_000


async def test_more_than_the_balance_holds_is_refused_in_words_and_leaves_no_trace(api: Api, sandbox: Sandbox) -> None:
    await funded(api, 5499)
    reply = await api.post(PATH, payout())
    assert (reply.status, reply.error["code"], reply.error["param"]) == (400, "balance_insufficient", "payment_amount")
    assert "holds 54.99 USD, which is less than 55.00 USD" in reply.error["message"]
    assert 'balance.top_up with {"amount": 1, "currency": "USD"}' in reply.error["message"]
    assert sandbox.store.count("payout") == sandbox.store.count("beneficiary") == sandbox.store.count("event") == 0
    await do(api, "balance.top_up", amount=1, currency="USD")
    await sent(api)
    assert await held(api) == 0
    other = await api.post(PATH, payout(source_currency="EUR"))
    assert other.error["code"] == "balance_insufficient"
    assert [entry["currency"] for entry in (await api.find("/v1/balance"))["available"]] == ["usd"]


@pytest.mark.parametrize(
    ("fields", "status", "code", "param"),
    [
        ({"payment_currency": None}, 400, "parameter_missing", "payment_currency"),
        ({"source_currency": None}, 400, "parameter_missing", "source_currency"),
        ({"payment_amount": None}, 400, "parameter_missing", "payment_amount"),
        ({"payment_amount": 0}, 400, "parameter_invalid_integer", "payment_amount"),
        ({"source_amount": -1}, 400, "parameter_invalid_integer", "source_amount"),
        ({"payment_amount": 10.5}, 400, "parameter_invalid_integer", "payment_amount"),
        ({"payment_currency": "XXX"}, 400, "currency_not_supported", "payment_currency"),
        ({"source_currency": "XXX"}, 400, "currency_not_supported", "source_currency"),
        ({"source_currency": "KWD", "payment_amount": 1}, 200, "", ""),
        (
            {"payment_currency": "VND", "source_currency": "USD", "payment_amount": None, "source_amount": 1},
            400,
            "",
            "",
        ),
        ({"payment_currency": "RWF", "source_currency": "KWD", "payment_amount": 1}, 400, "amount_too_small", ""),
        ({"payment_currency": "KWD", "payment_amount": 1}, 400, "amount_too_small", "payment_amount"),
        ({"beneficiary_data": None}, 400, "parameter_missing", "beneficiary"),
        ({"beneficiary_data": {}}, 400, "parameter_missing", "beneficiary_data[destination_data]"),
        ({"beneficiary": "bf_1"}, 400, "parameter_invalid", "beneficiary_data"),
        ({"beneficiary": "bf_1", "beneficiary_data": None}, 404, "resource_missing", "beneficiary"),
        ({"type": "abroad"}, 400, "parameter_invalid", "type"),
        ({"payment_intents_id": ["pi_1"]}, 404, "resource_missing", "payment_intents_id[0]"),
        ({"metadata": {"a": {}}}, 400, "parameter_invalid", "metadata[a]"),
    ],
)
async def test_refused_parameters(
    api: Api, sandbox: Sandbox, fields: dict[str, Any], status: int, code: str, param: str
) -> None:
    await funded(api)
    await funded(api, 100, "KWD") if status == 200 else None
    reply = await api.post(PATH, payout(**fields))
    assert reply.status == status
    if status == 200:
        return
    assert not code or reply.error["code"] == code
    assert not param or reply.error["param"] == param
    assert sandbox.store.count("payout") == sandbox.store.count("beneficiary") == 0
    assert await held(api) == 100_000


# ---- the rest


async def test_a_beneficiary_by_id_is_echoed_and_embedded(api: Api) -> None:
    await funded(api)
    kept = await api.make("/v1/beneficiaries", {"destination_data": american(), "metadata": {"a": "1"}})
    made = await sent(api, beneficiary=kept["id"], beneficiary_data=None)
    check(made)
    assert (made["beneficiary"], made["beneficiary_data"]) == (kept["id"], kept)
    inline = await sent(api)
    assert "beneficiary" not in inline
    id = inline["beneficiary_data"]["id"]
    assert await api.find(f"/v1/beneficiaries/{id}") == inline["beneficiary_data"]


async def test_the_parameters_of_older_references_are_kept_as_sent(api: Api) -> None:
    await funded(api)
    intent = await api.make("/v1/payment_intents", {"amount": 50, "currency": "usd"})
    made = await sent(api, type="to_China", payment_intents_id=[intent["id"]])
    check(made)
    assert (made["type"], made["payment_intents_id"]) == ("to_China", [intent["id"]])


async def test_update_changes_metadata_alone(api: Api, sandbox: Sandbox) -> None:
    await funded(api)
    made = await sent(api, metadata={"a": "1"})
    path = f"{PATH}/{made['id']}"
    changed = await api.make(path, {"metadata": {"b": "2"}, "payment_amount": 1})
    assert changed == {**made, "metadata": {"a": "1", "b": "2"}}
    assert (await api.make(path, {"metadata": {"a": "", "c": "3"}}))["metadata"] == {"b": "2", "c": "3"}
    assert types_of(sandbox, made["id"]) == ["payout.created", "payout.updated", "payout.updated"]
    assert (await api.make(path, {}))["metadata"] == {"b": "2", "c": "3"}
    assert len(types_of(sandbox, made["id"])) == 3
    assert (await api.post(path, {"metadata": "x"})).error["param"] == "metadata"
    assert (await api.post(f"{PATH}/po_1", {})).status == 404
    assert (await api.get(f"{PATH}/po_1")).status == 404


async def test_listed_by_status_destination_and_time(api: Api, sandbox: Sandbox) -> None:
    await funded(api)
    sandbox.clock.freeze()
    old = await sent(api)
    sandbox.clock.advance(days=1)
    ids = [(await sent(api))["id"] for _ in range(2)]
    await do(api, "payouts.cancel", payout=ids[0])

    async def listed(**filters: Any) -> list[str]:
        reply = await api.get(f"{PATH}/list", filters)
        check(reply.body, ListObject[Any])
        assert reply.body["url"] == PATH
        return [entry["id"] for entry in reply.body["data"]]

    assert await listed() == [ids[1], ids[0], old["id"]]
    assert await listed(status="paid") == [old["id"]]
    assert await listed(status="canceled") == [ids[0]]
    assert await listed(status="in_transit") == []
    assert await listed(destination=old["beneficiary_data"]["id"]) == [old["id"]]
    assert await listed(created={"gt": str(old["created"])}) == [ids[1], ids[0]]
    assert await listed(limit=1, starting_after=ids[1]) == [ids[0]]
    assert await listed(status="pending", ending_before=old["id"]) == [ids[1]]
    assert (await api.get(PATH, query={"status": "sent"})).error["param"] == "status"


async def test_one_key_pays_once(api: Api) -> None:
    await funded(api, 10_000)
    first, again = await api.post(PATH, payout(), key="k"), await api.post(PATH, payout(), key="k")
    assert first.body == again.body
    assert await held(api) == 4500


async def test_the_events_reach_an_endpoint(api: Api, sandbox: Sandbox, shop: Shop) -> None:
    await api.make("/v1/webhook_endpoints", {"url": shop.hook(), "enabled_events": ["payout.paid", "payout.failed"]})
    await funded(api, 20_000)
    for account in (None, REFUSING):
        await sent(api, account)
    sandbox.clock.advance(days=1)
    await sandbox.settle()
    assert sorted(shop.types()) == ["payout.failed", "payout.paid"]
