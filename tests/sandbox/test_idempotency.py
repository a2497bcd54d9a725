"""One key, one piece of work, one answer, for 24 hours."""

from __future__ import annotations

import asyncio

from sandbox.rig import DECLINED, GOOD, Api, order, payment

from wooshpay.sandbox import Sandbox

PATH = "/v1/payment_intents"


async def test_the_first_answer_is_given_again(api: Api, sandbox: Sandbox) -> None:
    first = await api.post(PATH, payment(GOOD), key="k")
    again = await api.post(PATH, payment(GOOD), key="k")
    assert again.body == first.body
    assert (first.headers.get("Idempotent-Replayed"), again.headers["Idempotent-Replayed"]) == (None, "true")
    assert sandbox.store.count("payment_intent") == sandbox.store.count("charge") == 1
    assert [request.replayed for request in sandbox.requests] == [False, True]


async def test_even_when_the_object_has_changed_since(api: Api) -> None:
    first = await api.post(PATH, payment(), key="k")
    await api.make(f"{PATH}/{first.body['id']}", {"amount": 50})
    assert (await api.post(PATH, payment(), key="k")).body["amount"] == 2000


async def test_the_order_of_the_parameters_makes_no_difference(api: Api) -> None:
    await api.post(PATH, {"amount": 50, "currency": "USD"}, key="k")
    assert (await api.post(PATH, {"currency": "USD", "amount": 50}, key="k")).status == 200


async def test_a_decline_is_an_answer_too(api: Api, sandbox: Sandbox) -> None:
    first = await api.post(PATH, payment(DECLINED), key="k")
    again = await api.post(PATH, payment(DECLINED), key="k")
    assert (first.status, again.status) == (402, 402)
    assert again.body == first.body
    assert sandbox.store.count("charge") == 1


async def test_other_parameters_or_another_endpoint_409(api: Api, sandbox: Sandbox) -> None:
    await api.post(PATH, payment(), key="k")
    for reply in (
        await api.post(PATH, payment(amount=50), key="k"),
        await api.post("/v1/customers", payment(), key="k"),
        await api.post(f"{PATH}/pi_1", payment(), key="k"),
    ):
        assert (reply.status, reply.error["type"]) == (409, "idempotency_error")
        assert reply.error["code"] == "idempotency_key_reused"
    assert sandbox.store.count("payment_intent") == 1


async def test_a_key_that_is_being_worked_on_409(api: Api, sandbox: Sandbox) -> None:
    sandbox.faults.add("slow", seconds=0.3)
    slow = asyncio.create_task(api.post(PATH, payment(GOOD), key="k"))
    await asyncio.sleep(0.1)
    early = await api.post(PATH, payment(GOOD), key="k")
    assert (early.status, early.error["type"], early.error["code"]) == (
        409,
        "idempotency_error",
        "idempotency_key_in_use",
    )
    assert (await slow).status == 200
    assert (await api.post(PATH, payment(GOOD), key="k")).body == (await slow).body
    assert sandbox.store.count("charge") == 1


async def test_many_at_once_do_the_work_once(api: Api, sandbox: Sandbox) -> None:
    replies = await asyncio.gather(*(api.post("/v1/checkout/sessions", order(), key="k") for _ in range(20)))
    assert {reply.status for reply in replies} <= {200, 409}
    assert len({reply.body["id"] for reply in replies if reply.status == 200}) == 1
    assert sandbox.store.count("checkout.session") == 1


async def test_a_key_is_forgotten_after_24_hours(api: Api, sandbox: Sandbox) -> None:
    first = await api.post(PATH, payment(), key="k")
    sandbox.clock.advance(hours=23)
    assert (await api.post(PATH, payment(), key="k")).body["id"] == first.body["id"]
    sandbox.clock.advance(hours=2)
    assert (await api.post(PATH, payment(), key="k")).body["id"] != first.body["id"]


async def test_work_that_was_never_started_leaves_the_key_free(api: Api, sandbox: Sandbox) -> None:
    sandbox.faults.add("server_error")
    assert (await api.post(PATH, payment(), key="k")).status == 500
    assert (await api.send("POST", PATH, data=b"{", headers={"Idempotency-Key": "k"})).status == 400
    assert (await api.post(PATH, payment(), key="k")).status == 200


async def test_a_slow_request_that_is_given_up_frees_the_key(sandbox: Sandbox, api: Api) -> None:
    sandbox.faults.add("slow", seconds=0.2)
    try:
        async with asyncio.timeout(0.05):
            await api.post(PATH, payment(GOOD), key="k")
    except TimeoutError:
        pass
    await asyncio.sleep(0.3)
    # The sandbox carried it out although nobody waited any more: the answer is there to be fetched.
    reply = await api.post(PATH, payment(GOOD), key="k")
    assert (reply.status, reply.headers.get("Idempotent-Replayed")) == (200, "true")
    assert sandbox.store.count("charge") == 1


async def test_a_key_on_a_get_does_nothing(api: Api) -> None:
    for _ in range(2):
        assert (await api.send("GET", "/v1/balance", headers={"Idempotency-Key": "k"})).status == 200
    assert (await api.post("/v1/customers", {}, key="k")).status == 200
