"""The handler of a Lambda function takes every form of HTTP event, and returns what API Gateway expects."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from support.aws_lambda import FORMATS, http_api, load_balancer, load_balancer_with_lists, rest_api
from support.children import environment
from webhooks.deliver import SECRET, body_of, headers_for

from wooshpay.errors import ConfigurationError
from wooshpay.webhooks import MemoryInbox, WebhookReceiver
from wooshpay.webhooks.adapters import lambda_handler

LIMIT: Final = 8192
# Signed are bytes: another spelling of the same JSON has another signature.
BODY: Final = (
    '{ "id":"evt_1", "type" : "payment_intent.succeeded",\r\n\t"created": 1.0e3, "data": {"object": {"id": "pi_1",'
    ' "object": "payment_intent", "metadata": {"name": "Zo\u00eb \U0001f375 \\u00e9 \\/ \x7f"}}}}\n'
).encode()


@pytest.fixture(params=list(FORMATS))
def made(request: pytest.FixtureRequest) -> Callable[..., dict[str, Any]]:
    return FORMATS[request.param]


@pytest.fixture(params=[False, True], ids=["text", "base64"])
def in_base64(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def seen() -> list[str]:
    return []


@pytest.fixture
def receiver(seen: list[str]) -> Iterator[WebhookReceiver]:
    receiver = WebhookReceiver(SECRET, inbox=MemoryInbox(), largest_body=LIMIT)
    receiver.other(lambda event: seen.append(event.id))
    yield receiver
    receiver.close_now()


def test_the_body_is_verified_byte_by_byte(
    receiver: WebhookReceiver, seen: list[str], made: Callable[..., dict[str, Any]], in_base64: bool
) -> None:
    """API Gateway hands bodies over as text or in Base64, depending on its settings and the content type."""
    handler = lambda_handler(receiver)
    event = json.loads(json.dumps(made(BODY, headers_for(BODY), in_base64=in_base64)))
    response = handler(event, None)
    assert (response["statusCode"], response["body"], seen) == (200, "Done.", ["evt_1"])
    assert handler(event, None)["body"] == "This event was done before."
    changed = json.loads(json.dumps(made(BODY + b" ", headers_for(BODY), in_base64=in_base64)))
    assert handler(changed, None)["statusCode"] == 400


def test_the_response_has_the_form_that_the_sender_of_the_event_expects(receiver: WebhookReceiver) -> None:
    """API Gateway answers 502 in place of a response that it cannot read, and every delivery would be repeated."""
    handler, body = lambda_handler(receiver), body_of()
    plain = {"Content-Type": "text/plain; charset=utf-8"}
    first = {"statusCode": 200, "headers": plain, "body": "Done.", "isBase64Encoded": False}
    again = {**first, "body": "This event was done before."}
    assert handler(rest_api(body, headers_for(body)), None) == first
    assert handler(http_api(body, headers_for(body)), None) == again
    assert handler(load_balancer(body, headers_for(body)), None) == {**again, "statusDescription": "200 OK"}
    lists = {**again, "statusDescription": "200 OK", "multiValueHeaders": {"Content-Type": [plain["Content-Type"]]}}
    del lists["headers"]
    assert handler(load_balancer_with_lists(body, headers_for(body)), None) == lists


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize("inbox", [None, MemoryInbox])
def test_handlers_of_both_kinds(kind: str, inbox: type[MemoryInbox] | None) -> None:
    """Lambda calls a plain function, and an async handler needs an event loop."""
    seen: list[object] = []
    receiver = WebhookReceiver(SECRET, inbox=inbox() if inbox else None)

    async def note_later(event: Any) -> None:
        await asyncio.sleep(0)
        seen.append(asyncio.get_running_loop())

    receiver.other(note_later if kind == "async def" else lambda event: seen.append(None))
    handler = lambda_handler(receiver)
    for id in ("evt_1", "evt_2"):
        body = body_of(id)
        assert handler(http_api(body, headers_for(body)), None)["statusCode"] == 200
    receiver.close_now()
    assert len(seen) == 2
    assert seen[0] is seen[1], "what a handler keeps open belongs to one event loop"


def test_a_handler_that_fails_asks_for_another_delivery(seen: list[str]) -> None:
    receiver = WebhookReceiver(SECRET, inbox=MemoryInbox())

    @receiver.other
    def fail_once(event: Any) -> None:
        seen.append(event.id)
        if len(seen) == 1:
            raise ValueError("out of stock")

    handler, body = lambda_handler(receiver), body_of()
    event = http_api(body, headers_for(body))
    assert [handler(event, None)["statusCode"] for _ in range(3)] == [500, 200, 200]
    receiver.close_now()
    assert seen == ["evt_1"] * 2


@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS"])
def test_other_methods_are_refused(receiver: WebhookReceiver, made: Callable[..., dict[str, Any]], method: str) -> None:
    response = lambda_handler(receiver)(made(body_of(), headers_for(body_of()), method=method), None)
    headers = response.get("headers") or response["multiValueHeaders"]
    assert (response["statusCode"], headers["Allow"]) in ((405, "POST"), (405, ["POST"]))
    assert response["body"] == ""


def test_a_missing_body_is_refused_with_a_sentence(
    receiver: WebhookReceiver, seen: list[str], made: Callable[..., dict[str, Any]]
) -> None:
    for headers in (headers_for(body_of()), headers_for(b""), {}):
        response = lambda_handler(receiver)(made(None, headers), None)
        assert (response["statusCode"], seen) == (400, [])
        assert len(response["body"]) > 20


def test_a_body_may_be_as_large_as_the_limit_and_no_larger(
    receiver: WebhookReceiver, seen: list[str], made: Callable[..., dict[str, Any]], in_base64: bool
) -> None:
    empty = body_of("evt_1", text="")
    for surplus, status in ((0, 200), (1, 413)):
        body = body_of("evt_1", text="x" * (LIMIT - len(empty) + surplus))
        event = made(body, headers_for(body), in_base64=in_base64)
        assert lambda_handler(receiver)(event, None)["statusCode"] == status
    assert seen == ["evt_1"]


def test_a_signature_that_came_twice_is_refused(receiver: WebhookReceiver, seen: list[str]) -> None:
    """The plain form of the headers has the last one only, and hides that somebody added one."""
    body = body_of()
    event = rest_api(body, headers_for(body))
    event["multiValueHeaders"]["Wooshpay-Signature"].insert(0, "t=1,v1=00")
    assert lambda_handler(receiver)(event, None)["statusCode"] == 400
    event["multiValueHeaders"] = None
    assert lambda_handler(receiver)(event, None)["statusCode"] == 200
    event = http_api(body, headers_for(body))
    event["headers"]["wooshpay-signature"] = "t=1,v1=00," + event["headers"]["wooshpay-signature"]
    assert lambda_handler(receiver)(event, None)["statusCode"] == 400
    assert seen == ["evt_1"]


ODD: Final[dict[str, dict[str, Any]]] = {
    "parsed body": {"body": {"id": "evt_1"}},
    "body is a number": {"body": 1},
    "no Base64": {"body": "{}", "isBase64Encoded": True},
    "Base64 of other letters": {"body": "\u00e9", "isBase64Encoded": True},
    "lone surrogate": {"body": "\ud800"},
    "no headers": {"headers": None, "multiValueHeaders": None},
    "headers are a list": {"headers": ["a"], "multiValueHeaders": ["a"]},
    "header is a number": {"headers": {"wooshpay-signature": 1}, "multiValueHeaders": None},
    "header is null": {"headers": {"wooshpay-signature": None}, "multiValueHeaders": None},
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_request_is_refused_with_a_sentence(
    receiver: WebhookReceiver, seen: list[str], made: Callable[..., dict[str, Any]], name: str
) -> None:
    """An exception would be a 502, and an alarm about the function where only somebody's request was wrong."""
    event = {**made(body_of(), headers_for(body_of())), **ODD[name]}
    response = lambda_handler(receiver)(event, None)
    assert (response["statusCode"], seen) == (400, [])
    assert len(response["body"]) > 20
    json.dumps(response).encode()


