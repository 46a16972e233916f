"""Ends calls politely when their granted time is over (shared/bus/granted_time.py)."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from media.call.call import Call
from media.server.bus.call_heartbeats import CallHeartbeats
from media.server.bus.tasks import start_bus_task, stop_task
from media.server.metrics import Metrics
from shared.bus.granted_time import GrantedTime, GrantedTimes
from shared.supervised_task import SupervisedTask

EVERY_S: Final = 2.0
# When this much of a call's granted time is left, the call's entry is read in every step. Control renews it 20 s before
# its end.
ASKED_BEFORE_S: Final = 25.0
# The interval before that, and for calls without an entry, because a limit may be set or lifted while they run.
ASKED_EVERY_S: Final = 15.0
# The number of calls that are read at once. More would delay the audio frames of all calls.
BATCH: Final = 100

log = structlog.get_logger()


@dataclass(slots=True)
class CallTime:
    """The granted time of one call.

    Attributes:
        ask_s: When the call's entry is read next, in seconds from the beginning of the call.
    """

    granted: GrantedTime | None = None
    ask_s: float = 0.0

    def update(self, found: GrantedTime | None, elapsed_s: float) -> None:
        """Store the entry that was found. Without an entry, the earlier entry stays valid, because Redis may have lost
        its data."""
        self.granted = found or self.granted
        self.ask_s = elapsed_s + ASKED_EVERY_S
        if self.granted is not None:
            self.ask_s = min(self.ask_s, max(elapsed_s, self.granted.seconds - ASKED_BEFORE_S))

    def is_over(self, elapsed_s: float) -> bool:
        """Return whether the call must end now."""
        return self.granted is not None and elapsed_s >= self.granted.ends_s


class TimeLimits:
    """Reads and applies the granted times of a node's calls."""

    def __init__(self, granted: GrantedTimes, heartbeats: CallHeartbeats, metrics: Metrics) -> None:
        """Create the limits without any call.

        Args:
            heartbeats: The running calls.
        """
        self._granted, self._heartbeats, self._metrics = granted, heartbeats, metrics
        self._times: dict[str, CallTime] = {}
        self.task: SupervisedTask | None = None

    def start(self) -> None:
        """Start the task."""
        self.task = start_bus_task("time_limits", self._step, self._metrics)

    async def close(self) -> None:
        """Stop the task."""
        await stop_task(self.task)

    async def _step(self) -> None:
        await asyncio.sleep(EVERY_S)
        await self.apply()

    async def apply(self) -> None:
        """End calls whose time is over, even while Redis is unavailable, and read the entries that are due. Raises
        BusUnavailable."""
        calls = self._heartbeats.running()
        self._times = {call_id: self._times.get(call_id) or CallTime() for call_id in calls}
        self._end_over(calls)
        due = [call_id for call_id, call in calls.items() if _elapsed_s(call) >= self._times[call_id].ask_s]
        for start in range(0, len(due), BATCH):
            batch = due[start : start + BATCH]
            found = await self._granted.read(batch, self._heartbeats.stream_credentials(batch))
            for call_id, granted in zip(batch, found, strict=True):
                self._times[call_id].update(granted, _elapsed_s(calls[call_id]))
        self._end_over(calls)

    def _end_over(self, calls: Mapping[str, Call]) -> None:
        for call_id, call in calls.items():
            if call.termination.is_final or not self._times[call_id].is_over(_elapsed_s(call)):
                continue
            log.info("call.time_over", call_id=call_id, elapsed_s=round(_elapsed_s(call)))
            call.end("spend_limit", polite=True)


def _elapsed_s(call: Call) -> float:
    return call.elapsed_ms / 1000
