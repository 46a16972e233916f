"""The recording: two channels on one clock, nothing lost, playable after each flush; its errors do not end the call."""

import asyncio
import errno
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from media.audio import mulaw
from media.audio.mulaw import BYTES_PER_MS, SILENCE
from media.audio.wav import read_wav
from media.call.disk_backlog import DiskBacklog
from media.call.recording import RecordingWriter
from media.call.stereo_mix import GAP_MS, SEAM_MS, SETTLE_MS, StereoMix
from tests.full_disk import full_disk


def sound(byte: int, ms: int) -> bytes:
    return bytes([byte]) * (ms * BYTES_PER_MS)


def channels(pcm: bytes) -> tuple[bytes, bytes]:
    """Returns the two channels of interleaved PCM as mu-law (the codes that the tests use survive the round trip)."""
    both = np.frombuffer(pcm, "<i2").reshape(-1, 2)
    return mulaw.encode(both[:, 0].tobytes()), mulaw.encode(both[:, 1].tobytes())


def quiet(ms: float) -> bytes:
    return SILENCE * round(ms * BYTES_PER_MS)


# --- the caller's channel ---


def test_caller_is_left_and_agent_right() -> None:
    mix = StereoMix()
    mix.add_caller(sound(0x10, 100), 100)
    mix.add_agent(sound(0x20, 40), 0)
    assert channels(mix.take(100)) == (sound(0x10, 100), sound(0x20, 40) + quiet(60))


def test_gap_in_the_caller_audio_is_silence() -> None:
    mix = StereoMix()
    mix.add_caller(sound(0x10, 20), 20)
    mix.add_caller(sound(0x11, 20), 1_020)
    assert channels(mix.take(1_020))[0] == sound(0x10, 20) + quiet(980) + sound(0x11, 20)


def test_jitter_makes_no_gap() -> None:
    mix = StereoMix()
    for number in range(10):
        mix.add_caller(sound(number + 1, 20), 20 * (number + 1) + (GAP_MS - 1 if number % 3 == 1 else 0))
    assert channels(mix.take(200))[0] == b"".join(sound(number + 1, 20) for number in range(10))


def test_inserted_silence_is_removed_when_the_audio_was_only_late() -> None:
    """The network stalls for a second and then delivers everything at once."""
    mix = StereoMix()
    mix.add_caller(sound(0x10, 20), 20)
    for number in range(50):
        mix.add_caller(sound(number, 20), 1_020 + number / 10)
    left = channels(mix.take(mix.end_ms))[0]
    assert left.endswith(b"".join(sound(number, 20) for number in range(50)))
    assert len(left) / BYTES_PER_MS == pytest.approx(1_025, abs=5)


def test_silence_stays_once_a_second_of_audio_has_come_in_its_time() -> None:
    """The carrier left a gap; what is late after that was said later."""
    mix = StereoMix()
    mix.add_caller(sound(0x10, 1_000), 1_000)
    for number in range(76):
        mix.add_caller(sound(0x11, 20), 4_020 + 20 * number)
    assert mix.settled_ms(6_020) == mix.caller_ms == 5_520
    mix.add_caller(sound(0x12, 1_000), 5_600)
    left = channels(mix.take(mix.end_ms))[0]
    assert left == sound(0x10, 1_000) + quiet(3_000) + sound(0x11, 1_520) + sound(0x12, 1_000)


def test_silence_that_was_already_taken_is_not_removed() -> None:
    mix = StereoMix()
    mix.add_caller(sound(0x10, 20), 20)
    mix.add_caller(sound(0x11, 20), 1_020)
    taken = mix.take(500)
    mix.add_caller(sound(0x12, 980), 1_025)
    left = channels(taken + mix.take(mix.end_ms))[0]
    assert left.endswith(sound(0x11, 20) + sound(0x12, 980))
    assert left.startswith(sound(0x10, 20) + quiet(480))


