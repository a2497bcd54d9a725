"""What is fuzzed: each target takes any bytes, and fails only where the SDK breaks a promise."""

from __future__ import annotations

import hmac
import json
import math
import pickle
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from wooshpay import errors, webhooks
from wooshpay.api import OBJECTS
from wooshpay.core.catalog import load
from wooshpay.core.codec import read
from wooshpay.core.failures import error_of
from wooshpay.core.json import Json, is_array, is_object, loads
from wooshpay.core.listing import ListObject
from wooshpay.core.objects import Object
from wooshpay.core.paging import Trail, next_call
from wooshpay.core.redaction import Secret
from wooshpay.core.request import Call, Request, Response
from wooshpay.core.retry import parse_retry_after

ANSWERS: Final = Path(__file__).parents[2] / "tests" / "data" / "api"
CLASSES: Final = tuple(sorted(OBJECTS))
SECRET: Final = "whsec_fuzzing"
NOW: Final = 1_700_000_000.0
# Deeper than this, Python itself may not follow when it compares or pickles.
DEEP: Final = 60


@attrs.frozen(kw_only=True)
class Target:
    """One thing that reads what others send.

    Attributes:
        about: What must hold, whatever comes.
        run: Tries one input; an exception is a crash.
        seeds: Inputs to begin with.
        words: What makes sense inside of an input.
    """

    about: str
    run: Callable[[bytes], None]
    seeds: Sequence[bytes]
    words: Sequence[bytes]


# ---- answers


def answer(data: bytes) -> None:
    """The first byte chooses the class, the rest is the body of a 2xx answer."""
    if not data:
        return
    cls = load(CLASSES[data[0] % len(CLASSES)])
    body = data[1:]
    try:
        parsed = loads(body)
    except (ValueError, RecursionError):
        try:
            read(body, cls)
        except ValueError:
            return
        raise AssertionError("What is no JSON was read as an object.") from None
    made = read(body, cls)
    assert isinstance(made, cls)
    _check_object(made, parsed)


def _check_object(made: Object, parsed: Json) -> None:
    shown = repr(made)
    assert shown.startswith("<")
    given_back = made.to_dict()
    if _depth(parsed) > DEEP:
        return
    assert _exact(given_back) == _exact(parsed)
    assert _exact(pickle.loads(pickle.dumps(made)).to_dict()) == _exact(parsed)
    for name in dir(type(made)):
        if not name.startswith("_"):
            getattr(made, name)


def _exact(value: Json) -> str:
    return json.dumps(value, sort_keys=True)


def _depth(value: Json) -> int:
    depth, level = 0, [value]
    while level and depth <= DEEP:
        depth += 1
        inner: list[Json] = []
        for item in level:
            if is_object(item):
                inner += item.values()
            elif is_array(item):
                inner += item
        level = inner
    return depth


def page(data: bytes) -> None:
    """The body of a 2xx answer to a list, and how it is gone on from."""
    hint: Any = ListObject
    try:
        found: ListObject[Any] = read(data, hint[load("PaymentIntent")])
    except ValueError:
        return
    assert len(list(found)) == len(found)
    assert repr(found).startswith("<")
    found.to_dict()
    for query in ({}, {"limit": "x"}, {"ending_before": "pi_1", "limit": 1}, {"page": "p1"}):
        call = Call(operation="x.list", method="GET", template="/v1/x", path="/v1/x", query=query)
        try:
            Trail().follow(call, found)
            following = next_call(call, found)
        except errors.ProtocolError:
            continue
        cursors = () if following is None else ("starting_after", "ending_before", "page")
        assert following is None or any(isinstance(following.query.get(name), (str, int)) for name in cursors)


# ---- errors

_REQUEST: Final = Request(
    operation="refunds.create",
    method="POST",
    url="https://apitest.wooshpay.com/v1/refunds",
    template="/v1/refunds",
    idempotency_key="order-1",
    deadline=0.0,
    attempt_timeout=1.0,
    connect_timeout=1.0,
    max_retries=0,
    authorization=Secret("x"),
)


def error(data: bytes) -> None:
    """Two bytes choose the status, the rest is the body of an answer that is no success."""
    status = 300 + int.from_bytes(data[:2], "big") % 700
    made = error_of(_REQUEST, Response(status=status, headers={"Request-Id": "req_1"}, body=data[2:]), None)
    assert made.status == status
    assert made.message.isprintable()
    assert len(str(made)) < 2_000
    assert made.outcome == "unknown" or status < 500
    if _depth(made.body) <= DEEP:
        assert str(pickle.loads(pickle.dumps(made))) == str(made)


# ---- webhooks


def signature(data: bytes) -> None:
    """A signature header; the body is always the same."""
    header = data.decode("latin-1")
    try:
        verified = webhooks.verify(b"{}", header, SECRET, now=NOW)
    except (errors.SignatureError, errors.TimestampError):
        return
    right = hmac.digest(SECRET.encode(), f"{verified.t}.{{}}".encode(), "sha256").hex()
    assert right in header.lower()
    assert math.isfinite(verified.timestamp)


