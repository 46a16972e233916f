"""SpeechToText with the local engine, which transcribes the caller's whole turn each time its text is requested.

The recognizer is fast, and best with whole utterances. Only a long turn is transcribed in parts: while the caller
speaks, the text up to a quiet moment is made final. If the engine is otherwise idle, the turn so far is transcribed
about twice a second, which never delays a final text.
"""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, Final, Protocol

import numpy as np

from media.audio import mulaw
from media.providers.local.client import NAME, require_english
from media.providers.local.speech import Recognition
from media.providers.ports import (
    ProviderError,
    RecognizedText,
    SpeechToTextFailed,
    SpeechToTextSession,
    SpeechToTextSink,
)

_MS: Final = mulaw.RATE // 1_000  # bytes
# Audio kept from before the detected start of speech, because the first sound is often too soft for the detector.
LEAD_IN: Final = 700 * _MS
# Audio kept while no speech is detected, in case its text is requested.
IDLE_AUDIO: Final = 10_000 * _MS
# The text of a turn longer than this is made final up to its quietest moment within these limits.
LONG_TURN: Final = 10_000 * _MS
EARLIEST_CUT: Final = 4_000 * _MS
LATEST_CUT: Final = LONG_TURN - 500 * _MS
_FRAME: Final = 100 * _MS
# The length of the audio from the detected start of speech to its first partial text, and from one partial text to the
# next. Less than 0.8 s rarely contains a word.
FIRST_PARTIAL: Final = 800 * _MS
NEXT_PARTIAL: Final = 600 * _MS
_NEVER: Final = sys.maxsize


class TranscriptionEngine(Protocol):
    """The transcription methods of EngineClient."""

    async def connect(self) -> None:
        """Connect to the engine. Raises ProviderError."""

    async def transcribe(self, pcm: bytes, sample_rate: int, *, is_partial: bool = False) -> Recognition:
        """Transcribe one utterance. Raises ProviderError, or ProviderBusy for a partial text while the engine has other
        work."""


class LocalSpeechToText:
    """The local engine's recognizer. English only."""

    def __init__(self, engine: TranscriptionEngine, name: str = NAME) -> None:
        self.name = name
        self._engine = engine

    async def open(self, language: str, sink: SpeechToTextSink) -> SpeechToTextSession:
        """Open a session. Raises ProviderError if the language is not English or the engine cannot be reached."""
        require_english(language)
        await self._engine.connect()
        return _Session(self._engine, sink)


class _Session:
    """One caller's session. Positions are bytes since the session began."""

    def __init__(self, engine: TranscriptionEngine, sink: SpeechToTextSink) -> None:
        self._engine = engine
        self._sink = sink
        self._audio = bytearray()
        self._start = 0  # position of the audio's first byte
        self._final_text = ""  # final text of the turn, before `_start`
        self._in_turn = False
        self._requested = 0  # position up to which the latest text was requested
        self._finalize_task: asyncio.Task[None] | None = None
        self._cut_task: asyncio.Task[None] | None = None
        self._partial_task: asyncio.Task[None] | None = None
        self._partial_at = _NEVER  # position from which the next partial text is due
        self._closed = False

    def push(self, ulaw: bytes) -> None:
        if self._closed:
            return
        self._audio += ulaw
        if not self._in_turn:
            if len(self._audio) > 2 * IDLE_AUDIO:
                self._drop(len(self._audio) - IDLE_AUDIO)
        elif len(self._audio) > LONG_TURN and self._is_idle:
            self._stop_partial()
            self._cut_task = self._run(self._cut())
        elif self._start + len(self._audio) >= self._partial_at and self._is_idle:
            self._stop_partial()
            self._partial_at = self._start + len(self._audio) + NEXT_PARTIAL
            self._partial_task = self._run(self._partial())

    def started(self) -> None:
        self._partial_at = self._start + len(self._audio) + FIRST_PARTIAL
        if not self._in_turn:
            self._in_turn = True
            self._drop(len(self._audio) - LEAD_IN)

    def finalize(self, token: int) -> None:
        if self._closed:
            return
        if self._finalize_task is not None:
            self._finalize_task.cancel()
        self._partial_at = _NEVER
        self._stop_partial()
        self._requested = self._start + len(self._audio)
        self._finalize_task = self._run(self._finalize(token, self._requested))

    def next_turn(self) -> None:
        self._stop()
        self._in_turn = False
        self._partial_at = _NEVER
        self._final_text = ""
        self._drop(self._requested - self._start)

    async def close(self) -> None:
        self._closed = True
        await asyncio.gather(*self._stop(), return_exceptions=True)

    @property
    def _is_idle(self) -> bool:
        tasks = (self._finalize_task, self._cut_task)
        return not self._closed and all(task is None or task.done() for task in tasks)

    def _run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(work)

    def _stop(self) -> list[asyncio.Task[None]]:
        tasks = [task for task in (self._finalize_task, self._cut_task, self._partial_task) if task is not None]
        for task in tasks:
            task.cancel()
        return tasks

    def _stop_partial(self) -> None:
        if self._partial_task is not None:
            self._partial_task.cancel()

    def _drop(self, count: int) -> None:
        """Drop the first `count` bytes, if `count` is positive."""
        dropped = max(0, count)
        del self._audio[:dropped]
        self._start += dropped

    async def _finalize(self, token: int, end: int) -> None:
        if self._cut_task is not None:
            await asyncio.wait({self._cut_task})  # a cut may be about to drop audio
        if self._closed:
            return
        try:
            while end - self._start > LONG_TURN:
                await self._make_final(find_quietest(bytes(self._audio[:LONG_TURN])))
            text = await self._text(end - self._start)
        except ProviderError as error:
            self._fail(error)
        else:
            self._sink(RecognizedText(text, final=True, token=token))

    async def _partial(self) -> None:
        """Report the text so far, unless the engine has other work. An engine failure is reported with the final
        text."""
        try:
            text = await self._text(len(self._audio), is_partial=True)
        except ProviderError:
            return
        if text:
            self._sink(RecognizedText(text, final=False))

    async def _cut(self) -> None:
        try:
            await self._make_final(find_quietest(bytes(self._audio[:LONG_TURN])))
        except ProviderError as error:
            self._fail(error)

    async def _make_final(self, count: int) -> None:
        """Make the text of the first `count` bytes final, and drop their audio."""
        end = self._start + count
        self._final_text = await self._text(count)
        self._drop(end - self._start)

    async def _text(self, count: int, *, is_partial: bool = False) -> str:
        """Transcribe the first `count` bytes, and return the turn's text up to there."""
        if count <= 0:
            return self._final_text
        pcm = mulaw.decode(bytes(self._audio[:count]))
        recognition = await self._engine.transcribe(pcm, mulaw.RATE, is_partial=is_partial)
        return f"{self._final_text} {recognition.text}".strip()

    def _fail(self, error: ProviderError) -> None:
        self._closed = True
        self._sink(SpeechToTextFailed(error))


def find_quietest(ulaw: bytes) -> int:
    """Return where to cut LONG_TURN bytes: in the middle of the quietest 100 ms within the limits."""
    linear = np.frombuffer(mulaw.decode(ulaw[EARLIEST_CUT:LATEST_CUT]), "<i2").astype(np.float32)
    energy = np.square(linear[: len(linear) // _FRAME * _FRAME].reshape(-1, _FRAME)).sum(axis=1)
    return EARLIEST_CUT + int(np.argmin(energy)) * _FRAME + _FRAME // 2
