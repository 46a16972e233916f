"""Runs one service in a pipecat pipeline without a transport."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from pipecat.frames.frames import ErrorFrame, Frame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from media.providers.pipecat.engine.failures import ServiceRefused, make_failure
from media.providers.pipecat.wire import ServiceFailed

# pipecat's defaults, which every service supports. The setting `sample_rate` overrides them.
RATE_IN: Final = 16_000
RATE_OUT: Final = 24_000
START_S: Final = 10.0
STOP_S: Final = 3.0

OnFrame = Callable[[Frame], None]
OnFailure = Callable[[ServiceFailed], None]


class _Outlet(FrameProcessor):
    """The end of the pipeline, which passes each frame of the service to a callback."""

    def __init__(self, on_frame: OnFrame) -> None:
        super().__init__()
        self._on_frame = on_frame

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if direction is FrameDirection.DOWNSTREAM:
            self._on_frame(frame)
        await self.push_frame(frame, direction)


class ServicePipeline:
    """A pipeline with one service.

    Args:
        on_frame: Receives the service's frames. Must not raise.
        on_failure: Receives errors of the running service. Must not raise.
    """

    def __init__(self, service: FrameProcessor, on_frame: OnFrame, on_failure: OnFailure) -> None:
        self._on_failure = on_failure
        self._failed: asyncio.Future[ServiceFailed] = asyncio.get_running_loop().create_future()
        self._started = asyncio.Event()
        self._worker = PipelineWorker(
            Pipeline([service, _Outlet(on_frame)]),
            cancel_on_idle_timeout=False,
            check_dangling_tasks=False,
            enable_rtvi=False,
            enable_turn_tracking=False,
            params=PipelineParams(
                audio_in_sample_rate=RATE_IN,
                audio_out_sample_rate=RATE_OUT,
                enable_metrics=True,
                enable_usage_metrics=True,
            ),
        )
        self._worker.add_event_handler("on_pipeline_started", self._note_start)
        service.add_event_handler("on_error", self._note_error)
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the service. Raises ServiceRefused."""
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(self._worker)
        self._running = asyncio.create_task(runner.run())
        started = asyncio.create_task(self._started.wait())
        waiting: set[asyncio.Future[Any]] = {started, self._failed, self._running}
        await asyncio.wait(waiting, timeout=START_S, return_when=asyncio.FIRST_COMPLETED)
        started.cancel()
        if self._failed.done():
            raise ServiceRefused(self._failed.result())
        if not self._started.is_set():
            raise ServiceRefused(ServiceFailed("slow", f"the service did not start within {START_S:g} s"))

    async def queue(self, frame: Frame) -> None:
        """Send a frame to the service."""
        await self._worker.queue_frame(frame)

    async def close(self) -> None:
        """Cancel the service, which closes its connections, and wait for its end. Each of two waits takes at most
        STOP_S."""
        if self._running is None:
            return
        await self._worker.cancel()
        await asyncio.wait({self._running}, timeout=STOP_S)
        self._running.cancel()
        await asyncio.wait({self._running}, timeout=STOP_S)

    async def _note_start(self, worker: PipelineWorker, frame: Frame) -> None:
        self._started.set()

    async def _note_error(self, service: FrameProcessor, error: ErrorFrame) -> None:
        failure = make_failure(error)
        if not self._failed.done():
            self._failed.set_result(failure)
            if self._started.is_set():
                self._on_failure(failure)
