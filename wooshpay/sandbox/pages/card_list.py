"""The test cards as the pages list them: in groups, by what happens."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Final

import attrs

from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.rules.cards import CARDS, TestCard

_SUCCEEDS: Final = "Succeeds"
_CHALLENGED: Final = "3-D Secure"
_DECLINED: Final = "Declined"
_OTHER: Final = "Other outcomes"
_YEARS_LEFT: Final = 4


@attrs.frozen
class Group:
    """Test cards with a similar outcome.

    Attributes:
        name: The heading of the group.
        first: The card that is always shown.
        more: The other cards, which are shown on demand.
    """

    name: str
    first: TestCard
    more: tuple[TestCard, ...]


@attrs.frozen
class Panel:
    """The list beside a card form, and what a click fills in with the number.

    Attributes:
        year: A year in which the card expires. It is good now, by the sandbox's clock.
        month: A month in which the card expires.
        cvc: A security code; any is accepted.
    """

    year: str
    month: str = "12"
    cvc: str = "123"

    @property
    def groups(self) -> tuple[Group, ...]:
        """The cards."""
        return groups()

    def spaced(self, number: str) -> str:
        """Return a card number as it is shown."""
        return spaced(number)


@cache
def groups() -> tuple[Group, ...]:
    """Return all test cards, in groups."""
    members: dict[str, list[TestCard]] = {_SUCCEEDS: [], _CHALLENGED: [], _DECLINED: [], _OTHER: []}
    for card in CARDS:
        members[_group_of(card)].append(card)
    return tuple(Group(name, cards[0], tuple(cards[1:])) for name, cards in members.items())


def spaced(number: str) -> str:
    """Return a card number in groups of four digits, as it stands on cards."""
    return " ".join(number[place : place + 4] for place in range(0, len(number), 4))


def panel(state: State) -> Panel:
    """Return the list beside a card form."""
    now = datetime.fromtimestamp(state.clock.now / 1000, UTC)
    return Panel(year=str(now.year + _YEARS_LEFT))


def _group_of(card: TestCard) -> str:
    if card.challenge:
        return _CHALLENGED
    if card.later or card.saved or card.refund or card.dispute:
        return _OTHER
    return _SUCCEEDS if card.decline is None else _DECLINED
