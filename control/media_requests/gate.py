"""A gate for a few at once, through which workspaces that wait take turns."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID


class FairGate:
    """most: at once. Where several workspaces wait, each gets in once before any gets in again (round robin), so that
    one with a hundred waiting requests delays another's by one. On one event loop."""

    def __init__(self, most: int) -> None:
        self._free = most
        # Those who wait, by workspace; the workspace whose turn is next comes first. Empty while a place is free.
        self._waiting: OrderedDict[UUID, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def entered(self, workspace_id: UUID) -> AsyncIterator[None]:
        """Waits for a place, and holds it until the block ends."""
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
            if not turn.cancelled():  # it got its place in the moment in which it was cancelled
                self._leave()
            raise

    def _leave(self) -> None:
        """Gives the place to the next one who still waits."""
        while self._waiting:
            workspace_id, turns = self._waiting.popitem(last=False)
            turn = turns.popleft()
            if turns:
                self._waiting[workspace_id] = turns
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
