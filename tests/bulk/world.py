"""A sandbox with a payment to refund, rows for it, and a journal that keeps nothing."""

from __future__ import annotations

from collections.abc import Iterator

from wooshpay import WooshPay
from wooshpay.bulk import Entry, Row, Run, RunEntry
from wooshpay.bulk.journal import Change, RunChange
from wooshpay.sandbox import SyncSandbox


class MemoryJournal:
    """Entries in a dict: for tests of what is decided, not of what is kept."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.runs: dict[str, RunEntry] = {}
        self.closed = False

    async def change_run(self, run: Run, change: RunChange, /) -> None:
        entry = change(self.runs.get(run.id))
        if entry is not None:
            self.runs[run.id] = entry

    async def change(self, run: Run, row_id: str, change: Change, /) -> None:
        entry = change(self.entries.get(row_id))
        if entry is not None:
            self.entries[row_id] = entry

    async def close(self) -> None:
        self.closed = True


def payment(sandbox: SyncSandbox, amount: int = 1_000_000) -> str:
    """A payment that there is enough of to refund; its id."""
    with WooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        intent = client.payment_intents.create(
            amount=amount,
            currency="USD",
            confirm=True,
            payment_method_data={
                "type": "card",
                "card": {"number": "4111111111111111", "exp_month": "12", "exp_year": "2034", "cvc": "123"},
            },
        )
        return intent.id


def rows(payment: str, count: int, *, amount: int = 1) -> Iterator[Row]:
    """Rows for as many refunds of a cent each."""
    for number in range(count):
        yield Row(f"r{number}", {"payment_intent": payment, "amount": amount, "metadata": {"row": str(number)}})


def refunded(sandbox: SyncSandbox) -> list[str]:
    """The rows that were refunded, each as often as it was."""
    return sorted(refund["metadata"]["row"] for refund in sandbox.store.all("refund"))
