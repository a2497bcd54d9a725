"""One row on its way: looked up in the journal, noted, sent, noted again. The same for every kind of run."""

from __future__ import annotations

import inspect
import secrets
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import attrs

from wooshpay.api import SECTIONS
from wooshpay.bulk.decisions import Decision, Refuse, Send, decide, open_run, settle
from wooshpay.bulk.fingerprints import fingerprint_of
from wooshpay.bulk.journal import Entry, EntryState, Journal, Policy, Run, RunEntry
from wooshpay.bulk.rows import Row, RowResult, RowState
from wooshpay.config import RequestOptions
from wooshpay.core.declaration import Declaration
from wooshpay.core.objects import Object
from wooshpay.core.pipeline import Pipeline
from wooshpay.core.redaction import redact
from wooshpay.core.tracebacks import forget_locals
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
    from wooshpay.core.retry import RetryEvent

# How often the time is written to the journal, in seconds. This is very short compared with the life of a key.
_TIME_STEP: Final = 60.0
_REPLAYED: Final = (
    "This was already done under this key: WooshPay returned the response to an earlier request, which this journal did"
    " not send. Nothing was done for this row now. To send it as a new one, run under a new name."
)

_CONFLICT: Final = 409
# An attempt that got one of these statuses was certainly not carried out.
_DID_NOTHING: Final = frozenset({425, 429})

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
        policy: What may be sent again.
        rotated_key: Accept that the run was begun with another API key of the same account.
    """

    def __init__(
        self,
        declaration: Declaration,
        caller: AsyncCaller,
        journal: Journal,
        run: Run,
        *,
        policy: Policy | None = None,
        rotated_key: bool = False,
    ) -> None:
        self._declaration = declaration
        config = caller.pipeline.config
        self._user_on_retry = config.on_retry
        self._config = attrs.evolve(config, on_retry=self._note_retry)
        self._pipeline = Pipeline(self._config, caller.pipeline.transport)
        # Of each call under way: whether its key was in use already when the call was sent for the first time.
        self._in_use: dict[str, bool] = {}
        self._journal = journal
        self._run = run
        self._policy = policy or Policy()
        self._rotated_key = rotated_key
        self._entry: RunEntry | None = None
        self._bound_now = False
        # Where the same row may be passed in again and again, as by a queue, there are no passes.
        self._seen: int | None = None
        self.hopeless: str | None = None
        """Why no row can succeed, once that is known."""

    async def begin(self) -> RunEntry:
        """Begin another pass of the run, in which no row may come twice.

        Returns:
            The entry of the run.

        Raises:
            ConfigurationError: The run belongs to another account, mode or host.
            JournalError: The journal cannot be read or written.
        """
        entry = await self._open(passes=1)
        self._seen = entry.passes
        return entry

    async def finish(self) -> None:
        """Note that a pass left nothing to do.

        Raises:
            JournalError: The journal cannot be read or written.
        """
        now = self._now()

        def change(entry: RunEntry | None) -> RunEntry | None:
            return None if entry is None else attrs.evolve(entry, finished_at=now, latest=max(entry.latest, now))

        await self._journal.change_run(self._run, change)

    async def release(self) -> None:
        """Unbind the run from its API key, if this pass bound it to that key.

        Call it only if WooshPay accepted no call of this pass: a mistyped key must not own the run.

        Raises:
            JournalError: The journal cannot be read or written.
        """
        if self._bound_now:
            await self._journal.change_run(self._run, lambda entry: entry and attrs.evolve(entry, accounts=()))

    async def do(self, row: Row) -> RowResult:
        """Do one row, and note what became of it.

        Raises:
            ConfigurationError: The run belongs to another account, mode or host.
            JournalError: The journal cannot be read or written.
        """
        kept = self._entry or await self._open(passes=0)
        try:
            call = bind(self._declaration, row)
            fingerprint = fingerprint_of(call, api_key=self._config.api_key, secret=kept.secret)
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
            found, replayed = await self._send(attrs.evolve(call, options=options), decision.entry.key)
            entry = after_success(decision, found, replayed=replayed)
        except WooshPayError as error:
            if isinstance(error, (AuthenticationError, PermissionError)):
                self.hopeless = error.message
            entry = after_error(decision, error)
        entry = await self._settle(row, entry)
        return attrs.evolve(_result(row, entry), object=found if isinstance(found, Object) else None)

    def _now(self) -> float:
        return self._config.effects.now()

    async def _open(self, *, passes: int) -> RunEntry:
        opened: RunEntry | Refuse | None = None
        config, now = self._config, self._now()

        def change(entry: RunEntry | None) -> RunEntry | None:
            nonlocal opened
            opened = open_run(
                entry,
                api_key=config.api_key,
                mode="live" if config.live else "test",
                host=self._run.host,
                rotated_key=self._rotated_key,
                now=now,
                token=lambda: secrets.token_hex(32),
            )
            if isinstance(opened, Refuse):
                return None
            self._bound_now = entry is None or not entry.accounts
            if passes:
                opened = attrs.evolve(opened, passes=opened.passes + passes, latest=max(opened.latest, now))
            return None if opened == entry else opened

        await self._journal.change_run(self._run, change)
        assert opened is not None, "a journal calls the change"
        if isinstance(opened, Refuse):
            raise ConfigurationError(opened.reason)
        self._entry = opened
        return opened

    async def _take(self, row: Row, fingerprint: str) -> Decision:
        decision: Decision | None = None
        now = self._now()
        kept = await self._note_time(now)

        def change(entry: Entry | None) -> Entry | None:
            nonlocal decision
            decision = decide(
                entry,
                run=self._run,
                identity=kept.identity,
                row_id=row.id,
                fingerprint=fingerprint,
                seen=self._seen,
                now=now,
                latest=kept.latest,
                policy=self._policy,
            )
            return None if isinstance(decision, Refuse) else decision.entry

        await self._journal.change(self._run, row.id, change)
        assert decision is not None, "a journal calls the change"
        return decision

    async def _note_time(self, now: float) -> RunEntry:
        """Record the time once a minute, so that a clock that goes back later is noticed."""
        kept = self._entry
        assert kept is not None, "the run was opened"
        if now > kept.latest + _TIME_STEP:
            # It is set before the journal is written. Otherwise every call that is under way would write it.
            kept = self._entry = attrs.evolve(kept, latest=now)

            def change(entry: RunEntry | None) -> RunEntry | None:
                return None if entry is None or entry.latest >= now else attrs.evolve(entry, latest=now)

            await self._journal.change_run(self._run, change)
        return kept

    async def _send(self, call: Call, key: str) -> tuple[Any, bool]:
        """Make a call.

        Returns:
            The result, and whether the response repeats that of a request which this call did not make.
        """
        try:
            request = self._pipeline.prepare(call)
            response = await self._pipeline.run(request)
            found = self._pipeline.decode(request, response, self._declaration.returns)
        except BaseException as error:
            forget_locals(error)
            raise
        finally:
            in_use = self._in_use.pop(key, False)
        # After an attempt that may have been carried out, the response that is repeated is that attempt's, unless
        # somebody else had the key in use before.
        own = response.ambiguous and not in_use
        return found, response.headers.get("Idempotent-Replayed") == "true" and not own

    def _note_retry(self, event: RetryEvent) -> None:
        """Record whether the key of a call was in use before an attempt of this call may have been carried out."""
        if event.idempotency_key is not None and event.status not in _DID_NOTHING:
            self._in_use.setdefault(event.idempotency_key, event.status == _CONFLICT)
        if self._user_on_retry is not None:
            self._user_on_retry(event)

    async def _settle(self, row: Row, entry: Entry) -> Entry:
        settled = entry

        def change(now: Entry | None) -> Entry | None:
            nonlocal settled
            changed = settle(entry)(now)
            # Left as it is, the row has succeeded for another worker of this run, which had the same key.
            settled = changed or now or entry
            return changed

        await self._journal.change(self._run, row.id, change)
        return settled


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


def after_success(sent: Send, found: Any, *, replayed: bool) -> Entry:
    """Return the entry to write after a successful call.

    Args:
        sent: What was sent.
        found: The result.
        replayed: Whether the response repeats that of a request which this call did not make.
    """
    # If the run sent the row before and never got its response, that response is the one which is repeated.
    foreign = replayed and not sent.doubtful
    return attrs.evolve(
        sent.entry,
        state="replayed" if foreign else "succeeded",
        object_id=_text_of(found, "id"),
        status=_text_of(found, "status"),
        error=_REPLAYED if foreign else None,
        code=None,
    )


def after_error(sent: Send, error: WooshPayError) -> Entry:
    """What to note of a call that did not succeed."""
    code = error.code if isinstance(error, APIError) else None
    return attrs.evolve(sent.entry, state=_state_after(sent, error), error=redact(error.message), code=code)


def _state_after(sent: Send, error: WooshPayError) -> EntryState:
    if isinstance(error, APIError) and error.outcome == "rejected":
        if isinstance(error, IdempotencyError):
            # An earlier request had this key and other parameters. If it was the row's own, it may have been done.
            return "unknown" if sent.doubtful else "rejected"
        if error.status not in _TURNED_AWAY:
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
