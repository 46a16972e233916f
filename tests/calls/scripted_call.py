"""A whole call in virtual time: the real call with scripted caller, carrier and providers."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeVar

from media.audio.transcode import Transcoder
from media.call.call import Call
from media.call.components import CallComponents, CascadeComponents
from media.call.conversation import Conversation
from media.call.event_emitter import EventEmitter
from media.call.person_words import PersonEar
from media.call.phrase_audio import PhraseAudioCache
from media.call.recording import RecordingWriter
from media.call.responder import CallLine, MakeResponder
from media.providers.chain.llm import LanguageModelChain
from media.providers.chain.stt import SpeechToTextChain
from media.providers.chain.tts import TextToSpeechChain
from media.providers.factory import Providers
from media.providers.ports import (
    ChatRequest,
    LanguageModel,
    LanguageModelEvent,
    ProviderError,
    ProviderKind,
    SpeechChunk,
    SpeechToText,
    TextDelta,
    TimedWord,
)
from media.providers.usage import UsageMeter
from media.tools.remote import RemoteTools
from media.turn.vad import VoiceTrack
from shared.events import CallEnded, Event, EventEnvelope
from shared.plan import (
    AgentPlan,
    CallPlan,
    ConsentPlan,
    ContextPlan,
    FirstMessage,
    LanguagePlan,
    LimitsPlan,
    ProviderPlan,
    ResumePoint,
    ToolName,
    ToolPlan,
    TurnPlan,
)
from tests.calls.scripted_recognizer import SILENCE as SILENCE
from tests.calls.scripted_recognizer import LevelVoiceTrack, ScriptedVoiceTrack
from tests.calls.scripted_recognizer import ScriptedRecognizer as ScriptedRecognizer

T = TypeVar("T")
# What a ScriptedModel answers, request by request.
Answers = Sequence[str | Sequence[LanguageModelEvent] | ProviderError]
FRAME_MS = 20
# When a call's first stream began, by the wall clock: ten minutes before midnight in Berlin, on a Thursday.
BEGAN = datetime(2026, 11, 26, 22, 50, tzinfo=UTC)
WORD_MS = 300
VOICE = b"\x20\xa0" * 80
PERSON = bytes(range(1, 161))


class ScriptedModel:
    """A LanguageModel that gives the scripted answers in order (raises those that are errors), then "I see.".

    delay_s: until the first word."""

    name = "scripted"

    def __init__(self, answers: Answers = ()) -> None:
        self.answers = deque(answers)
        self.requests: list[ChatRequest] = []
        self.delay_s = 0.2

    async def stream(self, ask: ChatRequest) -> AsyncIterator[LanguageModelEvent]:
        self.requests.append(ask)
        await asyncio.sleep(self.delay_s)
        answer = self.answers.popleft() if self.answers else "I see."
        if isinstance(answer, ProviderError):
            raise answer
        events = [TextDelta(word + " ") for word in answer.split()] if isinstance(answer, str) else answer
        for event in events:
            await asyncio.sleep(0.01)
            yield event


class ScriptedVoice:
    """A TextToSpeech in which every word takes 300 ms and has its timing. delay_s: until a stream's first audio.
    spoken: the texts that it was given, each with its language."""

    name = "scripted"
    streams_text = True
    times_words = True

    def __init__(self) -> None:
        self.broken = False
        self.delay_s = 0.08
        self.spoken: list[tuple[str, str]] = []

    async def stream(self, text: AsyncIterator[str], language: str) -> AsyncIterator[SpeechChunk]:
        at, begun, place = 0.0, False, len(self.spoken)
        self.spoken.append((language, ""))
        async for piece in text:
            self.spoken[place] = (language, self.spoken[place][1] + piece)
            for word in piece.split():
                if self.broken:
                    raise ProviderError("scripted", "no voice")
                if not begun:
                    await asyncio.sleep(self.delay_s)
                begun = True
                yield SpeechChunk(b"\x30" * (WORD_MS * 8), (TimedWord(word, at, at + WORD_MS),))
                at += WORD_MS


@dataclass
class ScriptedCarrier:
    """A MediaStream that plays 20 ms of its buffer at each `step`. played: what the caller heard, with silence.
    loses_marks: none comes back."""

    queue: deque[bytes | str] = field(default_factory=deque)
    played: bytearray = field(default_factory=bytearray)
    clears: list[float] = field(default_factory=list)
    hung_up: bool = False
    marks: list[str] = field(default_factory=list)
    loses_marks: bool = False

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
                self.marks += [] if self.loses_marks else [item]
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
        """How many words of agent audio were played, by their length."""
        return round(sum(byte != 0xFF for byte in self.played) / (WORD_MS * 8))


class EventRecorder:
    """A sink in memory."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.envelopes: list[EventEnvelope] = []
        self.closed = False

    def write(self, envelope: EventEnvelope) -> None:
        self.envelopes.append(envelope)
        self.events.append(envelope.event)

    def close(self) -> None:
        self.closed = True


