from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from cli.endpoint import Endpoint, endpoint

from wooshpay import webhooks
from wooshpay.api.events import DOCUMENTED_EVENT_TYPES, INFERRED_EVENT_TYPES, THIRD_PARTY_EVENT_TYPES
from wooshpay.core.json import dumps
from wooshpay.testing.scenes import SCENES, make_event
from wooshpay.testing.stage import Stage, open_stage
from wooshpay.webhooks import WebhookReceiver

SECRET: Final = "whsec_5WbX5kEWLlfzsGNjH64I8lOOqUB6e8FH"
RUN: Final = [sys.executable, "-W", "error", "-c", "from wooshpay.cli import main; main()", "trigger"]
PAID: Final = "payment_intent.succeeded"

# What the object of each type must say; other types say nothing beyond their class.
STATES: Final[dict[str, dict[str, Any]]] = {
    "charge.captured": {"captured": True},
    "charge.dispute.closed": {"status": "lost"},
    "charge.dispute.created": {"status": "needs_response"},
    "charge.dispute.funds_reinstated": {"status": "won"},
    "charge.dispute.updated": {"status": "under_review"},
    "charge.refund.updated": {"status": "succeeded"},
    "charge.refunded": {"refunded": True},
    "checkout.session.completed": {"status": "complete", "payment_status": "paid"},
    "checkout.session.expired": {"status": "expired"},
    "customer.subscription.deleted": {"status": "canceled"},
    "customer.subscription.trial_will_end": {"status": "trialing"},
    "customer.subscription.updated": {"status": "active", "cancel_at_period_end": True},
    "invoice.created": {"status": "draft"},
    "invoice.finalized": {"status": "open"},
    "invoice.paid": {"status": "paid"},
    "invoice.payment_failed": {"status": "open"},
    "invoice.payment_succeeded": {"status": "paid"},
    "invoice.sent": {"status": "open", "collection_method": "send_invoice"},
    "invoice.voided": {"status": "void"},
    "issuing_authorization.updated": {"status": "reversed"},
    "issuing_cardholder.updated": {"status": "inactive"},
    "payment_intent.amount_capturable_updated": {"status": "requires_capture", "amount_capturable": 1999},
    "payment_intent.canceled": {"status": "canceled"},
    "payment_intent.created": {"status": "requires_payment_method"},
    "payment_intent.partially_funded": {"status": "requires_action", "amount": 1999, "amount_received": 999},
    "payment_intent.payment_failed": {"status": "requires_payment_method"},
    "payment_intent.processing": {"status": "processing"},
    "payment_intent.requires_action": {"status": "requires_action"},
    "payment_intent.succeeded": {"status": "succeeded", "amount_received": 1999},
    "payout.canceled": {"status": "canceled"},
    "payout.created": {"status": "pending"},
    "payout.failed": {"status": "failed"},
    "payout.paid": {"status": "paid"},
    "refund.created": {"status": "pending"},
    "refund.failed": {"status": "failed"},
    "refund.succeeded": {"status": "succeeded"},
    "setup_intent.canceled": {"status": "canceled"},
    "setup_intent.requires_action": {"status": "requires_action"},
    "setup_intent.setup_failed": {"status": "requires_payment_method"},
    "setup_intent.succeeded": {"status": "succeeded"},
}


