"""Everything that the sandbox answers is documented: the strict converter takes it, and nothing is left over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sandbox.rig import CHALLENGED, DECLINED, GOOD, Api, order, payment

from wooshpay.api import TAGS
from wooshpay.core.catalog import load
from wooshpay.core.codec import structure
from wooshpay.core.listing import ListObject
from wooshpay.core.objects import Object, wire_names
from wooshpay.sandbox import Sandbox


def leftovers(value: object, place: str) -> Iterator[str]:
    """Names of fields, at any depth, that no class of the SDK has."""
    if isinstance(value, Object):
        cls: Any = type(value)
        yield from (f"{place}.{name}" for name in value.extra)
        for name, _ in wire_names(cls):
            yield from leftovers(getattr(value, name), f"{place}.{name}")
    elif isinstance(value, list):
        for entry in value:  # pyright: ignore[reportUnknownVariableType]  # JSON
            yield from leftovers(entry, f"{place}[]")  # pyright: ignore[reportUnknownArgumentType]  # JSON


def check(data: Any, cls: Any = None) -> None:
    cls = cls or load(TAGS[data["object"]])
    made = structure(data, cls, strict=True)
    assert list(leftovers(made, cls.__name__)) == []
    assert made.to_dict() == data


async def test_every_object_in_every_state_is_as_documented(api: Api, sandbox: Sandbox) -> None:
    customer = await api.make(
        "/v1/customers",
        {
            "email": "ada@example.com",
            "name": "Ada",
            "phone": "1",
            "description": "x",
            "address": {"city": "London", "country": "GB"},
            "shipping": {"name": "Ada", "phone": "1", "address": {"line1": "1 St"}},
            "metadata": {"a": "1"},
        },
    )
    await api.make("/v1/webhook_endpoints", {"url": "http://127.0.0.1:9/", "enabled_events": ["x"], "description": "x"})
    options = {"card": {"request_three_d_secure": "auto", "capture_method": "automatic"}}
    whole = payment(
        GOOD,
        customer=customer["id"],
        description="Tea",
        quantity=2,
        merchant_user_id="u",
        merchant_order_id="o",
        receipt_email="ada@example.com",
        return_url="https://shop.example",
        setup_future_usage="on_session",
        shipping={"name": "Ada"},
        payment_method_options=options,
        metadata={"a": "1"},
    )
    whole["payment_method_data"]["billing_details"] = {"name": "Ada", "address": {"city": "London"}}
    paid = await api.make("/v1/payment_intents", whole)
    await api.make("/v1/payment_intents", payment())
    await api.post("/v1/payment_intents", payment(DECLINED))
    await api.make("/v1/payment_intents", payment(CHALLENGED, return_url="https://shop.example"))
    await api.make("/v1/payment_intents", payment("4000000000000077"))
    held = await api.make("/v1/payment_intents", payment(GOOD, capture_method="manual"))
    await api.make(f"/v1/payment_intents/{held['id']}/cancel", {"cancellation_reason": "x"})
    for kind, currency in (("alipay", "USD"), ("gcash", "PHP"), ("pix", "BRL")):
        body = payment(confirm=True, currency=currency, payment_method_data={"type": kind})
        await api.make("/v1/payment_intents", body)
    await api.make("/v1/refunds", {"payment_intent": paid["id"], "amount": 5, "reason": "duplicate", "metadata": {}})
    rich = order(
        client_reference_id="ref",
        customer_email="ada@example.com",
        customer_creation="always",
        billing_address_collection="required",
        phone_number_collection={"enabled": True},
        shipping_address_collection={"allowed_countries": ["GB"]},
        payment_method_types=["card"],
        payment_method_options=options,
    )
    done, left, _ = [await api.make("/v1/checkout/sessions", body) for body in (rich, order(), order())]
    await api.act("checkout.sessions.pay", session=done["id"], name="Ada")
    await api.make(f"/v1/checkout/sessions/{left['id']}/expire")
    sandbox.clock.advance(minutes=2)

    kinds = set(sandbox.store.kinds()) & TAGS.keys()
    assert kinds >= {"payment_intent", "charge", "refund", "checkout.session", "customer", "webhook_endpoint", "event"}
    for kind in kinds:
        for data in sandbox.store.all(kind):
            check(data)
    check(await api.find("/v1/balance"))
    check(await api.find("/v1/payment_intents"), ListObject[Any])


async def test_what_is_answered_on_deletion_and_to_a_search(api: Api) -> None:
    endpoint = await api.make("/v1/webhook_endpoints", {"url": "http://127.0.0.1:9/", "enabled_events": ["x"]})
    check((await api.delete(f"/v1/webhook_endpoints/{endpoint['id']}")).body, load("DeletedWebhookEndpoint"))
    await api.make("/v1/payment_intents", payment(merchant_order_id="A"))
    found = await api.get("/v1/payment_intents/search", query={"query": "merchant_order_id:'A'"})
    check(found.body, ListObject[Any])


@pytest.mark.parametrize("field", ["amount", "id"])
def test_the_check_itself_finds_what_is_wrong(field: str) -> None:
    data = {"id": "re_1", "object": "refund", "amount": 5, "created": 1, "currency": "USD", "status": "succeeded"}
    check(data)
    with pytest.raises(ValueError, match="documented"):
        check({**data, field: []})
    with pytest.raises(AssertionError):
        check({**data, "unheard_of": 1})
