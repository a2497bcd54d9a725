"""What a client and a call can be told: keys and hosts, time limits, retries."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import attrs

from wooshpay.core.effects import Effects
from wooshpay.core.hosts import (
    UNSAFE_IN_URL,
    ascii_host,
    check_proxy,
    in_url,
    is_loopback,
    is_private,
    read_address,
)
from wooshpay.core.redaction import Secret, redact
from wooshpay.core.retry import RetryEvent, RetryPolicy
from wooshpay.core.unset import UNSET, Unset
from wooshpay.errors import ConfigurationError

if TYPE_CHECKING:
    from wooshpay.core.request import Middleware

TEST_URL: Final = "https://apitest.wooshpay.com"
LIVE_URL: Final = "https://api.wooshpay.com"

DEFAULT_TIMEOUT: Final = 80.0
DEFAULT_ATTEMPT_TIMEOUT: Final = 30.0
DEFAULT_CONNECT_TIMEOUT: Final = 5.0
DEFAULT_MAX_RETRIES: Final = 2
DEFAULT_MAX_CONNECTIONS: Final = 100
DEFAULT_MAX_RESPONSE_BYTES: Final = 32 * 1024 * 1024
DEFAULT_MAX_ERROR_BYTES: Final = 1024 * 1024

_KEY = re.compile(r"(sk|pk)_(test|live)_[\x21-\x7e]+")
_BRACKETS = re.compile(r"\[[^\[\]]*\](?::\d*)?", re.ASCII)
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")
# The SDK's own headers carry facts that it acts on; changing one behind its back would make them false.
_OWN_HEADERS: Final = frozenset({"authorization", "content-length", "host", "idempotency-key", "transfer-encoding"})


def _no_mapping() -> Mapping[str, Any]:
    return {}


def check_seconds(name: str, value: float) -> float:
    """Refuse a time limit that is not a positive number of seconds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= sys.float_info.max:  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
        raise ConfigurationError(f"{name} must be a positive number of seconds, not {value!r}.")
    return float(value)


def check_count(name: str, value: int, *, least: int) -> int:
    """Refuse a count that is no whole number or too small."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
        raise ConfigurationError(f"{name} must be a whole number of at least {least}, not {value!r}.")
    return value


def check_headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Refuse headers that HTTP does not allow, or that the SDK sets by itself."""
    for name, value in headers.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
            raise ConfigurationError(f"{redact(repr(name))} is no valid header name.")
        if name.lower() in _OWN_HEADERS:
            raise ConfigurationError(f"The header {name} is set by the SDK and cannot be replaced.")
        if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
            raise ConfigurationError(
                f"The value of the header {name} must be text without line breaks or other control characters."
            )
    return headers


def check_idempotency_key(key: str) -> str:
    """Refuse an idempotency key that cannot travel in a header unchanged."""
    if not isinstance(key, str) or not _IDEMPOTENCY_KEY.fullmatch(key):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
        raise ConfigurationError(
            "An idempotency key must be 1 to 255 printable ASCII characters that neither start nor end with a space."
            " Hash longer or other texts first."
        )
    return key


def _checked_proxy(proxy: str | None) -> str | None:
    return None if proxy is None or proxy == "" else check_proxy(proxy, "proxy=...")


@attrs.frozen(kw_only=True)
class RequestOptions:
    """Settings for one call. What is left out comes from the client.

    Attributes:
        idempotency_key: The key of this POST: the same for every try of one purchase. ``None`` switches the
            automatic key off, and with it the retry of anything that may have been carried out.
        timeout: Seconds that the call may take in all, retries and waiting included.
        attempt_timeout: Seconds that one attempt may take.
        connect_timeout: Seconds that connecting may take.
        max_retries: How many attempts may follow the first.
        headers: Headers to add.
        extra_query: Query parameters that the SDK does not know.
        extra_body: Body parameters that the SDK does not know.
    """

    idempotency_key: str | Unset | None = UNSET
    timeout: float | Unset = UNSET
    attempt_timeout: float | Unset = UNSET
    connect_timeout: float | Unset = UNSET
    max_retries: int | Unset = UNSET
    headers: Mapping[str, str] = attrs.field(factory=_no_mapping, repr=lambda headers: f"<{', '.join(headers)}>")
    extra_query: Mapping[str, Any] = attrs.field(factory=_no_mapping, repr=lambda query: f"<{', '.join(query)}>")
    extra_body: Mapping[str, Any] = attrs.field(factory=_no_mapping, repr=lambda body: f"<{', '.join(body)}>")

    def __attrs_post_init__(self) -> None:
        if self.idempotency_key is not None and self.idempotency_key is not UNSET:
            check_idempotency_key(self.idempotency_key)
        for name in ("timeout", "attempt_timeout", "connect_timeout"):
            value = getattr(self, name)
            if value is not UNSET:
                check_seconds(name, value)
        if self.max_retries is not UNSET:
            check_count("max_retries", self.max_retries, least=0)
        check_headers(self.headers)


