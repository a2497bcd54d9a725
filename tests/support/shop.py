"""A WSGI application as users write them: one client for the process, used by every request.

``gunicorn --preload`` imports it in the master, where it makes a call of its own: the workers, forked from the
master, inherit a client whose loop runs and whose connection is open.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from wooshpay import RequestOptions, WooshPay

client = WooshPay("sk_test_x", base_url=os.environ["SHOP_URL"])
MASTER = os.getpid()
STARTED_WITH = client.refunds.retrieve("re_master").id


def app(environ: dict[str, Any], start_response: Callable[[str, list[tuple[str, str]]], object]) -> Iterable[bytes]:
    """Make the refund that the path names; answer with its id, the process, and the connection that it used."""
    name = environ["PATH_INFO"].strip("/")
    refund = client.refunds.create(payment_intent="pi_1", options=RequestOptions(idempotency_key=name))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{refund.id} {os.getpid()} {refund.extra['connection']}".encode()]
