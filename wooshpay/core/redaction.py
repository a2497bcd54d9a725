"""Keeping secrets out of every text that the SDK writes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, NoReturn

from wooshpay.core.json import is_array, is_object

HIDDEN: Final = "[hidden]"

# Field names, on objects and in parameters, whose values are never shown.
SENSITIVE_FIELDS: Final = frozenset(
    {
        "access_token",
        "account_number",
        "api_key",
        "bank_account_number",
        "certificate_number",
        "client_secret",
        "cvc",
        "cvv",
        "iban",
        "id_number",
        "key",
        "legal_rep_id_number",
        "number",
        "pan",
        "password",
        "pin",
        "refresh_token",
        "routing_number",
        "secret",
        "user_id",
        "vpa",
        "webhook_secret",
    }
)
# The header's name, too. On an object it is the id of an authorization, which may be seen.
_SENSITIVE_NAMES: Final = SENSITIVE_FIELDS | {"authorization"}

_KEY = re.compile(r"(?<![A-Za-z0-9])((?:sk|pk|rk)_(?:test|live)_|whsec_)[A-Za-z0-9+/=_\-.]+")
_CLIENT_SECRET = re.compile(r"\b([a-z]+_(?:[A-Za-z0-9]+_)+?secret_)[A-Za-z0-9_\-]+")
_BASIC = re.compile(r"\b(Basic|Bearer)\s+[A-Za-z0-9+/=_\-.]+", re.IGNORECASE)
# Values that only their names give away: ``client_secret=...``, ``"access_token": "..."``, ``accessToken: ...``.
# A colon after a word of everyday language, as in "Invalid token: unexpected end", is followed by prose.
_NAMED = re.compile(
    r"((?:(?:access|refresh|id|auth)[_-]?token|(?:client|webhook)[_-]?secret|(?:api|secret|private)[_-]?key"
    r"|password|passwd)\\?[\"']?\s{0,3}[=:]|(?<![A-Za-z_-])(?:secret|token|signature)=)"
    r"(\s{0,3}\\?[\"']?)([^\s\"'\\&,;<>(){}]+)",
    re.IGNORECASE,
)
# The same for what is short and made of digits.
_NAMED_DIGITS = re.compile(
    r"((?<![A-Za-z])(?:cvc|cvv|pin|(?:account|routing|certificate|id)[_-]?number)\\?[\"']?\s{0,3}[=:])"
    r"(\s{0,3}\\?[\"']?)([A-Za-z-]{0,8}\d[A-Za-z0-9-]*)",
    re.IGNORECASE,
)
# An id such as pi_1693466278934609920 is no card number: the underscore before it says so.
_DIGITS = re.compile(r"(?<![\d_])\d(?:[ -]?\d){11,18}(?!\d)", re.ASCII)
# Of digits: the card number's own five, and what may stand around it.
_MOST_GROUPS: Final = 8
_GROUP = re.compile(r"\d+", re.ASCII)
_IBAN = re.compile(
    r"(?<![A-Za-z0-9_])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9_])", re.ASCII
)
_SHORTEST_IBAN: Final = 15
# What numbers of cards and accounts are written with, and how long that can be.
_PART_OF_NUMBER: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ -"
_LONGEST_NUMBER: Final = 48
# Characters of one text that are kept of JSON.
_LONGEST_TEXT: Final = 65_536
# As a number; smaller ones are amounts, and times in milliseconds.
LEAST_CARD: Final = 10**13


class Secret:
    """A text that does not show itself: ``repr`` and ``str`` give its kind only, ``reveal()`` the text."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({_visible_kind(self._value)!r})"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object, /) -> NoReturn:
        raise TypeError(
            "A secret cannot be pickled, because the pickle would hold it as plain text. Pass on what it is for, such"
            " as IDs and parameters, and read the secret from the environment where it is needed."
        )


def _visible_kind(value: str) -> str:
    found = _KEY.match(value)
    return f"{found.group(1)}..." if found else "..."


def _passes_luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit)
        if place % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return total % 10 == 0


def _hide_card_number(found: re.Match[str]) -> str:
    """Hide the card number among groups of digits; an expiry or a CVC beside it must not save it."""
    text = found.group()
    groups = list(_GROUP.finditer(text))
    if len(groups) > _MOST_GROUPS:
        return HIDDEN if _passes_luhn("".join(group.group() for group in groups)) else text
    for first in range(len(groups)):
        for last in reversed(range(first, len(groups))):
            run = [group.group() for group in groups[first : last + 1]]
            # Cards are written in groups of four and more: other runs of digits are dates and the like.
            plausible = len(run) == len(groups) or all(len(group) >= 4 for group in run[:-1])
            digits = "".join(run)
            if plausible and len(digits) >= 12 and _passes_luhn(digits):
                return f"{text[: groups[first].start()]}{HIDDEN}{text[groups[last].end() :]}"
    return text


