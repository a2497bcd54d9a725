"""Commands that talk to a running sandbox: its health, clock, simulated actions, faults and reset."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any, ClassVar

import pytest
from support.cli import Run, run

from wooshpay import WooshPay
from wooshpay.cli.controls import act as act_command
from wooshpay.cli.sandbox import command as sandbox_command
from wooshpay.core.json import JsonObject
from wooshpay.sandbox import Sandbox
from wooshpay.sandbox.engine import registry
from wooshpay.sandbox.engine.account_options import AccountOptions
from wooshpay.sandbox.engine.act_parameters import ActParameter
from wooshpay.sandbox.engine.params import Params
from wooshpay.sandbox.engine.state import State
from wooshpay.sandbox.sandbox import SyncSandbox

DAY = 86_400_000


@pytest.fixture
def sandbox() -> Iterator[SyncSandbox]:
    with Sandbox(seed=7) as sandbox:
        yield sandbox


def talk(sandbox: SyncSandbox, *words: str, **variables: str) -> Run:
    """Run ``wooshpay sandbox ...`` as a user does who exported what the sandbox printed."""
    mine = {"WOOSHPAY_API_KEY": sandbox.api_key, "WOOSHPAY_BASE_URL": sandbox.base_url}
    return run("sandbox", *words, **{**mine, **variables})


def answered(sandbox: SyncSandbox, *words: str) -> Any:
    """The JSON that a command prints."""
    result = talk(sandbox, *words, "--json")
    assert (result.code, result.err) == (0, ""), result.err
    assert len(result.out.splitlines()) == 1
    return json.loads(result.out)


# ---- the clock


def test_the_clock_is_shown_moved_stopped_and_let_run(sandbox: SyncSandbox) -> None:
    before = sandbox.clock.now
    assert talk(sandbox, "clock").out == "2026-01-01 00:00:00 UTC, stopped\n"
    assert talk(sandbox, "clock", "advance", "31d").out == "2026-02-01 00:00:00 UTC, stopped\n"
    assert sandbox.clock.now == before + 31 * DAY
    assert talk(sandbox, "clock", "resume").out.endswith("UTC, running\n")
    assert answered(sandbox, "clock")["frozen"] is False
    assert talk(sandbox, "clock", "freeze").out.endswith("UTC, stopped\n")
    assert sandbox.clock.frozen
    assert answered(sandbox, "clock", "show") == {
        "object": "sandbox.clock",
        "now": sandbox.clock.now,
        "frozen": True,
    }


@pytest.mark.parametrize(
    ("span", "milliseconds"),
    [
        ("31d", 31 * DAY),
        ("1d12h", DAY + 12 * 3_600_000),
        ("1.5h", 5_400_000),
        ("90m", 5_400_000),
        ("2w", 14 * DAY),
        ("45S", 45_000),
        ("500ms", 500),
        ("1 d 2 h", DAY + 7_200_000),
        ("0s", 0),
    ],
)
def test_a_span_is_read_with_its_units(sandbox: SyncSandbox, span: str, milliseconds: int) -> None:
    before = sandbox.clock.now
    assert answered(sandbox, "clock", "advance", span)["now"] == before + milliseconds


@pytest.mark.parametrize("span", ["31", "d", "1y", "1d-2h", "1e3s", "", "month", "1mo"])
def test_a_span_without_a_known_unit_moves_nothing(sandbox: SyncSandbox, span: str) -> None:
    """31 seconds in place of 31 days would show no renewal, and nobody would know why."""
    before = sandbox.clock.now
    result = talk(sandbox, "clock", "advance", span)
    assert (result.code, "not a span of time" in result.err) == (2, True)
    assert sandbox.clock.now == before


def test_settling_says_what_became_of_the_webhooks(sandbox: SyncSandbox) -> None:
    with WooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        client.webhook_endpoints.create(url="http://127.0.0.1:9/hook", enabled_events=["product.created"])
        client.products.create(name="Tea")
    # Within 73 hours all attempts have failed.
    result = talk(sandbox, "clock", "advance", "73h", "--settle")
    assert result.out.splitlines()[1] == "Webhook deliveries: 1 given up"


# ---- simulated actions


def test_without_a_name_all_actions_are_listed_even_without_a_sandbox() -> None:
    result = run("sandbox", "act", WOOSHPAY_API_KEY="", WOOSHPAY_BASE_URL="")
    assert result.code == 0
    listed = [line.split("\t")[0] for line in result.out.splitlines()]
    assert listed == list(registry.acts())
    assert all(line.split("\t")[1] for line in result.out.splitlines())


def test_an_action_is_carried_out_and_its_result_shown(sandbox: SyncSandbox) -> None:
    result = talk(sandbox, "act", "balance.top_up", "amount=500", "currency=USD")
    assert result.code == 0
    assert sandbox.store.all("balance") or "500" in result.out
    assert answered(sandbox, "act", "balance.top_up", "amount=500", "currency=USD")["object"] == "balance"


@pytest.mark.parametrize("words", [("act", "balance.topup"), ("act", "dispute.create"), ("fault", "add", "ratelimit")])
def test_an_unknown_name_suggests_the_nearest(sandbox: SyncSandbox, words: tuple[str, ...]) -> None:
    result = talk(sandbox, *words)
    assert result.code == 2
    assert "Did you mean" in result.err


def test_what_the_sandbox_refuses_is_its_sentence(sandbox: SyncSandbox) -> None:
    result = talk(sandbox, "act", "disputes.create", "payment_intent=pi_0000000000000000000")
    assert result.code == 1
    assert result.err.startswith("Error: ")
    assert "pi_0000000000000000000" in result.err


@pytest.fixture
def session(sandbox: SyncSandbox) -> str:
    """The ID of a checkout session: the sandbox refuses an action whose ID names no object of the declared kind."""
    with WooshPay(sandbox.api_key, base_url=sandbox.base_url) as client:
        return client.checkout.sessions.create(
            success_url="https://shop.example/thanks",
            line_items=[
                {
                    "quantity": 1,
                    "price_data": {"currency": "USD", "unit_amount": 500, "product_data": {"name": "Tea"}},
                }
            ],
        ).id


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> list[JsonObject]:
    """An action with a parameter of each kind; what it was called with."""
    called: list[JsonObject] = []
    name = "tests.pay_page"

    def work(state: State, params: Params) -> JsonObject:
        """Pay a page.

        This is for tests.
        """
        called.append(dict(params.values))
        return {
            "object": "sandbox.page",
            "status": "paid",
            "message": "Thank you.\x1b[2J",
            "url": "https://shop.example/thanks?a=1",
            "session": {"id": "cs_1", "object": "checkout.session", "status": "complete", "payment_status": "paid"},
        }

    registry.load()
    parameters = (
        ActParameter("session", "The session to pay.", "id", required=True, of="checkout.session"),
        ActParameter("amount", "The amount.", "amount"),
        ActParameter("outcome", "How it goes.", "choice", choices=("paid", "declined"), default="paid"),
        ActParameter("later", "Whether it is pending.", "flag"),
        ActParameter("metadata", "Any keys.", "object"),
        ActParameter("payment_method", "The method.", "text"),
    )
    monkeypatch.setitem(registry._acts, name, work)  # pyright: ignore[reportPrivateUsage]  # registered for one test
    monkeypatch.setitem(registry._act_parameters, name, parameters)  # pyright: ignore[reportPrivateUsage]
    return called


def page(sandbox: SyncSandbox, *words: str) -> Run:
    return talk(sandbox, "act", "tests.pay_page", *words)


def test_declared_parameters_are_options_of_their_kind(
    declared: list[JsonObject], sandbox: SyncSandbox, session: str
) -> None:
    result = page(
        sandbox,
        *("--session", session, "--amount", "500", "--outcome", "declined", "--no-later"),
        *("--metadata", '{"order": "17"}', "--payment-method", "pm_card_visa"),
    )
    assert (result.code, result.err) == (0, "")
    assert declared == [
        {
            "session": session,
            "amount": 500,
            "outcome": "declined",
            "later": False,
            "metadata": {"order": "17"},
            "payment_method": "pm_card_visa",
        }
    ]


def test_parameters_may_be_pairs_too(declared: list[JsonObject], sandbox: SyncSandbox, session: str) -> None:
    result = page(sandbox, f"session={session}", "amount=500", "later=true", "metadata.order=17", "payment-method=a=b")
    assert (result.code, result.err) == (0, "")
    (values,) = declared
    assert values == {
        "session": session,
        "amount": 500,
        "later": True,
        "metadata": {"order": "17"},
        "payment_method": "a=b",
    }


def test_a_page_is_shown_with_its_url_and_the_state_of_each_object(
    declared: list[JsonObject], sandbox: SyncSandbox, session: str
) -> None:
    assert page(sandbox, f"session={session}").out.splitlines() == [
        "paid     Thank you.\\x1b[2J",
        "url      https://shop.example/thanks?a=1",
        "session  cs_1  checkout.session, complete, paid",
    ]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "needs session"),
        (["session="], "needs session"),
        (["--session", "cs_1", "--amount", "5.00"], "not a valid integer"),
        (["session=cs_1", "amount=5.00"], "not a valid integer"),
        (["session=cs_1", "outcome=lost"], "'lost' is not one of"),
        (["session=cs_1", "later=perhaps"], "not a valid boolean"),
        (["session=cs_1", "--metadata", "[]"], "not a JSON object"),
        (["session=cs_1", "metadata={"], "not a JSON object"),
        (["sesion=cs_1"], "Did you mean session?"),
        (["session"], "Write it as NAME=VALUE"),
        (["=cs_1"], "Write it as NAME=VALUE"),
        (["--sesion", "cs_1"], "No such option '--sesion'"),
    ],
)
def test_a_wrong_parameter_is_a_sentence_and_does_nothing(
    declared: list[JsonObject], sandbox: SyncSandbox, words: list[str], says: str
) -> None:
    result = page(sandbox, *words)
    assert (result.code, says in result.err) == (2, True), result.err
    assert declared == []


def test_the_help_of_an_action_with_many_choices_fits_a_terminal() -> None:
    """The names of all payment methods once stood in one word of 400 characters, which no terminal can wrap."""
    shown = run("sandbox", "act", "checkout.sessions.pay", "--help").out
    assert [line for line in shown.splitlines() if len(line) > 80] == []
    assert "--method METHOD" in shown
    assert "bank_transfer_vn" in shown


def test_the_help_of_an_action_shows_its_parameters(declared: list[JsonObject]) -> None:
    shown = " ".join(run("sandbox", "act", "tests.pay_page", "--help").out.split())
    for text in (
        "Pay a page.",
        "--session ID",
        "The session to pay. Required.",
        "[paid|declined]",
        "--later / --no-later",
    ):
        assert text in shown, text


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["sandbox", "cl"], "clock"),
        (["sandbox", "act", "balance."], "balance.top_up"),
        (["sandbox", "clock", "adv"], "advance"),
        (["sandbox", "fault", "add", "rate-"], "rate_limit"),
    ],
)
def test_shells_complete_commands_actions_and_faults(words: list[str], found: str) -> None:
    from click.shell_completion import ShellComplete

    from wooshpay.cli.root import root

    items = ShellComplete(root, {}, "wooshpay", "_WOOSHPAY_COMPLETE").get_completions(words[:-1], words[-1])
    assert found in [item.value for item in items]


# ---- faults


def test_faults_are_added_listed_removed_and_cleared(sandbox: SyncSandbox) -> None:
    line = "fault_1  rate_limit: hits 2 requests of refunds.create, has hit 0, retry_after 3.0"
    added = talk(
        sandbox,
        *("fault", "add", "rate-limit", "--times", "2", "--operation", "refunds.create", "--retry-after", "3"),
    )
    assert added.out.startswith(line)
    assert talk(sandbox, "fault", "add", "drip", "--times", "all", "--bytes", "5").code == 0
    assert [(fault.kind, fault.remaining) for fault in sandbox.faults] == [("rate_limit", 2), ("drip", None)]
    listed = talk(sandbox, "fault", "list").out.splitlines()
    assert listed[0].startswith(line)
    assert listed[1].startswith("fault_2  drip: hits every request, has hit 0")
    assert talk(sandbox, "fault", "remove", "fault_1").out == "fault_1 is removed.\n"
    assert [fault.kind for fault in sandbox.faults] == ["drip"]
    assert talk(sandbox, "fault", "clear").out == "All faults are removed.\n"
    assert talk(sandbox, "fault", "list").out == "There are no faults.\n"
    assert answered(sandbox, "fault", "add", "slow", "--probability", "0.5", "--seed", "3")["seed"] == 3


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["slow", "--times", "0"], 2, "not a number of requests"),
        (["slow", "--operation", "refund.create"], 1, "did you mean refunds.create?"),
        (["slow", "--probability", "2"], 1, "probability"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(sandbox: SyncSandbox, words: list[str], code: int, says: str) -> None:
    result = talk(sandbox, "fault", "add", *words)
    assert (result.code, says in result.err) == (code, True), result.err
    assert len(sandbox.faults) == 0


# ---- reset


def test_reset_leaves_nothing(sandbox: SyncSandbox) -> None:
    sandbox.act("balance.top_up", amount=500, currency="USD")
    assert talk(sandbox, "reset").out == "The sandbox was reset. It has no webhook endpoint.\n"
    assert sandbox.store.kinds() == []


# ---- health, and where the sandbox is


def test_health_needs_no_key(sandbox: SyncSandbox) -> None:
    for words in (("health", sandbox.base_url), ("health",)):
        result = talk(sandbox, *words, WOOSHPAY_API_KEY="")
        assert (result.code, result.out) == (0, f"The sandbox at {sandbox.base_url} is ready.\n")
    assert answered(sandbox, "health")["status"] == "ready"


def test_health_of_a_sandbox_that_is_gone_is_1() -> None:
    """Docker takes 0 for healthy and 1 for unhealthy."""
    with Sandbox() as sandbox:
        url = sandbox.base_url
    result = run("sandbox", "health", url)
    assert (result.code, result.out) == (1, "")
    assert result.err == f"Error: Nothing could be reached at {url}: Connection refused. Is it running?\n"


class _Other(BaseHTTPRequestHandler):
    """Some other server, which notes what it gets."""

    heard: ClassVar[list[tuple[str, str | None]]] = []

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline()
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        self.heard.append((self.path, self.headers["Authorization"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<h1>Hello</h1>")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def other() -> Iterator[str]:
    _Other.heard.clear()
    with HTTPServer(("127.0.0.1", 0), _Other) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "words",
    [
        ("reset",),
        ("clock", "advance", "1d"),
        ("act", "balance.top_up", "amount=500", "currency=USD"),
        ("fault", "clear"),
        ("clock",),
    ],
)
def test_a_host_that_is_not_a_sandbox_is_refused_and_never_gets_the_key(other: str, words: tuple[str, ...]) -> None:
    """The base URL of a test account that is left in the environment must not get `reset`, nor the key."""
    result = run("sandbox", *words, WOOSHPAY_BASE_URL=other)
    assert (result.code, "is not a sandbox" in result.err, "nothing was changed" in result.err) == (2, True, True)
    assert _Other.heard == [("/sandbox/health", None)]
    assert run("sandbox", "health", other).code == 1


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"WOOSHPAY_BASE_URL": ""}, "Set WOOSHPAY_BASE_URL to the base URL that `wooshpay sandbox` printed"),
        ({"WOOSHPAY_BASE_URL": "https://apitest.wooshpay.com"}, "a host of WooshPay, not a sandbox"),
        ({"WOOSHPAY_BASE_URL": "https://api.wooshpay.com"}, "other mode"),
        ({"WOOSHPAY_API_KEY": ""}, "There is no API key"),
        ({"WOOSHPAY_API_KEY": "sk_live_thekeythatnobodymaysee"}, "holds a live key, which was not used"),
    ],
)
def test_without_a_sandbox_of_ones_own_nothing_is_sent(variables: dict[str, str], says: str) -> None:
    given = {"WOOSHPAY_BASE_URL": "http://127.0.0.1:9", **variables}
    result = run("sandbox", "reset", **given)
    assert (result.code, says in result.err) == (2, True), result.err
    assert "thekeythat" not in result.err


def test_the_sandbox_may_be_named_by_options(sandbox: SyncSandbox, tmp_path: Any) -> None:
    file = tmp_path / "key"
    file.write_text(sandbox.api_key)
    result = run(
        *("sandbox", "clock", "show", "--base-url", sandbox.base_url, "--api-key-file", str(file)),
        WOOSHPAY_API_KEY="",
        WOOSHPAY_BASE_URL="",
    )
    assert (result.code, result.out) == (0, "2026-01-01 00:00:00 UTC, stopped\n")
    wrong = run("sandbox", "clock", WOOSHPAY_BASE_URL=sandbox.base_url)
    assert (wrong.code, "not a key of this sandbox" in wrong.err) == (1, True)


def test_options_of_the_start_do_nothing_before_a_command_and_are_refused(sandbox: SyncSandbox) -> None:
    result = talk(sandbox, "--port", "4242", "clock", "advance", "1d")
    assert (result.code, "--port is for starting a sandbox" in result.err) == (2, True)
    assert sandbox.clock.now == 1_767_225_600_000


def test_a_url_before_the_name_of_a_command_is_refused_rather_than_ignored(sandbox: SyncSandbox) -> None:
    """The clock of another sandbox would move: that of the environment."""
    result = talk(sandbox, "clock", "--base-url", "http://other:4242", "advance", "1d")
    assert (result.code, "--base-url belongs after the name of the command `advance`" in result.err) == (2, True)
    assert sandbox.clock.now == 1_767_225_600_000


def test_a_command_that_does_not_exist_starts_no_sandbox() -> None:
    result = run("sandbox", "clok")
    assert (result.code, "Did you mean clock?" in result.err) == (2, True)


# ---- options of the start


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The arguments with which a sandbox would have been started."""
    found: list[dict[str, Any]] = []

    class Recorder:
        def __init__(self, **options: Any) -> None:
            found.append(options)
            raise KeyboardInterrupt

    monkeypatch.setattr("wooshpay.sandbox.Sandbox", Recorder)
    return found


