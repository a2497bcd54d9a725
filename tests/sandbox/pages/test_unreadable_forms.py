"""Bodies that no browser sends to the hosted pages: refused with a page, and nothing is paid."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from sandbox.billing.desk import customer, finalized
from sandbox.rig import CHALLENGED, Api, order, payment

from wooshpay.core.json import is_object
from wooshpay.sandbox import Sandbox

FORM = "application/x-www-form-urlencoded"
PART = b'--x\r\nContent-Disposition: form-data; name="a"\r\n'
BODIES = {
    "bytes": (b"card_number=\xff\xfe", FORM),
    "charset": (b"a=b", f"{FORM}; charset=nosuch"),
    "no-multipart": (b"junk", "multipart/form-data; boundary=x"),
    "no-boundary": (b"junk", "multipart/form-data"),
    "bytes-in-a-part": (PART + b"\r\n\xff\r\n--x--\r\n", "multipart/form-data; boundary=x"),
    "unknown-encoding": (
        PART + b"Content-Transfer-Encoding: nosuch\r\n\r\nx\r\n--x--\r\n",
        "multipart/form-data; boundary=x",
    ),
}


async def page_of(api: Api, kind: str) -> str:
    """Create something that has a page, and return the URL."""
    if kind == "checkout":
        url: Any = (await api.make("/v1/checkout/sessions", order()))["url"]
    elif kind == "invoice":
        url = (await finalized(api, await customer(api)))["hosted_invoice_url"]
    else:
        fields = {"payment_method_data": {"type": "alipay"}} if kind == "wallet" else {}
        made = await api.make("/v1/payment_intents", {**payment(CHALLENGED), "confirm": True, **fields})
        url = next(value["url"] for value in made["next_action"].values() if is_object(value))
    return str(url)


@pytest.mark.parametrize("kind", ["checkout", "invoice", "challenge", "wallet"])
@pytest.mark.parametrize("body", BODIES)
async def test_a_body_that_is_not_a_form_is_refused_with_a_page(
    api: Api, sandbox: Sandbox, kind: str, body: str
) -> None:
    """Any of them ended as "500 Internal Server Error", with a traceback in the log of the tests."""
    url = await page_of(api, kind)
    before = [dict(intent) for intent in sandbox.store.all("payment_intent")]
    data, content_type = BODIES[body]
    async with (
        aiohttp.ClientSession() as browser,
        browser.post(url, data=data, headers={"Content-Type": content_type}) as response,
    ):
        text = await response.text()
        assert (response.status, response.content_type) == (400, "text/html")
        assert "This form cannot be read" in text
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert [dict(intent) for intent in sandbox.store.all("payment_intent")] == before
