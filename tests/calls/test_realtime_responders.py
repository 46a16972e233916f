"""Stand-ins for speech-to-speech models carry whole calls: one with responses, one without turns.

Both models run in the test's process. `RealtimeModel` takes and sends JSON-like events as OpenAI Realtime does;
`DuplexModel` takes 20 ms of audio and gives 80 ms of audio for each four of them, for as long as the call lasts.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from media.audio.mulaw import BYTES_PER_MS, SILENCE
from media.audio.wav import read_wav
from media.call.answer_latency import AnswerLatency, TurnTimes
from media.call.call_language import CallLanguage, plan_language
from media.call.caller_turns import CallerTurns
from media.call.recording import RecordingWriter
from media.call.reply import ReplyTimes
from media.call.responder import CallLine, ResponderState
from media.call.snapshot import to_model_messages
from media.call.taps import Tap
from media.call.transcript import Transcript, TranscriptEntry
from media.call.utterance import Utterance
from media.providers.ports import SpeechChunk, TokenUsage
from media.providers.usage import UsageMeter
from shared.events import (
    AgentSaid,
    CallEnded,
    CallerSaid,
    EndReason,
    RecordingReady,
    TurnInterrupted,
    TurnLatency,
    UsageRecorded,
)
from shared.plan import HeardMessage
from tests.calls.scripted_call import FRAME_MS, WORD_MS, ScriptedCall
from tests.media.call.test_recording import ImmediateExecutor
from tests.virtual_time import run_virtual

VOICE_BYTE = b"\x30"
SPEECH_STARTS_MS, SPEECH_STOPS_MS = 100, 400  # of sound, of silence
ANSWER = "one two three four five six seven eight nine ten"


@pytest.fixture
def writer(tmp_path: Path) -> RecordingWriter:
    return RecordingWriter(tmp_path / "call.wav", ImmediateExecutor())


@dataclass
class VendorEars:
    """The voice detection of a vendor, on the audio that it was sent. Returns "started" or "stopped" at a change."""

    heard_ms: int = 0
    sound_ms: int = 0
    silent_ms: int = 0
    is_speaking: bool = False

    def hear(self, ulaw: bytes) -> str:
        length = len(ulaw) // BYTES_PER_MS
        self.heard_ms += length
        if ulaw.strip(SILENCE):
            self.sound_ms, self.silent_ms = self.sound_ms + length, 0
        else:
            self.silent_ms += length
            self.sound_ms = self.sound_ms if self.is_speaking else 0
        if not self.is_speaking and self.sound_ms >= SPEECH_STARTS_MS:
            self.is_speaking = True
            return "started"
        if self.is_speaking and self.silent_ms >= SPEECH_STOPS_MS:
            self.is_speaking, self.sound_ms = False, 0
            return "stopped"
        return ""


# --- a model with responses ---


@dataclass
class Item:
    """One item of the model's own conversation, with the length of its audio that was heard."""

    id: str
    role: str
    text: str = ""
    audio_ms: int = 0
    truncated_ms: int | None = None


