"""What a customer is asked to do before a payment or a setup can go on, and whether anything is asked at all."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.engine.store import Record
from wooshpay.sandbox.rules import cards

# In answers for these the type says redirect_to_url although the key is named after the method.
_PLAIN_REDIRECT: Final = frozenset({"gcash", "dana"})
# Seen with this method alone; the others leave the code to the page.
_CODE_IN_ANSWER: Final = frozenset({"bank_transfer_vn"})


def needed(intent: Record, method: Record, *, off_session: bool = False) -> bool:
    """Whether the customer has to act.

    Args:
        intent: The PaymentIntent or SetupIntent.
        method: The payment method.
        off_session: The customer is away. Nothing is asked then if the customer agreed to that before.
    """
    agreed = bool(method.private.get("agreed"))
    if method["type"] != "card":
        # A guide charges a saved wallet by customer and method alone.
        return not agreed
    card = cards.card_with(method.private["outcome"])
    if off_session and agreed and not card.always:
        return False
    return card.challenge or asks_three_d_secure(intent)


def next_action(state: State, intent: Record, method: Record) -> JsonObject:
    """The ``next_action`` that leads the customer to a page of the sandbox."""
    secret = intent["client_secret"]
    type: str = method["type"]
    if type == "card":
        url = f"{state.base_url}/3ds/challenge?clientSecret={secret}"
        challenge = {"url": url, "return_url": intent.get("return_url") or url}
        return {"type": "challenge_redirect", "challenge_redirect": challenge}
    key = f"{type}_handle_redirect"
    details = {"url": f"{state.base_url}/paymentcode?type={quote(type)}&clientSecret={secret}"}
    if type in _CODE_IN_ANSWER:
        details["qrcode"] = code_of(intent, type)
    return {"type": "redirect_to_url" if type in _PLAIN_REDIRECT else key, key: details}


def code_of(intent: Record, type: str) -> str:
    """What stands in the QR code of a payment. No bank reads it."""
    return f"SANDBOX:{type}:{intent.id}"


def asks_three_d_secure(intent: Record) -> bool:
    """Return whether the merchant asks for 3-D Secure with every card."""
    options: JsonObject = intent.get("payment_method_options") or {}
    card: JsonObject = options.get("card") or {}
    return card.get("request_three_d_secure") == "any"
