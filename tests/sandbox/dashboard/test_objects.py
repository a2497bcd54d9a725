"""What the dashboard shows of objects: kinds, tables, JSON, events, links; and that it shows no secret."""

from __future__ import annotations

import re

from sandbox.dashboard.visitor import Visitor
from sandbox.rig import CHALLENGED, GOOD, Api, Shop, order, payment

from wooshpay.sandbox import Sandbox

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7 * 7 }}"


async def make_things(api: Api, shop: Shop) -> dict[str, str]:
    """One of several kinds of objects; give their ids."""
    endpoint = await api.make("/v1/webhook_endpoints", {"url": shop.hook(), "enabled_events": ["*"]})
    paid = await api.make("/v1/payment_intents", payment(GOOD, description=HOSTILE, metadata={HOSTILE: HOSTILE}))
    waiting = await api.make("/v1/payment_intents", payment(CHALLENGED))
    session = await api.make("/v1/checkout/sessions", order())
    refund = await api.make("/v1/refunds", {"payment_intent": paid["id"], "amount": 500})
    customer = await api.make("/v1/customers", {"name": HOSTILE, "email": "ada@example.com"})
    things = (endpoint, paid, waiting, session, refund, customer)
    return {name: thing["id"] for name, thing in zip(("we", "pi", "waiting", "cs", "re", "cus"), things, strict=True)}


async def every_page(visitor: Visitor) -> dict[str, str]:
    """Every page that can be reached by links, from the first one on."""
    seen: dict[str, str] = {}
    waiting = ["/dashboard"]
    while waiting:
        path = waiting.pop()
        if path in seen or "/open/" in path or "/assets/" in path:
            continue
        sight = await visitor.look(path)
        if sight.status == 303:
            sight = await visitor.look(sight.location)
        assert sight.status == 200, path
        seen[path] = sight.text
        waiting += [link.replace("&amp;", "&") for link in re.findall(r'href="(/dashboard[^"#]*)"', sight.text)]
    return seen


async def test_every_page_can_be_reached_and_none_shows_a_secret(
    visitor: Visitor, api: Api, shop: Shop, sandbox: Sandbox
) -> None:
    ids = await make_things(api, shop)
    await api.get(f"/v1/payment_intents/{ids['pi']}")
    await sandbox.settle()
    secrets = [sandbox.api_key, sandbox.publishable_key, sandbox.dashboard_url.partition("key=")[2]]
    for id in (ids["pi"], ids["waiting"], ids["we"]):
        found = sandbox.store.get(id)
        secrets.append(found.get("client_secret") or found["secret"])
    pages = await every_page(visitor)
    for path in (
        *("/dashboard/objects/payment_intent", "/dashboard/requests", f"/dashboard/object/{ids['cs']}"),
        *(f"/dashboard/object/{ids['we']}", f"/dashboard/webhooks/{ids['we']}", "/dashboard/acts", "/dashboard/clock"),
    ):
        assert path in pages
    for path, text in pages.items():
        for secret in secrets:
            assert secret not in text, path
        assert "<script>" not in text, path
        assert "<img" not in text, path
        assert ">49<" not in text, path


async def test_kinds_with_their_counts_and_the_balance(visitor: Visitor, api: Api) -> None:
    assert "No money has moved yet" in (await visitor.look("objects")).text
    for _ in range(3):
        await api.make("/v1/payment_intents", payment(GOOD))
    sight = await visitor.look("objects")
    assert "<b>3</b> Payment intents" in sight.text
    assert "60.00 USD" in sight.text
    assert "Balance amount" not in sight.text


async def test_a_table_shows_the_newest_first_with_status_amount_and_time(visitor: Visitor, api: Api) -> None:
    first = await api.make("/v1/payment_intents", payment(GOOD, description="First"))
    second = await api.make("/v1/payment_intents", {"amount": 1234567, "currency": "JPY"})
    sight = await visitor.look("objects/payment_intent")
    assert sight.rows() == [second["id"], first["id"]]
    for text in ("succeeded", "requires payment method", "20.00 USD", "1,234,567 JPY", "First"):
        assert text in sight.text


