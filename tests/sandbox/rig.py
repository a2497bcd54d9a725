"""What the tests of the sandbox work with: plain HTTP against it, and a shop that it sends customers and events to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import attrs
from aiohttp import web

GOOD = "4111111111111111"
DECLINED = "4000000000000002"
CHALLENGED = "4000002500003155"


@attrs.frozen
class Reply:
    """One answer of the sandbox."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def error(self) -> dict[str, Any]:
        """The error object."""
        found: dict[str, Any] = self.body["error"]
        return found


class Api:
    """Speaks plain HTTP with the sandbox, without the SDK."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, key: str) -> None:
        self.session = session
        self.base_url = base_url
        self.authorization = aiohttp.encode_basic_auth(key, "")

    async def get(self, path: str, body: Any = None, *, query: Mapping[str, str] | None = None) -> Reply:
        """GET, with parameters in the query or in a JSON body."""
        return await self.send("GET", path, body, query=query)

    async def post(self, path: str, body: Any = None, *, key: str | None = None) -> Reply:
        """POST a JSON body."""
        return await self.send("POST", path, body, headers={"Idempotency-Key": key} if key else {})

    async def delete(self, path: str) -> Reply:
        """DELETE."""
        return await self.send("DELETE", path)

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        data: bytes | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a request; ``data`` is sent as it is, ``body`` as JSON."""
        content = json.dumps(body).encode() if body is not None else data
        async with self.session.request(
            method,
            self.base_url + path,
            params=query,
            data=content,
            headers={"Authorization": self.authorization, "Content-Type": "application/json", **(headers or {})},
            allow_redirects=False,
        ) as response:
            raw = await response.read()
            return Reply(response.status, json.loads(raw), response.headers)

    async def make(self, path: str, body: Any = None) -> Any:
        """POST what must succeed; give the object."""
        reply = await self.post(path, body)
        assert reply.status == 200, reply.body
        return reply.body

    async def act(self, name: str, /, **params: Any) -> Any:
        """Carry out a simulated action, such as ``checkout.sessions.pay``, and return its result."""
        return await self.make(f"/sandbox/acts/{name}", params)

    async def find(self, path: str) -> Any:
        """GET what must be there; give the object."""
        reply = await self.get(path)
        assert reply.status == 200, reply.body
        return reply.body

    async def browse(self, url: str, form: Mapping[str, str] | None = None) -> tuple[int, str, str | None]:
        """Open a page or send its form as a browser does: status, text, and where it leads."""
        async with self.session.request(
            "GET" if form is None else "POST", url, data=form, allow_redirects=False
        ) as response:
            return response.status, await response.text(), response.headers.get("Location")


@attrs.frozen
class Hook:
    """One webhook delivery as it arrived."""

    name: str
    signature: str
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """The event in it."""
        found: dict[str, Any] = json.loads(self.body)
        return found


class Shop:
    """A merchant's site: takes webhooks under ``/hooks/<name>`` and customers everywhere else."""

    def __init__(self) -> None:
        self.hooks: list[Hook] = []
        # Statuses to answer deliveries with, one after another; 200 when there are none left.
        self.answers: list[int] = []
        self.base_url = ""
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Shop:
        app = web.Application()
        app.router.add_post("/hooks/{name}", self._take)
        app.router.add_get("/{page}", self._show)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def hook(self, name: str = "main") -> str:
        """The address of a webhook endpoint."""
        return f"{self.base_url}/hooks/{name}"

    def types(self, name: str = "main") -> list[str]:
        """The types of the events delivered to an endpoint, in order."""
        return [hook.event["type"] for hook in self.hooks if hook.name == name]

    async def _take(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self.hooks.append(Hook(name, request.headers["Wooshpay-Signature"], await request.read()))
        return web.Response(status=self.answers.pop(0) if self.answers else 200)

    async def _show(self, request: web.Request) -> web.Response:
        page = request.match_info["page"]
        # Without an icon of its own the browser asks for one, perhaps when the shop has closed.
        head = f"<!doctype html><link rel='icon' href='data:,'><title>{page}</title>"
        return web.Response(text=f"{head}<h1>{page}</h1>", content_type="text/html")


def card(number: str = GOOD, **fields: str) -> dict[str, Any]:
    """``payment_method_data`` of a card."""
    whole = {"number": number, "exp_month": "12", "exp_year": "2090", "cvc": "123", **fields}
    return {"type": "card", "card": whole}


def payment(number: str | None = None, **fields: Any) -> dict[str, Any]:
    """The parameters of a payment; with a card number it is confirmed at once."""
    given: dict[str, Any] = {"amount": 2000, "currency": "USD", **fields}
    if number is not None:
        given |= {"confirm": True, "payment_method_data": card(number)}
    return given


def order(**fields: Any) -> dict[str, Any]:
    """The parameters of a session that sells two packets of tea."""
    tea = {"currency": "usd", "unit_amount": 1999, "product_data": {"name": "Tea", "description": "Green, 100 g"}}
    return {
        "mode": "payment",
        "success_url": "https://shop.example/thanks?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "https://shop.example/basket",
        "line_items": [{"price_data": tea, "quantity": 2}],
        **fields,
    }


def card_form(number: str = GOOD, **fields: str) -> dict[str, str]:
    """The hosted page's form."""
    whole = {"method": "card", "number": number, "exp_month": "12", "exp_year": "2090", "cvc": "123", "email": ""}
    return {**whole, **fields}


def path_of(url: str) -> str:
    """The path of an address."""
    return urlsplit(url).path
