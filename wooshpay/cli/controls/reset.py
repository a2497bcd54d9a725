"""``wooshpay sandbox reset``: back to the state of a new sandbox."""

from __future__ import annotations

import click

from wooshpay.cli.controls.running import Reach, sandbox_options, show
from wooshpay.core.json import JsonObject


@click.command("reset")
@sandbox_options
def command(reach: Reach) -> None:
    """Go back to the state of a new sandbox, with the same address, keys and options.

    All objects, deliveries, faults, idempotency keys and logged requests are removed, and the clock is where it was
    at the start. Only the webhook endpoint that the sandbox was started with stays.
    """
    with reach.sandbox() as sandbox:
        show(reach, sandbox.post("reset"), _lines)


def _lines(result: JsonObject) -> list[str]:
    kept = len(result["webhook_endpoints"])
    stays = "Its webhook endpoint stays." if kept else "It has no webhook endpoint."
    return [f"The sandbox was reset. {stays}"]
