"""From an answer that is no success to an error: whatever shape it has, and whatever is in it."""

from __future__ import annotations

import json
import time
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from wooshpay import errors
from wooshpay.core.failures import error_of, read_failing
from wooshpay.core.redaction import Secret
from wooshpay.core.request import Method, Request, Response

POST = Request(
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


def failed(status: int, body: object = b"", *, method: Method = "POST", **facts: Any) -> errors.APIError:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = Response(status=status, headers=CIMultiDict({"Request-Id": "req_1"}), body=data, **facts)
    return error_of(attrs.evolve(POST, method=method), response, 2.5)


@pytest.mark.parametrize(
    ("status", "cls"),
    [
        (302, errors.APIError),
        (400, errors.InvalidRequestError),
        (401, errors.AuthenticationError),
        (402, errors.CardError),
        (403, errors.PermissionError),
        (404, errors.NotFoundError),
        (405, errors.InvalidRequestError),
        (408, errors.APIError),
        (409, errors.ConflictError),
        (410, errors.NotFoundError),
        (418, errors.APIError),
        (422, errors.InvalidRequestError),
        (429, errors.RateLimitError),
        (500, errors.ServerError),
        (503, errors.ServerError),
        (599, errors.ServerError),
    ],
)
def test_the_status_gives_the_class(status: int, cls: type[errors.APIError]) -> None:
    assert type(failed(status, {"error": {"message": "No."}})) is cls


@pytest.mark.parametrize(
    ("status", "type_", "cls"),
    [
        (400, "card_error", errors.CardError),
        (500, "card_error", errors.CardError),
        (400, "idempotency_error", errors.IdempotencyError),
        (409, "idempotency_error", errors.IdempotencyError),
        (402, "invalid_request_error", errors.InvalidRequestError),
        (404, "invalid_request_error", errors.NotFoundError),
        (401, "invalid_request_error", errors.AuthenticationError),
        (400, "a_type_of_the_future", errors.InvalidRequestError),
    ],
)
def test_the_type_comes_before_the_status(status: int, type_: str, cls: type[errors.APIError]) -> None:
    """A decline is a decline under whichever status it comes."""
    assert type(failed(status, {"error": {"type": type_, "message": "No."}})) is cls


FACTS = {"message": "Your card was declined.", "code": "card_declined", "type": "card_error", "param": "card"}


@pytest.mark.parametrize(
    "body",
    [
        {"error": {**FACTS, "decline_code": "lost_card"}},
        {**FACTS, "decline_code": "lost_card"},
        {"error": "card_error", **FACTS, "decline_code": "lost_card"},
        {"decline_code": "lost_card", "error": FACTS},
    ],
    ids=["error object", "flat", "flat beside error as text", "split over both levels"],
)
def test_every_shape_of_an_error_gives_the_same_attributes(body: object) -> None:
    error = failed(402, body)
    assert (error.type, error.code, error.param) == ("card_error", "card_declined", "card")
    assert error.decline_code == "lost_card"
    assert error.message.startswith("Your card was declined.")
    assert "lost_card" in error.message
    assert error.body == body


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": "No such thing"}, "No such thing."),
        ({"message": "No such thing"}, "No such thing."),
        ({"error": "invalid_grant", "error_description": "No such thing"}, "No such thing."),
        ({"msg": "No such thing", "code": 40001}, "No such thing."),
        ({"detail": "No such thing"}, "No such thing."),
        ("No such thing", "No such thing."),
        (b"No such thing", "No such thing."),
        ({"error": {"message": "No such thing!"}}, "No such thing! "),
        (b"", "HTTP 404 and no message"),
        (b"{}", "HTTP 404 and no message"),
        (b"null", "HTTP 404 and no message"),
        ([{"message": "x"}], "HTTP 404 and no message"),
        (b"\xff\xfe\x00", "HTTP 404"),
        ({"error": {"message": {"nested": 1}}}, "HTTP 404 and no message"),
        ({"error": None, "message": None}, "HTTP 404 and no message"),
        (b"<html><head><title>404 Not Found</title></head></html>", "HTML page came instead of JSON: 404 Not Found"),
        (b"<!DOCTYPE html><h1>x</h1>", "HTML page came instead of JSON"),
    ],
)
def test_every_shape_of_an_error_gives_its_words(body: object, words: str) -> None:
    error = failed(404, body)
    assert words in error.message
    assert type(error) is errors.NotFoundError


def test_a_numeric_code_is_kept_as_text() -> None:
    assert failed(400, {"code": 40001, "msg": "x"}).code == "40001"


def test_the_body_is_there_as_received() -> None:
    assert failed(502, b"<html>\xff").body == "<html>�"
    assert failed(400, [1, 2]).body == [1, 2]


def test_the_facts_of_the_call_are_there() -> None:
    error = failed(429, {"error": "slow down"}, attempts=3, gave_up="WooshPay asks to wait 60 s.")
    assert (error.status, error.attempts, error.request_id) == (429, 3, "req_1")
    assert (error.operation, error.idempotency_key, error.retry_after) == ("refunds.create", "order-1", 2.5)
    assert "WooshPay asks to wait 60 s." in error.message


@pytest.mark.parametrize(
    ("status", "words"), [(401, "Check that the API key is right"), (403, "permission"), (302, "Check base_url")]
)
def test_the_message_says_what_to_do(status: int, words: str) -> None:
    assert words in failed(status, {"error": {"message": "No."}}).message


