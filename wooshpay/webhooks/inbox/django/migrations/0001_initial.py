"""Create the table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from django.db import migrations, models
from django.db.migrations.operations.base import Operation


class Migration(migrations.Migration):
    """Create the table and its index."""

    initial = True
    dependencies: ClassVar[Sequence[tuple[str, str]]] = []
    operations: ClassVar[Sequence[Operation]] = [
        migrations.CreateModel(
            name="InboxEvent",
            fields=[
                ("id", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("event_id", models.CharField(max_length=255)),
                ("token", models.CharField(max_length=32)),
                ("done", models.BooleanField()),
                ("expires", models.BigIntegerField()),
            ],
            options={
                "verbose_name": "event in the inbox",
                "verbose_name_plural": "events in the inbox",
                "db_table": "wooshpay_webhooks_event",
                "indexes": [models.Index(fields=["expires"], name="wooshpay_webhooks_expires")],
            },
        ),
    ]
