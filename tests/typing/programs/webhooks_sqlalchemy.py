"""An inbox in the application's own database: the engine decides which session a handler gets."""

from __future__ import annotations

from typing import assert_type

from sqlalchemy import MetaData, Table, create_engine
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, sessionmaker

from wooshpay.types import Event
from wooshpay.webhooks import Inbox, SqlAlchemyInbox, WebhookReceiver


class ShopSession(Session):
    """A session class of the application's own."""


class AsyncShopSession(AsyncSession):
    """An async session class of the application's own."""


engine = create_engine("sqlite:///shop.db")
async_engine = create_async_engine("sqlite+aiosqlite:///shop.db")

plain = SqlAlchemyInbox(engine)
assert_type(plain, SqlAlchemyInbox[Session])
awaited = SqlAlchemyInbox(async_engine, lease=30, table="events", schema="shop")
assert_type(awaited, SqlAlchemyInbox[AsyncSession])
own = SqlAlchemyInbox(engine, session_factory=sessionmaker(class_=ShopSession))
assert_type(own, SqlAlchemyInbox[ShopSession])
async_own = SqlAlchemyInbox(async_engine, session_factory=async_sessionmaker(class_=AsyncShopSession))
assert_type(async_own, SqlAlchemyInbox[AsyncShopSession])

receiver = WebhookReceiver("whsec_example", inbox=awaited)
stores: list[Inbox] = [plain, awaited, own, async_own]
assert_type(SqlAlchemyInbox.define_table(MetaData()), Table)


def in_a_thread(event: Event) -> None:
    with plain.transaction() as session:
        assert_type(session, Session)
    with own.transaction() as own_session:
        assert_type(own_session, ShopSession)


async def on_the_loop(event: Event) -> None:
    async with awaited.transaction() as session:
        assert_type(session, AsyncSession)
    async with async_own.transaction() as own_session:
        assert_type(own_session, AsyncShopSession)


async def create() -> None:
    plain.create()
    await awaited.create()
