"""WAV files: written during a call, and read from any source."""

import io
import struct
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile  # type: ignore[import-untyped]  # ships no types
from hypothesis import given
from hypothesis import strategies as st

from media.audio.pcm import audioop
from media.audio.wav import HEADER_BYTES, Wav, WavError, WavWriter, interleave, read_wav

RAMP = np.linspace(-0.9, 0.9, 301)


def wav_bytes(form: bytes, data: bytes, *, size: int | None = None, extra: bytes = b"") -> bytes:
    """A file of these chunks; `size` is what the data chunk claims."""
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + extra
    chunks += b"data" + struct.pack("<I", len(data) if size is None else size) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def form(tag: int = 1, channels: int = 1, rate: int = 8000, bits: int = 16) -> bytes:
    width = channels * bits // 8
    return struct.pack("<HHIIHH", tag, channels, rate, rate * width, width, bits)


def code(data: bytes) -> str:
    with pytest.raises(WavError) as caught:
        read_wav(data)
    return caught.value.code


# the writer


def test_a_stereo_file_is_read_by_other_readers() -> None:
    file = io.BytesIO()
    writer = WavWriter(file, channels=2)
    left, right = struct.pack("<3h", 1, 2, 3), struct.pack("<3h", -1, -2, -3)
    writer.write(interleave(left, right))
    writer.sync()
    assert writer.frames == 3
    with wave.open(io.BytesIO(file.getvalue())) as reader:
        assert (reader.getnchannels(), reader.getframerate(), reader.getnframes()) == (2, 8000, 3)
        assert struct.unpack("<6h", reader.readframes(3)) == (1, -1, 2, -2, 3, -3)


def test_the_header_is_right_at_every_sync_and_writing_continues() -> None:
    file = io.BytesIO()
    writer = WavWriter(file, channels=1, sample_rate=16000)
    for count in range(1, 4):
        writer.write(bytes(640))
        writer.sync()
        assert len(read_wav(file.getvalue()).samples) == 320 * count
        assert len(file.getvalue()) == HEADER_BYTES + 640 * count
        with wave.open(io.BytesIO(file.getvalue())) as reader:
            assert (reader.getnframes(), reader.getframerate()) == (320 * count, 16000)


