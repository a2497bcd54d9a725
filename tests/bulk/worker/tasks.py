"""The tasks of a merchant's Celery app, which the merchant's workers and programs import."""

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
# A test has no time for the values that the README gives: twenty minutes and more until a message of a dead worker is
# delivered again, with a search every ten seconds.
app.conf.broker_transport_options = {
    "visibility_timeout": 2,
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
    "unacked_mutex_expire": 5,
}
app.conf.worker_prefetch_multiplier = 1
app.conf.beat_schedule = {
    "resume": {"task": "wooshpay.bulk.refunds.create.resume", "schedule": 1.0, "kwargs": {"older_than": 4.0}}
}

# Celery retries the rows, so the client does not need to.
client = WooshPay(max_retries=0, timeout=20)
refund = bulk_task(app, "refunds.create", client=client, journal=RedisJournal(redis), first_gap=0.1, longest_gap=1.0)