@given(
    frames=st.lists(st.tuples(st.integers(0, 900), st.booleans()), min_size=1, max_size=60),
    takes=st.sets(st.integers(0, 59)),
)
def test_caller_channel_loses_nothing_and_is_never_ahead_of_the_clock(
    frames: list[tuple[int, bool]], takes: set[int]
) -> None:
    """Frames come 20 ms apart, or in a burst after a stall."""
    mix, now, sent, left = StereoMix(), 0.0, 0, b""
    for number, (pause, stalled) in enumerate(frames):
        now = max(now, 20 * (number + 1)) + (pause if stalled else 0)
        mix.add_caller(sound(number + 1, 20), now)
        sent += 20
        if number in takes:
            left += channels(mix.take(now - SETTLE_MS))[0]
    left += channels(mix.take(max(now, mix.end_ms)))[0]
    assert left.replace(SILENCE, b"") == b"".join(sound(number + 1, 20) for number in range(len(frames)))
    if not takes:
        assert len(left) / BYTES_PER_MS <= now + 1


# --- the agent's channel ---


def test_agent_audio_is_placed_where_it_was_heard() -> None:
    mix = StereoMix()
    mix.add_agent(sound(0x20, 100), 300)
    mix.add_agent(sound(0x21, 100), 700)
    assert channels(mix.take(900))[1] == quiet(300) + sound(0x20, 100) + quiet(300) + sound(0x21, 100) + quiet(100)


def test_consecutive_agent_audio_is_joined_without_a_gap() -> None:
    mix = StereoMix()
    mix.add_agent(sound(0x20, 100), 0)
    mix.add_agent(sound(0x21, 100), 100 + SEAM_MS)
    mix.add_agent(sound(0x22, 100), 150)
    assert channels(mix.take(300))[1] == sound(0x20, 100) + sound(0x21, 100) + sound(0x22, 100)


@given(
    pieces=st.lists(st.tuples(st.integers(0, 400), st.integers(1, 300)), max_size=30),
    every=st.integers(1, 7),
)
def test_agent_channel_holds_every_byte_once_whenever_it_is_taken(pieces: list[tuple[int, int]], every: int) -> None:
    mix, now, right, expected = StereoMix(), 0.0, b"", b""
    for number, (pause, ms) in enumerate(pieces):
        audio = sound(number + 1, ms)
        mix.add_agent(audio, now + pause)
        expected += audio
        now += pause + ms
        if number % every == 0:
            right += channels(mix.take(now - SETTLE_MS))[1]
    right += channels(mix.take(max(now, mix.end_ms)))[1]
    assert right.replace(SILENCE, b"") == expected


def test_each_millisecond_is_taken_once() -> None:
    mix = StereoMix()
    mix.add_caller(sound(0x10, 100), 100)
    assert len(mix.take(60.4)) + len(mix.take(100)) == 100 * BYTES_PER_MS * 4
    assert mix.take(100) == mix.take(40) == b""


# --- the file ---


class ImmediateExecutor(Executor):
    """Runs each job in `submit` and counts them."""

    def __init__(self) -> None:
        self.jobs = 0

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.jobs += 1
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@pytest.fixture
def disk() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def test_file_contains_both_channels_to_their_end(tmp_path: Path, disk: ThreadPoolExecutor) -> None:
    recorder = RecordingWriter(tmp_path / "calls" / "a.wav", disk)
    for number in range(100):
        recorder.add_caller(sound(0x10, 20), 20 * (number + 1))
    recorder.add_agent(sound(0x20, 300), 500)
    recorder.flush(1_000)
    recorder.add_agent(sound(0x21, 110), 1_900)
    recorder.flush(2_000, last=True)
    assert asyncio.run(recorder.close()) == 2_010
    wav = read_wav(recorder.path.read_bytes())
    assert (wav.sample_rate, wav.samples.shape) == (8_000, (2_010 * 8, 2))
    pcm = (wav.samples * 32_768).astype("<i2").tobytes()
    left, right = channels(pcm)
    assert left == sound(0x10, 2_000) + quiet(10)
    assert right == quiet(500) + sound(0x20, 300) + quiet(1_100) + sound(0x21, 110)


def test_the_file_can_be_played_after_each_flush(tmp_path: Path) -> None:
    recorder = RecordingWriter(tmp_path / "a.wav", ImmediateExecutor())
    for second in (1, 2, 3):
        recorder.add_caller(sound(0x10, 1_000), second * 1_000)
        recorder.flush(second * 1_000)
        assert read_wav(recorder.path.read_bytes()).seconds == second - SETTLE_MS / 1_000
    asyncio.run(recorder.close())


