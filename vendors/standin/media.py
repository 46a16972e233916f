"""Media adapter for `standin`: fixed delays, otherwise like streaming vendors. For benchmarks and tests of failover."""

import asyncio
import math
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from media.audio import mulaw
from media.providers.ports import SpeechToTextFailed, SpeechToTextSession, SpeechToTextSink
from media.providers.vendor import Adapter, ProviderSetup, Vendor
from shared.g711 import BYTES_PER_MS
from shared.providers import chat as providers_chat
from shared.providers.chat import ChatRequest, LanguageModelEvent, TextDelta
from shared.providers.errors import ProviderError
from shared.providers.speech import RecognizedText, SpeechChunk, TimedWord
from shared.providers.word_timing import spread_words, timing_length
from vendors.standin.facts import (
    FACTS,
    StandinLanguageModelOptions,
    StandinSpeechToTextOptions,
    StandinTextToSpeechOptions,
)

# Like vendors, the voice generates speech faster than real time.
SPEED: Final = 4.0


class StandinSpeechToText:
    """A recognizer that returns the same text for every turn in which the caller spoke."""

    def __init__(self, name: str, options: StandinSpeechToTextOptions) -> None:
        self.name = name
        self._options = options

    async def open(self, language: str, sink: SpeechToTextSink) -> SpeechToTextSession:
        """Open a session without delay."""
        if self._options.fail == "open":
            raise ProviderError(self.name, "configured to fail")
        return _StandinSession(self.name, self._options, sink)


class _StandinSession:
    def __init__(self, name: str, options: StandinSpeechToTextOptions, sink: SpeechToTextSink) -> None:
        self._name = name
        self._options = options
        self._sink = sink
        self._loop = asyncio.get_running_loop()
        self._spoke = False
        self._timer: asyncio.TimerHandle | None = None

    __slots__ = ("_loop", "_name", "_options", "_sink", "_spoke", "_timer")

    def push(self, ulaw: bytes) -> None:
        """Ignore the audio."""

    def started(self) -> None:
        self._spoke = True

    def finalize(self, token: int) -> None:
        self._cancel()
        if self._options.fail != "silent":
            self._timer = self._loop.call_later(self._options.final_ms / 1000, self._answer, token)

    def next_turn(self) -> None:
        self._spoke = False
        self._cancel()

    async def close(self) -> None:
        self._cancel()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _answer(self, token: int) -> None:
        self._timer = None
        if self._options.fail == "midway":
            self._sink(SpeechToTextFailed(ProviderError(self._name, "configured to fail")))
        else:
            self._sink(RecognizedText(self._options.text if self._spoke else "", final=True, token=token))


class StandinLanguageModel:
    """A language model with the same reply to every request, streamed word by word."""

    def __init__(self, name: str, options: StandinLanguageModelOptions) -> None:
        self.name = name
        self._options = options
        self._words = re.findall(r"\s*\S+\s*", options.text)

    async def stream(self, request: ChatRequest) -> AsyncIterator[LanguageModelEvent]:
        """Stream the words on a fixed schedule without drift."""
        options, loop = self._options, asyncio.get_running_loop()
        if options.fail == "open":
            raise ProviderError(self.name, "configured to fail")
        if options.fail == "silent":
            await loop.create_future()
        due = loop.time() + options.first_token_ms / 1000
        for index, word in enumerate(self._words):
            if options.fail == "midway" and index >= len(self._words) / 2:
                raise ProviderError(self.name, "configured to fail")
            await _sleep_until(loop, due)
            yield TextDelta(word)
            due += options.token_ms / 1000
        yield providers_chat.estimate_tokens(request, options.text)


