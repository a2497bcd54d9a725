"""What differs between the accounts of merchants: which methods are enabled, and how the gateway behaves for them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

import attrs

from wooshpay.sandbox.engine.errors import ErrorBodies
from wooshpay.sandbox.engine.params import MAX_AMOUNT

if TYPE_CHECKING:
    _Attribute = attrs.Attribute[Any]

_CURRENCY: Final = re.compile(r"[A-Z]{3}")


def _types_of(value: Iterable[str] | None) -> tuple[str, ...] | None:
    # A single name stands for one type; as a sequence it would be a list of letters.
    return (value,) if isinstance(value, str) else None if value is None else tuple(value)


def _by_currency(value: Mapping[str, int]) -> Mapping[str, int]:
    return MappingProxyType({str(currency).upper(): amount for currency, amount in value.items()})


def _are_types(options: AccountOptions, attribute: _Attribute, value: tuple[str, ...]) -> None:
    # Imported here, as the rules stand above the engine.
    from wooshpay.sandbox.rules.methods import TYPES

    if not value:
        raise ValueError("payment_methods is empty. List at least one type, such as card, or pass None to enable all.")
    for type in value:
        if type not in TYPES:
            from difflib import get_close_matches  # only for a mistake

            near = get_close_matches(str(type), TYPES, 1)
            hint = f"Did you mean {near[0]}?" if near else f"The types are {', '.join(sorted(TYPES))}."
            raise ValueError(f"payment_methods: {type!r} is not a type of payment method. {hint}")
    if len(set(value)) < len(value):
        raise ValueError("payment_methods lists a type twice. List each type once.")


def _are_amounts(options: AccountOptions, attribute: _Attribute, value: Mapping[str, object]) -> None:
    for currency, amount in value.items():
        if not _CURRENCY.fullmatch(currency):
            raise ValueError(f"minimum_amounts: {currency!r} is not a currency code. Use three letters, such as USD.")
        if isinstance(amount, bool) or not isinstance(amount, int) or not 0 <= amount <= MAX_AMOUNT:
            raise ValueError(
                f"minimum_amounts: {amount!r} is not a valid amount for {currency}."
                f" Use a whole number of minor units from 0 to {MAX_AMOUNT}."
            )


def _one_of(*choices: str) -> Callable[[AccountOptions, _Attribute, str], None]:
    def validate(options: AccountOptions, attribute: _Attribute, value: str) -> None:
        if value not in choices:
            raise ValueError(f"{attribute.name}: {value!r} is not a valid value. Use one of {', '.join(choices)}.")

    return validate


def _not_blank(options: AccountOptions, attribute: _Attribute, value: object) -> None:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{attribute.name} is empty. Pass the name of a shop, or leave it out.")


@attrs.frozen(kw_only=True)
class AccountOptions:
    """How the sandbox behaves where accounts of merchants differ, or where nobody has seen what WooshPay does.

    Attributes:
        payment_methods: The types of payment method that are enabled, such as ``("card", "alipay")``. Pages offer only
            these, and a request that names another type is refused. Default: all.
        minimum_amounts: The smallest payment by currency, in minor units. A currency that is not listed has none.
            Default: 50 for USD, as documented. It applies to payment intents, checkout sessions and payment links, not
            to invoices.
        unknown_currencies: Whether currency codes that ISO 4217 does not list are accepted or refused.
        plan_changes: What happens to the invoice of a change of plan, with ``proration_behavior="always_invoice"`` or
            with a price of another interval. ``"invoice"`` leaves it open, and the merchant pays it with
            ``invoices.pay``, as in WooshPay's documented flow; after an hour it is charged by itself. ``"charge"``
            charges it at once, as Stripe does by default: if the card is declined or the customer has to authenticate,
            the call still succeeds with the new plan in place, the subscription is ``past_due``, and the invoice stays
            open and is tried again.
        error_bodies: ``"nested"`` puts the error object under ``error``; ``"flat"`` puts its members at the top level.
        business_name: The name of the shop, which the hosted pages show to customers. Default: ``Sandbox shop``.

    Raises:
        ValueError: An option does not have a valid value; the message names the option.
    """

    payment_methods: tuple[str, ...] | None = attrs.field(
        default=None, converter=_types_of, validator=attrs.validators.optional(_are_types)
    )
    minimum_amounts: Mapping[str, int] = attrs.field(
        factory=lambda: {"USD": 50}, converter=_by_currency, validator=_are_amounts
    )
    unknown_currencies: Literal["accepted", "refused"] = attrs.field(
        default="accepted", validator=_one_of("accepted", "refused")
    )
    plan_changes: Literal["invoice", "charge"] = attrs.field(default="invoice", validator=_one_of("invoice", "charge"))
    error_bodies: ErrorBodies = attrs.field(default="nested", validator=_one_of("nested", "flat"))
    business_name: str = attrs.field(default="Sandbox shop", validator=_not_blank)