async def test_long_tables_are_shown_in_pages_forth_and_back(visitor: Visitor, api: Api, sandbox: Sandbox) -> None:
    for _ in range(120):
        await api.make("/v1/customers")
    ids = [customer["id"] for customer in sandbox.store.all("customer")][::-1]
    first = await visitor.look("objects/customer")
    second = await visitor.look(first.link("Older"))
    third = await visitor.look(second.link("Older"))
    assert first.rows() + second.rows() + third.rows() == ids
    assert ("Newer" in first.text, "Older" in third.text) == (False, False)
    assert (await visitor.look(third.link("Newer"))).rows() == second.rows()
    back = await visitor.look(second.link("Newer"))
    assert back.rows() == first.rows()
    assert "Newer" not in back.text
    assert (await visitor.look(third.link("Newest"))).rows() == first.rows()
    assert (await visitor.look("objects/customer?after=cus_1")).rows() == first.rows()


async def test_an_object_leads_to_the_objects_that_it_names(visitor: Visitor, api: Api) -> None:
    intent = await api.make("/v1/payment_intents", payment(GOOD))
    sight = await visitor.look(f"object/{intent['id']}")
    charge = await visitor.look(sight.link(f"&#34;{intent['latest_charge']}&#34;"))
    assert (charge.status, f'<h1 class="id">{intent["latest_charge"]}</h1>' in charge.text) == (200, True)


async def test_an_object_has_its_events_and_they_their_requests(visitor: Visitor, api: Api, sandbox: Sandbox) -> None:
    intent = await api.make("/v1/payment_intents", payment(GOOD))
    await api.make("/v1/payment_intents", payment(GOOD))
    sight = await visitor.look(f"object/{intent['id']}")
    mine = [event for event in sandbox.store.all("event") if event["data"]["object"]["id"] == intent["id"]]
    assert sight.rows() == [event["id"] for event in mine][::-1]
    assert (await visitor.look(f"object/{mine[0]['request']['id']}")).location.endswith(mine[0]["request"]["id"])


async def test_hosted_pages_open_by_links_that_hold_no_secret(visitor: Visitor, api: Api, shop: Shop) -> None:
    ids = await make_things(api, shop)
    for id, named, there in (
        (ids["cs"], "Open the payment page", "Your order"),
        (ids["waiting"], "Open the 3-D Secure challenge", "Your bank asks you"),
    ):
        page = await visitor.look(f"object/{id}")
        assert f'href="/dashboard/object/{id}/open/0"' in page.text
        assert named in page.text
        opened = await visitor.look(f"object/{id}/open/0")
        assert opened.status == 303
        assert there in (await api.browse(opened.location))[1]
    for path in (f"object/{ids['cs']}/open/7", f"object/{ids['cs']}/open/x", "object/cs_1/open/0"):
        assert (await visitor.look(path)).status == 404


async def test_secrets_are_revealed_on_request_and_to_a_form_only(
    visitor: Visitor, api: Api, shop: Shop, sandbox: Sandbox
) -> None:
    ids = await make_things(api, shop)
    secret = sandbox.store.get(ids["we"])["secret"]
    assert secret in (await visitor.send(f"object/{ids['we']}/reveal")).text
    assert (await visitor.look(f"object/{ids['we']}/reveal")).status == 404
    keys = await visitor.send("reveal")
    assert sandbox.api_key in keys.text
    assert sandbox.publishable_key in keys.text


async def test_an_id_is_found_whatever_its_kind(visitor: Visitor, api: Api, sandbox: Sandbox) -> None:
    customer = await api.make("/v1/customers")
    request = sandbox.requests[-1].id
    assert (await visitor.look(f"find?id=%20{customer['id']}")).location == f"/dashboard/object/{customer['id']}"
    assert (await visitor.look(f"find?id={request}")).location == f"/dashboard/requests/{request}"
    for query in ("find", "find?id=<b>"):
        missed = await visitor.look(query)
        assert (missed.status, "<b>" in missed.text.partition("<main")[2]) == (404, False)
