"""The form of the hosted checkout page: what was typed, and what is wrong with it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

from wooshpay.core.json import JsonObject
from wooshpay.sandbox.lifecycles import customer_steps
from wooshpay.sandbox.rules.cards import digits_of, passes_luhn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wooshpay.sandbox.engine.errors import SandboxError
    from wooshpay.sandbox.engine.params import Params
    from wooshpay.sandbox.engine.store import Record


@attrs.frozen(kw_only=True)
class CardForm:
    """What a customer typed, and what the page shows again after a refusal.

    The response to the very form that was refused shows the card number again, as payment pages do that refuse without
    a reload: a customer corrects one digit, or pays once more. The number goes nowhere else: not into the state, the
    state file, a log or a URL. So a page that is loaded later, such as after a failed 3-D Secure challenge, shows what
    the API shows about the attempt: e-mail, name and expiry date. The security code is never shown again, since the
    card schemes forbid to keep it (PCI DSS 3.3).

    Attributes:
        method: The type of payment method.
        email: For the receipt.
        name: The name on the card.
        number: The card number.
        exp_month: The month of expiry.
        exp_year: The year of expiry, with two or four digits.
        cvc: The security code.
    """

    method: str = "card"
    email: str = ""
    name: str = ""
    number: str = attrs.field(default="", repr=False)
    exp_month: str = ""
    exp_year: str = ""
    cvc: str = attrs.field(default="", repr=False)

    @classmethod
    def after(cls, method: Record | None, details: JsonObject | None = None) -> CardForm:
        """Return the form of a page that is loaded.

        Args:
            method: The payment method of the last attempt, if it was refused.
            details: What else is known about the customer: ``email`` and ``name``.
        """
        known = details or {}
        tried: JsonObject = dict(method) if method is not None else {}
        billing: JsonObject = tried.get("billing_details") or {}
        card: JsonObject = tried.get("card") or {}
        return cls(
            email=known.get("email") or billing.get("email") or "",
            name=known.get("name") or billing.get("name") or "",
            exp_month=str(card.get("exp_month") or ""),
            exp_year=str(card.get("exp_year") or ""),
        )

    @classmethod
    def read(cls, posted: Mapping[str, str]) -> CardForm:
        """The form as it was sent."""
        known = {field.name for field in attrs.fields(cls)}
        return cls(**{name: value for name, value in posted.items() if name in known and value})

    def contact_errors(self) -> dict[str, str]:
        """What the customer has to change about themselves, by field."""
        if self.email and not customer_steps.is_email(self.email):
            return {"email": "Enter an e-mail address like name@example.com."}
        return {}

    def errors(self) -> dict[str, str]:
        """What the customer has to change, by field."""
        errors = self.contact_errors()
        if self.method != "card":
            return errors
        if not self.number:
            errors["number"] = "Enter the card number."
        elif not re.fullmatch(r"\d{12,19}", digits_of(self.number)) or not passes_luhn(digits_of(self.number)):
            errors["number"] = "This is not a valid card number. Check the digits."
        if not re.fullmatch(r"0?[1-9]|1[0-2]", self.exp_month) or not re.fullmatch(r"\d{2}|\d{4}", self.exp_year):
            errors["expiry"] = "Enter the expiry date as month and year, for example 08 and 2030."
        if not re.fullmatch(r"\d{3,4}", self.cvc):
            errors["cvc"] = "Enter the three or four digits of the security code."
        return errors

    def errors_for(self, error: SandboxError) -> dict[str, str]:
        """The field that a refusal is about, where it is about one."""
        field = customer_steps.FIELD_OF_CODE.get(error.code)
        return {field: error.message} if field is not None else {}

    def method_data(self) -> Params:
        """The form as ``payment_method_data``."""
        card = {"number": self.number, "exp_month": self.exp_month, "exp_year": self.exp_year, "cvc": self.cvc}
        return customer_steps.method_data(self.method, card, self.customer_details())

    def customer_details(self) -> JsonObject:
        """What the customer told about themselves."""
        return customer_steps.contact(self.email, self.name)
