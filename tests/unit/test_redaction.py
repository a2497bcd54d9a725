"""No secret gets into a text that the SDK writes, and nothing else is hidden."""

from __future__ import annotations

import copy
import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wooshpay.core.redaction import HIDDEN, SENSITIVE_FIELDS, Secret, excerpt, redact, redact_json

CARD = "4242424242424242"
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


@pytest.mark.parametrize(
    ("text", "secret", "stays"),
    [
        ("Invalid API Key: sk_test_abcDEF123", "abcDEF123", "Invalid API Key: sk_test_"),
        ("Invalid API Key: sk_live_abc.", "sk_live_abc", "sk_live_"),
        ("key=pk_test_abc&x=1", "abc", "&x=1"),
        ("my_sk_live_abc", "abc", "my_sk_live_"),
        ("whsec_c2VjcmV0+/=", "c2VjcmV0", "whsec_"),
        ("client_secret=pi_1693466278934609920_secret_fooBAR", "fooBAR", "pi_1693466278934609920_secret_"),
        ("seti_12_secret_ab-cd_ef!", "cd_ef", "seti_12_secret_"),
        ("cs_test_a1B2_secret_fooBAR", "fooBAR", "cs_test_a1B2_secret_"),
        ("Authorization: Basic c2tfdGVzdF9hYmM6", "c2tfdGVzdF9hYmM6", "Authorization: Basic "),
        ("authorization: bearer abc.def-ghi", "abc.def-ghi", "bearer "),
        # Only the name tells that these are secrets.
        ("client_secret=abcdefgh is not valid", "abcdefgh", "is not valid"),
        ("access_token: ya29.a0Af_x-y, expired", "ya29", ", expired"),
        ("?accessToken=abc&x=1", "abc", "&x=1"),
        ("no route for ?clientSecret=abc", "abc", "clientSecret="),
        ('{"refresh_token": "abc", "x": 1}', "abc", '"x": 1'),
        (r'"{\"api_key\":\"abc\"}"', "abc", "api_key"),
        ("api-key = abc", "abc", "api-key = "),
        ("X-Api-Key: abc", "abc", "X-Api-Key: "),
        ("CLIENT_SECRET='abc'", "abc", "CLIENT_SECRET="),
        ("password=hunter", "hunter", "password="),
        ("secret=abc&token=def", "abc", "secret="),
        ("secret=abc&token=def", "def", "&token="),
        ("my_client_secret:abc", "abc", "my_client_secret:"),
        ("parameter cvc=123 of the card", "123", "of the card"),
        ("cvc: 1234 does not match", "1234", "does not match"),
        ("account_number: 000-123456 is closed", "123456", "is closed"),
        (f"card {CARD} refused", CARD, "refused"),
        ("card 4242 4242 4242 4242 refused", "4242 4242", "refused"),
        ("card 4242-4242-4242-4242 refused", "4242-4242", "refused"),
        ("amex 3782 822463 10005", "822463", "amex "),
        # The digits around a card number must not save it.
        (f"{CARD} 123", CARD, ""),
        ("4242 4242 4242 4242 12/30", "4242 4242", "12/30"),
        (f"7 {CARD}", CARD, ""),
        (f"{CARD} 4000000000000002", "4000000000000002", ""),
        (f'{{"number":"{CARD}","cvc":"1"}}', CARD, '"cvc"'),
    ],
)
def test_a_secret_is_taken_out_and_the_words_around_it_stay(text: str, secret: str, stays: str) -> None:
    hidden = redact(text)
    assert secret not in hidden
    assert HIDDEN in hidden
    assert stays in hidden


@pytest.mark.parametrize(
    "text",
    [
        "No such payment_intent: pi_1693466278934609920",
        "re_4242424242424242",
        "order 1234567890123",
        "amount 1999 USD, created 1693466278",
        "at 2023-11-14 22-13-51",
        "task_test_runner and desk_live_demo",
        "the secret_ingredient",
        "Invalid token: unexpected end of input",
        "Unrecognized parameter: client_secret",
        "client_secret is required",
        "shipping: 5 days",
        "cvc: must be digits",
        "the account number: not found",
        "param: number, code: 400",
        "",
    ],
)
def test_what_is_no_secret_stays_readable(text: str) -> None:
    """An error message whose object id is hidden helps nobody."""
    assert redact(text) == text


@given(st.integers(0, 10**19 - 1).map(lambda number: f"pi_{number:019d}"))
def test_an_object_id_of_19_digits_is_never_taken_for_a_card(object_id: str) -> None:
    assert redact(f"No such object: {object_id}.") == f"No such object: {object_id}."


@given(
    st.sampled_from(["sk_test_", "sk_live_", "pk_test_", "pk_live_", "whsec_", "pi_1_secret_", "Basic ", "Bearer "]),
    st.text(LETTERS, min_size=8, max_size=60),
    st.text(max_size=10),
    st.sampled_from(["", " ", '"', "'", "\n", "=", ":", ",", "(", "?key=", "/"]),
)
def test_a_secret_is_found_in_any_surroundings(kind: str, secret: str, before: str, delimiter: str) -> None:
    assume(secret not in before)
    assert secret not in redact(f"{before}{delimiter or ' '}{kind}{secret}{delimiter}")


def with_check_digit(digits: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 if place % 2 else 2)
        total += value - 9 if value > 9 else value
    return f"{digits}{-total % 10}"


