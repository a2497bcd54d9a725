"""What a client and a call can be told, and what they refuse: before anything is sent, and without showing a key."""

from __future__ import annotations

import math
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.effects import KEY, ScriptedClient

from wooshpay import AsyncWooshPay, ConfigurationError, RequestOptions, WooshPay
from wooshpay.config import Config, check_idempotency_key, resolve

TEST = "https://apitest.wooshpay.com"
LIVE = "https://api.wooshpay.com"
LIVE_KEY = "sk_live_thekeythatnobodymaysee"


def resolved(key: Any = KEY, url: Any = None, **settings: Any) -> Config:
    return resolve(key, url, {}, **settings)


# ---- key and host ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "host"), [("sk_test_a", TEST), ("sk_live_a", LIVE), ("pk_test_a", TEST), ("pk_live_a", LIVE)]
)
def test_the_key_chooses_the_host(key: str, host: str) -> None:
    """The test key on the live host would be refused; the live key on a guessed host would be given away."""
    config = resolved(key)
    assert config.base_url == host
    assert config.live is (host == LIVE)
    assert config.publishable is key.startswith("pk")


def test_a_key_that_only_contains_the_word_live_is_a_test_key() -> None:
    assert resolved("sk_test_live_x").base_url == TEST
    assert not resolved("sk_test_live_x").live


def test_the_environment_is_read_where_nothing_is_given() -> None:
    environ = {"WOOSHPAY_API_KEY": KEY, "WOOSHPAY_BASE_URL": "http://localhost:8000/v1"}
    config = resolve(None, None, environ)
    assert (config.api_key.reveal(), config.base_url) == (KEY, "http://localhost:8000")


def test_an_argument_wins_over_the_environment() -> None:
    environ = {"WOOSHPAY_API_KEY": LIVE_KEY, "WOOSHPAY_BASE_URL": "http://localhost:8000"}
    config = resolve(KEY, "https://proxy.example", environ)
    assert (config.api_key.reveal(), config.base_url) == (KEY, "https://proxy.example")


def test_an_empty_variable_counts_as_none() -> None:
    """``WOOSHPAY_BASE_URL=`` in an env file means that it is not set."""
    assert resolve(KEY, None, {"WOOSHPAY_BASE_URL": ""}).base_url == TEST
    with pytest.raises(ConfigurationError, match="WOOSHPAY_API_KEY"):
        resolve(None, None, {"WOOSHPAY_API_KEY": ""})


