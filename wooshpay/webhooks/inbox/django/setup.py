"""Checks, when a `DjangoInbox` is made, that Django and its settings are as the inbox needs them."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from wooshpay.errors import ConfigurationError
from wooshpay.webhooks.inbox.django.statements import STATEMENTS

APP: Final = "wooshpay.webhooks.inbox.django"


def check_setup(using: str) -> str:
    """Return Django's name for the kind of database that an alias stands for. It opens no connection.

    Raises:
        ConfigurationError: Django is not installed, or its settings do not suit the inbox.
    """
    try:
        import_module("django")
    except ImportError:
        raise ConfigurationError(
            "DjangoInbox needs Django, which is not installed: pip install 'wooshpay[django]'."
        ) from None
    from django.core.exceptions import ImproperlyConfigured

    try:
        _check_installed()
        return _check_database(using)
    except ImproperlyConfigured as error:
        raise ConfigurationError(
            f"DjangoInbox needs Django's settings, which are missing or not valid: {error} Set DJANGO_SETTINGS_MODULE,"
            " and outside of a Django process call django.setup() before you make the inbox."
        ) from error


def _check_installed() -> None:
    from django.apps import apps
    from django.conf import settings

    if apps.apps_ready:
        installed = apps.is_installed(APP)
    else:
        installed = any(entry == APP or entry.startswith(f"{APP}.") for entry in settings.INSTALLED_APPS)
    if not installed:
        raise ConfigurationError(
            f'DjangoInbox needs its app. Add "{APP}" to INSTALLED_APPS and run: python manage.py migrate'
        )


def _check_database(using: str) -> str:
    from django.db import connections

    if using not in list(connections):
        raise ConfigurationError(
            f"using={using!r} is not the alias of a database. DATABASES has: {', '.join(sorted(connections))}."
        )
    connection = connections[using]
    if connection.vendor not in STATEMENTS:
        raise ConfigurationError(
            f"using={using!r} is a database of the kind {connection.vendor!r}. DjangoInbox works with SQLite,"
            " PostgreSQL, MySQL and MariaDB; use another alias or another inbox."
        )
    if not connection.settings_dict["AUTOCOMMIT"]:
        raise ConfigurationError(
            f"DATABASES[{using!r}] has AUTOCOMMIT = False, so a claim would not be committed before the handler runs."
            " Remove that setting, or use another alias."
        )
    return connection.vendor
