"""What tests look for on a page in a browser: contrast, labels, one heading, targets for fingers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.browsing import fits

if TYPE_CHECKING:
    from playwright.async_api import Page

# Every text that can be seen, with its contrast against what is painted behind it (WCAG 2: at least 4.5).
_LOW_CONTRAST = """() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const [r, g, b, a = 1] = numbers(getComputedStyle(one).backgroundColor);
      if (a === 1) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const low = [];
  for (const element of document.body.querySelectorAll("*")) {
    const own = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    if (!own || !element.checkVisibility() || ["SCRIPT", "STYLE"].includes(element.tagName)) continue;
    const [one, two] = [light(numbers(getComputedStyle(element).color)), light(behind(element))].sort((a, b) => b - a);
    const contrast = (one + 0.05) / (two + 0.05);
    if (contrast < 4.5) low.push(`${element.textContent.trim().slice(0, 40)}: ${contrast.toFixed(2)}`);
  }
  return low;
}"""

_SMALL_TARGETS = """() => [...document.querySelectorAll("button, input, summary, a.button, a.cancel")]
  .filter((element) => element.checkVisibility() && element.getBoundingClientRect().height < 24)
  .map((element) => element.textContent.trim() || element.name)"""

_WITHOUT_LABEL = """() => [...document.querySelectorAll("input:not([type=hidden]), select, textarea")]
  .filter((field) => field.labels.length === 0).map((field) => field.name)"""


async def check(page: Page, name: str) -> None:
    """Check what has to hold for every page, in light and in dark."""
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        assert await page.evaluate(_LOW_CONTRAST) == [], (name, scheme)
    await page.emulate_media(color_scheme="light")
    assert await fits(page), name
    assert await page.get_by_role("heading", level=1).count() == 1, name
    assert await page.get_by_role("main").count() == 1, name
    assert await page.evaluate(_WITHOUT_LABEL) == [], name
    assert await page.evaluate(_SMALL_TARGETS) == [], name
    ids: list[Any] = await page.evaluate("[...document.querySelectorAll('[id]')].map((element) => element.id)")
    assert len(ids) == len(set(ids)), name


async def is_outlined(page: Page) -> bool:
    """Whether one can see where the keyboard is."""
    found: bool = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle !== 'none'")
    return found
