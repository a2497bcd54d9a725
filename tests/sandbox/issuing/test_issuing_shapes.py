"""Everything that issuing answers, in every state, is as the SDK's classes have it."""

from __future__ import annotations

from typing import Any

from sandbox.issuing.counter import CARDS, act, buy, make_card, make_holder
from sandbox.rig import Api
from sandbox.test_shapes import check

from wooshpay.api import TAGS
from wooshpay.core.catalog import load
from wooshpay.core.listing import ListObject
from wooshpay.sandbox import Sandbox

CONTROLS = {
    "allowed_categories": ["taxi"],
    "spending_limits": [{"amount": 1000, "interval": "weekly", "categories": ["taxi"]}],
    "spending_limits_currency": "usd",
}


async def test_every_object_in_every_state_is_as_documented(api: Api, sandbox: Sandbox) -> None:
    person = {
        "first_name": "Jo",
        "last_name": "Doe",
        "dob": {"day": 16, "month": 5, "year": 1991},
        "card_issuing": {"user_terms_acceptance": {"date": 1731033692, "ip": "203.0.113.9", "user_agent": "B/1"}},
    }
    whole = await make_holder(
        api,
        email="jo@example.com",
        phone_number="1",
        individual=person,
        spending_controls=CONTROLS,
        metadata={"k": "v"},
    )
    await make_holder(api, type="company", company={"tax_id": "1"}, status="inactive")
    act(sandbox, "block_cardholder", cardholder=(await make_holder(api))["id"])
    card = await make_card(api, whole["id"], spending_controls=CONTROLS, metadata={"k": "v"})
    lost, _ = await make_card(api), await make_card(api, status="inactive")
    await api.make(f"{CARDS}/{lost['id']}", {"status": "canceled", "cancellation_reason": "lost"})
    buy(sandbox, lost, 5)
    made = [buy(sandbox, card, 100, "taxi", merchant_amount=80, merchant_currency="gbp") for _ in range(3)]
    captured = act(sandbox, "capture", authorization=made[0]["id"], amount=50)
    act(sandbox, "refund", transaction=captured["id"])
    act(sandbox, "reverse", authorization=made[1]["id"])

    kinds = set(sandbox.store.kinds()) & TAGS.keys()
    assert kinds == {
        *("event", "issuing.cardholder", "issuing.card"),
        *("issuing.authorization", "issuing.transaction"),
    }
    for kind in kinds:
        for data in sandbox.store.all(kind):
            check(data)
    check(await api.find(f"{CARDS}/{card['id']}?expand[]=issuing_card.number&expand[]=issuing_card.cvc"))
    check(await api.find(f"{CARDS}/{card['id']}/limits"), load("IssuingCardLimits"))
    for section in ("cardholders", "cards", "authorizations", "transactions"):
        check(await api.find(f"/v1/issuing/{section}"), ListObject[Any])
