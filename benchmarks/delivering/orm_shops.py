"""How a shop writes one order through an ORM: by hand, and in the transaction of the inbox for that ORM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from benchmarks.delivering.parties import THREADS, Party
from benchmarks.delivering.shops import Order, Shop, order_of
from wooshpay import webhooks

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


class DjangoShop(Shop):
    """Writes with Django's ORM, into the database of the inbox."""

    def __init__(self, party: Party) -> None:
        super().__init__(party)
        from django.db import models

        class Shipment(models.Model):
            event_id = models.CharField(max_length=64, primary_key=True)
            order_id = models.CharField(max_length=64)

            class Meta:
                app_label = "shop"
                db_table = "shipments"
                managed = False

        self._shipments = Shipment.objects

    def insert_now(self, order: Order) -> None:
        self._shipments.create(**order._asdict())

    async def insert(self, order: Order) -> None:
        await self._shipments.acreate(**order._asdict())

    def handler(self) -> tuple[Inbox, Handler]:
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        inbox: Any = vars(webhooks)["DjangoInbox"]()

        def paid(event: Event) -> None:
            with inbox.transaction():
                self._shipments.create(**order_of(event)._asdict())

        return inbox, paid


class SqlAlchemyShop(Shop):
    """Writes with SQLAlchemy's ORM, into the database of the inbox."""

    def __init__(self, party: Party) -> None:
        super().__init__(party)
        from sqlalchemy import String, create_engine
        from sqlalchemy.ext.asyncio import create_async_engine
        from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

        class Base(DeclarativeBase):
            pass

        class Shipment(Base):
            __tablename__ = "shipments"
            event_id: Mapped[str] = mapped_column(String(64), primary_key=True)
            order_id: Mapped[str] = mapped_column(String(64))

        self._shipment = Shipment
        plain, awaited = self._addresses()
        self._engine = create_engine(plain, pool_size=THREADS)
        self._async_engine = create_async_engine(awaited, pool_size=THREADS)

    def _addresses(self) -> tuple[str, str]:
        address = self.party.database
        name, _, rest = address.partition("://") if "://" in address else ("sqlite", "", f"/{address}")
        plain, awaited = _DRIVERS[name]
        return f"{plain}://{rest}", f"{awaited}://{rest}"

    def insert_now(self, order: Order) -> None:
        from sqlalchemy.orm import Session

        with Session(self._engine) as session, session.begin():
            session.add(self._shipment(**order._asdict()))

    async def insert(self, order: Order) -> None:
        from sqlalchemy.ext.asyncio import AsyncSession

        async with AsyncSession(self._async_engine) as session, session.begin():
            session.add(self._shipment(**order._asdict()))

    def handler(self) -> tuple[Inbox, Handler]:
        open_inbox: Any = vars(webhooks)["SqlAlchemyInbox"]
        open_inbox(self._engine).create()
        inbox: Any = open_inbox(self._async_engine if self.party.awaited else self._engine)

        async def paid_async(event: Event) -> None:
            async with inbox.transaction() as session:
                session.add(self._shipment(**order_of(event)._asdict()))

        def paid(event: Event) -> None:
            with inbox.transaction() as session:
                session.add(self._shipment(**order_of(event)._asdict()))

        return inbox, paid_async if self.party.awaited else paid
