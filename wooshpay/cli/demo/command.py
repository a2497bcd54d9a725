"""The command: the story once awaited and once in plain calls, and an exit code that says whether it held."""

from __future__ import annotations

import asyncio
import logging

import click
from rich.console import Console

from wooshpay.cli.demo.shop import Shop
from wooshpay.cli.demo.story import tell
from wooshpay.cli.demo.timeline import StepFailed, Timeline
from wooshpay.cli.demo.world import World, async_world, sync_world
from wooshpay.sandbox import Sandbox


@click.command("demo")
def command() -> None:
    """Watch a payment from end to end, offline.

    Starts the sandbox and a small shop on this machine. Then, with the async client and again with the sync
    client: a checkout session is paid on its hosted page, its webhooks are verified, a part is refunded, a card
    is declined, and an answer is lost without a second charge.

    Exits with 0 if every step held, and with 1 if one did not.
    """
    # A call cut off by Ctrl-C is logged, as money may have moved. Here it cannot have.
    logging.getLogger("wooshpay").addHandler(logging.NullHandler())
    timeline = Timeline(Console(highlight=False))
    try:
        asyncio.run(run(timeline))
    except StepFailed as failure:
        timeline.fail(failure)
        raise SystemExit(1) from None
    timeline.close()


async def run(timeline: Timeline) -> None:
    """Tell the story in both worlds.

    Raises:
        StepFailed: A step was not as it should be.
    """
    async with Sandbox() as sandbox:
        timeline.open(sandbox.base_url)
        async with async_world(sandbox) as world:
            await _tell(world, sandbox, timeline)
        async with sync_world(sandbox) as world:
            await _tell(world, sandbox, timeline)


async def _tell(world: World, sandbox: Sandbox, timeline: Timeline) -> None:
    timeline.chapter(world.name, world.how)
    async with Shop() as shop:
        await tell(world, sandbox, shop, timeline)
