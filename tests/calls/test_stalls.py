"""Whole calls in virtual time whose process or network stands still for a while: the recording is as long as the call,
with what was said in its place."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from media.audio import mulaw
from media.audio.framer import FRAME_MS
from media.audio.wav import read_wav
from media.call.recording import RecordingWriter
from shared.plan import TurnPlan
from tests.calls.scripted_call import SILENCE, VOICE, ScriptedCall
from tests.virtual_time import run_virtual

# Long enough to sound through every stall below.
LONG_GREETING = "word " * 50
SECOND = 1_000 // FRAME_MS


class StalledCall(ScriptedCall):
    """A call whose process can be stopped. The carrier goes on meanwhile: it plays what it has, and sends what the
    caller says, which waits in the kernel."""

    async def stand_still(self, ms: int, speech: bytes = SILENCE) -> None:
        """The process is stopped (SIGSTOP, a paused virtual machine). Then timers run before sockets are read."""
        frames, marks = ms // FRAME_MS, self.carrier.marks
        waiting: list[str] = []
        for _ in range(frames):
            self.carrier.step()
            waiting += marks
            marks.clear()
        self._frames += frames
        await asyncio.sleep(ms / 1000)
        self.call.tick()
        for _ in range(frames):
            self.hear(speech)
        for mark in waiting:
            self.call.on_mark(mark)


@pytest.fixture(scope="module")
def disk() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def sounds(samples: "np.ndarray[tuple[int], np.dtype[np.float32]]") -> tuple[float, float]:
    """From when to when a side sounds, in ms."""
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    return float(loud[0]) / 8, float(loud[-1]) / 8


@pytest.mark.parametrize(("greeting", "stall_ms"), [(LONG_GREETING, 9_000), ("", 15_000)])
def test_recording_is_as_long_as_its_call_after_the_process_stood_still(
    tmp_path: Path, disk: Executor, greeting: str, stall_ms: int
) -> None:
    path = tmp_path / "call.wav"

    async def scenario() -> tuple[StalledCall, int]:
        call = StalledCall(greeting=greeting, turn=TurnPlan(barge_in=False), recorder=RecordingWriter(path, disk))
        await call.silence(4_000)
        await call.stand_still(stall_ms)
        await call.silence(2_000)
        await call.speak("hello", VOICE * SECOND)
        await call.silence(1_000)
        return call, (await call.hang_up()).duration_ms

    call, length_ms = run_virtual(scenario())
    samples = read_wav(path.read_bytes()).samples
    assert len(samples) / 8 == pytest.approx(length_ms, abs=2 * FRAME_MS)
    assert sounds(samples[:, 0]) == pytest.approx((length_ms - 2_000, length_ms - 1_000), abs=150)
    if greeting:
        heard = mulaw.encode((samples[:, 1] * 32_768).astype("<i2").tobytes())
        lost_ms = sum(byte == 0x30 for byte in call.carrier.played) / 8 - sum(byte == 0x30 for byte in heard) / 8
        assert abs(lost_ms) <= 400, "the agent's words are in it once"


def test_recording_is_as_long_as_its_call_after_the_network_stood_still(tmp_path: Path, disk: Executor) -> None:
    path, stall_ms = tmp_path / "call.wav", 9_000

    async def scenario() -> int:
        call = ScriptedCall(turn=TurnPlan(), recorder=RecordingWriter(path, disk))
        await call.silence(4_000)
        for _ in range(stall_ms // FRAME_MS):
            await call.pause(FRAME_MS, in_timestamps=False)
        for _ in range(stall_ms // FRAME_MS):
            call.hear(SILENCE)
        await call.silence(2_000)
        return (await call.hang_up()).duration_ms

    length_ms = run_virtual(scenario())
    assert len(read_wav(path.read_bytes()).samples) / 8 == pytest.approx(length_ms, abs=2 * FRAME_MS)
