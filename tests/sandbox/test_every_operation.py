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


def outcome(reply: Reply) -> str:
    """The answer in a word."""
    if reply.status == 200:
        return "200"
    return f"{reply.status} {reply.error['code']}" if is_error(reply) else f"no error object: {reply.body}"


# One sandbox for all operations of a test: nothing that is refused changes it.


async def test_without_a_key_nobody_is_let_in(anonymous: Api, sandbox: Sandbox) -> None:
    outcomes = {facts.name: outcome(await send(anonymous, facts)) for facts in ALL}
    assert outcomes == dict.fromkeys(outcomes, "401 invalid_api_key")
    assert sandbox.store.kinds() == []


async def test_a_publishable_key_does_what_the_reference_says_and_no_more(api: Api, sandbox: Sandbox) -> None:
    weak = Api(api.session, sandbox.base_url, sandbox.publishable_key)
    outcomes = {facts.name: outcome(await send(weak, facts)) for facts in ALL}
    refused = {name for name, found in outcomes.items() if found == "403 secret_key_required"}
    assert refused == {facts.name for facts in ALL if not facts.publishable}
    # Where it is enough, a part of the answer may need more, such as a client secret.
    assert {outcomes[facts.name][:3] for facts in ALL if facts.publishable} <= {"200", "403", "404"}
    assert sandbox.store.kinds() == []


async def test_an_unknown_id_is_404_and_named(api: Api, sandbox: Sandbox) -> None:
    replies = {facts.name: await send(api, facts) for facts in ALL if "{" in facts.path}
    outcomes = {name: outcome(reply) for name, reply in replies.items()}
    assert outcomes == dict.fromkeys(outcomes, "404 resource_missing")
    assert [name for name, reply in replies.items() if "unknown_" not in reply.error["message"]] == []
    assert sandbox.store.kinds() == []


async def test_what_is_required_and_missing_is_named(api: Api, sandbox: Sandbox) -> None:
    asked = [facts for facts in ALL if "{" not in facts.path and required(facts)]
    replies = {facts.name: await send(api, facts) for facts in asked}
    outcomes = {name: outcome(reply) for name, reply in replies.items()}
    assert outcomes == dict.fromkeys(outcomes, "400 parameter_missing")
    for facts in asked:
        # Beside what is always required, one of several may be.
        declared = {parameter.wire for parameter in facts.parameters}
        assert replies[facts.name].error["param"].partition("[")[0] in declared, facts.name
    assert sandbox.store.kinds() == []


async def test_where_nothing_is_required_nothing_fails(api: Api) -> None:
    """Where one of several is needed, the refusal says so."""
    asked = [facts for facts in ALL if "{" not in facts.path and not required(facts)]
    outcomes = {facts.name: outcome(await send(api, facts)) for facts in asked}
    assert {found for found in outcomes.values() if found != "200"} <= {"400 parameter_missing"}, outcomes


async def test_the_head_of_an_answer_is_to_be_had_alone(api: Api) -> None:
    for facts in ALL:
        if facts.method == "GET":
            whole = await send(api, facts)
            async with api.session.head(
                api.base_url + path_of(facts), headers={"Authorization": api.authorization}
            ) as response:
                assert (response.status, await response.read()) == (whole.status, b""), facts.name
                assert response.headers["Content-Type"] == whole.headers["Content-Type"]


async def test_the_verbs_of_a_path_are_told(api: Api) -> None:
    for facts in ALL:
        async with api.session.options(api.base_url + path_of(facts)) as response:
            assert response.status == 204, facts.name
            assert facts.method in response.headers["Allow"].split(", ")
        reply = await api.send("PATCH", path_of(facts))
        assert outcome(reply) == "404 unknown_route", facts.name
        assert facts.method in reply.error["message"].rpartition("takes")[2]
