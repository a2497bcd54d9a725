"""Filters of the tables of objects: by status, by order and by e-mail address, read from the address of the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlencode

import attrs

from wooshpay.sandbox.engine.params import as_object
from wooshpay.sandbox.engine.store import Collection, Record, Store
from wooshpay.sandbox.pages.dashboard.rows import STATUS_OF_ACTIVE, status_of

_ORDERED: Final = frozenset(
    {
        *("charge", "checkout.session", "dispute", "invoice", "payment_intent", "payment_link", "payout", "refund"),
        *("setup_intent", "subscription"),
    }
)
_ADDRESSED: Final = frozenset(
    {
        *("beneficiary", "charge", "checkout.session", "customer", "dispute", "invoice", "issuing.cardholder"),
        *("payment_intent", "payment_method", "refund", "setup_intent", "subscription"),
    }
)
_ORDER_FIELDS: Final = ("merchant_order_id", "client_reference_id", "merchant_payout_id")
_ORDER_METADATA: Final = (*_ORDER_FIELDS, "order", "order_id", "order_number", "reference")
_EMAIL_FIELDS: Final = ("email", "customer_email", "receipt_email")
_WITH_EMAIL: Final = ("customer_details", "billing_details")
# The objects whose order and e-mail address count for an object that names them.
_RELATED: Final = {"payment_intent": "payment_intent", "customer": "customer"}


@attrs.frozen(kw_only=True)
class Filters:
    """What the address of a page asks for.

    Attributes:
        status: The whole status; empty for all.
        order: A part of the merchant's reference; empty for all.
        email: A part of the e-mail address; empty for all.
    """

    status: str = ""
    order: str = ""
    email: str = ""

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Filters:
        """Read the filters of an address."""
        return cls(**{field.name: query.get(field.name, "").strip() for field in attrs.fields(cls)})

    @property
    def active(self) -> bool:
        """Whether anything is asked for."""
        return bool(self.status or self.order or self.email)

    @property
    def query(self) -> str:
        """The filters as the query of an address, without those that ask for nothing."""
        # Lone surrogates come from addresses that are not UTF-8.
        return urlencode({name: text for name, text in attrs.asdict(self).items() if text}, errors="replace")

    def where(self, collection: Collection) -> dict[str, str]:
        """Return the part that the collection can look up by itself."""
        return {"status": self.status} if self.status and self.status in collection.values("status") else {}

    def keeps(self, store: Store, record: Record) -> bool:
        """Tell whether an object is asked for."""
        if self.status and status_of(record) != self.status:
            return False
        if self.order and not _holds(_orders(store, record), self.order):
            return False
        return not self.email or _holds(_emails(store, record), self.email)


@attrs.frozen(kw_only=True)
class FilterForm:
    """The fields of the form for one kind of object.

    Attributes:
        statuses: The statuses that the objects have.
        with_order: Whether they can belong to an order.
        with_email: Whether they can have an e-mail address.
    """

    statuses: list[str]
    with_order: bool
    with_email: bool

    @classmethod
    def of(cls, kind: str, collection: Collection, chosen: str) -> FilterForm:
        """Return the form for a kind; a status that was chosen stays in it when no object has it any more."""
        return cls(
            statuses=sorted({*_statuses(collection), *([chosen] if chosen else [])}),
            with_order=kind in _ORDERED,
            with_email=kind in _ADDRESSED,
        )

    @property
    def any(self) -> bool:
        """Whether there is anything to filter by."""
        return bool(self.statuses) or self.with_order or self.with_email


def _statuses(collection: Collection) -> set[str]:
    found = {value for value in collection.values("status") if isinstance(value, str)}
    if found:
        return found
    return {STATUS_OF_ACTIVE[value] for value in collection.values("active") if isinstance(value, bool)}


def _holds(texts: Iterator[str], part: str) -> bool:
    sought = part.casefold()
    return any(sought in text.casefold() for text in texts)


def _orders(store: Store, record: Record) -> Iterator[str]:
    for carrier in _carriers(store, record):
        yield from (value for name in _ORDER_FIELDS if isinstance(value := carrier.get(name), str))
        metadata = as_object(carrier.get("metadata")) or {}
        yield from (str(metadata[name]) for name in _ORDER_METADATA if name in metadata)


def _emails(store: Store, record: Record) -> Iterator[str]:
    for carrier in _carriers(store, record):
        yield from (value for name in _EMAIL_FIELDS if isinstance(value := carrier.get(name), str))
        for name in _WITH_EMAIL:
            value = (as_object(carrier.get(name)) or {}).get("email")
            if isinstance(value, str):
                yield value


def _carriers(store: Store, record: Record) -> Iterator[Record]:
    """Yield the object, then those that it names."""
    yield record
    for name, kind in _RELATED.items():
        id = record.get(name)
        found = store[kind].get(id) if isinstance(id, str) else None
        if found is not None:
            yield found
            # A refund names its payment only, and that its customer.
            customer = found.get("customer")
            known = store["customer"].get(customer) if isinstance(customer, str) else None
            if known is not None:
                yield known