def test_a_crash_loses_only_what_came_after_the_latest_sync(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    with path.open("wb") as file:
        writer = WavWriter(file, channels=1)
        writer.write(b"\x01\x00" * 160)
        writer.sync()
        writer.write(b"\x02\x00" * 40)
        file.flush()
        copy = path.read_bytes()
    assert len(copy) == HEADER_BYTES + 400
    with wave.open(io.BytesIO(copy)) as reader:
        assert reader.readframes(1000) == b"\x01\x00" * 160


def test_parts_of_frames_are_refused() -> None:
    with pytest.raises(ValueError, match="not whole frames of 2 channels"):
        WavWriter(io.BytesIO(), channels=2).write(bytes(6))


def test_more_data_than_the_header_can_count_is_refused() -> None:
    writer = WavWriter(io.BytesIO(), channels=1)
    writer.data_bytes = 0xFFFFFFFF - 36 - 1
    with pytest.raises(WavError, match="too_long"):
        writer.write(bytes(2))


def test_interleaving_unequal_legs_is_refused() -> None:
    with pytest.raises(audioop.error):
        interleave(bytes(4), bytes(2))


@given(st.lists(st.tuples(st.integers(-32768, 32767), st.integers(-32768, 32767)), max_size=50))
def test_written_files_are_read(frames: list[tuple[int, int]]) -> None:
    file = io.BytesIO()
    writer = WavWriter(file, channels=2)
    left, right = (struct.pack(f"<{len(frames)}h", *leg) for leg in (zip(*frames, strict=True) if frames else ((), ())))
    writer.write(interleave(left, right))
    writer.sync()
    wav = read_wav(file.getvalue())
    assert (wav.samples * 32768).astype(int).tolist() == [list(frame) for frame in frames]


# the reader


@pytest.mark.parametrize(
    ("subtype", "tolerance"),
    [
        ("PCM_U8", 1 / 128),
        ("PCM_16", 1 / 32768),
        ("PCM_24", 1e-6),
        ("PCM_32", 1e-6),
        ("FLOAT", 1e-6),
        ("DOUBLE", 1e-6),
        ("ULAW", 0.03),
        ("ALAW", 0.03),
    ],
)
@pytest.mark.parametrize("kind", ["WAV", "WAVEX"])
@pytest.mark.parametrize("channels", [1, 2])
def test_files_written_by_libsndfile_are_read(subtype: str, tolerance: float, kind: str, channels: int) -> None:
    file = io.BytesIO()
    sound = np.column_stack([RAMP, -RAMP])[:, :channels]
    soundfile.write(file, sound, 22050, subtype, format=kind)
    wav = read_wav(file.getvalue())
    assert wav.sample_rate == 22050
    assert wav.samples.shape == sound.shape
    assert wav.samples.dtype == np.float32
    assert np.all(np.abs(wav.samples - sound) <= tolerance)


def test_length_and_mono() -> None:
    wav = Wav(8000, np.array([[0.5, -0.5], [1.0, 0.5]] * 4000, np.float32))
    assert wav.seconds == 1.0
    assert wav.mono()[:2].tolist() == [0.0, 0.75]


def test_full_scale() -> None:
    assert read_wav(wav_bytes(form(), struct.pack("<2h", -32768, 16384))).samples.ravel().tolist() == [-1.0, 0.5]
    assert read_wav(wav_bytes(form(bits=8), b"\x00\x80\xc0")).samples.ravel().tolist() == [-1.0, 0.0, 0.5]
    assert read_wav(wav_bytes(form(bits=24), b"\x00\x00\x80\x00\x00\x40")).samples.ravel().tolist() == [-1.0, 0.5]


def test_other_chunks_are_ignored_also_odd_ones() -> None:
    odd = b"LIST" + struct.pack("<I", 3) + b"abc\x00"
    assert len(read_wav(wav_bytes(form(), bytes(20), extra=odd)).samples) == 10


@pytest.mark.parametrize("size", [0xFFFFFFFF, 1000])
def test_a_size_beyond_the_end_means_up_to_the_end(size: int) -> None:
    assert len(read_wav(wav_bytes(form(), bytes(21), size=size)).samples) == 10


def test_nan_becomes_silence_and_loud_floats_are_clipped() -> None:
    data = struct.pack("<5d", float("nan"), float("inf"), -1e300, 0.25, float("-inf"))
    assert read_wav(wav_bytes(form(3, bits=64), data)).samples.ravel().tolist() == [0.0, 1.0, -1.0, 0.25, -1.0]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "not_wav"),
        (b"ID3\x04 not at all a wave", "not_wav"),
        (b"RIFX" + wav_bytes(form(), b"")[4:], "not_wav"),
        (b"RIFF\x04\x00\x00\x00WAVE", "no_data"),
        (wav_bytes(form(), b"")[:40], "no_data"),
        (b"RIFF\x04\x00\x00\x00WAVEdata\x02\x00\x00\x00\x01\x00", "no_format"),
        (wav_bytes(form()[:14], b""), "bad_format"),
        (wav_bytes(form(channels=0), b""), "bad_format"),
        (wav_bytes(form(rate=0), b""), "bad_format"),
        (wav_bytes(form(bits=0), b""), "unsupported"),
        (wav_bytes(form(bits=12), b""), "unsupported"),
        (wav_bytes(form(tag=3, bits=16), b""), "unsupported"),
        (wav_bytes(form(tag=0x55), b""), "unsupported"),
        (wav_bytes(form(tag=0xFFFE), b""), "unsupported"),
        (wav_bytes(form(tag=0xFFFE) + bytes(24), b""), "unsupported"),
    ],
)
def test_unreadable_files_raise_their_error(data: bytes, expected: str) -> None:
    assert code(data) == expected


@given(
    st.binary(max_size=60),
    st.sampled_from([1, 3, 6, 7, 0xFFFE]),
    st.integers(0, 3),
    st.sampled_from([0, 4, 8, 16, 24, 32, 64]),
    st.binary(max_size=60),
)
def test_only_wav_errors_are_raised(data: bytes, tag: int, channels: int, bits: int, junk: bytes) -> None:
    good = wav_bytes(form(tag, channels, 8000, bits), data)
    for file in (good, good[: len(junk)] + junk, b"RIFF\x00\x00\x00\x00WAVE" + junk, junk):
        try:
            wav = read_wav(file)
        except WavError:
            continue
        assert wav.samples.dtype == np.float32
        assert np.all(np.abs(wav.samples) <= 1)
