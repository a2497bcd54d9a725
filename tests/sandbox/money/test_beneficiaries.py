"""Beneficiaries: what each destination needs, and that payouts keep what they were made with."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.money.kit import american, funded
from sandbox.rig import Api
from sandbox.test_shapes import check

from wooshpay.core.catalog import load

PATH = "/v1/beneficiaries"
CHINESE = {
    "country": "CN",
    "currency": "CNY",
    "swift": "ABOCCNBJ070",
    "account_holder_name": "Li Wei",
    "account_holder_type": "individual",
    "routing_number": "103100000026",
    "account_number": "6228480402564890018",
    "bank_name": "Agricultural Bank of China",
}
BRITISH = {
    "account_number": "55779911",
    "account_holder_name": "Ada",
    "routing_type": "sort",
    "routing_number": "123123",
    "country": "GB",
}
AUSTRIAN = {
    "account_number": "67209385576",
    "account_holder_name": "Lise",
    "routing_type": "iban",
    "routing_number": "AT91967209385576",
    "country": "AT",
}
SOUTH_AFRICAN = {
    "account_number": "62001234567",
    "account_holder_name": "Thandi",
    "bank_name": "FNB",
    "certificate": {"certificate_type": "id_card", "certificate_number": "9105160596211"},
}


def bank(details: dict[str, Any], **changes: Any) -> dict[str, Any]:
    whole = {name: value for name, value in {**details, **changes}.items() if value is not None}
    return {"destination_type": "bank_account", "bank_account": whole}


def of_type(type: str, **details: Any) -> dict[str, Any]:
    return {"destination_type": type, type: details}


UPI = of_type("upi", vpa="8276831583@axl", phone_number="91-8276831583")
ALIPAY = of_type("alipay", user_id="+86123456789", first_name="Wei")


@pytest.mark.parametrize(
    "destination",
    [
        american(),
        bank(CHINESE),
        bank(BRITISH),
        bank(BRITISH, routing_number="12-31-23"),
        bank(AUSTRIAN),
        bank(SOUTH_AFRICAN),
        bank(SOUTH_AFRICAN, country="ZA"),
        bank(BRITISH, country="JP", routing_type=None, routing_number=None),
        bank(BRITISH, dob={"day": "1", "month": "2", "year": "1990"}, email="a@b.example", phone_number="1"),
        ALIPAY,
        of_type("imps", vpa="somebody@bank"),
        of_type("card", number="4111111111111111"),
        of_type("carrier_billing", phone_number="256777000001"),
    ],
)
async def test_row_created_kept_with_the_details_as_sent(api: Api, destination: dict[str, Any]) -> None:
    made = await api.make(PATH, {"destination_data": destination, "nickname": "N", "metadata": {"a": "1"}})
    check(made)
    assert made["id"].startswith("bf_")
    assert made["destination_data"] == destination
    assert (made["nickname"], made["metadata"]) == ("N", {"a": "1"})
    assert await api.find(f"{PATH}/{made['id']}") == made


async def test_the_details_of_upi_are_answered_under_imps(api: Api) -> None:
    made = await api.make(PATH, {"destination_data": UPI})
    check(made)
    assert made["destination_data"] == {"destination_type": "upi", "imps": UPI["upi"]}


def without(details: dict[str, Any], *names: str) -> list[tuple[dict[str, Any], str, str]]:
    return [
        (bank(details, **{name: None}), "parameter_missing", f"destination_data[bank_account][{name}]")
        for name in names
    ]


@pytest.mark.parametrize(
    ("destination", "code", "param"),
    [
        (None, "parameter_missing", "destination_data"),
        ({}, "parameter_missing", "destination_data[destination_type]"),
        ({"destination_type": "cheque"}, "parameter_invalid", "destination_data[destination_type]"),
        ({"destination_type": "alipay"}, "parameter_missing", "destination_data[alipay]"),
        (of_type("card"), "parameter_missing", "destination_data[card]"),
        ({"destination_type": "bank_account", "upi": {}}, "parameter_missing", "destination_data[bank_account]"),
        *without(CHINESE, "currency", "swift", "account_holder_type", "routing_number", "bank_name"),
        *without(CHINESE, "account_number", "account_holder_name"),
        *without(BRITISH, "routing_type", "routing_number", "country"),
        *without(AUSTRIAN, "routing_type", "routing_number"),
        *without(american()["bank_account"], "routing_type", "routing_number"),
        *without(SOUTH_AFRICAN, "bank_name"),
        *without({**SOUTH_AFRICAN, "country": "ZA"}, "certificate"),
        (
            bank(SOUTH_AFRICAN, certificate={"certificate_type": "id_card"}),
            "parameter_missing",
            "destination_data[bank_account][certificate][certificate_number]",
        ),
        (
            bank(BRITISH, dob={"day": "1", "month": "2"}),
            "parameter_missing",
            "destination_data[bank_account][dob][year]",
        ),
        (bank(BRITISH, routing_type="aba"), "parameter_invalid", "destination_data[bank_account][routing_type]"),
        (bank(AUSTRIAN, country="FR", routing_type="sort"), "parameter_invalid", None),
        (bank(BRITISH, routing_number="1234"), "parameter_invalid", "destination_data[bank_account][routing_number]"),
        (bank(AUSTRIAN, routing_number="AT1"), "parameter_invalid", "destination_data[bank_account][routing_number]"),
        (american(routing_number="12"), "parameter_invalid", "destination_data[bank_account][routing_number]"),
        (bank(CHINESE, swift="ABC"), "parameter_invalid", "destination_data[bank_account][swift]"),
        (bank(BRITISH, country="GBR"), "parameter_invalid", "destination_data[bank_account][country]"),
        (bank(CHINESE, currency="yuan"), "parameter_invalid", "destination_data[bank_account][currency]"),
        (bank(CHINESE, account_holder_type="state"), "parameter_invalid", None),
        (of_type("alipay", first_name="Wei"), "parameter_missing", "destination_data[alipay][user_id]"),
        (of_type("alipay", user_id="1"), "parameter_missing", "destination_data[alipay][first_name]"),
        (of_type("upi", phone_number="91-8276831583"), "parameter_missing", "destination_data[upi][vpa]"),
        (of_type("upi", vpa="a@b"), "parameter_missing", "destination_data[upi][phone_number]"),
        (of_type("upi", vpa="a", phone_number="91-8276831583"), "parameter_invalid", "destination_data[upi][vpa]"),
        (of_type("upi", vpa="a@b", phone_number="8276831583"), "parameter_invalid", None),
    ],
)
async def test_what_is_missing_or_wrong_is_named_and_nothing_is_kept(
    api: Api, destination: Any, code: str, param: str | None
) -> None:
    reply = await api.post(PATH, {"destination_data": destination})
    assert (reply.status, reply.error["code"]) == (400, code)
    assert param is None or reply.error["param"] == param
    assert (await api.find(PATH))["data"] == []


async def test_the_entity_of_2023_needs_its_object_and_is_not_answered(api: Api) -> None:
    entity: dict[str, Any] = {"type": "individual", "individual": {}}
    whole: dict[str, Any] = {"destination_data": ALIPAY, "livemode": False, "entity": entity}
    assert "entity" not in await api.make(PATH, whole)
    for lacking, param in (({"type": None}, "entity[type]"), ({"type": "business"}, "entity[business]")):
        reply = await api.post(PATH, {**whole, "entity": {**entity, **lacking}})
        assert (reply.status, reply.error["param"]) == (400, param)


async def test_row_updated_keeps_what_is_left_out(api: Api) -> None:
    made = await api.make(PATH, {"destination_data": bank(BRITISH), "nickname": "N", "metadata": {"a": "1"}})
    path = f"{PATH}/{made['id']}"
    changed = await api.make(path, {"metadata": {"b": "2"}, "destination_data": {"bank_account": {"email": "a@b.c"}}})
    assert (changed["nickname"], changed["metadata"]) == ("N", {"a": "1", "b": "2"})
    assert changed["destination_data"] == bank(BRITISH, email="a@b.c")
    assert (await api.make(path, {"nickname": "M"}))["nickname"] == "M"
    assert (await api.make(path, {"destination_data": ALIPAY}))["destination_data"] == ALIPAY
    assert (await api.make(path, {"destination_data": UPI}))["destination_data"]["imps"] == UPI["upi"]
    check(await api.find(path))


async def test_row_updated_is_checked_as_a_whole_and_a_refusal_leaves_it(api: Api) -> None:
    made = await api.make(PATH, {"destination_data": bank(BRITISH)})
    path = f"{PATH}/{made['id']}"
    for data in (
        {"bank_account": {"country": "AT"}},
        {"bank_account": {"routing_number": None}},
        {"destination_type": "upi"},
    ):
        assert (await api.post(path, {"nickname": "x", "destination_data": data})).status == 400
    assert await api.find(path) == made


async def test_row_deleted_is_gone_but_its_payouts_keep_it(api: Api) -> None:
    await funded(api)
    made = await api.make(PATH, {"destination_data": american(), "nickname": "N"})
    sent = await api.make(
        "/v1/payouts",
        {"payment_amount": 100, "payment_currency": "usd", "source_currency": "usd", "beneficiary": made["id"]},
    )
    await api.make(f"{PATH}/{made['id']}", {"nickname": "M"})
    gone = await api.delete(f"{PATH}/{made['id']}")
    assert gone.body == {"id": made["id"], "object": "beneficiary", "deleted": True}
    check(gone.body, load("DeletedBeneficiary"))
    assert (await api.find(f"/v1/payouts/{sent['id']}"))["beneficiary_data"] == made
    for reply in (
        await api.get(f"{PATH}/{made['id']}"),
        await api.delete(f"{PATH}/{made['id']}"),
        await api.post(f"{PATH}/{made['id']}", {}),
    ):
        assert (reply.status, reply.error["code"]) == (404, "resource_missing")


async def test_listed_newest_first_in_pages(api: Api) -> None:
    ids = [(await api.make(PATH, {"destination_data": ALIPAY}))["id"] for _ in range(3)]
    page = await api.get(PATH, query={"limit": "2"})
    assert ([entry["id"] for entry in page.body["data"]], page.body["has_more"]) == ([ids[2], ids[1]], True)
    rest = await api.get(f"{PATH}/list", {"starting_after": ids[1]})
    assert ([entry["id"] for entry in rest.body["data"]], rest.body["url"]) == ([ids[0]], PATH)
