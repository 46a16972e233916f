"""Answers a request of a running call: verifies the call by its row, runs the handler, and maps errors to refusals."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog

from control.db.errors import map_database_error
from control.db.pool import Connection
from control.media_requests import queries
from control.media_requests.handlers import (
    HandlerContext,
    HandlerFinder,
    MediaRequestHandler,
    RequestHandlers,
    RunningCall,
    TenantTransactions,
)
from control.media_requests.metrics import MediaRequestMetrics
from control.media_requests.queries import select_running_call
from control.media_requests.runs import UNKNOWN, UNKNOWN_MESSAGE, IdempotentRuns, encode_result
from shared.bus.requests import MediaReply, MediaRequest
from shared.errors import NotFound, Problem, TooManyRequests
from shared.logs import error_fields

log = structlog.get_logger()
UNKNOWN_NAME: Final = "unknown"
# Label of all requests whose names are data of a workspace, in metrics and shares, because the number of names is
# unlimited.
WORKSPACE_NAME: Final = "workspace"
TIMED_OUT: Final = "timed_out"
FAILED: Final = "failed"
# Media uses this code for its own refusals because of load, too.
BUSY: Final = "busy"


class RequestShares:
    """Shares of the concurrent requests of an API process. No workspace and no handler can take all slots.

    A workspace may take as many slots as are free at that moment (dynamic thresholds: Choudhury, Hahne 1998, IEEE/ACM
    Transactions on Networking 6(2)). A single workspace thus gets half of the slots, and each of N workspaces with
    hanging requests gets 1/(N + 1), with as many slots left for others. A fixed share would be too small for a single
    workspace, or so large that a few workspaces take all slots.

    Args:
        places: Maximum concurrent requests in this process.
        per_handler: Maximum concurrent requests for one handler.
    """

    def __init__(self, *, places: int, per_handler: int) -> None:
        self._places, self._per_handler = places, per_handler
        self._workspaces: Counter[str] = Counter()
        self._handlers: Counter[str] = Counter()
        self._taken = 0

    @contextmanager
    def taken(self, workspace: str, handler: str) -> Iterator[None]:
        """Hold a slot until the block ends.

        Raises TooManyRequests (code busy) immediately if no slot is free, because a waiting request would take a slot
        from others.
        """
        if self._workspaces[workspace] >= self._free(handler):
            _forget(self._workspaces, workspace)
            raise TooManyRequests("Too many requests at once. Try again in a moment.", code=BUSY, retry_after_s=1)
        self._taken += 1
        self._workspaces[workspace] += 1
        self._handlers[handler] += 1
        try:
            yield
        finally:
            self._taken -= 1
            self._workspaces[workspace] -= 1
            self._handlers[handler] -= 1
            _forget(self._workspaces, workspace)
            _forget(self._handlers, handler)

    def _free(self, handler: str) -> int:
        """Return how many slots a request for this handler may take.

        The handler's limit counts independently of other slots. Otherwise workspaces with hanging tools could fill it
        with their share of all slots.
        """
        return min(self._places - self._taken, self._per_handler - self._handlers[handler])


def _forget(counter: Counter[str], name: str) -> None:
    """Remove a name that has no requests, because the number of names is unlimited."""
    if not counter[name]:
        del counter[name]


class MediaRequests:
    """Answers the requests that one API process reads.

    Args:
        clock: Returns the time that handlers receive.
    """

    def __init__(
        self,
        handlers: RequestHandlers,
        transactions: TenantTransactions,
        runs: IdempotentRuns,
        metrics: MediaRequestMetrics,
        clock: Callable[[], datetime],
        shares: RequestShares | None = None,
        finder: HandlerFinder | None = None,
    ) -> None:
        """Create the service.

        Args:
            handlers: Handlers by the names of requests.
            transactions: Transactions of handlers.
            runs: Runs of handlers with an effect.
            metrics: Counts and times requests.
            clock: Returns the time that handlers receive.
            shares: Limits workspaces and handlers; None for no limit.
            finder: Finds the handlers of all other names; None for no finder.
        """
        self._shares, self._finder = shares, finder
        self._handlers, self._transactions, self._runs = handlers, transactions, runs
        self._metrics, self._clock = metrics, clock

    async def answer(self, request: MediaRequest, left_s: float) -> MediaReply:
        """Return the reply, within `left_s` and the time to store a run's outcome. Never raises."""
        name = self._label(request)
        with self._metrics.seconds.labels(name).time():
            outcome, reply = await self._try(_Attempt(request, self._handlers.get(request.name)), left_s)
        self._metrics.requests.labels(name, outcome).inc()
        if outcome != "answered":
            log.info("media_request.refused", name=name, outcome=outcome, code=reply.code, call_id=request.call_id)
        return reply

    def _label(self, request: MediaRequest) -> str:
        """Return the request's name for metrics."""
        if request.name in self._handlers:
            return request.name
        return UNKNOWN_NAME if self._finder is None else WORKSPACE_NAME

    async def _try(self, attempt: "_Attempt", left_s: float) -> tuple[str, MediaReply]:
        """Run the request. Return the outcome for metrics, and the reply."""
        request = attempt.request
        limit = asyncio.timeout(left_s)
        try:
            async with limit:
                with self._taken(request):
                    return "answered", MediaReply(request.id, await self._run(attempt, limit.when() or 0.0))
        except Problem as problem:
            return "refused", _refusal(request, problem.code, problem.message)
        except Exception as error:  # An error of one request must not end the others.  # noqa: BLE001
            if limit.expired():
                rest = f" {UNKNOWN_MESSAGE}" if attempt.is_once else ""
                return TIMED_OUT, _refusal(request, TIMED_OUT, f"This took too long.{rest}")
            if attempt.is_once:
                return FAILED, _failure(request, error, UNKNOWN, UNKNOWN_MESSAGE)
            mapped = map_database_error(error)
            if mapped is not None:
                return "refused", _refusal(request, mapped.code, mapped.message)
            return FAILED, _failure(request, error, FAILED, "This failed on our side.")

    def _taken(self, request: MediaRequest) -> AbstractContextManager[None]:
        """Take a slot. Raises TooManyRequests before anything is done."""
        return nullcontext() if self._shares is None else self._shares.taken(request.workspace_id, self._label(request))

    async def _run(self, attempt: "_Attempt", until: float) -> str:
        request = attempt.request
        if attempt.handler is None and self._finder is None:
            raise _unknown_request()
        call = await self._find_call(request)
        if attempt.handler is None and self._finder is not None:
            attempt.handler = await self._finder.find(request.name, call, self._transactions)
        handler = attempt.handler
        if handler is None:
            raise _unknown_request()
        context = HandlerContext(call, request.arguments, request.run_id, self._clock(), until, self._transactions)
        if handler.effect == "none":
            return encode_result(await handler.answer(context))
        return await self._runs.run(context, handler, request.name)

    async def _find_call(self, request: MediaRequest) -> RunningCall:
        """Return the request's call.

        Raises NotFound unless it is in progress and belongs to this workspace and agent.
        """
        try:
            call_id, workspace_id = UUID(request.call_id), UUID(request.workspace_id)
            agent_id = UUID(request.agent_id)
        except ValueError:
            raise _not_running() from None
        found = await self._transactions.run(
            workspace_id, lambda db: select_running_call(db, call_id, workspace_id, agent_id)
        )
        if found is None:
            raise _not_running()
        return found


@dataclass(slots=True)
class _Attempt:
    """A request with its handler.

    Attributes:
        is_once: Whether the result of the request is unknown after a failure.
    """

    request: MediaRequest
    handler: MediaRequestHandler | None

    @property
    def is_once(self) -> bool:
        return self.handler is not None and self.handler.effect == "once"


def _unknown_request() -> NotFound:
    return NotFound("This request does not exist.", code="request_unknown")


def _not_running() -> NotFound:
    return NotFound("This call is not in progress.", code="call_not_running")


def _failure(request: MediaRequest, error: Exception, code: str, message: str) -> MediaReply:
    log.error("media_request.failed", name=request.name, call_id=request.call_id, **error_fields(error))
    return _refusal(request, code, message)


def _refusal(request: MediaRequest, code: str, message: str) -> MediaReply:
    return MediaReply(request.id, code=code, message=message)


async def delete_call_runs(db: Connection, workspace_id: UUID, call_ids: Sequence[UUID]) -> int:
    """Delete the outcomes of these calls' runs, which contain callers' words. Return how many."""
    return await queries.delete_runs_of_calls(db, workspace_id, call_ids)
