"""Digests that tell whether a row is still the one that was sent, and whether a run still has its account.

A card number can be guessed from its plain digest, as there are few of them. All digests here are therefore keyed with
the run's random secret, and those that cover secret fields with the API key as well: the file of a journal alone does
not give a card number away.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any, Final

from wooshpay.core.json import dumps, loads
from wooshpay.core.redaction import Secret, redact_json
from wooshpay.core.request import Call

_LENGTH: Final = 32
_ACCOUNT_LENGTH: Final = 16
_DIVIDER: Final = ":"


def account_of(api_key: Secret, secret: str) -> str:
    """Make the digest by which a run knows an API key again.

    Args:
        api_key: The API key.
        secret: The secret of the run.
    """
    return _digest(secret, f"account {api_key.reveal()}")[:_ACCOUNT_LENGTH]


def fingerprint_of(call: Call, *, api_key: Secret, secret: str) -> str:
    """Make the digest of everything that a call asks for.

    It has three parts: a digest without the secret fields, the account, and a digest of all fields.

    Args:
        call: The call of the row.
        api_key: The API key that the run has now.
        secret: The secret of the run.

    Raises:
        TypeError: A parameter has no JSON form.
        ValueError: A text in it cannot be written as UTF-8.
    """
    # Written and read once, so that values which the SDK accepts (enums, UUIDs) are compared as they are sent.
    # Each by itself: an error names the parameter by its place in what is written.
    asked: Any = [call.path, loads(dumps(call.query)), loads(dumps(call.body))]
    visible = _digest(secret, _written(redact_json(asked)))
    whole = _digest(f"{secret} {api_key.reveal()}", _written(asked))
    return _DIVIDER.join([visible, account_of(api_key, secret), whole])


def is_same_row(kept: str, now: str) -> bool:
    """Whether two fingerprints are those of the same call.

    After the API key was rotated, the digest of the secret fields that the old key made cannot be made again. Such
    rows are compared by all their other fields.
    """
    visible, account, whole = kept.split(_DIVIDER)
    visible_now, account_now, whole_now = now.split(_DIVIDER)
    if account != account_now:
        return visible == visible_now
    return (visible, whole) == (visible_now, whole_now)


def _written(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def _digest(key: str, text: str) -> str:
    return hmac.new(key.encode(), text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:_LENGTH]
