"""Marked secrets, and everything in which they could come to light."""

from __future__ import annotations

import base64
import logging
import pickle
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from support.arguments import FILE, every

from wooshpay.core.declaration import Declaration
from wooshpay.core.json import is_array, is_object
from wooshpay.core.redaction import SENSITIVE_FIELDS

TESTS: Final = str(Path(__file__).parents[1])

# Put together, as a traceback shows source lines too.
MARK: Final = "".join(["Zq7", "Zq7", "x"])
API_KEY: Final = f"sk_test_{MARK}"
CLIENT_SECRET: Final = f"pi_1693466278934609920_secret_{MARK}"
WEBHOOK_SECRET: Final = f"whsec_{MARK}"
CARD: Final = "".join(["40000566", "55665556"])
IBAN: Final = "".join(["DE8937040044", "0532013000"])
ENCODED_KEY: Final = base64.b64encode(f"{API_KEY}:".encode()).decode()
SECRETS: Final = (MARK, CARD, IBAN, ENCODED_KEY[:20])


def marked_arguments(declaration: Declaration) -> dict[str, Any]:
    """Arguments for every parameter; each text, and each sensitive value of whatever type, is a secret."""
    return {name: _marked(name, value) for name, value in every(declaration).items()}


def _marked(name: str, value: Any) -> Any:
    if is_object(value):
        return {key: _marked(key, item) for key, item in value.items()}
    if is_array(value):
        return [_marked(name, item) for item in value]
    if name == "number":
        return CARD
    if name in SENSITIVE_FIELDS or isinstance(value, str):
        return f"{MARK}-{name}"
    return MARK.encode() + FILE if isinstance(value, bytes) else value


def sensitive_part(value: Any) -> str:
    """The sensitive values among arguments, as a text that WooshPay could answer with."""
    found = [
        str(item) if key in SENSITIVE_FIELDS else sensitive_part(item)
        for key, item in (value.items() if is_object(value) else enumerate(value) if is_array(value) else ())
    ]
    return " ".join(filter(None, found))


def answer_with_secrets() -> dict[str, Any]:
    """An object of no class in particular, with a secret wherever an object may have one."""
    return {
        "id": "x_1",
        "object": "payment_intent",
        "amount": 1999,
        "client_secret": CLIENT_SECRET,
        "secret": WEBHOOK_SECRET,
        "url": f"https://checkout.example/pay?client_secret={CLIENT_SECRET}",
        "description": f"{CARD}, {IBAN}, {API_KEY}, Basic {ENCODED_KEY}",
        "account_number": MARK,
        "card": {"number": CARD, "cvc": MARK},
        "next_action": {"redirect_to_url": {"url": f"https://x.example/?s={CLIENT_SECRET}"}},
        "data": [{"id": "x_2", "iban": IBAN, "client_secret": CLIENT_SECRET}],
    }


def leaks(*texts: str | bytes) -> list[str]:
    """The places in which a secret can be seen: a few characters before it, so that a failing test says where."""
    found: list[str] = []
    for text in texts:
        words = text.decode("latin-1") if isinstance(text, bytes) else text
        found += [words[max(0, words.index(secret) - 80) :][:140] for secret in SECRETS if secret in words]
    return found


def shown_by(error: BaseException) -> list[str | bytes]:
    """All that an error shows: texts, attributes, pickles, tracebacks, and the variables of every frame."""
    texts: list[str | bytes] = []
    for found in _chain(error):
        texts += [str(found), repr(found), repr(found.args), repr(vars(found))]
        texts += traceback.format_exception(found)
        texts += _variables(found.__traceback__)
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    for part in _reports(report):
        part.stack[:] = [frame for frame in part.stack if not _of_tests(frame.filename)]
    return [*texts, *report.format(), pickle.dumps(error), pickle.dumps(error, protocol=0)]


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and all that led to it, shown in tracebacks or not."""
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        found = waiting.pop()
        if found is not None and id(found) not in seen:
            seen.add(id(found))
            waiting += [found.__cause__, found.__context__]
            yield found


def _variables(step: TracebackType | None) -> Iterator[str]:
    while step is not None:
        frame = step.tb_frame
        if not _of_tests(frame.f_code.co_filename):
            yield from (f"{frame.f_code.co_qualname} {name}={value!r}" for name, value in frame.f_locals.items())
        step = step.tb_next


def _of_tests(filename: str) -> bool:
    return filename.startswith(TESTS)


def _reports(report: traceback.TracebackException) -> Iterator[traceback.TracebackException]:
    waiting: list[traceback.TracebackException | None] = [report]
    while waiting:
        found = waiting.pop()
        if found is not None:
            waiting += [found.__cause__, found.__context__]
            yield found


class Everything(logging.Handler):
    """Keeps every record of every logger, as it would be written, and its exception as it could be reported."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.texts: list[str | bytes] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record."""
        self.texts += [record.getMessage(), repr(record.args), f"{record.name} {record.levelname}"]
        if record.exc_info and record.exc_info[1] is not None:
            self.texts += shown_by(record.exc_info[1])
