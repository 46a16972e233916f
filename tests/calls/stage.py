"""A whole call in virtual time: real floor, ledger and call; a scripted caller, carrier and providers around it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from media.audio.transcode import Transcoder
from media.call.call import Call
from media.call.journal import Journal
from media.call.parts import Parts
from media.call.recording import Recorder
from media.providers.ports import (
    Ask,
    HearSession,
    HearSink,
    ProviderError,
    Spoken,
    ThinkEvent,
    TimedWord,
    Transcript,
    Words,
)
from media.turn.vad import VoiceTrack
from shared.events import CallEnded, Envelope, Event
from shared.plan import AgentPlan, CallPlan, LimitsPlan, ProviderPlan, Resume, TurnPlan

T = TypeVar("T")
FRAME_MS = 20
WORD_MS = 300
SILENCE = b"\xff" * 160
VOICE = b"\x20\xa0" * 80


class Track:
    """A voice track that knows from the script whether the caller speaks."""

    def __init__(self) -> None:
        self.speaking = False
        self.last_voice_ms = 0
        self.onset_ms = 0
        self.voiced_ms = 0
        self._ms = 0
        self.voice = False

    def push(self, pcm: bytes) -> None:
        self._ms += FRAME_MS
        if self.voice and not self.speaking:
            self.onset_ms = self._ms - FRAME_MS
        if self.voice:
            self.last_voice_ms = self._ms
        self.speaking = self.voice


class Recogniser:
    """Hears what the script says; the final text comes 100 ms after it is asked for."""

    name = "scripted"

    def __init__(self) -> None:
        self.text = ""
        self.sink: HearSink | None = None
        self.pushed = 0

    async def open(self, language: str, sink: HearSink) -> HearSession:
        self.sink = sink
        return self

    def push(self, ulaw: bytes) -> None:
        self.pushed += len(ulaw)

    def started(self) -> None:
        pass

    def finalise(self, token: int) -> None:
        asyncio.get_running_loop().call_later(0.1, self._tell, token)

    def next_turn(self) -> None:
        self.text = ""

    async def close(self) -> None:
        self.sink = None

    def partial(self) -> None:
        if self.sink:
            self.sink(Transcript(self.text, final=False))

    def _tell(self, token: int) -> None:
        if self.sink:
            self.sink(Transcript(self.text, final=True, token=token))


class Model:
    """Gives the scripted answers in order and remembers what it was asked. An exception in the script is raised."""

    name = "scripted"

    def __init__(self, answers: Sequence[str | Sequence[ThinkEvent] | ProviderError] = ()) -> None:
        self.answers = deque(answers)
        self.asked: list[Ask] = []

    async def stream(self, ask: Ask) -> AsyncIterator[ThinkEvent]:
        self.asked.append(ask)
        await asyncio.sleep(0.2)
        answer = self.answers.popleft() if self.answers else "I see."
        if isinstance(answer, ProviderError):
            raise answer
        events = [Words(word + " ") for word in answer.split()] if isinstance(answer, str) else answer
        for event in events:
            await asyncio.sleep(0.01)
            yield event


class Voice:
    """Every word sounds for 300 ms and comes with its timing."""

    name = "scripted"
    streams_text = True
    times_words = True

    def __init__(self) -> None:
        self.broken = False

    async def stream(self, text: AsyncIterator[str], language: str) -> AsyncIterator[Spoken]:
        at, begun = 0.0, False
        async for piece in text:
            for word in piece.split():
                if self.broken:
                    raise ProviderError("scripted", "no voice")
                if not begun:
                    await asyncio.sleep(0.08)
                begun = True
                yield Spoken(b"\x30" * (WORD_MS * 8), (TimedWord(word, at, at + WORD_MS),))
                at += WORD_MS


@dataclass
class Carrier:
    """A phone line with a true play-out buffer; `played` is what the caller's ear got."""

    queue: deque[bytes | str] = field(default_factory=deque)
    played: bytearray = field(default_factory=bytearray)
    clears: list[float] = field(default_factory=list)
    hung_up: bool = False
    marks: list[str] = field(default_factory=list)

    def play(self, ulaw: bytes) -> None:
        self.queue.append(ulaw)

    def mark(self, name: str) -> None:
        self.queue.append(name)

    def clear(self) -> None:
        self.clears.append(asyncio.get_running_loop().time())
        self.marks += [item for item in self.queue if isinstance(item, str)]
        self.queue.clear()

    def hang_up(self) -> None:
        self.hung_up = True

    def step(self) -> None:
        """Plays 20 ms."""
        room = 160
        while self.queue and (room or isinstance(self.queue[0], str)):
            item = self.queue.popleft()
            if isinstance(item, str):
                self.marks.append(item)
                continue
            self.played += item[:room]
            if len(item) > room:
                self.queue.appendleft(item[room:])
            room -= min(room, len(item))
        self.played += b"\xff" * room

    @property
    def sounding(self) -> bool:
        return any(isinstance(item, bytes) for item in self.queue)

    def heard_words(self) -> int:
        """How many words' worth of agent audio was really played."""
        return round(sum(byte != 0xFF for byte in self.played) / (WORD_MS * 8))


