"""What customers do on the page of an invoice.

action              allowed in these states
invoices.pay_page   open, uncollectible
"""

from __future__ import annotations

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.behaviours.customer_acts.choosing import (
    CARD,
    CARD_OUTCOMES,
    choose,
    outcome_parameter,
    page_json,
    press,
)
from wooshpay.sandbox.engine.act_parameters import ActParameter
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.registry import act
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.lifecycles import actions, customer_steps, invoices


@act(
    "invoices.pay_page",
    ActParameter("invoice", "The invoice; it must be open or uncollectible.", "id", required=True, of="invoice"),
    CARD,
    outcome_parameter(CARD_OUTCOMES),
)
def pay_page(state: State, params: Params) -> JsonObject:
    """Pay an invoice with a card, as a customer does on its hosted page.

    As with `checkout.sessions.pay` a decline is a result, not an error: the invoice stays open.
    """
    invoice = state.need("invoice", params.need_text("invoice"), param="invoice")
    customer_steps.require_payable_invoice(state, invoice)
    intent = invoices.intent_of(state, invoice)
    asks = actions.asks_three_d_secure(intent)
    choice = choose(state, params, ("card",), {}, asks=asks, saves=False)
    seen = customer_steps.pay_invoice(state, invoice, choice.data)
    seen = press(state, seen, intent, choice.button)
    return page_json(state, seen, invoice=invoice, payment_intent=intent)
