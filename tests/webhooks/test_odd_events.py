"""A signed event of an odd shape gets a response, never an exception, and is not lost in silence."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any, Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from webhooks.deliver import SECRET, headers_for
from webhooks.handling import PAID

from wooshpay.webhooks import MemoryInbox, Reply, SqliteInbox, WebhookReceiver
from wooshpay.webhooks.inbox.contract import Inbox


def both_ways(body: bytes, inbox: type[MemoryInbox] | None = MemoryInbox) -> list[Reply]:
    """Deliver a signed body to a receiver with typed and other handlers, awaited and plainly."""
    replies: list[Reply] = []
    for typed_only in (False, True):
        for plain in (False, True):
            receiver = WebhookReceiver(SECRET, inbox=inbox() if inbox else None)
            receiver.on(PAID)(lambda event: None)
            if not typed_only:
                receiver.other(lambda event: None)
            if plain:
                replies.append(receiver.receive_now(body, headers_for(body)))
            else:
                replies.append(asyncio.run(receiver.receive(body, headers_for(body))))
            receiver.close_now()
    return replies


def event(**fields: Any) -> bytes:
    whole: dict[str, Any] = {
        "id": "evt_1",
        "object": "event",
        "type": PAID,
        "created": 1,
        "data": {"object": {}},
        **fields,
    }
    return json.dumps({name: value for name, value in whole.items() if value is not ...}).encode()


UNUSABLE: Final[dict[str, bytes]] = {
    "list": b"[]",
    "number": b"17",
    "null": b"null",
    "text": b'"evt_1"',
    "empty": b"",
    "cut": b'{"id": "evt_1", "type"',
    "no id": event(id=...),
    "null id": event(id=None),
    "id is a number": event(id=17),
    "id is an object": event(id={"a": 1}),
    "empty id": event(id=""),
    "id of 1 MB": event(id="e" * 1_000_000),
    "id with NUL": event(id="evt_1\x00"),
    "id with a lone surrogate": b'{"id": "evt_\\ud800", "type": "x"}',
    "id with a line break": event(id="evt_1\nERROR all is lost"),
    "id with bidi controls": event(id="evt_\u202e1"),
    "no type": event(type=...),
    "type is a list": event(type=["a"]),
    "empty type": event(type=""),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_event_that_can_never_be_used_is_refused_and_logged_as_an_error(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is signed, so it may be about money: a warning among those about forged deliveries would be overlooked."""
    body = UNUSABLE[name]
    assert {reply.status for reply in both_ways(body)} == {400}
    assert {record.levelno for record in caplog.records if record.name == "wooshpay.webhooks"} == {logging.ERROR}
    assert all(len(record.getMessage()) < 500 for record in caplog.records)
    assert "\x00" not in caplog.text
    assert "all is lost" not in caplog.text


DATA: Final[dict[str, tuple[Any, str]]] = {
    "missing": (..., "`data` is missing, null or empty"),
    "null": (None, "`data` is missing, null or empty"),
    "list": ([1], "`data` is a list"),
    "empty list": ([], "`data` is a list"),
    "string": ("x", "`data` is a string"),
    "empty string": ("", "`data` is missing, null or empty"),
    "number": (1, "`data` is a number"),
    "boolean": (False, "`data` is a boolean"),
    "empty": ({}, "`data.object` is missing, null or empty"),
    "null object": ({"object": None}, "`data.object` is missing, null or empty"),
    "ID only": ({"object": "pi_1"}, "`data.object` is a string"),
    "list object": ({"object": [1]}, "`data.object` is a list"),
    "number object": ({"object": 1.5}, "`data.object` is a number"),
}


@pytest.mark.parametrize("inbox", [None, MemoryInbox])
@pytest.mark.parametrize("name", DATA)
def test_an_event_whose_data_is_odd_goes_to_the_other_handler_or_is_refused(
    name: str, inbox: type[MemoryInbox] | None, caplog: pytest.LogCaptureFixture
) -> None:
    """The typed handler was promised a payment. Accepted in silence, the event would be lost."""
    data, found = DATA[name]
    replies = both_ways(event(data=data), inbox)
    assert {reply.status for reply in replies[:2]} == {200}
    assert [(reply.status, reply.text) for reply in replies[2:]] == [
        (400, f"The event cannot be handled: {found}, not an object.")
    ] * 2
    assert all(reply.event_id == "evt_1" for reply in replies)
    assert [record.levelno for record in caplog.records if record.name == "wooshpay.webhooks"] == [logging.ERROR] * 2


@pytest.mark.parametrize("name", DATA)
def test_an_event_of_an_unknown_type_whose_data_is_odd_is_refused_for_a_handler_of_that_type(name: str) -> None:
    """The handler would read ``event.data.object.id`` and fail with a traceback about ``None``."""
    body = event(type="galaxy.exploded", data=DATA[name][0])
    receiver = WebhookReceiver(SECRET)
    receiver.on("galaxy.exploded")(lambda event: pytest.fail("it reached the handler"))
    assert receiver.receive_now(body, headers_for(body)).status == 400
    assert asyncio.run(receiver.receive(body, headers_for(body))).status == 400


