"""The calls of a node: signs of life, and who is reached by a command."""

import asyncio
from collections.abc import Sequence
from itertools import islice
from typing import Final, Protocol

from media.call.call import Call
from media.server.bus.health import forever, stopped, woken
from media.server.metrics import Metrics
from shared.bus.client import BusAway
from shared.bus.live import BEAT_S, LiveCall, LiveCalls

# Calls that are told of in one go: more at once would hold up the frames of all of them.
AT_ONCE: Final = 100


class Listed(Protocol):
    """A call's record, as it is seen here."""

    call_id: str
    call: Call | None

    def alive(self) -> LiveCall | None:
        """Its sign of life."""


class Roster:
    """By call id; of a call that came back to the same node, the later stream counts."""

    def __init__(self, live: LiveCalls, metrics: Metrics) -> None:
        self._live, self._metrics = live, metrics
        self._calls: dict[str, Listed] = {}
        self._new: dict[str, None] = {}
        self._next = 0.0  # when all are told of again, on the loop's clock
        self._gone: dict[str, None] = {}
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to tell."""
        self._task = asyncio.create_task(forever("live", self._step, self._metrics))

    async def close(self, within_s: float) -> None:
        """Tells of those that are gone, at most so long, and stops."""
        await stopped(self._task)
        try:
            async with asyncio.timeout(within_s):
                await self._tell()
        except (BusAway, TimeoutError):
            pass  # they fade by themselves

    def add(self, record: Listed) -> None:
        """A call is up; it is told of at once."""
        self._calls[record.call_id] = record
        self._new[record.call_id] = None
        self._gone.pop(record.call_id, None)
        self._news.set()

    def remove(self, record: Listed) -> None:
        """Its stream is over."""
        if self._calls.get(record.call_id) is record:
            del self._calls[record.call_id]
            self._new.pop(record.call_id, None)
            self._gone[record.call_id] = None
            self._news.set()

    def find(self, call_id: str) -> Call | None:
        """A call that is up."""
        record = self._calls.get(call_id)
        return record.call if record else None

    async def _step(self) -> None:
        await self._tell()
        await woken(self._news, max(0.0, self._next - asyncio.get_running_loop().time()))

    async def _tell(self) -> None:
        now = asyncio.get_running_loop().time()
        due = now >= self._next
        call_ids = list(self._calls if due else self._new)
        for start in range(0, len(call_ids), AT_ONCE):
            await self._beat(call_ids[start : start + AT_ONCE])
        if due:
            self._next = now + BEAT_S
        while self._gone:
            gone = list(islice(self._gone, AT_ONCE))
            await self._live.gone(gone)
            for call_id in gone:
                self._gone.pop(call_id, None)
            await asyncio.sleep(0)

    async def _beat(self, call_ids: Sequence[str]) -> None:
        """Some of those that were up a moment ago, and a turn for others."""
        records = [self._calls[call_id] for call_id in call_ids if call_id in self._calls]
        await self._live.beat([alive for record in records if (alive := record.alive())])
        for call_id in call_ids:
            self._new.pop(call_id, None)
        await asyncio.sleep(0)
