"""Keeps connections to a vendor open, so that the next utterance needs no handshake."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

from media.providers.cleanup import close_within
from media.providers.ports import ProviderError


class ReusableConnection(Protocol):
    """A connection that can serve several requests in turn."""

    @property
    def is_open(self) -> bool:
        """Whether the connection can still be used."""

    async def close(self) -> None:
        """Close the connection. Repeated calls change nothing."""


C = TypeVar("C", bound=ReusableConnection)

# Vendors close idle connections after minutes (Cartesia: 5, according to its WebSocket reference).
MAX_AGE_S: Final = 240.0
MAX_IDLE: Final = 4


@dataclass(frozen=True, slots=True)
class _Idle(Generic[C]):
    connection: C
    opened_at: float
    expiry: asyncio.TimerHandle


class WarmConnections(Generic[C]):
    """All connections with one vendor, address and key on one event loop. Each connection serves one request at a time.

    Args:
        open_one: Opens a connection. Raises ProviderError.
        max_idle: The maximum number of idle connections.
        max_age_s: The maximum age of a connection. An older connection is closed when it is given back, or while it is
            idle.
    """

    def __init__(
        self, open_one: Callable[[], Awaitable[C]], *, max_idle: int = MAX_IDLE, max_age_s: float = MAX_AGE_S
    ) -> None:
        self._open_one = open_one
        self._max_idle = max_idle
        self._max_age_s = max_age_s
        self._idle: list[_Idle[C]] = []
        self._opened_at: dict[int, float] = {}  # by id() of each connection in use
        self._trusted_since = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self._preparing: asyncio.Task[None] | None = None  # until a request waits for it

    @property
    def idle_count(self) -> int:
        """The number of idle connections."""
        return len(self._idle)

    async def take(self) -> C:
        """Return a connection for exclusive use: the latest idle connection, or a new one. Raises ProviderError."""
        preparing, self._preparing = self._preparing, None
        if preparing is not None and not self._idle:
            await asyncio.wait({preparing})
        now = asyncio.get_running_loop().time()
        while self._idle:
            idle = self._idle.pop()
            idle.expiry.cancel()
            if idle.connection.is_open and now - idle.opened_at < self._max_age_s:
                self._opened_at[id(idle.connection)] = idle.opened_at
                return idle.connection
            self._close_later(idle.connection)
        return await self._open_new()

    def give_back(self, connection: C, *, reusable: bool = True) -> None:
        """Give a connection back after its request.

        Args:
            reusable: No further message of the request can arrive.
        """
        loop, opened_at = asyncio.get_running_loop(), self._opened_at.pop(id(connection), 0.0)
        left_s = opened_at + self._max_age_s - loop.time()
        has_room = len(self._idle) < self._max_idle and not self._closed
        if reusable and left_s > 0 and has_room and connection.is_open:
            self._idle.append(_Idle(connection, opened_at, loop.call_later(left_s, self._expire, connection)))
        else:
            self._close_later(connection)

    def give_back_when(self, connection: C, is_reusable: Awaitable[bool]) -> None:
        """Give a connection back in the background, when `is_reusable` reports whether it can be reused."""
        self._start(self._give_back_when(connection, is_reusable))

    def distrust(self) -> None:
        """Close all idle connections, because a connection failed or fell silent, and older ones may also be dead.

        Otherwise, requests to a vendor that works again would try one dead connection after another.
        """
        self._trusted_since = asyncio.get_running_loop().time()
        for idle in self._idle:
            idle.expiry.cancel()
            self._close_later(idle.connection)
        self._idle.clear()

    def prepare(self) -> None:
        """Open a connection in the background if none is idle. A failure appears when a connection is taken."""
        if not self._idle and not self._tasks and not self._closed:
            self._preparing = self._start(self._prepare())

    async def close(self) -> None:
        """Close all idle connections. Connections in use are closed when they are given back."""
        self._closed = True
        for idle in self._idle:
            idle.expiry.cancel()
            self._close_later(idle.connection)
        self._idle.clear()
        if self._tasks:  # `gather` would cancel the tasks if the caller is canceled
            await asyncio.wait(self._tasks)

    async def _open_new(self) -> C:
        began = asyncio.get_running_loop().time()
        connection = await self._open_one()
        self._opened_at[id(connection)] = began
        return connection

    async def _prepare(self) -> None:
        try:
            connection = await self._open_new()
        except ProviderError:
            return
        is_trusted = self._opened_at[id(connection)] >= self._trusted_since
        self.give_back(connection, reusable=is_trusted)

    def _expire(self, connection: C) -> None:
        """Close an idle connection that has reached its maximum age."""
        self._idle = [idle for idle in self._idle if idle.connection is not connection]
        self._close_later(connection)

    async def _give_back_when(self, connection: C, is_reusable: Awaitable[bool]) -> None:
        self.give_back(connection, reusable=await is_reusable)

    def _close_later(self, connection: C) -> None:
        self._start(close_within(connection.close()))

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