@attrs.frozen(kw_only=True)
class Config:
    """A client's settings, complete and checked. `resolve` makes it."""

    api_key: Secret
    base_url: str
    timeout: float = DEFAULT_TIMEOUT
    attempt_timeout: float = DEFAULT_ATTEMPT_TIMEOUT
    connect_timeout: float = DEFAULT_CONNECT_TIMEOUT
    max_retries: int = DEFAULT_MAX_RETRIES
    retry_policy: RetryPolicy = attrs.field(factory=RetryPolicy)
    on_retry: Callable[[RetryEvent], None] | None = None
    headers: Mapping[str, str] = attrs.field(factory=_no_mapping, repr=False)
    call_middlewares: Sequence[Middleware] = ()
    attempt_middlewares: Sequence[Middleware] = ()
    strict: bool = False
    max_connections: int = DEFAULT_MAX_CONNECTIONS
    max_response_bytes: int = DEFAULT_MAX_RESPONSE_BYTES
    max_error_bytes: int = DEFAULT_MAX_ERROR_BYTES
    proxy: str | None = attrs.field(default=None, repr=False, converter=_checked_proxy)
    effects: Effects = attrs.field(factory=Effects, repr=False)

    def __attrs_post_init__(self) -> None:
        check_seconds("timeout", self.timeout)
        check_seconds("attempt_timeout", self.attempt_timeout)
        check_seconds("connect_timeout", self.connect_timeout)
        check_count("max_retries", self.max_retries, least=0)
        check_count("max_connections", self.max_connections, least=1)
        check_count("max_response_bytes", self.max_response_bytes, least=1)
        check_count("max_error_bytes", self.max_error_bytes, least=1)
        check_headers(self.headers)

    @property
    def publishable(self) -> bool:
        """Whether the key is a publishable one, which may make very few calls."""
        return self.api_key.reveal().startswith("pk_")

    @property
    def live(self) -> bool:
        """Whether calls move real money."""
        return self.api_key.reveal().startswith(("sk_live_", "pk_live_"))


def resolve(api_key: str | None, base_url: str | None, environ: Mapping[str, str], **settings: Any) -> Config:
    """Make a client's settings, taking key and host from the environment where they are not given.

    Args:
        api_key: The key, or ``None`` to read ``WOOSHPAY_API_KEY``.
        base_url: The host, or ``None`` to read ``WOOSHPAY_BASE_URL`` and then to go by the key.
        environ: The environment variables.
        **settings: The other fields of `Config`.

    Raises:
        ConfigurationError: Something cannot work; the sentence says what to change.
    """
    key = check_api_key(api_key if api_key is not None else environ.get("WOOSHPAY_API_KEY"))
    named_url = base_url if base_url is not None else environ.get("WOOSHPAY_BASE_URL") or None
    live = "_live_" in key[:8]
    url = (LIVE_URL if live else TEST_URL) if named_url is None else check_base_url(named_url, live=live)
    return Config(api_key=Secret(key), base_url=url, **settings)


def check_api_key(key: str | None) -> str:
    """Refuse what cannot be an API key, without ever repeating it."""
    if not key:
        raise ConfigurationError(
            "No API key: pass api_key=... or set the environment variable WOOSHPAY_API_KEY."
            " Your keys are in the WooshPay dashboard."
        )
    if not isinstance(key, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
        raise ConfigurationError(f"The API key must be text, not {type(key).__name__}.")
    if key != key.strip():
        raise ConfigurationError("The API key has spaces or a line break around it: copy it again without them.")
    if not _KEY.fullmatch(key):
        raise ConfigurationError(
            "The API key is malformed: it must start with sk_test_ or sk_live_ and have no spaces."
            " Pass the key itself, not its Base64 form and not a webhook secret."
        )
    return key


def check_base_url(url: str, *, live: bool) -> str:
    """Give the base URL without ``/v1``, or refuse one that would put the key at risk."""
    if not isinstance(url, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
        raise ConfigurationError(f"The base URL must be text, not {type(url).__name__}.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        if host and ":" in host and not _BRACKETS.fullmatch(parts.netloc.rpartition("@")[2]):
            host = None  # urlsplit takes no notice of what stands around the brackets, as in [::1].example
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if not host or port == 0 or parts.scheme not in {"http", "https"} or UNSAFE_IN_URL.search(url):
        shown = "" if "@" in url else f" {redact(url)!r}"  # what stands before an @ may be a password
        raise ConfigurationError(f"The base URL{shown} is malformed: pass something like {TEST_URL!r}.")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ConfigurationError("The base URL must not hold credentials, a query or a fragment: only host and path.")
    name = ascii_host(host)
    if name is None:
        raise ConfigurationError(
            f"The base URL names the host {redact(host)!r}, which cannot exist: between its dots there must be 1 to 63"
            " letters, digits or hyphens, and an IPv4 address needs all four numbers. Pass something like"
            f" {TEST_URL!r}."
        )
    host = name
    if parts.scheme == "http":
        _check_plain_http(host, live=live)
    other = TEST_URL if live else LIVE_URL
    if host.removesuffix(".") == urlsplit(other).hostname:
        kind = "live" if live else "test"
        raise ConfigurationError(f"This is a {kind} key, but {host} is the other mode's host: change one of them.")
    path = parts.path.rstrip("/").removesuffix("/v1").rstrip("/")
    return f"{parts.scheme}://{in_url(host)}{'' if port is None else f':{port}'}{path}"


def _check_plain_http(host: str, *, live: bool) -> None:
    """Refuse to send a key unencrypted, unless it is a test key that stays on this machine or a private network."""
    if live:
        raise ConfigurationError("A live key is never sent over plain http: use an https base URL.")
    address = read_address(host)
    if address is not None and address.is_unspecified:
        raise ConfigurationError(
            f"{host} is an address that a server listens on, but no client can connect to it everywhere. Use the"
            " server's own address in the base URL, such as http://127.0.0.1:4242."
        )
    if not (is_loopback(host) or is_private(host)):
        raise ConfigurationError(
            f"Plain http would send the key unencrypted to {host}. It is allowed only with a test key, to this machine"
            " and to private networks: private IP addresses, host names without a dot, *.internal and *.local. Use"
            " https."
        )