@pytest.mark.parametrize("client", [AsyncWooshPay, WooshPay])
def test_the_clients_read_the_environment_of_the_process(
    client: type[AsyncWooshPay | WooshPay], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WOOSHPAY_API_KEY", KEY)
    monkeypatch.setenv("WOOSHPAY_BASE_URL", "https://gateway.example/woosh/v1/")
    assert "https://gateway.example/woosh" in repr(client())


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://gateway.example", "https://gateway.example"),
        ("https://gateway.example/", "https://gateway.example"),
        ("https://gateway.example/v1", "https://gateway.example"),
        ("https://gateway.example/v1/", "https://gateway.example"),
        ("https://gateway.example/pay/v1", "https://gateway.example/pay"),
        ("https://gateway.example/pay/", "https://gateway.example/pay"),
        ("https://gateway.example/apiv1", "https://gateway.example/apiv1"),
        ("https://gateway.example:8443/v1", "https://gateway.example:8443"),
        ("https://GATEWAY.example", "https://gateway.example"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
        ("http://localhost", "http://localhost"),
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_a_base_url_is_taken_with_and_without_v1(url: str, kept: str) -> None:
    """Otherwise half of the users would call /v1/v1/refunds."""
    assert resolved(url=url).base_url == kept


@pytest.mark.parametrize(
    ("key", "url", "words"),
    [
        (KEY, "http://gateway.example", "private networks"),
        (KEY, "http://0.0.0.0", "listens on"),
        (KEY, "http://[::]:4242", "listens on"),
        (KEY, "http://localhost.evil.example", "private networks"),
        (KEY, "http://127.0.0.1.evil.example", "private networks"),
        (LIVE_KEY, "http://localhost:8000", "plain http"),
        (LIVE_KEY, "http://api.wooshpay.com", "plain http"),
        (LIVE_KEY, TEST, "other mode"),
        (LIVE_KEY, f"{TEST}/v1", "other mode"),
        (KEY, LIVE, "other mode"),
        ("pk_test_x", "https://API.wooshpay.com", "other mode"),
        # With the dot of the DNS root it is the same host.
        (LIVE_KEY, f"{TEST}.", "other mode"),
        (KEY, f"{LIVE}./v1", "other mode"),
        (KEY, "https://user:hunter2@gateway.example", "credentials"),
        (KEY, "https://user@gateway.example", "credentials"),
        (KEY, "https://@gateway.example", "credentials"),
        (KEY, "https://gateway.example?x=1", "query"),
        (KEY, "https://gateway.example/#x", "fragment"),
        (KEY, "", "malformed"),
        (KEY, "gateway.example", "malformed"),
        (KEY, "//gateway.example", "malformed"),
        (KEY, "ftp://gateway.example", "malformed"),
        (KEY, "https://", "malformed"),
        (KEY, "https:///v1", "malformed"),
        (KEY, "https://gateway.example:port", "malformed"),
        (KEY, "https://gateway.example:99999", "malformed"),
        (KEY, "https://[::1", "malformed"),
        (KEY, "https://gate way.example", "malformed"),
        (KEY, " https://gateway.example", "malformed"),
        (KEY, "https://gateway.example\r\nX: y", "malformed"),
        (KEY, "https://gateway.example\\@evil.example", "malformed"),
        (KEY, 8000, "text"),
        (KEY, b"https://gateway.example", "text"),
    ],
)
def test_a_base_url_that_would_put_the_key_at_risk_is_refused(key: str, url: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        resolved(key, url)


@pytest.mark.parametrize(
    "host",
    [
        "a..b.example",
        ".example",
        "example..",
        f"{'a' * 64}.example",
        ".".join(["a" * 60] * 5),
        "xn--ä.example",
        "ä" * 60,
        "exa<mple.com",
        "exam%70le.com",
        "10.1",
        "134744072",
        "0x08080808",
        "1.2.3.999",
    ],
)
def test_a_host_that_no_name_server_can_know_is_refused_when_the_client_is_made(host: str) -> None:
    """The resolver fails on such names with a raw UnicodeError, which once said that money may have moved."""
    with pytest.raises(ConfigurationError, match=r"base URL.*host") as caught:
        resolved(url=f"https://{host}/v1")
    assert caught.value.outcome == "not_sent"


@pytest.mark.parametrize(
    ("host", "sent"),
    [
        ("münchen.example", "xn--mnchen-3ya.example"),
        ("XN--MNCHEN-3YA.example", "xn--mnchen-3ya.example"),
        ("例え.example", "xn--r8jz45g.example"),
        ("gateway.example.", "gateway.example."),
        ("my_gateway", "my_gateway"),
        ("a" * 63, "a" * 63),
        ("10.0.0.1", "10.0.0.1"),
        ("[2001:db8::1]", "[2001:db8::1]"),
    ],
)
def test_a_host_is_kept_in_the_form_in_which_it_is_sent(host: str, sent: str) -> None:
    """A name with umlauts would stand in the Host header as it was typed, which no server knows."""
    assert resolved(url=f"https://{host}").base_url == f"https://{sent}"


def test_port_0_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="malformed"):
        resolved(url="https://gateway.example:0")


# ---- proxies ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("proxy", "used"),
    [
        ("http://proxy.example:3128", "http://proxy.example:3128"),
        ("HTTP://Proxy.Example:3128/", "http://proxy.example:3128"),
        ("http://proxy.example", "http://proxy.example:80"),
        ("https://proxy.example", "https://proxy.example:443"),
        ("proxy.example:3128", "http://proxy.example:3128"),
        ("me:pw@proxy.example:3128", "http://me:pw@proxy.example:3128"),
        ("http://me:p%40w@proxy.example:3128", "http://me:p%40w@proxy.example:3128"),
        ("http://[::1]:3128", "http://[::1]:3128"),
        ("10.0.0.1:3128", "http://10.0.0.1:3128"),
        (None, None),
        ("", None),
    ],
)
def test_a_proxy_is_taken_as_curl_takes_it(proxy: str | None, used: str | None) -> None:
    """``HTTPS_PROXY=host:3128`` is what curl, requests and Go accept, so that many machines have it."""
    assert resolved(KEY, proxy=proxy).proxy == used


@pytest.mark.parametrize(
    ("proxy", "words"),
    [
        ("garbage", "http://proxy.example:3128"),
        ("socks5://proxy.example:1080", "SOCKS"),
        ("socks5h://me:hunter2@proxy.example:1080", "SOCKS"),
        ("ftp://proxy.example", "http://proxy.example:3128"),
        ("http://", "http://proxy.example:3128"),
        ("http://proxy.example:port", "http://proxy.example:3128"),
        ("http://proxy.example:99999", "http://proxy.example:3128"),
        ("http://proxy.example:0", "http://proxy.example:3128"),
        ("http://[::1", "http://proxy.example:3128"),
        ("http://proxy.example:3128 ", "http://proxy.example:3128"),
        ("http://me:hunter2@proxy.example:3128\r\nX: y", "http://proxy.example:3128"),
        ("http://me:hunter2/x@proxy.example:3128", "percent-encode"),
        ("http://me:12/hunter2@proxy.example:3128", "percent-encode"),
        ("http://me:12?hunter2@proxy.example:3128", "percent-encode"),
        ("http://me:12#hunter2@proxy.example:3128", "percent-encode"),
        ("http://me:hunter2€@proxy.example:3128", "Latin-1"),
        ("http://m%3Ae:hunter2@proxy.example:3128", "colon"),
        ("http://a..b:3128", "host"),
        (f"http://{'a' * 64}:3128", "host"),
        (8080, "text"),
        (b"http://proxy.example:3128", "text"),
    ],
)
def test_a_proxy_that_cannot_work_is_refused_when_the_client_is_made(proxy: Any, words: str) -> None:
    """Otherwise the first payment fails, and the error blames the base URL."""
    with pytest.raises(ConfigurationError, match=words) as caught:
        AsyncWooshPay(KEY, proxy=proxy)
    assert "proxy=" in caught.value.message
    assert "base_url" not in caught.value.message
    assert "hunter2" not in f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}"


