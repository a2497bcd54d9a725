"""The settings; what differs between machines comes from the environment."""

from __future__ import annotations

import os
from pathlib import Path

SECRET_KEY = os.environ.get("SECRET_KEY", "only for trying this out")
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "shop.urls"
INSTALLED_APPS = ["shop", "wooshpay.webhooks.inbox.django"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": Path(os.environ.get("SHOP_DATABASE", "shop.db")),
        # SQLite does not wait for another writer in a transaction that began by reading. In this mode, which Django has
        # since 5.1, a transaction waits at its beginning.
        "OPTIONS": {"timeout": 30, "transaction_mode": "IMMEDIATE"},
        # Every view is a transaction, other than that of the webhooks: see `payments.receiver`.
        "ATOMIC_REQUESTS": True,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
