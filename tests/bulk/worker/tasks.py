"""The tasks of a merchant's Celery: what his workers and his programs import."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery  # type: ignore[import-untyped]  # it has no types

from wooshpay import WooshPay
from wooshpay.bulk import RedisJournal
from wooshpay.bulk.celery import bulk_task

redis = os.environ["SHOP_REDIS"]

app: Any = Celery("shop", broker=redis, backend=redis)
app.conf.broker_connection_retry_on_startup = True
# Seconds after which a message whose worker died is delivered again. Twenty minutes and more, where it is not a test.
app.conf.broker_transport_options = {"visibility_timeout": 2}
app.conf.worker_prefetch_multiplier = 1

# Retries are Celery's here.
client = WooshPay(max_retries=0, timeout=20)
refund = bulk_task(app, "refunds.create", client=client, journal=RedisJournal(redis), first_gap=0.1, longest_gap=1.0)
