"""``wooshpay listen`` at a sandbox that runs already."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from cli.endpoint import Endpoint, endpoint
from cli.test_listen import RUN, Listener, plain
from support.children import HANGS
from support.cli import environment

from wooshpay import WooshPay, webhooks
from wooshpay.sandbox import Sandbox, SyncSandbox

SECRET = "whsec_5WbX5kEWLlfzsGNjH64I8lOOqUB6e8FH"


class Attached(Listener):
    """The command at work, with its process and the sentences on standard error."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        super().__init__(process)
        self.process = process
        self.secret = self.exported["WOOSHPAY_WEBHOOK_SECRET"]

    def sentence(self) -> str:
        """Wait for the next line on standard error."""
        assert self.process.stderr is not None
        return self.process.stderr.readline().rstrip("\n")


def start(sandbox: SyncSandbox, shop: Endpoint, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    """Start the command; the sandbox's address and key are in the environment."""
    given = {"WOOSHPAY_BASE_URL": sandbox.base_url, "WOOSHPAY_API_KEY": sandbox.api_key, "COLUMNS": "80"}
    return subprocess.Popen(
        [*RUN, "--forward-to", shop.url, *arguments],
        env=environment(**{**given, **variables}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def attached(
    sandbox: SyncSandbox, shop: Endpoint, *arguments: str, ending: int = signal.SIGINT, **variables: str
) -> Generator[Attached]:
    """Run the command until the block ends, which a signal must end well."""
    process = start(sandbox, shop, *arguments, **variables)
    try:
        yield Attached(process)
    finally:
        process.send_signal(ending)
        rest, errors = process.communicate(timeout=HANGS)
    assert (process.returncode, rest, errors) == (0, "", "")


@pytest.fixture
def shop() -> Iterator[Endpoint]:
    with endpoint() as found:
        yield found


@pytest.fixture
def sandbox() -> Iterator[SyncSandbox]:
    with Sandbox() as found:
        yield found


@pytest.fixture
def client(sandbox: SyncSandbox) -> Iterator[WooshPay]:
    with WooshPay(sandbox.api_key, base_url=sandbox.base_url) as found:
        yield found


def endpoints(sandbox: SyncSandbox) -> list[Any]:
    return sandbox.store.all("webhook_endpoint")


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_forwards_the_events_of_a_running_sandbox_and_removes_what_it_registered(
    sandbox: SyncSandbox, client: WooshPay, shop: Endpoint, ending: int
) -> None:
    """A program that uses the sandbox needs no other one, and deliveries end when nobody listens any more."""
    client.products.create(name="Before")
    with attached(sandbox, shop, ending=ending) as listener:
        assert listener.secret == sandbox.webhook_secret, "the one that `wooshpay sandbox` printed"
        assert f"of the sandbox\n  at {sandbox.base_url} to {shop.url}" in listener.head
        assert sandbox.api_key not in listener.head
        product = client.products.create(name="Tea")
        hook = shop.next()
        event = webhooks.construct(hook.body, hook.headers, listener.secret, tolerance=60)
        assert listener.line().split("\t")[1:] == ["product.created", product.id, event.id, "200"]
        sandbox.clock.advance(days=400)
        client.products.create(name="Later")
        hook = shop.next()
        webhooks.construct(hook.body, hook.headers, listener.secret, tolerance=60)
        assert listener.line().endswith("\t200")
        assert len(endpoints(sandbox)) == 1
    assert endpoints(sandbox) == []


def test_the_option_names_the_sandbox(sandbox: SyncSandbox, client: WooshPay, shop: Endpoint) -> None:
    with attached(sandbox, shop, "--sandbox", sandbox.base_url, WOOSHPAY_BASE_URL="http://127.0.0.1:9") as listener:
        client.products.create(name="Tea")
        assert listener.line().endswith("\t200")


def test_every_start_has_the_same_secret(sandbox: SyncSandbox, shop: Endpoint) -> None:
    """Or the program would have to be configured again each time."""
    secrets: set[str] = set()
    for _ in range(2):
        with attached(sandbox, shop) as listener:
            secrets.add(listener.secret)
    assert len(secrets) == 1


@pytest.mark.parametrize("way", ["option", "variable"])
def test_a_secret_of_ones_own(sandbox: SyncSandbox, client: WooshPay, shop: Endpoint, way: str) -> None:
    given = ["--secret", SECRET] if way == "option" else []
    in_variable = "" if given else SECRET
    with attached(sandbox, shop, *given, WOOSHPAY_WEBHOOK_SECRET=in_variable) as listener:
        assert listener.secret == SECRET
        client.products.create(name="Tea")
        hook = shop.next()
        webhooks.verify(hook.body, hook.headers, SECRET)
        assert listener.line().endswith("\t200")


def test_a_listener_that_was_killed_is_replaced(sandbox: SyncSandbox, client: WooshPay, shop: Endpoint) -> None:
    """Its endpoint must not double the deliveries."""
    process = start(sandbox, shop)
    Attached(process)
    process.kill()
    process.communicate(timeout=HANGS)
    assert len(endpoints(sandbox)) == 1
    with attached(sandbox, shop) as listener:
        client.products.create(name="Tea")
        assert listener.line().endswith("\t200")
        assert len(endpoints(sandbox)) == 1
    assert shop.hooks.qsize() == 1
    assert endpoints(sandbox) == []


def test_an_endpoint_of_the_users_own_is_used_and_stays(sandbox: SyncSandbox, client: WooshPay, shop: Endpoint) -> None:
    made = client.webhook_endpoints.create(url=shop.url, enabled_events=["*"])
    with attached(sandbox, shop, "--events", "product.*") as listener:
        assert listener.secret == made.secret
        assert "the endpoint that the sandbox already has" in listener.head
        client.customers.create(email="ada@example.com")
        client.products.create(name="Tea")
        assert listener.line().split("\t")[1] == "product.created"
    assert [found["id"] for found in endpoints(sandbox)] == [made.id]


# ---- why a delivery was refused


def test_a_refusal_is_shown_with_its_reason_within_the_terminal(
    sandbox: SyncSandbox, client: WooshPay, shop: Endpoint
) -> None:
    """Long texts are cut, what moves a cursor is made visible, and secrets are hidden."""
    shop.answers = [400, 500, 503]
    shop.says = ("The signature\x1b[2J\u202e of sk_test_abcdefghijklmnop " + "does not match " * 20, "text/plain")
    with attached(sandbox, shop, FORCE_COLOR="1") as listener:
        client.products.create(name="Tea")
        first, reason, again = (plain(listener.line()) for _ in range(3))
        assert "  400  product.created" in first
        assert reason.startswith(" " * 15 + r"The signature\x1b[2J\u202e of sk_test_")
        assert "abcdefghijklmnop" not in reason
        assert (len(reason), reason[-1]) == (80, "…")
        assert re.fullmatch(r" {15}Again at (\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d\.", again)
        shop.says = ("<!doctype html><title>Error</title>", "text/html")
        client.products.create(name="Tea")
        assert "  500  product.created" in plain(listener.line())
        assert "Again at" in plain(listener.line())
    with attached(sandbox, shop) as listener:
        shop.says = ('{\n  "detail": "No such\torder"\n}', "application/json")
        client.products.create(name="Tea")
        assert listener.line().split("\t")[4:] == ["503", '{ "detail": "No such order" }']


def test_a_shop_that_is_not_there_is_shown_and_a_later_event_arrives(
    sandbox: SyncSandbox, client: WooshPay, shop: Endpoint
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    away = Endpoint(url=f"http://127.0.0.1:{port}/webhooks")
    with attached(sandbox, away, FORCE_COLOR="1") as listener:
        client.products.create(name="Tea")
        assert "  ---  product.created" in plain(listener.line())
        assert plain(listener.line()).strip() == f"Connection refused: nothing listens at 127.0.0.1:{port}."
        assert "Again at" in plain(listener.line())
        with endpoint(port) as back:
            sandbox.clock.advance(days=1)
            assert "  200  product.created" in plain(listener.line())
            assert back.hooks.qsize() == 1


# ---- a sandbox that comes and goes


def test_it_survives_a_restart_of_the_sandbox(shop: Endpoint, tmp_path: Path) -> None:
    """With the same secret, and without losing or repeating a line."""
    with Sandbox(state=tmp_path / "s.db") as sandbox, WooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        process = start(sandbox, shop, "--secret", SECRET)
        listener = Attached(process)
        client.products.create(name="Tea")
        assert listener.line().endswith("\t200")
        shop.next()
        base_url = sandbox.base_url
    assert listener.sentence() == f"The sandbox at {base_url} does not answer. Waiting for it."
    with Sandbox(state=tmp_path / "s.db") as sandbox, WooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        assert sandbox.base_url == base_url
        assert listener.sentence() == "The sandbox is back."
        product = client.products.create(name="Coffee")
        assert listener.line().split("\t")[2] == product.id
        hook = shop.next()
        webhooks.verify(hook.body, hook.headers, SECRET)
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=HANGS) == ("", "")
        assert process.returncode == 0
        assert endpoints(sandbox) == []


def test_it_ends_when_the_sandbox_comes_back_with_another_key(shop: Endpoint) -> None:
    """A new sandbox in memory is another one: what the listener printed is not true any more."""
    with Sandbox() as sandbox:
        process = start(sandbox, shop)
        listener = Attached(process)
        base_url = sandbox.base_url
    assert "Waiting for it." in listener.sentence()
    with Sandbox(port=int(base_url.rpartition(":")[2])):
        rest, errors = process.communicate(timeout=HANGS)
    assert (process.returncode, rest) == (1, "")
    assert errors == f"Error: The sandbox at {base_url} has another API key. Set WOOSHPAY_API_KEY to the one that it" \
                     " printed when it started.\n"  # fmt: skip


def test_it_ends_at_once_while_the_sandbox_is_away(shop: Endpoint) -> None:
    with Sandbox() as sandbox:
        process = start(sandbox, shop)
        listener = Attached(process)
    assert "Waiting for it." in listener.sentence()
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=HANGS) == ("", "")
    assert process.returncode == 0


def test_an_endpoint_that_was_deleted_is_registered_again(
    sandbox: SyncSandbox, client: WooshPay, shop: Endpoint
) -> None:
    process = start(sandbox, shop)
    listener = Attached(process)
    client.webhook_endpoints.delete(endpoints(sandbox)[0]["id"])
    assert listener.sentence() == "The endpoint was deleted in the sandbox, and is registered again."
    client.products.create(name="Tea")
    assert listener.line().endswith("\t200")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=HANGS)


# ---- wrong use


def refused(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    found = subprocess.run(
        [*RUN, "--forward-to", "http://127.0.0.1:9", *arguments],
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=HANGS,
    )
    assert found.stdout == ""
    assert "Traceback" not in found.stderr
    return found


@pytest.mark.parametrize(
    ("arguments", "variables", "code", "says"),
    [
        (["--sandbox", "http://127.0.0.1:9"], {}, 1, "No sandbox answers at http://127.0.0.1:9 (--sandbox)."),
        ([], {"WOOSHPAY_BASE_URL": "http://127.0.0.1:9"}, 1, "http://127.0.0.1:9 (WOOSHPAY_BASE_URL)."),
        (["--sandbox", "http://127.0.0.1:9"], {"WOOSHPAY_API_KEY": ""}, 2, "There is no key for the sandbox"),
        (["--sandbox", "http://127.0.0.1:9"], {"WOOSHPAY_API_KEY": "sk_live_x"}, 2, "never sent to a sandbox"),
        (["--sandbox", "https://api.wooshpay.com"], {}, 2, "names WooshPay itself"),
        (["--sandbox", "https://apitest.wooshpay.com."], {}, 2, "names WooshPay itself"),
        (["--sandbox", "http://127.0.0.1:9", "--port", "0"], {}, 2, "Leave one of them out."),
        (["--sandbox", "http://sandbox.example.com"], {}, 2, "https"),
        (["--secret", "sk_test_abc"], {}, 2, "an API key, not a webhook secret"),
    ],
)
def test_wrong_use_is_a_sentence(arguments: list[str], variables: dict[str, str], code: int, says: str) -> None:
    found = refused(*arguments, **variables)
    assert (found.returncode, says in found.stderr) == (code, True), found.stderr


def test_a_host_that_is_not_a_sandbox_never_gets_the_key() -> None:
    """The base URL of a proxy or of another service may be left in the environment."""
    heard: list[tuple[str, str | None]] = []

    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append((self.path, self.headers["Authorization"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<h1>Welcome</h1>")

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *arguments: object) -> None:
            """Write nothing to standard error."""

    with HTTPServer(("127.0.0.1", 0), Other) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        found = refused("--sandbox", f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()
    assert (found.returncode, "is not a sandbox" in found.stderr, "The key was not sent" in found.stderr) == (
        1,
        True,
        True,
    )
    assert heard == [("/sandbox/health", None)]


def test_a_sandbox_with_another_key_is_a_sentence(sandbox: SyncSandbox) -> None:
    found = refused("--sandbox", sandbox.base_url)
    assert found.returncode == 1
    assert "has another API key" in found.stderr


def test_another_secret_for_a_registered_url_is_a_sentence(sandbox: SyncSandbox, client: WooshPay) -> None:
    client.webhook_endpoints.create(url="http://127.0.0.1:9", enabled_events=["*"])
    found = refused("--sandbox", sandbox.base_url, "--secret", SECRET, WOOSHPAY_API_KEY=sandbox.api_key)
    assert found.returncode == 1
    assert "another secret" in found.stderr
    assert SECRET not in found.stderr


def test_settings_for_a_real_account_are_left_alone(shop: Endpoint) -> None:
    """They name WooshPay itself, so a sandbox of the command's own is meant, and the live key goes nowhere."""
    variables = {"WOOSHPAY_API_KEY": "sk_live_x", "WOOSHPAY_BASE_URL": "https://api.wooshpay.com"}
    process = subprocess.Popen(
        [*RUN, "--forward-to", shop.url],
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    listener = Attached(process)
    assert listener.exported["WOOSHPAY_BASE_URL"].startswith("http://127.0.0.1:")
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=HANGS) == ("", "")
    assert process.returncode == 0


def test_the_commands_of_the_guide_work(sandbox: SyncSandbox, client: WooshPay, shop: Endpoint) -> None:
    """They run until Ctrl-C, or need a program that listens, so the guide's own test leaves them out."""
    guide = (Path(__file__).parents[2] / "wooshpay" / "cli" / "README.md").read_text("utf-8")
    block = guide.partition("```console\n")[2].partition("```")[0]
    real = block.replace("http://127.0.0.1:8000/webhooks", shop.url).replace("http://127.0.0.1:4242", sandbox.base_url)
    trigger, listen = (line.split()[1:] for line in real.splitlines())
    variables = environment(WOOSHPAY_API_KEY=sandbox.api_key, WOOSHPAY_WEBHOOK_SECRET=SECRET)
    subprocess.run([*RUN[:-1], *trigger], env=variables, check=True, timeout=HANGS, capture_output=True)
    hook = shop.next()
    about = webhooks.construct(hook.body, hook.headers, SECRET).data.to_dict()["object"]
    assert (about["metadata"]["order"], about["amount"]) == ("17", 500)
    process = subprocess.Popen(
        [*RUN[:-1], *listen], env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    listener = Attached(process)
    client.products.create(name="Tea")
    assert listener.line().endswith("\t200")
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=HANGS) == ("", "")
