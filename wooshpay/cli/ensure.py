"""``wooshpay webhook-endpoints ensure``: there is one endpoint for a URL, however often the command runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click

from wooshpay.api.endpoint_plans import EndpointPlan, EnsuredEndpoint, plan_endpoint
from wooshpay.api.webhook_endpoints import WebhookEndpoint
from wooshpay.cli.calls.output import print_json
from wooshpay.cli.connection import Connection, with_connection
from wooshpay.cli.endpoints import matching, read_url
from wooshpay.cli.exits import RESULT_NOT_SHOWN
from wooshpay.cli.streams import OutputError, complain
from wooshpay.cli.texts import visible
from wooshpay.core.json import JsonObject

_LARGEST_PAGE = 100
_PLANNED = {"created": "would be created", "updated": "would be updated", "unchanged": "is as it should be"}
_LOOK_IT_UP = "The secret of a new endpoint is in the WooshPay dashboard."


@click.command("ensure")
@click.option("--url", metavar="URL", required=True, callback=read_url, help="Your endpoint, which must be HTTPS.")
@click.option(
    "--event",
    "patterns",
    metavar="TYPE",
    required=True,
    multiple=True,
    help="A type of event to send, such as payment_intent.succeeded, or a pattern such as invoice.*; * alone for all."
    " Repeat it for further types.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
@with_connection
def command(connection: Connection, url: str, patterns: Sequence[str], dry_run: bool) -> None:
    """Make sure that there is one endpoint for a URL, and that it is sent these types of events.

    If there is none, it is created, and its secret is printed: store it, since it is not shown again. If there is one,
    the types that are missing are added, and a disabled endpoint is enabled. No type is removed, and no second endpoint
    is created, however often you run this.

    The result is JSON: the action (created, updated or unchanged), what was added, and the endpoint.
    """
    types = ["*"] if "*" in patterns else matching(patterns)
    with connection.client() as client:
        endpoints = client.webhook_endpoints
        if dry_run:
            _show_plan(plan_endpoint(endpoints.list(limit=_LARGEST_PAGE), url, types))
            return
        done = endpoints.ensure(url=url, enabled_events=types)
    try:
        print_json(_facts(done, done.endpoint, enabled=done.enabled))
    except OutputError as error:
        if done.action == "unchanged":
            raise
        complain(f"Error: {error}\n{_done(done)} The result could not be shown. {_LOOK_IT_UP}")
        raise SystemExit(RESULT_NOT_SHOWN) from None
    complain(_done(done))
    if done.secret is not None:
        complain("Store its secret as WOOSHPAY_WEBHOOK_SECRET now: it is not shown again.")
    _warn(done.others)


def _show_plan(plan: EndpointPlan) -> None:
    print_json({**_facts(plan, plan.endpoint, enabled=plan.enable), "dry_run": True})
    changes = _changes(plan, enabled=plan.enable)
    complain(f"{_named(plan.endpoint, plan.url)} {_PLANNED[plan.action]}{changes}. Nothing was changed.")
    _warn(plan.others)


def _facts(found: EndpointPlan | EnsuredEndpoint, endpoint: WebhookEndpoint | None, *, enabled: bool) -> JsonObject:
    fields = None if endpoint is None else endpoint.to_dict()
    if fields is not None and found.action != "created":
        fields.pop("secret", None)
    return {
        "action": found.action,
        "added": list(found.added),
        "enabled": enabled,
        "endpoint": fields,
        "others": [other.id for other in found.others],
    }


def _done(done: EnsuredEndpoint) -> str:
    name = _named(done.endpoint, done.endpoint.url)
    if done.action == "unchanged":
        return f"{name} is as it should be."
    return f"{name} was {done.action}{_changes(done, enabled=done.enabled)}."


def _changes(found: EndpointPlan | EnsuredEndpoint, *, enabled: bool) -> str:
    """Return what an update changes, in parentheses; an empty text if it is not an update."""
    if found.action != "updated":
        return ""
    changes = [f"added {', '.join(found.added)}"] if found.added else []
    changes += ["enabled"] if enabled else []
    return visible(f" ({'; '.join(changes) or 'another spelling of the URL'})")


def _named(endpoint: WebhookEndpoint | None, url: str) -> str:
    return visible(f"An endpoint for {url}" if endpoint is None else f"The endpoint {endpoint.id} for {endpoint.url}")


def _warn(others: Iterable[WebhookEndpoint]) -> None:
    for other in others:
        complain(
            f"Warning: {visible(other.id)} has the same URL, so each event is delivered there a second time. If you do"
            f" not need it: wooshpay webhook-endpoints delete {visible(other.id)}"
        )
