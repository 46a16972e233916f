"""A call's recording while it is paused: silent, and of the same length."""

from pathlib import Path

import numpy as np
import pytest

from media.audio import mulaw
from media.audio.wav import read_wav
from media.call.audio_pauses import PAUSE_TAIL_MS
from media.call.call_recording import CallRecording
from media.call.event_emitter import EventEmitter
from media.call.output_mixer import OutputMixer
from media.call.recording import LocalArchive, RecordingWriter
from media.call.recording_consent import ConsentState
from tests.calls.scripted_call import EventRecorder, ScriptedCarrier
from tests.media.call.test_recording import ImmediateExecutor

TONE = mulaw.encode(np.full(160, 8_000, dtype="<i2").tobytes())
FRAME_MS = 20
GIVEN, PAUSED = ConsentState("given"), ConsentState("given", is_paused=True)


class PausedCall:
    """A recording in which both sides always sound; agent audio is reported 200 ms after it was heard."""

    def __init__(self, path: Path) -> None:
        self.path = path
        writer = RecordingWriter(path, ImmediateExecutor())
        emitter, mixer = EventEmitter("c-1", EventRecorder()), OutputMixer(ScriptedCarrier())
        self.recording = CallRecording(writer, LocalArchive(), emitter, mixer, leg=0, now=0.0)
        self.recording.follow_consent(GIVEN, 0.0)
        self.now = 0.0

    def run_until(self, ms: float) -> None:
        while self.now < ms:
            self.now += FRAME_MS
            self.recording.add_caller(TONE, self.now)
            if self.now % 200 == 0:
                self.recording.add_agent(TONE * 10, self.now - 200)
            self.recording.tick(self.now)

    async def silent_ms(self) -> list[list[tuple[int, int]]]:
        """Of each side, from when to when it was silent."""
        await self.recording.close(self.now)
        samples = read_wav(self.path.read_bytes()).samples
        assert len(samples) == self.now * 8
        return [silences(np.abs(side) < 0.01) for side in samples.T]


def silences(quiet: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]") -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], quiet.astype(int), [0]]))) // 8
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


@pytest.fixture
def call(tmp_path: Path) -> PausedCall:
    return PausedCall(tmp_path / "call.wav")


async def test_both_sides_are_silent_in_a_pause(call: PausedCall) -> None:
    call.run_until(1_000)
    call.recording.follow_consent(PAUSED, call.now)
    call.recording.follow_consent(PAUSED, call.now)
    call.run_until(3_000)
    call.recording.follow_consent(GIVEN, call.now)
    call.recording.follow_consent(GIVEN, call.now + 5_000)
    call.run_until(6_000)
    end = 3_000 + round(PAUSE_TAIL_MS)
    assert await call.silent_ms() == [[(1_000, end)], [(1_000, end)]]


async def test_pause_that_begins_within_agent_audio_silences_all_of_it(call: PausedCall) -> None:
    call.run_until(1_100)
    call.recording.follow_consent(PAUSED, call.now)
    call.run_until(2_000)
    caller, agent = await call.silent_ms()
    assert (caller, agent) == ([(1_100, 2_000)], [(1_000, 2_000)])


async def test_without_a_pause_nothing_is_silent(call: PausedCall) -> None:
    call.run_until(500)
    call.recording.follow_consent(GIVEN, call.now)
    call.run_until(1_000)
    assert await call.silent_ms() == [[], []]


async def test_recording_is_written_though_the_event_loop_is_late_all_the_time(call: PausedCall) -> None:
    """A machine with too much to do: its calls' recordings must not stay in memory until they end."""
    for half_second in range(1, 41):
        call.now = half_second * 500
        call.recording.add_caller(TONE * 25, call.now)
        call.recording.tick(call.now)
    written = read_wav(call.path.read_bytes()).seconds
    assert written >= 18.0
    await call.recording.close(call.now)
