"""Every simulated action refuses what it cannot do, says what it needs, and changes nothing.

A test that asks for the impossible is a mistake of the test. It has to hear of it at once, and the objects have to be
as they were, or the next line of the test fails for a reason that nobody finds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from sandbox.acts.visiting import EXPIRY, Place

from wooshpay import WooshPay
from wooshpay.sandbox import ActParameter, Sandbox, SandboxError, SimulatedAction
from wooshpay.sandbox.controls.acting import list_acts
from wooshpay.testing.stage import Stage

ACTIONS: Final = {action.name: action for action in list_acts()}

SHOP = "https://shop.example"
TEA: Any = {
    "price_data": {"currency": "USD", "unit_amount": 1999, "product_data": {"name": "Tea"}},
    "quantity": 1,
}
GOOD, CHALLENGED, SLOW = "4111111111111111", "4000002500003155", "4000000000000077"


@pytest.fixture
def place() -> Iterator[Place]:
    with Sandbox(seed=7) as sandbox, WooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        yield Place(sandbox, client)


def refused(place: Place, name: str, params: dict[str, Any]) -> SandboxError:
    """Carry out an action that is refused, and see that nothing has changed."""
    before = place.everything()
    with pytest.raises(SandboxError) as caught:
        place.sandbox.act(name, **params)
    assert place.everything() == before
    return caught.value


def value_of(place: Place, parameter: ActParameter) -> Any:
    """Return a value of the right kind."""
    values: dict[str, Any] = {"amount": 100, "currency": "USD", "choice": "", "integer": 1, "flag": True, "object": {}}
    if parameter.kind == "choice":
        return parameter.choices[0]
    return values.get(parameter.kind, "x")


# ---- parameters


@pytest.mark.parametrize("name", ACTIONS)
def test_an_unknown_parameter_is_refused(place: Place, name: str) -> None:
    """A misspelt parameter would otherwise be ignored, and the test would test something else."""
    error = refused(place, name, {"nothing_like_it": "x"})
    assert (error.status, error.code, error.param) == (400, "parameter_unknown", "nothing_like_it")
    assert all(parameter.name in error.message for parameter in ACTIONS[name].parameters)
    known = ACTIONS[name].parameters[0].name
    error = refused(place, name, {f"{known}s": "x"})
    assert f"did you mean {known}?" in error.message


@pytest.mark.parametrize(
    ("name", "missing"),
    [(name, parameter.name) for name, act in ACTIONS.items() for parameter in act.parameters if parameter.required],
)
@pytest.mark.parametrize("value", [{}, None, ""])
def test_a_missing_parameter_is_named(place: Place, name: str, missing: str, value: Any) -> None:
    params = {one.name: value_of(place, one) for one in ACTIONS[name].parameters if one.required}
    del params[missing]
    if value != {}:
        params[missing] = value
    error = refused(place, name, params)
    assert (error.status, error.code, error.param) == (400, "parameter_missing", missing)


@pytest.mark.parametrize(
    ("name", "parameter"),
    [(name, parameter) for name, act in ACTIONS.items() for parameter in act.parameters if parameter.kind == "id"],
    ids=lambda value: getattr(value, "name", value),
)
def test_an_unknown_id_is_not_found(place: Place, name: str, parameter: ActParameter) -> None:
    params = {one.name: value_of(place, one) for one in ACTIONS[name].parameters if one.required}
    error = refused(place, name, {**params, parameter.name: "pi_1"})
    assert (error.status, error.param) == (404, parameter.name)


WRONG: dict[str, Any] = {"amount": 0, "currency": "dollars", "choice": "x", "flag": "maybe", "object": "x", "text": []}


@pytest.mark.parametrize(
    ("name", "parameter"),
    [(name, parameter) for name, act in ACTIONS.items() for parameter in act.parameters if parameter.kind != "id"],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_value_of_the_wrong_kind_is_refused(place: Place, name: str, parameter: ActParameter) -> None:
    stage = Stage(place.sandbox, place.client)
    params = {
        one.name: known_id(stage, one.of) if one.kind == "id" else value_of(place, one)
        for one in ACTIONS[name].parameters
        if one.required
    }
    error = refused(place, name, {**params, parameter.name: WRONG[parameter.kind]})
    assert (error.status, error.param) == (400, parameter.name)


def known_id(stage: Stage, kind: str) -> str:
    """Return the ID of some object of a kind."""
    client = stage.client
    makers: dict[str, Callable[[], Any]] = {
        "checkout.session": lambda: session(stage),
        "payment_link": lambda: client.payment_links.create(line_items=[TEA]).id,
        "payment_intent": lambda: client.payment_intents.create(amount=500, currency="USD").id,
        "setup_intent": lambda: client.setup_intents.create().id,
        "invoice": lambda: stage.invoice().id,
        "payout": lambda: stage.payout().id,
        "refund": lambda: stage.refund().id,
        "dispute": lambda: stage.dispute().id,
        "issuing.card": lambda: stage.issued().id,
        "issuing.authorization": lambda: stage.used().id,
        "issuing.transaction": lambda: captured(stage),
        "issuing.cardholder": lambda: stage.cardholder().id,
    }
    found: str = makers[kind]()
    return found


def test_an_unknown_action_suggests_the_nearest_one(place: Place) -> None:
    assert "did you mean checkout.sessions.pay?" in refused(place, "checkout.session.pay", {}).message
    error = refused(place, "wash.the.dishes", {})
    assert (error.status, error.code) == (404, "unknown_act")
    assert "sandbox.acts() lists all of them" in error.message


def test_actions_are_listed_for_programs(place: Place) -> None:
    """Forms and commands are built from the list: it is typed, frozen, and complete."""
    for action in place.sandbox.acts():
        assert isinstance(action, SimulatedAction)
        assert action.summary.endswith(".")
        assert all(parameter.says.endswith(".") for parameter in action.parameters)
        for parameter in action.parameters:
            assert (parameter.kind == "choice") == bool(parameter.choices)
            assert (parameter.kind == "id") == bool(parameter.of)
            if parameter.kind == "choice" and parameter.default is not None:
                assert parameter.default in parameter.choices
    with pytest.raises(AttributeError):
        place.sandbox.acts()[0].name = "other"  # type: ignore[misc]


# ---- states


def session(stage: Stage, then: str = "", **fields: Any) -> str:
    whole: dict[str, Any] = {"success_url": SHOP, "line_items": [TEA], **fields}
    made = stage.client.checkout.sessions.create(**whole)
    if then == "expired":
        stage.client.checkout.sessions.expire(made.id)
    elif then:
        stage.sandbox.act("checkout.sessions.pay", session=made.id, outcome=then)
    return made.id


def checked_session(stage: Stage) -> str:
    made = stage.client.checkout.sessions.create(success_url=SHOP, mode="setup")
    stage.sandbox.act("checkout.sessions.pay", session=made.id, outcome="pending_paid")
    return made.id


def switched_off(stage: Stage) -> str:
    link = stage.client.payment_links.create(line_items=[TEA])
    return stage.client.payment_links.update(link.id, active=False).id


def intent(stage: Stage, status: str) -> str:
    client = stage.client
    if status == "succeeded":
        return stage.pay().id
    if status == "processing":
        return stage.pay(SLOW).id
    if status == "requires_capture":
        return stage.pay(manual=True).id
    made = client.payment_intents.create(amount=500, currency="USD")
    if status == "canceled":
        client.payment_intents.cancel(made.id, cancellation_reason="requested_by_customer")
    if status == "requires_confirmation":
        client.payment_intents.update(made.id, payment_method_data={"type": "alipay"})
    return made.id


def at_wallet(stage: Stage) -> str:
    return stage.client.payment_intents.create(
        amount=500, currency="USD", confirm=True, payment_method_data={"type": "alipay"}
    ).id


def setup(stage: Stage, status: str) -> str:
    client = stage.client
    made = client.setup_intents.create()
    number = {"succeeded": GOOD, "processing": SLOW, "requires_action": CHALLENGED}.get(status)
    if number:
        card: Any = {"type": "card", "card": {"number": number, **EXPIRY}}
        client.setup_intents.confirm(made.id, return_url=SHOP, payment_method_data=card)
    if status == "canceled":
        client.setup_intents.cancel(made.id)
    if status == "requires_confirmation":
        client.setup_intents.update(made.id, payment_method_data={"type": "alipay"})
    return made.id


def invoice(stage: Stage, status: str) -> str:
    client = stage.client
    made = stage.invoice().id
    if status == "draft":
        return made
    client.invoices.finalize(made, auto_advance=False)
    if status == "paid":
        client.invoices.pay(made)
    if status == "void":
        client.invoices.void(made)
    if status == "processing":
        stage.sandbox.act("invoices.pay_page", invoice=made, outcome="pending_paid")
    return made


def dispute(stage: Stage, end: str, *, inquiry: bool = False) -> str:
    made = stage.sandbox.act("disputes.create", payment_intent=stage.pay().id, inquiry=inquiry)
    stage.sandbox.act(f"disputes.{end}", dispute=made["id"])
    found: str = made["id"]
    return found


def refund(stage: Stage, end: str) -> str:
    made = stage.refund("4000000000007726")
    stage.sandbox.act(f"refunds.{end}", refund=made.id)
    return made.id


def payout(stage: Stage, end: str) -> str:
    made = stage.payout()
    if end == "in_transit":
        stage.sandbox.clock.advance(hours=2)
    else:
        stage.sandbox.act(f"payouts.{end}", payout=made.id)
    return made.id


def authorization(stage: Stage, end: str) -> str:
    used = stage.used()
    stage.sandbox.act(f"issuing.{end}", authorization=used.id)
    return used.id


def captured(stage: Stage) -> str:
    found: str = stage.sandbox.act("issuing.capture", authorization=stage.used().id)["id"]
    return found


def given_back(stage: Stage, *, name_the_refund: bool) -> str:
    capture = captured(stage)
    back: str = stage.sandbox.act("issuing.refund", transaction=capture)["id"]
    return back if name_the_refund else capture


def blocked(stage: Stage) -> str:
    holder = stage.cardholder().id
    stage.sandbox.act("issuing.block_cardholder", cardholder=holder)
    return holder


Make = Callable[[Stage], str]
Row = tuple[tuple[str, ...], str, Make, str]

CONFIRMABLE = ("requires_payment_method", "requires_confirmation")
_SESSION = ("checkout.sessions.pay", "checkout.sessions.cancel")
_INTENT = ("payment_intents.authenticate", "payment_intents.pay")

# the actions, the state, how an object comes to be in it, what the refusal says
STATES: list[Row] = [
    (_SESSION, "expired", lambda at: session(at, "expired"), "status is expired; it must be open"),
    (_SESSION, "complete", lambda at: session(at, "paid"), "status is complete; it must be open"),
    (_SESSION[:1], "being checked", checked_session, "status is processing; it must be one of requires_"),
    (("payment_links.pay",), "inactive", switched_off, "it is not active; update it with active true"),
    *[
        (_INTENT, status, lambda at, status=status: intent(at, status), f"is {status}; it must be")
        for status in (*CONFIRMABLE, "processing", "requires_capture", "succeeded", "canceled")
    ],
    (_INTENT[:1], "at a wallet", at_wallet, "use payment_intents.pay"),
    (_INTENT[1:], "at a challenge", lambda at: at.pay(CHALLENGED).id, "use payment_intents.authenticate"),
    *[
        (("setup_intents.authenticate",), status, lambda at, status=status: setup(at, status), "one of requires_action")
        for status in (*CONFIRMABLE, "processing", "succeeded", "canceled")
    ],
    *[
        (("invoices.pay_page",), status, lambda at, status=status: invoice(at, status), f"is {status}; it must be")
        for status in ("draft", "paid", "void")
    ],
    # The customer knows the invoice, so that the sentence does not name the statuses of its PaymentIntent.
    (("invoices.pay_page",), "processing", lambda at: invoice(at, "processing"), "is processing; wait for its outcome"),
    (("disputes.create",), "never tried", lambda at: intent(at, "canceled"), "has no charge yet"),
    (("disputes.create",), "authorized", lambda at: intent(at, "requires_capture"), "captured"),
    (("disputes.create",), "refunded", lambda at: str(at.refund().payment_intent_id), "refunded"),
    *[
        (("disputes.win", "disputes.lose"), end, lambda at, end=end: dispute(at, end), "must be")
        for end in ("win", "lose")
    ],
    (("disputes.win", "disputes.lose"), "warning_closed", lambda at: dispute(at, "win", inquiry=True), "must be"),
    *[
        (("refunds.succeed", "refunds.fail"), end, lambda at, end=end: refund(at, end), "only a pending one")
        for end in ("succeed", "fail")
    ],
    *[
        (("payouts.pay", "payouts.fail", "payouts.cancel"), end, lambda at, end=end: payout(at, end), "must be pending")
        for end in ("pay", "fail", "cancel")
    ],
    (("payouts.cancel",), "in_transit", lambda at: payout(at, "in_transit"), "it must be pending"),
    *[
        (("issuing.capture", "issuing.reverse"), end, lambda at, end=end: authorization(at, end), "must be pending")
        for end in ("capture", "reverse")
    ],
    (("issuing.refund",), "a refund", lambda at: given_back(at, name_the_refund=True), "name the capture"),
    (("issuing.refund",), "refunded", lambda at: given_back(at, name_the_refund=False), "refunded already"),
    (("issuing.block_cardholder",), "blocked", blocked, "status is blocked; it must be active or inactive"),
]  # fmt: skip

_ROWS = [(name, state, make, says) for names, state, make, says in STATES for name in names]


@pytest.mark.parametrize(("name", "state", "make", "says"), _ROWS, ids=[f"{row[0]}: {row[1]}" for row in _ROWS])
def test_a_wrong_state_is_refused_with_the_state_that_is_needed(
    place: Place, name: str, state: str, make: Make, says: str
) -> None:
    id = make(Stage(place.sandbox, place.client))
    subject = next(parameter.name for parameter in ACTIONS[name].parameters if parameter.kind == "id")
    error = refused(place, name, {subject: id})
    assert error.status == 400
    assert says in error.message


def test_the_table_has_every_action_that_is_about_an_object() -> None:
    """A new action is not complete without its wrong states. A card that is declined is a result, not a wrong state."""
    about = {name for name, act in ACTIONS.items() if any(one.kind == "id" for one in act.parameters)}
    assert {row[0] for row in _ROWS} == about - {"issuing.authorize"}


# ---- what the customer cannot do on the page

ORDERS: list[tuple[dict[str, Any], dict[str, Any], str, str]] = [
    ({}, {"card": "1234"}, "card", "pm_card_visa"),
    ({}, {"card": "pm_card_vis"}, "card", "such as pm_card_visa instead of 'pm_card_vis'"),
    ({}, {"card": GOOD, "outcome": "declined"}, "outcome", "must be paid with pm_card_visa"),
    ({}, {"card": "5555555555554444", "outcome": "declined"}, "outcome", "must be paid with this card"),
    ({}, {"card": GOOD, "outcome": "challenge_passed"}, "outcome", "leave card out"),
    ({}, {"card": CHALLENGED, "outcome": "pending_paid"}, "outcome", "challenge_failed or challenge_passed or paid"),
    ({}, {"card": GOOD, "method": "alipay"}, "method", "pass one of the two"),
    ({}, {"method": "alipay", "outcome": "challenge_failed"}, "outcome", "only cards have a 3-D Secure challenge"),
    ({}, {"outcome": "canceled"}, "outcome", "checkout.sessions.cancel"),
    ({}, {"method": "pix"}, "method", "It offers card, alipay."),
    ({"payment_method_types": ["alipay"]}, {"card": GOOD}, "card", "It offers alipay."),
    ({}, {"email": "nobody"}, "email", "name@example.com"),
    ({}, {"promotion_code": "SPRING"}, "", "takes no promotion codes"),
    ({"allow_promotion_codes": True}, {"promotion_code": "WINTER"}, "", "There is no such promotion code"),
    # The code is good, but what is refused comes after it.
    ({"allow_promotion_codes": True}, {"promotion_code": "SPRING", "method": "pix"}, "method", "It offers"),
    ({"allow_promotion_codes": True}, {"promotion_code": "FREE", "card": GOOD}, "card", "nothing is due"),
    ({"allow_promotion_codes": True}, {"promotion_code": "FREE", "outcome": "declined"}, "outcome", "nothing is due"),
]


@pytest.mark.parametrize(("fields", "params", "param", "says"), ORDERS)
def test_what_the_page_of_a_session_does_not_offer(
    place: Place, fields: dict[str, Any], params: dict[str, Any], param: str, says: str
) -> None:
    for code, percent_off in (("SPRING", 25), ("FREE", 100)):
        coupon = place.client.coupons.create(percent_off=percent_off, duration="once")
        place.client.promotion_codes.create(coupon=coupon.id, code=code)
    made = session(Stage(place.sandbox, place.client), **fields)
    error = refused(place, "checkout.sessions.pay", {"session": made, **params})
    assert (error.status, error.param or "") == (400, param)
    assert says in error.message
    assert "1234" not in error.message


@pytest.mark.parametrize("params", [{"method": "pix"}, {"card": "1234"}, {"email": "x"}])
def test_a_refused_payment_of_a_link_opens_no_session(place: Place, params: dict[str, Any]) -> None:
    link = place.client.payment_links.create(line_items=[TEA]).id
    refused(place, "payment_links.pay", {"payment_link": link, **params})
    assert place.sandbox.store.count("checkout.session") == 0


def test_a_wallet_cannot_pay_an_invoice_page(place: Place) -> None:
    """The page of an invoice takes cards."""
    made = invoice(Stage(place.sandbox, place.client), "open")
    assert "no parameter 'method'" in refused(place, "invoices.pay_page", {"invoice": made, "method": "alipay"}).message
    assert refused(place, "invoices.pay_page", {"invoice": made, "outcome": "canceled"}).param == "outcome"


def test_a_card_that_is_saved_either_passes_or_fails_its_challenge(place: Place) -> None:
    made = setup(Stage(place.sandbox, place.client), "requires_action")
    error = refused(place, "setup_intents.authenticate", {"setup_intent": made, "outcome": "canceled"})
    assert "passed or failed with a card" in error.message


def test_a_dispute_names_its_payment_once(place: Place) -> None:
    payment = Stage(place.sandbox, place.client).pay()
    both = {"payment_intent": payment.id, "charge": payment.latest_charge_id}
    assert "pass one of the two" in refused(place, "disputes.create", both).message
    assert refused(place, "disputes.create", {}).code == "parameter_missing"
