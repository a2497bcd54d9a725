"""How a shop writes one order with SQLAlchemy's ORM: with an `Engine`, or with an `AsyncEngine` on an event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import String, create_engine
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from benchmarks.delivering.parties import THREADS, Party
from benchmarks.delivering.shops import Order, Shop, inbox_class, order_of

if TYPE_CHECKING:
    from wooshpay.types import Event
    from wooshpay.webhooks.handlers import Handler
    from wooshpay.webhooks.inbox import Inbox

# SQLAlchemy's drivers, for code without an event loop and on one.
_DRIVERS: Final = {
    "sqlite": ("sqlite", "sqlite+aiosqlite"),
    "postgresql": ("postgresql+psycopg", "postgresql+psycopg"),
    "mysql": ("mysql+pymysql", "mysql+aiomysql"),
}


class Base(DeclarativeBase):
    """The declarations of the shop."""


class Shipment(Base):
    """A row of the shop's table, which exists already."""

    __tablename__ = "shipments"
    event_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    order_id: Mapped[str] = mapped_column(String(64))


class SqlAlchemyShop(Shop):
    """Keeps the events and the orders in one database."""

    def __init__(self, party: Party) -> None:
        super().__init__(party)
        name, _, rest = party.database.rpartition("://")
        plain, awaited = _DRIVERS[name or "sqlite"]
        place = rest if name else f"/{rest}"
        self._engine = create_engine(f"{plain}://{place}", pool_size=THREADS)
        self._async_engine = create_async_engine(f"{awaited}://{place}", pool_size=THREADS)

    def insert_now(self, order: Order) -> None:
        with Session(self._engine) as session, session.begin():
            session.add(Shipment(**order._asdict()))

    async def insert(self, order: Order) -> None:
        async with AsyncSession(self._async_engine) as session, session.begin():
            session.add(Shipment(**order._asdict()))

    def handler(self) -> tuple[Inbox, Handler]:
        inbox_class("SqlAlchemyInbox")(self._engine).create()
        inbox: Any = inbox_class("SqlAlchemyInbox")(self._async_engine if self.party.awaited else self._engine)

        async def paid_async(event: Event) -> None:
            async with inbox.transaction() as session:
                session.add(Shipment(**order_of(event)._asdict()))

        def paid(event: Event) -> None:
            with inbox.transaction() as session:
                session.add(Shipment(**order_of(event)._asdict()))

        return inbox, paid_async if self.party.awaited else paid