def test_disk_is_not_used_before_audio_is_settled(tmp_path: Path) -> None:
    disk = ImmediateExecutor()
    recorder = RecordingWriter(tmp_path / "a.wav", disk)
    recorder.add_caller(sound(0x10, 200), 200)
    recorder.flush(SETTLE_MS)
    assert disk.jobs == 0


def test_empty_recording_has_length_zero(tmp_path: Path, disk: ThreadPoolExecutor) -> None:
    assert asyncio.run(RecordingWriter(tmp_path / "a.wav", disk).close()) == 0


def test_disk_that_never_works_costs_the_recording_and_not_the_call(tmp_path: Path, disk: ThreadPoolExecutor) -> None:
    (tmp_path / "file").write_bytes(b"")
    lost = list[float]()
    recorder = RecordingWriter(tmp_path / "file" / "a.wav", disk, count_lost=lost.append)
    with capture_logs() as logs:
        for second in (1, 2, 3):
            recorder.add_caller(sound(0x10, 1_000), second * 1_000)
            recorder.flush(second * 1_000)
        assert asyncio.run(recorder.close()) == 0
    assert [entry["event"] for entry in logs] == ["recording.interrupted", "recording.incomplete"]
    assert sum(lost) == 2.5


@pytest.mark.parametrize("at_s", [0.0, 1.75], ids=["from the beginning", "in the middle of a piece"])
def test_recording_goes_on_when_the_disk_works_again(tmp_path: Path, at_s: float) -> None:
    lost = list[float]()
    recorder = RecordingWriter(tmp_path / "a.wav", ImmediateExecutor(), count_lost=lost.append)

    def record(second: int) -> None:
        recorder.add_caller(sound(0x10 + second, 1_000), second * 1_000)
        recorder.flush(second * 1_000 + SETTLE_MS)

    with capture_logs() as logs:
        if at_s:
            record(1)
        for second in (2, 3) if at_s else (1, 2, 3):
            with full_disk(round(at_s * 32_000)):
                record(second)
        record(4)
        assert asyncio.run(recorder.close()) == 4_000
    events = ["recording.interrupted", "recording.continued", "recording.incomplete"]
    assert [(entry["event"], entry["recording"]) for entry in logs] == [(event, "a") for event in events]
    kept = 1_000 if at_s else 0
    assert sum(lost) == (3_000 - kept) / 1_000
    wav = read_wav(recorder.path.read_bytes())
    left, _ = channels((wav.samples * 32_768).astype("<i2").tobytes())
    assert left == sound(0x11, kept) + quiet(3_000 - kept) + sound(0x14, 1_000)


class _FullFile(FileIO):
    """Takes holes, as a file on a full disk does, but no bytes where `refuses` says so of their position."""

    refuses: Callable[[int], bool] = staticmethod(lambda position: False)

    def write(self, data: Any, /) -> int:
        if _FullFile.refuses(self.tell()):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)


@pytest.mark.parametrize("refused", [lambda at: True, lambda at: at == 0], ids=["sound", "only the header"])
def test_a_full_disk_is_reported_once_and_shifts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Callable[[int], bool]
) -> None:
    monkeypatch.setattr(Path, "open", lambda self, mode, buffering: _FullFile(self, mode))
    recorder = RecordingWriter(tmp_path / "a.wav", ImmediateExecutor())

    def record(second: int) -> None:
        recorder.add_caller(sound(0x10 + second, 1_000), second * 1_000)
        recorder.flush(second * 1_000 + SETTLE_MS)

    with capture_logs() as logs:
        record(1)
        monkeypatch.setattr(_FullFile, "refuses", staticmethod(refused))
        for second in (2, 3, 4):
            record(second)
        monkeypatch.undo()
        record(5)
        assert asyncio.run(recorder.close()) == 5_000
    events = ["recording.interrupted", "recording.continued", "recording.incomplete"]
    assert [entry["event"] for entry in logs] == events
    assert [entry["lost_s"] for entry in logs[1:]] == [3.0, 3.0]
    wav = read_wav(recorder.path.read_bytes())
    left, _ = channels((wav.samples * 32_768).astype("<i2").tobytes())
    assert left == sound(0x11, 1_000) + quiet(3_000) + sound(0x15, 1_000)


