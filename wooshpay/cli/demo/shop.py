"""The merchant's side: a small web server that receives webhooks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aiohttp import web

from wooshpay import WebhookError, webhooks

if TYPE_CHECKING:
    from typing import Self

    from wooshpay.api.events import Event

WAIT_SECONDS: Final = 10.0


class Shop:
    """Runs on a free loopback port inside ``async with``.

    Attributes:
        secret: The signing secret of its webhook endpoint, once there is one.
        url: Where it listens.
    """

    def __init__(self) -> None:
        self.secret = ""
        self.url = ""
        self._news = asyncio.Condition()
        self._events: list[Event] = []
        self._refusal: WebhookError | None = None
        app = web.Application()
        app.router.add_post("/webhooks", self._receive)
        self._runner = web.AppRunner(app, access_log=None)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._runner.cleanup()

    async def event(self, type: str, about: str | None) -> Event:
        """Wait for the event of a type about the object with an id.

        Raises:
            WebhookError: A delivery was refused.
            LookupError: No such event came in time.
        """
        try:
            async with asyncio.timeout(WAIT_SECONDS), self._news:
                while True:
                    if self._refusal is not None:
                        raise self._refusal
                    for event in self._events:
                        if event.type == type and getattr(event.data.object, "id", None) == about:
                            return event
                    await self._news.wait()
        except TimeoutError:
            raise LookupError(f"No {type} about {about} came within {WAIT_SECONDS:g} seconds.") from None

    async def _receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        async with self._news:
            self._news.notify_all()
            try:
                self._events.append(webhooks.construct(body, request.headers, self.secret))
            except WebhookError as error:
                self._refusal = error
                return web.Response(status=400)
        return web.Response()
