"""Cardholders. Their states are in `wooshpay.sandbox.lifecycles.issuing.cardholders`.

operation         allowed in these states
create            -
retrieve, list    any
update            any; the status of a blocked one stays

Name and type stay as they were created (inferred from Stripe).
"""

from __future__ import annotations

from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.behaviours.issuing.reading import pick_texts, read_controls, read_metadata, read_person
from wooshpay.sandbox.engine.listing import list_page
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import behaviour
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.lifecycles.issuing import cardholders

PATH: Final = "/v1/issuing/cardholders"
KIND: Final = "issuing.cardholder"
TYPES: Final = ("individual", "company")
STATUSES: Final = ("active", "inactive", "blocked")

_ADDRESS: Final = ("city", "country", "line1", "line2", "postal_code", "state")


@behaviour("issuing.cardholders.create")
def create(state: State, params: Params) -> JsonObject:
    """Make a cardholder; name and billing address are required."""
    fields: JsonObject = {
        "name": params.need_text("name"),
        "type": params.choice("type", TYPES) or "individual",
        "status": "active",
        "billing": _billing(params.need_within("billing")),
        "metadata": {},
        **_read(state, params, {}),
    }
    return state.view(cardholders.make(state, fields))


@behaviour("issuing.cardholders.retrieve")
def retrieve(state: State, params: Params) -> JsonObject:
    """Get a cardholder."""
    return state.view(_find(state, params))


@behaviour("issuing.cardholders.update")
def update(state: State, params: Params) -> JsonObject:
    """Change what is sent."""
    holder = _find(state, params)
    cardholders.change(state, holder, _read(state, params, holder))
    return state.view(holder)


@behaviour("issuing.cardholders.list")
def list_cardholders(state: State, params: Params) -> JsonObject:
    """List cardholders, newest first."""
    params.choice("status", STATUSES)
    params.choice("type", TYPES)
    return list_page(state, params, kind=KIND, url=PATH, same=("email", "phone_number", "status", "type"))


def _find(state: State, params: Params) -> Record:
    return state.need(KIND, params.id)


def _read(state: State, params: Params, kept: JsonObject) -> JsonObject:
    """What can be sent at any time, where it was sent."""
    fields: JsonObject = {name: params.text(name) or None for name in ("email", "phone_number") if params.given(name)}
    status = params.choice("status", ("active", "inactive"))
    if status is not None:
        fields["status"] = status
    billing, company, person = params.within("billing"), params.within("company"), params.within("individual")
    if billing is not None:
        fields["billing"] = _billing(billing)
    if company is not None:
        fields["company"] = {"tax_id_provided": bool(company.text("tax_id"))}
    if person is not None:
        fields["individual"] = _person(state, person)
    if params.given("spending_controls"):
        fields["spending_controls"] = read_controls(params, kept.get("spending_controls"))
    if "metadata" in params.values:
        fields["metadata"] = read_metadata(params, kept.get("metadata") or {})
    return fields


def _billing(params: Params) -> JsonObject:
    return {"address": pick_texts(params.need_within("address"), _ADDRESS)}


def _person(state: State, params: Params) -> JsonObject:
    person = read_person(params)
    document: JsonObject = person.get("verification", {}).get("document", {})
    for side, id in document.items():
        state.need("file", id, param=f"{params.named('verification')}[document][{side}]")
    return person