@pytest.mark.parametrize("status", [401, 403, 407])
@pytest.mark.parametrize(
    "page", [b"<html><title>Sign in to Hotel WiFi</title></html>", b"<!DOCTYPE html><h1>x</h1>", b"\r\n <HTML>"]
)
def test_a_page_of_a_proxy_says_nothing_about_the_key(status: int, page: bytes) -> None:
    """Somebody in a hotel would change a key that works."""
    message = failed(status, page).message
    assert "HTML page" in message
    assert "proxy" in message
    for words in ("API key is right", "secret key", "permission", "dashboard"):
        assert words not in message


def test_a_proxy_that_asks_for_credentials_is_named() -> None:
    for body in (b"", b"Proxy Authentication Required", b"<html>"):
        assert "Check the credentials of the proxy" in failed(407, body).message


@pytest.mark.parametrize(
    ("message", "secret"),
    [("No such client_secret=abcDEF", "abcDEF"), ("Expired access_token: ya29.x-y", "ya29")],
)
def test_a_secret_that_the_message_names_is_masked_everywhere(message: str, secret: str) -> None:
    error = failed(400, {"error": {"message": message, "access_token": secret}})
    assert secret not in f"{error} {error!r} {error.body} {error.message}"


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (400, {}, "rejected"),
        (402, {"error": {"type": "card_error"}}, "rejected"),
        (404, {}, "rejected"),
        (409, {"error": {"type": "idempotency_error"}}, "rejected"),
        (409, {"error": {"code": "idempotency_key_in_use"}}, "unknown"),
        (429, {}, "rejected"),
        # Whoever redirects may stand behind WooshPay as well as before it: the work may have been done.
        (301, {}, "unknown"),
        (302, {}, "unknown"),
        (307, {}, "unknown"),
        (408, {}, "unknown"),
        (500, {}, "unknown"),
        (501, {}, "unknown"),
        (502, b"<html>", "unknown"),
        (504, b"", "unknown"),
    ],
)
def test_the_outcome_of_a_write_is_true(status: int, body: object, outcome: str) -> None:
    assert failed(status, body).outcome == outcome
    assert failed(status, body, method="DELETE").outcome == outcome


@pytest.mark.parametrize("status", [400, 408, 429, 500, 502])
def test_a_failed_read_changed_nothing(status: int) -> None:
    assert failed(status, method="GET").outcome == "rejected"


@pytest.mark.parametrize("status", [400, 402, 404, 429])
def test_a_clear_answer_does_not_clear_an_earlier_attempt(status: int) -> None:
    """The timeout before this answer may have been a charge."""
    assert failed(status, {}, ambiguous=True).outcome == "unknown"


@pytest.mark.parametrize(
    "message",
    [
        "Keys for idempotent requests: this idempotency key is still in progress",
        "The idempotency key is in use by another request",
    ],
)
def test_a_key_in_use_is_recognised_by_words_too(message: str) -> None:
    assert read_failing(json.dumps({"error": {"message": message}}).encode()).key_in_use
    assert type(failed(409, {"error": {"message": message}})) is errors.IdempotencyError


def test_a_key_used_for_something_else_is_not_in_use() -> None:
    """Trying that again could never help."""
    message = "Idempotency keys can only be used with the same parameters they were first used with"
    assert not read_failing(json.dumps({"error": {"message": message}}).encode()).key_in_use


NASTY = "a\r\nb\x00c\x1b[31m\u2028d\u202e sk_test_abcdef 4242 4242 4242 4242"


@pytest.mark.parametrize("field", ["message", "type", "code", "decline_code"])
def test_nothing_of_an_answer_can_forge_a_log_line_or_leak_a_secret(field: str) -> None:
    error = failed(400, {"error": {"message": "No.", field: NASTY}})
    assert str(error).isprintable()
    assert "abcdef" not in str(error)
    assert "4242 4242" not in str(error)


def test_a_huge_answer_gives_a_short_message() -> None:
    for field in ("message", "code"):
        assert len(failed(400, {"error": {field: "x" * 1_000_000}}).message) < 1500
    assert len(failed(502, b"<" + b"x" * 1_000_000).message) < 1500
    assert len(failed(502, b"x" * 1_000_000).message) < 1500


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["error", "message", "type", "code", "param", "decline_code", "error_description", "msg"])
shapes = st.dictionaries(names, json_values | st.dictionaries(names, json_values), max_size=4)


@given(st.binary() | (json_values | shapes).map(lambda value: json.dumps(value).encode()), st.integers(300, 999))
def test_no_answer_can_break_the_error_that_tells_of_it(body: bytes, status: int) -> None:
    """A failure while reading a failure would hide whether money moved."""
    read_failing(body)
    error = failed(status, body)
    assert error.status == status
    assert error.message.isprintable()
    assert str(error)


@pytest.mark.parametrize("body", [b"[" * 100_000, b"1" * 5000, b'{"error":' * 5000, b'{"a": "\\ud800"}', b"NaN"])
def test_no_limit_of_a_parser_shows(body: bytes) -> None:
    assert failed(500, body).outcome == "unknown"


@pytest.mark.parametrize("unit", ["x", "1 ", "a_", "Basic ", "<", "{", "\x00", "[ "])
@pytest.mark.parametrize("as_json", [True, False], ids=["as JSON", "as text"])
def test_an_answer_of_megabytes_does_not_hold_the_caller_up(unit: str, as_json: bool) -> None:
    """A gateway that is broken sends anything; the error, and with it the outcome, must not come minutes later."""
    text = unit * (3_000_000 // len(unit))
    body = {"error": {"message": text, "code": text}} if as_json else text.encode()
    started = time.process_time()
    error = failed(500, body)
    assert time.process_time() - started < 2
    assert len(error.message) < 1500
