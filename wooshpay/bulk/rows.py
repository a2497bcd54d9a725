"""What goes into a run and what comes out: rows, their results, and the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import attrs

from wooshpay.core.objects import Object
from wooshpay.errors import ConfigurationError

RowState: TypeAlias = Literal["succeeded", "replayed", "rejected", "not_sent", "unknown", "refused"]
"""What became of a row.

``succeeded``: WooshPay carried it out.
``replayed``: it was already done under this key. WooshPay returned the response to an earlier request that this journal
did not send, and nothing was done for this row now.
``rejected``: WooshPay refused it, and nothing was changed.
``not_sent``: nothing happened, and the next run sends it: there was no connection, or a wrong key, a rate limit or a
conflict turned it away.
``unknown``: it may have been carried out; the next run sends it again with the same key.
``refused``: this package refused it, as something is wrong with the row; nothing was sent for it now.
"""

_LONGEST_ID = 200


def _trimmed(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def _check_id(instance: object, attribute: object, value: str) -> None:
    if not isinstance(value, str) or not value or len(value) > _LONGEST_ID:  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
        raise ConfigurationError(f"The ID of a row must be a text of 1 to {_LONGEST_ID} characters, not {value!r:.60}.")


@attrs.frozen
class Row:
    """One call to make.

    Attributes:
        id: What tells this row from all others of the run, forever: the number of an order or of a refund in your own
            books, not something that changes when the list is made again. Whitespace around it is removed.
        arguments: The operation's arguments by their names in Python, those in its path included.
    """

    id: str = attrs.field(converter=_trimmed, validator=_check_id)
    arguments: Mapping[str, Any] = attrs.field(repr=lambda arguments: f"<{', '.join(arguments)}>")


@attrs.frozen(kw_only=True)
class RowResult:
    """What became of one row.

    Attributes:
        row: The row's id.
        state: What became of it.
        object: What WooshPay answered; ``None`` where it gave nothing now.
        object_id: The id of that object, also of an earlier run's.
        status: The status of that object when it was answered, where it has one.
        error: Why it did not succeed, as a sentence.
        code: WooshPay's code of the error, where there is one.
        idempotency_key: The key that the call carries; ``None`` where none was made.
        earlier: Whether all this was found in the journal, so that nothing was sent now.
    """

    row: str
    state: RowState
    object: Object | None = attrs.field(default=None, repr=False)
    object_id: str | None = None
    status: str | None = None
    error: str | None = None
    code: str | None = None
    idempotency_key: str | None = None
    earlier: bool = False


@attrs.frozen(kw_only=True)
class Report:
    """How far a run has come.

    Attributes:
        name: The run's name; ``None`` for the journal's own run.
        operation: The SDK name of the operation.
        succeeded: How many rows WooshPay carried out, in this pass or an earlier one of the same run.
        replayed: How many were already done under their key, by a request that this journal did not send. Nothing was
            done for them now.
        rejected: How many WooshPay refused.
        not_sent: How many the next run sends.
        unknown: How many may have been carried out; the next run sends them again with the same key.
        refused: How many were not sent because something is wrong with them.
        earlier: How many of the succeeded, replayed and rejected ones an earlier pass had done.
        finished_before: When the run had finished before this pass, in seconds since 1970; ``None`` if it had not, or
            with ``finished_ok``.
        stopped: Why the run took no more rows before their end; ``None`` where it took all.
        seconds: How long it took.
    """

    name: str | None
    operation: str
    succeeded: int = 0
    replayed: int = 0
    rejected: int = 0
    not_sent: int = 0
    unknown: int = 0
    refused: int = 0
    earlier: int = 0
    finished_before: float | None = None
    stopped: str | None = None
    seconds: float = 0.0

    @property
    def rows(self) -> int:
        """How many rows were gone through."""
        return self.succeeded + self.errors

    @property
    def errors(self) -> int:
        """How many of them did not succeed."""
        return self.replayed + self.rejected + self.not_sent + self.unknown + self.refused

    @property
    def repeated(self) -> bool:
        """Return whether the run had finished before, and its rows came again. Nothing was sent for those rows."""
        return self.finished_before is not None and bool(self.earlier or self.refused)

    @property
    def left(self) -> int:
        """Return how many rows the next pass has to look at again."""
        return self.not_sent + self.unknown + self.refused

    @property
    def complete(self) -> bool:
        """Return whether every row was processed and succeeded, and the run had not finished before."""
        return self.stopped is None and self.errors == 0 and not self.repeated

    def after(self, result: RowResult) -> Report:
        """The report with one more row."""
        counted = {result.state: getattr(self, result.state) + 1}
        return attrs.evolve(self, earlier=self.earlier + result.earlier, **counted)
