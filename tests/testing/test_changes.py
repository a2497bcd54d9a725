"""Fields of an event's object, changed by their paths."""

from __future__ import annotations

from typing import Any

import pytest

from wooshpay import WooshPay, webhooks
from wooshpay.testing.changes import ChangeError, with_changes, with_texts
from wooshpay.testing.webhooks import Webhooks
from wooshpay.types import PaymentIntent

PAYMENT = {
    "id": "pi_1", "object": "payment_intent", "amount": 1999, "currency": "USD", "customer": "cus_1",
    "metadata": {"order": "order-1001"}, "charges": {"data": [{"id": "ch_1", "object": "charge", "paid": True}]},
}  # fmt: skip


def changed(*changes: tuple[str, str], about: Any = PAYMENT) -> Any:
    made = with_texts(about, changes)
    return {name: value for name, value in made.items() if value != about.get(name)}


@pytest.mark.parametrize(
    ("path", "text", "result"),
    [
        ("amount", "500", {"amount": 500}),
        ("metadata.order", "17", {"metadata": {"order": "17"}}),
        ("metadata.shop", "Graz", {"metadata": {"order": "order-1001", "shop": "Graz"}}),
        ("metadata", '{"n": 5, "ok": true}', {"metadata": {"n": "5", "ok": "true"}}),
        ("merchant_order_id", "17", {"merchant_order_id": "17"}),
        ("merchant_order_id", '"17"', {"merchant_order_id": "17"}),
        ("merchant_order_id", "null", {"merchant_order_id": None}),
        ("shipping.address.city", "Graz", {"shipping": {"address": {"city": "Graz"}}}),
        ("customer", '{"id": "cus_2"}', {"customer": {"id": "cus_2"}}),
        ("status", "a_new_one", {"status": "a_new_one"}),
        ("charges.data.0.paid", "false", {"charges": {"data": [{"id": "ch_1", "object": "charge", "paid": False}]}}),
    ],
)
def test_a_text_is_json_where_that_fits_the_field(path: str, text: str, result: Any) -> None:
    """An order number must stay text and an amount a number, or the handler meets what WooshPay never sends."""
    assert with_texts(PAYMENT, [(path, text)]) == {**PAYMENT, **result}


@pytest.mark.parametrize(
    ("path", "text", "says"),
    [
        ("amout", "5", "no field 'amout'. Did you mean amount?"),
        ("order", "5", "Did you mean metadata.order?"),
        ("charges.data.0.padi", "true", "Did you mean charges.data.0.paid?"),
        ("galaxy", "5", "has no field 'galaxy'"),
        ("", "5", "has no field ''"),
        ("metadata.", "5", "has no field ''"),
        ("charges.data.1.paid", "true", "charges.data is a list of 1"),
        ("charges.data.x.paid", "true", "charges.data is a list of 1"),
        ("customer.email", "x", "customer is text, so it has no field email"),
        ("amount", "five", "amount: must be a whole number, not text"),
        ("amount", "5.5", "amount: must be a whole number, not a number"),
        ("amount", "null", "amount: must be a whole number, not null"),
        ("livemode", "1", "livemode: must be true or false, not a whole number"),
        ("metadata", "5", "metadata: must be an object, not a whole number"),
        ("metadata", '{"a": {"b": 1}}', "metadata.a: must be text, not an object"),
        ("metadata.a.b", "1", "Set metadata.a itself."),
        ("description", "\udcff", "JSON cannot hold"),
    ],
)
def test_a_change_that_cannot_be_is_refused(path: str, text: str, says: str) -> None:
    """A typing error would otherwise end in a test that passes for the wrong reason."""
    with pytest.raises(ChangeError) as caught:
        with_texts(PAYMENT, [(path, text)])
    assert says in str(caught.value)
    assert PAYMENT["metadata"] == {"order": "order-1001"}


def test_an_object_that_the_sdk_does_not_know_has_the_fields_that_it_has() -> None:
    about = {"object": "galaxy", "stars": 5, "name": None}
    assert changed(("stars", "6"), ("name", "Milky Way"), about=about) == {"stars": 6, "name": "Milky Way"}
    assert changed(("metadata.a", "1"), about={**about, "metadata": {}}) == {"metadata": {"a": "1"}}
    with pytest.raises(ChangeError, match="Did you mean stars"):
        changed(("star", "6"), about=about)


def test_values_of_python_keep_their_types() -> None:
    assert with_changes(PAYMENT, {"metadata.order": 17, "amount": 500}) == {
        **PAYMENT,
        "metadata": {"order": "17"},
        "amount": 500,
    }
    for path, value in (("merchant_order_id", 17), ("amount", "500"), ("metadata.x", object()), ("amount", True)):
        with pytest.raises(ChangeError, match=path):
            with_changes(PAYMENT, {path: value})


def test_an_event_for_a_test_is_made_with_other_values(wooshpay_client: WooshPay, wooshpay_webhooks: Webhooks) -> None:
    made = wooshpay_webhooks.make("payment_intent.succeeded", set={"metadata.order": "17", "amount": 500})
    event = webhooks.construct(made.body, made.headers, wooshpay_webhooks.secret)
    payment = event.data.object
    assert isinstance(payment, PaymentIntent)
    assert (payment.amount, payment.metadata) == (500, {"order": "17"})
    assert wooshpay_client.payment_intents.retrieve(payment.id).amount == 1999, "the sandbox keeps what happened"
    with pytest.raises(ValueError, match="Did you mean amount"):
        wooshpay_webhooks.make("payment_intent.succeeded", set={"amuont": 5})
