"""What a noun offers to running calls: handlers of requests by name, and tools for the language model."""

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
# "none": reads only. "repeatable": changes something, and may do so again when it is unknown whether it did. "once": is
# never run a second time. The outcomes of the last two are stored under the request's run id.
Effect = Literal["none", "repeatable", "once"]


@dataclass(frozen=True, slots=True)
class RunningCall:
    """A call in progress as its row has it, with its workspace.

    Attributes:
        caller, called: E.164, or what the carrier sent.
        timezone: A name of the IANA database.
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
        """Commit and returns what `work` returns; a collision is retried once. Raises Unavailable."""
        async with self._gate.entered(workspace_id):
            return await self._run(workspace_id, work)

    async def run_reserved(self, workspace_id: UUID, work: Callable[[Connection], Awaitable[T]]) -> T:
        """As `run`, but without waiting for transactions of handlers, which may take longer than a lease. For short
        statements."""
        async with self._reserved:
            return await self._run(workspace_id, work)

    async def _run(self, workspace_id: UUID, work: Callable[[Connection], Awaitable[T]]) -> T:
        async def scoped(db: Connection) -> T:
            await enter_workspace(db, workspace_id)
            return await work(db)

        return await in_transaction(self._pool, scoped)


class FairGate:
    """Admits `most` at once. Waiting workspaces take turns (round robin), on one event loop.

    So a workspace with a hundred waiting requests delays the request of another workspace by one.
    """

    def __init__(self, most: int) -> None:
        self._free = most
        # Waiting requests by workspace, the next workspace first. Empty while a place is free.
        self._waiting: OrderedDict[UUID, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def entered(self, workspace_id: UUID) -> AsyncIterator[None]:
        """Wait for a place, and holds it until the block ends."""
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
            if not turn.cancelled():  # the place was given to it before the cancellation
                self._leave()
            raise

    def _leave(self) -> None:
        """Give the place to the next request that still waits."""
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
    """The input of a handler.

    Attributes:
        arguments: JSON text as the call sent it.
        run_id: Idempotency key; empty if there is none.
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
        """Seconds until the deadline, for requests to the outside."""
        return max(0.0, self.until - asyncio.get_running_loop().time())

    async def in_transaction(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Run work in a transaction in the scope of the call's workspace. Raises Unavailable.

        Work must not send requests to the outside, because it holds a connection.
        """
        return await self.transactions.run(self.call.workspace_id, work)


@dataclass(frozen=True, slots=True)
class MediaRequestHandler:
    """A handler of one request.

    `answer` returns what JSON can hold. It is canceled at the request's deadline. A Problem that it raises becomes a
    refusal. For an effect "once", a Problem means that nothing was done, except Unavailable, after which the outcome is
    unknown.
    """

    answer: Callable[[HandlerContext], Awaitable[Any]]
    effect: Effect = "none"


RequestHandlers = Mapping[str, MediaRequestHandler]


class HandlerFinder(Protocol):
    """Finds handlers of requests whose names are data of a workspace, such as its own tools."""

    async def find(self, name: str, call: RunningCall, transactions: TenantTransactions) -> MediaRequestHandler | None:
        """Return the handler of this request of this call; None if there is none. Raises Unavailable."""


class JoinedFinders:
    """Several HandlerFinders, which are asked in order."""

    def __init__(self, finders: Sequence[HandlerFinder]) -> None:
        self._finders = finders

    async def find(self, name: str, call: RunningCall, transactions: TenantTransactions) -> MediaRequestHandler | None:
        """Return what the first finder with a result finds. Raises what the finders raise."""
        for finder in self._finders:
            if (found := await finder.find(name, call, transactions)) is not None:
                return found
        return None


def join_handlers(parts: Iterable[RequestHandlers]) -> RequestHandlers:
    """Return the handlers of all nouns. Raises ValueError if two handlers have the same name."""
    parts = list(parts)
    joined = {name: handler for part in parts for name, handler in part.items()}
    if len(joined) < sum(map(len, parts)):
        raise ValueError("two rooms handle a request of the same name")
    return joined


# -- Tools for the language model of a call --


@dataclass(frozen=True, slots=True)
class RemoteTool:
    """A tool: what the model reads of it (name, description, parameters as JSON Schema), its traits, its handler.

    Attributes:
        timeout_s: Limit of a run.
        filler: What the agent says while it runs; None: its usual words.
        secret: The result is left out of events.
        handler: Gets the model's arguments and returns text for the model.
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
        """The tool in a call's plan."""
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
    """Return the handlers of these tools by the names of their requests. Raises ValueError if two tools have the same
    name."""
    tools = list(tools)
    handlers = {TOOL_REQUEST + tool.name: tool.handler for tool in tools}
    if len(handlers) < len(tools):
        raise ValueError("two tools have the same name")
    return handlers
