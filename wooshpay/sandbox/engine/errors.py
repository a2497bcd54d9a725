"""The errors that the sandbox answers with, in WooshPay's own form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wooshpay.core.json import JsonObject

STATE_NOT_KEPT: Final = "state_not_kept"
"""The code of the error after which the sandbox does nothing any more."""

ErrorBodies: TypeAlias = Literal["nested", "flat"]
ErrorType: TypeAlias = Literal["api_error", "card_error", "idempotency_error", "invalid_request_error"]


class SandboxError(Exception):
    """What a behaviour raises instead of answering. The gate renders it.

    Attributes:
        status: The HTTP status.
        type: WooshPay's kind of error.
        code: The code within the kind.
        message: A sentence for the developer.
        param: The parameter at fault, as in ``line_items[0][quantity]``.
        decline_code: The issuer's reason on a declined card.
        details: Further members of the error object.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        status: int = 400,
        type: ErrorType = "invalid_request_error",
        param: str | None = None,
        decline_code: str | None = None,
        details: JsonObject | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        self.type: ErrorType = type
        self.param = param
        self.decline_code = decline_code
        self.details: JsonObject = details or {}

    def facts(self) -> JsonObject:
        """The error object, without members that do not apply."""
        facts: JsonObject = {"type": self.type, "code": self.code, "message": self.message}
        if self.param is not None:
            facts["param"] = self.param
        if self.decline_code is not None:
            facts["decline_code"] = self.decline_code
        return facts

    def body(self, bodies: ErrorBodies = "nested") -> JsonObject:
        """Return the whole response body.

        Args:
            bodies: ``flat`` puts the members of the error at the top level, ``nested`` under ``error``. The ``status``
                of an object that is in the wrong state is at the top level in both, since programs read it there too.
        """
        error: JsonObject = {**self.facts(), **self.details}
        if bodies == "flat":
            return error
        return {"error": error, **{name: self.details[name] for name in ("status",) if name in self.details}}


def missing(param: str) -> SandboxError:
    """A required parameter is absent."""
    return SandboxError(f"The parameter {param} is required.", code="parameter_missing", param=param)


def invalid(param: str, expected: str, *, code: str = "parameter_invalid") -> SandboxError:
    """A parameter is not what it must be. ``expected`` completes the sentence "... must be"."""
    return SandboxError(f"The parameter {param} must be {expected}.", code=code, param=param)


def not_found(kind: str, id: str, *, param: str | None = None) -> SandboxError:
    """There is no object with this id."""
    named = kind.replace("_", " ").replace(".", " ")
    return SandboxError(f"No such {named}: {id!r}.", code="resource_missing", status=404, param=param)


def invalid_id(id: str, *, param: str) -> SandboxError:
    """Return the error for a text that does not have the form of an ID, such as an unfilled placeholder."""
    return SandboxError(
        f"The parameter {param} is wrong: the id is invalid: {id!r}."
        " Pass an ID that WooshPay returned, such as pi_1693466278934609920.",
        code="resource_missing",
        status=404,
        param=param,
    )


def wrong_state(
    message: str, *, code: str = "payment_intent_unexpected_state", about: Mapping[str, Any] | None = None
) -> SandboxError:
    """Return the error for an object whose state does not allow the call.

    Args:
        message: What is not possible, and which state is needed.
        code: The code of the error.
        about: The object. The error carries its ``status``, so that a program which closes an object that is closed
            already can tell what became of it.
    """
    status = None if about is None else about.get("status")
    return SandboxError(message, code=code, details=None if status is None else {"status": status})


def bug() -> SandboxError:
    """The sandbox itself did something wrong."""
    return SandboxError("The sandbox failed; its log says why.", status=500, type="api_error", code="bug")
