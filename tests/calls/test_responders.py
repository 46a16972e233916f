"""The port `Responder` fits realtime models of both shapes: stand-ins of them carry whole calls.

They use nothing of the cascade: neither a floor, nor a recognizer, a model or a voice of the plan.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from media.audio import mulaw
from media.audio.wav import read_wav
from media.call.call_language import CallLanguage, plan_language
from media.call.recording import RecordingWriter
from media.call.responder import CallLine, Responder, ResponderState
from media.call.snapshot import CallSnapshot
from media.call.taps import Tap
from media.call.utterance import Utterance
from media.providers.ports import Message, SpeechChunk, TimedWord
from shared.events import AgentSaid, CallerSaid, EndReason, RecordingReady
from tests.calls.scripted_call import FRAME_MS, SILENCE, VOICE, ScriptedCall
from tests.media.call.test_recording import ImmediateExecutor
from tests.virtual_time import run_virtual

WORD_MS = 200


def tone(hz: int) -> bytes:
    """A frame that neither the caller nor another voice makes."""
    return mulaw.encode((8_000 * np.sin(np.arange(160) * 2 * np.pi * hz / 8_000)).astype("<i2").tobytes())


AGENT, PERSON = tone(500), tone(1_000)


@dataclass
class ResponseSession:
    """A simulated vendor whose model answers in responses: it finds the ends of turns itself.

    truncated: how much of each interrupted item the caller has heard, as the client told. canceled: responses.
    """

    on_speech: Callable[[], None]
    on_turn: Callable[[str], None]
    answer: str = "I can book that for you right now"
    truncated: list[tuple[int, int]] = field(default_factory=list)
    canceled: int = 0
    items: int = 0
    _voice_ms: int = 0
    _silence_ms: int = 0

    def append_audio(self, ulaw: bytes) -> None:
        if ulaw == VOICE:
            self._voice_ms, self._silence_ms = self._voice_ms + FRAME_MS, 0
            if self._voice_ms == 100:
                self.on_speech()
        elif self._voice_ms:
            self._silence_ms += FRAME_MS
            if self._silence_ms >= 400:
                said, self._voice_ms, self._silence_ms = self._voice_ms >= 100, 0, 0
                if said:
                    self.on_turn("a table for two please")

    def create_response(self) -> tuple[int, list[tuple[str, bytes]]]:
        """An item, and its words with their audio."""
        self.items += 1
        return self.items, [(word, AGENT * (WORD_MS // FRAME_MS)) for word in self.answer.split()]


class ResponseShaped:
    """Speaks with a model whose vendor takes turns: items, cancel, truncate."""

    def __init__(self, line: CallLine) -> None:
        self._line = line
        self.language: CallLanguage = plan_language(line.plan)
        self.session = ResponseSession(self._interrupt, self._answer)
        self.taps = (Tap(caller_ulaw=self.session.append_audio),)
        self.waits_for_silence = False
        self._item = self._turn = 0
        self._began = 0.0
        self._messages: list[Message] = []

    def begin(self) -> None:
        pass

    def frame_heard(self, audio_ms: int) -> None:
        pass

    def on_played(self) -> None:
        self._check_end()

    def on_digit(self, digit: str) -> None:
        pass

    def on_text(self, text: str) -> None:
        pass

    def tick(self, now: float) -> None:
        self._check_end()

    def note(self, text: str) -> None:
        pass

    def person_said(self, text: str, began: float) -> None:
        pass

    def pause(self) -> None:
        pass

    def resume(self) -> None:
        pass

    def line_is_free(self) -> None:
        pass

    def say(self, text: str) -> None:
        self._speak([(word, AGENT * (WORD_MS // FRAME_MS)) for word in text.split()])

    def say_last(self, text: str) -> None:
        self.say(text)

    def machine_answered(self) -> None:
        self._line.termination.begin("voicemail", "", after_speech=False)

    def end(self, reason: EndReason) -> None:
        self._line.termination.begin(reason, "", after_speech=False)

    @property
    def holder(self) -> Literal["caller", "agent", "none"]:
        return "none"

    def end_stream(self) -> None:
        pass

    def state(self) -> ResponderState:
        return ResponderState(tuple(self._messages), self._turn)

    async def close(self) -> None:
        self._report(interrupted=True)

    def _answer(self, text: str) -> None:
        self._turn += 1
        now = round(self._line.clock.now())
        self._line.emitter.emit(CallerSaid(self._turn, text, now - 1_000, now - 400))
        self._messages.append(Message("user", text))
        self._item, words = self.session.create_response()
        self._speak(words)

    def _speak(self, words: list[tuple[str, bytes]]) -> None:
        playback, self._began = self._line.mixer.agent, self._line.clock.now()
        utterance = Utterance(self._turn)
        playback.begin(utterance, self._began)
        for place, (word, audio) in enumerate(words):
            utterance.plan(f"{word} ")
            timed = TimedWord(word, place * WORD_MS, (place + 1) * WORD_MS)
            playback.receive(SpeechChunk(audio, (timed,)), self._began)
        playback.complete(self._began)

    def _interrupt(self) -> None:
        now, playback = self._line.clock.now(), self._line.mixer.agent
        if not playback.finished(now):
            playback.drop(now)
            self.session.canceled += 1
            self.session.truncated.append((self._item, round(playback.heard_ms(now))))
            self._report(interrupted=True)

    def _check_end(self) -> None:
        if self._line.mixer.agent.finished(self._line.clock.now()):
            self._report(interrupted=False)

    def _report(self, *, interrupted: bool) -> None:
        now, playback = self._line.clock.now(), self._line.mixer.agent
        if playback.utterance is None or not (heard := playback.heard_text(now)):
            return
        self._line.emitter.emit(AgentSaid(self._turn, heard, round(self._began), round(now), interrupted))
        self._messages.append(Message("assistant", heard))
        playback.utterance = None


class Duplex:
    """Speaks with a model that hears and speaks all the time: a frame out for each frame in, and no turns."""

    def __init__(self, line: CallLine) -> None:
        self._line = line
        self.language: CallLanguage = plan_language(line.plan)
        self.taps = (Tap(caller_ulaw=self._hear),)
        self.waits_for_silence = True
        self.heard = bytearray()
        self._frame = SILENCE

    def _hear(self, ulaw: bytes) -> None:
        self.heard += ulaw
        self._frame = AGENT if ulaw == VOICE else SILENCE

    def frame_heard(self, audio_ms: int) -> None:
        self._line.mixer.push_live(self._frame, self._line.clock.now())

    def begin(self) -> None: ...

    def on_played(self) -> None: ...

    def on_digit(self, digit: str) -> None: ...

    def on_text(self, text: str) -> None: ...

    def tick(self, now: float) -> None: ...

    def line_is_free(self) -> None: ...

    def note(self, text: str) -> None: ...

    def person_said(self, text: str, began: float) -> None: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def say(self, text: str) -> None: ...

    def say_last(self, text: str) -> None: ...

    def machine_answered(self) -> None: ...

    def end(self, reason: EndReason) -> None:
        self._line.termination.begin(reason, "", after_speech=False)

    @property
    def holder(self) -> Literal["caller", "agent", "none"]:
        return "none"

    def end_stream(self) -> None: ...

    def state(self) -> ResponderState:
        return ResponderState()

    async def close(self) -> None: ...


async def test_both_are_responders() -> None:
    made: list[Responder] = []

    def make(line: CallLine) -> Responder:
        made.extend([ResponseShaped(line), Duplex(line)])
        return made[0]

    ScriptedCall(make_responder=make)
    assert len(made) == 2


def test_response_shaped_model_is_cut_at_what_was_heard_and_answers_again() -> None:
    made: list[ResponseShaped] = []

    def make(line: CallLine) -> ResponseShaped:
        made.append(ResponseShaped(line))
        return made[0]

    async def scenario() -> tuple[ScriptedCall, CallSnapshot]:
        scripted = ScriptedCall(make_responder=make)
        await scripted.say("", 600)
        await scripted.wait_until_sounding()
        await scripted.silence(3 * WORD_MS)
        await scripted.say("", 600)  # interrupts
        await scripted.listen_until_quiet()
        await scripted.hang_up()
        return scripted, scripted.call.snapshot()

    scripted, snapshot = run_virtual(scenario())
    (responder,) = made
    whole = responder.session.answer
    first, second = scripted.events_of(AgentSaid)
    assert first.interrupted and whole.startswith(first.text) and first.text != whole
    assert not second.interrupted and second.text == whole
    ((item, heard_ms),) = responder.session.truncated
    assert item == 1 and len(first.text.split()) * WORD_MS <= heard_ms + WORD_MS and responder.session.canceled == 1
    assert [said.turn for said in scripted.events_of(CallerSaid)] == [1, 2]
    assert [message.role for message in snapshot.messages] == ["user", "assistant", "user", "assistant"]
    assert snapshot.reported_turns == 2


def test_duplex_model_speaks_without_turns_and_yields_to_a_person(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "call.wav", ImmediateExecutor())
    made: list[Duplex] = []

    def make(line: CallLine) -> Duplex:
        made.append(Duplex(line))
        return made[0]

    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(make_responder=make, recorder=writer)
        await scripted.say("", 400)
        scripted.call.begin_speaking()
        for _ in range(20):
            scripted.call.speak(PERSON)
            await scripted.say("", FRAME_MS)
        scripted.call.end_speaking()
        await scripted.silence(600)
        await scripted.say("", 400)
        await scripted.silence(400)
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    played = bytes(scripted.carrier.played)
    assert PERSON * 20 in played and AGENT * 18 in played
    begins = played.index(PERSON)
    assert AGENT not in played[begins : begins + 20 * 160] and AGENT in played[begins + 20 * 160 :]
    assert made[0].heard.count(VOICE) == 60
    (ready,) = scripted.events_of(RecordingReady)
    samples = read_wav(Path(ready.path).read_bytes()).samples
    assert np.abs(samples).max(axis=0).min() > 0.01
    assert scripted.events_of(AgentSaid) == [] and scripted.events_of(CallerSaid) == []