def test_without_options_the_account_is_the_usual_one(started: list[dict[str, Any]]) -> None:
    assert run("sandbox").code == 0
    assert started[0]["account"] == AccountOptions()
    assert "strict" not in started[0]
    assert started[0]["public_url"] is None


def test_each_option_of_the_account_reaches_the_sandbox(started: list[dict[str, Any]]) -> None:
    result = run(
        *(
            "sandbox",
            "--payment-methods",
            "card, alipay,card",
            "--minimum-amount",
            "usd=100",
            "--minimum-amount",
            "JPY=1",
        ),
        *("--plan-changes", "charge", "--error-bodies", "flat", "--refuse-unknown-currencies", "--strict"),
        *("--business-name", "Tea & Co"),
    )
    assert (result.code, result.err) == (0, "")
    assert started[0]["account"] == AccountOptions(
        payment_methods=("card", "alipay"),
        minimum_amounts={"USD": 100, "JPY": 1},
        plan_changes="charge",
        error_bodies="flat",
        unknown_currencies="refused",
        business_name="Tea & Co",
    )
    assert started[0]["strict"] is True


def test_every_option_of_the_account_has_one_on_the_command_line() -> None:
    """One that is added to `AccountOptions` later must be added to the command too."""
    import attrs

    names = {param.name for param in sandbox_command.params}
    renamed = {"unknown_currencies": "refuse_unknown_currencies"}
    assert {renamed.get(field.name, field.name) for field in attrs.fields(AccountOptions)} <= names


def test_the_actions_are_made_of_the_declarations_alone() -> None:
    """An action without a command could be reached only over HTTP."""
    group = act_command.command
    assert set(registry.acts()) == {name for names in group.purposes.values() for name in names}
