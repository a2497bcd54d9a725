"""Which handler an event is for."""

# The last overload of `on` is for any text, and so for the types of the others too: the first that fits counts.
# mypy: disable-error-code="overload-overlap"

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, TypeVar, get_args, overload

from wooshpay.errors import ConfigurationError
from wooshpay.webhooks.records import shown
from wooshpay.webhooks.typed import CLASSES

if TYPE_CHECKING:
    from wooshpay.api.charges import Charge
    from wooshpay.api.checkout.sessions import CheckoutSession
    from wooshpay.api.disputes import Dispute
    from wooshpay.api.events import Event
    from wooshpay.api.invoices import Invoice
    from wooshpay.api.payment_intents import PaymentIntent
    from wooshpay.api.payment_links import PaymentLink
    from wooshpay.api.payouts import Payout
    from wooshpay.api.products import Product
    from wooshpay.api.refunds import Refund
    from wooshpay.api.setup_intents import SetupIntent
    from wooshpay.api.subscriptions import Subscription
    from wooshpay.client import AsyncWooshPay, WooshPay
    from wooshpay.webhooks.typed import (
        ChargeEvent,
        CheckoutSessionEvent,
        DisputeEvent,
        EventOf,
        InvoiceEvent,
        PaymentIntentEvent,
        PaymentLinkEvent,
        PayoutEvent,
        ProductEvent,
        RefundEvent,
        SetupIntentEvent,
        SubscriptionEvent,
    )

E = TypeVar("E")
R = TypeVar("R")

Handler: TypeAlias = "Callable[[Event], object]"
Fresh: TypeAlias = "AsyncWooshPay | WooshPay | None"

CLASS_OF: Final[dict[str, str]] = {type: name for name, types in CLASSES.items() for type in get_args(types)}
"""Type of event to the name of the class of the object that it is about."""


class Registration(Protocol[E]):
    """The decorator that `WebhookReceiver.on` gives."""

    def __call__(self, handler: Callable[[E], R], /) -> Callable[[E], R]: ...