def delivery(data: bytes) -> None:
    """The body of a delivery whose signature is right."""
    header = webhooks.sign(data, SECRET, t=int(NOW))
    try:
        event = webhooks.construct(data, header, SECRET, now=NOW)
    except errors.PayloadError:
        return
    assert event.id
    assert event.type
    assert repr(event).startswith("<")
    event.to_dict()


# ---- headers


def retry_after(data: bytes) -> None:
    """The header that the first byte chooses, or both."""
    text = data[1:].decode("latin-1")
    names = [("Retry-After",), ("Retry-After-Ms",), ("Retry-After", "Retry-After-Ms")][data[0] % 3 if data else 0]
    seconds = parse_retry_after(dict.fromkeys(names, text), NOW)
    assert seconds is None or (math.isfinite(seconds) and seconds >= 0)


# ---- all of them

_JSON_WORDS: Final = (
    *(b'"object":', b'"id":', b'"data":', b'"list"', b'"payment_intent"', b'"charge"', b'"customer"', b'"created":'),
    *(b"null", b"true", b"NaN", b"-Infinity", b"1e999", b"-0", b"9" * 400, b'"\\ud800"', b'"{\\"id\\":1}"', b"\xff"),
    *(b"[", b"]", b"{", b"}", b'"', b",", b":", b"\\", b"[" * 70, b"]" * 70, b'{"a":' * 70, b"}" * 70),
)
_ERROR_WORDS: Final = (
    *(b'"error":', b'"message":', b'"code":', b'"type":', b'"param":', b'"decline_code":', b'"card_error"'),
    *(b"idempotency", b"in use", b"4242424242424242", b"sk_live_abc", b"<title>", b"</title>", b"<html>"),
)
_SIGNED: Final = webhooks.sign(b"{}", SECRET, t=int(NOW)).encode()


def _answers() -> list[tuple[int, bytes]]:
    """Documented answers, each with the number of its class."""
    found: list[tuple[int, bytes]] = []
    for path in sorted(ANSWERS.glob("*.json")):
        name = "".join(word.capitalize() for word in path.stem.split("_"))
        found.append((CLASSES.index(name) if name in CLASSES else 0, path.read_bytes()))
    return found


def targets() -> Mapping[str, Target]:
    """All targets by name."""
    answers = _answers()
    bodies = [body for _, body in answers]
    errors_ = [
        b'{"error":{"message":"No.","type":"card_error","code":"card_declined","param":"x","decline_code":"y"}}',
        b'{"error":"No.","error_description":"x"}',
        b'{"msg":"No.","code":40001}',
        b"<html><head><title>502 Bad Gateway</title></head></html>",
        b"",
    ]
    event = b'{"id":"evt_1","object":"event","type":"payment_intent.succeeded","created":1,"data":{"object":%b}}'
    dates = [b"120", b"0.5", b"Fri, 31 Dec 1999 23:59:59 GMT", b"Sun Nov  6 08:49:37 1994", b"1e3", b"nan"]
    return {
        "answer": Target(
            about="A 2xx answer gives an object that gives the JSON back, can be shown and pickled",
            run=answer,
            seeds=[bytes([number]) + body for number, body in answers],
            words=_JSON_WORDS,
        ),
        "page": Target(
            about="A page gives its entries, and a next call or a ProtocolError",
            run=page,
            seeds=[b'{"object":"list","has_more":true,"data":[%b]}' % body for body in bodies[:20]]
            + [b'{"object":"search_result","next_page":"p2","data":[{"id":"pi_1"}]}', b"[]", b'[{"id":"pi_1"}]'],
            words=(*_JSON_WORDS, b'"has_more":', b'"next_page":', b'"search_result"'),
        ),
        "error": Target(
            about="An error answer gives a short, printable error of the right outcome that can be pickled",
            run=error,
            seeds=[status.to_bytes(2, "big") + body for status in (100, 102, 109, 129, 202) for body in errors_],
            words=(*_JSON_WORDS, *_ERROR_WORDS),
        ),
        "signature": Target(
            about="A signature header passes only with the right signature in it",
            run=signature,
            seeds=[_SIGNED, b"t=1,v1=" + b"0" * 64, _SIGNED + b",v1=" + b"f" * 64, b""],
            words=(b"t=", b"v1=", b"v0=", b",", b"=", b"1700000000", b"1700000000000", b"-1", b"\xb2", b"0" * 64),
        ),
        "delivery": Target(
            about="A signed body gives an event or a PayloadError",
            run=delivery,
            seeds=[event % body for body in bodies[:20]] + [b"", b"[]", b"null"],
            words=(*_JSON_WORDS, b'"type":', b'"evt_1"'),
        ),
        "retry_after": Target(
            about="Retry-After gives finite seconds, 0 or more, or nothing",
            run=retry_after,
            seeds=[bytes([number]) + date for number in range(3) for date in dates],
            words=(b"GMT", b" -0000", b"+9999", b"Dec", b"9999", b"1e308", b"inf", b"_", b":", b"  ", b"\xa0", b"-"),
        ),
    }
