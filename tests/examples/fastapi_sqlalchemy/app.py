"""The shop's API: order, pay, and see the status of the payment."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from wooshpay import AsyncWooshPay, RequestOptions
from wooshpay.types import PaymentIntent
from wooshpay.webhooks import EventOf, SqlAlchemyInbox, WebhookReceiver, merchant_reference
from wooshpay.webhooks.adapters import starlette_endpoint

from .models import Base, Order, Shipment


class Placed(BaseModel):
    """A new order, and the page where it is paid."""

    id: str
    page: str | None


class State(BaseModel):
    """The status of an order."""

    id: str
    status: str


def create_app() -> FastAPI:
    """Make the app. Settings come from the environment, as the sandbox prints them."""
    engine = create_async_engine(os.environ.get("SHOP_DATABASE_URL", "sqlite+aiosqlite:///shop.db"))
    sessions = async_sessionmaker(engine, expire_on_commit=False)
    inbox = SqlAlchemyInbox(engine, session_factory=sessions)
    receiver = WebhookReceiver(os.environ["WOOSHPAY_WEBHOOK_SECRET"], inbox=inbox)
    client = AsyncWooshPay()

    @receiver.on("payment_intent.succeeded")
    async def paid(event: EventOf[PaymentIntent]) -> None:
        payment = event.data.object
        # The order, its shipment and "done" are committed together, so a redelivery ships nothing.
        async with inbox.transaction() as session:
            order = await session.get(Order, merchant_reference(event) or "", with_for_update=True)
            if order is None or order.status != "open":
                return
            right = (payment.amount, payment.currency.upper()) == (order.amount, order.currency)
            order.status, order.payment = "paid" if right else "review", payment.id
            if right:
                session.add(Shipment(order_id=order.id))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        yield
        await client.close()
        await receiver.close()
        await engine.dispose()

    app = FastAPI(lifespan=lifespan)
    app.add_route("/webhooks", starlette_endpoint(receiver), methods=["POST"])

    @app.post("/orders")
    async def order(request: Request, amount: int = 4900) -> Placed:
        """Place an order, and open its payment page."""
        async with sessions.begin() as session:
            new = Order(id=secrets.token_urlsafe(16), amount=amount, currency="USD")
            session.add(new)
        page = await client.checkout.sessions.create(
            line_items=[
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": new.currency,
                        "unit_amount": new.amount,
                        "product_data": {"name": "Teapot"},
                    },
                }
            ],
            client_reference_id=new.id,
            payment_intent_data={"merchant_order_id": new.id},
            success_url=str(request.url_for("state", order_id=new.id)),
            options=RequestOptions(idempotency_key=f"order-{new.id}"),
        )
        return Placed(id=new.id, page=page.url)

    @app.get("/orders/{order_id}")
    async def state(order_id: str) -> State:
        """Return the status of an order."""
        found = await find(order_id)
        return State(id=found.id, status=found.status)

    @app.get("/orders/{order_id}/payment")
    async def payment(order_id: str) -> PaymentIntent:
        """Return the payment of an order as WooshPay has it now."""
        found = await find(order_id)
        if found.payment is None:
            raise HTTPException(404, "Nobody has paid this order yet.")
        return await client.payment_intents.retrieve(found.payment)

    async def find(order_id: str) -> Order:
        async with sessions() as session:
            found = await session.get(Order, order_id)
        if found is None:
            raise HTTPException(404, "There is no such order.")
        return found

    return app
