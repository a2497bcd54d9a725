"""Events, endpoints and deliveries on the dashboard."""

from __future__ import annotations

from typing import Any

from sandbox.dashboard.visitor import Visitor
from sandbox.rig import GOOD, Api, Shop, payment

from wooshpay.sandbox import Sandbox


async def endpoint_at(api: Api, url: str, *types: str) -> dict[str, Any]:
    made: dict[str, Any] = await api.make("/v1/webhook_endpoints", {"url": url, "enabled_events": list(types or "*")})
    return made


async def test_shows_endpoints_and_every_attempt(visitor: Visitor, api: Api, shop: Shop, sandbox: Sandbox) -> None:
    empty = (await visitor.look("webhooks")).text
    assert "There are no webhook endpoints yet" in empty
    assert "No event has been delivered yet" in empty
    endpoint = await endpoint_at(api, shop.hook())
    silent = await endpoint_at(api, "http://127.0.0.1:9/x", "payment_intent.succeeded", "charge.captured")
    shop.answers.append(503)
    await api.make("/v1/payment_intents", payment(GOOD))
    await sandbox.settle()
    sight = await visitor.look("webhooks")
    for text in (
        shop.hook(),
        "1 pending",
        "1 delivered",
        "2 types",
        ">503<",
        ">200<",
        "no response",
        "Connection refused: nothing listens at 127.0.0.1:9.",
    ):
        assert text in sight.text
    one = await visitor.look(f"webhooks/{silent['id']}")
    assert len([row for row in one.rows() if row.startswith("delivery_")]) == 1
    assert endpoint["id"] not in one.text


async def test_a_disabled_endpoint_is_shown_as_such_and_offers_no_resend(
    visitor: Visitor, api: Api, shop: Shop, sandbox: Sandbox
) -> None:
    endpoint = await endpoint_at(api, shop.hook())
    await api.make("/v1/payment_intents", payment())
    await sandbox.settle()
    assert "Resend" in (await visitor.look("webhooks")).text
    await api.make(f"/v1/webhook_endpoints/{endpoint['id']}", {"disabled": True})
    sight = await visitor.look("webhooks")
    assert "disabled" in sight.text
    assert "Resend" not in sight.text


async def test_resend_delivers_again_to_one_endpoint_or_to_all(
    visitor: Visitor, api: Api, shop: Shop, sandbox: Sandbox
) -> None:
    first = await endpoint_at(api, shop.hook("first"))
    await endpoint_at(api, shop.hook("second"))
    await api.make("/v1/payment_intents", payment())
    await sandbox.settle()
    event = sandbox.store.events()[-1]["id"]
    sent = await visitor.send(f"events/{event}/resend", endpoint=first["id"])
    assert (sent.status, sent.location) == (303, f"/dashboard/webhooks/{first['id']}")
    await sandbox.settle()
    assert (len(shop.types("first")), len(shop.types("second"))) == (2, 1)
    assert (await visitor.send(f"events/{event}/resend")).location == f"/dashboard/object/{event}"
    await sandbox.settle()
    assert (len(shop.types("first")), len(shop.types("second"))) == (3, 2)
    assert (await visitor.send(f"events/{event}/resend", endpoint="we_1")).status == 404
    assert len((await visitor.look(f"object/{event}")).rows()) == 5


async def test_events_with_their_objects_and_deliveries(
    visitor: Visitor, api: Api, shop: Shop, sandbox: Sandbox
) -> None:
    assert "There are no events yet" in (await visitor.look("events")).text
    await endpoint_at(api, shop.hook())
    intent = await api.make("/v1/payment_intents", payment(GOOD))
    await sandbox.settle()
    sight = await visitor.look("events")
    assert sight.rows() == [event["id"] for event in sandbox.store.events()][::-1]
    assert sight.link(intent["id"]) == f"/dashboard/object/{intent['id']}"
    assert sight.text.count("1 delivered") == len(sight.rows())


async def test_deliveries_are_shown_in_pages(visitor: Visitor, api: Api, shop: Shop, sandbox: Sandbox) -> None:
    await endpoint_at(api, shop.hook(), "payment_intent.created")
    for _ in range(55):
        await api.make("/v1/payment_intents", payment())
    await sandbox.settle()
    first = await visitor.look("webhooks")
    second = await visitor.look(first.link("Older"))
    deliveries = [row for row in first.rows() + second.rows() if row.startswith("delivery_")]
    assert deliveries == [f"delivery_{number}" for number in range(55, 0, -1)]
