"""Answers one request of a running call: verifies the call by its row, runs the handler, maps errors to refusals."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog

from control.db.errors import map_database_error
from control.media_requests.handler import (
    HandlerContext,
    HandlerFinder,
    MediaRequestHandler,
    RequestHandlers,
    RunningCall,
)
from control.media_requests.metrics import MediaRequestMetrics
from control.media_requests.read_running_calls import select_running
from control.media_requests.results import encode_result
from control.media_requests.runs import UNKNOWN, UNKNOWN_MESSAGE, IdempotentRuns
from control.media_requests.shares import RequestShares
from control.media_requests.transactions import TenantTransactions
from shared.bus.requests import MediaReply, MediaRequest
from shared.errors import NotFound, Problem
from shared.logs import error_fields

log = structlog.get_logger()

UNKNOWN_NAME: Final = "unknown"
# Of all requests whose names are a workspace's data, in metrics and shares: there may be any number of names.
WORKSPACE_NAME: Final = "workspace"
TIMED_OUT: Final = "timed_out"
FAILED: Final = "failed"


class MediaRequests:
    """The answers of one API process. clock: returns the time that handlers get."""

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
        """shares: of workspaces and handlers in the requests that are answered at once; None: all they like. finder: of
        the handlers of all other names; None: there are none."""
        self._shares, self._finder = shares, finder
        self._handlers, self._transactions, self._runs = handlers, transactions, runs
        self._metrics, self._clock = metrics, clock

    async def answer(self, request: MediaRequest, left_s: float) -> MediaReply:
        """The reply, within `left_s` and the time to store a run's outcome. Never raises."""
        name = self._label(request)
        with self._metrics.seconds.labels(name).time():
            outcome, reply = await self._try(_Attempt(request, self._handlers.get(request.name)), left_s)
        self._metrics.requests.labels(name, outcome).inc()
        if outcome != "answered":
            log.info("media_request.refused", name=name, outcome=outcome, code=reply.code, call_id=request.call_id)
        return reply

    def _label(self, request: MediaRequest) -> str:
        """The name of the request in metrics."""
        if request.name in self._handlers:
            return request.name
        return UNKNOWN_NAME if self._finder is None else WORKSPACE_NAME

    async def _try(self, attempt: "_Attempt", left_s: float) -> tuple[str, MediaReply]:
        """The outcome for the metrics, and the reply."""
        request = attempt.request
        limit = asyncio.timeout(left_s)
        try:
            async with limit:
                with self._taken(request):
                    return "answered", MediaReply(request.id, await self._run(attempt, limit.when() or 0.0))
        except Problem as problem:
            return "refused", _refusal(request, problem.code, problem.message)
        except Exception as error:  # an error of one request must not end the others  # noqa: BLE001
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
        """Raises TooManyRequests before anything was done."""
        return nullcontext() if self._shares is None else self._shares.taken(request.workspace_id, self._label(request))

    async def _run(self, attempt: "_Attempt", until: float) -> str:
        request = attempt.request
        if attempt.handler is None and self._finder is None:
            raise _unknown()
        call = await self._find_call(request)
        if attempt.handler is None and self._finder is not None:
            attempt.handler = await self._finder.find(request.name, call, self._transactions)
        handler = attempt.handler
        if handler is None:
            raise _unknown()
        context = HandlerContext(call, request.arguments, request.run_id, self._clock(), until, self._transactions)
        if handler.effect == "none":
            return encode_result(await handler.answer(context))
        return await self._runs.run(context, handler, request.name)

    async def _find_call(self, request: MediaRequest) -> RunningCall:
        """Raises NotFound unless this call of this workspace and agent is in progress."""
        try:
            call_id, workspace_id = UUID(request.call_id), UUID(request.workspace_id)
            agent_id = UUID(request.agent_id)
        except ValueError:
            raise _not_running() from None
        found = await self._transactions.run(
            workspace_id, lambda db: select_running(db, call_id, workspace_id, agent_id)
        )
        if found is None:
            raise _not_running()
        return found


@dataclass(slots=True)
class _Attempt:
    """A request with its handler. is_once: a failure leaves it unknown if the request was carried out."""

    request: MediaRequest
    handler: MediaRequestHandler | None

    @property
    def is_once(self) -> bool:
        return self.handler is not None and self.handler.effect == "once"


def _unknown() -> NotFound:
    return NotFound("There is no such request.", code="request_unknown")


def _not_running() -> NotFound:
    return NotFound("No such call is in progress.", code="call_not_running")


def _failure(request: MediaRequest, error: Exception, code: str, message: str) -> MediaReply:
    log.error("media_request.failed", name=request.name, call_id=request.call_id, **error_fields(error))
    return _refusal(request, code, message)


def _refusal(request: MediaRequest, code: str, message: str) -> MediaReply:
    return MediaReply(request.id, code=code, message=message)
