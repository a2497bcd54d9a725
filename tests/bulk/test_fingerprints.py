"""Digests of rows: they cover every field, and none of them gives a card number away."""

from __future__ import annotations

from typing import Any

import pytest

from wooshpay.bulk.engine import find_operation
from wooshpay.bulk.fingerprints import account_of, fingerprint_of, is_same_row
from wooshpay.core.redaction import Secret

KEY = Secret("sk_test_one")
CARD = {"number": "4111111111111111", "exp_month": "12", "exp_year": "2034", "cvc": "123"}


def digest(key: Secret = KEY, secret: str = "s", **changed: Any) -> str:
    card: dict[str, str] = {**CARD, **changed.pop("card", {})}
    body = {"amount": 5, "currency": "USD", "metadata": {"order": "1"}, **changed}
    body["payment_method_data"] = {"type": "card", "card": card}
    return fingerprint_of(find_operation("payment_intents.create").bind((), body), api_key=key, secret=secret)


@pytest.mark.parametrize(
    "changed",
    [
        {"amount": 6},
        {"metadata": {"order": "2"}},
        {"card": {"exp_month": "11"}},
        {"card": {"number": "4000000000000002"}},
        {"card": {"cvc": "124"}},
        {"description": "x" * 70_000},
    ],
    ids=["amount", "metadata", "expiry", "number", "cvc", "long"],
)
def test_a_row_that_differs_in_any_field_is_another_row(changed: dict[str, Any]) -> None:
    """Rows that differ only in the card would otherwise pass for each other, and one of the customers pays nothing."""
    assert not is_same_row(digest(), digest(**changed))
    assert is_same_row(digest(**changed), digest(**changed))


def test_long_texts_are_compared_to_their_end() -> None:
    assert not is_same_row(digest(description="x" * 70_000 + "a"), digest(description="x" * 70_000 + "b"))


def test_the_order_of_fields_is_of_no_importance() -> None:
    """A file that was written by another program is the same file."""
    assert is_same_row(digest(metadata={"a": "1", "b": "2"}), digest(metadata={"b": "2", "a": "1"}))


def test_the_file_of_a_journal_does_not_give_a_card_number_away() -> None:
    """There are few card numbers: with all that the file holds, the right one could be found by trying."""
    visible, account, whole = digest().split(":")
    other_visible, other_account, other_whole = digest(Secret("sk_test_two")).split(":")
    assert visible == other_visible, "what is made without the API key tells nothing of secret fields"
    assert visible == digest(card={"number": "4000000000000002", "cvc": "9"}).split(":")[0]
    assert (account, whole) != (other_account, other_whole)
    assert whole != other_whole, "what covers secret fields cannot be made without the API key"


def test_digests_of_two_runs_have_nothing_in_common() -> None:
    assert not set(digest(secret="a").split(":")) & set(digest(secret="b").split(":"))
    assert account_of(KEY, "a") != account_of(KEY, "b")


def test_a_row_is_known_again_after_the_key_was_rotated() -> None:
    """Its secret fields cannot be compared any more, but all others are."""
    rotated = Secret("sk_test_two")
    assert is_same_row(digest(), digest(rotated))
    assert not is_same_row(digest(), digest(rotated, amount=6))
