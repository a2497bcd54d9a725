"""What becomes of payment links: URLs at which any number of customers can pay.

    from      by                           to
    (new)     create                       active
    active    update with active false     inactive
    inactive  update with active true      active

    a visit of    leads to
    active        a Checkout Session of its own, with the link's lines and metadata; in subscription mode where one of
                  its prices is recurring
    inactive      a page that says so; sessions that were opened before go on

What the customer sees after paying is the link's ``after_completion``: the merchant's page, or the sandbox's own with
the merchant's message.
"""

from __future__ import annotations

from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.errors import wrong_state
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import acceptance, checkout, orders

MOST_LINES: Final = 20

_COPIED: Final = ("billing_address_collection", "phone_number_collection", "shipping_address_collection")


def require_active(link: Record) -> None:
    """Refuse to follow a link that is switched off."""
    if not link["active"]:
        raise wrong_state(
            "This payment link could not be followed because it is not active; update it with active true.",
            code="payment_link_unexpected_state",
        )


def preview(state: State, link: Record) -> Record:
    """Return the session that a link would open, as far as it decides about payment methods. None is opened."""
    lines = [orders.line_of(state, item) for item in orders.items_of(state, link)]
    return Record(
        {
            "id": "",
            "object": "checkout.session",
            "amount_total": sum(line.due() for line in lines),
            "currency": lines[0].plan.currency,
            "mode": "subscription" if orders.is_recurring(lines) else "payment",
        },
        offered=acceptance.offered_types(state),
    )


def visit(state: State, link: Record) -> Record:
    """Open a session for somebody who follows a link.

    Raises:
        SandboxError: The link is switched off.
    """
    require_active(link)
    lines = [orders.line_of(state, item) for item in orders.items_of(state, link)]
    after: JsonObject = link["after_completion"]
    redirect: JsonObject = after.get("redirect") or {}
    fields: JsonObject = {
        **{name: link[name] for name in _COPIED},
        "customer": "",
        "metadata": dict(link["metadata"]),
        "mode": "subscription" if orders.is_recurring(lines) else "payment",
        "payment_link": link.id,
        "success_url": redirect.get("url"),
    }
    session = checkout.open_session(state, fields, lines=lines)
    confirmation: JsonObject = after.get("hosted_confirmation") or {}
    session.private["confirmation"] = confirmation.get("custom_message")
    return session
