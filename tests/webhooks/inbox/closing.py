"""Servers that end the connections of their clients, as they do with idle ones and when they are restarted."""

from __future__ import annotations

from typing import Any, Final

import psycopg
import redis

_redis: Final[Any] = redis.Redis


def named(url: str, application: str) -> str:
    """Give the connections of a PostgreSQL URL a name."""
    return f"{url}{'&' if '?' in url else '?'}application_name={application}"


def end_postgres_connections(url: str, application: str) -> int:
    """End the connections that have a name, and wait for their end. Returns how many there were."""
    with psycopg.connect(url, autocommit=True) as connection:
        ended = connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = %s", [application]
        )
        return len(ended.fetchall())


def end_redis_connections(url: str) -> int:
    """End the connections of all clients. Returns how many there were."""
    with _redis.from_url(url) as client:
        return int(client.execute_command("CLIENT", "KILL", "TYPE", "normal"))