class ScriptedCall:
    """Runs one call: `await scripted.silence(ms)`, `await scripted.say(text, ms)`, and so on."""

    def __init__(
        self,
        *,
        greeting: str = "",
        answers: Answers = (),
        turn: TurnPlan | None = None,
        limits: LimitsPlan | None = None,
        recorder: RecordingWriter | None = None,
        track: "VoiceTrack | ScriptedVoiceTrack | None" = None,
        transfer_number: str = "",
        resume: ResumePoint | None = None,
        before_ms: float = 0.0,
        models: Sequence[LanguageModel] | None = None,
        tools: tuple[ToolName | ToolPlan, ...] = ("end_call", "collect_digits", "transfer"),
        remote_tools: RemoteTools | None = None,
        context: ContextPlan | None = None,
        providers: Providers | None = None,
        phrases: PhraseAudioCache | None = None,
        carrier: "ScriptedCarrier | None" = None,
        first_message: FirstMessage = "agent_first",
        greeting_interruptible: bool = True,
        disclosure: str = "",
        consent: ConsentPlan | None = None,
        language: str = "en",
        languages: Sequence[LanguagePlan] = (),
        voicemail_message: str = "",
        screening: Literal["answer", "end"] = "answer",
        screening_message: str = "",
        make_responder: MakeResponder | None = None,
        person_stt: SpeechToText | None = None,
    ) -> None:
        """transfer_number: where callers are transferred to. resume: the state that the call is resumed from,
        `before_ms` after its first stream began. models: given, the providers are in chains that meter them, as in a
        server; these models are tried before the scripted one. remote_tools: control, as the call asks it to run
        tools. context: the call's first stream began at BEGAN. providers: chains in place of the scripted providers.
        phrases: audio of fixed sentences. make_responder: answers in place of the cascade. person_stt: hears a
        supervisor in place of `person`."""
        standin = [ProviderPlan("scripted")]
        self.plan = CallPlan(
            agent=AgentPlan(greeting=greeting, prompt="Be brief.", fallback_number=transfer_number, language=language),
            stt=standin,
            llm=standin,
            tts=standin,
            turn=turn or TurnPlan(silence_ms=400),
            limits=limits or LimitsPlan(),
            tools=tools,
            leg=1 if resume else 0,
            resume=resume,
            context=context,
            first_message=first_message,
            greeting_interruptible=greeting_interruptible,
            disclosure=disclosure,
            voicemail_message=voicemail_message,
            screening=screening,
            screening_message=screening_message,
            consent=consent,
            languages=tuple(languages),
        )
        self.turns_taken = 0
        self.turn_taken_ms = 0.0
        self.track, self.recognizer, self.model, self.voice = (
            track if isinstance(track, ScriptedVoiceTrack) else ScriptedVoiceTrack(),
            ScriptedRecognizer(),
            ScriptedModel(answers),
            ScriptedVoice(),
        )
        self.person = ScriptedRecognizer()  # of a supervisor who speaks
        self.carrier, self.events = carrier or ScriptedCarrier(), EventRecorder()
        emitter = EventEmitter("call", self.events, lambda: "2026-11-24T00:00:00.000Z", leg=self.plan.leg)
        providers = providers or Providers(self.recognizer, self.model, self.voice)
        if models is not None:
            providers = in_chains(providers, models, emitter)
        loop = asyncio.get_running_loop()
        self._began = loop.time()
        self._before_ms = before_ms
        cascade = CascadeComponents(
            stt=providers.stt,
            llm=providers.llm,
            tts=providers.tts,
            track=track or self.track,  # type: ignore[arg-type]  # instead of a detector
            wall_clock=lambda: BEGAN + timedelta(milliseconds=self.now()),
            remote_tools=remote_tools,
            phrases=phrases,
        )

        def converse(line: CallLine) -> Conversation:
            self.conversation = Conversation(cascade, line)
            return self.conversation

        # The track stands for a detector.
        ear = PersonEar(person_stt or self.person, LevelVoiceTrack, lambda track: None)  # type: ignore[arg-type]
        self.call = Call(
            CallComponents(
                plan=self.plan,
                stream=self.carrier,
                emitter=emitter,
                clock=self.now,
                transcoder=Transcoder("PCMU", 8_000),
                make_responder=make_responder or converse,
                recorder=recorder,
                on_turn_taken=self._count_turn,
                person_ear=ear,
            )
        )
        self._frames = 0
        self.stream_ms = 0  # the timestamp of the next caller audio
        self.silence_ms = self.longest_silence_ms = 0  # of both sides, as the caller hears it
        self.call.begin()

    def now(self) -> float:
        """Ms since the call began."""
        return self._before_ms + (asyncio.get_running_loop().time() - self._began) * 1000.0

    def hear(self, ulaw: bytes) -> None:
        """Caller audio arrives, with the timestamp that follows the audio before it."""
        self.call.on_audio(ulaw, self.stream_ms)
        self.stream_ms += len(ulaw) // 8

    async def pause(self, ms: int, *, in_timestamps: bool = True) -> None:
        """No caller audio comes. in_timestamps: the carrier's timestamps go on meanwhile."""
        self.track.voice = False
        for _ in range(ms // FRAME_MS):
            await self._pace()
            self._tick()
        self.stream_ms += ms if in_timestamps else 0

    async def silence(self, ms: int) -> None:
        """The caller says nothing."""
        for _ in range(ms // FRAME_MS):
            await self._frame()

    async def say(self, text: str, ms: int) -> None:
        """The caller speaks; the recognizer will know the text."""
        await self.speak(text, VOICE * (ms // FRAME_MS))

    async def speak(self, text: str, ulaw: bytes) -> None:
        """The caller speaks, with this audio."""
        self.recognizer.text = f"{self.recognizer.text} {text}".strip()
        for start in range(0, len(ulaw), len(VOICE)):
            await self._frame(ulaw[start : start + len(VOICE)].ljust(len(VOICE), b"\xff"))

    async def burst(self, ulaw: bytes, text: str) -> None:
        """Caller audio that is delayed until all of it was spoken, then arrives at once."""
        self.recognizer.text = f"{self.recognizer.text} {text}".strip()
        for _ in range(0, len(ulaw), len(SILENCE)):
            await self._pace()
        for start in range(0, len(ulaw), len(SILENCE)):
            self.hear(ulaw[start : start + len(SILENCE)])

    async def listen_until_quiet(self, most_ms: int = 20_000) -> None:
        """Waits until the agent has begun to speak and is silent again; the caller is silent."""
        await self.wait_until_sounding(most_ms)
        for _ in range(most_ms // FRAME_MS):
            await self._frame()
            if not self.carrier.sounding:
                return await self.silence(40)
        raise AssertionError("the agent does not stop")

    async def wait_until_sounding(self, most_ms: int = 20_000) -> None:
        """Waits until agent audio sounds; the caller is silent."""
        for _ in range(most_ms // FRAME_MS):
            if self.carrier.sounding:
                return
            await self._frame()
        raise AssertionError("the agent does not speak")

    async def speak_as_person(self, text: str, ms: int, over: str = "") -> None:
        """A supervisor who has the line speaks; the recognizer of the supervisor's words will know the text. over: what
        the caller says at the same time."""
        self.person.text = f"{self.person.text} {text}".strip()
        self.recognizer.text = f"{self.recognizer.text} {over}".strip()
        for _ in range(ms // FRAME_MS):
            self.call.speak(PERSON)
            await self._frame(VOICE if over else b"")

    async def receive(self, slots: Sequence[Sequence[tuple[bytes, int]]]) -> None:
        """Each 20 ms the pieces of one slot arrive: caller audio with its timestamp."""
        for pieces in slots:
            await self._pace()
            for ulaw, at_ms in pieces:
                self.call.on_audio(ulaw, at_ms)
            self._tick()

    async def hang_up(self) -> CallEnded:
        """The caller hangs up; returns the last event."""
        await self.call.finish("caller_hangup")
        last = self.events.events[-1]
        assert isinstance(last, CallEnded)
        return last

    def events_of(self, kind: type[T]) -> list[T]:
        """Returns the events of a type."""
        return [event for event in self.events.events if isinstance(event, kind)]

    def _count_turn(self) -> None:
        self.turns_taken += 1
        self.turn_taken_ms = self.now()

    async def _frame(self, speech: bytes = b"") -> None:
        """The next 20 ms of the caller's audio; empty: silence."""
        await self._pace()
        is_silent = not speech and self.carrier.played.endswith(SILENCE)
        self.silence_ms = self.silence_ms + FRAME_MS if is_silent else 0
        self.longest_silence_ms = max(self.longest_silence_ms, self.silence_ms)
        self.track.voice = bool(speech)
        self.hear(speech or SILENCE)
        self._tick()

    def _tick(self) -> None:
        if self._frames % 12 == 0:
            self.call.tick()

    async def _pace(self) -> None:
        """Waits for the next 20 ms and lets the carrier play them."""
        self._frames += 1
        target = self._began + self._frames * FRAME_MS / 1000
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, target - loop.time()))
        self.carrier.step()
        while self.carrier.marks:
            self.call.on_mark(self.carrier.marks.pop(0))


def in_chains(providers: Providers, models: Sequence[LanguageModel], emitter: EventEmitter) -> Providers:
    """Puts a call's providers into chains, with these models before its own."""

    def meter(kind: ProviderKind, name: str) -> UsageMeter:
        return UsageMeter(kind, name, emitter.emit, vendor="scripted")

    all_models = [*models, providers.llm]
    return Providers(
        SpeechToTextChain([providers.stt], emitter.emit, meters=[meter("stt", providers.stt.name)]),
        LanguageModelChain(all_models, emitter.emit, meters=[meter("llm", model.name) for model in all_models]),
        TextToSpeechChain([providers.tts], emitter.emit, meters=[meter("tts", providers.tts.name)]),
    )
