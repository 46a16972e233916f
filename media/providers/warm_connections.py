"""Connections to one vendor that are kept open between uses, so that the next utterance needs no handshake."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from media.providers.cleanup import close_within
from media.providers.ports import ProviderError


class KeptConnection(Protocol):
    """What is kept."""

    @property
    def is_open(self) -> bool:
        """Whether it can still be used."""

    async def close(self) -> None:
        """Closes it; idempotent."""


C = TypeVar("C", bound=KeptConnection)

# A vendor closes idle connections after minutes (Cartesia: 5, reference of its WebSocket).
MAX_AGE_S: Final = 240.0
MAX_IDLE: Final = 4


@dataclass(frozen=True, slots=True)
class _Idle(Generic[C]):
    connection: C
    opened_at: float


class WarmConnections(Generic[C]):
    """All connections of one vendor, address and key on one event loop; each is used by one request at a time.

    open: makes one; raises ProviderError. max_idle: so many are kept. max_age_s: since it was opened; an older one is
    closed when it comes back.
    """

    def __init__(
        self, open_one: Callable[[], Awaitable[C]], *, max_idle: int = MAX_IDLE, max_age_s: float = MAX_AGE_S
    ) -> None:
        self._open_one = open_one
        self._max_idle = max_idle
        self._max_age_s = max_age_s
        self._idle: list[_Idle[C]] = []
        self._opened_at: dict[int, float] = {}  # by id(), of those in use
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def idle_count(self) -> int:
        """How many are kept."""
        return len(self._idle)

    async def take(self) -> C:
        """A connection that nobody else uses: the one opened last, else a new one. Raises ProviderError."""
        now = asyncio.get_running_loop().time()
        while self._idle:
            idle = self._idle.pop()
            if idle.connection.is_open and now - idle.opened_at < self._max_age_s:
                self._opened_at[id(idle.connection)] = idle.opened_at
                return idle.connection
            self._close_later(idle.connection)
        connection = await self._open_one()
        self._opened_at[id(connection)] = now
        return connection

    def give_back(self, connection: C, *, reusable: bool = True) -> None:
        """The request is over. reusable: nothing of it can come any more."""
        opened_at = self._opened_at.pop(id(connection), 0.0)
        is_young = asyncio.get_running_loop().time() - opened_at < self._max_age_s
        has_room = len(self._idle) < self._max_idle and not self._closed
        if reusable and is_young and has_room and connection.is_open:
            self._idle.append(_Idle(connection, opened_at))
        else:
            self._close_later(connection)

    def prepare(self) -> None:
        """Opens one in the background if none is idle; a failure shows when one is taken."""
        if not self._idle and not self._tasks and not self._closed:
            self._start(self._prepare())

    async def close(self) -> None:
        """Closes all that are idle; those in use are closed when they come back."""
        self._closed = True
        for idle in self._idle:
            self._close_later(idle.connection)
        self._idle.clear()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _prepare(self) -> None:
        try:
            connection = await self.take()
        except ProviderError:
            return
        self.give_back(connection)

    def _close_later(self, connection: C) -> None:
        self._start(close_within(connection.close()))

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
