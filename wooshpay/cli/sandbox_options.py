"""The options of ``wooshpay sandbox`` for what differs between accounts, and for keys that are known beforehand."""

from __future__ import annotations

import re
from collections.abc import Callable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from wooshpay.sandbox.engine.account_options import AccountOptions

F = TypeVar("F", bound=Callable[..., Any])

_MINIMUM: Final = re.compile(r"([A-Za-z]{3})=(\d{1,12})", re.ASCII)
_KEY_TEXT: Final = re.compile(r"[A-Za-z0-9_]{8,128}", re.ASCII)


def account_options(command: F) -> F:
    """Add the options that `account_settings` and `strictness` read."""
    for option in reversed(
        (
            click.option(
                "--payment-methods",
                metavar="TYPES",
                callback=_read_methods,
                help="Enable only these types of payment method, separated by commas: card,alipay. Default: all.",
            ),
            click.option(
                "--minimum-amount",
                "minimum_amounts",
                multiple=True,
                metavar="CURRENCY=AMOUNT",
                callback=_read_minimums,
                help="Smallest payment in a currency, in minor units: USD=50. May be repeated. Default: USD=50.",
            ),
            click.option(
                "--plan-changes",
                type=click.Choice(["invoice", "charge"]),
                help="What always_invoice does: create an invoice that you pay, or charge it at once."
                " Default: invoice.",
            ),
            click.option(
                "--error-bodies",
                type=click.Choice(["nested", "flat"]),
                help="Put the error object under `error`, or its members at the top level. Default: nested.",
            ),
            click.option(
                "--refuse-unknown-currencies", is_flag=True, help="Refuse currencies that ISO 4217 does not list."
            ),
            click.option(
                "--business-name",
                metavar="NAME",
                callback=_read_name,
                help="Name of the shop on the hosted pages. Default: Sandbox shop.",
            ),
            click.option("--strict", is_flag=True, help="Refuse parameters that WooshPay does not document."),
        )
    ):
        command = option(command)
    return command


def account_settings(
    *,
    payment_methods: tuple[str, ...] | None,
    minimum_amounts: dict[str, int] | None,
    plan_changes: str | None,
    error_bodies: str | None,
    refuse_unknown_currencies: bool,
    business_name: str | None,
) -> AccountOptions:
    """Return what the options say. What was not passed keeps the default of `AccountOptions`."""
    from wooshpay.sandbox.engine.account_options import AccountOptions

    given: dict[str, Any] = {
        "payment_methods": payment_methods,
        "minimum_amounts": minimum_amounts,
        "plan_changes": plan_changes,
        "error_bodies": error_bodies,
        "unknown_currencies": "refused" if refuse_unknown_currencies else None,
        "business_name": business_name,
    }
    return AccountOptions(**{name: value for name, value in given.items() if value is not None})


def strictness(strict: bool) -> dict[str, Any]:
    """Return the argument of `Sandbox` that ``--strict`` stands for; none without it."""
    return {"strict": True} if strict else {}


def sandbox_key(option: str, variable: str, start: str, what: str) -> Callable[[F], F]:
    """Add an option for a key of the sandbox that other programs know beforehand, as in a compose file.

    It is not confidential, because it opens nothing but a sandbox. So it may be given on the command line.

    Args:
        option: The name of the option.
        variable: The environment variable that may hold it.
        start: How the key must begin.
        what: What the key is, for the help.
    """

    def check(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
        if value is not None and not (
            value.startswith(start) and _KEY_TEXT.fullmatch(value) and len(value) >= len(start) + 8
        ):
            # The value is not repeated: it may be a live key.
            raise click.BadParameter(
                f"must begin with {start}, followed by 8 or more letters and digits. Make one up; never use a real key."
            )
        return value

    return click.option(
        option,
        envvar=variable,
        show_envvar=True,
        metavar="KEY",
        callback=check,
        help=f"{what}, {start}... Default: a generated one, or that of the state file.",
    )


def _read_methods(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    if value is None:
        return None
    from wooshpay.sandbox.rules.methods import TYPES

    names = tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
    if not names:
        raise click.BadParameter("names no type. Pass types separated by commas, such as card,alipay.")
    for name in names:
        if name not in TYPES:
            near = get_close_matches(name, TYPES, 1)
            hint = f"Did you mean {near[0]}?" if near else f"The types are {', '.join(sorted(TYPES))}."
            raise click.BadParameter(f"{name!r} is not a type of payment method. {hint}")
    return names


def _read_minimums(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, int] | None:
    found: dict[str, int] = {}
    for value in values:
        match = _MINIMUM.fullmatch(value)
        if match is None:
            raise click.BadParameter(
                f"{value!r} is not a currency and an amount. Write the amount in minor units, such as USD=50."
            )
        found[match[1].upper()] = int(match[2])
    return found or None


def _read_name(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not value.strip():
        raise click.BadParameter("The name is empty. Pass the name of a shop, or leave the option out.")
    return value