def _hide_iban(found: re.Match[str]) -> str:
    """Hide the account number at the beginning of the groups found; what follows may be a currency or a word."""
    groups = found.group().split(" ")
    for last in range(len(groups), 0, -1):
        compact = "".join(groups[:last])
        if len(compact) >= _SHORTEST_IBAN and _is_iban(compact):
            return " ".join([HIDDEN, *groups[last:]])
    return found.group()


def _is_iban(text: str) -> bool:
    return int("".join(str(int(letter, 36)) for letter in text[4:] + text[:4])) % 97 == 1


def _hide_named(found: re.Match[str]) -> str:
    """Hide the value after a name, unless only the kind of a secret is left of it already."""
    name, between, value = found.groups()
    return found.group() if value.endswith(f"_{HIDDEN}") else f"{name}{between}{HIDDEN}"


def redact(text: str) -> str:
    """Take API keys, client secrets, tokens, credentials, IBANs and card numbers out of a text.

    What shows its kind by itself is found anywhere, the rest by the name in front of it.
    """
    text = _KEY.sub(rf"\1{HIDDEN}", text)
    text = _CLIENT_SECRET.sub(rf"\1{HIDDEN}", text)
    text = _BASIC.sub(rf"\1 {HIDDEN}", text)
    text = _NAMED.sub(_hide_named, text)
    text = _NAMED_DIGITS.sub(_hide_named, text)
    text = _IBAN.sub(_hide_iban, text)
    return _DIGITS.sub(_hide_card_number, text)


def excerpt(text: str, longest: int) -> str:
    """Give the beginning of a text, redacted; whatever its length, that takes no longer than for a short one.

    Args:
        text: The text.
        longest: How many characters of it to look at; a text that goes on ends with dots.
    """
    if len(text) <= longest:
        return redact(text)
    # A number of a card or an account must not be cut to one that is not recognized any more.
    sure, rest = text[: longest - _LONGEST_NUMBER], text[longest - _LONGEST_NUMBER : longest]
    return f"{redact(sure + rest.rstrip(_PART_OF_NUMBER))}..."


def redact_json(value: object, known: re.Pattern[str] | None = None) -> object:
    """Copy parsed JSON with every sensitive field hidden and every text redacted; very long ones are cut.

    Args:
        value: The JSON.
        known: Finds secrets that are known by their values; see `pattern_of`.
    """
    try:
        return _redacted(value, known)
    except RecursionError:
        return HIDDEN


def _redacted(value: object, known: re.Pattern[str] | None) -> object:
    if is_object(value):
        return {
            name: HIDDEN if name in _SENSITIVE_NAMES and item is not None else _redacted(item, known)
            for name, item in value.items()
        }
    if is_array(value):
        return [_redacted(item, known) for item in value]
    if isinstance(value, str):
        return without(excerpt(value, _LONGEST_TEXT), known)
    if isinstance(value, int) and value >= LEAST_CARD and redact(text := str(value)) != text:
        return HIDDEN
    return value


def sensitive_values(value: object) -> Iterator[str]:
    """Go through the values of all sensitive fields in parsed JSON, as text."""
    if is_object(value):
        for name, item in value.items():
            if name in _SENSITIVE_NAMES and isinstance(item, (str, int)) and not isinstance(item, bool):
                yield str(item)
            else:
                yield from sensitive_values(item)
    elif is_array(value):
        for item in value:
            yield from sensitive_values(item)


def pattern_of(secrets: Iterable[str]) -> re.Pattern[str] | None:
    """Make a pattern that finds these very secrets as whole words; ``None`` where there is none to find."""
    # A shorter one would be found in half of all texts.
    parts = sorted({re.escape(secret) for secret in secrets if len(secret) >= 3}, key=len, reverse=True)
    return re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(parts)})(?![A-Za-z0-9])") if parts else None


def without(text: str, known: re.Pattern[str] | None) -> str:
    """Take secrets that are known by their values out of a text."""
    return text if known is None else known.sub(HIDDEN, text)


def one_line(text: str, longest: int, known: re.Pattern[str] | None = None) -> str:
    """Make a text of others safe for a message or a line of a log: printable, on one line, short, without secrets."""
    # What is far beyond the end is not even looked at: an answer of megabytes must not hold the caller up.
    words = " ".join("".join(c if c.isprintable() else " " for c in text[: 8 * longest]).split())
    return excerpt(without(words, known), longest)
