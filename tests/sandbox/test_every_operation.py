"""What every operation that the SDK declares refuses alike: a wrong key, unknown ids, nothing given."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from sandbox.rig import Api, Reply

from wooshpay.describe.operations import Facts, all_facts
from wooshpay.sandbox import Sandbox

ALL = list(all_facts())


def named(facts: Facts) -> str:
    return facts.name


def path_of(facts: Facts) -> str:
    """The path with ids that nothing has."""
    path = facts.path
    for parameter in facts.parameters:
        if parameter.place == "path":
            path = path.replace(f"{{{parameter.wire}}}", f"unknown_{parameter.wire}")
    return path


def required(facts: Facts) -> list[str]:
    """The names of what must be given, beside the path."""
    return [each.wire for each in facts.parameters if each.required and each.place not in {"path", "filename"}]


async def send(api: Api, facts: Facts) -> Reply:
    body: dict[str, Any] | None = {} if facts.method == "POST" else None
    return await api.send(facts.method, path_of(facts), body)


def is_error(reply: Reply) -> bool:
    """Whether the answer is an error object that a person can do something with."""
    error = reply.error
    return (
        error.keys() >= {"type", "code", "message"}
        and error["type"] in {"invalid_request_error", "api_error", "card_error", "idempotency_error"}
        and len(error["message"]) > 10
        and error["message"].endswith((".", "?", "'"))
        and reply.headers["Request-Id"].startswith("req_")
        and reply.headers["Content-Type"].startswith("application/json")
    )


@pytest.fixture
async def anonymous(sandbox: Sandbox) -> AsyncIterator[Api]:
    async with aiohttp.ClientSession() as session:
        yield Api(session, sandbox.base_url, "")


@pytest.mark.parametrize("facts", ALL, ids=named)
async def test_without_a_key_nobody_is_let_in(anonymous: Api, sandbox: Sandbox, facts: Facts) -> None:
    reply = await send(anonymous, facts)
    assert (reply.status, reply.error["code"]) == (401, "invalid_api_key")
    assert is_error(reply)
    assert sandbox.store.kinds() == []


@pytest.mark.parametrize("facts", ALL, ids=named)
async def test_a_publishable_key_does_what_the_reference_says_and_no_more(
    api: Api, sandbox: Sandbox, facts: Facts
) -> None:
    weak = Api(api.session, sandbox.base_url, sandbox.publishable_key)
    reply = await send(weak, facts)
    if facts.publishable:
        # A part of it may need more, such as a client secret.
        assert reply.status != 401
        assert reply.status == 200 or reply.error["code"] != "secret_key_required"
    else:
        assert (reply.status, reply.error["code"]) == (403, "secret_key_required")
        assert is_error(reply)
    assert sandbox.store.kinds() == []


@pytest.mark.parametrize("facts", [facts for facts in ALL if "{" in facts.path], ids=named)
async def test_an_unknown_id_is_404_and_named(api: Api, sandbox: Sandbox, facts: Facts) -> None:
    reply = await send(api, facts)
    assert (reply.status, reply.error["code"]) == (404, "resource_missing"), reply.body
    assert "unknown_" in reply.error["message"]
    assert is_error(reply)
    assert sandbox.store.kinds() == []


@pytest.mark.parametrize("facts", [facts for facts in ALL if "{" not in facts.path and required(facts)], ids=named)
async def test_what_is_required_and_missing_is_named(api: Api, sandbox: Sandbox, facts: Facts) -> None:
    reply = await send(api, facts)
    assert (reply.status, reply.error["code"]) == (400, "parameter_missing"), reply.body
    assert reply.error["param"].partition("[")[0] in required(facts)
    assert is_error(reply)
    assert sandbox.store.kinds() == []


@pytest.mark.parametrize("facts", [facts for facts in ALL if "{" not in facts.path and not required(facts)], ids=named)
async def test_where_nothing_is_required_nothing_fails(api: Api, facts: Facts) -> None:
    """Where one of several is needed, the refusal says so."""
    reply = await send(api, facts)
    assert reply.status == 200 or (reply.status == 400 and is_error(reply)), reply.body


@pytest.mark.parametrize("facts", [facts for facts in ALL if facts.method == "GET"], ids=named)
async def test_the_head_of_an_answer_is_to_be_had_alone(api: Api, facts: Facts) -> None:
    whole = await send(api, facts)
    async with api.session.head(
        api.base_url + path_of(facts), headers={"Authorization": api.authorization}
    ) as response:
        assert response.status == whole.status
        assert await response.read() == b""
        assert response.headers["Content-Type"] == whole.headers["Content-Type"]


@pytest.mark.parametrize("facts", ALL, ids=named)
async def test_the_verbs_of_a_path_are_told(api: Api, facts: Facts) -> None:
    async with api.session.options(api.base_url + path_of(facts)) as response:
        assert response.status == 204
        assert facts.method in response.headers["Allow"].split(", ")
    reply = await api.send("PATCH", path_of(facts))
    assert (reply.status, reply.error["code"]) == (404, "unknown_route")
    assert facts.method in reply.error["message"].rpartition("takes")[2]
    assert is_error(reply)
