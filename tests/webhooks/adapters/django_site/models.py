"""The tables of the test site."""

from __future__ import annotations

from typing import Any

from django.db import models


class Customer(models.Model):
    """Who buys. Django checks an order's reference to its customer when the transaction is committed."""

    name: models.CharField[Any, Any] = models.CharField(primary_key=True, max_length=100)


class Order(models.Model):
    """What a handler writes. Its number is the ID of the event."""

    number: models.CharField[Any, Any] = models.CharField(max_length=100)
    customer: models.ForeignKey[Any, Any] = models.ForeignKey(Customer, on_delete=models.CASCADE)


class Received(models.Model):
    """An event in the site's own inbox."""

    event: models.CharField[Any, Any] = models.CharField(primary_key=True, max_length=100)
    token: models.CharField[Any, Any] = models.CharField(max_length=100)
    done: models.BooleanField[Any, Any] = models.BooleanField(default=False)
