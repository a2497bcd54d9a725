"""What the dashboard does: moves the clock, switches faults, carries out acts."""

from __future__ import annotations

import pytest
from sandbox.dashboard.visitor import Visitor
from sandbox.rig import Api, order, payment

from wooshpay.sandbox import CARDS, FAULT_KINDS, Sandbox

HOUR = 3_600_000


async def test_shows_what_falls_due_and_makes_it_happen(visitor: Visitor, api: Api, sandbox: Sandbox) -> None:
    assert "Nothing is scheduled" in (await visitor.look("clock")).text
    session = await api.make("/v1/checkout/sessions", order())
    sight = await visitor.look("clock")
    assert "Expire a session that nobody completed in time." in sight.text
    assert sight.link(session["id"]) == f"/dashboard/object/{session['id']}"
    before = sandbox.clock.now
    assert (await visitor.send("clock/advance", step="31 days")).location == "/dashboard/clock"
    assert sandbox.clock.now - before >= 31 * 24 * HOUR
    assert sandbox.store.get(session["id"])["status"] == "expired"


@pytest.mark.parametrize(
    ("amount", "unit", "step"), [("90", "seconds", 90_000), ("1.5", "hours", 5_400_000), ("3", "days", 72 * HOUR)]
)
async def test_moves_by_what_was_typed(visitor: Visitor, sandbox: Sandbox, amount: str, unit: str, step: int) -> None:
    sandbox.clock.freeze()
    before = sandbox.clock.now
    assert (await visitor.send("clock/advance", amount=amount, unit=unit)).status == 303
    assert sandbox.clock.now == before + step


@pytest.mark.parametrize("amount", ["", "x", "-1", "0", "inf", "nan", "9999"])
async def test_a_step_that_cannot_be_is_refused(visitor: Visitor, sandbox: Sandbox, amount: str) -> None:
    sandbox.clock.freeze()
    before = sandbox.clock.now
    sight = await visitor.send("clock/advance", amount=amount, unit="days")
    assert (sight.status, 'role="alert"' in sight.text) == (400, True)
    assert f'value="{amount}"' in sight.text
    assert (await visitor.send("clock/advance", amount="1", unit="moons")).status == 400
    assert (await visitor.send("clock/advance", step="soon")).status == 400
    assert sandbox.clock.now == before


async def test_freezes_and_resumes(visitor: Visitor, sandbox: Sandbox) -> None:
    assert "The clock is running." in (await visitor.look("clock")).text
    await visitor.send("clock/freeze")
    assert sandbox.clock.frozen
    assert "The clock is frozen at" in (await visitor.look("clock")).text
    await visitor.send("clock/resume")
    assert not sandbox.clock.frozen


# ---- faults


async def test_the_form_offers_every_fault_and_every_operation(visitor: Visitor) -> None:
    sight = await visitor.look("faults")
    for facts in FAULT_KINDS.values():
        assert f'value="{facts.kind}"' in sight.text
        assert facts.what in sight.text
    for name in ("refunds.create", "checkout.sessions.expire", 'name="retry_after_form"', 'name="seconds"'):
        assert name in sight.text


async def test_a_fault_that_was_switched_on_hits_the_next_call(visitor: Visitor, api: Api, sandbox: Sandbox) -> None:
    sent = await visitor.send(
        "faults",
        kind="rate_limit",
        operation="balance.retrieve",
        times="2",
        retry_after="7",
        retry_after_form="seconds",
    )
    assert sent.location == "/dashboard/faults"
    assert "429 Too Many Requests" in (await visitor.look("faults")).text
    assert (await api.get("/v1/customers/cus_1")).status == 404
    reply = await api.get("/v1/balance")
    assert (reply.status, reply.headers["Retry-After"]) == (429, "7")
    (fault,) = sandbox.faults
    assert (fault.hits, fault.remaining) == (1, 1)
    await visitor.send(f"faults/{fault.id}/remove")
    assert (await api.get("/v1/balance")).status == 200


async def test_a_fault_by_chance_and_all_off(visitor: Visitor, sandbox: Sandbox) -> None:
    await visitor.send("faults", kind="cut_body", times="", probability="0.25", seed="3", bytes="12")
    (fault,) = sandbox.faults
    assert (fault.probability, fault.seed, fault.bytes, fault.remaining) == (0.25, 3, 12, None)
    assert "25 %" in (await visitor.look("faults")).text
    await visitor.send("faults/clear")
    assert len(sandbox.faults) == 0


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"kind": "gold"}, "no fault"),
        ({}, "no fault"),
        ({"kind": "refuse", "times": "0"}, "times must be"),
        ({"kind": "refuse", "times": "many"}, "times must be a whole number"),
        ({"kind": "refuse", "probability": "2"}, "probability must be"),
        ({"kind": "slow", "seconds": "soon"}, "seconds must be a number"),
        ({"kind": "refuse", "operation": "none.such"}, "no operation"),
    ],
)
async def test_a_wrong_form_says_what_to_change_and_keeps_the_rest(
    visitor: Visitor, sandbox: Sandbox, form: dict[str, str], said: str
) -> None:
    sight = await visitor.send("faults", **{"seed": "77", **form})
    assert (sight.status, said in sight.text) == (400, True)
    assert 'value="77"' in sight.text
    assert len(sandbox.faults) == 0


# ---- outcomes and acts


async def test_every_test_card_is_in_the_table(visitor: Visitor) -> None:
    text = (await visitor.look("outcomes")).text
    for card in CARDS:
        assert card.number in text
        assert card.payment_method in text
        assert card.does in text


async def test_an_act_is_carried_out_and_its_answer_shown(visitor: Visitor, api: Api, sandbox: Sandbox) -> None:
    listed = await visitor.look("acts")
    assert "balance.top_up" in listed.text
    assert (await visitor.look(listed.link("balance.top_up"))).status == 200
    sight = await visitor.send("acts/balance.top_up", **{"parameter.amount": "5000", "parameter.currency": "usd"})
    assert (sight.status, "The action was carried out" in sight.text) == (200, True)
    assert "50.00 USD" in (await visitor.look()).text
    assert (await api.find("/v1/balance"))["available"][0]["amount"] == 5000


@pytest.mark.parametrize("amount", ["", "x", "0", "-5", "1.5", "<script>", "9" * 40, "1 000"])
async def test_an_act_that_is_refused_says_why_beside_the_field_and_keeps_what_was_typed(
    visitor: Visitor, amount: str
) -> None:
    sight = await visitor.send("acts/balance.top_up", **{"parameter.amount": amount, "parameter.currency": "eur"})
    assert (sight.status, 'id="field-amount-error"' in sight.text) == (400, True)
    assert 'name="parameter.currency" value="eur"' in sight.text
    assert "<script>" not in sight.text


async def test_a_page_that_fails_says_so_and_the_next_one_works(
    visitor: Visitor, api: Api, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox
) -> None:
    await api.make("/v1/payment_intents", payment())
    monkeypatch.setattr(sandbox.clock, "upcoming", None)
    assert (await visitor.look("clock")).status == 500
    monkeypatch.undo()
    assert (await visitor.look("clock")).status == 200
