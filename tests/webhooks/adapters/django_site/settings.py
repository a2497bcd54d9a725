"""The settings of the test site. What a test chooses comes from the environment."""

from __future__ import annotations

import json
import os
from typing import Any

SECRET_KEY = "for tests"
ALLOWED_HOSTS = ["127.0.0.1", "testserver"]
ROOT_URLCONF = "webhooks.adapters.django_site.urls"
INSTALLED_APPS = ["webhooks.adapters.django_site"]
MIDDLEWARE = ["django.middleware.csrf.CsrfViewMiddleware"]
DATABASES: dict[str, dict[str, Any]] = {
    "default": {**json.loads(os.environ["SITE_DATABASE"]), "ATOMIC_REQUESTS": os.environ.get("SITE_ATOMIC") == "1"}
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