@given(st.text("0123456789", min_size=11, max_size=18).map(with_check_digit), st.sampled_from(["", " ", "-"]))
def test_any_card_number_is_hidden_however_it_is_grouped(number: str, separator: str) -> None:
    grouped = separator.join(number[place : place + 4] for place in range(0, len(number), 4))
    assert grouped not in redact(f"Your card {grouped} was declined.")


@given(st.text())
def test_redacting_again_changes_nothing(text: str) -> None:
    """Texts pass through several layers that redact."""
    once = redact(text)
    assert redact(once) == once


@given(
    st.sampled_from(["client_secret", "access_token", "refreshToken", "api_key", "password", "webhook_secret"]),
    st.sampled_from(["=", ": ", ":", " = ", '":"', '": "', "='"]),
    st.text(LETTERS + "-_.~+/=", min_size=1, max_size=60),
    st.sampled_from(["", " ", '"', "&x=1", ",", ";", ")", "\n"]),
)
def test_whatever_follows_the_name_of_a_secret_is_hidden(name: str, sign: str, value: str, after: str) -> None:
    hidden = redact(f"Refused: {name}{sign}{value}{after}")
    assert HIDDEN in hidden
    assert hidden.startswith(f"Refused: {name}{sign}")
    assert hidden.endswith(after)
    assert len(hidden) <= len(f"Refused: {name}{sign}{HIDDEN}{after}") + len("whsec_")
    assert redact(hidden) == hidden


def test_sensitive_fields_are_hidden_by_name_at_any_depth() -> None:
    data = {
        "id": "pi_1",
        "client_secret": "anything",
        "card": {"number": "0", "cvc": 123, "exp_month": "12", "last4": "4242"},
        "list": [{"secret": "x"}, f"card {CARD}", 5, None, True],
        "iban": None,
    }
    assert redact_json(data) == {
        "id": "pi_1",
        "client_secret": HIDDEN,
        "card": {"number": HIDDEN, "cvc": HIDDEN, "exp_month": "12", "last4": "4242"},
        "list": [{"secret": HIDDEN}, f"card {HIDDEN}", 5, None, True],
        "iban": None,
    }
    assert {"number", "cvc", "client_secret", "account_number", "iban", "secret"} <= SENSITIVE_FIELDS


@pytest.mark.parametrize(
    "name",
    ["account_number", "certificate_number", "id_number", "legal_rep_id_number", "routing_number", "user_id", "vpa"],
)
def test_accounts_that_money_is_sent_to_and_papers_of_people_are_sensitive(name: str) -> None:
    assert redact_json({name: "00290019"}) == {name: HIDDEN}


def test_an_authorization_is_hidden_as_a_header_and_not_as_a_field_of_an_object() -> None:
    """On a transaction of an issued card it is an id."""
    assert redact_json({"authorization": "opaque"}) == {"authorization": HIDDEN}
    assert "authorization" not in SENSITIVE_FIELDS


def test_a_secret_shows_only_its_kind() -> None:
    secret = Secret("sk_test_abc")
    shown = [repr(secret), str(secret), f"{secret}", repr({"key": secret}), repr(Secret("abc"))]
    assert not any("abc" in text for text in shown)
    assert "sk_test_" in repr(secret)
    assert secret.reveal() == "sk_test_abc"


def test_a_secret_survives_copying_and_comparison() -> None:
    secret = Secret("sk_test_abc")
    for twin in (copy.copy(secret), copy.deepcopy(secret), Secret("sk_test_abc")):
        assert twin == secret
        assert hash(twin) == hash(secret)
    assert secret != Secret("sk_test_abd")
    assert secret != "sk_test_abc"


IBANS = ["DE89370400440532013000", "GB82WEST12345698765432", "NO9386011117947", "MT84MALT011000012345MTLCAST001S"]


@pytest.mark.parametrize("separator", ["", " "])
@pytest.mark.parametrize("iban", IBANS)
@pytest.mark.parametrize("after", ["", ".", " is closed", " USD", " BANK OF 1234", "\n"])
def test_an_account_number_is_hidden_whatever_follows(iban: str, separator: str, after: str) -> None:
    grouped = separator.join(iban[place : place + 4] for place in range(0, len(iban), 4))
    assert redact(f"Account {grouped}{after}") == f"Account {HIDDEN}{after}"


@pytest.mark.parametrize(
    "text", ["DE89370400440532013001", "AB12 CODE 2024 ORDER", "xDE89370400440532013000", "SKU1234567890"]
)
def test_what_only_looks_like_an_account_number_stays(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize("secret", [CARD, "4242 4242 4242 4242", IBANS[0], IBANS[3], "pi_1_secret_abcdefabcdef"])
def test_an_excerpt_never_cuts_a_secret_to_one_that_is_not_recognized(secret: str) -> None:
    for start in range(440, 520):
        shown = excerpt(f"{'.' * start} {secret} {'.' * 600}", 500)
        assert len(shown) < 550
        assert not any(part in shown for part in (secret[:9], secret[-9:]) if part != "pi_1_secr")


@pytest.mark.parametrize("unit", ["x", "1", "1 ", "12 ", "a_", "Basic ", "4242 ", "AB12 ", "sk_test_", "\n"])
def test_an_excerpt_of_a_text_without_end_takes_no_longer_than_that_of_a_short_one(unit: str) -> None:
    """Ten megabytes of digits in an error message held a caller up for minutes."""
    started = time.process_time()
    assert len(excerpt(unit * (10_000_000 // len(unit)), 500)) < 1500
    assert time.process_time() - started < 0.5
