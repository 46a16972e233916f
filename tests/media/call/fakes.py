"""Stand-ins for what surrounds a reply: a model and a voice that follow a script, and a carrier, in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from media.call.playback import Playback
from media.call.reply import Speaker
from media.call.tools import Tool, Tools
from media.call.transcript import Transcript
from media.call.usage import Counter
from media.providers.chain.deadlines import Deadlines
from media.providers.chain.speak import SpeakChain
from media.providers.ports import Ask, ProviderError, Speak, Spoken, ThinkEvent, TimedWord, Words
from shared.events import Event
from tests.virtual_time import clock_ms

BYTES_PER_MS = 8
MS_PER_CHARACTER = 50

# A pause in seconds, an event, a failure, or None: nothing ever again.
Step = float | ThinkEvent | BaseException | None


class Model:
    """A Think that answers each request with the next script."""

    name = "model"

    def __init__(self, *scripts: Sequence[Step] | str) -> None:
        self._scripts = iter(scripts)
        self.asks: list[Ask] = []
        self.closed = 0

    async def stream(self, ask: Ask) -> AsyncIterator[ThinkEvent]:
        self.asks.append(ask)
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
    """A model that writes a word every 10 ms."""
    steps: list[Step] = []
    for word in text.split(" "):
        steps += [0.01, Words((" " if steps else "") + word)]
    return steps


class Voice:
    """A Speak that needs `first_s` for each piece and then delivers it at once, every character 50 ms long."""

    name = "voice"

    def __init__(self, *, streams_text: bool = False, times_words: bool = True, first_s: float = 0.1) -> None:
        self.streams_text = streams_text
        self.times_words = times_words
        self.first_s = first_s
        self.fails_at: int | None = None  # the piece at which it fails
        self.pieces: list[str] = []
        self.closed = 0

    async def stream(self, text: AsyncIterator[str], language: str) -> AsyncIterator[Spoken]:
        at = 0.0
        try:
            async for piece in text:
                self.pieces.append(piece)
                await asyncio.sleep(self.first_s)
                if self.fails_at is not None and len(self.pieces) > self.fails_at:
                    raise ProviderError(self.name, "told to fail")
                if piece.strip():
                    spoken = speech(piece, at, timed=self.times_words)
                    at += len(spoken.audio) / BYTES_PER_MS
                    yield spoken
        finally:
            self.closed += 1


def speech(text: str, at_ms: float, *, timed: bool = True) -> Spoken:
    """A text spoken at the pace of all fakes, from that moment of the utterance on."""
    timings = []
    for word in text.split():
        end_ms = at_ms + (len(word) + 1) * MS_PER_CHARACTER
        timings.append(TimedWord(word, at_ms, end_ms))
        at_ms = end_ms
    length = sum(len(word) + 1 for word in text.split()) * MS_PER_CHARACTER
    return Spoken(bytes(length * BYTES_PER_MS), tuple(timings) if timed else ())


class Wire:
    """A carrier without delays: plays at real time, returns marks when their place is reached or all is cleared."""

    def __init__(self) -> None:
        self.on_mark: Callable[[str], None] = lambda name: None
        self.clears = 0
        self.sent_ms = 0.0
        self._free_at = 0.0  # seconds of the loop's clock
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


@dataclass
class Stage:
    """Everything around one agent."""

    model: Model = field(default_factory=Model)
    voice: Voice = field(default_factory=Voice)
    tools: dict[str, Tool] = field(default_factory=dict)
    chained: bool = False  # the voice stands behind a fallback chain, which reads the text in a task of its own
    goodbye: str = "Goodbye."
    wire: Wire = field(default_factory=Wire)
    transcript: Transcript = field(default_factory=Transcript)
    usage: Counter = field(default_factory=Counter)
    events: list[Event] = field(default_factory=list)
    audible: Callable[[], None] = lambda: None
    playback: Playback = field(init=False)

    def __post_init__(self) -> None:
        self.playback = Playback(self.wire)

    def speaker(self) -> Speaker:
        """To be made while the loop runs."""
        return Speaker(
            think=self.model,
            speak=self._speak(),
            playback=self.playback,
            transcript=self.transcript,
            tools=Tools(self.tools),
            usage=self.usage,
            system="Be kind.",
            language="en",
            goodbye=self.goodbye,
            clock=clock_ms,
            emit=self.events.append,
            audible=lambda: self.audible(),
        )

    def said(self) -> list[str]:
        """The agent's words in the transcript, entry by entry."""
        return [message.text for message in self.transcript.messages() if message.role == "assistant"]

    def _speak(self) -> Speak:
        patient = Deadlines(audio_s=1_000)
        return SpeakChain([self.voice], lambda failed: None, patient) if self.chained else self.voice
