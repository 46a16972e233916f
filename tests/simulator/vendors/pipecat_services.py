"""Runs one of pipecat's services in a small pipeline, to check a simulated vendor."""

import asyncio
from collections.abc import Callable, Iterable

from pipecat.frames.frames import EndFrame, Frame, InputAudioRawFrame, TTSSpeakFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

RATE = 8_000
LIMIT_S = 30.0


class _Sink(FrameProcessor):
    """Keeps the frames that a service pushes, until they are enough."""

    def __init__(self, is_enough: Callable[[list[Frame]], bool]) -> None:
        super().__init__()
        self.pushed: list[Frame] = []
        self.enough = asyncio.Event()
        self._is_enough = is_enough

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        self.pushed.append(frame)
        if self._is_enough(self.pushed):
            self.enough.set()
        await self.push_frame(frame, direction)


async def run_service(
    service: FrameProcessor,
    audio: Iterable[bytes],
    is_enough: Callable[[list[Frame]], bool],
    after: Iterable[Frame] = (),
) -> list[Frame]:
    """Gives a recognizer the audio, as the service's encoding wants it, and then the frames `after`; returns all frames
    that it pushed."""
    return await _run(service, [*(InputAudioRawFrame(one, RATE, 1) for one in audio), *after], is_enough)


async def run_voice(service: FrameProcessor, text: str, is_enough: Callable[[list[Frame]], bool]) -> list[Frame]:
    """Has a voice speak the text; returns all frames that it pushed."""
    return await _run(service, [TTSSpeakFrame(text)], is_enough)


async def _run(
    service: FrameProcessor, frames: Iterable[Frame], is_enough: Callable[[list[Frame]], bool]
) -> list[Frame]:
    sink = _Sink(is_enough)
    params = PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE)
    worker = PipelineWorker(Pipeline([service, sink]), cancel_on_idle_timeout=False, enable_rtvi=False, params=params)
    started = asyncio.Event()

    async def on_pipeline_started(worker: PipelineWorker, frame: Frame) -> None:
        started.set()

    worker.add_event_handler("on_pipeline_started", on_pipeline_started)

    async def feed() -> None:
        await started.wait()
        for frame in frames:
            await worker.queue_frame(frame)
            await asyncio.sleep(0.001)
        await sink.enough.wait()
        await worker.queue_frame(EndFrame())

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    async with asyncio.timeout(LIMIT_S):
        await asyncio.gather(runner.run(), feed())
    return sink.pushed
