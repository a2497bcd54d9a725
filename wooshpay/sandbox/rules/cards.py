"""Test cards: the number alone decides what becomes of a payment."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

import attrs

_DIGITS = re.compile(r"\d{12,19}")
_SEPARATORS = re.compile(r"[ \-]")


@attrs.frozen
class Decline:
    """Why an issuer refuses.

    Attributes:
        code: The code of the error.
        decline_code: The issuer's reason.
        message: A sentence that may be shown to the customer.
    """

    code: str
    decline_code: str
    message: str

    def facts(self) -> dict[str, str]:
        """The same as JSON, to be kept with an object; ``Decline(**facts)`` reads it."""
        return {"code": self.code, "decline_code": self.decline_code, "message": self.message}


def _declined(reason: str, message: str) -> Decline:
    return Decline("card_declined", reason, message)


GENERIC = _declined("generic_decline", "The card was declined.")
INSUFFICIENT_FUNDS = _declined("insufficient_funds", "The card has insufficient funds.")
LOST = _declined("lost_card", "The card was declined.")
STOLEN = _declined("stolen_card", "The card was declined.")
DO_NOT_HONOR = _declined("do_not_honor", "The card was declined. The customer should ask the bank.")
FRAUDULENT = _declined("fraudulent", "The payment was blocked as it looks fraudulent.")
VELOCITY = _declined("card_velocity_exceeded", "The card's balance or credit limit is used up.")
AUTHENTICATION_REQUIRED = _declined("authentication_required", "The bank asks the customer to authenticate.")
EXPIRED = Decline("expired_card", "expired_card", "The card has expired.")
INCORRECT_CVC = Decline("incorrect_cvc", "incorrect_cvc", "The card's security code is wrong.")
INCORRECT_NUMBER = Decline("incorrect_number", "incorrect_number", "The card number is wrong.")
PROCESSING_ERROR = Decline("processing_error", "processing_error", "The card could not be processed. Try again later.")


@attrs.frozen(kw_only=True)
class TestCard:
    """A card of the table.

    Attributes:
        number: The card number.
        payment_method: The ID of the ready-made payment method with this card, such as ``pm_card_visa``. It works
            wherever the API accepts the ID of a payment method.
        does: What happens, for people.
        decline: Why it is refused, where it is.
        challenge: Whether 3-D Secure always asks; other cards are asked with ``request_three_d_secure`` any.
        later: Whether the outcome comes after a while, with the status ``processing`` until then.
        always: Whether 3-D Secure asks even where the card was saved for use without the customer.
        saved: Whether it can be saved for later although payments with it are refused.
        refund: What becomes of refunds: ``later`` they succeed after a while, ``fails`` they fail after a while;
            empty where they succeed at once.
        dispute: The reason of the dispute that follows a payment after a while; empty where none does.
    """

    __test__ = False  # no test class, whatever pytest makes of its name

    number: str
    payment_method: str = ""
    does: str
    decline: Decline | None = None
    challenge: bool = False
    always: bool = False
    later: bool = False
    saved: bool = False
    refund: str = ""
    dispute: str = ""


CARDS: Final = (
    TestCard(
        number="4111111111111111",
        payment_method="pm_card_visa",
        does="Succeeds; asks for 3-D Secure with request_three_d_secure any",
    ),
    TestCard(
        number="4761344136141390",
        payment_method="pm_card_3ds",
        does="Asks for 3-D Secure, then succeeds",
        challenge=True,
    ),
    TestCard(
        number="4000002500003155",
        payment_method="pm_card_3ds_until_saved",
        does="Asks for 3-D Secure, then succeeds; once saved for off_session it does not ask there",
        challenge=True,
    ),
    TestCard(
        number="4000002760003184",
        payment_method="pm_card_3ds_off_session",
        does="Asks for 3-D Secure, then succeeds; asks off session too, however it was saved",
        challenge=True,
        always=True,
    ),
    TestCard(
        number="4000008400001629",
        payment_method="pm_card_3ds_declined",
        does="Asks for 3-D Secure, then is declined",
        challenge=True,
        decline=GENERIC,
    ),
    TestCard(
        number="4000000000000002", payment_method="pm_card_declined", does="Declined: generic_decline", decline=GENERIC
    ),
    TestCard(
        number="4000000000009995",
        payment_method="pm_card_insufficient_funds",
        does="Declined: insufficient_funds",
        decline=INSUFFICIENT_FUNDS,
    ),
    TestCard(number="4000000000009987", payment_method="pm_card_lost", does="Declined: lost_card", decline=LOST),
    TestCard(number="4000000000009979", payment_method="pm_card_stolen", does="Declined: stolen_card", decline=STOLEN),
    TestCard(
        number="4000000000000101",
        payment_method="pm_card_do_not_honor",
        does="Declined: do_not_honor",
        decline=DO_NOT_HONOR,
    ),
    TestCard(
        number="4100000000000019", payment_method="pm_card_fraudulent", does="Declined: fraudulent", decline=FRAUDULENT
    ),
    TestCard(
        number="4000000000006975",
        payment_method="pm_card_velocity_exceeded",
        does="Declined: card_velocity_exceeded",
        decline=VELOCITY,
    ),
    TestCard(
        number="4000000000000069", payment_method="pm_card_expired", does="Refused: expired_card", decline=EXPIRED
    ),
    TestCard(
        number="4000000000000127",
        payment_method="pm_card_incorrect_cvc",
        does="Refused: incorrect_cvc",
        decline=INCORRECT_CVC,
    ),
    TestCard(
        number="4000000000000119",
        payment_method="pm_card_processing_error",
        does="Refused: processing_error",
        decline=PROCESSING_ERROR,
    ),
    TestCard(
        number="4000000000000077",
        payment_method="pm_card_pending",
        does="Is processing for a minute, then succeeds",
        later=True,
    ),
    TestCard(
        number="4000000000000051",
        payment_method="pm_card_pending_declined",
        does="Is processing for a minute, then is declined",
        later=True,
        decline=GENERIC,
    ),
    TestCard(
        number="4000000000000341",
        payment_method="pm_card_declined_after_saving",
        does="Can be saved; every payment is declined",
        saved=True,
        decline=GENERIC,
    ),
    TestCard(
        number="4000000000007726",
        payment_method="pm_card_refund_pending",
        does="Succeeds; a refund is pending for a minute",
        refund="later",
    ),
    TestCard(
        number="4000000000005126",
        payment_method="pm_card_refund_fails",
        does="Succeeds; a refund is pending for a minute, then fails and the money comes back",
        refund="fails",
    ),
    TestCard(
        number="4000000000000259",
        payment_method="pm_card_disputed",
        does="Succeeds, then is disputed: fraudulent",
        dispute="fraudulent",
    ),
    TestCard(
        number="4000000000002685",
        payment_method="pm_card_disputed_not_received",
        does="Succeeds, then is disputed: product_not_received",
        dispute="product_not_received",
    ),
)
"""Every card with an outcome of its own. Any other number with a right check digit succeeds."""

_BY_OUTCOME: Final = {
    **{card.number: card for card in CARDS},
    "succeeds": TestCard(number="", does="Succeeds"),
    "wrong_number": TestCard(number="", does="Refused: incorrect_number", decline=INCORRECT_NUMBER),
}

_BY_METHOD: Final = {card.payment_method: card for card in CARDS}

_BRANDS: Final = (
    ("visa", re.compile("4")),
    ("mastercard", re.compile("5[1-5]|2[2-7]")),
    ("amex", re.compile("3[47]")),
    ("jcb", re.compile("35")),
    ("diners", re.compile("3[068]")),
    ("discover", re.compile("6011|65")),
    ("unionpay", re.compile("62")),
)


def digits_of(number: str) -> str:
    """The number without spaces and dashes."""
    return _SEPARATORS.sub("", number)


def outcome_of(number: str) -> str:
    """A name for what the card with this number does. Only a number of the table is its own name."""
    digits = digits_of(number)
    if not _DIGITS.fullmatch(digits) or not passes_luhn(digits):
        return "wrong_number"
    return digits if digits in _BY_OUTCOME else "succeeds"


def card_with(outcome: str) -> TestCard:
    """The card that stands for an outcome."""
    return _BY_OUTCOME[outcome]


def card_for_method(payment_method: str) -> TestCard | None:
    """Return the test card of a ready-made payment method, such as ``pm_card_visa``; None for any other ID."""
    return _BY_METHOD.get(payment_method)


def passes_luhn(digits: str) -> bool:
    """Whether the last digit of a card number is the check digit of the others."""
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def brand_of(number: str) -> str:
    """The card network, by the first digits."""
    digits = digits_of(number)
    return next((name for name, start in _BRANDS if start.match(digits)), "unknown")


def fingerprint_of(number: str, key: str) -> str:
    """The same text for the same card; it does not give the number away."""
    return hmac.new(key.encode(), digits_of(number).encode(), hashlib.sha256).hexdigest()[:16]
