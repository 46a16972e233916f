"""Times of words in events are those of the sound: at the caller's, in the recording, whichever recognizer heard it."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from control.calls.recordings.rules import PADDING_MS, find_stretches
from media.audio import mulaw
from media.audio.wav import read_wav
from media.call.recording import RecordingWriter
from media.providers.chain.stt import SpeechToTextChain
from media.providers.factory import Providers
from media.providers.ports import (
    ProviderError,
    RecognizedText,
    SpeechToTextFailed,
    SpeechToTextSession,
    SpeechToTextSink,
    TimedWord,
)
from shared.events import AgentSaid, CallerSaid, CallUsage
from shared.plan import ResumePoint
from tests.calls.scripted_call import ScriptedCall, ScriptedModel, ScriptedVoice
from tests.calls.scripted_recognizer import LevelVoiceTrack
from tests.media.call.test_recording import ImmediateExecutor
from tests.virtual_time import run_virtual

FRAME = 160
# Each word is a tone of its own: a square wave of this mu-law byte.
WORDS = {0x10: "four", 0x14: "one", 0x18: "nine", 0x1C: "now"}
# How far the time of a word may be from its sound.
NEAR_MS = 100


def sound(word: str, ms: int = 400) -> bytes:
    """The word's audio."""
    byte = next(one for one, text in WORDS.items() if text == word)
    return bytes([byte, byte | 0x80]) * (ms * 4)


@dataclass
class TimingRecognizer:
    """Hears the words, with their times in what it was sent. fails_at: word that it breaks down at. is_timed: it tells
    the times. opens_s: until a session is open."""

    name: str
    fails_at: str = ""
    is_timed: bool = True
    opens_s: float = 0.0
    sessions: int = field(default=0)

    async def open(self, language: str, sink: SpeechToTextSink) -> SpeechToTextSession:
        await asyncio.sleep(self.opens_s)
        self.sessions += 1
        return Listening(self, sink)


class Listening:
    """A session."""

    def __init__(self, recognizer: TimingRecognizer, sink: SpeechToTextSink) -> None:
        self._recognizer = recognizer
        self._sink = sink
        self._words: list[TimedWord] = []
        self._asked = 0
        self._ms = 0
        self._last = 0

    def push(self, ulaw: bytes) -> None:
        for at in range(0, len(ulaw), FRAME):
            self._hear(ulaw[at])

    def _hear(self, byte: int) -> None:
        word, self._ms = WORDS.get(byte), self._ms + 20
        if word is not None and byte == self._last:
            begun = self._words.pop()
            self._words.append(TimedWord(word, begun.start_ms, self._ms))
        elif word is not None:
            self._words.append(TimedWord(word, self._ms - 20, self._ms))
        self._last = byte
        if word is not None and word == self._recognizer.fails_at:
            self._sink(SpeechToTextFailed(ProviderError(self._recognizer.name, "scripted failure")))

    def started(self) -> None: ...

    def finalize(self, token: int) -> None:
        asyncio.get_running_loop().call_later(0.1, self._answer, token)

    def _answer(self, token: int) -> None:
        self._asked = len(self._words)
        words = tuple(self._words) if self._recognizer.is_timed else ()
        self._sink(RecognizedText(" ".join(word.text for word in self._words), True, token, words))

    def next_turn(self) -> None:
        del self._words[: self._asked]

    async def close(self) -> None: ...


@dataclass
class Recorded:
    """What a call left: where each word sounds in the recording, and what events say."""

    caller: np.ndarray[tuple[int], np.dtype[np.float32]]
    said: list[CallerSaid]

    def sounds(self, word: str, nth: int = 0) -> tuple[int, int]:
        """Where a word sounds the nth time, in ms."""
        level = abs(read_level(word))
        loud = np.abs(np.abs(self.caller) - level) < 0.002
        edges = np.flatnonzero(np.diff(np.concatenate([[False], loud, [False]]).astype(int))).reshape(-1, 2)
        start, end = edges[nth]
        return int(start) // 8, int(end) // 8

    def assert_times(self, turn: int, *words: tuple[str, int]) -> None:
        """That these words, each the nth of its kind, are timed where they sound."""
        said = self.said[turn]
        assert said.text.split() == [word for word, _ in words]
        assert len(said.word_ms) == 2 * len(words)
        for place, (word, nth) in enumerate(words):
            start, end = self.sounds(word, nth)
            assert abs(said.word_ms[2 * place] - start) <= NEAR_MS and abs(said.word_ms[2 * place + 1] - end) <= NEAR_MS


def read_level(word: str) -> float:
    """The amplitude of a word in a recording."""
    return float(np.frombuffer(mulaw.decode(sound(word)[:1]), "<i2")[0]) / 32_768


def record(tmp_path: Path, *recognizers: TimingRecognizer, burst: bool = False, gap_ms: int = 0) -> Recorded:
    """A call of two turns: "four one", "nine now". burst: "nine" comes late, at once. gap_ms: no audio comes so long
    before "now"."""
    writer = RecordingWriter(tmp_path / "call.wav", ImmediateExecutor())

    async def run() -> list[CallerSaid]:
        chain = SpeechToTextChain(recognizers, lambda failed: None)
        providers = Providers(chain, ScriptedModel(["Go on.", "Thank you."]), ScriptedVoice())
        scripted = ScriptedCall(providers=providers, recorder=writer, track=LevelVoiceTrack())
        await scripted.silence(700)
        await scripted.speak("", sound("four") + b"\xff" * 800 + sound("one"))
        await scripted.listen_until_quiet()
        if burst:
            await scripted.burst(sound("nine"), "")
        else:
            await scripted.speak("", sound("nine"))
        await scripted.pause(gap_ms)
        await scripted.speak("", sound("now"))
        await scripted.listen_until_quiet()
        await scripted.silence(1_000)
        await scripted.hang_up()
        return scripted.events_of(CallerSaid)

    said = run_virtual(run())
    return Recorded(read_wav(writer.path.read_bytes()).samples[:, 0], said)


