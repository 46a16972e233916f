"""A person who listens receives what the recording has, within 400 ms, and nothing that may not be kept."""

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from media.audio import mulaw
from media.audio.wav import read_wav
from media.call.listening import DELAY_MS, ListenedAudio, LiveAudio
from media.call.recording import RecordingWriter
from media.call.recording_consent import ConsentState
from media.call.taps import Tap
from shared.plan import ConsentPlan, TurnPlan
from tests.calls.scripted_call import ScriptedCall
from tests.media.call.test_recording import ImmediateExecutor
from tests.virtual_time import run_virtual

TONE = bytes(range(1, 161))
SILENT = mulaw.SILENCE * 160
GIVEN = ConsentState("given")


class Listener:
    """Takes from a call what a listener's socket would send, with each 20 ms of the caller's audio."""

    def __init__(self, scripted: ScriptedCall) -> None:
        self._call = scripted.call
        self._audio = audio = LiveAudio(self._call.elapsed_ms)
        self.frames: list[ListenedAudio] = []
        self.latest_lag_ms = 0.0

        def add_caller(ulaw: bytes, now: float) -> None:
            audio.add_caller(ulaw, now)
            self._take()

        self._call.add_tap(Tap(caller=add_caller, agent=audio.add_agent, consent=audio.follow_consent))

    def _take(self) -> None:
        self._call.settle_heard()
        now = self._call.elapsed_ms
        while (frame := self._audio.take(now)) is not None:
            self.frames.append(frame)
            self.latest_lag_ms = max(self.latest_lag_ms, now - frame.at_ms)

    def stereo(self) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
        """Both sides from the beginning of the call on."""
        sides = [b"".join(getattr(frame, side) for frame in self.frames) for side in ("caller", "agent")]
        start = np.zeros((self.frames[0].at_ms * 8, 2))
        pcm = [np.frombuffer(mulaw.decode(side), dtype="<i2") / 32_768 for side in sides]
        return np.concatenate([start, np.stack(pcm, axis=1)])


def run_call(
    path: Path, consent: ConsentPlan | None
) -> tuple[Listener, "np.ndarray[tuple[int, ...], np.dtype[np.float64]]"]:
    async def scenario() -> Listener:
        writer = RecordingWriter(path, ImmediateExecutor())
        greeting = "Hello, how can I help you today?"
        scripted = ScriptedCall(greeting=greeting, turn=TurnPlan(silence_ms=400), recorder=writer, consent=consent)
        listener = Listener(scripted)
        await scripted.say("hello", 600)
        await scripted.listen_until_quiet()
        await scripted.say("I need an appointment", 900)
        await scripted.listen_until_quiet()
        await scripted.silence(700)
        await scripted.hang_up()
        return listener

    listener = run_virtual(scenario())
    return listener, read_wav(path.read_bytes()).samples.astype(np.float64)


def test_listener_receives_both_legs_of_the_recording_within_400_ms(tmp_path: Path) -> None:
    listener, recorded = run_call(tmp_path / "call.wav", None)
    heard = listener.stereo()
    length = min(len(recorded), len(heard))
    assert length > 4_500 * 8
    for side in range(2):
        assert np.abs(recorded[:length, side]).max() > 0.01
        assert np.corrcoef(recorded[1_600:length, side], heard[1_600:length, side])[0, 1] > 0.99
    assert DELAY_MS <= listener.latest_lag_ms <= 400


def test_listener_receives_nothing_before_consent_was_given(tmp_path: Path) -> None:
    listener, recorded = run_call(tmp_path / "call.wav", ConsentPlan("This call is recorded.", ("no",), "9"))
    withheld = [frame for frame in listener.frames if frame.is_withheld]
    open_frames = [frame for frame in listener.frames if not frame.is_withheld]
    assert withheld and open_frames and withheld[-1].at_ms < open_frames[0].at_ms
    assert all(not (set(frame.caller) | set(frame.agent)) - set(mulaw.SILENCE) for frame in withheld)
    begins = int(np.flatnonzero(np.abs(recorded).max(axis=1) > 0)[0]) // 8
    assert withheld[-1].at_ms <= begins + 20