@pytest.mark.parametrize("type", [PAID, "galaxy.exploded"])
@pytest.mark.parametrize("name", DATA)
def test_an_event_whose_data_is_odd_is_accepted_if_no_handler_is_registered_for_it(name: str, type: str) -> None:
    """Nobody misses it, and WooshPay would deliver it 18 times."""
    body = event(type=type, data=DATA[name][0])
    receiver = WebhookReceiver(SECRET)
    receiver.on("payout.paid")(lambda event: pytest.fail("it reached the handler"))
    assert receiver.receive_now(body, headers_for(body)).status == 200
    assert asyncio.run(receiver.receive(body, headers_for(body))).status == 200


ODD: Final[dict[str, bytes]] = {
    "enormous integer": event().replace(b'"created": 1', b'"created": ' + b"9" * 10_000),
    "enormous float": event().replace(b'"created": 1', b'"created": 1e999999'),
    "NaN": event(created=float("nan")),
    "infinite amount": event(data={"object": {"object": "payment_intent", "id": "pi_1", "amount": float("inf")}}),
    "created is text": event(created="yesterday"),
    "created is a list": event(created=[]),
    "deep list": event().replace(b'"created": 1', b'"created": ' + b"[" * 200_000 + b"]" * 200_000),
    "deep object": event(data=...).replace(b"}", b', "data": ' + b'{"object":' * 5_000 + b"1" + b"}" * 5_001),
    "duplicate keys": b'{"id": "evt_1", "id": "evt_2", "type": "a", "type": "b"}',
    "lone surrogate in a type": b'{"id": "evt_1", "type": "a\\ud800", "data": {}}',
    "type of 1 MB": event(type="t" * 900_000),
    "type with line breaks": event(type="a\r\nX-Injected: 1"),
    "lone surrogate in the object": b'{"id": "evt_1", "type": "a", "data": {"object": {"id": "\\udfff"}}}',
    "no UTF-8": b'{"id": "evt_1", "type": "a", "data": {"object": {"name": "\xff"}}}',
    "UTF-16": json.dumps({"id": "evt_1", "type": "a"}).encode("utf-16"),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("inbox", [None, MemoryInbox])
def test_an_event_with_odd_values_reaches_a_handler_or_is_accepted(name: str, inbox: type[MemoryInbox] | None) -> None:
    for reply in both_ways(ODD[name], inbox):
        check(reply)
        assert reply.status in {200, 500}


def check(reply: Reply) -> None:
    """A response that every web framework can send."""
    assert reply.status in {200, 400, 500}
    assert len(reply.text.encode()) < 500
    assert reply.text.isprintable()


TEXT: Final = st.text(alphabet=st.characters(exclude_categories=()), max_size=8)
LEAF: Final = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | TEXT
    | st.sampled_from(["evt_1", PAID, "payment_intent", "\x00", "\ud800", 10**400, -(2**63) - 1])
)
NAMES: Final = st.sampled_from(["id", "type", "object", "data", "created", "amount", "previous_attributes", "request"])
JSON: Final = st.recursive(
    LEAF,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | TEXT, inner, max_size=5),
    max_leaves=12,
)
EVENTS: Final = JSON | st.fixed_dictionaries(
    {"id": st.just("evt_1") | JSON, "type": st.sampled_from([PAID, "x", "payout.paid"]) | JSON},
    optional={"data": JSON | st.fixed_dictionaries({"object": JSON}), "created": JSON, "object": JSON},
)


@settings(max_examples=150)
@given(body=EVENTS.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60))
@example(body=b'{"id": "evt_1", "type": "payment_intent.succeeded", "data": null}')
def test_whatever_is_signed_gets_a_response(body: bytes) -> None:
    """An exception would be a 500 at best, and in some frameworks a page with the traceback."""
    for inbox in (None, MemoryInbox):
        for reply in both_ways(body, inbox):
            check(reply)


@settings(max_examples=60)
@given(id=st.text(alphabet=st.characters(exclude_categories=()), min_size=1, max_size=600))
def test_every_id_is_refused_or_can_be_stored(id: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """An ID that a store cannot take would be delivered 18 times, each time with 503, as if the store were down."""
    body = event(id=id)
    inbox: Inbox = SqliteInbox(tmp_path_factory.mktemp("inbox") / "inbox.db")
    receiver = WebhookReceiver(SECRET, inbox=inbox)
    receiver.other(lambda event: None)
    replies = [receiver.receive_now(body, headers_for(body)) for _ in range(2)]
    receiver.close_now()
    assert [reply.status for reply in replies] in ([200, 200], [400, 400])
    if replies[0].status == 200:
        assert replies[1].text == "This event was done before."


async def test_the_longest_id_fits_into_every_store(redis_url: str, postgres_url: str) -> None:
    """PostgreSQL refuses to index long texts that it cannot compress."""
    import secrets

    from wooshpay.webhooks import PostgresInbox, RedisInbox

    for inbox in (RedisInbox(redis_url, prefix=f"test:{secrets.token_hex(4)}:"), PostgresInbox(postgres_url)):
        receiver = WebhookReceiver(SECRET, inbox=inbox)
        receiver.other(lambda event: None)
        letters = "".join(chr(0x20000 + secrets.randbelow(0xA000)) for _ in range(500))
        body = event(id=letters)
        assert (await receiver.receive(body, headers_for(body))).text == "Done."
        assert (await receiver.receive(body, headers_for(body))).text == "This event was done before."
        await receiver.close()
