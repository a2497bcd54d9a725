"""Test accounts: the number that a payout goes to decides whether it arrives."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

_DIGIT = re.compile(r"\d")


@attrs.frozen
class Failure:
    """Why a payout fails.

    Attributes:
        code: The payout's ``failure_code``.
        message: The payout's ``failure_message``.
    """

    code: str
    message: str


@attrs.frozen
class TestAccount:
    """A number to pay out to, and how the bank answers.

    Attributes:
        number: The digits at the end of the account number, or of a wallet's user id, phone number or address.
        failure: Why it fails.
    """

    __test__ = False  # no test class, whatever pytest makes of its name

    number: str
    failure: Failure

    @property
    def msisdn(self) -> str:
        """The phone number of a mobile money account that fails in the same way, such as ``250111111113``."""
        return f"250{self.number[-9:]}"


COULD_NOT_PROCESS: Final = Failure("could_not_process", "The bank could not process the payout.")

ACCOUNTS: Final = (
    TestAccount("000111111113", Failure("account_closed", "The bank account was closed.")),
    TestAccount("000111111116", Failure("no_account", "The bank found no account with this number.")),
    TestAccount("000222222227", Failure("account_frozen", "The bank account is frozen.")),
    TestAccount("000333333335", Failure("declined", "The bank declined the payout.")),
    TestAccount("000444444440", Failure("invalid_currency", "The account does not take this currency.")),
    TestAccount(
        "000555555559",
        Failure("incorrect_account_holder_name", "The account belongs to somebody of another name."),
    ),
    TestAccount("000666666661", COULD_NOT_PROCESS),
)
"""Every account that a payout fails at. It arrives at all others."""

CODES: Final = {account.failure.code: account.failure for account in ACCOUNTS}
"""The reasons that the sandbox knows a message for, by their code."""


def failure_of(details: Mapping[str, Any]) -> Failure | None:
    """Why payouts to this place fail; ``None`` where they arrive.

    Args:
        details: The object that ``destination_type`` names.
    """
    msisdn: str | None = details.get("msisdn")
    for account in ACCOUNTS:
        if msisdn == account.msisdn or any(digits.endswith(account.number) for digits in _digits(details)):
            return account.failure
    return None


def _digits(details: Mapping[str, Any]) -> Iterator[str]:
    for value in details.values():
        if isinstance(value, str):
            # What follows the @ of a UPI address is the bank.
            yield "".join(_DIGIT.findall(value.partition("@")[0]))