class StandinTextToSpeech:
    """A voice whose speech always has the same length. Words share it in proportion to their own length.

    Args:
        pattern: mu-law audio from `make_speech_pattern`, repeated as often as needed and shared by all calls.
    """

    streams_text = True
    times_words = True

    def __init__(self, name: str, options: StandinTextToSpeechOptions, pattern: bytes) -> None:
        self.name = name
        self._options = options
        self._pattern = pattern

    async def stream(self, text: AsyncIterator[str], language: str) -> AsyncIterator[SpeechChunk]:
        """Speak faster than real time. The last piece of audio waits for the end of the text."""
        if self._options.fail == "open":
            raise ProviderError(self.name, "configured to fail")
        speech_text = _SpeechText(text)
        try:
            await speech_text.begun.wait()
            if speech_text.speakable:
                async with aclosing(self._speech(speech_text)) as speech:
                    async for chunk in speech:
                        yield chunk
            speech_text.raise_source_error()
        finally:
            await speech_text.close()

    async def _speech(self, speech_text: "_SpeechText") -> AsyncGenerator[SpeechChunk, None]:
        options, loop = self._options, asyncio.get_running_loop()
        if options.fail == "silent":
            await loop.create_future()
        due = loop.time() + options.first_byte_ms / 1000
        for start in range(0, options.audio_ms, options.chunk_ms):
            if options.fail == "midway" and start >= options.audio_ms / 2:
                raise ProviderError(self.name, "configured to fail")
            end = min(start + options.chunk_ms, options.audio_ms)
            await _sleep_until(loop, due)
            if end == options.audio_ms:
                await speech_text.ended.wait()
            yield SpeechChunk(self._audio(start, end), speech_text.take_words(end, options.audio_ms))
            due += options.chunk_ms / 1000 / SPEED

    def _audio(self, start_ms: int, end_ms: int) -> bytes:
        at = start_ms * BYTES_PER_MS % len(self._pattern)
        audio = self._pattern[at : at + (end_ms - start_ms) * BYTES_PER_MS]
        while len(audio) < (end_ms - start_ms) * BYTES_PER_MS:
            audio += self._pattern[: (end_ms - start_ms) * BYTES_PER_MS - len(audio)]
        return audio


@dataclass(slots=True)
class _SpeechText:
    """The text of a speech, read by a separate task so that the audio keeps its schedule."""

    text: AsyncIterator[str]
    words: list[str] = field(default_factory=list)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    speakable: bool = False
    at_ms: float = 0.0
    _partial: str = ""
    _reader: "asyncio.Task[None]" = field(init=False)

    def __post_init__(self) -> None:
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            async for piece in self.text:
                self._add(piece)
        finally:
            self._add(" ")
            self.begun.set()
            self.ended.set()

    def _add(self, piece: str) -> None:
        """Add text. A word is complete when a space follows."""
        *whole, self._partial = re.split(r"\s+", self._partial + piece)
        self.words.extend(filter(None, whole))
        if self.words or self._partial:
            self.speakable = True
            self.begun.set()

    def take_words(self, end_ms: int, audio_ms: int) -> tuple[TimedWord, ...]:
        """Remove and return the words that begin before `end_ms`, if all known words share the rest of the audio."""
        pace = (audio_ms - self.at_ms) / max(1, timing_length(self.words))
        timed = spread_words(self.words, self.at_ms, pace)
        count = len(timed) if end_ms == audio_ms else sum(word.start_ms < end_ms for word in timed)
        del self.words[:count]
        if count:
            self.at_ms = min(timed[count - 1].end_ms, audio_ms)
        return tuple(timed[:count])

    def raise_source_error(self) -> None:
        """Raise the error that ended the text early, if any."""
        if self._reader.done():
            self._reader.result()

    async def close(self) -> None:
        """Stop reading the text."""
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)


def make_speech_pattern(ms: int = 2000) -> bytes:
    """Return quiet mu-law audio with the rhythm of speech: a 140 Hz buzz in four syllables per second,
    about -32 dBFS.
    """
    at = np.arange(ms * BYTES_PER_MS) / mulaw.RATE
    buzz = sum(np.sin(2 * math.pi * 140 * harmonic * at) / harmonic for harmonic in range(1, 9))
    pcm = 900 * buzz * np.sin(2 * math.pi * 2 * at) ** 2
    return mulaw.encode(pcm.astype("<i2").tobytes())


async def _sleep_until(loop: asyncio.AbstractEventLoop, due: float) -> None:
    left = due - loop.time()
    if left > 0:
        await asyncio.sleep(left)


def _make_stt(setup: ProviderSetup) -> StandinSpeechToText:
    return StandinSpeechToText(setup.name, setup.options)


def _make_llm(setup: ProviderSetup) -> StandinLanguageModel:
    return StandinLanguageModel(setup.name, setup.options)


def _make_tts(setup: ProviderSetup) -> StandinTextToSpeech:
    pattern = setup.resources.share(make_speech_pattern, make_speech_pattern)
    return StandinTextToSpeech(setup.name, setup.options, pattern)


VENDOR: Final = Vendor(
    "standin",
    stt=Adapter(_make_stt, StandinSpeechToTextOptions),
    llm=Adapter(_make_llm, StandinLanguageModelOptions),
    tts=Adapter(_make_tts, StandinTextToSpeechOptions, reads_figures=FACTS.reads_figures),
)