class RealtimeModel:
    """The vendor's end of a session. Speech comes ten times faster than it sounds.

    caller_texts: what its recognizer makes of each turn. answers: response by response."""

    def __init__(self, caller_texts: Sequence[str], answers: Sequence[str]) -> None:
        self._caller_texts, self._answers = deque(caller_texts), deque(answers)
        self._ears = VendorEars()
        self._began_ms = 0
        self.items: list[Item] = []
        self.sent: list[str] = []  # types of the client's messages
        self.events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._response: asyncio.Task[None] | None = None

    def append_audio(self, ulaw: bytes) -> None:
        change = self._ears.hear(ulaw)
        if change == "started":
            self._began_ms = self._ears.heard_ms - SPEECH_STARTS_MS
            self._tell("input_audio_buffer.speech_started", audio_start_ms=self._began_ms)
        elif change == "stopped":
            end_ms = self._ears.heard_ms - SPEECH_STOPS_MS
            self._tell("input_audio_buffer.speech_stopped", audio_end_ms=end_ms)
            asyncio.get_running_loop().call_later(0.1, self._transcribe)

    def send(self, kind: str, **fields: Any) -> None:
        self.sent.append(kind)
        if kind == "response.create":
            assert self._response is None or self._response.done(), "one response at a time"
            self._response = asyncio.create_task(self._respond())
        elif kind == "response.cancel":
            if self._response is not None:
                self._response.cancel()
        elif kind == "conversation.item.truncate":
            (item,) = (item for item in self.items if item.id == fields["item_id"])
            end_ms = fields["audio_end_ms"]
            assert end_ms <= item.audio_ms, "beyond the audio of the item"
            item.truncated_ms = end_ms
            item.text = " ".join(item.text.split()[: end_ms // WORD_MS])

    async def close(self) -> None:
        if self._response is not None:
            self._response.cancel()
            await asyncio.gather(self._response, return_exceptions=True)

    def _transcribe(self) -> None:
        self.items.append(Item(f"item_{len(self.items)}", "user", self._caller_texts.popleft()))
        self._tell("conversation.item.input_audio_transcription.completed", transcript=self.items[-1].text)

    async def _respond(self) -> None:
        await asyncio.sleep(0.2)
        item = Item(f"item_{len(self.items)}", "assistant")
        self.items.append(item)
        status = "completed"
        try:
            for word in self._answers.popleft().split():
                item.text = f"{item.text} {word}".strip()
                self._tell("response.output_audio_transcript.delta", item_id=item.id, delta=word + " ")
                for _ in range(3):
                    item.audio_ms += WORD_MS // 3
                    audio = VOICE_BYTE * (WORD_MS // 3 * BYTES_PER_MS)
                    self._tell("response.output_audio.delta", item_id=item.id, delta=audio)
                    await asyncio.sleep(WORD_MS / 3 / 10_000)
        except asyncio.CancelledError:
            status = "cancelled"
        usage = {"input": 40 + len(self.items), "cached": 8, "output": item.audio_ms // 50}
        self._tell("response.done", item_id=item.id, status=status, usage=usage)

    def _tell(self, kind: str, **fields: Any) -> None:
        self.events.put_nowait({"type": kind, **fields})


@dataclass
class Spoken:
    """What the responder knows of the response that sounds."""

    item_id: str
    utterance: Utterance
    entry: TranscriptEntry
    times: ReplyTimes = field(default_factory=ReplyTimes)
    is_generating: bool = True


class BaseResponder:
    """The common part of both stand-ins."""

    def __init__(self, line: CallLine) -> None:
        self.line, self.clock, self.mixer = line, line.clock, line.mixer
        self.emit = line.emitter.emit
        self.transcript = Transcript(to_model_messages(line.plan.resume.messages if line.plan.resume else []))
        self.turns = CallerTurns(self.transcript, self.emit, line.plan.resume, line.recorder)
        self._language = plan_language(line.plan)
        # No kind and no unit of usage are a speech-to-speech model's: those of a language model take their place.
        self.meter = UsageMeter("llm", "realtime", self.emit, vendor="realtime", model="stand-in")
        self.keys: list[str] = []

    @property
    def language(self) -> CallLanguage:
        return self._language

    @property
    def holder(self) -> Literal["caller", "agent", "none"]:
        return "none"

    def frame_heard(self, audio_ms: int) -> None: ...

    def on_digit(self, digit: str) -> None:
        self.keys.append(digit)

    def on_text(self, text: str) -> None: ...

    def line_is_free(self) -> None: ...

    def note(self, text: str) -> None: ...

    def person_said(self, text: str, began: float) -> None: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def say(self, text: str) -> None: ...

    def say_last(self, text: str) -> None: ...

    def machine_answered(self) -> None:
        self.line.termination.begin("voicemail", "", after_speech=False)

    def end(self, reason: EndReason) -> None:
        self.line.termination.begin(reason, "", after_speech=False)

    def end_stream(self) -> None: ...

    def state(self) -> ResponderState:
        return ResponderState(self.transcript.settled(), self.turns.reported)


class RealtimeResponder(BaseResponder):
    """Leaves turns to the vendor, and reports the heard length of an interrupted answer."""

    def __init__(self, model: RealtimeModel, line: CallLine) -> None:
        super().__init__(line)
        self._model = model
        self._spoken: Spoken | None = None
        self._dead: set[str] = set()  # items whose remaining audio is dropped
        self._began: float | None = None
        self._ended = 0.0
        self._due: TurnTimes | None = None
        self._latency = AnswerLatency(self.emit)
        self._reader: asyncio.Task[None] | None = None
        self._stopped_at = 0.0

    @property
    def taps(self) -> Sequence[Tap]:
        return (Tap(caller_ulaw=self._model.append_audio),)

    @property
    def waits_for_silence(self) -> bool:
        return self._began is not None

    def begin(self) -> None:
        self._reader = asyncio.create_task(self._read())
        if self.line.plan.agent.greeting:
            self._create_response()

    def tick(self, now: float) -> None:
        self._check_finished()
        self.line.termination.tick(now, not self.mixer.agent.silent(now))

    def on_played(self) -> None:
        if self._spoken is not None:
            self._latency.report(self._spoken.times, self.mixer.agent.sounded_at)
        self._check_finished()

    async def close(self) -> None:
        self._interrupt()
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        await self._model.close()
        while not self._model.events.empty():  # the usage of the last response
            self._take(self._model.events.get_nowait())
        self.turns.commit()

    async def _read(self) -> None:
        while True:
            self._take(await self._model.events.get())

    def _take(self, event: dict[str, Any]) -> None:
        now = self.clock.now()
        match event:
            case {"type": "input_audio_buffer.speech_started", "audio_start_ms": start_ms}:
                self._began = self.clock.at_audio(start_ms)
                self._interrupt()
                self.turns.began(self._began, start_ms)
            case {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": end_ms}:
                self._ended, self._due = self.clock.at_audio(end_ms), None
                self._stopped_at = now
            case {"type": "conversation.item.input_audio_transcription.completed", "transcript": text}:
                self.turns.take(text, self._ended, self.clock.at_audio)
                self.turns.commit()
                self._began = None
                self._due = TurnTimes(self._ended, self._stopped_at, now)
                self._create_response()
            case {"type": "response.output_audio_transcript.delta", "item_id": item_id, "delta": words}:
                if item_id not in self._dead:
                    spoken = self._open(item_id, now)
                    spoken.times.first_word = spoken.times.first_word or now
                    spoken.utterance.plan(words)
                    spoken.entry.set_text(spoken.utterance.text.strip())
            case {"type": "response.output_audio.delta", "item_id": item_id, "delta": audio}:
                if item_id not in self._dead:
                    spoken = self._open(item_id, now)
                    spoken.times.first_audio = spoken.times.first_audio or now
                    self.mixer.agent.receive(SpeechChunk(audio), now)
                    self.line.usage.tts_ms += len(audio) / BYTES_PER_MS
            case {"type": "response.done", "item_id": item_id, "usage": usage}:
                self.meter.record_tokens(
                    TokenUsage(usage["input"] - usage["cached"], usage["output"], cached=usage["cached"])
                )
                if self._spoken is not None and self._spoken.item_id == item_id:
                    self._spoken.is_generating = False
                    self.mixer.agent.complete(now)

    def _create_response(self) -> None:
        self.line.usage.llm_requests += 1
        self._model.send("response.create")

    def _open(self, item_id: str, now: float) -> Spoken:
        if self._spoken is None or self._spoken.item_id != item_id:
            utterance = Utterance(self.turns.number, is_answer=self._due is not None)
            self._spoken = Spoken(item_id, utterance, self.transcript.add_agent(""))
            self.mixer.agent.begin(utterance, now)
            self._latency.begin(utterance.turn, self._due)
        return self._spoken

    def _interrupt(self) -> None:
        spoken, now = self._spoken, self.clock.now()
        if spoken is None:
            return
        self.mixer.agent.drop(now)
        heard_ms = self.mixer.agent.heard_ms(now)
        if spoken.is_generating:
            self._model.send("response.cancel")
        self._model.send("conversation.item.truncate", item_id=spoken.item_id, audio_end_ms=round(heard_ms))
        self._conclude(is_interrupted=True)
        if self._began is not None:
            silenced_at = round(self.mixer.agent.silenced_at)
            self.emit(TurnInterrupted(spoken.utterance.turn, round(self._began), silenced_at))

    def _check_finished(self) -> None:
        spoken = self._spoken
        if spoken is not None and not spoken.is_generating and self.mixer.agent.finished(self.clock.now()):
            self._conclude(is_interrupted=False)
            self.line.termination.agent_finished()

    def _conclude(self, *, is_interrupted: bool) -> None:
        spoken, now, playback = self._spoken, self.clock.now(), self.mixer.agent
        assert spoken is not None
        self._spoken = None
        self._dead.add(spoken.item_id)
        began = playback.settle_sound(now)
        self._latency.report(spoken.times, began)
        self.line.usage.heard_ms += playback.heard_ms(now)
        spoken.entry.set_text(playback.heard_text(now))
        spoken.entry.close()
        if began is not None and (said := playback.describe_words(began, now, is_interrupted=is_interrupted)):
            self.emit(said)


# --- a model without turns ---


@dataclass
class Word:
    """A word that the model speaks, and where in its endless audio."""

    text: str
    start_ms: int


class DuplexModel:
    """Hears and speaks at once: for each 80 ms of the caller it gives 80 ms of its own, mostly silence.

    It says its answer when the caller has been silent, and falls silent itself once it hears the caller; as it cannot
    know what of its audio was still on its way, it is told where the caller has stopped hearing it. on_audio: called
    with audio, the words that begin in it, and, if the model has just fallen silent because of the caller, where in the
    audio that was sent the caller began.
    on_text: called with what the caller has said, its start and its end in ms of the audio that was sent.
    """

    STEP_MS = 80

    def __init__(self, caller_texts: Sequence[str], answers: Sequence[str]) -> None:
        self._caller_texts, self._answers = deque(caller_texts), deque(answers)
        self._ears, self._began_ms = VendorEars(), 0
        self._words: deque[str] = deque()
        self._word_left_ms = 0
        self._pending_ms = 0
        self._interrupted_ms: int | None = None
        self.spoken_ms = 0
        self.heard_until_ms: list[int] = []
        self.on_audio: Callable[[bytes, list[Word], int | None], None] = lambda ulaw, words, interrupted_ms: None
        self.on_text: Callable[[str, int, int], None] = lambda text, start_ms, end_ms: None

    def push(self, ulaw: bytes) -> None:
        change = self._ears.hear(ulaw)
        if change == "started":
            self._began_ms = self._ears.heard_ms - SPEECH_STARTS_MS
            self._interrupted_ms = self._began_ms if self._words or self._word_left_ms else None
            self._words.clear()
            self._word_left_ms = 0
        elif change == "stopped":
            self.on_text(self._caller_texts.popleft(), self._began_ms, self._ears.heard_ms - SPEECH_STOPS_MS)
            self._words.extend(self._answers.popleft().split())
        self._pending_ms += len(ulaw) // BYTES_PER_MS
        if self._pending_ms >= self.STEP_MS:
            self._pending_ms -= self.STEP_MS
            self._speak()

    def heard_until(self, stream_ms: int) -> None:
        """Audio of the model after this place was not heard."""
        self.heard_until_ms.append(stream_ms)

    def _speak(self) -> None:
        audio, words = bytearray(), []
        for at in range(0, self.STEP_MS, FRAME_MS):
            if not self._word_left_ms and self._words:
                words.append(Word(self._words.popleft(), self.spoken_ms + at))
                self._word_left_ms = WORD_MS
            audio += (VOICE_BYTE if self._word_left_ms else SILENCE) * (FRAME_MS * BYTES_PER_MS)
            self._word_left_ms = max(0, self._word_left_ms - FRAME_MS)
        self.spoken_ms += self.STEP_MS
        interrupted_ms, self._interrupted_ms = self._interrupted_ms, None
        self.on_audio(bytes(audio), words, interrupted_ms)


class DuplexResponder(BaseResponder):
    """Passes audio on in both directions, and keeps account of which of the model's words were heard when."""

    def __init__(self, model: DuplexModel, line: CallLine) -> None:
        super().__init__(line)
        self._model = model
        model.on_audio, model.on_text = self._on_audio, self._on_text
        self._given_ms = 0  # of the model's audio
        self._sent: deque[tuple[int, int]] = deque()  # what the carrier has: its place in the model's audio, its length
        self._heard_until = 0  # the same place
        self._words: deque[Word] = deque()
        self._saying: list[Word] = []
        self._began = self._last_at = 0.0

    @property
    def taps(self) -> Sequence[Tap]:
        return (Tap(caller_ulaw=self._model.push, agent=self._on_heard),)

    @property
    def waits_for_silence(self) -> bool:
        return False

    def begin(self) -> None: ...

    def on_played(self) -> None: ...

    def tick(self, now: float) -> None:
        self.mixer.settle(now)
        if self._saying and not self._words and self._heard_until >= self._saying[-1].start_ms + WORD_MS:
            self._report(is_interrupted=False)
        self.line.termination.tick(now)

    async def close(self) -> None:
        self._cut()
        self.meter.record(self._model.spoken_ms // DuplexModel.STEP_MS, "completion_tokens")

    def _on_audio(self, ulaw: bytes, words: list[Word], interrupted_ms: int | None) -> None:
        now = self.clock.now()
        if interrupted_ms is not None:
            self._cut()
            began = self.clock.at_audio(interrupted_ms)
            self.emit(TurnInterrupted(self.turns.number, round(began), round(now)))
        self._words.extend(words)
        length = len(ulaw) // BYTES_PER_MS
        if self.mixer.push_live(ulaw, now) is not None:
            self._sent.append((self._given_ms, length))
        self._given_ms += length
        self.line.usage.tts_ms += length

    def _on_text(self, text: str, start_ms: int, end_ms: int) -> None:
        self.turns.began(self.clock.at_audio(start_ms), start_ms)
        self.turns.take(text, self.clock.at_audio(end_ms), self.clock.at_audio)
        self.turns.commit()

    def _on_heard(self, ulaw: bytes, at: float) -> None:
        """The caller has heard the next of what was sent, whole or, before a cut, its beginning."""
        if self.mixer.has_person:  # these are not the model's
            return
        place, length = self._sent.popleft()
        heard_ms = len(ulaw) / BYTES_PER_MS
        self._heard_until = round(place + min(heard_ms, length))
        self.line.usage.heard_ms += heard_ms if ulaw.strip(SILENCE) else 0
        while self._words and self._words[0].start_ms + 0.6 * WORD_MS <= self._heard_until:
            word = self._words.popleft()
            if not self._saying:
                self._began = at + word.start_ms - place
            self._saying.append(word)
        self._last_at = at + heard_ms

    def _cut(self) -> None:
        now = self.clock.now()
        self.mixer.live.cut(now)
        self._sent.clear()
        self._words.clear()
        self._model.heard_until(self._heard_until)
        if self._saying:
            self._report(is_interrupted=True)

    def _report(self, *, is_interrupted: bool) -> None:
        text = " ".join(word.text for word in self._saying)
        ended = self._began + self._saying[-1].start_ms + WORD_MS - self._saying[0].start_ms
        self._saying = []
        self.transcript.add_agent(text).close()
        ended = min(ended, self._last_at)
        self.emit(AgentSaid(self.turns.number, text, round(self._began), round(ended), is_interrupted))


# --- the calls ---


def sounding_ms(channel: Any) -> float:
    """How long a channel of a recording holds sound."""
    return float((abs(channel) > 0.01).sum()) / BYTES_PER_MS


def check_recording(writer: RecordingWriter, caller_ms: int, scripted: ScriptedCall) -> None:
    (ready,) = scripted.events_of(RecordingReady)
    assert ready.duration_ms == pytest.approx(scripted.events_of(CallEnded)[0].duration_ms, abs=40)
    wav = read_wav(writer.path.read_bytes())
    agent_ms = sum(byte != SILENCE[0] for byte in scripted.carrier.played) / BYTES_PER_MS
    assert sounding_ms(wav.samples[:, 0]) == pytest.approx(caller_ms, abs=40)
    assert agent_ms > 600
    assert sounding_ms(wav.samples[:, 1]) == pytest.approx(agent_ms, abs=60)


def test_call_with_a_realtime_model(writer: RecordingWriter) -> None:
    model = RealtimeModel(["count please", "stop", "thank you"], [ANSWER, "I stopped", "bye"])

    async def scenario() -> tuple[ScriptedCall, Sequence[HeardMessage], CallEnded]:
        scripted = ScriptedCall(recorder=writer, make_responder=lambda line: RealtimeResponder(model, line))
        await scripted.say("", 800)
        await scripted.wait_until_sounding()
        await scripted.silence(1_200)
        await scripted.say("", 600)
        assert not scripted.carrier.sounding
        await scripted.listen_until_quiet()
        await scripted.silence(500)
        messages = scripted.call.snapshot().messages
        return scripted, messages, await scripted.hang_up()

    scripted, messages, ended = run_virtual(scenario())
    said = scripted.events_of(AgentSaid)
    turns = scripted.events_of(CallerSaid)
    assert [turn.text for turn in turns] == ["count please", "stop"]
    assert turns[0].start_ms == pytest.approx(0, abs=40)
    assert turns[0].end_ms == pytest.approx(800, abs=40)
    assert [words.interrupted for words in said] == [True, False]
    assert said[0].planned == ANSWER
    assert said[0].text
    assert ANSWER.startswith(said[0].text + " ")
    assert said[1].text == "I stopped"
    # The model knows what was heard, at the moment at which it was cut, and the next response came after that.
    answer = model.items[1]
    assert answer.truncated_ms == pytest.approx(said[0].end_ms - said[0].start_ms, abs=40)
    assert answer.truncated_ms == pytest.approx(1_320, abs=80)
    assert answer.text == "one two three four"
    # The whole answer was there before the caller spoke, so that nothing was left to cancel.
    assert model.sent == ["response.create", "conversation.item.truncate", "response.create"]
    (interrupted,) = scripted.events_of(TurnInterrupted)
    assert interrupted.cleared_ms - interrupted.speech_ms == pytest.approx(SPEECH_STARTS_MS, abs=40)
    latency, _ = scripted.events_of(TurnLatency)
    assert latency.total_ms == pytest.approx(said[0].start_ms - turns[0].end_ms, abs=1)
    assert latency.endpoint_ms == pytest.approx(400, abs=40)
    assert latency.stt_ms == pytest.approx(100, abs=40)
    texts = [(message.role, message.text) for message in messages]
    assert texts == [
        ("user", "count please"),
        ("assistant", said[0].text),
        ("user", "stop"),
        ("assistant", "I stopped"),
    ]
    usage = ended.usage
    assert usage.llm_requests == 2
    assert usage.llm_prompt_tokens == sum(
        one.quantity
        for one in scripted.events_of(UsageRecorded)
        if one.unit.endswith(("prompt_tokens", "cached_tokens"))
    )
    assert usage.llm_completion_tokens == sum(item.audio_ms // 50 for item in model.items)
    assert usage.tts_ms == sum(item.audio_ms for item in model.items)
    assert usage.heard_ms == pytest.approx(sum(b != 0xFF for b in scripted.carrier.played) / 8, abs=60)
    check_recording(writer, 1_400, scripted)


def test_realtime_model_is_canceled_while_it_generates() -> None:
    long = " ".join([ANSWER] * 5)
    model = RealtimeModel(["count please", "stop"], [long, "I stopped"])

    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(make_responder=lambda line: RealtimeResponder(model, line))
        await scripted.say("", 800)
        await scripted.wait_until_sounding()
        await scripted.silence(600)
        await scripted.say("", 600)
        await scripted.listen_until_quiet()
        await scripted.silence(300)
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    assert model.sent[1:3] == ["response.cancel", "conversation.item.truncate"]
    first, second = scripted.events_of(AgentSaid)
    assert first.interrupted
    assert model.items[1].audio_ms < len(long.split()) * WORD_MS
    assert second.text == "I stopped"
    truncated_ms = model.items[1].truncated_ms
    assert truncated_ms is not None
    assert scripted.carrier.heard_words() == pytest.approx(truncated_ms / WORD_MS + 2, abs=0.6)


def test_call_with_a_duplex_model(writer: RecordingWriter) -> None:
    model = DuplexModel(["count please", "stop"], [ANSWER, "I stopped"])

    async def scenario() -> tuple[ScriptedCall, Sequence[HeardMessage], CallEnded]:
        scripted = ScriptedCall(recorder=writer, make_responder=lambda line: DuplexResponder(model, line))
        await scripted.say("", 800)
        await scripted.silence(400 + 1_500)
        await scripted.say("", 600)
        await scripted.silence(1_500)
        messages = scripted.call.snapshot().messages
        return scripted, messages, await scripted.hang_up()

    scripted, messages, ended = run_virtual(scenario())
    said = scripted.events_of(AgentSaid)
    turns = scripted.events_of(CallerSaid)
    assert [turn.text for turn in turns] == ["count please", "stop"]
    assert turns[0].end_ms == pytest.approx(800, abs=40)
    assert [(words.text, words.interrupted) for words in said] == [
        ("one two three four five", True),
        ("I stopped", False),
    ]
    assert said[0].start_ms == pytest.approx(1_240, abs=80)
    assert said[0].end_ms - said[0].start_ms == pytest.approx(1_500, abs=160)
    assert said[1].end_ms - said[1].start_ms == pytest.approx(2 * WORD_MS, abs=40)
    cut_ms, *_ = model.heard_until_ms
    assert cut_ms <= model.spoken_ms
    assert cut_ms == pytest.approx(said[0].end_ms, abs=160)  # audio began with the call, so that its place is the time
    (interrupted,) = scripted.events_of(TurnInterrupted)
    assert interrupted.speech_ms == pytest.approx(turns[1].start_ms, abs=20)
    assert interrupted.cleared_ms - interrupted.speech_ms <= SPEECH_STARTS_MS + 2 * DuplexModel.STEP_MS
    assert interrupted.turn == 1
    texts = [(message.role, message.text) for message in messages]
    assert texts == [
        ("user", "count please"),
        ("assistant", "one two three four five"),
        ("user", "stop"),
        ("assistant", "I stopped"),
    ]
    usage = ended.usage
    assert usage.tts_ms == model.spoken_ms
    assert usage.llm_completion_tokens == model.spoken_ms // DuplexModel.STEP_MS
    assert usage.heard_ms == pytest.approx(sum(b != 0xFF for b in scripted.carrier.played) / 8, abs=160)
    check_recording(writer, 1_400, scripted)
