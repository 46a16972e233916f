"""Handlers that packages offer to running calls: request handlers by name, and tools for the language model."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol, TypeVar
from uuid import UUID

from control.db.pool import Connection, Pool
from control.db.scope import enter_workspace
from control.db.transaction import in_transaction
from shared.bus.requests import TOOL_REQUEST
from shared.plan import ToolPlan

T = TypeVar("T")
# Effect of a request. "none": it only reads. "repeatable": it changes data, and may run again if its result is unknown.
# "once": it never runs a second time. Outcomes of the last two are stored under the request's run id.
Effect = Literal["none", "repeatable", "once"]


@dataclass(frozen=True, slots=True)
class RunningCall:
    """A call in progress, with data of its row and its workspace.

    Attributes:
        caller: E.164, or the number as the carrier sent it.
        called: E.164, or the number as the carrier sent it.
        timezone: A name of the IANA time zone database.
    """

    id: UUID
    workspace_id: UUID
    agent_id: UUID
    direction: Literal["inbound", "outbound"]
    is_test: bool
    caller: str
    called: str
    workspace_name: str
    timezone: str


# -- Transactions of handlers: in the scope of one workspace, and few at once, so that the API keeps its connections --


class TenantTransactions:
    """Runs at most `most` transactions at once, and one more for leases and outcomes of runs.

    Other transactions wait until the deadline of their request, and their workspaces take turns.
    """

    def __init__(self, pool: Pool, most: int) -> None:
        self._pool, self._gate, self._reserved = pool, FairGate(most), asyncio.Semaphore(1)

    async def run(self, workspace_id: UUID, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Run `work` in a transaction, commit, and return its result.

        A collision is retried once. Raises Unavailable.
        """
        async with self._gate.entered(workspace_id):
            return await self._run(workspace_id, work)

    async def run_reserved(self, workspace_id: UUID, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Run short statements without waiting for handlers' transactions, which may take longer than a lease."""
        async with self._reserved:
            return await self._run(workspace_id, work)

    async def _run(self, workspace_id: UUID, work: Callable[[Connection], Awaitable[T]]) -> T:
        async def scoped(db: Connection) -> T:
            await enter_workspace(db, workspace_id)
            return await work(db)

        return await in_transaction(self._pool, scoped)


class FairGate:
    """Admits at most `most` requests at once, on one event loop. Waiting workspaces take turns (round robin).

    A workspace with a hundred waiting requests therefore delays another workspace's request by only one request.
    """

    def __init__(self, most: int) -> None:
        self._free = most
        # Waiting requests by workspace, with the next workspace first. Empty while a slot is free.
        self._waiting: OrderedDict[UUID, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def entered(self, workspace_id: UUID) -> AsyncIterator[None]:
        """Wait for a slot, and hold it until the block ends."""
        if self._free:
            self._free -= 1
        else:
            await self._wait(workspace_id)
        try:
            yield
        finally:
            self._leave()

    async def _wait(self, workspace_id: UUID) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(workspace_id, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # The slot was passed on before the cancellation.
                self._leave()
            raise

    def _leave(self) -> None:
        """Pass the slot to the next request that is still waiting."""
        while self._waiting:
            workspace_id, turns = self._waiting.popitem(last=False)
            turn = turns.popleft()
            if turns:
                self._waiting[workspace_id] = turns
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


# -- Handlers --


@dataclass(frozen=True, slots=True)
class HandlerContext:
    """The input of a request handler.

    Attributes:
        arguments: JSON text as the call sent it.
        run_id: Idempotency key; empty if the request has none.
        until: The deadline, on the event loop's clock.
    """

    call: RunningCall
    arguments: str
    run_id: str
    now: datetime
    until: float
    transactions: TenantTransactions

    @property
    def left_s(self) -> float:
        """Return the seconds until the deadline, for outside requests."""
        return max(0.0, self.until - asyncio.get_running_loop().time())

    async def in_transaction(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Run `work` in a transaction, in the scope of the call's workspace. Raises Unavailable.

        `work` must not send outside requests, because it holds a connection.
        """
        return await self.transactions.run(self.call.workspace_id, work)


@dataclass(frozen=True, slots=True)
class MediaRequestHandler:
    """A handler of a request, with its effect.

    `answer` returns a value that JSON can represent. It is canceled at the request's deadline. A Problem that it raises
    becomes a refusal. For the effect "once", a Problem means that nothing was done, except Unavailable, after which the
    outcome is unknown.
    """

    answer: Callable[[HandlerContext], Awaitable[Any]]
    effect: Effect = "none"


RequestHandlers = Mapping[str, MediaRequestHandler]


class HandlerFinder(Protocol):
    """Finds handlers of requests whose names are data of a workspace, such as the workspace's own tools."""

    async def find(self, name: str, call: RunningCall, transactions: TenantTransactions) -> MediaRequestHandler | None:
        """Return the handler of a call's request, or None. Raises Unavailable."""


class JoinedFinders:
    """Several HandlerFinders, which are queried in order."""

    def __init__(self, finders: Sequence[HandlerFinder]) -> None:
        self._finders = finders

    async def find(self, name: str, call: RunningCall, transactions: TenantTransactions) -> MediaRequestHandler | None:
        """Return the first handler that a finder returns, or None. Raises the errors of the finders."""
        for finder in self._finders:
            if (found := await finder.find(name, call, transactions)) is not None:
                return found
        return None


def join_handlers(parts: Iterable[RequestHandlers]) -> RequestHandlers:
    """Merge the handlers of all packages. Raises ValueError if two handlers have the same name."""
    parts = list(parts)
    joined = {name: handler for part in parts for name, handler in part.items()}
    if len(joined) < sum(map(len, parts)):
        raise ValueError("two packages handle a request with the same name")
    return joined


# -- Tools for the language model of a call --


@dataclass(frozen=True, slots=True)
class RemoteTool:
    """A tool for the language model: name, description, parameters (JSON Schema), properties and handler.

    Attributes:
        timeout_s: Time limit of a run, in seconds.
        filler: What the agent says while the tool runs; None for the agent's usual words.
        secret: Whether the result is left out of events.
        handler: Receives the model's arguments and returns text for the model.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    handler: MediaRequestHandler
    timeout_s: float = 10.0
    filler: str | None = None
    secret: bool = False

    @property
    def plan(self) -> ToolPlan:
        """Return the tool's entry in a call plan."""
        return ToolPlan(
            self.name,
            self.description,
            dict(self.parameters),
            timeout_s=self.timeout_s,
            filler=self.filler,
            secret=self.secret,
            repeatable=self.handler.effect != "once",
            remote=True,
        )


def tool_handlers(tools: Iterable[RemoteTool]) -> RequestHandlers:
    """Return the handlers of these tools by request name. Raises ValueError if two tools have the same name."""
    tools = list(tools)
    handlers = {TOOL_REQUEST + tool.name: tool.handler for tool in tools}
    if len(handlers) < len(tools):
        raise ValueError("two tools have the same name")
    return handlers