class Notes:
    """A sink that keeps the events."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.envelopes: list[Envelope] = []
        self.closed = False

    def write(self, envelope: Envelope) -> None:
        self.envelopes.append(envelope)
        self.events.append(envelope.event)

    def close(self) -> None:
        self.closed = True


class Stage:
    """Runs one call: `await stage.silence(ms)`, `await stage.say(text, ms)`, ... and then looks at it."""

    def __init__(
        self,
        *,
        greeting: str = "",
        answers: Sequence[str | Sequence[ThinkEvent] | ProviderError] = (),
        turn: TurnPlan | None = None,
        limits: LimitsPlan | None = None,
        recorder: Recorder | None = None,
        track: VoiceTrack | None = None,
        person: str = "",
        resume: Resume | None = None,
        before_ms: float = 0.0,
    ) -> None:
        """person: the number that callers are put through to. resume: what the call goes on from, so long after it
        began."""
        standin = [ProviderPlan("scripted")]
        self.plan = CallPlan(
            agent=AgentPlan(greeting=greeting, prompt="Be brief.", fallback_number=person),
            stt=standin,
            llm=standin,
            tts=standin,
            turn=turn or TurnPlan(silence_ms=400),
            limits=limits or LimitsPlan(),
            tools=("end_call", "collect_digits", "transfer"),
            leg=1 if resume else 0,
            resume=resume,
        )
        self.turns_taken = 0
        self.script, self.hear, self.model, self.voice = Track(), Recogniser(), Model(answers), Voice()
        self.carrier, self.notes = Carrier(), Notes()
        loop = asyncio.get_running_loop()
        self._began = loop.time()
        self._before_ms = before_ms
        self.call = Call(
            Parts(
                plan=self.plan,
                line=self.carrier,
                hear=self.hear,
                think=self.model,
                speak=self.voice,
                track=track or self.script,  # type: ignore[arg-type]  # a script in the place of a detector
                journal=Journal("call", self.notes, lambda: "2026-11-24T00:00:00.000Z", leg=self.plan.leg),
                clock=self.now,
                transcoder=Transcoder("PCMU", 8_000),
                recorder=recorder,
                heard=self._note_turn,
            )
        )
        self._frames = 0
        self.call.begin()

    def now(self) -> float:
        """Ms since the call began."""
        return self._before_ms + (asyncio.get_running_loop().time() - self._began) * 1000.0

    async def silence(self, ms: int) -> None:
        """The caller says nothing."""
        for _ in range(ms // FRAME_MS):
            await self._frame(voice=False)

    async def say(self, text: str, ms: int) -> None:
        """The caller speaks; the recogniser will know the text."""
        self.hear.text = f"{self.hear.text} {text}".strip()
        for _ in range(ms // FRAME_MS):
            await self._frame(voice=True)

    async def burst(self, ulaw: bytes, text: str) -> None:
        """Audio of the caller's that is held up on its way until all of it has been spoken, and then comes at once."""
        self.hear.text = f"{self.hear.text} {text}".strip()
        for _ in range(0, len(ulaw), len(SILENCE)):
            await self._pace()
        for start in range(0, len(ulaw), len(SILENCE)):
            self.call.on_audio(ulaw[start : start + len(SILENCE)])

    async def until_quiet(self, most_ms: int = 20_000) -> None:
        """Until the agent has begun to speak and ended."""
        await self.until_sounding(most_ms)
        for _ in range(most_ms // FRAME_MS):
            await self._frame(voice=False)
            if not self.carrier.sounding:
                return await self.silence(40)
        raise AssertionError("the agent does not stop")

    async def until_sounding(self, most_ms: int = 20_000) -> None:
        """Until agent audio sounds."""
        for _ in range(most_ms // FRAME_MS):
            if self.carrier.sounding:
                return
            await self._frame(voice=False)
        raise AssertionError("the agent does not speak")

    async def hang_up(self) -> CallEnded:
        """The caller hangs up; returns the last event."""
        await self.call.finish("caller_hangup")
        last = self.notes.events[-1]
        assert isinstance(last, CallEnded)
        return last

    def of(self, kind: type[T]) -> list[T]:
        """The events of a kind."""
        return [event for event in self.notes.events if isinstance(event, kind)]

    def _note_turn(self) -> None:
        self.turns_taken += 1

    async def _frame(self, *, voice: bool) -> None:
        await self._pace()
        self.script.voice = voice
        self.call.on_audio(VOICE if voice else SILENCE)
        if self._frames % 12 == 0:
            self.call.tick()

    async def _pace(self) -> None:
        """The next 20 ms, in which the carrier plays on."""
        self._frames += 1
        target = self._began + self._frames * FRAME_MS / 1000
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, target - loop.time()))
        self.carrier.step()
        while self.carrier.marks:
            self.call.on_mark(self.carrier.marks.pop(0))
