"""What the shop keeps."""

from __future__ import annotations

import secrets

from django.db import models


def new_number() -> str:
    """An order number that nobody guesses."""
    return secrets.token_urlsafe(16)


class Order(models.Model):
    """One order of one article; ``amount`` is in minor units."""

    number: models.CharField[str, str] = models.CharField(max_length=32, unique=True, default=new_number)
    article: models.CharField[str, str] = models.CharField(max_length=100)
    amount: models.PositiveIntegerField[int, int] = models.PositiveIntegerField()
    currency: models.CharField[str, str] = models.CharField(max_length=3)
    session: models.CharField[str, str] = models.CharField(max_length=64, blank=True)
    payment: models.CharField[str, str] = models.CharField(max_length=64, blank=True)
    paid: models.BooleanField[bool, bool] = models.BooleanField(default=False)
