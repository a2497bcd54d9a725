"""``wooshpay webhook-endpoints ensure``: the method of the clients as a command, for deployment scripts."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from typing import Any, Final

import pytest
from support.cli import Run, run

from wooshpay import WooshPay
from wooshpay.sandbox import Sandbox, SyncSandbox

URL: Final = "https://shop.example/webhooks"
PAID: Final = "payment_intent.succeeded"


@pytest.fixture
def sandbox() -> Iterator[SyncSandbox]:
    with Sandbox() as sandbox:
        yield sandbox


def ensure(sandbox: SyncSandbox, *arguments: str, url: str = URL) -> tuple[Run, dict[str, Any]]:
    command = ["webhook-endpoints", "ensure", "--url", url, *arguments]
    ended = run(*command, WOOSHPAY_API_KEY=sandbox.api_key, WOOSHPAY_BASE_URL=sandbox.base_url)
    return ended, json.loads(ended.out) if ended.out else {}


def test_the_secret_is_printed_once_and_there_is_one_endpoint(sandbox: SyncSandbox) -> None:
    ended, first = ensure(sandbox, "--event", PAID)
    assert (ended.code, first["action"], first["added"]) == (0, "created", [PAID])
    assert first["endpoint"]["secret"].startswith("whsec_")
    assert "was created.\nStore its secret as WOOSHPAY_WEBHOOK_SECRET now" in ended.err
    assert first["endpoint"]["secret"] not in ended.err, "a log of a deployment often keeps standard error"
    ended, second = ensure(sandbox, "--event", PAID)
    assert (ended.code, second["action"]) == (0, "unchanged")
    assert second["endpoint"] == {name: value for name, value in first["endpoint"].items() if name != "secret"}
    assert "is as it should be." in ended.err
    ended, third = ensure(sandbox, "--event", "payout.*", "--event", PAID)
    assert (ended.code, third["action"], "payout.failed" in third["added"], PAID in third["added"]) == (
        0, "updated", True, False
    )  # fmt: skip
    assert f"was updated (added {', '.join(third['added'])})." in ended.err, "a log shows what a deployment changed"
    ended, fourth = ensure(sandbox, "--event", PAID, url=f"{URL}/")
    assert (fourth["action"], "was updated (another spelling of the URL)." in ended.err) == ("updated", True)
    assert sandbox.store.count("webhook_endpoint") == 1


def test_a_dry_run_says_what_would_be_done_and_changes_nothing(sandbox: SyncSandbox) -> None:
    ended, planned = ensure(sandbox, "--event", PAID, "--dry-run")
    assert (ended.code, planned["action"], planned["endpoint"], planned["dry_run"]) == (0, "created", None, True)
    assert ended.err == f"An endpoint for {URL} would be created. Nothing was changed.\n"
    assert sandbox.store.count("webhook_endpoint") == 0
    ensure(sandbox, "--event", PAID)
    ended, planned = ensure(sandbox, "--event", "*", "--dry-run")
    assert (planned["action"], planned["added"], planned["endpoint"]["enabled_events"]) == ("updated", ["*"], [PAID])
    assert "would be updated (added *). Nothing was changed." in ended.err
    ended, planned = ensure(sandbox, "--event", PAID, "--dry-run")
    assert (planned["action"], "is as it should be. Nothing was changed." in ended.err) == ("unchanged", True)
    assert {request.operation for request in sandbox.requests if request.method != "GET"} == {
        "webhook_endpoints.create"
    }


def test_a_second_endpoint_that_somebody_created_by_hand_is_named(sandbox: SyncSandbox) -> None:
    with WooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        ids = [client.webhook_endpoints.create(url=URL, enabled_events=[PAID]).id for _ in range(2)]
    ended, found = ensure(sandbox, "--event", PAID)
    assert [found["endpoint"]["id"], *found["others"]] == ids
    assert f"Warning: {ids[1]} has the same URL, so each event is delivered there a second time." in ended.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--event", "payment_intent.suceeded"], "Did you mean payment_intent.succeeded"),
        ([], "Missing option '--event'"),
    ],
)
def test_a_type_that_does_not_exist_is_refused(sandbox: SyncSandbox, arguments: list[str], sentence: str) -> None:
    """The endpoint would never be sent it, and nobody would notice."""
    ended, _ = ensure(sandbox, *arguments)
    assert (ended.code, sentence in ended.err) == (2, True)
    ended, _ = ensure(sandbox, "--event", PAID, url="http://shop.com/webhooks")
    assert (ended.code, "must be an address that starts with https://" in ended.err) == (2, True)
    assert list(sandbox.requests) == []


def test_if_the_secret_cannot_be_shown_the_error_says_that_the_endpoint_was_created(
    sandbox: SyncSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The endpoint was created. Exit code 4 would say that nothing was changed."""
    from wooshpay.cli import ensure as module
    from wooshpay.cli.streams import OutputError

    def fail(_: object) -> None:
        raise OutputError(OSError(errno.ENOSPC, "full"))

    monkeypatch.setattr(module, "print_json", fail)
    ended, _ = ensure(sandbox, "--event", PAID)
    assert (ended.code, "was created. The result could not be shown." in ended.err) == (3, True)
    ended, _ = ensure(sandbox, "--event", PAID)
    assert ended.code == 4


def test_the_command_is_listed_with_the_operations(sandbox: SyncSandbox) -> None:
    shown = run("webhook-endpoints", "--help")
    assert "Make sure that there is one endpoint for a URL" in " ".join(shown.out.split())
    assert "--dry-run" in run("webhook-endpoints", "ensure", "--help").out
