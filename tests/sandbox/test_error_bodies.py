"""What error bodies hold: the status of an object in the wrong state, and the flat form that some accounts get."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from sandbox.rig import DECLINED, GOOD, Api, Reply, card, order, payment

from wooshpay import APIError, RequestOptions, WooshPay
from wooshpay.sandbox import AccountOptions, Sandbox, SyncSandbox

FLAT = AccountOptions(error_bodies="flat")


# ---- the status of an object in the wrong state


async def _expired_session(api: Api) -> str:
    session = await api.make("/v1/checkout/sessions", order())
    await api.make(f"/v1/checkout/sessions/{session['id']}/expire")
    return f"/v1/checkout/sessions/{session['id']}/expire"


async def _paid_intent(api: Api) -> str:
    return f"/v1/payment_intents/{(await api.make('/v1/payment_intents', payment(GOOD)))['id']}"


async def _paid_invoice(api: Api) -> str:
    customer = (await api.make("/v1/customers", {"email": "ada@example.com"}))["id"]
    method = (await api.make("/v1/payment_methods", card()))["id"]
    await api.make(f"/v1/payment_methods/{method}/attach", {"customer": customer})
    await api.make("/v1/invoiceitems", {"customer": customer, "amount": 500, "currency": "USD"})
    invoice = (await api.make("/v1/invoices", {"customer": customer, "auto_advance": False}))["id"]
    await api.make(f"/v1/invoices/{invoice}/finalize", {"auto_advance": False})
    await api.make(f"/v1/invoices/{invoice}/pay", {"payment_method": method})
    return f"/v1/invoices/{invoice}"


async def _canceled_setup(api: Api) -> str:
    setup = (await api.make("/v1/setup_intents", {}))["id"]
    await api.make(f"/v1/setup_intents/{setup}/cancel")
    return f"/v1/setup_intents/{setup}"


async def _unpaid_intent(api: Api) -> dict[str, Any]:
    return {"payment_intent": (await api.make("/v1/payment_intents", payment()))["id"]}


async def test_expiring_a_session_that_is_closed_says_what_became_of_it(api: Api, sandbox: Sandbox) -> None:
    """A program that closes sessions treats a paid or expired one as done; without the status it cannot tell."""
    path = await _expired_session(api)
    reply = await api.post(path)
    assert (reply.status, reply.error["code"]) == (400, "checkout_session_unexpected_state")
    # Programs read it inside the error object, or at the top level.
    assert (reply.error["status"], reply.body["status"]) == ("expired", "expired")


async def test_expiring_a_session_that_is_paid_says_complete(api: Api) -> None:
    session = await api.make("/v1/checkout/sessions", order())
    status, _, _ = await api.browse(session["url"], {**_FORM})
    assert status == 303
    reply = await api.post(f"/v1/checkout/sessions/{session['id']}/expire")
    assert (reply.status, reply.error["status"], reply.body["status"]) == (400, "complete", "complete")


_FORM = {
    "method": "card",
    "number": GOOD,
    "exp_month": "12",
    "exp_year": "2090",
    "cvc": "123",
    "email": "a@example.com",
}


@pytest.mark.parametrize(
    ("make", "action", "body", "status"),
    [
        (_paid_intent, "/cancel", {"cancellation_reason": "duplicate"}, "succeeded"),
        (_paid_intent, "/confirm", {}, "succeeded"),
        (_paid_intent, "/capture", {}, "succeeded"),
        (_paid_intent, "", {"amount": 5}, "succeeded"),
        (_paid_invoice, "/void", {}, "paid"),
        (_paid_invoice, "/pay", {}, "paid"),
        (_paid_invoice, "/finalize", {}, "paid"),
        (_canceled_setup, "/cancel", {}, "canceled"),
        (_canceled_setup, "/confirm", {}, "canceled"),
        (_canceled_setup, "", {"description": "tea"}, "canceled"),
    ],
)
async def test_a_wrong_state_is_named_as_a_field(
    api: Api, make: Callable[[Api], Any], action: str, body: dict[str, Any], status: str
) -> None:
    reply = await api.post(await make(api) + action, body)
    assert (reply.status, reply.error.get("status"), reply.body.get("status")) == (400, status, status), reply.body
    assert reply.error["code"].endswith("_unexpected_state")


async def test_a_refund_of_an_unpaid_payment_names_the_status_of_the_payment(api: Api) -> None:
    reply = await api.post("/v1/refunds", await _unpaid_intent(api))
    assert (reply.status, reply.error["status"]) == (400, "requires_payment_method")


async def test_other_errors_have_no_status_field(api: Api) -> None:
    assert "status" not in (await api.get("/v1/refunds/re_1")).error


def test_the_sdk_shows_the_status_in_the_body_of_the_error() -> None:
    with Sandbox() as sandbox, client_of(sandbox) as client:
        session = client.checkout.sessions.create(
            success_url="https://shop.example", line_items=order()["line_items"], mode="payment"
        )
        client.checkout.sessions.expire(session.id)
        with pytest.raises(APIError) as caught:
            client.checkout.sessions.expire(session.id)
    assert caught.value.status == 400
    body: Any = caught.value.body
    assert body["status"] == "expired"


# ---- flat error bodies


def client_of(sandbox: SyncSandbox) -> WooshPay:
    return WooshPay(sandbox.api_key, base_url=sandbox.base_url, max_retries=0)


def _wrong_key(sandbox: SyncSandbox) -> None:
    with WooshPay("sk_test_wrong", base_url=sandbox.base_url) as client:
        client.balance.retrieve()


def _calls(call: Callable[[WooshPay], object]) -> Callable[[SyncSandbox], None]:
    def run(sandbox: SyncSandbox) -> None:
        with client_of(sandbox) as client:
            call(client)

    return run


def _fault(kind: Any) -> Callable[[SyncSandbox], None]:
    def run(sandbox: SyncSandbox) -> None:
        sandbox.faults.add(kind)
        with client_of(sandbox) as client:
            client.balance.retrieve()

    return run


def _reused_key(sandbox: SyncSandbox) -> None:
    options = RequestOptions(idempotency_key="order-1001")
    with client_of(sandbox) as client:
        client.payment_intents.create(amount=500, currency="USD", options=options)
        client.payment_intents.create(amount=600, currency="USD", options=options)


def _twice_canceled(client: WooshPay) -> None:
    intent = client.payment_intents.create(amount=500, currency="USD")
    for _ in range(2):
        client.payment_intents.cancel(intent.id, cancellation_reason="duplicate")


REFUSALS: dict[str, Callable[[SyncSandbox], None]] = {
    "401": _wrong_key,
    "404 route": _calls(lambda client: client.request("GET", "/v1/unknown")),
    "404 id": _calls(lambda client: client.refunds.retrieve("re_1")),
    "404 form of an id": _calls(lambda client: client.refunds.retrieve("{ID}")),
    "400 parameter": _calls(lambda client: client.payment_intents.create(amount=-5, currency="USD")),
    "400 type": _calls(
        lambda client: client.request("POST", "/v1/payment_intents", body={"payment_method_types": [{}]})
    ),
    "400 state": _calls(_twice_canceled),
    "402": _calls(lambda client: client.payment_intents.create(**payment(DECLINED))),
    "409": _reused_key,
    "429": _fault("rate_limit"),
    "500": _fault("server_error"),
    "503": _fault("unavailable"),
}


def _error_of(refuse: Callable[[SyncSandbox], None], options: AccountOptions) -> APIError:
    with Sandbox(seed=7, account=options) as sandbox, pytest.raises(APIError) as caught:
        refuse(sandbox)
    return caught.value


@pytest.mark.parametrize("name", REFUSALS)
def test_flat_bodies_raise_the_same_exceptions_as_nested_ones(name: str) -> None:
    """Accounts differ in the form of their errors; a program must not have to know which one it gets."""
    nested, flat = (_error_of(REFUSALS[name], options) for options in (AccountOptions(), FLAT))
    within: Any = nested.body
    whole: Any = flat.body
    assert "error" not in whole
    assert whole == within["error"]
    assert whole.keys() >= {"type", "code", "message"}
    assert type(flat) is type(nested)
    facts = [
        (error.message, error.status, error.type, error.code, error.param, error.decline_code, error.outcome)
        for error in (nested, flat)
    ]
    assert facts[0] == facts[1]


async def test_refusals_that_the_sdk_never_causes_are_flat_too() -> None:
    async with Sandbox(account=FLAT) as sandbox, aiohttp.ClientSession() as session:
        weak = Api(session, sandbox.base_url, sandbox.publishable_key)
        strong = Api(session, sandbox.base_url, sandbox.api_key)
        forbidden = await weak.get("/v1/balance")
        async with session.post(
            sandbox.base_url + "/v1/customers",
            data=io.BytesIO(b"x" * (17 * 1024 * 1024)),
            headers={"Authorization": strong.authorization},
        ) as response:
            large = Reply(response.status, await response.json(), response.headers)
        malformed = await strong.send("POST", "/v1/customers", data=b"{")
    codes = [(reply.status, reply.body["code"]) for reply in (forbidden, large, malformed)]
    assert codes == [(403, "secret_key_required"), (413, "body_too_large"), (400, "invalid_json")]


def test_the_controls_of_a_sandbox_with_flat_bodies_answer_nested_ones() -> None:
    """They are no part of the API of WooshPay, and the commands that talk to a sandbox read one form."""
    with Sandbox(account=FLAT) as sandbox, client_of(sandbox) as client:
        with pytest.raises(APIError) as caught:
            client.request("POST", "/sandbox/acts/unknown")
        body: Any = caught.value.body
        assert "error" in body