def trigger(*arguments: str, secret: str | None = SECRET, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR"}}
    if secret is not None:
        environment["WOOSHPAY_WEBHOOK_SECRET"] = secret
    run = subprocess.run(
        [*RUN, *arguments],
        env={**given, "COLUMNS": "80", "PYTHONUTF8": "1", **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "Traceback" not in run.stderr
    assert secret is None or secret not in run.stdout + run.stderr
    return run


@pytest.fixture
def shop() -> Iterator[Endpoint]:
    with endpoint() as found:
        yield found


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with open_stage() as stage:
        # The client's thread begins with its first request: here, and not in the first test.
        stage.client.balance.retrieve()
        yield stage


# ---- the events


@pytest.mark.parametrize("type", SCENES)
def test_an_event_of_each_type_says_what_its_type_implies(stage: Stage, type: str) -> None:
    """A handler is developed against it: it must be verified, typed and in the right state."""
    event = make_event(stage, type)
    about = event["data"]["object"]
    assert (event["object"], event["type"], event["livemode"]) == ("event", type, False)
    for name, value in STATES.get(type, {}).items():
        assert about[name] == value
    body = dumps(event)
    seen: list[str] = []
    receiver = WebhookReceiver(SECRET)
    receiver.on(type)(lambda event: seen.append(event.id))
    # For a known type the receiver refuses an object of another class.
    assert receiver.receive_now(body, webhooks.sign(body, SECRET)).status == 200
    assert seen == [event["id"]]


def test_every_event_is_a_new_one(stage: Stage) -> None:
    """With one id twice, an inbox would take the second for a duplicate."""
    for type in (PAID, "refund.created", "galaxy.exploded"):
        about = {"id": "gal_1"} if type not in SCENES else None
        first, second = make_event(stage, type, about), make_event(stage, type, about)
        assert first["id"] != second["id"]


def test_there_is_a_scene_for_all_that_is_known_or_comes_up_in_the_sandbox() -> None:
    folder = Path(__file__).parents[2] / "wooshpay" / "sandbox"
    emitted = {
        type for file in folder.rglob("*.py") for type in re.findall(r'\.emit\("([^"]+)"', file.read_text("utf-8"))
    }
    assert len(emitted) > 30
    known = {*DOCUMENTED_EVENT_TYPES, *INFERRED_EVENT_TYPES, *THIRD_PARTY_EVENT_TYPES}
    assert set(SCENES) == known | emitted


# ---- the command


def test_the_endpoint_gets_a_signed_event_and_its_answer_is_shown(shop: Endpoint) -> None:
    run = trigger(PAID, "--to", shop.url)
    assert (run.returncode, run.stderr) == (0, "")
    hook = shop.next()
    event = webhooks.construct(hook.body, hook.headers, SECRET, tolerance=60)
    assert event.type == PAID
    assert hook.headers["Content-Type"] == "application/json"
    assert hook.headers["Wooshpay-Signature"] == hook.headers["Signature"]
    assert len(hook.headers["Signature"].partition(",")[0]) == len("t=1234567890123")
    assert re.fullmatch(rf"{PAID}\t{event.id}\t200\t\d+ ms\n", run.stdout)
    assert shop.hooks.empty()


def test_a_refusal_is_shown_with_its_reason_and_fails(shop: Endpoint) -> None:
    shop.answers, shop.says = [400], ("The signature\x1b[2J does not match whsec_abcdefghijklmnop.\n", "text/plain")
    run = trigger(PAID, "--to", shop.url, FORCE_COLOR="1")
    assert run.returncode == 1
    shown = re.sub(r"\x1b\[[0-9;]*m", "", run.stdout)
    assert shown.startswith(f"400  {PAID}\n")
    assert "The signature [2J does not match whsec_" in shown
    assert "\x1b[2J" not in run.stdout
    assert "abcdefghijklmnop" not in run.stdout


def test_a_page_of_a_framework_is_not_shown(shop: Endpoint) -> None:
    shop.answers, shop.says = [500], ("<html>Server error</html>", "text/html")
    run = trigger(PAID, "--to", shop.url)
    assert (run.returncode, run.stderr) == (1, "")
    assert "\t500\t" in run.stdout


def test_a_redirect_is_not_followed(shop: Endpoint) -> None:
    """WooshPay does not follow one either; a signed event must not go where nobody registered it."""
    shop.answers = [307]
    assert trigger(PAID, "--to", shop.url).returncode == 1


def test_nobody_there_is_a_sentence() -> None:
    run = trigger(PAID, "--to", "http://127.0.0.1:9/webhooks")
    assert run.returncode == 1
    assert "\t---\t" in run.stdout
    assert run.stderr.startswith("No answer: Cannot connect to host 127.0.0.1:9")


def test_several_events_and_each_of_them_twice(shop: Endpoint) -> None:
    run = trigger("refund.created", "--to", shop.url, "--count", "2", "--duplicate", "--secret", SECRET, secret=None)
    assert run.returncode == 0
    ids = [json.loads(shop.next().body)["id"] for _ in range(4)]
    assert ids[0] == ids[1] != ids[2] == ids[3]
    assert len(run.stdout.splitlines()) == 4


@pytest.mark.parametrize("name", ["Wooshpay-Signature", "Signature"])
def test_one_header_only(shop: Endpoint, name: str) -> None:
    assert trigger(PAID, "--to", shop.url, "--header", name).returncode == 0
    hook = shop.next()
    assert {"Wooshpay-Signature", "Signature"} & hook.headers.keys() == {name}
    webhooks.verify(hook.body, hook.headers, SECRET)


def test_fields_of_the_object_are_set(shop: Endpoint) -> None:
    run = trigger(PAID, "--to", shop.url, "--set", "metadata.order=17", "--set", "amount=500", "--count", "2")
    assert (run.returncode, run.stderr) == (0, "")
    for _ in range(2):
        hook = shop.next()
        about = webhooks.construct(hook.body, hook.headers, SECRET).data.to_dict()["object"]
        assert (about["metadata"]["order"], about["amount"]) == ("17", 500)


def test_fields_of_an_object_of_ones_own_are_set(shop: Endpoint, tmp_path: Path) -> None:
    file = tmp_path / "object.json"
    file.write_text('{"id": "pi_1", "object": "payment_intent", "amount": 5}')
    assert trigger(PAID, "--to", shop.url, "--object", str(file), "--set", "description=a=b").returncode == 0
    assert json.loads(shop.next().body)["data"]["object"] == {**json.loads(file.read_text()), "description": "a=b"}


@pytest.mark.parametrize("type", [PAID, "galaxy.exploded"])
def test_an_object_of_ones_own(shop: Endpoint, tmp_path: Path, type: str) -> None:
    file = tmp_path / "object.json"
    file.write_text('{"id": "pi_1", "object": "payment_intent", "amount": 5}')
    assert trigger(type, "--to", shop.url, "--object", str(file)).returncode == 0
    hook = shop.next()
    event = webhooks.construct(hook.body, hook.headers, SECRET)
    assert (event.type, event.data.to_dict()["object"]["amount"]) == (type, 5)


@pytest.mark.parametrize(
    ("content", "says"),
    [("{", "is not JSON"), ("[]", "holds no JSON object"), ('{"object": "event"}', "leave only what is under data.")],
)
def test_a_file_that_is_no_object_is_a_sentence(tmp_path: Path, content: str, says: str) -> None:
    file = tmp_path / "object.json"
    file.write_text(content)
    run = trigger(PAID, "--to", "http://127.0.0.1:9", "--object", str(file))
    assert run.returncode == 2
    assert says in run.stderr


@pytest.mark.parametrize(
    ("arguments", "secret", "says"),
    [
        ([PAID], SECRET, "--to URL"),
        (["--to", "http://127.0.0.1:9"], SECRET, "Name an EVENT"),
        (["payment_intent.suceeded", "--to", "http://127.0.0.1:9"], SECRET, "Did you mean payment_intent.succeeded"),
        (["galaxy.exploded", "--to", "http://127.0.0.1:9"], SECRET, "Any other type takes --object FILE."),
        ([PAID, "--to", "http://127.0.0.1:9"], None, "set WOOSHPAY_WEBHOOK_SECRET, or pass --secret"),
        ([PAID, "--to", "http://127.0.0.1:9"], "sk_test_abc", "an API key, not a webhook secret"),
        ([PAID, "--to", "http://shop.example.com/webhooks"], SECRET, "https://"),
        ([PAID, "--to", "shop.example.com"], SECRET, "https://"),
        ([PAID, "--to", "ftp://127.0.0.1/webhooks"], SECRET, "https://"),
        ([PAID, "--to", "http://127.0.0.1:9", "--count", "0"], SECRET, "--count"),
        ([PAID, "--to", "http://127.0.0.1:9", "--set", "amount"], SECRET, "must have the form PATH=VALUE"),
        ([PAID, "--to", "http://127.0.0.1:9", "--set", "=5"], SECRET, "must have the form PATH=VALUE"),
        ([PAID, "--to", "http://127.0.0.1:9", "--set", "amout=5"], SECRET, "Did you mean amount?"),
        ([PAID, "--to", "http://127.0.0.1:9", "--set", "amount=five"], SECRET, "amount: must be a whole number"),
        ([PAID, "--to", "http://127.0.0.1:9", "--set", "a\x1b[2J=5"], SECRET, "has no field"),
    ],
)
def test_wrong_use_is_a_sentence(arguments: list[str], secret: str | None, says: str) -> None:
    run = trigger(*arguments, secret=secret)
    assert (run.returncode, run.stdout) == (2, "")
    assert says in run.stderr


def test_the_list_is_for_people_and_programs() -> None:
    run = trigger("--list", secret=None)
    assert (run.returncode, run.stderr) == (0, "")
    ways = dict(line.split("\t") for line in run.stdout.splitlines())
    assert list(ways) == list(SCENES)
    assert ways[PAID] == "documented"
    assert ways["refund.created"] == "third party"
    shown = trigger("--list", secret=None, FORCE_COLOR="1")
    assert "\x1b[" in shown.stdout
    assert max(len(line) for line in re.sub(r"\x1b\[[0-9;]*m", "", shown.stdout).splitlines()) <= 80


def test_settings_for_a_real_account_are_left_alone(shop: Endpoint) -> None:
    environment = {
        "WOOSHPAY_API_KEY": "sk_live_x",
        "WOOSHPAY_BASE_URL": "https://api.wooshpay.com",
        "HTTPS_PROXY": "http://no:1",
        "HTTP_PROXY": "http://no:1",
    }
    assert trigger(PAID, "--to", shop.url, **environment).returncode == 0
