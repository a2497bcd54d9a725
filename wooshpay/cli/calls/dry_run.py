"""A request shown, and not sent."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from operator import attrgetter
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import click

from wooshpay import RequestOptions
from wooshpay.cli.connection import Connection
from wooshpay.cli.streams import complain, write_line
from wooshpay.cli.texts import json_text, visible
from wooshpay.core.json import loads
from wooshpay.core.redaction import HIDDEN, SENSITIVE_FIELDS, redact, redact_json
from wooshpay.core.request import Next, Request, Response
from wooshpay.describe.values import Arguments


class DryRun:
    """A call middleware that keeps the request, and answers with nothing instead of sending it."""

    def __init__(self) -> None:
        self.request: Request | None = None

    async def __call__(self, request: Request, call_next: Next) -> Response:
        self.request = request
        return Response(status=204, headers={}, body=b"")


def rehearse(name: str, connection: Connection, arguments: Arguments, settings: RequestOptions) -> Request:
    """Make the request of a call, with whatever key there is, and none at need.

    Args:
        name: The operation.
        connection: How it would be reached.
        arguments: The arguments of the call.
        settings: Settings for the call.

    Raises:
        click.UsageError: An argument cannot be sent.
        ConfigurationError: The settings cannot work.
    """
    kept = DryRun()
    with connection.rehearsing_client(call_middlewares=[kept]) as client:
        operation = attrgetter(f"{name}.with_response")(client)
        try:
            operation(*arguments.ids, **arguments.keywords, options=settings)
        except (TypeError, ValueError) as error:
            raise click.UsageError(f"{error}.") from None
    assert kept.request is not None
    return kept.request


def show(request: Request, keywords: Mapping[str, Any]) -> None:
    """Print a request as it would go out, without secrets.

    Args:
        request: The request.
        keywords: What a form is made of.
    """
    lines = [f"{request.method} {_shown_url(request.url)}", f"Authorization: Basic {HIDDEN}"]
    lines += [f"{name}: {visible(redact(value))}" for name, value in request.headers.items()]
    if request.body is not None:
        body = loads(request.body) if isinstance(request.body, bytes) else _form(keywords)
        shown = json_text(redact_json(body), terminal=sys.stdout.isatty(), encoding=sys.stdout.encoding, indent=2)
        lines += ["", shown]
    write_line("\n".join(lines))
    complain("Nothing was sent.")


def _shown_url(url: str) -> str:
    parts = urlsplit(url)
    query = [
        (name, HIDDEN if name.removesuffix("]").rpartition("[")[2] in SENSITIVE_FIELDS else redact(value))
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    ]
    return urlunsplit(parts._replace(query=urlencode(query, safe="[]")))


def _form(keywords: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value if isinstance(value, str) else "<standard input>" for name, value in keywords.items()}
