"""Writes the calls' checkpoints to the bus. One task writes only the latest state of each call."""

import asyncio
from collections.abc import Awaitable
from typing import Protocol

from media.server.bus.tasks import start_bus_task, stop_task
from media.server.metrics import Metrics
from shared.bus.checkpoints import TRANSFER_TTL_S, Checkpoint, Checkpoints, StreamOutcome
from shared.bus.client import BusUnavailable
from shared.bus.stream_credentials import StreamCredential
from shared.supervised_task import SupervisedTask


class CheckpointSource(Protocol):
    """The part of a call's record that the writer needs."""

    call_id: str
    stream_credential: StreamCredential | None

    def checkpoint(self) -> Checkpoint | None:
        """Return the data that another node needs to resume the call, or None after the stream has ended."""


class CheckpointWriter:
    """Writes checkpoints. All methods must be called on the event loop."""

    def __init__(self, checkpoints: Checkpoints, gate: asyncio.Semaphore, metrics: Metrics) -> None:
        """Create a writer without a running task.

        Args:
            gate: Limits the number of concurrent final writes.
        """
        self._checkpoints, self._gate, self._metrics = checkpoints, gate, metrics
        self._changed: dict[CheckpointSource, None] = {}  # in order of the changes
        self._wake = asyncio.Event()
        self._final_writes: set[asyncio.Task[None]] = set()
        self.task: SupervisedTask | None = None

    def start(self) -> None:
        """Start the task."""
        self.task = start_bus_task("checkpoints", self._step, self._metrics)

    async def close(self, within_s: float) -> None:
        """Stop the task and wait at most `within_s` for final writes."""
        await stop_task(self.task)
        if self._final_writes:
            await asyncio.wait(self._final_writes, timeout=within_s)

    def mark_changed(self, record: CheckpointSource) -> None:
        """Schedule a checkpoint, because the call's conversation has changed."""
        self._changed[record] = None
        self._wake.set()

    def write_final(self, record: CheckpointSource) -> asyncio.Task[None]:
        """Write the checkpoint of a lost stream. The returned task never fails."""
        self._changed.pop(record, None)
        return self._start_final_write(self._put(record.checkpoint(), record.stream_credential))

    def write_transfer(self, record: CheckpointSource, outcome: StreamOutcome) -> asyncio.Task[None]:
        """Write the transfer, and the checkpoint in case the target is not reached. The returned task never fails."""
        self._changed.pop(record, None)
        return self._start_final_write(self._put_transfer(record.checkpoint(), outcome, record.stream_credential))

    def write_outcome(self, record: CheckpointSource, outcome: StreamOutcome) -> asyncio.Task[None]:
        """Write how the call ended. The returned task never fails."""
        write = self._checkpoints.put_outcome(record.call_id, outcome, stream_credential=record.stream_credential)
        return self._start_final_write(write)

    async def _step(self) -> None:
        await self._wake.wait()
        self._wake.clear()
        while self._changed:
            record = next(iter(self._changed))
            del self._changed[record]
            try:
                await self._put(record.checkpoint(), record.stream_credential)
            except BusUnavailable:
                self.mark_changed(record)
                raise

    async def _put(self, checkpoint: Checkpoint | None, stream_credential: StreamCredential | None) -> None:
        if checkpoint is not None:
            await self._checkpoints.put(checkpoint, stream_credential=stream_credential)

    async def _put_transfer(
        self, checkpoint: Checkpoint | None, outcome: StreamOutcome, stream_credential: StreamCredential | None
    ) -> None:
        if checkpoint is not None:
            await self._checkpoints.put(checkpoint, TRANSFER_TTL_S, stream_credential=stream_credential)
            await self._checkpoints.put_outcome(checkpoint.call_id, outcome, stream_credential=stream_credential)

    def _start_final_write(self, write: Awaitable[None]) -> asyncio.Task[None]:
        task = asyncio.create_task(self._final_write(write))
        self._final_writes.add(task)
        task.add_done_callback(self._final_writes.discard)
        return task

    async def _final_write(self, write: Awaitable[None]) -> None:
        try:
            async with self._gate:
                await write
        except BusUnavailable:
            self._metrics.bus_failures.labels("last_words").inc()
