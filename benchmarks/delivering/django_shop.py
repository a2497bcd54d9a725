"""How a shop writes one order with Django's ORM. Import this only where Django is set up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management import call_command
from django.db import models

from benchmarks.delivering.shops import Order, Shop, inbox_class, order_of

if TYPE_CHECKING:
    from wooshpay.types import Event
    from wooshpay.webhooks.handlers import Handler
    from wooshpay.webhooks.inbox import Inbox


class Shipment(models.Model):
    """A row of the shop's table, which exists already."""

    event_id: models.CharField[str, str] = models.CharField(max_length=64, primary_key=True)
    order_id: models.CharField[str, str] = models.CharField(max_length=64)

    class Meta:
        app_label = "shop"
        db_table = "shipments"
        managed = False


class DjangoShop(Shop):
    """Keeps the events and the orders in the database of a Django project."""

    def insert_now(self, order: Order) -> None:
        Shipment.objects.create(**order._asdict())

    async def insert(self, order: Order) -> None:
        await Shipment.objects.acreate(**order._asdict())

    def handler(self) -> tuple[Inbox, Handler]:
        call_command("migrate", verbosity=0)
        inbox: Any = inbox_class("DjangoInbox")()

        def paid(event: Event) -> None:
            with inbox.transaction():
                Shipment.objects.create(**order_of(event)._asdict())

        return inbox, paid
