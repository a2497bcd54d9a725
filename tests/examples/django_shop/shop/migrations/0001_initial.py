from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from django.db import migrations, models
from django.db.migrations.operations.base import Operation

from ..models import new_number


class Migration(migrations.Migration):
    initial = True
    dependencies: ClassVar[Sequence[tuple[str, str]]] = []
    operations: ClassVar[Sequence[Operation]] = [
        migrations.CreateModel(
            name="Order",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.CharField(default=new_number, max_length=32, unique=True)),
                ("article", models.CharField(max_length=100)),
                ("amount", models.PositiveIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("session", models.CharField(blank=True, max_length=64)),
                ("payment", models.CharField(blank=True, max_length=64)),
                ("paid", models.BooleanField(default=False)),
            ],
        ),
    ]
