"""The table of a `DjangoInbox`, for migrations and for Django's admin. The inbox itself uses its own SQL."""

from __future__ import annotations

from django.db import models

from wooshpay.webhooks.inbox.django.statements import TABLE


class InboxEvent(models.Model):
    """An event that a worker has claimed, or that is done.

    Attributes:
        id: The SHA-256 hash of the event's ID. MySQL and MariaDB ignore case and trailing spaces when they
            compare texts, so two different IDs could be equal there.
        event_id: The event's ID, for people who look at the table. Characters other than printable ASCII are escaped.
        token: Identifies the claim among all claims of the event.
        done: Whether the event is done.
        expires: When the lease or the retention ends, in milliseconds since 1970 on the database server's clock.
    """

    id: models.CharField[str, str] = models.CharField(primary_key=True, max_length=64)
    event_id: models.CharField[str, str] = models.CharField(max_length=255)
    token: models.CharField[str, str] = models.CharField(max_length=32)
    done: models.BooleanField[bool, bool] = models.BooleanField()
    expires: models.BigIntegerField[int, int] = models.BigIntegerField()

    class Meta:
        db_table = TABLE
        verbose_name = "event in the inbox"
        verbose_name_plural = "events in the inbox"
        indexes = (models.Index(fields=["expires"], name="wooshpay_webhooks_expires"),)

    def __str__(self) -> str:
        return self.event_id
