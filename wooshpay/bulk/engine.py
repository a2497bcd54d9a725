"""One row on its way: looked up in the journal, noted, sent, noted again. The same for every kind of run."""

from __future__ import annotations

import hashlib
import inspect
import json
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import attrs

from wooshpay.api import SECTIONS
from wooshpay.bulk.journal import Decision, Entry, EntryState, Journal, Policy, Refuse, Run, Send, decide, settle
from wooshpay.bulk.rows import Row, RowResult, RowState
from wooshpay.config import RequestOptions
from wooshpay.core.declaration import Declaration
from wooshpay.core.objects import Object
from wooshpay.core.redaction import redact, redact_json
from wooshpay.errors import (
    APIError,
    AuthenticationError,
    ConfigurationError,
    IdempotencyError,
    PermissionError,
    WooshPayError,
)

if TYPE_CHECKING:
    from wooshpay.core.callers import AsyncCaller
    from wooshpay.core.request import Call

# Nothing was done, and the same call may be done a little later, or with another API key.
_TURNED_AWAY: Final = frozenset({401, 403, 408, 409, 425, 429})


def find_operation(name: str) -> Declaration:
    """Find the declaration of an operation that can be run in bulk.

    Raises:
        ConfigurationError: There is none, or it cannot.
    """
    section, _, operation = name.rpartition(".")
    resource: type | None = (
        getattr(import_module(f"wooshpay.api.{section}"), SECTIONS[section]) if section in SECTIONS else None
    )
    declaration = vars(resource).get(operation) if resource is not None else None
    if not isinstance(declaration, Declaration):
        raise ConfigurationError(f"There is no operation {name!r}. `wooshpay api` lists all, such as refunds.create.")
    if declaration.params_in == "multipart":
        raise ConfigurationError(f"{name} takes a file, which rows cannot hold: it cannot be run in bulk.")
    if declaration.method != "POST":
        raise ConfigurationError(
            f"{name} cannot be run in bulk: it carries no idempotency key, which keeps rows from being done twice."
        )
    return declaration


class Engine:
    """Does the rows of one run, in whatever order and at once.

    Args:
        declaration: The operation.
        caller: Makes the calls.
        journal: Keeps what became of the rows.
        run: The run.
        seen: The pass; ``None`` where the same row may be handed in again and again.
        policy: What may be sent again.
    """

    def __init__(
        self,
        declaration: Declaration,
        caller: AsyncCaller,
        journal: Journal,
        run: Run,
        *,
        seen: int | None = None,
        policy: Policy | None = None,
    ) -> None:
        self._declaration = declaration
        self._caller = caller
        self._journal = journal
        self._run = run
        self._seen = seen
        self._policy = policy or Policy()
        self.hopeless: str | None = None
        """Why no row can succeed, once that is known."""

    async def do(self, row: Row) -> RowResult:
        """Do one row, and note what became of it.

        Raises:
            JournalError: The journal cannot be read or written.
        """
        try:
            call = bind(self._declaration, row)
            fingerprint = fingerprint_of(call)
        except (TypeError, ValueError, ConfigurationError) as error:
            return RowResult(row=row.id, state="refused", error=redact(str(error)))
        decision = await self._take(row, fingerprint)
        if isinstance(decision, Refuse):
            return RowResult(row=row.id, state="refused", error=decision.reason, idempotency_key=decision.key)
        if not isinstance(decision, Send):
            return _result(row, decision.entry, earlier=True)
        found: Any = None
        options = RequestOptions(idempotency_key=decision.entry.key)
        try:
            found = await self._caller.call(attrs.evolve(call, options=options), self._declaration.returns)
            entry = attrs.evolve(
                decision.entry,
                state="succeeded",
                object_id=_text_of(found, "id"),
                status=_text_of(found, "status"),
                error=None,
                code=None,
            )
        except WooshPayError as error:
            if isinstance(error, (AuthenticationError, PermissionError)):
                self.hopeless = error.message
            entry = after_error(decision, error)
        await self._journal.change(self._run, row.id, settle(entry))
        return attrs.evolve(_result(row, entry), object=found if isinstance(found, Object) else None)

    async def _take(self, row: Row, fingerprint: str) -> Decision:
        decision: Decision | None = None
        now = self._caller.pipeline.config.effects.now()

        def change(entry: Entry | None) -> Entry | None:
            nonlocal decision
            decision = decide(
                entry,
                run=self._run,
                row_id=row.id,
                fingerprint=fingerprint,
                seen=self._seen,
                now=now,
                policy=self._policy,
            )
            return None if isinstance(decision, Refuse) else decision.entry

        await self._journal.change(self._run, row.id, change)
        assert decision is not None, "a journal asks for the change"
        return decision


def bind(declaration: Declaration, row: Row) -> Call:
    """Make the call of a row.

    Raises:
        TypeError: An argument is missing, unknown, or not of a type that can be sent.
        ValueError: An id in the path is none.
    """
    keywords = dict(row.arguments)
    if "options" in keywords:
        raise TypeError("options cannot be given for a row: set them for the whole client, with_options(...).")
    args: list[Any] = []
    for name, parameter in declaration.signature.parameters.items():
        if parameter.default is inspect.Parameter.empty and name not in keywords:
            raise TypeError(f"{name} is missing.")
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
            args.append(keywords.pop(name))
    return declaration.bind(tuple(args), keywords)


def fingerprint_of(call: Call) -> str:
    """A digest of what a call asks for. What is secret is left out: a digest of a card number can be guessed.

    Raises:
        TypeError: A parameter has no JSON form.
    """
    asked = json.dumps([call.path, redact_json(call.query), redact_json(call.body)], sort_keys=True)
    return hashlib.sha256(asked.encode()).hexdigest()[:32]


def after_error(sent: Send, error: WooshPayError) -> Entry:
    """What to note of a call that did not succeed."""
    code = error.code if isinstance(error, APIError) else None
    return attrs.evolve(sent.entry, state=_state_after(sent, error), error=redact(error.message), code=code)


def _state_after(sent: Send, error: WooshPayError) -> EntryState:
    if isinstance(error, APIError) and error.outcome == "rejected":
        if error.status not in _TURNED_AWAY or isinstance(error, IdempotencyError):
            return "rejected"
    elif error.outcome != "not_sent":
        return "unknown"
    # That this call did nothing does not tell what an earlier one with the same key did.
    return "unknown" if sent.doubtful else "not_sent"


def _text_of(found: Any, name: str) -> str | None:
    value = getattr(found, name, None)
    return value if isinstance(value, str) else None


def _result(row: Row, entry: Entry, *, earlier: bool = False) -> RowResult:
    state: RowState = entry.state if entry.state != "started" else "unknown"
    return RowResult(
        row=row.id,
        state=state,
        object_id=entry.object_id,
        status=entry.status,
        error=entry.error,
        code=entry.code,
        idempotency_key=entry.key,
        earlier=earlier,
    )
