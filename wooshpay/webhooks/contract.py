"""What an adapter needs from a receiver."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from wooshpay.webhooks.replies import Reply
    from wooshpay.webhooks.request_threads import RequestThread
    from wooshpay.webhooks.signature import Headers


class AnyReceiver(Protocol):
    """Something that adapters hand deliveries to.

    It is a `WebhookReceiver`, which runs handlers at once, or a `QueuedReceiver` or the task of `receiver_task`, which
    put the delivery into a queue.
    """

    largest_body: int
    """Maximum size of a body in bytes."""

    # Not `async def`, as pyright would then accept no method that returns another kind of coroutine.
    def receive(
        self, body: bytes, headers: Headers, *, thread: RequestThread | None = None
    ) -> Coroutine[Any, Any, Reply]:
        """Take a delivery, and return the response. A handler may need the thread of the request."""
        ...

    def receive_now(self, body: bytes, headers: Headers, *, thread: RequestThread | None = None) -> Reply:
        """Take a delivery in code without an event loop, and return the response."""
        ...