class Handlers:
    """The handlers of events by type, and the one for everything else."""

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}
        self._other: Handler | None = None

    @overload
    def on(  # pyright: ignore[reportOverlappingOverload]  # as for mypy above
        self, type: PaymentIntentEvent, /, *more: PaymentIntentEvent, fresh: Fresh = None
    ) -> Registration[EventOf[PaymentIntent]]: ...
    @overload
    def on(
        self, type: CheckoutSessionEvent, /, *more: CheckoutSessionEvent, fresh: Fresh = None
    ) -> Registration[EventOf[CheckoutSession]]: ...
    @overload
    def on(self, type: RefundEvent, /, *more: RefundEvent, fresh: Fresh = None) -> Registration[EventOf[Refund]]: ...
    @overload
    def on(self, type: ChargeEvent, /, *more: ChargeEvent, fresh: Fresh = None) -> Registration[EventOf[Charge]]: ...
    @overload
    def on(self, type: DisputeEvent, /, *more: DisputeEvent, fresh: Fresh = None) -> Registration[EventOf[Dispute]]: ...
    @overload
    def on(self, type: InvoiceEvent, /, *more: InvoiceEvent, fresh: Fresh = None) -> Registration[EventOf[Invoice]]: ...
    @overload
    def on(
        self, type: SubscriptionEvent, /, *more: SubscriptionEvent, fresh: Fresh = None
    ) -> Registration[EventOf[Subscription]]: ...
    @overload
    def on(
        self, type: SetupIntentEvent, /, *more: SetupIntentEvent, fresh: Fresh = None
    ) -> Registration[EventOf[SetupIntent]]: ...
    @overload
    def on(self, type: PayoutEvent, /, *more: PayoutEvent, fresh: Fresh = None) -> Registration[EventOf[Payout]]: ...
    @overload
    def on(
        self, type: PaymentLinkEvent, /, *more: PaymentLinkEvent, fresh: Fresh = None
    ) -> Registration[EventOf[PaymentLink]]: ...
    @overload
    def on(self, type: ProductEvent, /, *more: ProductEvent, fresh: Fresh = None) -> Registration[EventOf[Product]]: ...
    @overload
    def on(self, type: str, /, *more: str, fresh: Fresh = None) -> Registration[Event]: ...
    def on(self, type: str, /, *more: str, fresh: Fresh = None) -> Registration[Any]:
        """Register the handler of events of some types: a plain function or an asynchronous one.

        For a known type, ``event.data.object`` is sure to be of its class; for any other type, it is sure to be an
        object. An event that holds something else goes to the handler of `other`. If there is none, the log has a line
        at level ERROR, and the response is 500, or 400 if the event holds no object at all: nothing is lost in silence.

        Args:
            type: Such as ``payment_intent.succeeded``; see `wooshpay.api.events` for the known ones.
            more: Further types for the same handler.
            fresh: A client that fetches the object before the handler runs, so that ``event.data.object`` is the object
                as it is now. Events may be delivered in any order, and each holds the object as it was when the event
                happened. An `AsyncWooshPay` for an async handler, a `WooshPay` for a plain one. This costs one request
                per event. If it fails, the handler has failed, and WooshPay delivers the event again. The exception is
                an object that is not found, for an event whose type ends in ``.deleted``: the handler gets the object
                that came with the event. Default: the object that came with the event.

        Raises:
            ConfigurationError: A type has a handler already or contains ``*``, the client does not fit the handler, or
                WooshPay has no operation that retrieves the object of a type.
        """

        def register(handler: Callable[[Any], R]) -> Callable[[Any], R]:
            types = (type, *more)
            for name in types:
                if name in self._handlers or types.count(name) > 1:
                    raise ConfigurationError(f"{name} has a handler already; an event is for one handler.")
                if "*" in name:
                    raise ConfigurationError(
                        f"{shown(name)} is not a type of event. A receiver has no patterns: name each type, or register"
                        " the handler with `other`, which gets all events that no other handler is for."
                    )
            registered: Handler = handler
            if fresh is not None:
                from wooshpay.webhooks.fresh import with_fresh_object

                registered = with_fresh_object(handler, types, fresh)
            self._handlers.update(dict.fromkeys(types, registered))
            return handler

        return register

    def other(self, handler: Callable[[Event], R]) -> Callable[[Event], R]:
        """Register the handler of all events that no other handler is for, unknown types included.

        It also gets events of an odd shape: ``event.data`` and ``event.data.object`` may be ``None``, a list or a
        string there, so check them before you use them.

        Raises:
            ConfigurationError: There is one already.
        """
        if self._other is not None:
            raise ConfigurationError("There is a handler of other events already.")
        self._other = handler
        return handler

    @property
    def types(self) -> tuple[str, ...]:
        """The types of events that have a handler, sorted: what the webhook endpoint has to be sent.

        It is ``("*",)``, which means all types, if a handler is registered with `other`.
        """
        return tuple(sorted(self._handlers)) if self._other is None else ("*",)

    def handles(self, type: str) -> bool:
        """Whether a type of event has a handler of its own."""
        return type in self._handlers

    def handler_of(self, event: Event) -> Handler | None:
        """The handler that an event is for. What is not about what its type promises is for the other one."""
        handler = self._handlers.get(event.type) if is_about(event) else None
        return handler or self._other


def is_about(event: Event) -> bool:
    """Return whether an event holds an object, and for a known type, one of the class that its type promises."""
    from wooshpay.core.objects import Object

    # An event of an odd shape may have anything, or nothing, in place of its data.
    found: object = getattr(event.data, "object", None)
    name = CLASS_OF.get(event.type)
    return isinstance(found, Object) if name is None else type(found).__name__ == name
