"""Whole calls in virtual time whose caller audio pauses, is late, lost or comes twice."""

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.audio import mulaw
from media.audio.framer import FRAME_MS
from media.audio.wav import read_wav
from media.call.recording import RecordingWriter
from media.call.stream_timeline import PAUSE_MS
from shared.events import AgentSaid, CallEnded, CallerSaid
from shared.plan import LimitsPlan, TurnPlan
from tests.calls.scripted_call import SILENCE, ScriptedCall
from tests.calls.scripted_recognizer import LevelVoiceTrack
from tests.virtual_time import run_virtual

SILENCE_MS = 600
TICK_MS = 240  # of the call, while no audio comes
TEXT_MS = 100  # of the recognizer
TURN = TurnPlan(silence_ms=SILENCE_MS, adaptive=False)


@pytest.fixture(scope="module")
def disk() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def voiced(number: int) -> bytes:
    """A frame of speech unlike any other."""
    return bytes([0x20 + number // 32, 0x40 + number % 32]) * 80


@pytest.mark.parametrize("pause_s", [10, 25, 60])
@pytest.mark.parametrize("in_timestamps", [True, False])
def test_call_goes_on_after_a_long_pause_of_the_line(pause_s: int, in_timestamps: bool) -> None:
    """The agent's own limit of silence counts all the same; here it is longer than the pause."""

    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(turn=TURN, limits=LimitsPlan(idle_nudge_s=0, silence_s=90))
        await scripted.say("what are your hours", 1_000)
        await scripted.pause(pause_s * 1_000, in_timestamps=in_timestamps)
        await scripted.say("and on sundays", 800)
        await scripted.silence(4_000)
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    assert [said.text for said in scripted.events_of(CallerSaid)] == ["what are your hours", "and on sundays"]
    assert [said.text for said in scripted.events_of(AgentSaid)] == ["I see.", "I see."]
    (ended,) = scripted.events_of(CallEnded)
    assert (ended.status, ended.end_reason) == ("completed", "caller_hangup")


@pytest.mark.parametrize("in_timestamps", [True, False])
def test_caller_who_stops_sending_after_speaking_is_answered_in_time(in_timestamps: bool) -> None:
    async def scenario() -> tuple[ScriptedCall, float]:
        scripted = ScriptedCall(turn=TURN)
        await scripted.silence(400)
        await scripted.say("what are your hours", 1_000)
        ended = scripted.now()
        await scripted.pause(4_000, in_timestamps=in_timestamps)
        await scripted.say("and on sundays", 800)
        await scripted.pause(4_000, in_timestamps=in_timestamps)
        await scripted.hang_up()
        return scripted, ended

    scripted, ended = run_virtual(scenario())
    first, second = scripted.events_of(CallerSaid)
    assert (first.text, second.text) == ("what are your hours", "and on sundays")
    assert first.end_ms == pytest.approx(ended, abs=FRAME_MS)
    assert [said.text for said in scripted.events_of(AgentSaid)] == ["I see.", "I see."]
    assert scripted.turn_taken_ms <= 400 + 1_000 + 4_000 + 800 + SILENCE_MS + TICK_MS


def test_pause_while_the_agent_speaks_changes_nothing() -> None:
    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(greeting="Hello and welcome to this call", turn=TURN)
        await scripted.pause(4_000)
        await scripted.say("hello", 600)
        await scripted.listen_until_quiet()
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    assert [said.interrupted for said in scripted.events_of(AgentSaid)] == [False, False]
    assert [said.text for said in scripted.events_of(CallerSaid)] == ["hello"]


def test_speech_over_the_agent_that_stops_with_its_audio_is_decided() -> None:
    """The caller says "uh-huh" and sends nothing more: the agent goes on."""

    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(greeting="Hello and welcome to this very long greeting of ours", turn=TURN)
        await scripted.wait_until_sounding()
        await scripted.silence(600)
        await scripted.say("uh-huh", 200)
        await scripted.pause(6_000)
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    (said,) = scripted.events_of(AgentSaid)
    assert said.text == "Hello and welcome to this very long greeting of ours" and not said.interrupted


def test_words_after_a_stall_in_mid_sentence_are_answered_too() -> None:
    """The stall is longer than the silence that ends a turn, so its second half comes when the turn has ended."""

    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(turn=TURN, track=LevelVoiceTrack())
        slots: list[list[tuple[bytes, int]]] = [[(voiced(n), n * FRAME_MS)] for n in range(40)]
        slots += [[] for _ in range(60)]
        slots[-1] = [(voiced(n), n * FRAME_MS) for n in range(40, 100)]
        scripted.recognizer.text = "one two"
        await scripted.receive(slots)
        scripted.recognizer.text = "one two three four"
        await scripted.receive([[(SILENCE, n * FRAME_MS)] for n in range(100, 300)])
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    assert scripted.recognizer.voiced == [voiced(n) for n in range(100)]
    said = " ".join(event.text for event in scripted.events_of(CallerSaid))
    assert said.endswith("three four")
    assert scripted.events_of(AgentSaid)[-1].text == "I see."


@dataclass(frozen=True)
class Line:
    """One turn of the caller over a bad line. words: its stretches of speech and the silences between, in frames.

    lost: numbers of frames that never come. copied: of those that come twice. stalls: (first frame, frames) that come
    at once when the last of them was spoken. media_pauses: nothing is sent while the caller is silent; else silence.
    """

    words: list[tuple[int, int]]
    lost: set[int]
    copied: set[int]
    stalls: list[tuple[int, int]]
    media_pauses: bool

    def frames(self) -> list[bytes]:
        frames: list[bytes] = []
        for speech, silence in self.words:
            frames += [voiced(len(frames) + n) for n in range(speech)]
            frames += [SILENCE] * silence
        while frames[-1] == SILENCE:
            frames.pop()
        return frames

    def slots(self) -> list[list[tuple[bytes, int]]]:
        """What comes in each 20 ms, in the order in which it was spoken, as over TCP."""
        frames = self.frames()
        after = 100
        slots: list[list[tuple[bytes, int]]] = [[] for _ in range(len(frames) + after)]
        slot = 0
        for number, frame in enumerate([*frames, *[SILENCE] * after]):
            if frame == SILENCE and self.media_pauses:
                continue
            slot = max(slot, number, *(first + count - 1 for first, count in self.stalls if first <= number))
            if number not in self.lost:
                piece = (frame, number * FRAME_MS)
                slots[min(slot, len(slots) - 1)] += [piece, piece] if number in self.copied else [piece]
        return slots


numbers = st.sets(st.integers(0, 200), max_size=40)
lines = st.builds(
    Line,
    words=st.lists(st.tuples(st.integers(5, 40), st.integers(0, 20)), min_size=1, max_size=4),
    lost=numbers,
    copied=numbers,
    stalls=st.lists(st.tuples(st.integers(0, 100), st.integers(1, 20)), max_size=3),
    media_pauses=st.booleans(),
)


@settings(max_examples=40, deadline=None)
@given(line=lines)
def test_any_pauses_bursts_and_losses(line: Line, disk: Executor, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("recording") / "call.wav"
    slots = line.slots()
    came = [(frame, slot) for slot, pieces in enumerate(slots) for frame, _ in pieces if frame != SILENCE]
    spoken = list(dict.fromkeys(frame for frame, _ in came))
    if not spoken:
        return

    async def scenario() -> tuple[ScriptedCall, int]:
        recorder = RecordingWriter(path, disk)
        scripted = ScriptedCall(turn=TURN, track=LevelVoiceTrack(), recorder=recorder)
        scripted.recognizer.text = "some words"
        await scripted.receive(slots)
        return scripted, (await scripted.hang_up()).duration_ms

    scripted, length_ms = run_virtual(scenario())
    assert scripted.recognizer.voiced == spoken, "all that came, once and in order"
    heard_ms = (came[-1][1] + 1) * FRAME_MS
    concealed_ms = 3 * FRAME_MS
    latest = heard_ms + SILENCE_MS + max(TICK_MS, PAUSE_MS + TEXT_MS) + FRAME_MS + concealed_ms
    assert scripted.turns_taken and scripted.turn_taken_ms <= latest
    check_recording(path, spoken, length_ms)


def check_recording(path: Path, spoken: list[bytes], length_ms: float) -> None:
    samples = read_wav(path.read_bytes()).samples
    left = mulaw.encode((samples[:, 0] * 32_768).astype("<i2").tobytes())
    assert len(left) / 8 == pytest.approx(length_ms, abs=FRAME_MS)
    assert all(left.count(frame) == 1 for frame in spoken)
