"""The routing table is the SDK's declarations; every one of them has a behaviour."""

from __future__ import annotations

import pytest
from sandbox.rig import Api, payment

from wooshpay.api import declarations
from wooshpay.sandbox.engine.registry import find_behaviour
from wooshpay.sandbox.requests.routing import Routes

# What this sandbox offers: whole sections, and of customers what a payment needs. Everything else is refused openly.
OFFERED_SECTIONS = (
    "balance",
    "charges",
    "checkout.sessions",
    "events",
    "payment_intents",
    "refunds",
    "webhook_endpoints",
)
OFFERED_OPERATIONS = ("customers.create", "customers.retrieve", "customers.update")
OFFERED = {
    declaration.name
    for declaration in declarations()
    if declaration.name.rpartition(".")[0] in OFFERED_SECTIONS or declaration.name in OFFERED_OPERATIONS
}


@pytest.mark.parametrize("operation", [declaration.name for declaration in declarations()])
def test_an_operation_has_a_behaviour_exactly_where_the_sandbox_offers_it(operation: str) -> None:
    """A declaration that was forgotten here, or a behaviour that nobody declared, would go unnoticed."""
    assert (find_behaviour(operation) is not None) == (operation in OFFERED)


async def test_what_the_sandbox_does_not_offer_yet_is_refused_openly(api: Api) -> None:
    """An empty success would be a lie that a merchant's test believes."""
    reply = await api.send("POST", "/v1/payouts", {"source_amount": 100})
    assert reply.status == 501
    assert reply.body["error"]["code"] == "not_offered"
    assert "payouts.create" in reply.body["error"]["message"]


def test_finds_every_declared_operation_under_its_path() -> None:
    routes = Routes()
    for declaration in declarations():
        found = routes.find(declaration.method, declaration.path.replace("{", "a").replace("}", "b"))
        assert found is not None
        assert found.operation == declaration.name


def test_a_literal_wins_over_a_placeholder() -> None:
    found = Routes().find("GET", "/v1/payment_intents/search")
    assert found is not None
    assert found.operation == "payment_intents.search"
    other = Routes().find("GET", "/v1/payment_intents/searching")
    assert other is not None
    assert (other.operation, dict(other.path)) == ("payment_intents.retrieve", {"id": "searching"})


def test_a_literal_that_leads_nowhere_falls_back_to_the_placeholder() -> None:
    found = Routes().find("POST", "/v1/payment_intents/search/confirm")
    assert found is not None
    assert (found.operation, dict(found.path)) == ("payment_intents.confirm", {"id": "search"})


def test_a_quoted_slash_stays_inside_the_id() -> None:
    found = Routes().find("GET", "/v1/refunds/..%2Fbalance")
    assert found is not None
    assert (found.operation, dict(found.path)) == ("refunds.retrieve", {"refund_id": "../balance"})


async def test_sessions_are_listed_under_both_paths_that_programs_use(api: Api) -> None:
    for path in ("/v1/checkout/sessions/list", "/v1/checkout/sessions"):
        assert (await api.find(path))["object"] == "list"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/v1"), ("GET", "/v2/balance"), ("POST", "/v1/balance"), ("DELETE", "/v1/refunds/re_1"),
     ("GET", "/v1/payment_intents/"), ("PATCH", "/v1/payment_intents/pi_1"), ("GET", "/v1/events")],
)  # fmt: skip
async def test_an_unknown_route_is_404(api: Api, method: str, path: str) -> None:
    reply = await api.send(method, path)
    # A path with a slash at the end is the path without it.
    if path.endswith("intents/"):
        assert reply.status == 200
    else:
        assert (reply.status, reply.error["type"]) == (404, "invalid_request_error")
        assert path in reply.error["message"]


@pytest.mark.parametrize(
    "path",
    ["/v1/payment_intents/pi_1", "/v1/charges/ch_1", "/v1/refunds/re_1", "/v1/customers/cus_1", "/v1/events/evt_1",
     "/v1/checkout/sessions/cs_1", "/v1/checkout/sessions/cs_1/line_items", "/v1/webhook_endpoints/we_1"],
)  # fmt: skip
async def test_an_unknown_id_is_404(api: Api, path: str) -> None:
    reply = await api.get(path)
    assert (reply.status, reply.error["code"]) == (404, "resource_missing")


async def test_every_answer_names_its_request(api: Api) -> None:
    replies = [await api.post("/v1/payment_intents", payment()), await api.get("/v1/refunds/re_1")]
    ids = [reply.headers["Request-Id"] for reply in replies]
    assert all(id.startswith("req_") for id in ids)
    assert len(set(ids)) == 2