@pytest.mark.parametrize(
    "event", [{}, {"Records": [{"eventSource": "aws:sqs", "body": "{}"}]}, {"source": "aws.events"}, [], None, "x"]
)
def test_what_is_not_a_request_is_an_error(receiver: WebhookReceiver, event: Any) -> None:
    """For SQS, whatever a function returns means that its messages were processed; only an exception keeps them."""
    with pytest.raises(ConfigurationError, match="not an HTTP request"):
        lambda_handler(receiver)(event, None)


def test_a_signed_event_of_an_odd_shape_gets_a_response() -> None:
    receiver = WebhookReceiver(SECRET)
    receiver.on("payment_intent.succeeded")(lambda event: pytest.fail("it reached the handler"))
    for data in ("null", "[1]", '"x"', '{"object": null}'):
        body = b'{"id": "evt_1", "type": "payment_intent.succeeded", "data": %b}' % data.encode()
        assert lambda_handler(receiver)(http_api(body, headers_for(body)), None)["statusCode"] == 400
    receiver.close_now()


def test_a_cold_start_that_only_refuses_loads_no_http_client() -> None:
    """A cold start is paid for with every new copy of the function."""
    program = (
        "import sys\n"
        "from wooshpay.webhooks import WebhookReceiver\n"
        "from wooshpay.webhooks.adapters import lambda_handler\n"
        "event = {'httpMethod': 'POST', 'headers': {}, 'body': '{}'}\n"
        "assert lambda_handler(WebhookReceiver('whsec_x'))(event, None)['statusCode'] == 400\n"
        "print('aiohttp' in sys.modules)\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True, env=environment()
    )
    assert run.stdout == "False\n"
