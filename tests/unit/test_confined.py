"""Clients, and all that leads to their API key: none of it travels to another process, and copies close nothing."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from support.effects import KEY, ScriptedClient

from wooshpay import AsyncWooshPay, Request, Response, WooshPay
from wooshpay.core.redaction import Secret
from wooshpay.webhooks import WebhookReceiver

WEBHOOK_SECRET = "whsec_thesecretthatnobodymaysee"


def everything_of(client: Any) -> dict[str, Any]:
    return {
        "client": client,
        "copy with options": client.with_options(timeout=3),
        "section": client.refunds,
        "section within a section": client.checkout.sessions,
        "operation": client.refunds.create,
        "undeclared operation": client.request,
        "list operation": client.payment_intents.list,
        "wait": client.payment_intents.wait,
        "pager": client.payment_intents.list(),
        "pipeline": client._pipeline,
        "caller": client._caller,
        "transport": client._pipeline.transport,
    }


OBJECTS: dict[str, Any] = {
    **{f"async {name}": found for name, found in everything_of(AsyncWooshPay(KEY)).items()},
    **{f"sync {name}": found for name, found in everything_of(WooshPay(KEY)).items()},
    "webhook receiver": WebhookReceiver(WEBHOOK_SECRET),
}
WAYS: list[Callable[[Any], Any]] = [
    *(partial(pickle.dumps, protocol=protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)),
    copy.copy,
    copy.deepcopy,
]


@pytest.mark.parametrize("value", OBJECTS.values(), ids=OBJECTS)
def test_what_leads_to_a_secret_refuses_to_be_pickled_and_copied(value: Any) -> None:
    """The pickle of an async client held the API key as plain text; the sync one spoke of a "_thread.lock"."""
    for way in WAYS:
        with pytest.raises(TypeError, match=r"cannot be pickled or copied, because it (leads|holds)") as caught:
            way(value)
        assert type(value).__name__ in str(caught.value)
        assert "Create a" in str(caught.value), "and it says what to do"
        with pytest.raises(TypeError, match="cannot be pickled or copied"):
            way({"within": [value]}) if way is not copy.copy else way(value)


def test_a_subclass_of_a_client_refuses_too() -> None:
    class Ours(AsyncWooshPay): ...

    with pytest.raises(TypeError, match="Ours cannot be pickled or copied"):
        pickle.dumps(Ours(KEY))


def test_settings_refuse_to_be_pickled_and_their_copies_show_nothing() -> None:
    config: Any = vars(ScriptedClient())["_pipeline"].config
    for value in (config, config.api_key, {"config": config}):
        with pytest.raises(TypeError, match="A secret cannot be pickled"):
            pickle.dumps(value)
    assert copy.copy(config) == config
    assert copy.copy(config).api_key is config.api_key
    assert copy.deepcopy(config.api_key) is config.api_key


async def test_a_request_that_a_middleware_sees_refuses_to_be_pickled() -> None:
    """A middleware that hands requests to a queue would hand out the API key with them."""
    seen: list[Request] = []

    async def look(request: Request, call_next: Any) -> Response:
        seen.append(request)
        response: Response = await call_next(request)
        return response

    await ScriptedClient(call_middlewares=[look]).refunds.retrieve("re_1")
    with pytest.raises(TypeError, match="A secret cannot be pickled"):
        pickle.dumps(seen[0])
    assert copy.copy(seen[0]).authorization is seen[0].authorization
    assert isinstance(copy.deepcopy(seen[0]).authorization, Secret)
