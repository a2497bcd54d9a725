"""Which payments the account accepts: enabled types of payment method, their currencies and amounts, smallest amounts.

The limits of the types are in `wooshpay.sandbox.rules.methods`, what differs between accounts in
`wooshpay.sandbox.engine.account_options`. A request that lists several types is refused only if none of them can be
used: programs in use send every type that they know, in any currency, and WooshPay accepts that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.rules import methods
from wooshpay.sandbox.rules.currencies import written
from wooshpay.sandbox.rules.methods import SAVED, TYPES

# Offered on a page if neither the merchant's request nor the account's options list the types.
DEFAULT_TYPES: Final = ("card", "alipay")


def enabled_types(state: State) -> tuple[str, ...]:
    """Return the types of payment method that are enabled for the account."""
    return TYPES if state.options.payment_methods is None else state.options.payment_methods


def offered_types(state: State) -> list[str]:
    """Return the types that a page offers if the merchant listed none."""
    return list(DEFAULT_TYPES if state.options.payment_methods is None else state.options.payment_methods)


def usual_types(state: State) -> list[str]:
    """Return the types of an intent if the merchant listed none: a card, if it is enabled."""
    return ["card"] if "card" in enabled_types(state) else list(enabled_types(state))


def require_enabled(state: State, type: str, *, param: str) -> None:
    """Refuse a type of payment method that is not enabled for the account.

    Raises:
        SandboxError: 400, ``payment_method_not_enabled``.
    """
    if type not in enabled_types(state):
        raise SandboxError(
            f"The payment method type {type} is not enabled for this account."
            f" Use one of {', '.join(enabled_types(state))}, or enable it first.",
            code="payment_method_not_enabled",
            param=param,
        )


def require_minimum(state: State, amount: int, currency: str, *, param: str = "amount") -> None:
    """Refuse a payment below the account's minimum. An amount of 0 needs no payment and passes.

    Raises:
        SandboxError: 400, ``amount_too_small``.
    """
    least = state.options.minimum_amounts.get(currency, 0)
    if 0 < amount < least:
        raise SandboxError(
            f"The smallest payment in {currency} is {written(least, currency)}, and this one is"
            f" {written(amount, currency)}. Charge at least {least} minor units.",
            code="amount_too_small",
            param=param,
        )


def obstacle(state: State, type: str, amount: int, currency: str, *, saving: bool = False) -> str | None:
    """Return why a type of payment method cannot be used for a payment, as sentences; None if it can.

    Args:
        state: The sandbox.
        type: The type of payment method.
        amount: The amount in minor units.
        currency: The currency.
        saving: Whether later payments will use the method again, so that it must be saved.
    """
    if saving and type not in SAVED:
        return f"{type} cannot be saved for later payments."
    try:
        require_enabled(state, type, param="type")
        methods.require_payable(type, amount, currency)
    except SandboxError as error:
        return error.message
    return None


def require_one_usable(
    state: State, types: Sequence[str], amount: int, currency: str, *, saving: bool = False, param: str
) -> None:
    """Refuse a payment that none of these types of payment method can make.

    Raises:
        SandboxError: 400, ``payment_method_not_usable``; the message says why, for each type.
    """
    found = [obstacle(state, type, amount, currency, saving=saving) for type in types]
    reasons = [reason for reason in found if reason is not None]
    if len(reasons) == len(found):
        raise SandboxError(
            f"No payment method can be used for this payment of {written(amount, currency)}. {' '.join(reasons)}",
            code="payment_method_not_usable",
            param=param,
        )
