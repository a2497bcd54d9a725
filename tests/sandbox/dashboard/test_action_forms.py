"""The forms of simulated actions, made from their declared parameters alone."""

from __future__ import annotations

import re
from html import escape
from typing import Any
from urllib.parse import urlencode

import pytest
from sandbox.dashboard.visitor import Sight, Visitor
from sandbox.rig import GOOD, Api, payment

from wooshpay.sandbox.engine import registry
from wooshpay.sandbox.engine.act_parameters import ActParameter
from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.state import State

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7 - 7 }}"

PARAMETERS = (
    ActParameter("payment_intent", "The `payment`.", "id", required=True, of="payment_intent"),
    ActParameter("amount", "How much.", "amount"),
    ActParameter("currency", "The currency.", "currency"),
    ActParameter("outcome", "How it ends.", "choice", choices=("paid", "declined"), default="paid"),
    ActParameter("note", "A note.", "text"),
    ActParameter("times", "How often.", "integer", default=1),
    ActParameter("silent", "Whether nobody is told.", "flag"),
    ActParameter("loud", "Whether everybody is told.", "flag", default=True),
    ActParameter("details", "More.", "object"),
    ActParameter("token", "A parameter with the name of a field that each form has.", "text"),
)


class Acting:
    """The simulated action of these tests: notes what it was asked, and answers what it was told to."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answer: dict[str, Any] = {"object": "test"}
        self.refusal: SandboxError | None = None

    def __call__(self, state: State, params: Params) -> dict[str, Any]:
        """Try a thing out, as a test does.

        It has a second paragraph.
        """
        self.asked.append(params.values)
        if self.refusal is not None:
            raise self.refusal
        return self.answer


@pytest.fixture
def acting(monkeypatch: pytest.MonkeyPatch) -> Acting:
    """An action ``tests.try`` with one parameter of each kind."""
    registry.load()
    made = Acting()
    made.__doc__ = Acting.__call__.__doc__
    registered: dict[str, Any] = vars(registry)["_acts"]
    declared: dict[str, Any] = vars(registry)["_act_parameters"]
    monkeypatch.setitem(registered, "tests.try", made)
    monkeypatch.setitem(declared, "tests.try", PARAMETERS)
    return made


@pytest.fixture
async def paid(api: Api) -> str:
    """The ID of a payment."""
    intent = await api.make("/v1/payment_intents", payment(GOOD))
    return str(intent["id"])


def typed(**values: str) -> dict[str, str]:
    return {f"parameter.{name}": text for name, text in values.items()}


def field(text: str, name: str) -> str:
    """The control of a parameter."""
    found = re.search(rf'<(?:input|select|textarea)[^>]*id="field-{name}"[^>]*>', text)
    assert found is not None, name
    return found.group()


async def test_each_kind_of_parameter_has_its_field(visitor: Visitor, api: Api, acting: Acting) -> None:
    intent = await api.make("/v1/payment_intents", payment(GOOD))
    listed = await visitor.look("acts")
    assert listed.link("tests.try") == "/dashboard/acts/tests.try"
    text = (await visitor.look("acts/tests.try")).text
    assert "Try a thing out, as a test does." in text
    assert "It has a second paragraph." in text
    assert 'list="field-payment_intent-list"' in field(text, "payment_intent")
    assert f'<option value="{intent["id"]}">succeeded, 20.00 USD</option>' in text
    assert "required" in field(text, "payment_intent")
    assert "required" not in field(text, "amount")
    assert "2000 is 20.00 USD, and 2,000 JPY because JPY has no decimals" in text
    assert field(text, "outcome").startswith("<select")
    assert '<option value="paid" selected>paid</option>' in text
    assert 'value="1"' in field(text, "times")
    assert 'type="checkbox"' in field(text, "silent")
    assert "checked" not in field(text, "silent")
    assert "checked" in field(text, "loud")
    assert field(text, "details").startswith("<textarea")
    assert "The payment." in text
    assert "Parameters as JSON" not in text


async def test_values_are_sent_as_their_kinds_and_empty_fields_not_at_all(
    visitor: Visitor, acting: Acting, paid: str
) -> None:
    sight = await visitor.send(
        "acts/tests.try",
        **typed(
            payment_intent=paid, amount="1050", outcome="declined", note="", silent="true", loud="false",
            details='{"a": [1, null]}', token="mine",
        ),
    )  # fmt: skip
    assert sight.status == 200
    asked = acting.asked[-1]
    assert asked["silent"] is True
    assert asked["loud"] is False
    assert asked["details"] == {"a": [1, None]}
    assert (asked["payment_intent"], asked["outcome"], asked["token"]) == (paid, "declined", "mine")
    assert Params(asked).amount("amount") == 1050
    assert not {"note", "times", "currency"} & asked.keys()


async def test_an_address_can_hold_values(visitor: Visitor, api: Api, acting: Acting) -> None:
    """That is how the button of an object opens the form. The currency of the object explains the amounts."""
    intent = await api.make("/v1/payment_intents", {"amount": 5000, "currency": "JPY"})
    text = (await visitor.look(f"acts/tests.try?parameter.payment_intent={intent['id']}&parameter.note=hello")).text
    assert f'value="{intent["id"]}"' in field(text, "payment_intent")
    assert 'value="hello"' in field(text, "note")
    assert "JPY has no decimals: 2000 is 2,000 JPY." in text
    assert acting.asked == []


@pytest.mark.parametrize("param", ["amount", "amount[0]"])
async def test_a_refusal_is_shown_at_the_field_that_it_names_and_values_are_kept(
    visitor: Visitor, acting: Acting, paid: str, param: str
) -> None:
    acting.refusal = SandboxError("The amount is too large.", code="amount_too_large", param=param)
    sight = await visitor.send("acts/tests.try", **typed(payment_intent=paid, amount="7", silent="true", note="kept"))
    assert sight.status == 400
    assert 'aria-invalid="true"' in field(sight.text, "amount")
    assert 'aria-describedby="field-amount-says field-amount-error"' in field(sight.text, "amount")
    assert re.search(r'id="field-amount-error">The amount is too large\.<', sight.text)
    assert sight.text.count('aria-invalid="true"') == 1
    assert 'value="7"' in field(sight.text, "amount")
    assert 'value="kept"' in field(sight.text, "note")
    assert "checked" in field(sight.text, "silent")


async def test_a_refusal_that_names_no_field_is_shown_above_the_form(
    visitor: Visitor, acting: Acting, paid: str
) -> None:
    for param in (None, "other"):
        acting.refusal = SandboxError("It is closed.", code="closed", param=param, status=409)
        sight = await visitor.send("acts/tests.try", **typed(payment_intent=paid))
        assert (sight.status, 'id="act-error">It is closed.<' in sight.text) == (409, True)


@pytest.mark.parametrize("text", ["{", "[1]", "1", '"x"', "[" * 100_000, '{"a": "\\ud800"}', '{"a": 1e999}'])
async def test_a_field_for_an_object_takes_nothing_else(visitor: Visitor, acting: Acting, paid: str, text: str) -> None:
    sight = await visitor.send("acts/tests.try", **typed(payment_intent=paid, details=text))
    assert sight.status == 400
    assert 'id="field-details-error"' in sight.text
    assert acting.asked == []


async def test_what_the_customer_sees_is_shown_with_the_url_as_a_link(
    visitor: Visitor, api: Api, acting: Acting
) -> None:
    intent = await api.make("/v1/payment_intents", payment(GOOD))
    acting.answer = {
        "object": "sandbox.page",
        "status": "paid",
        "message": "The payment went through.",
        "url": "https://shop.example/thanks?a=1&b=2",
        "payment_intent": intent,
    }
    sight = await visitor.send("acts/tests.try", **typed(payment_intent=intent["id"]))
    assert "What the customer sees" in sight.text
    assert "The payment went through." in sight.text
    assert 'href="https://shop.example/thanks?a=1&amp;b=2" target="_blank" rel="noopener noreferrer"' in sight.text
    assert f'href="/dashboard/object/{intent["id"]}"' in sight.text
    assert intent["client_secret"] not in sight.text


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "shop.example/thanks", HOSTILE])
async def test_a_url_of_another_scheme_is_no_link(visitor: Visitor, acting: Acting, paid: str, url: str) -> None:
    acting.answer = {"object": "sandbox.page", "status": "paid", "message": "Paid.", "url": url}
    sight = await visitor.send("acts/tests.try", **typed(payment_intent=paid))
    assert f'href="{escape(url)}"' not in sight.text
    assert 'href="javascript' not in sight.text
    assert "<script>" not in sight.text


async def test_a_customer_who_stays_is_said_to_stay(visitor: Visitor, acting: Acting, paid: str) -> None:
    acting.answer = {"object": "sandbox.page", "status": "declined", "message": "Declined.", "url": None}
    assert "The browser stays on this page" in (await visitor.send("acts/tests.try", **typed(payment_intent=paid))).text


@pytest.mark.parametrize("refused", [True, False])
async def test_hostile_values_are_text_wherever_they_are_shown(
    visitor: Visitor, api: Api, acting: Acting, refused: bool
) -> None:
    intent = await api.make("/v1/payment_intents", payment(description=HOSTILE))
    acting.refusal = SandboxError(HOSTILE, code="x", param="note") if refused else None
    acting.answer = {"object": "sandbox.page", "status": HOSTILE, "message": HOSTILE, "url": HOSTILE, HOSTILE: HOSTILE}
    sight = await visitor.send("acts/tests.try", **typed(payment_intent=intent["id"], note=HOSTILE, token=HOSTILE))
    assert sight.status == (400 if refused else 200)
    assert len(acting.asked) == 1
    assert_harmless(sight)


async def test_hostile_values_are_text_in_every_field(visitor: Visitor, acting: Acting) -> None:
    """The declared kinds refuse most of them before the action is asked; the form shows all of them again."""
    values = typed(**{parameter.name: HOSTILE for parameter in PARAMETERS})
    assert_harmless(await visitor.send("acts/tests.try", **values))
    shown = await visitor.look(f"acts/tests.try?{urlencode(values)}")
    assert shown.status == 200
    assert_harmless(shown)
    assert acting.asked == []


def assert_harmless(sight: Sight) -> None:
    assert sight.text.count("<script") == 1
    assert "<img" not in sight.text
    assert "{{ 7" in sight.text
    assert "unsafe" not in sight.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["acts/tests.try", "operations/refunds.create", "webhooks"])
@pytest.mark.parametrize("data", [b"\xff\xfe=%ff&parameter.note=%00%ff", b"a" * 5000, b"parameter.=x&=y&&&"])
async def test_bytes_that_are_no_form_are_refused_and_fail_nothing(
    visitor: Visitor, acting: Acting, path: str, data: bytes
) -> None:
    """No request may bring an internal server error."""
    token = re.search(r'name="token" value="([0-9a-f]+)"', (await visitor.look("clock")).text)
    assert token is not None
    async with visitor.session.post(
        f"{visitor.base_url}/dashboard/{path}",
        data=b"token=" + token.group(1).encode() + b"&" + data,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        allow_redirects=False,
    ) as response:
        assert response.status < 500


async def test_an_action_without_parameters_is_a_button(
    visitor: Visitor, acting: Acting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(vars(registry)["_act_parameters"], "tests.try", ())
    assert "has no parameters" in (await visitor.look("acts/tests.try")).text
    assert (await visitor.send("acts/tests.try")).status == 200
    assert acting.asked == [{}]
