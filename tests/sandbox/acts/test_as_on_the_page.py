"""A simulated action and the page that it stands for: the same state, the same message, the same way on.

Each test does one thing twice, in two sandboxes with the same seed: with the page's form, and with the action. A shop
whose tests use actions would otherwise be tested against something that no customer ever does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from html import unescape
from typing import Any

import pytest
from sandbox.acts.visiting import EXPIRY, Place, Seen, browse, pay_on_page

from wooshpay import CardError, WooshPay
from wooshpay.sandbox import Sandbox

GOOD, DECLINED, CHALLENGED = "4111111111111111", "4000000000000002", "4000002500003155"
SLOW, SLOW_DECLINED = "4000000000000077", "4000000000000051"
PAY = "checkout.sessions.pay"
SHOP = {"success_url": "https://shop.example/thanks?session={CHECKOUT_SESSION_ID}"}

# outcome: the card that is typed, and the button that is pressed at a challenge
BY_CARD = {
    "paid": (GOOD, "authenticate"),
    "declined": (DECLINED, "authenticate"),
    "challenge_passed": (CHALLENGED, "authenticate"),
    "challenge_failed": (CHALLENGED, "fail"),
    "unfinished": (CHALLENGED, None),
    "pending_paid": (SLOW, "authenticate"),
    "pending_failed": (SLOW_DECLINED, "authenticate"),
}
# outcome: the button that is pressed on the page of the wallet
BY_WALLET = {
    "paid": "pay",
    "declined": "fail",
    "canceled": "cancel",
    "pending_paid": "pay_later",
    "pending_failed": "fail_later",
    "unfinished": None,
}

Way = Callable[[Place], Any]


@pytest.fixture
def places() -> Iterator[tuple[Place, Place]]:
    """Two sandboxes that give the same answers to the same calls."""
    with ExitStack() as stack:
        made: list[Place] = []
        for _ in range(2):
            sandbox = stack.enter_context(Sandbox(seed=7))
            client = stack.enter_context(WooshPay(sandbox.api_key, base_url=sandbox.base_url))
            made.append(Place(sandbox, client))
        yield made[0], made[1]


def compare(places: tuple[Place, Place], by_page: Callable[[Place], Seen], by_act: Way) -> dict[str, Any]:
    """Do the same thing both ways; compare the objects, the way on, and what is read there, now and later."""
    page, act = places
    seen = by_page(page)
    result: dict[str, Any] = by_act(act)
    assert act.unlike(result["url"]) == page.unlike(seen.location)
    url: str = result["url"] or ""
    own = url.startswith(act.sandbox.base_url)
    if own or seen.location is None:
        text = browse(url).text if own else seen.text
        assert result["message"] in unescape(text)
    for _ in range(2):
        assert act.everything() == page.everything()
        for place in places:
            place.sandbox.clock.advance(minutes=2)
    return result


def form(method: str = "card", number: str = "", **fields: str) -> dict[str, str]:
    return {"method": method, "number": number, **EXPIRY, "email": "", **fields}


def tea(**fields: Any) -> Any:
    price: dict[str, Any] = {"currency": "USD", "unit_amount": 1999, "product_data": {"name": "Tea"}, **fields}
    return {"price_data": price, "quantity": 1}


PLUS = tea(recurring={"interval": "month"})
ANY = {"card": {"request_three_d_secure": "any"}}
SESSIONS: dict[str, dict[str, Any]] = {
    "payment": {"mode": "payment", "line_items": [tea()]},
    "manual capture": {"mode": "payment", "line_items": [tea()], "payment_intent_data": {"capture_method": "manual"}},
    "3-D Secure for all": {"mode": "payment", "line_items": [tea()], "payment_method_options": ANY},
    "customer made": {"mode": "payment", "line_items": [tea()], "customer_creation": "always"},
    "setup": {"mode": "setup"},
    "subscription": {"mode": "subscription", "line_items": [PLUS]},
    "trial": {"mode": "subscription", "line_items": [PLUS], "subscription_data": {"trial_period_days": 7}},
}


def open_session(place: Place, kind: str, **fields: Any) -> Any:
    whole: dict[str, Any] = {**SHOP, **SESSIONS[kind], **fields}
    return place.client.checkout.sessions.create(**whole)


@pytest.mark.parametrize("outcome", BY_CARD)
@pytest.mark.parametrize("kind", SESSIONS)
def test_a_session_with_a_card(places: tuple[Place, Place], kind: str, outcome: str) -> None:
    number, button = BY_CARD[outcome]
    compare(
        places,
        lambda place: pay_on_page(open_session(place, kind).url, form(number=number), button),
        lambda place: place.sandbox.act(PAY, session=open_session(place, kind).id, outcome=outcome),
    )


@pytest.mark.parametrize("outcome", BY_WALLET)
@pytest.mark.parametrize("kind", ["payment", "setup", "subscription", "trial"])
def test_a_session_with_a_wallet(places: tuple[Place, Place], kind: str, outcome: str) -> None:
    def pay(place: Place) -> Any:
        session = open_session(place, kind).id
        return place.sandbox.act(PAY, session=session, method="alipay", outcome=outcome)

    compare(
        places,
        lambda place: pay_on_page(open_session(place, kind).url, form("alipay"), BY_WALLET[outcome]),
        pay,
    )


STATUSES = {
    ("payment", "paid"): "paid",
    ("payment", "declined"): "declined",
    ("payment", "unfinished"): "challenge",
    ("payment", "challenge_passed"): "paid",
    ("payment", "challenge_failed"): "declined",
    ("payment", "pending_paid"): "processing",
    ("manual capture", "paid"): "authorized",
    ("setup", "paid"): "saved",
    ("setup", "pending_paid"): "processing",
    ("subscription", "paid"): "paid",
    ("subscription", "declined"): "declined",
    ("trial", "paid"): "complete",
    ("trial", "declined"): "declined",
}


@pytest.mark.parametrize(("kind", "outcome"), STATUSES)
def test_the_status_of_a_session_with_a_card(places: tuple[Place, Place], kind: str, outcome: str) -> None:
    """A test of a shop decides by this word; the objects are those that the API would answer at that moment."""
    place, _ = places
    result = place.sandbox.act(PAY, session=open_session(place, kind).id, outcome=outcome)
    assert (result["object"], result["status"]) == ("sandbox.page", STATUSES[kind, outcome])
    for name in result.keys() - {"object", "status", "message", "url"}:
        assert result[name] == place.sandbox.store.get(result[name]["id"])
    if kind == "subscription":
        assert result["payment_intent"]["status"] == ("succeeded" if outcome == "paid" else "requires_payment_method")
        assert ("subscription" in result) == (outcome == "paid")


@pytest.mark.parametrize(("outcome", "status"), [("canceled", "canceled"), ("unfinished", "redirect"), (None, "paid")])
def test_the_status_of_a_session_with_a_wallet(places: tuple[Place, Place], outcome: str | None, status: str) -> None:
    place, _ = places
    session = open_session(place, "payment").id
    chosen = {"outcome": outcome} if outcome else {}
    assert place.sandbox.act(PAY, session=session, method="alipay", **chosen)["status"] == status


@pytest.mark.parametrize("card", [CHALLENGED, "4000 0025 0000 3155", "pm_card_3ds_until_saved"])
def test_a_card_by_number_or_as_a_ready_made_payment_method(places: tuple[Place, Place], card: str) -> None:
    """Without an outcome the card decides, and a challenge waits for the next action."""
    result = compare(
        places,
        lambda place: browse(open_session(place, "payment").url, form(number=CHALLENGED)),
        lambda place: place.sandbox.act(PAY, session=open_session(place, "payment").id, card=card),
    )
    assert result["status"] == "challenge"


@pytest.mark.parametrize(
    ("number", "message"),
    [
        ("4000000000000127", "The card's security code is wrong."),
        ("4000000000000069", "The card has expired."),
        ("4000000000009995", "The card has insufficient funds. Try again or use another payment method."),
    ],
)
def test_a_refusal_reads_as_on_the_page(places: tuple[Place, Place], number: str, message: str) -> None:
    result = compare(
        places,
        lambda place: browse(open_session(place, "payment").url, form(number=number)),
        lambda place: place.sandbox.act(
            "checkout.sessions.pay", session=open_session(place, "payment").id, card=number
        ),
    )
    assert (result["status"], result["message"], result["url"]) == ("declined", message, None)


def test_declined_and_then_paid_with_another_card(places: tuple[Place, Place]) -> None:
    """The session stays open after a decline, and the second attempt is the same session's."""

    def on_page(place: Place) -> Seen:
        url = open_session(place, "payment").url
        browse(url, form(number=DECLINED))
        return browse(url, form(number=GOOD))

    def by_act(place: Place) -> Any:
        id = open_session(place, "payment").id
        assert place.sandbox.act(PAY, session=id, card="pm_card_declined")["status"] == "declined"
        return place.sandbox.act(PAY, session=id)

    assert compare(places, on_page, by_act)["session"]["payment_status"] == "paid"