def test_words_are_timed_where_they_sound(tmp_path: Path) -> None:
    call = record(tmp_path, TimingRecognizer("a"))
    call.assert_times(0, ("four", 0), ("one", 0))
    call.assert_times(1, ("nine", 0), ("now", 0))


@pytest.mark.parametrize("fails_at", ["four", "one", "nine", "now"])
def test_the_next_recognizer_which_hears_the_audio_again_has_the_same_times(tmp_path: Path, fails_at: str) -> None:
    first, second = TimingRecognizer("a", fails_at), TimingRecognizer("b", opens_s=0.3)
    call = record(tmp_path, first, second)
    assert second.sessions == 1
    call.assert_times(0, ("four", 0), ("one", 0))
    call.assert_times(1, ("nine", 0), ("now", 0))


def test_times_are_right_where_the_session_is_open_late(tmp_path: Path) -> None:
    record(tmp_path, TimingRecognizer("a", opens_s=1.2)).assert_times(0, ("four", 0), ("one", 0))


def test_a_recognizer_without_times_gives_none_and_the_one_after_it_its_own(tmp_path: Path) -> None:
    call = record(tmp_path, TimingRecognizer("a", fails_at="nine", is_timed=False), TimingRecognizer("b"))
    assert call.said[0].word_ms == ()
    call.assert_times(1, ("nine", 0), ("now", 0))


def test_a_pause_of_the_carriers_moves_no_word(tmp_path: Path) -> None:
    call = record(tmp_path, TimingRecognizer("a"), gap_ms=300)
    call.assert_times(1, ("nine", 0), ("now", 0))


def test_words_of_a_turn_whose_audio_was_held_up_are_timed_right_or_not_at_all(tmp_path: Path) -> None:
    call = record(tmp_path, TimingRecognizer("a"), burst=True)
    call.assert_times(0, ("four", 0), ("one", 0))
    assert call.said[1].text == "nine now" and call.said[1].word_ms == ()


@pytest.mark.parametrize("is_recorded", [True, False])
def test_words_after_audio_that_displaced_the_recording_have_no_times(tmp_path: Path, is_recorded: bool) -> None:
    """They would be right by the clock, but not in the recording, where they are redacted by them."""
    writer = RecordingWriter(tmp_path / "call.wav", ImmediateExecutor()) if is_recorded else None

    async def run() -> None:
        providers = Providers(TimingRecognizer("a"), ScriptedModel(["Go on.", "Thank you."]), ScriptedVoice())
        scripted = ScriptedCall(providers=providers, recorder=writer, track=LevelVoiceTrack())
        await scripted.silence(700)
        more = b"\xff" * 8 * 1_300 + sound("nine")  # than time has passed for
        for start in range(0, len(more), 160):
            scripted.hear(more[start : start + 160])
        await scripted.listen_until_quiet()
        await scripted.speak("", sound("now"))
        await scripted.listen_until_quiet()
        await scripted.hang_up()
        late, said = scripted.events_of(CallerSaid)
        assert late.word_ms == () and said.text == "now"
        assert bool(said.word_ms) is not is_recorded

    run_virtual(run())


def test_words_of_a_later_stream_are_on_the_calls_clock() -> None:
    async def run() -> None:
        providers = Providers(TimingRecognizer("a"), ScriptedModel(), ScriptedVoice())
        resume = ResumePoint([], turn=2, usage=CallUsage(), began_ms=0, lost_ms=60_000)
        scripted = ScriptedCall(providers=providers, track=LevelVoiceTrack(), resume=resume, before_ms=61_000)
        await scripted.listen_until_quiet()
        began = scripted.now()
        await scripted.speak("", sound("four"))
        await scripted.listen_until_quiet()
        await scripted.hang_up()
        (said,) = scripted.events_of(CallerSaid)
        assert abs(said.word_ms[0] - began) <= NEAR_MS and abs(said.word_ms[1] - began - 400) <= NEAR_MS

    run_virtual(run())


def test_what_is_silenced_by_the_times_of_words_is_their_sound_and_no_other_words(tmp_path: Path) -> None:
    call = record(tmp_path, TimingRecognizer("a"))
    said = call.said[0]
    times = {"start_ms": said.start_ms, "end_ms": said.end_ms, "word_ms": said.word_ms}
    (stretch,) = find_stretches([{"speaker": "caller", "text": "[redacted: national id] one", **times}])
    start, end = call.sounds("four")
    assert stretch.start_ms <= start - PADDING_MS + NEAR_MS and stretch.end_ms >= end + PADDING_MS - NEAR_MS
    assert stretch.end_ms < call.sounds("one")[1]


def test_the_agents_words_are_timed_where_they_sound() -> None:
    async def run() -> None:
        scripted = ScriptedCall(greeting="Good morning to you.")
        await scripted.listen_until_quiet()
        await scripted.hang_up()
        (said,) = scripted.events_of(AgentSaid)
        heard = np.flatnonzero(np.frombuffer(bytes(scripted.carrier.played), np.uint8) != 0xFF) // 8
        assert abs(said.word_ms[0] - heard[0]) <= NEAR_MS and abs(said.word_ms[-1] - heard[-1]) <= NEAR_MS
        steps = [end - start for start, end in zip(said.word_ms[::2], said.word_ms[1::2], strict=True)]
        assert steps == [300] * 4

    run_virtual(run())
