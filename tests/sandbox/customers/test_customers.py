"""Customers and the payment methods that are saved for them."""

from __future__ import annotations

import pytest
from sandbox.customers.helpers import attached, customer, ids, method
from sandbox.rig import DECLINED, Api
from sandbox.test_shapes import check

from wooshpay.sandbox import Sandbox


async def test_lists_only_the_customers_own_methods(api: Api) -> None:
    owner, other = await customer(api), await customer(api)
    mine = [await attached(api, owner) for _ in range(3)]
    await attached(api, other)
    await method(api)
    path = f"/v1/customers/{owner}/payment_methods"
    found = await api.find(path)
    assert (ids(found), found["url"]) == (list(reversed(mine)), path)
    assert ids((await api.get(path, query={"customer": other})).body) == list(reversed(mine))
    assert ids((await api.get(path, {"type": "alipay"})).body) == []
    assert ids((await api.get(path, query={"type": "card", "limit": "2"})).body) == [mine[2], mine[1]]
    assert ids((await api.get(path, query={"starting_after": mine[1]})).body) == [mine[0]]
    assert (await api.get(path, query={"type": "gold"})).error["param"] == "type"
    assert (await api.get("/v1/customers/cus_1/payment_methods")).status == 404


async def test_gets_one_method_of_a_customer_and_no_other_customers(api: Api) -> None:
    owner, other = await customer(api), await customer(api)
    id = await attached(api, owner)
    found = await api.find(f"/v1/customers/{owner}/payment_methods/{id}")
    assert (found["id"], found["customer"]) == (id, owner)
    for path in (
        f"/v1/customers/{other}/payment_methods/{id}",
        f"/v1/customers/{owner}/payment_methods/pm_1",
        f"/v1/customers/cus_1/payment_methods/{id}",
    ):
        reply = await api.get(path)
        assert (reply.status, reply.error["code"]) == (404, "resource_missing")
    await api.make(f"/v1/payment_methods/{id}/detach")
    assert (await api.get(f"/v1/customers/{owner}/payment_methods/{id}")).status == 404


async def test_payment_method_saves_the_method_on_create_and_update(api: Api) -> None:
    first, second = await method(api), await method(api)
    made = await api.make("/v1/customers", {"payment_method": first["id"]})
    assert made["payment_method"] == first["id"]
    check(made)
    changed = await api.make(f"/v1/customers/{made['id']}", {"payment_method": second["id"]})
    assert changed["payment_method"] == second["id"]
    assert ids(await api.find(f"/v1/customers/{made['id']}/payment_methods")) == [second["id"], first["id"]]
    await api.make(f"/v1/payment_methods/{second['id']}/detach")
    assert "payment_method" not in await api.find(f"/v1/customers/{made['id']}")


@pytest.mark.parametrize(("case", "status"), [("declined", 402), ("foreign", 400), ("unknown", 404), ("pix", 400)])
async def test_a_method_that_cannot_be_saved_leaves_no_customer_behind(
    api: Api, sandbox: Sandbox, case: str, status: int
) -> None:
    if case == "foreign":
        id = await attached(api, await customer(api))
    elif case == "declined":
        id = (await method(api, DECLINED))["id"]
    else:
        id = "pm_1" if case == "unknown" else (await api.make("/v1/payment_methods", {"type": "pix"}))["id"]
    before = sandbox.store.all("customer")
    assert (await api.post("/v1/customers", {"name": "Ada", "payment_method": id})).status == status
    assert sandbox.store.all("customer") == before
    mine = await customer(api)
    reply = await api.post(f"/v1/customers/{mine}", {"name": "Ada", "payment_method": id})
    assert reply.status == status
    assert "name" not in await api.find(f"/v1/customers/{mine}")
