"""Runs requests with an effect. Each request runs once under its idempotency key, across any number of processes."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import asyncpg  # type: ignore[import-untyped]
import msgspec
import structlog
from msgspec import Struct

from control.media_requests import queries
from control.media_requests.handlers import HandlerContext, MediaRequestHandler
from control.media_requests.queries import RunKey
from shared.bus.requests import MAX_BYTES
from shared.errors import Conflict, Invalid, Problem, Unavailable
from shared.secrets import Sealer, UnsealError

log = structlog.get_logger()
PURPOSE: Final = "tool_run"
UNKNOWN: Final = "outcome_unknown"
UNKNOWN_MESSAGE: Final = "It is not known whether this was carried out."
# After a run is canceled, its outcome must be stored within this many seconds; otherwise its lease expires.
STORE_S: Final = 2.0
_DATABASE_ERRORS: Final = (Problem, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


@dataclass(frozen=True, slots=True)
class RunPace:
    """Intervals in seconds.

    Attributes:
        lease: A run whose lease is not renewed for this long counts as abandoned.
        poll: Time between two checks of a run that another process executes.
    """

    lease: float = 5.0
    poll: float = 0.1


class RunOutcome(Struct, frozen=True, omit_defaults=True):
    """The outcome of a run.

    Attributes:
        result: JSON text.
        code: Code of a refusal.
        message: Message of a refusal.
    """

    result: str = "null"
    code: str = ""
    message: str = ""

    def open(self) -> str:
        """Return the result. Raises a stored refusal as a Conflict."""
        if self.code:
            raise Conflict(self.message, code=self.code)
        return self.result


_UNKNOWN: Final = RunOutcome(code=UNKNOWN, message=UNKNOWN_MESSAGE)


class OutcomeUnknown(Exception):
    """A run that must not happen twice lost its connection, and may have taken effect."""


class IdempotentRuns:
    """Runs each request once.

    If several processes get a request, one process runs it, and the others wait for the outcome.
    """

    def __init__(self, sealer: Sealer, pace: RunPace = RunPace()) -> None:
        self._sealer, self._pace = sealer, pace
        self._lease = timedelta(seconds=pace.lease)

    async def run(self, context: HandlerContext, handler: MediaRequestHandler, name: str) -> str:
        """Run a request, or return the outcome of its earlier run, as JSON text. The caller sets the deadline.

        Raises:
            Invalid: The request has no run id (code run_id_missing).
            Conflict: The id belongs to another request (code run_id_reused). Or the run began, its process is gone, and
                it must not run twice (code outcome_unknown).
            OutcomeUnknown: A handler with the effect "once" raised Unavailable.
        """
        if not context.run_id:
            raise Invalid("A request with an effect needs a run id.", code="run_id_missing")
        key = RunKey(context.call.workspace_id, context.call.id, context.run_id)
        while True:
            claimed = await self._claim(context, key, name, takes_over=handler.effect == "repeatable")
            if isinstance(claimed, RunOutcome):
                return claimed.open()
            if claimed is not None:
                return await _Run(self._sealer, self._pace, context, handler, key, claimed).execute()
            await asyncio.sleep(self._pace.poll)

    async def _claim(
        self, context: HandlerContext, key: RunKey, name: str, *, takes_over: bool
    ) -> int | RunOutcome | None:
        """Return the number of our attempt or the stored outcome; None while another process runs the request."""
        attempt = await context.in_transaction(
            lambda db: queries.claim_run(db, key, name, self._lease, takes_over=takes_over)
        )
        if attempt is not None:
            return attempt
        stored = await context.in_transaction(lambda db: queries.select_run(db, key))
        if stored is None:
            return None
        if stored.name != name:
            raise Conflict("This run id belongs to another request.", code="run_id_reused")
        if stored.is_finished:
            return self._open(stored.outcome)
        return _UNKNOWN if stored.is_abandoned and not takes_over else None

    def _open(self, sealed: bytes | None) -> RunOutcome:
        """Unseal an outcome. If the key is gone, the outcome is unknown."""
        try:
            return msgspec.json.decode(self._sealer.open(sealed or b"", PURPOSE), type=RunOutcome)
        except (UnsealError, msgspec.DecodeError):
            return _UNKNOWN


@dataclass(frozen=True, slots=True)
class _Run:
    """An attempt of this process to run a request."""

    sealer: Sealer
    pace: RunPace
    context: HandlerContext
    handler: MediaRequestHandler
    key: RunKey
    attempt: int

    async def execute(self) -> str:
        renewal = asyncio.create_task(self._renew())
        outcome = None
        try:
            outcome = await self._answer()
        finally:
            await _complete(self._end(renewal, outcome))
        return outcome.open()

    async def _answer(self) -> RunOutcome:
        try:
            result = await self.handler.answer(self.context)
        except Unavailable as error:
            # Store no outcome: the connection may have been lost while a transaction committed.
            if self.handler.effect == "once":
                raise OutcomeUnknown from error
            raise
        except Problem as problem:
            return RunOutcome(code=problem.code, message=problem.message)
        try:
            return RunOutcome(encode_result(result))
        except Invalid as problem:
            return RunOutcome(code=problem.code, message=f"This was carried out. {problem.message}")

    async def _end(self, renewal: "asyncio.Task[None]", outcome: RunOutcome | None) -> None:
        renewal.cancel()
        await asyncio.wait({renewal}, timeout=STORE_S)
        await self._finish(outcome)

    async def _renew(self) -> None:
        """Renew the lease until canceled. The lease may expire while the database is unavailable."""
        lease = timedelta(seconds=self.pace.lease)
        while True:
            await asyncio.sleep(self.pace.lease / 3)
            with suppress(*_DATABASE_ERRORS):
                await self._set_lease(lease)

    async def _finish(self, outcome: RunOutcome | None) -> None:
        """Store the outcome if possible.

        Args:
            outcome: None if the run failed or was canceled at its deadline, so that it may have taken effect.
        """
        try:
            async with asyncio.timeout(STORE_S):
                if outcome is None and self.handler.effect == "repeatable":
                    await self._set_lease(timedelta(0))
                else:
                    await self._store(outcome or _UNKNOWN)
        except _DATABASE_ERRORS:
            log.warning("tool_run.outcome_lost", call_id=str(self.key.call_id), attempt=self.attempt)

    async def _set_lease(self, lease: timedelta) -> None:
        await self.context.transactions.run_reserved(
            self.key.workspace_id, lambda db: queries.renew_run(db, self.key, self.attempt, lease)
        )

    async def _store(self, outcome: RunOutcome) -> None:
        sealed = self.sealer.seal(msgspec.json.encode(outcome), PURPOSE)
        await self.context.transactions.run_reserved(
            self.key.workspace_id,
            lambda db: queries.finish_run(db, self.key, self.attempt, not outcome.code, sealed),
        )


async def _complete(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` to its end, even if the caller is canceled repeatedly. Then raise the cancellation."""
    task, cancelled = asyncio.create_task(work), None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    task.result()


def encode_result(value: Any) -> str:
    """Encode a handler's result as JSON text. Raises Invalid (reply_too_large) for more than MAX_BYTES."""
    text = msgspec.json.encode(value)
    if len(text) > MAX_BYTES:
        raise Invalid(f"The answer has more than {MAX_BYTES} bytes.", code="reply_too_large")
    return text.decode()
