"""What a handler raises is told from what the inbox raises, although some errors of the SDK are an OSError too."""

from __future__ import annotations

import pytest

from wooshpay import PermissionError, TimeoutError, WooshPayError
from wooshpay.webhooks.inbox import postgres


@pytest.mark.parametrize("error", [TimeoutError("Too late."), PermissionError("No.", status=403)], ids=repr)
def test_a_call_that_fails_within_a_transaction_is_not_an_error_of_the_inbox(error: WooshPayError) -> None:
    """The log would send people to look for a broken PostgreSQL."""
    pytest.importorskip("psycopg")
    with pytest.raises(type(error)) as caught, vars(postgres)["_as_inbox_error"]():
        raise error
    assert caught.value is error
