"""Splitting chunks into 20 ms frames."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.audio.framer import FRAME, Framer


def test_an_aligned_frame_is_returned_as_it_is() -> None:
    framer, chunk = Framer(), bytes(FRAME)
    (out,) = framer.push(chunk)
    assert out is chunk
    assert framer.flush() == ()


@pytest.mark.parametrize(("length", "frames"), [(0, 0), (1, 0), (159, 0), (161, 1), (320, 2), (1599, 9)])
def test_whole_frames_are_returned_at_once(length: int, frames: int) -> None:
    assert len(Framer().push(bytes(length))) == frames


def test_a_frame_after_a_rest_is_split_again() -> None:
    framer = Framer()
    assert framer.push(b"a") == []
    assert framer.push(b"b" * FRAME) == [b"a" + b"b" * (FRAME - 1)]
    assert framer.flush() == (b"b".ljust(FRAME, b"\xff"),)


def test_flush_pads_with_silence_once() -> None:
    framer = Framer()
    framer.push(b"\x01\x02")
    assert framer.flush() == (b"\x01\x02" + b"\xff" * (FRAME - 2),)
    assert framer.flush() == ()


def test_clear_discards_the_rest() -> None:
    framer = Framer()
    framer.push(b"old")
    framer.clear()
    assert framer.push(bytes(FRAME)) == (bytes(FRAME),)


@given(st.lists(st.binary(max_size=400) | st.just(bytes(FRAME))))
def test_frames_are_the_concatenated_chunks(chunks: list[bytes]) -> None:
    framer = Framer()
    frames = [frame for chunk in chunks for frame in framer.push(chunk)]
    data = b"".join(chunks)
    assert len(frames) == len(data) // FRAME
    frames += framer.flush()
    assert all(len(frame) == FRAME for frame in frames)
    assert b"".join(frames) == data.ljust(FRAME * len(frames), b"\xff")
