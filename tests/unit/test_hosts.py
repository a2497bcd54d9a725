"""To which hosts a key may travel unencrypted: with a test key to this machine and private networks, else nowhere."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wooshpay import ConfigurationError
from wooshpay.config import resolve

TEST_KEY = "sk_test_thekeythatnobodymaysee"
LIVE_KEY = "sk_live_thekeythatnobodymaysee"


def base_url(url: str, key: str = TEST_KEY) -> str:
    return resolve(key, url, {}).base_url


def host_of(url: str) -> str:
    return urlsplit(base_url(url)).hostname or ""


LOOPBACK = [
    ("localhost", "localhost"),
    ("LOCALHOST", "localhost"),
    ("localhost.", "localhost"),
    ("shop.localhost", "shop.localhost"),
    ("127.0.0.1", "127.0.0.1"),
    ("127.0.0.2", "127.0.0.2"),
    ("127.1", "127.0.0.1"),
    ("127.0.1", "127.0.0.1"),
    ("0x7f.1", "127.0.0.1"),
    ("0X7F000001", "127.0.0.1"),
    ("0177.0.0.1", "127.0.0.1"),
    ("2130706433", "127.0.0.1"),
    ("127.0.0.1.", "127.0.0.1"),
    ("127.65535", "127.0.255.255"),
    ("\uff11\uff12\uff17.\uff10.\uff10.\uff11", "127.0.0.1"),  # full-width digits
    ("127。0。0。1", "127.0.0.1"),
    ("[::1]", "::1"),
    ("[0:0:0:0:0:0:0:1]", "::1"),
    ("[::ffff:127.0.0.1]", "127.0.0.1"),
    ("[::FFFF:7f00:1]", "127.0.0.1"),
]


@pytest.mark.parametrize(("host", "kept"), LOOPBACK)
def test_loopback_is_known_in_all_its_spellings(host: str, kept: str) -> None:
    """It is kept in its usual form, so that no resolver reads it as another address than the one that was checked."""
    assert host_of(f"http://{host}:4242") == kept


@pytest.mark.parametrize(
    "host",
    [
        *("sandbox", "wooshpay-sandbox", "my_sandbox", "host.docker.internal", "sandbox.default.svc.cluster.local"),
        *("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.7", "169.254.3.4", "100.64.0.1", "100.127.255.255"),
        *("[fd12:3456::1]", "[fe80::1]", "[fe80::1%25eth0]", "[::ffff:10.0.0.1]"),
    ],
)
def test_a_test_key_may_travel_in_the_clear_on_a_private_network(host: str) -> None:
    """Otherwise a shop in one container cannot reach the sandbox in another."""
    assert base_url(f"http://{host}:4242/v1").endswith(":4242")


@pytest.mark.parametrize(
    "host",
    [
        *("gateway.example", "8.8.8.8", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "192.169.0.1"),
        *("[2001:db8::1]", "[::ffff:8.8.8.8]", "[64:ff9b::7f00:1]", "[::127.0.0.1]", "[2002:7f00:1::]"),
        *("198.18.0.1", "192.0.2.1", "240.0.0.1", "255.255.255.255", "224.0.0.1", "0.0.0.0", "[::]"),
        *("localhost.evil.com", "127.0.0.1.evil.com", "10.0.0.1.nip.io", "localhostx.com", "notlocalhost.com"),
        *("internal.evil.com", "evil.com.", "localevil.com", "x.internal.com", "sandbox.", "xn--localhost-xyz.com"),
        # To a resolver each of these is 8.8.8.8, although it looks like the name of a container.
        *("134744072", "0x08080808", "0x8.0x8.0x8.0x8", "010.010.010.010", "8.526344", "01002004010"),
        # Spellings of 10.0.0.1, which some programs read as other addresses.
        *("10.1", "0xa000001", "012.0.0.1"),
        *("[::1%25lo]", "[fd00::1%25eth0]", "127.0.0.256", "128.0x", "0x7g.1"),
    ],
)
def test_a_test_key_never_travels_in_the_clear_to_the_internet(host: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        base_url(f"http://{host}:4242")
    assert "thekeythat" not in caught.value.message


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1@evil.com",
        "http://localhost:80@evil.com",
        "http://sandbox@10.0.0.1@evil.com",
        "http://evil.com\\@127.0.0.1",
        "http://evil.com#@127.0.0.1",
        "http://evil.com?@127.0.0.1",
        "http://127.0.0.1\t.evil.com",
        "http://127.0.0.1%2eevil.com",
        "http://127.0.0.1%00.evil.com",
        "http://[::1].evil.com",
        "http://evil.com/127.0.0.1",
        "http:///127.0.0.1",
        "HTTP://evil.com",
    ],
)
def test_no_trick_of_writing_makes_another_host_look_like_this_machine(url: str) -> None:
    with pytest.raises(ConfigurationError):
        base_url(url)


@pytest.mark.parametrize("host", [*(host for host, _ in LOOPBACK), "sandbox", "10.0.0.1", "[fd00::1]", "a.internal"])
def test_a_live_key_never_travels_in_the_clear(host: str) -> None:
    with pytest.raises(
        ConfigurationError, match=r"^A live key is never sent over plain http: use an https base URL\.$"
    ):
        base_url(f"http://{host}:4242", LIVE_KEY)


def test_the_refusal_says_what_is_allowed_and_what_to_do() -> None:
    with pytest.raises(ConfigurationError) as caught:
        base_url("http://shop.example")
    assert caught.value.message == (
        "Plain http would send the key unencrypted to shop.example. It is allowed only with a test key, to this machine"
        " and to private networks: private IP addresses, host names without a dot, *.internal and *.local. Use https."
    )
    with pytest.raises(ConfigurationError, match=r"0\.0\.0\.0 is an address that a server listens on"):
        base_url("http://0.0.0.0:4242")


PRIVATE = [
    ipaddress.ip_network(text)
    for text in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10")
]
NUMBERS = st.integers(0, 2**32 + 5).flatmap(
    lambda number: st.sampled_from([str(number), hex(number), f"0{number:o}", f"0x{number:X}"])
)
SMALL = st.integers(0, 300).flatmap(lambda number: st.sampled_from([str(number), hex(number), f"0{number:o}"]))


@given(
    st.one_of(NUMBERS, st.lists(SMALL, min_size=1, max_size=3).map(".".join), st.tuples(SMALL, NUMBERS).map(".".join))
)
@example("0x08080808")
@example("0x7f000001")
def test_whatever_number_is_accepted_the_resolver_reads_it_as_a_private_address(host: str) -> None:
    """The oracle is the C library: what it makes of a host is what aiohttp connects to."""
    try:
        kept = host_of(f"http://{host}:4242")
    except ConfigurationError:
        return
    address = ipaddress.ip_address(socket.inet_ntoa(socket.inet_aton(kept)))
    assert any(address in network for network in PRIVATE)
    assert address == ipaddress.ip_address(socket.inet_ntoa(socket.inet_aton(host)))


@given(st.ip_addresses(v=4))
def test_exactly_the_private_ipv4_addresses_are_accepted(address: ipaddress.IPv4Address) -> None:
    expected = any(address in network for network in PRIVATE)
    for host in (str(address), f"[::ffff:{address}]"):
        try:
            base_url(f"http://{host}")
        except ConfigurationError:
            assert not expected
        else:
            assert expected


@given(st.from_regex(r"[a-z0-9.\-]{0,12}", fullmatch=True), st.sampled_from([".com", ".example", ".evil.com", ".io"]))
def test_no_name_under_a_public_domain_is_accepted(start: str, end: str) -> None:
    for beginning in (start, f"localhost{start}", f"127.0.0.1{start}", f"x.internal{start}", f"{start}.local"):
        with pytest.raises(ConfigurationError):
            base_url(f"http://{beginning}{end}")
