"""Keys: Basic authentication with the secret key; the publishable key for one documented read."""

from __future__ import annotations

import base64

import aiohttp
import pytest
from sandbox.rig import Api, payment

from wooshpay.sandbox import Sandbox


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic",
        "Basic not-base64!",
        basic("sk_test_wrong:"),
        basic("sk_test_wrong"),
        basic(":"),
        "Bearer {key}",
        "{key}",
        "with password",
    ],
)
async def test_without_the_right_key_401(api: Api, sandbox: Sandbox, authorization: str) -> None:
    if authorization == "with password":
        authorization = basic(f"{sandbox.api_key}:password")
    api.authorization = authorization.replace("{key}", sandbox.api_key)
    reply = await api.get("/v1/balance")
    assert (reply.status, reply.error["type"]) == (401, "invalid_request_error")
    assert sandbox.api_key not in str(reply.body)


async def test_no_header_at_all_401(api: Api, sandbox: Sandbox) -> None:
    async with api.session.get(sandbox.base_url + "/v1/balance") as response:
        assert response.status == 401


async def test_a_wrong_key_learns_nothing_about_routes(api: Api) -> None:
    api.authorization = basic("sk_test_wrong:")
    assert (await api.get("/v1/nothing")).status == 401


async def test_the_publishable_key_may_do_nothing_else_403(api: Api, sandbox: Sandbox) -> None:
    api.authorization = aiohttp.encode_basic_auth(sandbox.publishable_key, "")
    for reply in (await api.get("/v1/balance"), await api.post("/v1/payment_intents", payment())):
        assert (reply.status, reply.error["type"]) == (403, "invalid_request_error")


async def test_the_publishable_key_reads_a_part_of_an_intent_with_its_client_secret(api: Api, sandbox: Sandbox) -> None:
    intent = await api.make("/v1/payment_intents", payment(metadata={"margin": "40"}, merchant_order_id="A1"))
    api.authorization = aiohttp.encode_basic_auth(sandbox.publishable_key, "")
    path = f"/v1/payment_intents/{intent['id']}"
    part = await api.get(path, query={"client_secret": intent["client_secret"]})
    assert part.status == 200
    assert part.body["status"] == "requires_payment_method"
    assert part.body.keys() < intent.keys()
    assert not {"metadata", "merchant_order_id", "customer"} & part.body.keys()

    assert (await api.get(path)).status == 403
    assert (await api.get(path, query={"client_secret": intent["client_secret"][:-1]})).status == 403
    assert (await api.get("/v1/payment_intents/pi_1", query={"client_secret": "x"})).status == 403
