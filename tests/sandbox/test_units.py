"""A time in the wrong unit: a parameter in milliseconds refuses seconds, and the reverse, and the message says so."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator
from typing import Any

import pytest
from sandbox.rig import Api

from wooshpay.api import declarations
from wooshpay.core.declaration import Declaration
from wooshpay.core.units import TimeUnit, unit_of
from wooshpay.core.unset import Unset
from wooshpay.sandbox import Sandbox

SECONDS = 1_767_225_600
RIGHT = {"milliseconds": SECONDS * 1000, "seconds": SECONDS}
WRONG = {"milliseconds": SECONDS, "seconds": SECONDS * 1000}
OTHER = {"milliseconds": "seconds", "seconds": "milliseconds"}


def times_in(hint: Any, place: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], TimeUnit]]:
    """Every time in a type, with the way to it."""
    unit = unit_of(hint)
    if unit is not None:
        yield place, unit
    elif typing.is_typeddict(hint):
        for name, inner in typing.get_type_hints(hint, include_extras=True).items():
            yield from times_in(inner, (*place, name))
    elif typing.get_origin(hint) in (dict, typing.Mapping):
        return
    else:
        in_list = getattr(typing.get_origin(hint), "__name__", "") in {"list", "Sequence"}
        for inner in typing.get_args(hint):
            if inner is not Unset and not isinstance(inner, str):
                yield from times_in(inner, (*place, 0) if in_list else place)


def every_time() -> list[tuple[Declaration, tuple[str | int, ...], TimeUnit]]:
    return [
        (declaration, place, unit)
        for declaration in declarations()
        for name, hint in typing.get_type_hints(declaration.function, include_extras=True).items()
        if name not in {"return", "options"}
        for place, unit in times_in(hint, (declaration.wire.get(name, name),))
    ]


TIMES = every_time()


def full_name(place: tuple[str | int, ...]) -> str:
    return str(place[0]) + "".join(f"[{step}]" for step in place[1:])


def nested(place: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    inner = value
    for step in reversed(place):
        inner = [inner] if step == 0 else {step: inner}
    return typing.cast("dict[str, Any]", inner)


async def send(api: Api, declaration: Declaration, place: tuple[str | int, ...], value: Any) -> Any:
    path = re.sub(r"\{\w+\}", "pi_1", declaration.path)
    if declaration.method == "GET":
        return await api.get(path, query={full_name(place): str(value)})
    return await api.send(declaration.method, path, nested(place, value))


def test_the_table_holds_every_parameter_that_is_documented_as_a_time() -> None:
    """A parameter whose type does not name its unit would be taken in either, as before."""
    marked = {(declaration.name, str(place[0])) for declaration, place, _ in TIMES}
    documented = {
        (declaration.name, declaration.wire.get(name, name))
        for declaration in declarations()
        for name, text in declaration.text.args.items()
        if "since 1970" in text
    }
    assert documented <= marked
    assert {place for _, place, _ in TIMES} == {
        *(("created", bound) for bound in ("gt", "gte", "lt", "lte")),
        ("expires_at",),
        ("due_date",),
        ("cancel_at",),
        ("next_pending_invoice_item_invoice",),
        ("period", "start"),
        ("period", "end"),
        ("individual", "card_issuing", "user_terms_acceptance", "date"),
    }


@pytest.mark.parametrize(
    ("declaration", "place", "unit"), TIMES, ids=lambda each: getattr(each, "name", None) or str(each)
)
async def test_a_time_in_the_wrong_unit_is_refused_and_the_unit_is_named(
    api: Api, sandbox: Sandbox, declaration: Declaration, place: tuple[str | int, ...], unit: TimeUnit
) -> None:
    """Taken in either unit, a filter in seconds works here and finds nothing, or everything, at WooshPay."""
    for value in (WRONG[unit], str(WRONG[unit])):
        reply = await send(api, declaration, place, value)
        assert (reply.status, reply.error["param"]) == (400, full_name(place)), reply.body
        assert f"{full_name(place)} must be in {unit} since 1970" in reply.error["message"]
        assert f"is in {OTHER[unit]}" in reply.error["message"]
    right = await send(api, declaration, place, RIGHT[unit])
    assert "since 1970" not in str(right.body)
    assert sandbox.store.kinds() == [] or right.status == 200


async def test_a_filter_by_the_exact_time_is_held_to_its_unit_too(api: Api) -> None:
    reply = await api.get(f"/v1/payment_intents?created={SECONDS}")
    assert (reply.status, reply.error["param"]) == (400, "created")
    assert (await api.get(f"/v1/payment_intents?created={SECONDS * 1000}")).status == 200


async def test_what_no_declaration_knows_is_in_milliseconds(api: Api) -> None:
    coupon = {"percent_off": 10, "redeem_by": 4_000_000_000}
    reply = await api.post("/v1/coupons", coupon)
    assert (reply.status, reply.error["param"]) == (400, "redeem_by")
    assert "milliseconds" in reply.error["message"]
    assert (await api.find("/sandbox/events?created[gte]=1767225600000"))["data"] == []
    assert (await api.get(f"/sandbox/events?created[gte]={SECONDS}")).status == 400


async def test_zero_is_the_same_in_both_units(api: Api) -> None:
    assert (await api.get("/v1/payment_intents?created[gte]=0")).status == 200
