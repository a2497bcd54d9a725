"""A sandbox that resumes under another URL: the pages to which payments under way lead move with it."""

from __future__ import annotations

import re
from typing import Any, Final

from wooshpay.core.json import is_array, is_object
from wooshpay.sandbox.engine.state import State

# The pages of a `next_action`. All other URLs are built for each response.
_OWN_PAGE: Final = re.compile(r"https?://[^/?#]+(?=/(?:3ds/challenge|paymentcode)\?)")


def move_pages(state: State) -> None:
    """Let the ``next_action`` of every payment and setup begin with the sandbox's present URL."""
    for kind in ("payment_intent", "setup_intent"):
        for record in state.store[kind].look():
            action = record.get("next_action")
            moved = _moved(action, state.base_url)
            if moved != action:
                # Found again, so that the state file hears of the change.
                (state.store[kind].get(record.id) or record)["next_action"] = moved


def _moved(value: Any, base_url: str) -> Any:
    if is_object(value):
        return {name: _moved(item, base_url) for name, item in value.items()}
    if is_array(value):
        return [_moved(item, base_url) for item in value]
    return _OWN_PAGE.sub(lambda _: base_url, value, count=1) if isinstance(value, str) else value
