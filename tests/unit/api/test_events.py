"""Events, and the three lists of their types."""

from __future__ import annotations

import typing
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from wooshpay.api import TAGS
from wooshpay.api.events import (
    DOCUMENTED_EVENT_TYPES,
    INFERRED_EVENT_TYPES,
    THIRD_PARTY_EVENT_TYPES,
    DocumentedEventType,
    Event,
    EventData,
    EventType,
    InferredEventType,
    ThirdPartyEventType,
)
from wooshpay.api.refunds import Refund
from wooshpay.core.catalog import load
from wooshpay.core.codec import UnknownObject


def test_an_event_holds_the_object_that_it_is_about(example: Callable[[str], dict[str, Any]]) -> None:
    event = Event.from_dict(example("event_whole"))
    assert isinstance(event.data.object, Refund)
    assert (event.type, event.data.object.amount) == ("charge.refund.updated", 100)
    assert event.data.previous_attributes == {"status": "pending"}
    assert event.request is not None
    assert event.request.idempotency_key == "key_1"
    assert event.created_at == datetime(2022, 11, 17, 12, 29, 38, tzinfo=UTC)


@pytest.mark.parametrize(("tag", "name"), TAGS.items(), ids=TAGS)
def test_the_object_of_an_event_is_of_the_class_that_its_tag_names(tag: str, name: str) -> None:
    answer = {"data": {"object": {"object": tag, "field_of_tomorrow": 1}}}
    event = Event.from_dict(answer)
    assert type(event.data.object) is load(name)
    assert event.to_dict() == answer


@pytest.mark.parametrize("about", [{"object": "moon", "id": "moon_1", "phase": "full"}, {"id": "moon_1"}, {}])
def test_an_object_of_an_unknown_kind_keeps_its_fields(about: dict[str, Any]) -> None:
    answer = {"type": "moon.rises", "data": {"object": about}}
    event = Event.from_dict(answer)
    assert isinstance(event.data.object, UnknownObject)
    assert event.data.object.id == about.get("id")
    assert event.data.object.extra.get("phase") == about.get("phase")
    assert event.to_dict() == answer


def test_an_event_about_nothing_is_still_an_event() -> None:
    for data in ({}, {"object": None}):
        event = Event.from_dict({"id": "evt_1", "data": data})
        assert type(event.data) is EventData
        assert event.data.object is None


def test_the_tuples_hold_what_the_literals_say() -> None:
    assert typing.get_args(DocumentedEventType) == DOCUMENTED_EVENT_TYPES
    assert typing.get_args(InferredEventType) == INFERRED_EVENT_TYPES
    assert typing.get_args(ThirdPartyEventType) == THIRD_PARTY_EVENT_TYPES
    assert typing.get_args(EventType) == (DocumentedEventType, InferredEventType, ThirdPartyEventType)


def test_each_type_stands_in_one_list_only_and_in_order() -> None:
    lists: list[tuple[str, ...]] = [DOCUMENTED_EVENT_TYPES, INFERRED_EVENT_TYPES, THIRD_PARTY_EVENT_TYPES]
    together = [name for names in lists for name in names]
    assert len(together) == len(set(together))
    assert all(list(names) == sorted(names) for names in lists)


def test_what_wooshpay_documents_is_told_from_what_it_does_not() -> None:
    assert {"payment_intent.succeeded", "checkout.session.expired", "payout.paid"} < set(DOCUMENTED_EVENT_TYPES)
    assert "invoice.paid" in INFERRED_EVENT_TYPES
    assert "checkout.session.completed" in THIRD_PARTY_EVENT_TYPES
