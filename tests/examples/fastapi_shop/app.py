"""The pages: the shop's window, the way to the payment page, and the page after it."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import attrs
from fastapi import FastAPI, HTTPException, Request
from fastapi import Path as InPath
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.templating import Jinja2Templates

from wooshpay import AsyncWooshPay, WooshPayError, money
from wooshpay.webhooks.adapters import starlette_endpoint

from .orders import Order, Orders
from .payments import look_up, open_page, receiver_for

PAGES = Jinja2Templates(Path(__file__).parent / "pages")
OrderId = Annotated[str, InPath(pattern="^[A-Za-z0-9_-]{22}$")]


@attrs.frozen
class Product:
    """What is for sale; ``amount`` in minor units."""

    name: str
    text: str
    amount: int
    currency: str

    @property
    def price(self) -> str:
        """As a customer reads it."""
        return f"{money.from_minor(self.amount, self.currency)} {self.currency}"


PRODUCTS = {
    "teapot": Product("Teapot", "Cast iron, 0.8 litres", 4900, "USD"),
    "cup": Product("Cup", "Porcelain, white", 1250, "USD"),
    "sencha": Product("Sencha", "Green tea, 100 g", 1999, "USD"),
}


def create_app() -> FastAPI:
    """Make the app. Settings come from the environment, as the sandbox prints them."""
    orders = Orders(Path(os.environ.get("SHOP_DATABASE", "shop.db")))
    receiver = receiver_for(orders, os.environ["WOOSHPAY_WEBHOOK_SECRET"])
    client = AsyncWooshPay()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        yield
        await client.close()
        await receiver.close()

    app = FastAPI(lifespan=lifespan)
    app.post("/webhooks")(starlette_endpoint(receiver))

    @app.get("/", response_class=HTMLResponse)
    async def window(request: Request) -> Response:
        # Each button carries the number of the order to come, so that two clicks are one order.
        numbers = {key: secrets.token_urlsafe(16) for key in PRODUCTS}
        return PAGES.TemplateResponse(request, "window.html", {"products": PRODUCTS, "numbers": numbers})

    @app.post("/orders/{order_id}")
    async def buy(request: Request, order_id: OrderId, product: str) -> Response:
        wanted = PRODUCTS.get(product)
        if wanted is None:
            raise HTTPException(404, "There is no such product.")
        new = Order(id=order_id, product=wanted.name, amount=wanted.amount, currency=wanted.currency)
        order = await asyncio.to_thread(orders.place, new)
        try:
            page = await open_page(client, orders, order, str(request.base_url).rstrip("/"))
        except WooshPayError:
            return PAGES.TemplateResponse(request, "sorry.html", {"order": order, "key": product}, status_code=502)
        return RedirectResponse(page, 303)

    @app.get("/orders/{order_id}", response_class=HTMLResponse)
    async def back(request: Request, order_id: OrderId, canceled: bool = False) -> Response:
        order = await asyncio.to_thread(orders.get, order_id)
        if order is None:
            raise HTTPException(404, "There is no such order.")
        # Coming back proves nothing, not even that the customer gave up.
        order = await look_up(client, orders, order, patience=0.1 if canceled else 3.0)
        key = next(key for key, product in PRODUCTS.items() if product.name == order.product)
        details = {"order": order, "canceled": canceled, "key": key, "price": PRODUCTS[key].price}
        return PAGES.TemplateResponse(request, "order.html", details)

    return app
