"""Workers of gevent: the receiver's event loop seems to run in every greenlet, also in that of a plain handler."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.children import environment

START = """
from gevent import monkey
monkey.patch_all()
import sys
from webhooks.deliver import SECRET, body_of, headers_for
from wooshpay.webhooks import DjangoInbox, SqlAlchemyInbox, WebhookReceiver
"""
DJANGO = """
from django.conf import settings
APP = "wooshpay.webhooks.inbox.django"
database = {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1], "OPTIONS": {"timeout": 20}}
settings.configure(DATABASES={"default": database}, INSTALLED_APPS=[APP], USE_TZ=True)
import django
django.setup()
from django.core.management import call_command
from wooshpay.webhooks.adapters.django_thread import DjangoThread
call_command("migrate", verbosity=0)
inbox = DjangoInbox()
thread = DjangoThread()
"""
SQLALCHEMY = """
from sqlalchemy import create_engine
engine = create_engine(f"sqlite:///{sys.argv[1]}")
inbox = SqlAlchemyInbox(engine)
inbox.create()
thread = None
"""
DELIVER = """
receiver = WebhookReceiver(SECRET, inbox=inbox)
@receiver.on("payment_intent.succeeded")
def paid(event):
    with inbox.transaction():
        print("paid")
for _ in range(2):
    print(receiver.receive_now(body_of(), headers_for(body_of()), thread=thread).text)
receiver.close_now()
"""


@pytest.mark.parametrize("program", [DJANGO, SQLALCHEMY], ids=["DjangoInbox", "SqlAlchemyInbox"])
def test_a_plain_handler_opens_the_transaction_in_a_worker_of_gevent(program: str, tmp_path: Path) -> None:
    """Every delivery was answered with 500: the transaction took the handler for an async one, and refused it."""
    done = subprocess.run(
        [sys.executable, "-c", f"{START}{program}{DELIVER}", str(tmp_path / "shop.db")],
        capture_output=True,
        text=True,
        timeout=120,
        env={**environment(), "DJANGO_ALLOW_ASYNC_UNSAFE": "true"},
    )
    assert done.stdout == "paid\nDone.\nThis event was done before.\n", done.stderr
