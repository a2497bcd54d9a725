"""Every object of billing, in every state, is as documented."""

from __future__ import annotations

from typing import Any

from sandbox.billing.desk import (
    DAY,
    NEW_YEAR,
    SAVED_BUT_REFUSED,
    attach,
    bill,
    customer,
    finalized,
    plain,
    price,
    subscribe,
)
from sandbox.rig import Api
from sandbox.test_shapes import check

from wooshpay.core.catalog import load
from wooshpay.core.listing import ListObject
from wooshpay.sandbox import Sandbox


async def test_every_object_of_billing_in_every_state(api: Api, sandbox: Sandbox) -> None:
    whole: dict[str, Any] = {
        "phone": "1",
        "address": {"city": "London"},
        "shipping": {"name": "Ada", "address": {"line1": "1 St"}},
    }
    owner = await customer(api, **whole)
    method = await attach(api, owner)
    rich = {
        "description": "Tea",
        "footer": "Thanks",
        "statement_descriptor": "TEA",
        "metadata": {"a": "1"},
        "default_payment_method": method,
        "payment_settings": {
            "payment_method_types": "card,alipay",
            "payment_method_options": {"card": {"request_three_d_secure": "auto"}},
        },
    }
    await api.make("/v1/invoiceitems", {"customer": owner, "amount": 5, "currency": "usd", "description": "x"})
    await bill(api, owner, 100, **rich)
    await finalized(api, owner, 100, **rich, collection_method="send_invoice", days_until_due=3)
    for action in ("pay", "void"):
        invoice = await finalized(api, owner, 100)
        check(await api.make(f"/v1/invoices/{invoice['id']}/{action}"))
    await finalized(api, owner, -100)
    gone = await bill(api, owner)
    check((await api.delete(f"/v1/invoices/{gone['id']}")).body, load("DeletedObject"))
    cups = await price(api, 5, "once")
    check(await api.make("/v1/invoiceitems", {"customer": owner, "price": cups, "quantity": 2}))

    tea = await price(api)
    await subscribe(api, owner, tea, trial_period_days=100, description="x", metadata={"a": "1"})
    expired = await plain(api, None)
    await api.make(f"/v1/invoices/{expired['latest_invoice']}/void")
    sent: dict[str, Any] = {"collection_method": "send_invoice", "days_until_due": 5, "cancel_at": NEW_YEAR + 300 * DAY}
    await plain(api, **sent, payment_settings={"save_default_payment_method": "off"})
    changed = await plain(api, default_payment_method=None)
    item: dict[str, Any] = changed["items"][0]
    update = {"items": [{"id": item["id"], "quantity": 3}], "cancel_at_period_end": True}
    check(await api.make(f"/v1/subscriptions/{changed['id']}", update))
    check((await api.delete(f"/v1/subscriptions/{(await plain(api))['id']}")).body)
    unpaid, owing = await plain(api), await plain(api)
    await attach(api, unpaid["customer"], SAVED_BUT_REFUSED)
    sandbox.clock.advance(days=50)
    await attach(api, owing["customer"], SAVED_BUT_REFUSED)
    sandbox.clock.advance(days=10)
    extra = await api.make("/v1/subscription_items", {"subscription": owing["id"], "price": tea})
    check(await api.find(f"/v1/subscription_items/{extra['id']}"))
    check((await api.delete(f"/v1/subscription_items/{extra['id']}")).body, load("DeletedObject"))

    await plain(api, None)
    await plain(api)
    subscriptions = sandbox.store.all("subscription")
    assert {record["status"] for record in subscriptions} == {
        *("incomplete", "incomplete_expired", "trialing", "active", "past_due", "unpaid", "canceled")
    }
    assert {record["status"] for record in sandbox.store.all("invoice")} == {"draft", "open", "paid", "void"}
    for kind in ("subscription", "subscription_item", "invoice", "invoiceitem", "line_item", "event"):
        found = sandbox.store.all(kind)
        assert found
        for data in found:
            check(data)
    for path in ("/v1/subscriptions", "/v1/invoices"):
        check(await api.find(path), ListObject[Any])