def test_contact_details_as_typed(places: tuple[Place, Place]) -> None:
    """The customer that the session makes has the e-mail address and the name that were typed."""
    typed = {"email": "ada@example.com", "name": "Ada Lovelace"}

    def by_act(place: Place) -> Any:
        session = open_session(place, "customer made", customer_email="old@example.com")
        return place.sandbox.act(PAY, session=session.id, **typed)

    def on_page(place: Place) -> Seen:
        session = open_session(place, "customer made", customer_email="old@example.com")
        return browse(session.url, form(number=GOOD, **typed))

    result = compare(places, on_page, by_act)
    assert result["session"]["customer_details"] == typed


def test_the_email_that_the_form_shows_at_first_is_sent(places: tuple[Place, Place]) -> None:
    def on_page(place: Place) -> Seen:
        session = open_session(place, "payment", customer_email="ada@example.com")
        return browse(session.url, form(number=GOOD, email="ada@example.com"))

    def by_act(place: Place) -> Any:
        session = open_session(place, "payment", customer_email="ada@example.com")
        return place.sandbox.act(PAY, session=session.id)

    assert compare(places, on_page, by_act)["session"]["customer_details"] == {"email": "ada@example.com"}


def test_what_the_form_still_shows_after_a_decline_is_sent_again(places: tuple[Place, Place]) -> None:
    """The page keeps e-mail address and name after a decline, so that the next payment method has them too."""
    typed = {"email": "ada@example.com", "name": "Ada Lovelace"}

    def on_page(place: Place) -> Seen:
        url = open_session(place, "payment").url or ""
        browse(url, form(number=DECLINED, **typed))
        text = browse(url).text
        assert all(f'value="{shown}"' in text for shown in typed.values())
        return browse(url, form(number=GOOD, **typed))

    def by_act(place: Place) -> Any:
        session = open_session(place, "payment").id
        place.sandbox.act(PAY, session=session, outcome="declined", **typed)
        return place.sandbox.act(PAY, session=session)

    compare(places, on_page, by_act)


