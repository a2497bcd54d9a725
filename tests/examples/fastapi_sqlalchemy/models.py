"""The shop's tables. The inbox's table is one of them, so Alembic makes a migration for it too."""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from wooshpay.webhooks import SqlAlchemyInbox


class Base(DeclarativeBase):
    """The metadata of the shop."""


class Order(Base):
    """One order. ``amount`` is in minor units."""

    __tablename__ = "orders"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    amount: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    status: Mapped[str] = mapped_column(String(10), default="open")
    payment: Mapped[str | None] = mapped_column(String(64))


class Shipment(Base):
    """A parcel for a paid order."""

    __tablename__ = "shipments"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[str] = mapped_column(String(32))


SqlAlchemyInbox.define_table(Base.metadata)
