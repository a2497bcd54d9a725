"""Refusing times in the wrong unit. A real gateway would take them for a moment in 1970, or in a far future."""

from __future__ import annotations

import re
from typing import Final

from wooshpay.core.json import Json
from wooshpay.core.units import TimeUnit
from wooshpay.sandbox.engine.errors import SandboxError

# Seconds reach this in the year 5138; milliseconds were there in March 1973.
_MILLISECONDS_FROM: Final = 100_000_000_000
_DIGITS: Final = re.compile(r"\d{1,18}", re.ASCII)


def check_unit(value: Json, unit: TimeUnit, *, param: str) -> None:
    """Refuse a time that can only be meant in the other unit. Values that are not times are left to others.

    Args:
        value: The time, as a number or as text. 0 is the same in both units.
        unit: The unit in which the parameter is documented.
        param: The name of the parameter.

    Raises:
        SandboxError: 400, the time is in the other unit; the message names the parameter and the unit.
    """
    number = int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else value
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        return
    if (number >= _MILLISECONDS_FROM) == (unit == "milliseconds"):
        return
    other, advice = (
        ("seconds", "multiply it by 1000") if unit == "milliseconds" else ("milliseconds", "divide it by 1000")
    )
    raise SandboxError(
        f"The parameter {param} must be in {unit} since 1970, and {number} is in {other}: {advice}.",
        code="parameter_invalid",
        param=param,
    )
