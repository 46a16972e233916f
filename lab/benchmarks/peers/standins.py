"""Stand-ins for the three vendors, on pipecat's own base classes, with the delays of plans/standin.json."""

import asyncio
import math
import struct
from collections.abc import AsyncGenerator
from functools import cache
from typing import Any

from pipecat.frames.frames import (
    Frame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.llm_service import LLMService
from pipecat.services.settings import LLMSettings, STTSettings, TTSSettings
from pipecat.services.stt_service import STTService
from pipecat.services.tts_service import TextAggregationMode, TTSService
from pipecat.utils.time import time_now_iso8601

from lab.benchmarks.delays import Delays

RATE = 8000
SPEED = 4.0  # vendors make speech faster than it is spoken


@cache
def tone(milliseconds: int, piece_ms: int) -> tuple[bytes, ...]:
    """A tone of 440 Hz as 16-bit samples, cut into pieces; all calls share one copy."""
    samples = (round(8000 * math.sin(2 * math.pi * 440 * n / RATE)) for n in range(RATE * milliseconds // 1000))
    voice = b"".join(struct.pack("<h", sample) for sample in samples)
    piece = RATE * piece_ms // 1000 * 2
    return tuple(voice[at : at + piece] for at in range(0, len(voice), piece))


class StandinSttService(STTService):
    """The final text comes `final` ms after the voice activity detector says that the caller paused.

    That is when pipecat's streaming recognizers ask their vendor to finalize.
    """

    def __init__(self, delays: Delays) -> None:
        self._final_s = delays.final / 1000
        self._heard = delays.heard
        super().__init__(ttfs_p99_latency=self._final_s, settings=STTSettings(model="standin", language=None))

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        yield None

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, VADUserStoppedSpeakingFrame):
            self.create_task(self._final())

    async def _final(self) -> None:
        await asyncio.sleep(self._final_s)
        await self.push_frame(TranscriptionFrame(self._heard, "", time_now_iso8601(), finalized=True))


class StandinLlmService(LLMService[Any]):
    """Answers every context with the same text, one word per token."""

    def __init__(self, delays: Delays) -> None:
        super().__init__(settings=LLMSettings(model="standin"))
        self._delays = delays

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMContextFrame):
            await self._answer()
        else:
            await self.push_frame(frame, direction)

    async def _answer(self) -> None:
        await self.push_frame(LLMFullResponseStartFrame())
        await asyncio.sleep(self._delays.first_token / 1000)
        for word in self._delays.answer.split(" "):
            await self.push_frame(LLMTextFrame(word + " "))
            await asyncio.sleep(self._delays.token / 1000)
        await self.push_frame(LLMFullResponseEndFrame())


class StandinTtsService(TTSService):
    """Audio begins `first_byte` ms after an answer's first text, in chunks that come SPEED times faster than they play.

    Like pipecat's own streaming voices: text is sent as it arrives, audio is received concurrently, and the audio
    context ends when all audio of the complete text was received.
    """

    def __init__(self, delays: Delays, aggregation: TextAggregationMode) -> None:
        super().__init__(
            sample_rate=RATE,
            push_start_frame=True,
            push_stop_frames=True,
            text_aggregation_mode=aggregation,
            settings=TTSSettings(model="standin", voice="standin", language=None),
        )
        self._first_byte_s = delays.first_byte / 1000
        self._chunks = tone(delays.audio, delays.chunk)
        self._chunk_s = delays.chunk / 1000
        self._spoken_context = ""
        self._voice: asyncio.Task[None] | None = None

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        if context_id != self._spoken_context:
            self._spoken_context = context_id
            self._voice = self.create_task(self._say(context_id))
        yield None

    async def flush_audio(self, context_id: str | None = None) -> None:
        if context_id and self._voice:
            self.create_task(self._end(context_id, self._voice))

    async def _say(self, context_id: str) -> None:
        await asyncio.sleep(self._first_byte_s)
        loop = asyncio.get_running_loop()
        due = loop.time()
        for chunk in self._chunks:
            await asyncio.sleep(max(0.0, due - loop.time()))
            await self.append_to_audio_context(context_id, TTSAudioRawFrame(chunk, RATE, 1, context_id=context_id))
            due += self._chunk_s / SPEED

    async def _end(self, context_id: str, voice: asyncio.Task[None]) -> None:
        await voice
        await self.append_to_audio_context(context_id, TTSStoppedFrame(context_id=context_id))
        await self.remove_audio_context(context_id)
