"""Payment links. Their states, and what a visit does, are in `wooshpay.sandbox.lifecycles.payment_links`.

operation                                  allowed
create                                     -
retrieve, list, list_line_items, update    any time
"""

from __future__ import annotations

from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.errors import SandboxError, invalid, missing
from wooshpay.sandbox.engine.listing import envelope, list_page, pick_page
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import behaviour, view
from wooshpay.sandbox.engine.state import State, plain_view
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles import acceptance, orders
from wooshpay.sandbox.lifecycles.orders import Line
from wooshpay.sandbox.lifecycles.payment_links import MOST_LINES

PATH: Final = "/v1/payment_links"


@behaviour("payment_links.create")
def create(state: State, params: Params) -> JsonObject:
    """Make a URL to pay at."""
    lines = orders.read_lines(state, params, subscribes=None, most=MOST_LINES)
    _check_payable(state, lines)
    fields: JsonObject = {
        "active": True,
        "after_completion": _read_after(params) or {"type": "hosted_confirmation"},
        "currency": lines[0].plan.currency,
        "metadata": params.metadata() or {},
        **_read_collections(params),
    }
    fields["billing_address_collection"] = fields["billing_address_collection"] or "auto"
    link = state.add("plink", "payment_link", fields)
    link.private["line_items"] = [item.id for item in orders.make_items(state, lines)]
    return state.view(link)


@behaviour("payment_links.retrieve")
def retrieve(state: State, params: Params) -> JsonObject:
    """Get a link."""
    return state.view(_find(state, params))


@behaviour("payment_links.update")
def update(state: State, params: Params) -> JsonObject:
    """Change what is sent. Sessions that were opened before stay as they are."""
    link = _find(state, params)
    changes: JsonObject = {
        "active": params.flag("active"),
        "after_completion": _read_after(params),
        "metadata": params.metadata(link["metadata"]),
        **_read_collections(params),
    }
    quantities, added = _read_changes(state, link, params)
    link.update({name: value for name, value in changes.items() if value is not None})
    for item, quantity in quantities:
        amount = Line(quantity, orders.line_of(state, item).plan).due()
        item.update(quantity=quantity, amount_subtotal=amount, amount_total=amount)
    ids: list[str] = link.private["line_items"]
    link.private["line_items"] = [*ids, *(item.id for item in orders.make_items(state, added))]
    return state.view(link)


@behaviour("payment_links.list")
def list_links(state: State, params: Params) -> JsonObject:
    """List links, newest first."""
    active = params.flag("active")

    def keep(link: Record) -> bool:
        return active is None or link["active"] == active

    return list_page(state, params, kind="payment_link", url=PATH, keep=keep)


@behaviour("payment_links.list_line_items")
def list_line_items(state: State, params: Params) -> JsonObject:
    """List what a link sells, in the order in which it was sent."""
    link = _find(state, params)
    return pick_page(state, params, kind="item", ids=link.private["line_items"], url=f"{PATH}/{link.id}/line_items")


@view("payment_link")
def view_link(state: State, link: Record) -> JsonObject:
    """A link with its page and, in full, what it sells."""
    items = [state.view(item) for item in orders.items_of(state, link)]
    return {
        **plain_view(link),
        "line_items": envelope(f"{PATH}/{link.id}/line_items", items),
        "url": f"{state.base_url}/link/{link.id}",
    }


def _check_payable(state: State, lines: list[Line]) -> None:
    """Refuse lines that nobody could pay on the pages of a link."""
    currency, total = lines[0].plan.currency, orders.total_of(lines, None)
    saving = orders.is_recurring(lines)
    if not saving:
        acceptance.require_minimum(state, total, currency, param="line_items")
    if saving or total > 0:
        types = acceptance.offered_types(state)
        acceptance.require_one_usable(state, types, max(total, 1), currency, saving=saving, param="line_items")


def _find(state: State, params: Params) -> Record:
    return state.need("payment_link", params.id)


def _read_collections(params: Params) -> JsonObject:
    return {
        "billing_address_collection": params.choice("billing_address_collection", ("auto", "required")),
        "phone_number_collection": params.as_sent("phone_number_collection"),
        "shipping_address_collection": params.as_sent("shipping_address_collection"),
    }


def _read_after(params: Params) -> JsonObject | None:
    after = params.within("after_completion")
    if after is None:
        return None
    type = after.choice("type", ("redirect", "hosted_confirmation"))
    if not type:
        raise missing(after.named("type"))
    if type == "redirect":
        target = after.need_within("redirect")
        url = target.url("url")
        if not url:
            raise missing(target.named("url"))
        return {"type": type, "redirect": {"url": url}}
    confirmation = after.within("hosted_confirmation")
    message = confirmation.text("custom_message") if confirmation is not None else None
    return {"type": type, **({"hosted_confirmation": {"custom_message": message}} if message else {})}


def _read_changes(state: State, link: Record, params: Params) -> tuple[list[tuple[Record, int]], list[Line]]:
    """Read ``line_items`` of an update: quantities of lines that are there, and lines to add."""
    own = {item.id: item for item in orders.items_of(state, link)}
    quantities: dict[str, int] = {}
    added: list[Line] = []
    for entry in params.each("line_items"):
        id = entry.text("id") or None
        if id is None:
            added.append(orders.read_line(state, entry))
            continue
        if id not in own:
            raise SandboxError(
                f"The payment link has no line item {id!r}.",
                code="resource_missing",
                status=404,
                param=entry.named("id"),
            )
        if entry.given("price", "price_data"):
            raise invalid(entry.named("id"), "left out beside a new price: a line's price cannot change")
        quantity = entry.integer("quantity", least=1)
        if quantity is None:
            raise missing(entry.named("quantity"))
        quantities[id] = quantity
    named = params.named("line_items")
    if len(own) + len(added) > MOST_LINES:
        raise invalid(named, f"such that a link has at most {MOST_LINES} lines")
    plans = [(item, orders.line_of(state, item)) for item in own.values()]
    whole = [Line(quantities.get(item.id, line.quantity), line.plan) for item, line in plans]
    orders.check_together([*whole, *added], named)
    if quantities or added:
        _check_payable(state, [*whole, *added])
    return [(own[id], quantity) for id, quantity in quantities.items()], added
