"""Reports a node's calls on the bus, and looks up the call of a command."""

import asyncio
from collections.abc import Sequence
from itertools import islice
from typing import Final, Protocol

from media.call.call import Call
from media.server.bus.tasks import start_bus_task, stop_task, wait_and_clear
from media.server.metrics import Metrics
from media.tools.remote import CallIdentity
from shared.bus.client import BusUnavailable
from shared.bus.live import BEAT_S, Floor, LiveCall, LiveCalls
from shared.bus.stream_credentials import StreamCredential
from shared.supervised_task import SupervisedTask

# The number of calls that are reported at once. More would delay the audio frames of all calls.
BATCH: Final = 100
# A change of the floor is reported within this time.
FLOOR_S: Final = 1.0


class HeartbeatSource(Protocol):
    """The part of a call's record that heartbeats need."""

    call_id: str
    identity: CallIdentity
    call: Call | None
    stream_credential: StreamCredential | None

    @property
    def floor(self) -> Floor:
        """The holder of the floor."""

    def live_call(self) -> LiveCall | None:
        """Return the call's entry on the bus, or None once the stream has ended."""


class CallHeartbeats:
    """The running calls by call ID. If a call was resumed on the same node, only its later stream is reported."""

    def __init__(self, live: LiveCalls, metrics: Metrics) -> None:
        self._live, self._metrics = live, metrics
        self._calls: dict[str, HeartbeatSource] = {}
        self._new: dict[str, None] = {}
        self._removed: dict[str, None] = {}
        self._floors: dict[str, Floor] = {}  # the last reported values
        self._next = 0.0  # when all calls are reported again, on the loop's clock
        self._wake = asyncio.Event()
        self.task: SupervisedTask | None = None

    def start(self) -> None:
        """Start the task."""
        self.task = start_bus_task("live", self._step, self._metrics)

    async def close(self, within_s: float) -> None:
        """Stop the task and remove ended calls from the bus, within `within_s`."""
        await stop_task(self.task)
        try:
            async with asyncio.timeout(within_s):
                await self._report()
        except (BusUnavailable, TimeoutError):
            pass  # the entries expire

    def add(self, record: HeartbeatSource) -> None:
        """Add a call that has started. It is reported at once."""
        self._calls[record.call_id] = record
        self._new[record.call_id] = None
        self._removed.pop(record.call_id, None)
        self._wake.set()

    def remove(self, record: HeartbeatSource) -> None:
        """Remove a call whose stream has ended."""
        if self._calls.get(record.call_id) is record:
            del self._calls[record.call_id]
            self._new.pop(record.call_id, None)
            self._floors.pop(record.call_id, None)
            self._removed[record.call_id] = None
            self._wake.set()

    def find(self, call_id: str) -> Call | None:
        """Return a running call by its ID, or None."""
        record = self._calls.get(call_id)
        return record.call if record else None

    def identity(self, call_id: str) -> CallIdentity | None:
        """Return the identity of a running call, or None if the call does not run."""
        record = self._calls.get(call_id)
        return record.identity if record else None

    def running(self) -> dict[str, Call]:
        """Return all running calls by their IDs."""
        return {call_id: record.call for call_id, record in self._calls.items() if record.call is not None}

    def stream_credential(self, call_id: str) -> StreamCredential | None:
        """Return the stream credential of a running call.

        Returns None if the call is over, or if control of the previous release started it.
        """
        record = self._calls.get(call_id)
        return record.stream_credential if record else None

    def stream_credentials(self, call_ids: Sequence[str]) -> dict[str, StreamCredential]:
        """Return the stream credentials of these calls by call ID."""
        return {call_id: found for call_id in call_ids if (found := self.stream_credential(call_id)) is not None}

    async def _step(self) -> None:
        await self._report()
        await wait_and_clear(self._wake, min(FLOOR_S, max(0.0, self._next - asyncio.get_running_loop().time())))

    async def _report(self) -> None:
        now = asyncio.get_running_loop().time()
        due = now >= self._next
        call_ids = list(self._calls if due else {**self._new, **self._with_new_floor()})
        for start in range(0, len(call_ids), BATCH):
            await self._refresh(call_ids[start : start + BATCH])
        if due:
            self._next = now + BEAT_S
        while self._removed:
            removed = list(islice(self._removed, BATCH))
            await self._live.remove(removed)
            for call_id in removed:
                self._removed.pop(call_id, None)
            await asyncio.sleep(0)

    def _with_new_floor(self) -> dict[str, None]:
        floors = self._floors
        return {call_id: None for call_id, record in self._calls.items() if floors.get(call_id) != record.floor}

    async def _refresh(self, call_ids: Sequence[str]) -> None:
        """Report a batch, except for calls that have ended in the meantime, and yield to the event loop."""
        records = [self._calls[call_id] for call_id in call_ids if call_id in self._calls]
        self._floors.update({record.call_id: record.floor for record in records})
        lives = [live for record in records if (live := record.live_call())]
        await self._live.refresh(lives, self.stream_credentials(call_ids))
        for call_id in call_ids:
            self._new.pop(call_id, None)
        await asyncio.sleep(0)
