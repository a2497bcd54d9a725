"""What a state file holds beside the objects: the account, how the clock was set, how far ids have come, the port."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import attrs

from wooshpay.sandbox.engine.keeping import Row, decode, encode
from wooshpay.sandbox.engine.state import Account, State

_ID: Final = "sandbox"


@attrs.define(eq=False)
class Facts:
    """The facts about one sandbox.

    Attributes:
        state: The sandbox.
        chosen: Keys of the account that the user gave; they count more than those in the file.
        port: Where it listens, or listened the last time; 0 for nowhere yet.
        kept_webhook_secret: The webhook secret in the state file, which the user may have changed.
    """

    state: State
    chosen: dict[str, str]
    port: int = 0
    kept_webhook_secret: str | None = None
    _kept: tuple[Any, ...] | None = None

    table = "facts"

    def restore(self, rows: Iterable[Row]) -> None:
        """Begin with the facts that the state file holds.

        Raises:
            StateFileError: The sandbox has another seed than the file.
        """
        for row in rows:
            facts = decode(row.body or b"")
            seed = self.state.ids.seed
            # As text: JSON writers have a largest number, and Python has none.
            first = None if facts["seed"] is None else int(facts["seed"])
            if seed is not None and seed != first:
                from wooshpay.sandbox.engine.journal import StateFileError

                made = "without a seed" if first is None else f"with the seed {first}"
                raise StateFileError(
                    f"The state file was made {made}, not with {seed}: leave the seed out, or use another file."
                )
            self.state.account = Account(**{**facts["account"], **self.chosen})
            self.state.clock.put_back(facts["offset"], facts["frozen"], facts["latest"])
            self.state.ids.put_back(first, facts["drawn"], facts["last_id"])
            self.port = facts["port"]
            self.kept_webhook_secret = facts["account"]["webhook_secret"]
        self._kept = self._decisive()

    def changes(self) -> list[Row]:
        """All facts, if one has changed that would matter by itself."""
        decisive = self._decisive()
        if decisive == self._kept:
            return []
        self._kept = decisive
        return [self.row()]

    def row(self) -> Row:
        """All facts. How far time and ids have come is written with whatever else is."""
        state = self.state
        offset, frozen = state.clock.setting
        facts = {
            "account": attrs.asdict(state.account),
            "offset": offset,
            "frozen": frozen,
            "latest": state.clock.latest,
            "seed": None if state.ids.seed is None else str(state.ids.seed),
            "drawn": state.ids.drawn,
            "last_id": state.ids.last,
            "port": self.port,
        }
        return Row(_ID, encode(facts))

    def _decisive(self) -> tuple[Any, ...]:
        return (self.state.account, self.state.clock.setting, self.state.ids.drawn, self.port)
