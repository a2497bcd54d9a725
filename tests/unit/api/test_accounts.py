"""The account's payment methods, of which nothing but a title is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from wooshpay.core.codec import reader
from wooshpay.core.declaration import Declaration


def test_it_is_one_get_without_parameters(declared: Callable[[str], Declaration]) -> None:
    call = declared("accounts.list_payment_methods").bind((), {})
    assert (call.method, call.path, call.query, call.body) == ("GET", "/v1/accounts/payment_methods", {}, None)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("reply", [["card", "alipay"], {"object": "list", "data": []}, {"card": True}, "card", None])
def test_the_reply_is_handed_over_as_it_comes(reply: Any, strict: bool, declared: Callable[[str], Declaration]) -> None:
    assert reader(declared("accounts.list_payment_methods").returns, strict=strict)(reply) is reply


def test_its_text_says_that_verb_path_and_reply_are_a_guess(declared: Callable[[str], Declaration]) -> None:
    inferred = declared("accounts.list_payment_methods").inferred or ""
    assert all(word in inferred for word in ("verb", "path", "reply", "JSON"))
