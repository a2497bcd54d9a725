"""Payment links, with what is sold at them."""

from __future__ import annotations

import typing
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from wooshpay.api.checkout.sessions import CheckoutSession
from wooshpay.api.payment_links import (
    AfterCompletion,
    AfterCompletionRedirect,
    HostedConfirmation,
    PaymentLink,
    PaymentLinkLineItemParam,
)
from wooshpay.api.prices import Price
from wooshpay.api.shared import LineItem
from wooshpay.core.codec import structure
from wooshpay.core.declaration import Declaration
from wooshpay.core.listing import ListObject
from wooshpay.core.objects import wire_names

Example = Callable[[str], dict[str, Any]]
Declared = Callable[[str], Declaration]


def items_of(link: PaymentLink) -> list[LineItem]:
    assert isinstance(link.line_items, ListObject)
    return link.line_items.data


# ---- the object -----------------------------------------------------------------------------------------------


def test_a_link_has_none_of_the_fields_that_stripe_adds() -> None:
    link: type = PaymentLink
    names = {wire for _, wire in wire_names(link)}
    assert len(names) == 13
    assert not names & {"allow_promotion_codes", "customer_creation", "payment_method_types", "subscription_data"}


def test_what_follows_the_payment_is_read(example: Example) -> None:
    after = PaymentLink.from_dict(example("payment_link_whole")).after_completion
    assert isinstance(after, AfterCompletion)
    assert after.type == "redirect"
    assert isinstance(after.redirect, AfterCompletionRedirect)
    assert after.redirect.url == "https://www.example.com/thanks"
    assert isinstance(after.hosted_confirmation, HostedConfirmation)
    assert after.hosted_confirmation.custom_message == "Thank you"


def test_line_items_come_whole_with_eight_fields_and_know_nothing_of_discounts(example: Example) -> None:
    (item,) = items_of(PaymentLink.from_dict(example("payment_link_whole")))
    assert len(item.to_dict()) == 8
    assert (item.amount_total, item.quantity, item.discounts, item.amount_discount) == (2000, 2, None, None)
    assert isinstance(item.price, Price)
    assert (item.price.unit_amount, item.price_id) == (1000, "price_1795818288165421056")


def test_line_items_in_a_plain_array_with_amounts_in_text_are_read_the_same(example: Example) -> None:
    answer = example("payment_link_plain_array")
    (item,) = items_of(PaymentLink.from_dict(answer))
    assert (item.amount_subtotal, item.amount_total, item.quantity) == (2000, 2000, 2)
    assert PaymentLink.from_dict(answer).to_dict() == answer


@pytest.mark.parametrize("created", [1716991419000, 1716991419])
def test_the_time_of_creation_is_read_in_milliseconds_and_seconds(created: int) -> None:
    assert PaymentLink.from_dict({"created": created}).created_at == datetime(2024, 5, 29, 14, 3, 39, tzinfo=UTC)


def test_the_other_spelling_of_livemode_is_kept_beside_it() -> None:
    answer = {"id": "plink_1", "livemode": False, "live_mode": True}
    link = PaymentLink.from_dict(answer)
    assert (link.livemode, link.extra) == (False, {"live_mode": True})
    assert link.to_dict() == answer


def test_a_session_names_its_link_or_holds_it(example: Example) -> None:
    link = example("payment_link_whole")
    whole = CheckoutSession.from_dict({"payment_link": link})
    assert isinstance(whole.payment_link, PaymentLink)
    assert whole.payment_link.url == link["url"]
    for session in (whole, CheckoutSession.from_dict({"payment_link": link["id"]})):
        assert session.payment_link_id == link["id"]


def test_strict_reading_accepts_amounts_as_numbers_as_sent_and_as_text_as_written(example: Example) -> None:
    answer = example("payment_link_whole")
    assert structure(answer, PaymentLink, strict=True).to_dict() == answer
    for item in example("payment_link_plain_array")["line_items"]:
        made = structure(item, LineItem, strict=True)
        assert (made.amount_total, made.quantity) == (2000, 2)
        assert made.to_dict() == item


# ---- the calls ------------------------------------------------------------------------------------------------


def test_the_id_is_in_the_path_of_an_update_which_the_reference_writes_without_braces(declared: Declared) -> None:
    call = declared("payment_links.update").bind(("plink_1",), {"active": False, "metadata": None})
    assert (call.path, call.body) == ("/v1/payment_links/plink_1", {"active": False, "metadata": None})


def test_an_update_may_name_a_line_item_or_bring_one() -> None:
    assert set(typing.get_type_hints(PaymentLinkLineItemParam)) == {"id", "price", "price_data", "quantity"}


@pytest.mark.parametrize(
    ("operation", "ids", "path"),
    [
        ("payment_links.list", (), "/v1/payment_links"),
        ("payment_links.list_line_items", ("plink_1",), "/v1/payment_links/plink_1/line_items"),
    ],
)
def test_lists_are_filtered_by_query_and_by_body(
    operation: str, ids: tuple[str, ...], path: str, declared: Declared
) -> None:
    call = declared(operation).bind(ids, {"limit": 2, "starting_after": "x_1"})
    assert call.path == path
    assert call.query == call.body == {"limit": 2, "starting_after": "x_1"}


def test_links_cannot_be_listed_by_the_time_of_creation(declared: Declared) -> None:
    with pytest.raises(TypeError, match="created"):
        declared("payment_links.list").bind((), {"created": {"gte": 1}})
