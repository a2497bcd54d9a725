"""A customer's browser, as far as paying needs one: pages, forms, redirects."""

from __future__ import annotations

from collections.abc import Mapping
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import aiohttp
import attrs

if TYPE_CHECKING:
    from typing import Self


@attrs.define
class Form:
    """A form of a page.

    Attributes:
        action: Where it is sent.
        fields: The values of its inputs, by name, as the page filled them in.
    """

    action: str
    fields: dict[str, str] = attrs.field(factory=dict[str, str])


@attrs.frozen
class Page:
    """A page that was opened.

    Attributes:
        url: Its address, after all redirects.
        status: Its HTTP status.
        heading: The first heading.
        forms: Its forms.
    """

    url: str
    status: int
    heading: str
    forms: list[Form]

    def form_with(self, field: str) -> Form:
        """The form that asks for a field.

        Raises:
            LookupError: There is none.
        """
        for form in self.forms:
            if field in form.fields:
                return form
        raise LookupError(f"The page {self.heading!r} (HTTP {self.status}) has no form that asks for {field!r}.")


class Browser:
    """Opens pages and sends forms. Use it with ``async with``."""

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._session.close()

    async def open(self, url: str) -> Page:
        """Open an address."""
        async with self._session.get(url) as response:
            return await _read(response)

    async def send(self, form: Form, typed: Mapping[str, str]) -> Page:
        """Fill a form in, send it, and go where that leads.

        Raises:
            LookupError: The form does not ask for something that was typed.
        """
        unasked = typed.keys() - form.fields.keys()
        if unasked:
            raise LookupError(f"The form does not ask for {', '.join(sorted(unasked))}.")
        async with self._session.post(form.action, data={**form.fields, **typed}) as response:
            return await _read(response)


async def _read(response: aiohttp.ClientResponse) -> Page:
    url = str(response.url)
    reader = _Reader(url)
    reader.feed(await response.text())
    return Page(url, response.status, reader.heading.strip(), reader.forms)


class _Reader(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.heading = ""
        self._url = url
        self._form: Form | None = None
        self._in_heading = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("name")
        if tag == "form":
            self._form = Form(urljoin(self._url, given.get("action") or ""))
            self.forms.append(self._form)
        elif tag == "input" and self._form is not None and name:
            self._form.fields[name] = given.get("value") or ""
        elif tag == "h1" and not self.heading:
            self._in_heading = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "h1":
            self._in_heading = False

    def handle_data(self, data: str) -> None:
        if self._in_heading:
            self.heading += data
