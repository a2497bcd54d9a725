"""WooshPay signs as Stripe does: what stripe's own library signs verifies here, and the other way round."""

from __future__ import annotations

import json
import time

import pytest
import stripe
from webhooks.deliver import SECRET, body_of

from wooshpay import webhooks


def test_a_signature_of_stripe_s_library_verifies_here() -> None:
    body, t = body_of(), int(time.time())
    signature = stripe.WebhookSignature._compute_signature(f"{t}.{body.decode()}", SECRET)  # pyright: ignore[reportPrivateUsage]  # older releases have no public way to sign
    assert webhooks.verify(body, f"t={t},v1={signature}", SECRET).t == str(t)
    assert webhooks.sign(body, SECRET, t=t) == f"t={t},v1={signature}"


def test_a_signature_of_ours_verifies_in_stripe_s_library() -> None:
    body = body_of()
    header = webhooks.sign(body, SECRET)
    event = stripe.Webhook.construct_event(body, header, SECRET)
    assert event.id == json.loads(body)["id"]


def test_both_refuse_another_secret() -> None:
    body = body_of()
    header = webhooks.sign(body, "whsec_other")
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body, header, SECRET)
    with pytest.raises(webhooks.SignatureError):
        webhooks.verify(body, header, SECRET)
