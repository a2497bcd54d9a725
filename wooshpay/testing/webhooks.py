"""Webhooks for the test of a receiver: what happened in the sandbox, signed, for the test to hand to its app."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs

from wooshpay.core.json import Json, JsonObject, dumps
from wooshpay.sandbox.engine.clock import real_time
from wooshpay.sandbox.webhooks.signing import signature_headers

if TYPE_CHECKING:
    from wooshpay.sandbox import SyncSandbox


@attrs.frozen(kw_only=True)
class SignedEvent:
    """One delivery, ready to be posted to an app's webhook address.

    Attributes:
        id: The event's id, ``evt_...``.
        type: What happened, such as ``payment_intent.succeeded``.
        event: The event as parsed JSON.
        body: The bytes to post, as they are: the signature is over them.
        headers: The headers to post with them, signature included.
    """

    id: str
    type: str
    event: JsonObject = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)
    headers: dict[str, str] = attrs.field(repr=False)


class Webhooks:
    """Gives the sandbox's events as deliveries, without a server: post them with the test client of any framework.

    Args:
        sandbox: Where things happen.
    """

    def __init__(self, sandbox: SyncSandbox) -> None:
        self._sandbox = sandbox
        self._taken: set[str] = set()

    @property
    def secret(self) -> str:
        """The secret that deliveries are signed with: configure the app under test with it."""
        return self._sandbox.webhook_secret

    def take(self, *types: str, times: int = 1, newest_first: bool = False) -> list[SignedEvent]:
        """Take the events that came up since the last time, oldest first; each is given out once.

        Args:
            types: Only events of these types; the others wait for another call. All of them when left out.
            times: How often each event comes, one right after the other, as WooshPay may deliver it.
            newest_first: In the wrong order, as WooshPay may deliver them.

        Returns:
            The deliveries, signed now.
        """
        events = [event for event in self._sandbox.store.events() if event["id"] not in self._taken]
        wanted = [event for event in events if not types or event["type"] in types]
        self._taken.update(event["id"] for event in wanted)
        if newest_first:
            wanted.reverse()
        return [self.sign(event) for event in wanted for _ in range(times)]

    def make(self, type: str, about: JsonObject | None = None, *, set: Mapping[str, Json] | None = None) -> SignedEvent:
        """Make one event of any type, by letting it happen in the sandbox.

        Args:
            type: What happened, such as ``charge.dispute.created``; ``wooshpay trigger --list`` has all types.
            about: The object that it is about, in place of one that is made.
            set: Other values for fields of the object, by their paths: ``{"metadata.order": "17", "amount": 500}``.
                They are in the delivery only. The object in the sandbox does not change.

        Returns:
            The delivery, signed now. It, and what else happened on the way to it, is not taken any more.

        Raises:
            LookupError: There is no such type, and there is no ``about``.
            ChangeError: A ``ValueError``: the object has no field of that path, or the value is of another type.
        """
        from wooshpay import WooshPay
        from wooshpay.testing.changes import with_changes
        from wooshpay.testing.scenes import SCENES, make_event
        from wooshpay.testing.stage import Stage

        if about is None and type not in SCENES:
            raise LookupError(f"There is no ready-made event {type!r}: say what it is about with about={{...}}.")
        before = [event["id"] for event in self._sandbox.store.events()]
        with WooshPay(self._sandbox.api_key, base_url=self._sandbox.base_url) as client:
            event = make_event(Stage(self._sandbox, client), type, about)
        self._taken.update({event["id"] for event in self._sandbox.store.events()}.difference(before))
        if set:
            event = {**event, "data": {**event["data"], "object": with_changes(event["data"]["object"], set)}}
        return self.sign(event)

    def sign(self, event: JsonObject, *, secret: str | None = None, t: int | None = None) -> SignedEvent:
        """Sign an event that the test changed or wrote itself.

        Args:
            event: The event, with ``id``, ``type`` and ``data``.
            secret: Another secret, for the test that a forged delivery is refused.
            t: Another time of signing, in milliseconds or seconds since 1970; it is sent as it is given. Default: now.

        Returns:
            The delivery, in the form that ``wooshpay_sandbox.webhooks`` says: which headers, which unit, which fields.
        """
        options = self._sandbox.webhooks
        delivered = options.delivered(event)
        body = dumps(delivered)
        signing, signed_at = (options.signing, real_time()) if t is None else (options.signing.at_exactly, t)
        return SignedEvent(
            id=event["id"],
            type=event["type"],
            event=delivered,
            body=body,
            headers={
                "Content-Type": "application/json",
                **signature_headers(body, secret or self.secret, signed_at, signing),
            },
        )