@pytest.mark.parametrize("url", ["https://user:hunter2@gate way", "ftp://user:hunter2@h", "https://u:hunter2@[::1"])
def test_a_malformed_base_url_does_not_show_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match="malformed") as caught:
        resolved(url=url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (None, "No API key"),
        ("", "No API key"),
        (" ", "spaces"),
        (f"{KEY}\n", "line break"),
        (f" {KEY}", "spaces"),
        ("sk_test_two words", "malformed"),
        ("sk_test_", "malformed"),
        ("sk_prod_secretsecret", "malformed"),
        ("SK_TEST_secretsecret", "malformed"),
        ("whsec_secretsecret", "webhook secret"),
        ("c2tfdGVzdF9zZWNyZXRzZWNyZXQ6", "Base64"),
        ("sk_test_sécretsécret", "malformed"),
        ("sk_test_secret\x00secret", "malformed"),
        ("sk_test_secret\r\nX-Evil: 1", "malformed"),
        (b"sk_test_secretsecret", "text, not bytes"),
        (12345678, "text, not int"),
        (["sk_test_secretsecret"], "text, not list"),
    ],
)
def test_what_cannot_be_a_key_is_refused_without_repeating_it(key: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        resolved(key)
    shown = f"{caught.value}{caught.value!r}{caught.value.args}"
    assert "secretsecret" not in shown
    assert "c2tfdGVz" not in shown


@given(st.text("0123456789", min_size=9), st.sampled_from(["", "sk_", "sk_test", "whsec_", " sk_test_", "sk_live_\n"]))
def test_nothing_of_a_refused_key_is_ever_shown(digits: str, start: str) -> None:
    """What was pasted by mistake is often another secret."""
    with pytest.raises(ConfigurationError) as caught:
        resolved(start + digits)
    assert digits not in f"{caught.value!r}"


@pytest.mark.parametrize("client", [AsyncWooshPay, WooshPay])
def test_no_repr_shows_the_key(client: type[AsyncWooshPay | WooshPay]) -> None:
    """Clients end up in tracebacks with locals, in debuggers, in Sentry."""
    made = client(KEY, headers={"X-Token": "hunter2"}, proxy="http://user:hunter2@proxy.example")
    config = resolved(KEY, headers={"X-Token": "hunter2"}, proxy="http://user:hunter2@proxy.example")
    for text in (repr(made), repr(config), str(made), repr(vars(made)), repr(made.refunds), repr(made.refunds.create)):
        assert "thekeythatnobodymaysee" not in text
        assert "hunter2" not in text


# ---- publishable keys -----------------------------------------------------------------------------------------


async def test_a_publishable_key_is_refused_call_by_call_but_for_the_one_that_it_may_make() -> None:
    client = ScriptedClient(api_key="pk_test_abc")
    for call in (
        client.refunds.create(payment_intent="pi_1"),
        client.refunds.retrieve("re_1"),
        client.payment_intents.retrieve("pi_1"),
        client.payment_intents.retrieve("pi_1", client_secret=""),
        client.payment_intents.create(amount=1, currency="USD"),
        client.request("GET", "/v1/balance"),
    ):
        with pytest.raises(ConfigurationError, match="publishable key") as caught:
            await call
        assert caught.value.outcome == "not_sent"
        assert caught.value.operation is not None
    assert client.transport.requests == []
    await client.payment_intents.retrieve("pi_1", client_secret="pi_1_secret_x")
    assert client.transport.last.url == f"{TEST}/v1/payment_intents/pi_1?client_secret=pi_1_secret_x"


# ---- limits ---------------------------------------------------------------------------------------------------

NO_SECONDS: list[Any] = [0, 0.0, -1, -0.5, math.nan, math.inf, -math.inf, True, False, "5", None, [], 10**400]
NO_COUNTS: list[Any] = [-1, 1.0, True, False, "2", None, math.nan]


@pytest.mark.parametrize("name", ["timeout", "attempt_timeout", "connect_timeout"])
def test_a_limit_is_a_positive_finite_number_of_seconds(name: str) -> None:
    """``timeout=0`` means "no limit" to some libraries and "give up at once" to others: it is refused."""
    for value in NO_SECONDS:
        settings: dict[str, Any] = {name: value}
        with pytest.raises(ConfigurationError, match=f"{name} must be a positive number of seconds"):
            RequestOptions(**settings)
        with pytest.raises(ConfigurationError, match=name):
            resolved(**settings)
    settings = {name: 3}
    assert getattr(RequestOptions(**settings), name) == 3


@pytest.mark.parametrize(("name", "least"), [("max_retries", 0), ("max_connections", 1)])
def test_a_count_is_a_whole_number_that_is_not_too_small(name: str, least: int) -> None:
    for value in (*NO_COUNTS, least - 1):
        settings: dict[str, Any] = {name: value}
        with pytest.raises(ConfigurationError, match=f"{name} must be a whole number of at least {least}"):
            resolved(**settings)
        if name == "max_retries":
            with pytest.raises(ConfigurationError, match=name):
                RequestOptions(max_retries=value)
    settings = {name: least}
    assert getattr(resolved(**settings), name) == least


# ---- idempotency keys and headers -----------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["order-1", "a", "x" * 255, "order 1/2:3 {a}", "~!"])
def test_any_printable_ascii_makes_an_idempotency_key(key: str) -> None:
    assert RequestOptions(idempotency_key=key).idempotency_key == key


@pytest.mark.parametrize(
    "key", ["", " ", " a", "a ", "a\r\nX: y", "a\nb", "a\x00b", "a\x7f", "a\tb", "x" * 256, "bestellung-ä", "🔑"]
)
def test_a_key_that_could_not_travel_unchanged_is_refused(key: str) -> None:
    """A key that arrives changed is another key: the retry would charge again."""
    with pytest.raises(ConfigurationError, match="idempotency key"):
        RequestOptions(idempotency_key=key)


@pytest.mark.parametrize("key", [17, 1.5, b"order-1", True, ["order-1"]])
def test_a_key_that_is_no_text_is_refused(key: Any) -> None:
    with pytest.raises(ConfigurationError, match="idempotency key"):
        RequestOptions(idempotency_key=key)


@given(st.text(max_size=300))
def test_an_accepted_key_survives_a_header(key: str) -> None:
    try:
        check_idempotency_key(key)
    except ConfigurationError:
        return
    assert key.encode("ascii").decode("latin-1").strip() == key


@pytest.mark.parametrize(
    "headers",
    [
        {"X-A": "1\r\nAuthorization: Basic x"},
        {"X-A": "1\n"},
        {"X-A": "a\x00b"},
        {"X-A": "a\x7f"},
        {"X-A": "snow☃"},
        {"X-A: 1\r\nX-B": "2"},
        {"": "x"},
        {"X A": "1"},
        {"X-Ä": "1"},
        {"X-A": 1},
        {1: "x"},
        {"X-A": b"x"},
    ],
    ids=repr,
)
def test_a_header_that_could_smuggle_another_is_refused(headers: Any) -> None:
    with pytest.raises(ConfigurationError, match="header"):
        RequestOptions(headers=headers)
    with pytest.raises(ConfigurationError, match="header"):
        AsyncWooshPay(KEY, headers=headers)
    with pytest.raises(ConfigurationError, match="header"):
        AsyncWooshPay(KEY).with_options(headers=headers)


@pytest.mark.parametrize("name", ["Authorization", "idempotency-key", "Host", "CONTENT-LENGTH", "Transfer-Encoding"])
def test_a_header_that_the_sdk_answers_for_cannot_be_replaced(name: str) -> None:
    """A second Idempotency-Key would make every statement about the key false."""
    with pytest.raises(ConfigurationError, match="set by the SDK"):
        RequestOptions(headers={name: "x"})


def test_the_repr_of_options_names_what_is_sent_without_showing_it() -> None:
    options = RequestOptions(
        headers={"X-Token": "hunter2"}, extra_body={"cvc": "hunter2"}, extra_query={"q": "hunter2"}
    )
    assert "hunter2" not in repr(options)
    assert "X-Token" in repr(options)


def test_options_are_values_that_can_be_shared_between_processes() -> None:
    options = RequestOptions(idempotency_key="order-1", timeout=5, max_retries=0)
    assert pickle.loads(pickle.dumps(options)) == options
    with pytest.raises(AttributeError):
        options.timeout = 3  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


# ---- copies with other settings -------------------------------------------------------------------------------


async def test_a_copy_with_options_shares_the_connections_and_nothing_else() -> None:
    client = ScriptedClient(timeout=40.0, headers={"X-A": "1"})
    copy = client.with_options(timeout=7.0, headers={"X-B": "2"})
    await copy.refunds.retrieve("re_1")
    await client.refunds.retrieve("re_1")
    of_copy, of_client = client.transport.requests
    assert of_copy.deadline == pytest.approx(client.clock.monotonic + 7.0)
    assert of_client.deadline == pytest.approx(client.clock.monotonic + 40.0)
    assert ("X-A" in of_copy.headers, "X-B" in of_copy.headers) == (False, True)
    assert ("X-A" in of_client.headers, "X-B" in of_client.headers) == (True, False)


def test_a_live_key_never_follows_a_test_client_to_a_private_host() -> None:
    """A shop that rotates its key with `with_options` would send the live key to the sandbox, in the clear."""
    for url in ("http://sandbox:4242", "http://10.0.0.7:4242", "http://127.0.0.1:4242"):
        test = ScriptedClient(base_url=url)
        assert f"{LIVE}>" in repr(test.with_options(api_key=LIVE_KEY))
        for make in (ScriptedClient().with_options, test.with_options):
            with pytest.raises(ConfigurationError, match="live key is never sent over plain http"):
                make(api_key=LIVE_KEY, base_url=url)
        with pytest.raises(ConfigurationError, match="live key is never sent over plain http"):
            ScriptedClient(api_key=LIVE_KEY).with_options(base_url=url)
        with pytest.raises(ConfigurationError, match="live key is never sent over plain http"):
            resolve(None, None, {"WOOSHPAY_API_KEY": LIVE_KEY, "WOOSHPAY_BASE_URL": url})


async def test_a_copy_with_a_key_of_the_other_mode_gets_the_other_host() -> None:
    """A live key must not follow the test client's host, nor the other way round."""
    client = ScriptedClient()
    assert f"{LIVE}>" in repr(client.with_options(api_key=LIVE_KEY))
    local = ScriptedClient(base_url="http://localhost:8000")
    assert f"{LIVE}>" in repr(local.with_options(api_key=LIVE_KEY))
    assert "http://localhost:8000>" in repr(local.with_options(api_key="sk_test_other"))
    with pytest.raises(ConfigurationError, match="plain http"):
        client.with_options(api_key=LIVE_KEY, base_url="http://localhost:8000")
    await client.with_options(api_key="sk_test_other").refunds.retrieve("re_1")
    assert client.transport.last.authorization.reveal() == "Basic c2tfdGVzdF9vdGhlcjo="


def test_a_copy_refuses_what_a_client_refuses() -> None:
    refused: list[dict[str, Any]] = [
        {"timeout": 0},
        {"max_retries": -1},
        {"api_key": "nonsense"},
        {"base_url": "http://x.example"},
    ]
    for settings in refused:
        with pytest.raises(ConfigurationError):
            ScriptedClient().with_options(**settings)
