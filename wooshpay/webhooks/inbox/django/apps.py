"""The configuration of the Django app, which Django finds through INSTALLED_APPS."""

from __future__ import annotations

from django.apps import AppConfig


class WooshPayWebhooks(AppConfig):
    """Holds the table of the events that a `DjangoInbox` remembers."""

    name = "wooshpay.webhooks.inbox.django"
    label = "wooshpay_webhooks"
    verbose_name = "WooshPay webhooks"
    default_auto_field = "django.db.models.BigAutoField"
