"""The request log on the dashboard."""

from __future__ import annotations

from sandbox.dashboard.visitor import Visitor
from sandbox.rig import DECLINED, GOOD, Api, payment

from wooshpay.sandbox import Sandbox


async def test_shows_what_was_asked_and_how_it_ended(visitor: Visitor, api: Api, sandbox: Sandbox) -> None:
    assert "There are no requests yet" in (await visitor.look("requests")).text
    await api.post("/v1/customers", {"name": "Ada"}, key="order-7")
    await api.post("/v1/customers", {"name": "Ada"}, key="order-7")
    await api.post("/v1/payment_intents", payment(DECLINED))
    sandbox.faults.add("server_error")
    await api.get("/v1/balance")
    sight = await visitor.look("requests")
    assert sight.rows() == [entry.id for entry in sandbox.requests][::-1]
    for text in ("order-7", "replayed", "card_declined", "402", "fault: server_error", "500", "customers.create"):
        assert text in sight.text


async def test_a_request_shows_its_parameters_and_its_answer_without_secrets(
    visitor: Visitor, api: Api, sandbox: Sandbox
) -> None:
    intent = await api.make("/v1/payment_intents", payment(GOOD, description="<script>"))
    sight = await visitor.look(f"requests/{sandbox.requests[-1].id}")
    assert sight.link(f"&#34;{intent['id']}&#34;") == f"/dashboard/object/{intent['id']}"
    assert "&lt;script&gt;" in sight.text
    for secret in (GOOD, intent["client_secret"], "<script>"):
        assert secret not in sight.text
    assert sight.text.count("[hidden]") >= 3


async def test_a_request_names_the_parameters_that_the_operation_does_not_know(
    visitor: Visitor, api: Api, sandbox: Sandbox
) -> None:
    await api.make("/v1/customers", {"name": "Ada", "<b>": 1, "address": {"line3": "x"}})
    sight = await visitor.look(f"requests/{sandbox.requests[-1].id}")
    assert "<code>&lt;b&gt;</code>, <code>address[line3]</code>. WooshPay drops unknown parameters." in sight.text
    await api.make("/v1/customers", {"name": "Ada"})
    assert "does not know" not in (await visitor.look(f"requests/{sandbox.requests[-1].id}")).text


async def test_an_answer_that_is_no_json_is_shown_as_it_came(visitor: Visitor, api: Api, sandbox: Sandbox) -> None:
    sandbox.faults.add("bad_gateway")
    async with api.session.get(f"{sandbox.base_url}/v1/balance") as response:
        assert response.status == 502
    sight = await visitor.look(f"requests/{sandbox.requests[-1].id}")
    assert "&lt;h1&gt;502 Bad Gateway" in sight.text


async def test_an_answer_that_was_not_kept_is_said_to_be_none(visitor: Visitor, api: Api, sandbox: Sandbox) -> None:
    await api.get("/v1/balance")
    sandbox.requests[-1].forget_answer()
    assert "is not kept" in (await visitor.look(f"requests/{sandbox.requests[-1].id}")).text


async def test_the_log_is_shown_in_pages_forth_and_back(visitor: Visitor, api: Api, sandbox: Sandbox) -> None:
    for _ in range(110):
        await api.get("/v1/balance")
    ids = [entry.id for entry in sandbox.requests][::-1]
    first = await visitor.look("requests")
    second = await visitor.look(first.link("Older"))
    third = await visitor.look(second.link("Older"))
    assert first.rows() + second.rows() + third.rows() == ids
    assert "Older" not in third.text
    assert (await visitor.look(third.link("Newer"))).rows() == second.rows()
    back = await visitor.look(second.link("Newer"))
    assert back.rows() == first.rows()
    assert (await visitor.look("requests?after=req_1")).rows() == first.rows()
