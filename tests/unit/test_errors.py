"""The errors: a taxonomy that can be caught by meaning, sent between processes, and read by people."""

from __future__ import annotations

import asyncio
import copy
import inspect
import pickle
from typing import Any

import pytest

import wooshpay
from wooshpay import errors

CLASSES: list[type[errors.WooshPayError]] = [
    cls
    for _, cls in inspect.getmembers(errors, inspect.isclass)
    if issubclass(cls, errors.WooshPayError) and cls.__module__ == errors.__name__
]
# One value for every parameter of every constructor, none of them a default.
VALUES: dict[str, Any] = {
    "message": "Something went wrong.",
    "outcome": "unknown",
    "idempotency_key": "order-1",
    "request_id": "req_1",
    "attempts": 3,
    "operation": "refunds.create",
    "failure": "not_connected",
    "status": 418,
    "type": "card_error",
    "code": "card_declined",
    "param": "amount",
    "decline_code": "lost_card",
    "body": {"error": {"message": "x", "list": [1, None]}},
    "retry_after": 1.5,
}


def filled(cls: type[errors.WooshPayError]) -> errors.WooshPayError:
    names = [name for name in inspect.signature(cls).parameters if name != "message"]
    return cls(VALUES["message"], **{name: VALUES[name] for name in names})


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_an_error_survives_pickling_and_copying_whole(cls: type[errors.WooshPayError]) -> None:
    """Celery, multiprocessing and pytest-xdist send errors between processes; a lost key there loses money."""
    error = filled(cls)
    error.add_note("call it again with key order-1")
    names = inspect.signature(cls).parameters
    assert {name: getattr(error, name) for name in names} == {name: VALUES[name] for name in names}
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is cls
        assert vars(twin) == vars(error)
        assert str(twin) == str(error)
        assert twin.args == error.args
        assert twin.__notes__ == error.__notes__


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_error_is_exported_and_documented(cls: type[errors.WooshPayError]) -> None:
    assert getattr(wooshpay, cls.__name__) is cls
    assert inspect.getdoc(cls) != inspect.getdoc(Exception)


def test_the_hierarchy_is_the_one_that_the_design_names() -> None:
    """Users write ``except TransportError`` around everything that the network can do."""
    tree: dict[type[errors.WooshPayError], list[type[errors.WooshPayError]]] = {
        errors.WooshPayError: [
            errors.ConfigurationError,
            errors.TransportError,
            errors.APIError,
            errors.DecodeError,
            errors.WebhookError,
            errors.InboxError,
            errors.ClaimLost,
            errors.JournalError,
        ],
        errors.TransportError: [errors.ConnectError, errors.TimeoutError, errors.ProtocolError],
        errors.APIError: [
            errors.AuthenticationError,
            errors.PermissionError,
            errors.NotFoundError,
            errors.InvalidRequestError,
            errors.CardError,
            errors.ConflictError,
            errors.IdempotencyError,
            errors.RateLimitError,
            errors.ServerError,
        ],
        errors.WebhookError: [errors.SignatureError, errors.TimestampError, errors.PayloadError],
    }
    for parent, children in tree.items():
        assert set(parent.__subclasses__()) == set(children)
    assert {errors.WooshPayError, *(cls for children in tree.values() for cls in children)} == set(CLASSES)


def test_a_lost_request_says_by_itself_whether_it_may_have_arrived() -> None:
    outcomes = {failure: errors.TransportError("x", failure=failure).outcome for failure in ("broken", "refused")}
    assert outcomes == {"broken": "unknown", "refused": "not_sent"}
    assert errors.TransportError("x", failure="not_connected").outcome == "not_sent"


def test_the_text_of_an_unknown_outcome_holds_all_that_is_needed_to_resume() -> None:
    text = str(filled(errors.ServerError))
    for fact in ("Something went wrong.", "refunds.create", "3 attempts", "req_1", "may have been carried out"):
        assert fact in text
    assert "call again with idempotency key order-1" in text


def test_the_text_offers_the_key_only_where_calling_again_is_open() -> None:
    """After a decline, the advice to call again with the same key would only bring the same decline."""
    error = errors.CardError("Declined.", status=402, attempts=1, idempotency_key="order-1", operation="refunds.create")
    assert str(error) == "Declined. [refunds.create; no money moved]"
    assert str(errors.ConfigurationError("No API key.")) == "No API key."
    assert str(errors.ConnectError("No way.", failure="refused", attempts=1)) == (
        "No way. [the request did not reach WooshPay]"
    )


def test_repr_names_the_class_because_two_builtins_have_the_same_names() -> None:
    assert repr(errors.TimeoutError("Too late.")) == "<TimeoutError 'Too late.'>"


@pytest.mark.parametrize(
    ("cls", "builtin"), [(errors.TimeoutError, TimeoutError), (errors.PermissionError, PermissionError)]
)
def test_an_error_with_the_name_of_a_builtin_is_one_of_these_too(
    cls: type[errors.WooshPayError], builtin: type[OSError]
) -> None:
    """``except TimeoutError`` without an import is what everybody writes; it caught nothing."""
    with pytest.raises(builtin) as caught:
        raise filled(cls)
    error = caught.value
    assert isinstance(error, cls)
    assert cls.__mro__.index(errors.WooshPayError) < cls.__mro__.index(builtin)
    assert str(error) == str(filled(errors.ServerError)), "the words are ours, not those of an OSError"
    assert (error.errno, error.strerror, error.filename, error.args) == (None, None, None, ("Something went wrong.",))
    assert copy.copy(error).errno is None
    assert pickle.loads(pickle.dumps(error)).args == error.args
    more = filled(cls)
    more.args = ("changed",)
    assert more.args == ("changed",)


def test_a_timeout_is_caught_as_one_of_asyncio_too() -> None:
    assert issubclass(errors.TimeoutError, asyncio.TimeoutError)
