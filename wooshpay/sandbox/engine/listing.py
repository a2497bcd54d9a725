"""Answering lists: limits, cursors and bounds on the time of creation are the same everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.engine.ids import require_id
from wooshpay.sandbox.engine.params import Params, as_object
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Collection, Page, Record, UnknownCursor

DEFAULT_LIMIT: Final = 10
MAX_LIMIT: Final = 100

# The filters that are IDs of other objects.
_IDS: Final = frozenset(
    {"card", "cardholder", "charge", "customer", "payment_intent", "payment_method", "setup_intent", "subscription"}
)

Keep = Callable[[Record], bool]


def _any(record: Record) -> bool:
    return True


def envelope(url: str, data: list[JsonObject], *, has_more: bool = False) -> JsonObject:
    """The form of every list."""
    return {"object": "list", "url": url, "has_more": has_more, "data": data}


def limit_of(params: Params) -> int:
    """How many entries were asked for."""
    return params.integer("limit", least=1, most=MAX_LIMIT) or DEFAULT_LIMIT


def list_page(
    state: State,
    params: Params,
    *,
    kind: str,
    url: str,
    same: Iterable[str] = (),
    keep: Keep = _any,
    omit: str | None = None,
) -> JsonObject:
    """One page of the objects of a kind, newest first.

    Args:
        state: The sandbox.
        params: ``limit``, ``starting_after``, ``ending_before`` and ``created`` are read here.
        kind: The kind of object.
        url: The path of the list.
        same: Fields that must equal the parameter of the same name, where it was sent.
        keep: Any further filter.
        omit: A field to leave out of every entry.
    """
    where = {name: value for name in same if (value := params.text(name)) is not None}
    for name in _IDS.intersection(where):
        require_id(where[name], param=name)
    bounds = created_bounds(params)
    page = take_page(params, state.store[kind], lambda record: bounds(record) and keep(record), where=where)
    data = [state.view(record) for record in page.records]
    if omit is not None:
        for entry in data:
            entry.pop(omit, None)
    return envelope(url, data, has_more=page.has_more)


def take_page(
    params: Params, collection: Collection, keep: Keep = _any, *, where: Mapping[str, str] | None = None
) -> Page:
    """Some records of a collection, as the parameters ask."""
    starting_after = params.text("starting_after") or None
    ending_before = params.text("ending_before") or None
    if starting_after is not None and ending_before is not None:
        raise SandboxError(
            "Pass starting_after or ending_before, not both.", code="parameter_invalid", param="ending_before"
        )
    try:
        return collection.page(
            limit=limit_of(params),
            starting_after=starting_after,
            ending_before=ending_before,
            where=where,
            keep=keep,
        )
    except UnknownCursor as unknown:
        name = "starting_after" if starting_after is not None else "ending_before"
        require_id(starting_after or ending_before or "", param=name)
        raise SandboxError(
            f"{name} names no object of this list: {unknown}.", code="resource_missing", param=name
        ) from None


def pick_page(state: State, params: Params, *, kind: str, ids: Sequence[str], url: str) -> JsonObject:
    """One page of a list that an object holds, such as its line items: in the order of the ids."""
    picked = Collection()
    for id in reversed(ids):
        # The record itself belongs to its own collection.
        picked.add(Record(state.need(kind, id)))
    page = take_page(params, picked)
    data = [state.view(state.need(kind, record.id)) for record in page.records]
    return envelope(url, data, has_more=page.has_more)


def created_bounds(params: Params) -> Keep:
    """The filter on the time of creation."""
    value = params.values.get("created")
    if value is None:
        return lambda record: True
    if as_object(value) is None:
        exact = params.moment("created")
        return lambda record: record["created"] == exact
    inner = params.need_within("created")
    above, least = inner.moment("gt"), inner.moment("gte")
    below, most = inner.moment("lt"), inner.moment("lte")

    def keep(record: Record) -> bool:
        created: int = record["created"]
        return (
            (above is None or created > above)
            and (least is None or created >= least)
            and (below is None or created < below)
            and (most is None or created <= most)
        )

    return keep
