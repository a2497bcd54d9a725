"""Issued cards. Their states are in `wooshpay.sandbox.lifecycles.issuing.cards`.

operation                          allowed in these states
create                             the cardholder is not blocked
retrieve, retrieve_limits, list    any
update                             active, inactive; of a canceled card the metadata only

Number and security code are answered by ``retrieve`` alone, each where ``expand`` names it.
"""

from __future__ import annotations

from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.behaviours.issuing.reading import read_controls, read_metadata
from wooshpay.sandbox.engine.errors import invalid, missing, wrong_state
from wooshpay.sandbox.engine.listing import list_page
from wooshpay.sandbox.engine.params import Params, is_list
from wooshpay.sandbox.engine.registry import behaviour, view
from wooshpay.sandbox.engine.state import State, plain_view
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles.issuing import authorizations, cards

PATH: Final = "/v1/issuing/cards"
STATUSES: Final = ("active", "inactive", "canceled")

_SECRETS: Final = {"issuing_card.number": "number", "issuing_card.cvc": "cvc"}


@behaviour("issuing.cards.create")
def create(state: State, params: Params) -> JsonObject:
    """Make a card for a cardholder."""
    holder = state.need("issuing.cardholder", params.need_text("cardholder"), param="cardholder")
    currency = params.need_currency("currency")
    if params.choice("type", ("virtual",)) is None:
        raise missing("type")
    fields: JsonObject = {
        "cardholder": holder.id,
        "currency": currency,
        "metadata": read_metadata(params, {}),
        "spending_controls": read_controls(params, currency=currency),
        # As at Stripe (inferred): a card is switched on on purpose.
        "status": params.choice("status", ("active", "inactive")) or "inactive",
    }
    if holder["status"] == "blocked":
        raise wrong_state(
            "This cardholder is blocked and gets no more cards.",
            code="issuing_cardholder_unexpected_state",
            about=holder,
        )
    return state.view(cards.make(state, fields))


@behaviour("issuing.cards.retrieve")
def retrieve(state: State, params: Params) -> JsonObject:
    """Get a card, with number and security code where asked for."""
    card = _find(state, params)
    secrets = {name: card.private[name] for name in _expanded(params)}
    return {**state.view(card), **secrets}


@behaviour("issuing.cards.retrieve_limits")
def retrieve_limits(state: State, params: Params) -> JsonObject:
    """Get what may still be spent with a card. The answer is no object of its own: it has no id and names no kind."""
    card = _find(state, params)
    return {"currency": card["currency"], "limits": authorizations.remaining_limits(state, card)}


@behaviour("issuing.cards.update")
def update(state: State, params: Params) -> JsonObject:
    """Change what is sent."""
    card = _find(state, params)
    read: JsonObject = {
        "status": params.choice("status", STATUSES),
        "cancellation_reason": params.choice("cancellation_reason", ("lost", "stolen")),
    }
    fields = {name: value for name, value in read.items() if value is not None}
    if params.given("spending_controls"):
        fields["spending_controls"] = read_controls(params, card.get("spending_controls"), currency=card["currency"])
    if "metadata" in params.values:
        fields["metadata"] = read_metadata(params, card["metadata"])
    cards.change(state, card, fields)
    return state.view(card)


@behaviour("issuing.cards.list")
def list_cards(state: State, params: Params) -> JsonObject:
    """List cards, newest first."""
    params.choice("status", STATUSES)
    # There is a filter for physical cards although there are none.
    params.choice("type", ("virtual", "physical"))
    month, year = params.integer("exp_month", least=1, most=12), params.integer("exp_year", least=1)

    def keep(card: Record) -> bool:
        return (month is None or card["exp_month"] == month) and (year is None or card["exp_year"] == year)

    same = ("cardholder", "last4", "status", "type")
    return list_page(state, params, kind=cards.KIND, url=PATH, same=same, keep=keep)


@view("issuing.card")
def view_card(state: State, card: Record) -> JsonObject:
    """A card with its cardholder in full."""
    return {**plain_view(card), "cardholder": state.view(state.need("issuing.cardholder", card["cardholder"]))}


def _find(state: State, params: Params) -> Record:
    return state.need(cards.KIND, params.id)


def _expanded(params: Params) -> list[str]:
    """The fields that ``expand`` names, in the reference's form; one alone may come without a list around it."""
    sent = params.values.get("expand")
    names = sent if is_list(sent) else [sent] if sent else []
    for name in names:
        if not isinstance(name, str) or name not in _SECRETS:
            raise invalid("expand", f"a list of {' and '.join(_SECRETS)}")
    return [_SECRETS[name] for name in names]
