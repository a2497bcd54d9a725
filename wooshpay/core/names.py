"""Names of options and settings that users pass where only parameters of the operation belong.

An idempotency key that travels in the body protects nothing, and nobody notices before a payment is made twice. So
such a name is refused, with a sentence that says where it belongs.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any, Final

import attrs

from wooshpay.config import Config, RequestOptions
from wooshpay.core.json import is_object

OPTIONS: Final = frozenset(field.name for field in attrs.fields(RequestOptions))
# An aiohttp session is a setting of the async client only, and not part of its configuration.
SETTINGS: Final = frozenset(field.name for field in attrs.fields(Config)) - OPTIONS | {"session"}
# These belong to the connections, which a client from `with_options` shares.
ONLY_AT_CONSTRUCTION: Final = frozenset(
    {"effects", "max_connections", "max_error_bytes", "max_response_bytes", "proxy", "session"}
)
# What other SDKs call them. As parameters of the API these names would be possible, so they are advice only.
_ALSO_CALLED: Final = {
    "extra_headers": "headers",
    "idempotent_key": "idempotency_key",
    "max_network_retries": "max_retries",
    "request_options": "options",
    "retries": "max_retries",
}
# An API may have a parameter of its own that is called like a setting, such as ``session``. The key never is one.
_NEVER_SENT: Final = OPTIONS | {"options", "api_key"}
_WORD_START: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def spelled(name: str) -> str:
    """Return a name in the spelling of Python: ``idempotencyKey`` and ``Idempotency-Key`` mean the same."""
    return _WORD_START.sub("_", name).replace("-", "_").lower()


def advice(name: str, operation: str) -> str | None:
    """Return a sentence that says where a name belongs, or ``None`` if it is neither an option nor a setting.

    Args:
        name: The name as the user wrote it.
        operation: The operation that has no parameter of this name.
    """
    meant = _ALSO_CALLED.get(spelled(name), spelled(name))
    if meant in OPTIONS:
        return f"It is an option of the call: pass options=RequestOptions({meant}=...)."
    if meant == "options":
        return "Pass options=RequestOptions(...)."
    if meant in ONLY_AT_CONSTRUCTION:
        return f"It is a setting of the client: pass {meant}=... when you create the client."
    if meant in SETTINGS:
        return (
            f"It is a setting of the client: call client.with_options({meant}=...).{operation}(...),"
            " or pass it when you create the client."
        )
    if meant == "expand":
        return (
            f"WooshPay does not document it for {operation}: retrieve the related object by its ID."
            ' To send it anyway, pass options=RequestOptions(extra_query={"expand": [...]}).'
        )
    return None


def check_options(options: object, operation: str) -> None:
    """Refuse anything but `RequestOptions` as the options of a call.

    Raises:
        TypeError: It is something else; the message shows how to write the options of a dict.
    """
    if isinstance(options, RequestOptions):
        return
    if is_object(options):
        known = [meant for meant in (spelled(str(name)) for name in options) if meant in OPTIONS]
        shown = ", ".join(f"{name}=..." for name in dict.fromkeys(known)) or "..."
        raise TypeError(f"{operation}(): options must not be a dict: pass options=RequestOptions({shown})")
    raise TypeError(f"{operation}(): options must be RequestOptions(...), not {type(options).__name__}")


def check_extras(options: RequestOptions, documented: Collection[str], operation: str) -> None:
    """Refuse the names of options in ``extra_query`` and ``extra_body``.

    Args:
        options: The options of the call.
        documented: The parameters that the operation has under their names in the API.
        operation: The operation.

    Raises:
        TypeError: A name is that of an option.
    """
    check_params("extra_query", options.extra_query, options, documented, operation)
    check_params("extra_body", options.extra_body, options, documented, operation)


def check_params(
    place: str, params: Iterable[Any], options: RequestOptions | None, documented: Collection[str], operation: str
) -> None:
    """Refuse the names of options among parameters that the SDK sends as they are.

    Whoever sets the option as well knows the difference, and may send a parameter of the same name.

    Args:
        place: The argument that holds the parameters, such as ``extra_body``.
        params: The parameters, or their names.
        options: The options of the call.
        documented: Parameters of the operation, which may be called like an option.
        operation: The operation.

    Raises:
        TypeError: A name is that of an option.
    """
    for name in params:
        if not isinstance(name, str) or name in documented:
            continue
        meant = spelled(name)
        if meant not in _NEVER_SENT or _is_set(options, meant):
            continue
        exception = " If WooshPay has a parameter of this name, set that option as well." if meant in OPTIONS else ""
        raise TypeError(
            f"{operation}(): {place} must not hold {name!r}, which would be sent as a parameter and have no effect."
            f" {advice(name, operation)}{exception}"
        )


def _is_set(options: RequestOptions | None, name: str) -> bool:
    if options is None or name not in OPTIONS or name.startswith("extra_"):
        return False
    default = RequestOptions()
    return bool(getattr(options, name) != getattr(default, name))
