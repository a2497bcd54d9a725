"""The fields of the SDK's log records, for formatters that write JSON. This is the list of all of them.

Each name begins with ``wooshpay_``, so that it cannot be the name of an attribute of `logging.LogRecord`, which raises
`KeyError`, or a field of another library. With a dot in place of the first underscore, it is the name of the attribute
in OpenTelemetry, except ``wooshpay_status`` (``http.response.status_code``) and ``wooshpay_error`` (``error.type``).
"""

from __future__ import annotations

from typing import Final, TypedDict, Unpack

from wooshpay.core.redaction import one_line

_LONGEST: Final = 200
# Texts that come from outside this package, and may hold anything. Redacting a text takes longer than all the rest.
_FOREIGN: Final = frozenset(
    {
        "wooshpay_code",
        "wooshpay_decline_code",
        "wooshpay_event_id",
        "wooshpay_event_type",
        "wooshpay_idempotency_key",
        "wooshpay_object_id",
        "wooshpay_path",
        "wooshpay_request_id",
        "wooshpay_row",
        "wooshpay_run",
        "wooshpay_template",
    }
)


class LogFields(TypedDict, total=False):
    """The fields that a record may have. A record has those that are known; none of them is ever ``None``.

    No field holds a secret, a card number, a parameter or a body.

    Attributes:
        wooshpay_operation: The SDK name of the operation, such as ``refunds.create``.
        wooshpay_method: The HTTP method.
        wooshpay_template: The path with its placeholders, such as ``/v1/refunds/{refund_id}``.
        wooshpay_status: The HTTP status: of WooshPay's response to a call, or of the response to a delivery.
        wooshpay_seconds: How long it took. For a call, this includes its retries.
        wooshpay_attempts: The number of attempts that the call took.
        wooshpay_attempt: The number of this attempt; the first is 1.
        wooshpay_wait: Seconds until the next attempt.
        wooshpay_failure: Why an attempt has no response: ``not_connected``, ``refused`` or ``broken``.
        wooshpay_request_id: WooshPay's ID of the response.
        wooshpay_idempotency_key: The idempotency key of the call.
        wooshpay_outcome: The result of a call: ``succeeded``, ``not_sent``, ``rejected`` or ``unknown``; or of a
            delivery: see `wooshpay.webhooks.replies.DeliveryOutcome`.
        wooshpay_error: The class of the exception.
        wooshpay_code: WooshPay's code of the error.
        wooshpay_decline_code: The bank's code of the error.
        wooshpay_event_id: The ID of the event.
        wooshpay_event_type: The type of the event.
        wooshpay_event_age: Seconds between the event and the receipt of this delivery.
        wooshpay_run: The name of a bulk run.
        wooshpay_row: The ID of a row of a bulk run.
        wooshpay_state: The state of that row.
        wooshpay_rows: The number of rows that a bulk run processed.
        wooshpay_rows_succeeded: The number of rows that succeeded. The same exists for each other state of a row.
        wooshpay_rows_earlier: The number of rows that an earlier pass had done.
        wooshpay_object_id: The ID of the object that the sandbox was working on.
        wooshpay_path: The path of a file, or of a request to the sandbox.
    """

    wooshpay_operation: str | None
    wooshpay_method: str | None
    wooshpay_template: str | None
    wooshpay_status: int | None
    wooshpay_seconds: float | None
    wooshpay_attempts: int | None
    wooshpay_attempt: int | None
    wooshpay_wait: float | None
    wooshpay_failure: str | None
    wooshpay_request_id: str | None
    wooshpay_idempotency_key: str | None
    wooshpay_outcome: str | None
    wooshpay_error: str | None
    wooshpay_code: str | None
    wooshpay_decline_code: str | None
    wooshpay_event_id: str | None
    wooshpay_event_type: str | None
    wooshpay_event_age: float | None
    wooshpay_run: str | None
    wooshpay_row: str | None
    wooshpay_state: str | None
    wooshpay_rows: int | None
    wooshpay_rows_succeeded: int | None
    wooshpay_rows_replayed: int | None
    wooshpay_rows_rejected: int | None
    wooshpay_rows_not_sent: int | None
    wooshpay_rows_unknown: int | None
    wooshpay_rows_refused: int | None
    wooshpay_rows_earlier: int | None
    wooshpay_object_id: str | None
    wooshpay_path: str | None


def log_fields(**fields: Unpack[LogFields]) -> dict[str, object]:
    """Return fields for ``extra=``: without those that are ``None``, and safe for a log.

    Texts that come from outside are cut, redacted and written on one line.
    """
    return {
        name: one_line(value, _LONGEST) if name in _FOREIGN and isinstance(value, str) else value
        for name, value in fields.items()
        if value is not None
    }
