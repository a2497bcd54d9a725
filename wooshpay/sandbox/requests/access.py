"""Who may ask: the secret key for everything, the publishable key for what the reference allows."""

from __future__ import annotations

import base64
import binascii
import hmac

from wooshpay.sandbox.engine.errors import SandboxError
from wooshpay.sandbox.engine.state import Account


def check_access(account: Account, authorization: str | None, *, publishable: bool) -> bool:
    """Check the Authorization header.

    Args:
        account: Whose keys count.
        authorization: The header as it came.
        publishable: Whether the publishable key is enough.

    Returns:
        Whether the publishable key was used.

    Raises:
        SandboxError: 401 without a right key, 403 where the publishable key is not enough.
    """
    key = _basic_key(authorization)
    if key is None:
        basic = "Send the API key as the user name of HTTP Basic authentication, with an empty password"
        bearer = (authorization or "").lower().startswith("bearer ")
        raise _unauthorized(f"{basic}; WooshPay takes no Bearer token." if bearer else f"{basic}.")
    if hmac.compare_digest(key.encode(), account.api_key.encode()):
        return False
    if not hmac.compare_digest(key.encode(), account.publishable_key.encode()):
        raise _unauthorized("The API key is not a key of this sandbox.")
    if not publishable:
        raise SandboxError(
            "A publishable key may not do this; use the secret key, on a server.",
            status=403,
            code="secret_key_required",
        )
    return True


def _basic_key(authorization: str | None) -> str | None:
    scheme, _, credentials = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        key, colon, password = base64.b64decode(credentials.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return key if key and colon and not password else None


def _unauthorized(message: str) -> SandboxError:
    return SandboxError(message, status=401, code="invalid_api_key")
