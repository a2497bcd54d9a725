"""The vectors of ``vectors.json``, which other languages can use as well."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, Final

import pytest

from wooshpay import ConfigurationError, webhooks

VECTORS: Final[dict[str, Any]] = json.loads(Path(__file__).with_name("vectors.json").read_text("utf-8"))
ERRORS: Final[dict[str, type[Exception]]] = {
    "signature": webhooks.SignatureError,
    "timestamp": webhooks.TimestampError,
    "payload": webhooks.PayloadError,
    "configuration": ConfigurationError,
}


def body_of(form: dict[str, Any]) -> bytes:
    if "base64" in form:
        return base64.b64decode(form["base64"])
    if "pieces" in form:
        return "".join(piece * times for piece, times in form["pieces"]).encode()
    text: str = form["text"]
    return text.encode()


@pytest.mark.parametrize("vector", VECTORS["verify"], ids=lambda vector: vector["name"])
def test_verify(vector: dict[str, Any]) -> None:
    body, expect = body_of(vector["body"]), vector["expect"]
    headers = [(name, value) for name, value in vector["headers"]]
    settings = {"tolerance": vector["tolerance"], "now": vector["now"]}

    if "error" in expect:
        with pytest.raises(ERRORS[expect["error"]]) as caught:
            webhooks.construct(body, headers, vector["secrets"], **settings)
        assert type(caught.value) is ERRORS[expect["error"]]
        return
    assert webhooks.verify(body, headers, vector["secrets"], **settings) == (
        expect["secret"],
        expect["t"],
        expect["timestamp"],
    )
    event = webhooks.construct(body, headers, vector["secrets"], **settings)
    assert event.to_dict() == json.loads(body)


@pytest.mark.parametrize("vector", VECTORS["sign"], ids=lambda vector: vector["header"][:24])
def test_sign(vector: dict[str, Any]) -> None:
    assert webhooks.sign(body_of(vector["body"]), vector["secret"], t=vector["t"]) == vector["header"]


def test_the_largest_vector_is_a_mebibyte() -> None:
    assert max(len(body_of(vector["body"])) for vector in VECTORS["verify"]) == 1024 * 1024