def feed(audio: LiveAudio, start: int, stop: int) -> list[ListenedAudio]:
    """Both sides sound from `start` to `stop`."""
    frames = []
    for now in range(start + 20, stop + 20, 20):
        audio.add_caller(TONE, float(now))
        audio.add_agent(TONE, now - 20.0)
        if frame := audio.take(float(now)):
            frames.append(frame)
    return frames


def test_both_sides_are_silent_while_keys_are_collected() -> None:
    audio = LiveAudio(0.0)
    audio.follow_consent(GIVEN, 0.0)
    before = feed(audio, 0, 1_000)
    audio.follow_consent(ConsentState("given", is_paused=True), 1_000.0)
    paused = feed(audio, 1_000, 2_000)
    audio.follow_consent(GIVEN, 2_000.0)
    frames = before + paused + feed(audio, 2_000, 4_000)
    for frame in frames:
        is_paused = 1_000 <= frame.at_ms < 3_000
        assert frame.is_withheld == is_paused
        assert (frame.caller == frame.agent == SILENT) == is_paused
    assert frames[0].caller == frames[0].agent == TONE


def test_refusal_also_withholds_queued_audio() -> None:
    audio = LiveAudio(0.0)
    audio.follow_consent(GIVEN, 0.0)
    heard = feed(audio, 0, 1_000)
    audio.follow_consent(ConsentState("refused"), 1_000.0)
    later = feed(audio, 1_000, 2_000)
    assert not any(frame.is_withheld for frame in heard)
    assert all(frame.is_withheld and set(frame.caller + frame.agent) == set(mulaw.SILENCE) for frame in later)


def test_burst_after_a_stall_does_not_make_the_listener_later() -> None:
    audio = LiveAudio(0.0)
    audio.follow_consent(GIVEN, 0.0)
    feed(audio, 0, 1_000)
    for now in range(1_100, 2_100, 100):  # nothing comes for a second, then all of it
        audio.take(float(now))
    for _ in range(50):
        audio.add_caller(TONE, 2_000.0)
    audio.take(2_020.0)
    assert audio.late_ms > 500
    marked = bytes(160 * [0x10])
    audio.add_caller(marked, 2_040.0)
    frames = [frame for now in range(2_060, 2_600, 20) if (frame := audio.take(float(now)))]
    found = next(frame for frame in frames if 0x10 in frame.caller)
    assert found.at_ms <= 2_040 + 200


def received(frames: list[tuple[bytes, float]], period: int) -> bytes:
    """The caller's side, if the listener takes audio after each `period` frames, and once more a second later."""
    audio, heard = LiveAudio(0.0), bytearray()
    audio.follow_consent(GIVEN, 0.0)
    for index, (ulaw, now) in enumerate(frames):
        audio.add_caller(ulaw, now)
        if index % period == period - 1 and (due := audio.take(now)):
            heard += due.caller
    while due := audio.take(frames[-1][1] + 1_000.0):
        heard += due.caller
    return bytes(heard)


@given(st.lists(st.integers(0, 39), min_size=20, max_size=60), st.integers(2, 9), st.integers(0, 59))
def test_rare_takes_move_no_frame_by_more_than_the_jitter(jitter: list[int], period: int, gap_at: int) -> None:
    late_ms = [400.0 if index >= gap_at else 0.0 for index in range(len(jitter))]
    times = [20.0 * (index + 1) + late_ms[index] + 0.5 * jitter[index] for index in range(len(jitter))]
    frames = [(bytes([index + 1]) * 160, time) for index, time in enumerate(times)]
    seldom, often = received(frames, period), received(frames, 1)
    for ulaw, _ in frames:
        assert seldom.count(ulaw[:1]) == often.count(ulaw[:1]) == len(ulaw)
        assert abs(seldom.index(ulaw) - often.index(ulaw)) <= 8 * 20


def test_message_has_a_header_and_both_sides() -> None:
    message = ListenedAudio(70_000, b"\x01" * 800, b"\x02" * 800, is_withheld=True).encode()
    assert message == bytes.fromhex("70110100 01 00 2003".replace(" ", "")) + b"\x01" * 800 + b"\x02" * 800
