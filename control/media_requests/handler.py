"""What a room offers to running calls: handlers of requests, by the request's name."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol, TypeVar
from uuid import UUID

from control.db.pool import Connection
from control.media_requests.transactions import TenantTransactions

T = TypeVar("T")
# "none": reads only. "repeatable": changes something, and may do so again when it is unknown whether it did. "once": is
# never run a second time. The outcomes of the last two are stored under the request's run id.
Effect = Literal["none", "repeatable", "once"]


@dataclass(frozen=True, slots=True)
class RunningCall:
    """A call in progress as its row has it, with its workspace. caller, called: E.164, or what the carrier sent.
    timezone: a name of the IANA database."""

    id: UUID
    workspace_id: UUID
    agent_id: UUID
    direction: Literal["inbound", "outbound"]
    is_test: bool
    caller: str
    called: str
    workspace_name: str
    timezone: str


@dataclass(frozen=True, slots=True)
class HandlerContext:
    """What a handler gets. arguments: JSON text as the call sent it. run_id: idempotency key, empty if there is none.
    until: the deadline, on the event loop's clock."""

    call: RunningCall
    arguments: str
    run_id: str
    now: datetime
    until: float
    transactions: TenantTransactions

    @property
    def left_s(self) -> float:
        """Seconds until the deadline, for calls of what lies outside."""
        return max(0.0, self.until - asyncio.get_running_loop().time())

    async def in_transaction(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Runs work in a transaction in the scope of the call's workspace. What lies outside the database is called
        without one. Raises Unavailable."""
        return await self.transactions.run(self.call.workspace_id, work)


@dataclass(frozen=True, slots=True)
class MediaRequestHandler:
    """answer: returns what JSON can hold, within the request's deadline, at which it is cancelled. Raises Problems,
    which the call gets as refusals. Of an effect "once", a Problem means that nothing was done, except Unavailable,
    after which it is unknown."""

    answer: Callable[[HandlerContext], Awaitable[Any]]
    effect: Effect = "none"


RequestHandlers = Mapping[str, MediaRequestHandler]


class HandlerFinder(Protocol):
    """Finds handlers of requests whose names are data of a workspace, such as its own tools."""

    async def find(self, name: str, call: RunningCall, transactions: TenantTransactions) -> MediaRequestHandler | None:
        """The handler of this request of this call; None: there is none. Raises Unavailable."""


class JoinedFinders:
    """A HandlerFinder of several, which are asked in their order."""

    def __init__(self, finders: Sequence[HandlerFinder]) -> None:
        self._finders = finders

    async def find(self, name: str, call: RunningCall, transactions: TenantTransactions) -> MediaRequestHandler | None:
        """What the first one finds. Raises what they raise."""
        for finder in self._finders:
            if (found := await finder.find(name, call, transactions)) is not None:
                return found
        return None


def join_handlers(parts: Iterable[RequestHandlers]) -> RequestHandlers:
    """The handlers of all rooms. Raises ValueError when two have the same name."""
    parts = list(parts)
    joined = {name: handler for part in parts for name, handler in part.items()}
    if len(joined) < sum(map(len, parts)):
        raise ValueError("two rooms handle a request of the same name")
    return joined
