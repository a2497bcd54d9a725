"""Managing webhook endpoints on the dashboard."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.dashboard.visitor import Visitor
from sandbox.rig import GOOD, Api, Shop, payment

from wooshpay import webhooks
from wooshpay.sandbox import Sandbox

HOSTILE = "\"'><script>alert(1)</script>{{ 7 - 7 }}"


async def add(api: Api, url: str, *types: str) -> dict[str, Any]:
    made: dict[str, Any] = await api.make("/v1/webhook_endpoints", {"url": url, "enabled_events": list(types or "*")})
    return made


def ids(sandbox: Sandbox) -> list[str]:
    return [endpoint["id"] for endpoint in sandbox.store.all("webhook_endpoint")]


async def test_an_endpoint_is_added_changed_disabled_enabled_and_deleted_through_the_api(
    visitor: Visitor, shop: Shop, sandbox: Sandbox
) -> None:
    made = await visitor.send("webhooks", url=shop.hook(), events="payment_intent.succeeded, refund.updated\n\n a.b ")
    (id,) = ids(sandbox)
    assert (made.status, made.location) == (303, f"/dashboard/webhooks/{id}")
    assert sandbox.store.get(id)["enabled_events"] == ["payment_intent.succeeded", "refund.updated", "a.b"]
    page = await visitor.look(f"webhooks/{id}")
    assert f'value="{shop.hook()}"' in page.text
    assert "payment_intent.succeeded\nrefund.updated\na.b</textarea>" in page.text
    await visitor.send(f"webhooks/{id}", url=shop.hook("other"), events="*")
    changed = sandbox.store.get(id)
    assert (changed["url"], changed["enabled_events"]) == (shop.hook("other"), ["*"])
    await visitor.send(f"webhooks/{id}/disable")
    assert sandbox.store.get(id)["status"] == "disabled"
    assert "Enable</button>" in (await visitor.look(f"webhooks/{id}")).text
    await visitor.send(f"webhooks/{id}/enable")
    assert sandbox.store.get(id)["status"] == "enabled"
    assert (await visitor.send(f"webhooks/{id}/delete")).location == "/dashboard/webhooks"
    assert ids(sandbox) == []
    assert [entry.operation for entry in sandbox.requests] == [
        "webhook_endpoints.create",
        *["webhook_endpoints.update"] * 3,
        "webhook_endpoints.delete",
    ]


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"url": "http://shop.example.com/hook", "events": "*"}, "url"),
        ({"url": HOSTILE, "events": "*"}, "url"),
        ({"url": "", "events": "*"}, "url"),
        ({"url": "https://shop.example/hook", "events": ""}, "events"),
        ({"url": "https://shop.example/hook", "events": "payment_intent.*"}, "events"),
    ],
)
async def test_a_wrong_form_says_so_beside_the_field_and_keeps_the_rest(
    visitor: Visitor, api: Api, shop: Shop, sandbox: Sandbox, form: dict[str, str], field: str
) -> None:
    sight = await visitor.send("webhooks", **form)
    assert (sight.status, ids(sandbox)) == (400, [])
    assert f'id="{field}-error"' in sight.text
    assert sight.text.count('aria-invalid="true"') == 1
    assert "<script>" not in sight.text
    if field == "events":
        assert 'value="https://shop.example/hook"' in sight.text
    endpoint = await add(api, shop.hook())
    if all(form.values()):
        assert (await visitor.send(f"webhooks/{endpoint['id']}", **form)).status == 400
        assert sandbox.store.get(endpoint["id"])["url"] == shop.hook()


async def test_an_endpoint_that_is_gone_fails_nothing(visitor: Visitor, sandbox: Sandbox) -> None:
    for path in ("", "/disable", "/enable", "/delete", "/test", "/reveal", "/resend"):
        for id in ("we_1", "..%2Fcustomers", "%ff", "a%20b"):
            assert (await visitor.send(f"webhooks/{id}{path}", url="", events="*")).status == 404, (id, path)
    assert {entry.operation for entry in sandbox.requests} <= {"webhook_endpoints.update", "webhook_endpoints.delete"}


async def test_the_secret_is_shown_on_demand_only(visitor: Visitor, api: Api, shop: Shop) -> None:
    endpoint = await add(api, shop.hook())
    page = await visitor.look(f"webhooks/{endpoint['id']}")
    assert endpoint["secret"] not in page.text
    assert "whsec_[hidden]" in page.text
    shown = await visitor.send(f"webhooks/{endpoint['id']}/reveal")
    assert endpoint["secret"] in shown.text
    assert (await visitor.look(f"webhooks/{endpoint['id']}/reveal")).status == 404


async def test_a_url_with_a_secret_is_not_shown_and_kept_when_the_field_stays_empty(
    visitor: Visitor, api: Api, shop: Shop, sandbox: Sandbox
) -> None:
    """Otherwise saving the form would replace the secret by the text that hides it."""
    url = f"{shop.hook()}?token=abc123secret"
    endpoint = await add(api, url)
    page = await visitor.look(f"webhooks/{endpoint['id']}")
    assert "abc123secret" not in page.text
    assert "Leave this field empty to keep it" in page.text
    await visitor.send(f"webhooks/{endpoint['id']}", url="", events="a.b")
    changed = sandbox.store.get(endpoint["id"])
    assert (changed["url"], changed["enabled_events"]) == (url, ["a.b"])


# ---- events


async def test_a_test_event_goes_to_one_endpoint_and_can_be_verified(
    visitor: Visitor, api: Api, shop: Shop, sandbox: Sandbox
) -> None:
    """It has an ID of its own: a receiver that drops duplicates must not drop it."""
    await add(api, shop.hook("other"))
    endpoint = await add(api, shop.hook(), "refund.updated")
    paid = await api.make("/v1/payment_intents", payment(GOOD))
    await sandbox.settle()
    before = len(shop.types("other"))
    assert shop.types() == []
    sent = await visitor.send(f"webhooks/{endpoint['id']}/test", type="payment_intent.succeeded")
    assert sent.location == f"/dashboard/webhooks/{endpoint['id']}"
    await sandbox.settle()
    (hook,) = [hook for hook in shop.hooks if hook.name == "main"]
    event = webhooks.construct(hook.body, {"Wooshpay-Signature": hook.signature}, endpoint["secret"])
    assert event.type == "payment_intent.succeeded"
    assert hook.event["data"]["object"]["id"] == paid["id"]
    assert len({event["id"] for event in sandbox.store.events()}) == len(sandbox.store.events())
    assert len(shop.types("other")) == before


async def test_a_test_event_can_be_sent_before_anything_happened(
    visitor: Visitor, api: Api, shop: Shop, sandbox: Sandbox
) -> None:
    """A real payment is created then, so that the object is complete. The endpoint gets its event once."""
    wants = await add(api, shop.hook())
    await visitor.send(f"webhooks/{wants['id']}/test", type="payment_intent.created")
    await sandbox.settle()
    assert shop.types() == ["payment_intent.created"]


async def test_an_endpoint_that_wants_other_events_gets_the_first_test_event_too(
    visitor: Visitor, api: Api, shop: Shop, sandbox: Sandbox
) -> None:
    other = await add(api, shop.hook(), "refund.updated")
    await visitor.send(f"webhooks/{other['id']}/test", type="payment_intent.created")
    await sandbox.settle()
    assert shop.types() == ["payment_intent.created"]


async def test_a_test_event_is_refused_where_it_cannot_arrive(
    visitor: Visitor, api: Api, shop: Shop, sandbox: Sandbox
) -> None:
    endpoint = await add(api, shop.hook())
    unknown = await visitor.send(f"webhooks/{endpoint['id']}/test", type=HOSTILE)
    assert (unknown.status, "<script>" in unknown.text) == (400, False)
    await visitor.send(f"webhooks/{endpoint['id']}/disable")
    refused = await visitor.send(f"webhooks/{endpoint['id']}/test", type="payment_intent.created")
    assert (refused.status, "Enable it first" in refused.text) == (400, True)
    assert sandbox.store.events() == []
    assert "Enable it to send a test event" in (await visitor.look(f"webhooks/{endpoint['id']}")).text


async def test_failed_events_are_resent_once_and_the_others_not(
    visitor: Visitor, api: Api, shop: Shop, sandbox: Sandbox
) -> None:
    endpoint = await add(api, shop.hook(), "payment_intent.created")
    shop.answers += [503, 503]
    ids = [(await api.make("/v1/payment_intents", payment()))["id"] for _ in range(3)]
    await sandbox.settle()
    page = await visitor.look(f"webhooks/{endpoint['id']}")
    assert "Resend 2 failed events" in page.text
    sent = await visitor.send(f"webhooks/{endpoint['id']}/resend")
    assert sent.location == f"/dashboard/webhooks/{endpoint['id']}"
    await sandbox.settle()
    delivered = [hook.event["data"]["object"]["id"] for hook in shop.hooks]
    assert delivered == [*ids, *ids[:2]]
    again = await visitor.look(f"webhooks/{endpoint['id']}")
    assert "failed event" not in again.text
    await visitor.send(f"webhooks/{endpoint['id']}/resend")
    await sandbox.settle()
    assert len(shop.hooks) == 5


async def test_one_failed_event_is_not_several(visitor: Visitor, api: Api, shop: Shop, sandbox: Sandbox) -> None:
    endpoint = await add(api, shop.hook(), "payment_intent.created")
    shop.answers.append(500)
    await api.make("/v1/payment_intents", payment())
    await sandbox.settle()
    assert "Resend 1 failed event<" in (await visitor.look(f"webhooks/{endpoint['id']}")).text


async def test_hostile_values_are_text(visitor: Visitor, api: Api, shop: Shop) -> None:
    endpoint = await add(api, f"{shop.hook()}?a={HOSTILE}", HOSTILE, "a.b")
    for path in ("webhooks", f"webhooks/{endpoint['id']}"):
        sight = await visitor.look(path)
        assert "<script>" not in sight.text
        assert "{{ 7" in sight.text
