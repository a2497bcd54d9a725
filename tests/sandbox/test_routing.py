"""The routing table is the SDK's declarations; every one of them has a behaviour."""

from __future__ import annotations

import pytest
from sandbox.rig import Api, payment

from wooshpay.api import declarations
from wooshpay.sandbox.engine.registry import find_behaviour
from wooshpay.sandbox.requests.routing import Routes


@pytest.mark.parametrize("operation", [declaration.name for declaration in declarations()])
def test_every_operation_has_a_behaviour(operation: str) -> None:
    """A declaration that was forgotten here would be answered with an error of the sandbox's own."""
    assert find_behaviour(operation) is not None


@pytest.mark.parametrize("path", ["/v1/payouts", "/v1/payouts/list", "/v1/checkout/sessions", "/v1/invoices/list"])
def test_a_list_answers_at_the_collection_and_at_list_below_it(path: str) -> None:
    """Programs in use mix up which list stands where."""
    found = Routes().find("GET", path)
    assert found is not None
    assert found.operation.endswith(".list")


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
     ("PATCH", "/v1/payment_intents/pi_1"), ("GET", "/v1/events")],
)  # fmt: skip
async def test_an_unknown_route_is_404(api: Api, method: str, path: str) -> None:
    reply = await api.send(method, path)
    assert (reply.status, reply.error["type"]) == (404, "invalid_request_error")
    assert path in reply.error["message"]


@pytest.mark.parametrize("path", ["/v1/balance/", "/v1/payouts/list/", "/v1/payment_intents/search/?query=x"])
async def test_a_slash_at_the_end_makes_no_difference_where_no_id_can_follow(api: Api, path: str) -> None:
    """Where an ID can follow, it is an empty ID: see `test_ids.py`."""
    assert (await api.get(path)).status in {200, 400}


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
