"""Rendering a page of the dashboard, with the parts that all pages share."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from wooshpay.sandbox.pages.dashboard.access import form_token
from wooshpay.sandbox.pages.dashboard.changes import stamp
from wooshpay.sandbox.pages.dashboard.desk import Desk
from wooshpay.sandbox.pages.dashboard.words import counted, iso, kind_name, plural, time_text, tone
from wooshpay.sandbox.pages.templates import page

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)

NAVIGATION: Final = (
    ("", "Overview"),
    ("objects", "Objects"),
    ("requests", "Requests"),
    ("events", "Events"),
    ("webhooks", "Webhooks"),
    ("clock", "Clock"),
    ("faults", "Faults"),
    ("outcomes", "Test cards"),
    ("acts", "Simulated actions"),
)


def show(
    desk: Desk,
    template: str,
    *,
    title: str,
    section: str,
    status: int = 200,
    still: bool = False,
    **facts: Any,
) -> web.Response:
    """Render a page of the dashboard.

    Args:
        desk: The sandbox.
        template: The template's name, without its ending.
        title: The title of the page.
        section: The entry of the navigation that is marked.
        status: The HTTP status.
        still: Whether the page is the result of a form, and does not update by itself.
        facts: The values that the template shows.
    """
    clock = desk.state.clock
    return page(
        f"dashboard/templates/{template}",
        status=status,
        policy=POLICY,
        title=title,
        section=section,
        navigation=NAVIGATION,
        stamp=stamp(desk),
        still=still,
        token=form_token(desk.state),
        now=clock.now,
        frozen=clock.frozen,
        faults_on=len(desk.faults),
        iso=iso,
        time_text=time_text,
        tone=tone,
        kind_name=kind_name,
        plural=plural,
        counted=counted,
        **facts,
    )
