"""Tests of the site as its developers write them. Django's test runner runs them in a process of their own."""

from __future__ import annotations

import secrets
from typing import Final

from asgiref.sync import sync_to_async
from django.test import TestCase
from webhooks.adapters.django_site.models import Customer, Order, Received
from webhooks.deliver import body_of, headers_for

KINDS: Final = ("plain", "atomic", "async", "async-atomic", "awaitable")
PATHS: Final = [f"/{view}/{inbox}" for view in ("view", "async-view") for inbox in ("none", "memory", "sqlite", "orm")]


def delivery(kind: str) -> tuple[str, bytes, dict[str, str]]:
    """Return the ID of a new event for the handler of a kind, its body and its headers."""
    event_id = f"evt_{secrets.token_hex(6)}"
    body = body_of(event_id, f"order.{kind}", object="order", id=event_id)
    return event_id, body, headers_for(body)


class Handlers(TestCase):
    """Every test finds the tables empty, so what a handler wrote in another test was rolled back with it."""

    def setUp(self) -> None:
        """Look at what earlier tests have left."""
        counts = [Customer.objects.count(), Order.objects.count(), Received.objects.count()]
        assert counts == [0, 0, 0]

    def check(self, event_id: str, kind: str) -> None:
        """Look at what the handler has written, from within the test's transaction."""
        assert Order.objects.filter(customer_id=event_id).count() == (2 if "atomic" in kind else 1)

    def test_client(self) -> None:
        """Deliver with Django's client."""
        for path in PATHS:
            for kind in KINDS:
                with self.subTest(path=path, kind=kind):
                    event_id, body, headers = delivery(kind)
                    Customer.objects.create(name=event_id)
                    for _ in range(2 if "none" not in path else 1):
                        response = self.client.post(path, body, content_type="application/json", headers=headers)
                        assert response.status_code == 200, response.content
                        self.check(event_id, kind)

    async def test_async_client(self) -> None:
        """Deliver with Django's async client."""
        for path in PATHS:
            for kind in KINDS:
                with self.subTest(path=path, kind=kind):
                    event_id, body, headers = delivery(kind)
                    await Customer.objects.acreate(name=event_id)
                    for _ in range(2 if "none" not in path else 1):
                        response = await self.async_client.post(
                            path, body, content_type="application/json", headers=headers
                        )
                        assert response.status_code == 200, response.content
                        await sync_to_async(self.check)(event_id, kind)

    def test_tables_are_empty_after_the_others(self) -> None:
        """Run `setUp` once more: whichever test runs first, another one follows it."""
