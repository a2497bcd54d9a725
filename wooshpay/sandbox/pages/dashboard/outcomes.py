"""The outcomes that a tester chooses by what is paid with."""

from __future__ import annotations

from aiohttp import web

from wooshpay.sandbox.pages.dashboard.desk import Desk, Visit
from wooshpay.sandbox.pages.dashboard.showing import show
from wooshpay.sandbox.rules.cards import CARDS
from wooshpay.sandbox.rules.payout_outcomes import ACCOUNTS


def show_outcomes(desk: Desk, visit: Visit) -> web.Response:
    """Test cards, other payment methods, accounts to pay out to."""
    return show(desk, "outcomes", title="Test cards", section="outcomes", cards=CARDS, accounts=ACCOUNTS)
