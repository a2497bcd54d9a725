"""The controls: everything that a tester can do with the sandbox over HTTP, and the same in Python."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any
from urllib.request import Request, urlopen

import pytest
from sandbox.rig import GOOD, Api, Shop, payment

from wooshpay import __version__
from wooshpay.sandbox import FAULT_KINDS, ActParameter, Sandbox, SandboxError, WebhookOptions
from wooshpay.sandbox.engine import registry
from wooshpay.sandbox.engine.errors import wrong_state
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.state import State

NAME = ActParameter("name", "The name that is left.", required=True)


def offer(monkeypatch: pytest.MonkeyPatch, name: str, work: registry.Behaviour, *parameters: ActParameter) -> None:
    """Offer a simulated action, for this test alone, beside those that there are."""
    offered = {**registry.acts(), name: work}
    declared = {**{act: registry.act_parameters(act) for act in registry.acts()}, name: parameters}
    monkeypatch.setattr("wooshpay.sandbox.controls.acting.act_parameters", declared.__getitem__)
    monkeypatch.setattr("wooshpay.sandbox.controls.acting.find_act", offered.get)
    monkeypatch.setattr("wooshpay.sandbox.controls.acting.acts", lambda: offered)


@pytest.fixture(autouse=True)
def visit(monkeypatch: pytest.MonkeyPatch) -> None:
    """An act that other parts of the sandbox need not know."""

    def visit(state: State, params: Params) -> dict[str, Any]:
        """A customer comes by.

        And leaves a name.
        """
        name = params.need_text("name")
        if name == "Nobody":
            raise wrong_state("Nobody cannot come by.", code="customer_unexpected_state")
        customer = state.add("cus", "customer", {"name": name, "metadata": {}})
        state.emit("customer.created", customer)
        return state.view(customer)

    offer(monkeypatch, "tests.visit", visit, NAME)


# ---- who may, and what there is


@pytest.mark.parametrize("path", ["", "/clock", "/faults", "/acts", "/requests", "/events", "/deliveries", "/nothing"])
async def test_the_secret_key_is_needed(api: Api, sandbox: Sandbox, path: str) -> None:
    async with api.session.get(sandbox.base_url + "/sandbox" + path) as response:
        assert (response.status, (await response.json())["error"]["code"]) == (401, "invalid_api_key")
    weak = Api(api.session, sandbox.base_url, sandbox.publishable_key)
    assert (await weak.get("/sandbox" + path)).status == 403


async def test_an_overview_that_leads_everywhere(api: Api, sandbox: Sandbox) -> None:
    await api.make("/v1/payment_intents", payment())
    sandbox.faults.add("slow", operation="refunds.create")
    overview = await api.find("/sandbox")
    assert (overview["object"], overview["version"], overview["base_url"]) == ("sandbox", __version__, sandbox.base_url)
    assert overview["objects"] == {"payment_intent": 1, "event": 1}
    assert (overview["requests"], overview["faults"], overview["deliveries"]) == (1, 1, {})
    for link in overview["links"].values():
        reply = await api.get(link.removeprefix(sandbox.base_url))
        assert reply.status == 200, link


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/sandbox/nothing"), ("PUT", "/sandbox/clock"), ("DELETE", "/sandbox"), ("GET", "/sandbox/settle"),
     ("POST", "/sandbox/events/evt_1/resend"), ("GET", "/sandbox/faults/fault_9"),
     ("DELETE", "/sandbox/faults/fault_9"),
     ("POST", "/sandbox/acts/no.such.act"), ("GET", "/sandbox/%00/%ff"), ("GET", "/sandbox/")],
)  # fmt: skip
async def test_what_there_is_not_is_404(api: Api, method: str, path: str) -> None:
    reply = await api.send(method, path)
    assert (reply.status, reply.error["type"]) == (404, "invalid_request_error")


async def test_controls_take_forms_and_refuse_what_is_no_json(api: Api) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    moved = await api.send("POST", "/sandbox/clock", data=b"advance[days]=1.5&freeze=true", headers=form)
    assert moved.body["frozen"] is True
    assert (await api.send("POST", "/sandbox/clock", data=b"{")).error["code"] == "invalid_json"
    with_lists = await api.send("POST", "/sandbox/clock", data=b"[]")
    assert with_lists.status == 400


async def test_controls_are_not_in_the_log_and_not_hit_by_faults(api: Api, sandbox: Sandbox) -> None:
    sandbox.faults.add("server_error", times=None)
    assert (await api.get("/sandbox/clock")).status == 200
    assert list(sandbox.requests) == []


# ---- the clock


async def test_the_clock_is_advanced_frozen_and_resumed(api: Api, sandbox: Sandbox) -> None:
    frozen = (await api.post("/sandbox/clock", {"freeze": True})).body
    assert frozen == {"object": "sandbox.clock", "now": sandbox.clock.now, "frozen": True}
    moved = (
        await api.post(
            "/sandbox/clock", {"advance": {"days": 1, "hours": 1, "minutes": 1, "seconds": 1, "milliseconds": 1}}
        )
    ).body
    assert moved["now"] - frozen["now"] == 86_400_000 + 3_600_000 + 60_000 + 1000 + 1
    assert await api.find("/sandbox/clock") == moved
    assert (await api.post("/sandbox/clock", {"resume": True})).body["frozen"] is False


async def test_advancing_runs_what_is_due(api: Api) -> None:
    intent = await api.make("/v1/payment_intents", payment("4000000000000077"))
    assert intent["status"] == "processing"
    await api.make("/sandbox/clock", {"advance": {"days": 1}})
    assert (await api.find(f"/v1/payment_intents/{intent['id']}"))["status"] == "succeeded"


@pytest.mark.parametrize(
    ("body", "param"),
    [({}, "advance"), ({"advance": {"days": -1}}, "advance[days]"), ({"advance": {"weeks": 1}}, "advance[weeks]"),
     ({"advance": {"days": "x"}}, "advance[days]"), ({"advance": {"days": True}}, "advance[days]"),
     ({"advance": 5}, "advance"), ({"advance": {"days": 10**9}}, "advance"),
     ({"advance": {"days": "nan"}}, "advance[days]"),
     ({"freeze": True, "resume": True}, "resume"), ({"freeze": "maybe"}, "freeze")],
)  # fmt: skip
async def test_a_clock_is_refused_by_name_and_does_not_move(
    api: Api, sandbox: Sandbox, body: dict[str, Any], param: str
) -> None:
    sandbox.clock.freeze()
    before = sandbox.clock.now
    reply = await api.post("/sandbox/clock", body)
    assert (reply.status, reply.error["param"]) == (400, param)
    assert sandbox.clock.now == before


# ---- faults


async def test_faults_are_switched_on_looked_at_and_off(api: Api, sandbox: Sandbox) -> None:
    made = (await api.post("/sandbox/faults", {"kind": "rate_limit", "retry_after": 3, "times": 2})).body
    assert made == {
        "id": "fault_1",
        "object": "sandbox.fault",
        "kind": "rate_limit",
        "operation": None,
        "probability": 1.0,
        "seed": None,
        "remaining": 2,
        "hits": 0,
        "retry_after": 3.0,
        "retry_after_form": "seconds",
    }
    reply = await api.get("/v1/balance")
    assert (reply.status, reply.headers["Retry-After"]) == (429, "3")
    assert (await api.find("/sandbox/faults/fault_1"))["hits"] == 1
    listed = await api.find("/sandbox/faults")
    assert [fault["id"] for fault in listed["data"]] == ["fault_1"]
    assert [facts["kind"] for facts in listed["kinds"]] == list(FAULT_KINDS)
    assert listed["parameters"]["bytes"]["default"] == 20
    gone = (await api.delete("/sandbox/faults/fault_1")).body
    assert gone == {"id": "fault_1", "object": "sandbox.fault", "deleted": True}
    assert (await api.get("/v1/balance")).status == 200
    for _ in range(2):
        await api.post("/sandbox/faults", {"kind": "slow"})
    assert (await api.delete("/sandbox/faults")).body["data"] == []
    assert len(sandbox.faults) == 0


async def test_faults_by_operation_chance_and_for_good(api: Api) -> None:
    settings = {"kind": "server_error", "operation": "balance.retrieve", "probability": 0.5, "seed": 4}
    made = (await api.post("/sandbox/faults", settings)).body
    assert (made["operation"], made["probability"], made["seed"], made["remaining"]) == (
        "balance.retrieve",
        0.5,
        4,
        None,
    )
    first = [(await api.get("/v1/balance")).status for _ in range(20)]
    await api.delete("/sandbox/faults")
    await api.post("/sandbox/faults", settings)
    assert [(await api.get("/v1/balance")).status for _ in range(20)] == first
    assert set(first) == {200, 500}
    await api.delete("/sandbox/faults")
    assert (await api.post("/sandbox/faults", {"kind": "stall", "times": None})).body["remaining"] is None


@pytest.mark.parametrize(
    ("body", "param"),
    [({}, "kind"), ({"kind": "explode"}, "kind"), ({"kind": "slow", "times": 0}, "times"),
     ({"kind": "slow", "seconds": -1}, "seconds"), ({"kind": "slow", "operation": "x"}, "operation"),
     ({"kind": "slow", "probability": 2}, "probability"), ({"kind": "slow", "probability": 0}, "probability"),
     ({"kind": "rate_limit", "retry_after_form": "x"}, "retry_after_form"),
     ({"kind": "cut_body", "bytes": "x"}, "bytes")],
)  # fmt: skip
async def test_a_fault_is_refused_by_name(api: Api, sandbox: Sandbox, body: dict[str, Any], param: str) -> None:
    reply = await api.post("/sandbox/faults", body)
    assert (reply.status, reply.error["param"]) == (400, param)
    assert len(sandbox.faults) == 0


# ---- acts


async def test_acts_are_listed_with_what_they_do_and_take(api: Api, sandbox: Sandbox) -> None:
    """The command line and testers in other languages build their forms from this list."""
    listed = {act["name"]: act for act in (await api.find("/sandbox/acts"))["data"]}
    assert listed["tests.visit"] == {
        "object": "sandbox.act",
        "name": "tests.visit",
        "summary": "A customer comes by.",
        "details": "And leaves a name.",
        "parameters": [
            {
                "name": "name",
                "says": "The name that is left.",
                "kind": "text",
                "required": True,
                "choices": [],
                "of": "",
                "default": None,
            }
        ],
    }
    assert [act.to_json() for act in sandbox.acts()] == list(listed.values())


async def test_an_act_works_and_its_events_name_a_request(api: Api, sandbox: Sandbox, shop: Shop) -> None:
    await api.make("/v1/webhook_endpoints", {"url": shop.hook(), "enabled_events": ["*"]})
    customer = (await api.post("/sandbox/acts/tests.visit", {"name": "Ada"})).body
    assert await api.find(f"/v1/customers/{customer['id']}")
    assert sandbox.store.events()[0]["request"]["id"].startswith("req_")
    await api.make("/sandbox/settle")
    assert shop.types() == ["customer.created"]


async def test_an_act_refuses_as_the_api_does(api: Api, sandbox: Sandbox) -> None:
    missing = await api.post("/sandbox/acts/tests.visit", {})
    assert (missing.status, missing.error["param"]) == (400, "name")
    refused = await api.post("/sandbox/acts/tests.visit", {"name": "Nobody"})
    assert (refused.status, refused.error["code"]) == (400, "customer_unexpected_state")
    unknown = await api.post("/sandbox/acts/tests.visits", {})
    assert (unknown.status, unknown.error["code"]) == (404, "unknown_act")
    assert "tests.visit?" in unknown.error["message"]
    misspelt = await api.post("/sandbox/acts/tests.visit", {"name": "Ada", "nmae": "Ada"})
    assert (misspelt.status, misspelt.error["code"], misspelt.error["param"]) == (400, "parameter_unknown", "nmae")
    assert "did you mean name?" in misspelt.error["message"]
    assert sandbox.store.kinds() == []


async def test_what_is_due_comes_before_an_act(api: Api, sandbox: Sandbox) -> None:
    moments: list[int] = []
    now = [1_800_000_000_000]
    async with Sandbox(now=lambda: now[0]) as other:
        there = Api(api.session, other.base_url, other.api_key)
        await there.make("/v1/payment_intents", payment("4000000000000077"))
        now[0] += 86_400_000
        other.act("tests.visit", name="Ada")
        moments = [event["created"] for event in other.store.events()]
        types = [event["type"] for event in other.store.events()]
    assert types[-2:] == ["payment_intent.succeeded", "customer.created"]
    assert moments == sorted(moments)


async def test_a_bug_in_an_act_is_an_api_error(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(state: State, params: Params) -> dict[str, Any]:
        raise ZeroDivisionError("oops")

    offer(monkeypatch, "tests.visit", fail)
    reply = await api.post("/sandbox/acts/tests.visit")
    assert (reply.status, reply.error["type"]) == (500, "api_error")
    assert "oops" in caplog.text


async def test_acts_and_options_in_python_on_both_faces(sandbox: Sandbox) -> None:
    def on_the_other() -> list[dict[str, Any]]:
        with Sandbox() as plain:
            plain.webhooks = WebhookOptions(duplicates=1)
            assert plain.webhooks.duplicates == 1
            made = plain.act("tests.visit", name="Ada")
            with pytest.raises(SandboxError, match="did you mean"):
                plain.act("tests.visi")
            return [made, *plain.store.all("customer")]

    made, kept = await asyncio.to_thread(on_the_other)
    assert made == kept
    assert sandbox.act("tests.visit", name="Ada")["name"] == "Ada"
    with pytest.raises(SandboxError) as refused:
        sandbox.act("tests.visit")
    assert (refused.value.status, refused.value.param) == (400, "name")


# ---- what happened


async def test_requests_newest_first_by_operation_and_page(api: Api) -> None:
    for _ in range(3):
        await api.make("/v1/payment_intents", payment(GOOD))
    await api.get("/v1/balance")
    whole = (await api.find("/sandbox/requests"))["data"]
    assert [request["operation"] for request in whole] == ["balance.retrieve", *["payment_intents.create"] * 3]
    assert GOOD not in json.dumps(whole)
    page = (await api.get("/sandbox/requests", query={"limit": "2"})).body
    assert (page["data"], page["has_more"]) == (whole[:2], True)
    rest = (await api.get("/sandbox/requests", query={"limit": "2", "starting_after": whole[1]["id"]})).body
    assert (rest["data"], rest["has_more"]) == (whole[2:], False)
    of = (await api.get("/sandbox/requests", {"operation": "balance.retrieve"})).body["data"]
    assert of == whole[:1]
    assert (await api.get("/sandbox/requests", query={"starting_after": "req_1"})).status == 400


async def test_events_and_deliveries_can_be_looked_up(api: Api, shop: Shop) -> None:
    endpoint = await api.make("/v1/webhook_endpoints", {"url": shop.hook(), "enabled_events": ["*"]})
    shop.answers = [500]
    await api.make("/v1/payment_intents", payment(GOOD))
    await api.make("/sandbox/settle")
    events = (await api.get("/sandbox/events", query={"type": "payment_intent.succeeded"})).body["data"]
    assert [event["type"] for event in events] == ["payment_intent.succeeded"]
    delivered = (await api.get("/sandbox/deliveries", query={"state": "delivered"})).body["data"]
    pending = (await api.get("/sandbox/deliveries", query={"state": "pending", "endpoint": endpoint["id"]})).body[
        "data"
    ]
    assert len(delivered) == len(pending) == 1
    assert (delivered[0]["event"], delivered[0]["attempts"][0]["status"]) == (events[0]["id"], 200)
    assert (pending[0]["id"], pending[0]["attempts"][0]["status"]) == ("delivery_1", 500)
    assert pending[0]["next_at"] > pending[0]["first_at"]
    both = (await api.find("/sandbox/deliveries"))["data"]
    assert [delivery["id"] for delivery in both] == ["delivery_2", "delivery_1"]


async def test_an_event_is_sent_again_to_all_or_to_one(api: Api, shop: Shop) -> None:
    one = await api.make("/v1/webhook_endpoints", {"url": shop.hook("one"), "enabled_events": ["*"]})
    await api.make("/v1/webhook_endpoints", {"url": shop.hook("two"), "enabled_events": ["*"]})
    await api.make("/v1/payment_intents", payment())
    event = (await api.find("/sandbox/events"))["data"][0]
    again = await api.make(f"/sandbox/events/{event['id']}/resend")
    assert [delivery["event"] for delivery in again["data"]] == [event["id"]] * 2
    assert len((await api.make(f"/sandbox/events/{event['id']}/resend", {"endpoint": one["id"]}))["data"]) == 1
    settled = await api.make("/sandbox/settle", {"timeout": 5})
    assert settled["deliveries"] == {"delivered": 5}
    assert (len(shop.types("one")), len(shop.types("two"))) == (3, 2)
    assert len({hook.event["id"] for hook in shop.hooks}) == 1
    unknown = await api.post(f"/sandbox/events/{event['id']}/resend", {"endpoint": "we_1"})
    assert (unknown.status, unknown.error["param"]) == (404, "endpoint")


async def test_settling_gives_up_after_the_time_that_was_given(api: Api) -> None:
    release = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    await api.make("/v1/webhook_endpoints", {"url": f"http://127.0.0.1:{port}/", "enabled_events": ["*"]})
    await api.make("/v1/payment_intents", payment())
    reply = await api.post("/sandbox/settle", {"timeout": 0.1})
    assert (reply.status, reply.error["code"]) == (409, "not_settled")
    release.set()
    assert (await api.post("/sandbox/settle")).status == 200
    server.close()
    await server.wait_closed()


# ---- webhooks


async def test_webhook_options_are_set_as_a_whole(api: Api, sandbox: Sandbox) -> None:
    plain: dict[str, Any] = {
        "object": "sandbox.webhooks", "duplicates": 0, "delay": 0, "disorder": 0, "seed": None,
        "created_unit": "milliseconds", "signature_unit": "milliseconds", "signature_age": 0,
        "signature_header": "both", "extra_signatures": 0, "left_out": [],
    }  # fmt: skip
    assert await api.find("/sandbox/webhooks") == plain
    changed = (await api.post("/sandbox/webhooks", {"duplicates": 2, "seed": 7})).body
    assert changed == {**plain, "duplicates": 2, "seed": 7} == await api.find("/sandbox/webhooks")
    assert sandbox.webhooks == WebhookOptions(duplicates=2, seed=7)
    sandbox.webhooks = WebhookOptions(delay=60, disorder=5)
    assert await api.find("/sandbox/webhooks") == {**plain, "delay": 60, "disorder": 5}
    for body, param in [({"duplicates": 21}, "duplicates"), ({"delay": -1}, "delay"), ({"disorder": "x"}, "disorder")]:
        reply = await api.post("/sandbox/webhooks", body)
        assert (reply.status, reply.error["param"]) == (400, param)
    with pytest.raises(ValueError, match="duplicates"):
        WebhookOptions(duplicates=-1)


# ---- from any language


def test_a_whole_test_without_the_sdk() -> None:
    """What another language's tester does: nothing but HTTP and JSON."""
    with Sandbox() as sandbox:
        basic = "Basic " + base64.b64encode(f"{sandbox.api_key}:".encode()).decode()
        headers = {"Authorization": basic, "Content-Type": "application/json"}

        def call(path: str, body: Any = None) -> Any:
            data = None if body is None else json.dumps(body).encode()
            request = Request(sandbox.base_url + path, data, headers)
            with urlopen(request) as response:
                return json.load(response)

        call("/sandbox/clock", {"freeze": True})
        intent = call("/v1/payment_intents", payment("4000000000000077"))
        call("/sandbox/clock", {"advance": {"days": 1}})
        assert call(f"/v1/payment_intents/{intent['id']}")["status"] == "succeeded"
        assert call("/sandbox")["objects"]["payment_intent"] == 1


# ---- the document


async def test_the_document_is_published_to_everybody(api: Api, sandbox: Sandbox) -> None:
    async with api.session.get(sandbox.base_url + "/openapi.json") as response:
        assert (response.status, response.content_type) == (200, "application/json")
        document = await response.json()
    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": sandbox.base_url, "description": "This sandbox."}]
    assert "/v1/payment_intents" in document["paths"]