@pytest.mark.parametrize("percent_off", [25, 100])
@pytest.mark.parametrize("kind", ["payment", "subscription"])
def test_a_promotion_code(places: tuple[Place, Place], kind: str, percent_off: int) -> None:
    """With nothing left to pay a one-time order completes without any payment method."""
    free = percent_off == 100 and kind == "payment"

    def session_of(place: Place) -> Any:
        coupon = place.client.coupons.create(percent_off=percent_off, duration="once")
        place.client.promotion_codes.create(coupon=coupon.id, code="SPRING")
        return open_session(place, kind, allow_promotion_codes=True)

    def on_page(place: Place) -> Seen:
        session = session_of(place)
        browse(session.url, {"promotion_code": "SPRING"})
        return browse(session.url, {"email": ""} if free else form(number=GOOD))

    def by_act(place: Place) -> Any:
        return place.sandbox.act(PAY, session=session_of(place).id, promotion_code="SPRING")

    result = compare(places, on_page, by_act)
    assert result["status"] == ("complete" if percent_off == 100 else "paid")
    assert result["session"]["amount_total"] == (0 if percent_off == 100 else 1499)


def test_leaving_a_session_changes_nothing(places: tuple[Place, Place]) -> None:
    """The page has a plain link to the shop: nobody tells WooshPay that the customer has left."""
    place, _ = places
    session = open_session(place, "payment", cancel_url="https://shop.example/basket")
    before = place.everything()
    left = place.sandbox.act("checkout.sessions.cancel", session=session.id)
    assert (left["status"], left["url"]) == ("canceled", "https://shop.example/basket")
    assert f'href="{left["url"]}"' in browse(session.url or "").text
    assert place.everything() == before
    assert place.sandbox.act("checkout.sessions.cancel", session=open_session(place, "payment").id)["url"] is None


# ---- payment links


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({}, "paid"),
        ({}, "declined"),
        ({}, "challenge_passed"),
        ({"line_items": [PLUS]}, "paid"),
        ({"after_completion": {"type": "redirect", "redirect": {"url": "https://shop.example/done"}}}, "paid"),
        (
            {
                "after_completion": {
                    "type": "hosted_confirmation",
                    "hosted_confirmation": {"custom_message": "Your tea ships on Monday."},
                }
            },
            "paid",
        ),
    ],
)
def test_a_payment_link(places: tuple[Place, Place], fields: dict[str, Any], outcome: str) -> None:
    number, button = BY_CARD[outcome]

    def link(place: Place) -> Any:
        whole: dict[str, Any] = {"line_items": [tea()], **fields}
        return place.client.payment_links.create(**whole)

    def on_page(place: Place) -> Seen:
        return pay_on_page(browse(link(place).url).location or "", form(number=number), button)

    result = compare(
        places,
        on_page,
        lambda place: place.sandbox.act("payment_links.pay", payment_link=link(place).id, outcome=outcome),
    )
    assert result["payment_link"]["id"] == result["session"]["payment_link"]
    if "hosted_confirmation" in str(fields):
        assert result["message"] == "Your tea ships on Monday."