def test_removed_folder_costs_what_was_recorded_and_the_rest_is_kept_in_a_new_file(tmp_path: Path) -> None:
    folder, lost = tmp_path / "recordings", list[float]()
    recorder = RecordingWriter(folder / "a.wav", ImmediateExecutor(), count_lost=lost.append)

    def record(second: int) -> None:
        recorder.add_caller(sound(0x10 + second, 1_000), second * 1_000)
        recorder.flush(second * 1_000 + SETTLE_MS)

    with capture_logs() as logs:
        record(1)
        with full_disk(32_044):
            record(2)
        record(3)
        shutil.rmtree(folder)
        record(4)
        record(5)
        assert asyncio.run(recorder.close()) == 5_000
    assert sum(lost) == recorder.lost_ms / 1_000 == 3.0
    errors = [entry["error"] for entry in logs if entry["event"] == "recording.interrupted"]
    assert errors[-1] == "the file has vanished"
    left, _ = channels((read_wav(recorder.path.read_bytes()).samples * 32_768).astype("<i2").tobytes())
    assert left == quiet(3_000) + sound(0x14, 1_000) + sound(0x15, 1_000)


def test_folder_that_cannot_be_looked_into_for_a_while_costs_nothing(tmp_path: Path) -> None:
    """Nobody has removed the file, so no new one is written over it."""
    folder, away = tmp_path / "recordings", tmp_path / "away"
    recorder = RecordingWriter(folder / "a.wav", ImmediateExecutor())

    def record(second: int) -> None:
        recorder.add_caller(sound(0x10 + second, 1_000), second * 1_000)
        recorder.flush(second * 1_000 + SETTLE_MS)

    record(1)
    folder.rename(away)
    folder.symlink_to(folder)  # ELOOP
    record(2)
    folder.unlink()
    away.rename(folder)
    record(3)
    assert asyncio.run(recorder.close()) == 3_000 and recorder.lost_ms == 0
    left, _ = channels((read_wav(recorder.path.read_bytes()).samples * 32_768).astype("<i2").tobytes())
    assert left == sound(0x11, 1_000) + sound(0x12, 1_000) + sound(0x13, 1_000)


def test_file_that_is_removed_at_last_is_lost_and_says_so(tmp_path: Path) -> None:
    recorder = RecordingWriter(tmp_path / "a.wav", ImmediateExecutor())
    recorder.add_caller(sound(0x10, 1_000), 1_000)
    recorder.flush(1_000, last=True)
    recorder.path.unlink()
    with capture_logs():
        assert asyncio.run(recorder.close()) == 0
    assert recorder.lost_ms == 1_000


def test_disk_that_hangs_costs_sound_and_no_memory(tmp_path: Path, disk: ThreadPoolExecutor) -> None:
    """Two calls share the backlog, which holds two seconds."""
    backlog, released, lost = DiskBacklog(64_000), threading.Event(), list[float]()
    recorders = [RecordingWriter(tmp_path / f"{n}.wav", disk, 0.0, lost.append, backlog) for n in range(2)]
    disk.submit(released.wait)
    with capture_logs() as logs:
        for second in (1, 2, 3):
            for recorder in recorders:
                recorder.add_caller(sound(0x10 + second, 1_000), second * 1_000)
                recorder.flush(second * 1_000 + SETTLE_MS)
        assert backlog.waiting_bytes == 64_000
        released.set()
        disk.submit(int).result()
        for recorder in recorders:
            recorder.add_caller(sound(0x14, 1_000), 4_000)
            recorder.flush(4_000, last=True)
            assert asyncio.run(recorder.close()) == 4_000
    assert backlog.waiting_bytes == 0
    assert sum(lost) == 4.0 and [recorder.lost_ms for recorder in recorders] == [2_000, 2_000]
    assert {entry["error"] for entry in logs if entry["event"] == "recording.interrupted"} == {"the disk is too slow"}
    left, _ = channels((read_wav(recorders[0].path.read_bytes()).samples * 32_768).astype("<i2").tobytes())
    assert left == sound(0x11, 1_000) + quiet(2_000) + sound(0x14, 1_000)
