"""Beneficiaries.

from      by        to
(new)     create, or a payout with beneficiary_data    kept
kept      update                                       kept
          delete                                       (gone); payouts made with it keep what it was
"""

from __future__ import annotations

from typing import Final

import attrs

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.errors import missing
from wooshpay.sandbox.engine.listing import list_page
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import behaviour, view
from wooshpay.sandbox.engine.state import State, plain_view
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.rules.destinations import read_destination

PATH: Final = "/v1/beneficiaries"
_ENTITIES: Final = ("business", "individual")


@behaviour("beneficiaries.create")
def create(state: State, params: Params) -> JsonObject:
    """Keep a place that payouts can go to."""
    params.flag("livemode")
    _check_entity(params)
    return state.view(make(state, read(params)))


def read(params: Params) -> JsonObject:
    """Read what a beneficiary is made of. Nothing is made yet, so that a refusal leaves nothing behind."""
    return {
        "destination_data": read_destination(params.need_within("destination_data")),
        "metadata": params.metadata() or {},
        "nickname": params.text("nickname"),
    }


def make(state: State, fields: JsonObject) -> Record:
    """Make a beneficiary of what `read` gave."""
    return state.add("bf", "beneficiary", fields)


@behaviour("beneficiaries.retrieve")
def retrieve(state: State, params: Params) -> JsonObject:
    """Get a beneficiary."""
    return state.view(_find(state, params))


@behaviour("beneficiaries.list")
def list_beneficiaries(state: State, params: Params) -> JsonObject:
    """List beneficiaries, newest first."""
    return list_page(state, params, kind="beneficiary", url=PATH)


@behaviour("beneficiaries.update")
def update(state: State, params: Params) -> JsonObject:
    """Change a beneficiary; details that are left out stay, unless the type of destination changes."""
    beneficiary = _find(state, params)
    changes: JsonObject = {
        "metadata": params.metadata(beneficiary["metadata"]),
        "nickname": params.text("nickname"),
        "destination_data": _changed_destination(beneficiary["destination_data"], params),
    }
    beneficiary.update({name: value for name, value in changes.items() if value is not None})
    return state.view(beneficiary)


@behaviour("beneficiaries.delete")
def delete(state: State, params: Params) -> JsonObject:
    """Remove a beneficiary."""
    beneficiary = _find(state, params)
    state.store["beneficiary"].remove(beneficiary.id)
    return {"id": beneficiary.id, "object": "beneficiary", "deleted": True}


@view("beneficiary")
def view_beneficiary(state: State, beneficiary: Record) -> JsonObject:
    """A beneficiary. The details of a ``upi`` destination are answered under ``imps``, as in the reference."""
    shown = plain_view(beneficiary)
    destination: JsonObject = shown["destination_data"]
    if destination["destination_type"] == "upi":
        destination["imps"] = destination.pop("upi")
    return shown


def _find(state: State, params: Params) -> Record:
    return state.need("beneficiary", params.id)


def _changed_destination(kept: JsonObject, params: Params) -> JsonObject | None:
    sent = params.within("destination_data")
    if sent is None:
        return None
    type: str = sent.text("destination_type") or kept["destination_type"]
    merged: JsonObject = {**sent.values, "destination_type": type}
    details = sent.within(type)
    if type == kept["destination_type"]:
        merged[type] = {**kept[type], **(details.values if details is not None else {})}
    return read_destination(attrs.evolve(sent, values=merged))


def _check_entity(params: Params) -> None:
    """Who gets the money: the reference of 2023 asked for it, and today's answers do not show it."""
    entity = params.within("entity")
    if entity is None:
        return
    type = entity.choice("type", _ENTITIES) or ""
    if not type:
        raise missing(entity.named("type"))
    entity.need_within(type)