# ---- challenges, wallets and banks


BACK: dict[str, Any] = {"return_url": "https://shop.example/back"}


@pytest.mark.parametrize(("saving", "back"), [(False, {}), (False, BACK), (True, BACK)])
@pytest.mark.parametrize(("outcome", "button"), [("passed", "authenticate"), ("failed", "fail")])
def test_a_challenge(
    places: tuple[Place, Place], saving: bool, outcome: str, button: str, back: dict[str, Any]
) -> None:
    def waiting(place: Place) -> Any:
        card: Any = {"type": "card", "card": {"number": CHALLENGED, **EXPIRY}}
        if saving:
            setup = place.client.setup_intents.create()
            return place.client.setup_intents.confirm(setup.id, payment_method_data=card, **back)
        return place.client.payment_intents.create(
            amount=500, currency="USD", confirm=True, payment_method_data=card, **back
        )

    name, param = ("setup_intents", "setup_intent") if saving else ("payment_intents", "payment_intent")

    def by_act(place: Place) -> Any:
        return place.sandbox.act(f"{name}.authenticate", **{param: waiting(place).id, "outcome": outcome})

    result = compare(
        places,
        lambda place: browse(waiting(place).next_action.challenge_redirect.url, {"outcome": button}),
        by_act,
    )
    assert result["status"] == ("declined" if outcome == "failed" else "saved" if saving else "paid")
    assert result["url"] == (back.get("return_url"))


@pytest.mark.parametrize("outcome", [outcome for outcome, button in BY_WALLET.items() if button])
@pytest.mark.parametrize("saving", [False, True])
def test_a_wallet(places: tuple[Place, Place], saving: bool, outcome: str) -> None:
    def waiting(place: Place) -> Any:
        wallet: Any = {"type": "alipay"}
        if saving:
            setup = place.client.setup_intents.create()
            return place.client.setup_intents.confirm(setup.id, payment_method_data=wallet, **BACK)
        return place.client.payment_intents.create(amount=500, currency="USD", confirm=True, payment_method_data=wallet)

    def url(place: Place) -> str:
        action: dict[str, Any] = waiting(place).to_dict()["next_action"]
        found: str = action["alipay_handle_redirect"]["url"]
        return found

    def by_act(place: Place) -> Any:
        if saving:
            names = {"paid": "passed", "declined": "failed", "pending_paid": "pending_passed"}
            ends = names.get(outcome, outcome)
            return place.sandbox.act("setup_intents.authenticate", setup_intent=waiting(place).id, outcome=ends)
        return place.sandbox.act("payment_intents.pay", payment_intent=waiting(place).id, outcome=outcome)

    compare(places, lambda place: browse(url(place), {"outcome": BY_WALLET[outcome] or ""}), by_act)


# ---- invoices


@pytest.mark.parametrize("outcome", BY_CARD)
def test_an_invoice(places: tuple[Place, Place], outcome: str) -> None:
    number, button = BY_CARD[outcome]

    def opened(place: Place) -> Any:
        customer = place.client.customers.create(email="ada@example.com").id
        place.client.invoice_items.create(customer=customer, amount=1999, currency="USD")
        made = place.client.invoices.create(customer=customer, collection_method="send_invoice", days_until_due=30)
        return place.client.invoices.finalize(made.id)

    result = compare(
        places,
        lambda place: pay_on_page(opened(place).hosted_invoice_url, form(number=number), button),
        lambda place: place.sandbox.act("invoices.pay_page", invoice=opened(place).id, outcome=outcome),
    )
    assert result["invoice"]["paid"] == (outcome in {"paid", "challenge_passed"})


def test_a_failed_renewal_is_rescued_on_the_page_of_its_invoice(places: tuple[Place, Place]) -> None:
    def overdue(place: Place) -> Any:
        customer = place.client.customers.create().id
        card: Any = {"number": "4000000000000341", **EXPIRY}
        method = place.client.payment_methods.create(type="card", card=card)
        place.client.payment_methods.attach(method.id, customer=customer)
        place.client.invoice_items.create(customer=customer, amount=1999, currency="USD")
        invoice = place.client.invoices.create(customer=customer, auto_advance=False)
        invoice = place.client.invoices.finalize(invoice.id, auto_advance=False)
        with pytest.raises(CardError):
            place.client.invoices.pay(invoice.id)
        return invoice

    result = compare(
        places,
        lambda place: browse(overdue(place).hosted_invoice_url, form(number=GOOD)),
        lambda place: place.sandbox.act("invoices.pay_page", invoice=overdue(place).id),
    )
    assert (result["status"], result["invoice"]["status"]) == ("paid", "paid")
