"""Docstrings taken apart."""

from __future__ import annotations

from wooshpay.core.docstring import Docstring, read_docstring

WHOLE = """Give money back,
    whole or in part.

    The payment must have succeeded.

    Without an amount, all of it.

    Args:
        amount: Minor units, at most
            what remains: less is fine.
        reason: Why.

    Attributes:
        id: The id.

    Returns:
        The refund, with
        its status.

    Raises:
        CardError: The card was
            declined.

    Note: the first
        remark.

    Note: the second.

    Inferred: the amount,
        and the reason.

    Reference: Create a refund
    """


def test_every_block_of_a_docstring_is_read() -> None:
    assert read_docstring(WHOLE) == Docstring(
        summary="Give money back, whole or in part.",
        body=("The payment must have succeeded.", "Without an amount, all of it."),
        args={"amount": "Minor units, at most what remains: less is fine.", "reason": "Why."},
        attributes={"id": "The id."},
        returns="The refund, with its status.",
        raises={"CardError": "The card was declined."},
        notes=("the first remark.", "the second."),
        inferred="the amount, and the reason.",
        reference="Create a refund",
    )


def test_what_is_not_there_is_empty() -> None:
    assert read_docstring(None) == read_docstring("") == Docstring()


def test_a_head_in_the_middle_of_a_sentence_is_none() -> None:
    assert read_docstring("Told in a Note: there.").summary == "Told in a Note: there."
    assert read_docstring("Told in a Note: there.").notes == ()
