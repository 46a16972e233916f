"""Fakes of what a reply uses, in virtual time: a language model, a voice and a media stream."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from msgspec import structs

from media.call.call_tools import CallTools, ToolSequence
from media.call.model_context import ModelContext
from media.call.phrase_audio import PhraseAudio, PhraseAudioCache
from media.call.playback import Playback
from media.call.reply_services import ReplyServices
from media.call.transcript import Transcript
from media.call.usage import UsageTotals
from media.providers.chain.deadlines import Deadlines
from media.providers.chain.tts import TextToSpeechChain
from media.providers.ports import (
    ChatRequest,
    LanguageModelEvent,
    ProviderError,
    SpeechChunk,
    TextDelta,
    TextToSpeech,
    TimedWord,
)
from media.tools.runner import ToolRunner
from media.tools.tool import Tool
from shared.events import Event, ToolRan
from tests.media.call.languages import spoken
from tests.virtual_time import clock_ms

BYTES_PER_MS = 8
MS_PER_CHARACTER = 50

# A pause in seconds, an event, an error to raise, or None: waits for ever.
Step = float | LanguageModelEvent | BaseException | None


class FakeModel:
    """A LanguageModel that answers each request with the next script."""

    name = "model"

    def __init__(self, *scripts: Sequence[Step] | str) -> None:
        self._scripts = iter(scripts)
        self.requests: list[ChatRequest] = []
        self.closed = 0

    async def stream(self, request: ChatRequest) -> AsyncIterator[LanguageModelEvent]:
        self.requests.append(request)
        try:
            script = next(self._scripts)
            for step in words(script) if isinstance(script, str) else script:
                if step is None:
                    await asyncio.get_running_loop().create_future()
                elif isinstance(step, float):
                    await asyncio.sleep(step)
                elif isinstance(step, BaseException):
                    raise step
                else:
                    yield step
        finally:
            self.closed += 1


def words(text: str) -> list[Step]:
    """Returns a script that writes a word every 10 ms."""
    steps: list[Step] = []
    for word in text.split(" "):
        steps += [0.01, TextDelta((" " if steps else "") + word)]
    return steps


class FakeVoice:
    """A TextToSpeech that waits `first_s` for each piece, then delivers all of its audio: 50 ms for each character.

    fails_at: index of the piece at which it raises ProviderError.
    """

    name = "voice"

    def __init__(self, *, streams_text: bool = False, times_words: bool = True, first_s: float = 0.1) -> None:
        self.streams_text = streams_text
        self.times_words = times_words
        self.first_s = first_s
        self.fails_at: int | None = None
        self.pieces: list[str] = []
        self.closed = 0

    async def stream(self, text: AsyncIterator[str], language: str) -> AsyncIterator[SpeechChunk]:
        at = 0.0
        try:
            async for piece in text:
                self.pieces.append(piece)
                await asyncio.sleep(self.first_s)
                if self.fails_at is not None and len(self.pieces) > self.fails_at:
                    raise ProviderError(self.name, "scripted failure")
                if piece.strip():
                    spoken = speech(piece, at, timed=self.times_words)
                    at += len(spoken.audio) / BYTES_PER_MS
                    yield spoken
        finally:
            self.closed += 1


def speech(text: str, at_ms: float, *, timed: bool = True) -> SpeechChunk:
    """Returns a text's audio at 50 ms a character, with word timings that begin at `at_ms`."""
    timings = []
    for word in text.split():
        end_ms = at_ms + (len(word) + 1) * MS_PER_CHARACTER
        timings.append(TimedWord(word, at_ms, end_ms))
        at_ms = end_ms
    length = sum(len(word) + 1 for word in text.split()) * MS_PER_CHARACTER
    return SpeechChunk(bytes(length * BYTES_PER_MS), tuple(timings) if timed else ())


class FakeMediaStream:
    """A MediaStream without delays: plays in real time; returns a mark when it is reached, and all marks on `clear`."""

    def __init__(self) -> None:
        self.on_mark: Callable[[str], None] = lambda name: None
        self.clears = 0
        self.sent_ms = 0.0
        self._free_at = 0.0  # when all audio is played, in seconds of the loop's clock
        self._marks: dict[str, asyncio.TimerHandle] = {}

    def play(self, ulaw: bytes) -> None:
        now = asyncio.get_running_loop().time()
        self.sent_ms += len(ulaw) / BYTES_PER_MS
        self._free_at = max(now, self._free_at) + len(ulaw) / BYTES_PER_MS / 1_000

    def mark(self, name: str) -> None:
        self._marks[name] = asyncio.get_running_loop().call_at(self._free_at, self._return, name)

    def clear(self) -> None:
        self.clears += 1
        self._free_at = asyncio.get_running_loop().time()
        for name, timer in tuple(self._marks.items()):
            timer.cancel()
            asyncio.get_running_loop().call_soon(self._return, name)

    def hang_up(self) -> None:
        raise AssertionError("an agent does not hang up")

    def _return(self, name: str) -> None:
        del self._marks[name]
        self.on_mark(name)


class DeafToolListener:
    """A ToolListener for replies without a conversation."""

    def tools_called(self) -> None:
        pass

    def tools_done(self, sequence: ToolSequence) -> None:
        pass

    def tool_ends_call(self) -> None:
        pass


@dataclass
class ReplyFakes:
    """What one agent or reply uses. chained: the voice is in a TextToSpeechChain, which reads the text in a task."""

    model: FakeModel = field(default_factory=FakeModel)
    voice: FakeVoice = field(default_factory=FakeVoice)
    tools: dict[str, Tool] = field(default_factory=dict)
    chained: bool = False
    goodbye: str = "Goodbye."
    phrases: PhraseAudioCache | None = None
    media_stream: FakeMediaStream = field(default_factory=FakeMediaStream)
    transcript: Transcript = field(default_factory=Transcript)
    usage: UsageTotals = field(default_factory=UsageTotals)
    events: list[Event] = field(default_factory=list)
    on_audio_sent: Callable[[], None] = lambda: None
    playback: Playback = field(init=False)

    def __post_init__(self) -> None:
        self.playback = Playback(self.media_stream)

    def reply_services(self) -> ReplyServices:
        """Call this on the running loop."""
        return ReplyServices(
            llm=self.model,
            tts=self._speak(),
            phrases=PhraseAudio(self.phrases, self.voice, [], "en"),
            playback=self.playback,
            transcript=self.transcript,
            tools=self.call_tools(),
            usage=self.usage,
            system="Be kind.",
            context=ModelContext(None, lambda: datetime.now(UTC), ("en",)),
            spoken=spoken("en", goodbye=self.goodbye),
            clock=clock_ms,
            emit=self.events.append,
        )

    def call_tools(self) -> CallTools:
        """Call this on the running loop."""
        return CallTools(
            self.tools, ToolRunner(self.tools, "call", clock_ms, self.events.append), DeafToolListener(), spoken("en")
        )

    def tools_ran(self) -> list[ToolRan]:
        """The ends of tool runs, without their run ids."""
        return [structs.replace(event, run_id="") for event in self.events if isinstance(event, ToolRan)]

    def said(self) -> list[str]:
        """The texts of the agent's transcript entries."""
        return [message.text for message in self.transcript.messages() if message.role == "assistant"]

    def _speak(self) -> TextToSpeech:
        deadlines = Deadlines(audio_s=1_000)
        return TextToSpeechChain([self.voice], lambda failed: None, deadlines) if self.chained else self.voice
