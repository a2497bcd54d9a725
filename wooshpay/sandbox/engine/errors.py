"""The errors that the sandbox answers with, in WooshPay's own form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from wooshpay.core.json import JsonObject

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

    def body(self) -> JsonObject:
        """The whole answer."""
        return {"error": {**self.facts(), **self.details}}


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


def wrong_state(message: str, *, code: str = "payment_intent_unexpected_state") -> SandboxError:
    """The object's state does not allow the call."""
    return SandboxError(message, code=code)


def bug() -> SandboxError:
    """The sandbox itself did something wrong."""
    return SandboxError("The sandbox failed; its log says why.", status=500, type="api_error", code="bug")
