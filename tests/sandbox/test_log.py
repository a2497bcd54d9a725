"""The request log: what was asked, without secrets."""

from __future__ import annotations

from sandbox.rig import GOOD, Api, payment

from wooshpay.sandbox import LoggedRequest, Sandbox


async def test_notes_every_request_to_the_api(api: Api, sandbox: Sandbox) -> None:
    await api.post("/v1/payment_intents", payment(GOOD, metadata={"a": "1"}), key="k")
    await api.get("/v1/refunds/re_1", query={"x": "y"})
    await api.get("/v1/nothing")
    created, read, unknown = sandbox.requests
    assert (created.method, created.path, created.operation) == (
        "POST",
        "/v1/payment_intents",
        "payment_intents.create",
    )
    assert (created.idempotency_key, created.status, created.error_code) == ("k", 200, None)
    assert created.params["metadata"] == {"a": "1"}
    assert abs(created.at - sandbox.clock.now) < 60_000
    assert (read.operation, read.status, read.error_code) == ("refunds.retrieve", 404, "resource_missing")
    assert read.params == {"x": "y"}
    assert (unknown.operation, unknown.status) == (None, 404)


async def test_keeps_no_card_and_no_key(api: Api, sandbox: Sandbox) -> None:
    intent = await api.make("/v1/payment_intents", payment(GOOD, description=f"card {GOOD} key {sandbox.api_key}"))
    await api.get(f"/v1/payment_intents/{intent['id']}", query={"client_secret": intent["client_secret"]})
    shown = repr(list(sandbox.requests)) + str([request.params for request in sandbox.requests])
    for secret in (GOOD, "'123'", sandbox.api_key, intent["client_secret"]):
        assert secret not in shown


async def test_by_operation_and_place(api: Api, sandbox: Sandbox) -> None:
    await api.find("/v1/balance")
    await api.make("/v1/customers")
    assert len(sandbox.requests) == 2
    assert sandbox.requests[-1].operation == "customers.create"
    assert [request.method for request in sandbox.requests[:1]] == ["GET"]
    assert sandbox.requests.of("balance.retrieve") == [sandbox.requests[0]]
    sandbox.requests.clear()
    assert len(sandbox.requests) == 0


async def test_keeps_the_answer_without_its_secrets(api: Api, sandbox: Sandbox) -> None:
    intent = await api.make("/v1/payment_intents", payment(GOOD))
    await api.get("/v1/refunds/re_1")
    made, refused = sandbox.requests
    assert made.answer["id"] == intent["id"]
    assert made.answer["client_secret"] == "[hidden]"
    assert refused.answer["error"]["code"] == "resource_missing"
    assert intent["client_secret"] not in repr(made)


async def test_keeps_the_answer_of_a_fault(api: Api, sandbox: Sandbox) -> None:
    sandbox.faults.add("rate_limit")
    await api.get("/v1/balance")
    assert sandbox.requests[-1].answer["error"]["code"] == "rate_limit"


async def test_answers_that_are_long_or_old_are_not_kept(api: Api, sandbox: Sandbox) -> None:
    for _ in range(30):
        await api.make("/v1/payment_intents", payment(metadata={"a": "x" * 450, "b": "y" * 450}))
    await api.find("/v1/payment_intents?limit=100")
    assert sandbox.requests[-1].answer is None
    first = sandbox.requests[0]
    assert first.answer["object"] == "payment_intent"
    for _ in range(1_000):
        sandbox.requests.add(LoggedRequest(id="req_1", at=0, method="GET", path="/"))
    assert first.answer is None
