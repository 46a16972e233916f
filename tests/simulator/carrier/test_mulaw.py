"""Mu-law against the values of ITU-T G.711."""

import numpy as np

from simulator.carrier.mulaw import FRAME, SILENT_FRAME, decode, encode, to_int16


def test_extremes_and_zero() -> None:
    assert decode(bytes([0x00, 0x80, 0xFF, 0x7F, 0xFE, 0x8F])).tolist() == [-32_124, 32_124, 0, 0, 8, 16_764]


def test_every_code_survives_a_round_trip() -> None:
    codes = bytes(range(256))
    # 0x7F is the second zero, which an encoder never produces.
    assert encode(decode(codes)) == codes.replace(b"\x7f", b"\xff")


def test_error_is_at_most_half_a_step() -> None:
    samples = np.arange(-32_635, 32_636).astype(np.int16)
    error = np.abs(decode(encode(samples)).astype(int) - samples)
    step = 2.0 ** (np.floor(np.log2(np.abs(samples.astype(int)) + 132)) - 4)
    assert (error <= step / 2).all()


def test_the_loudest_samples_are_clipped_not_wrapped() -> None:
    assert decode(encode(np.array([32_767, -32_768], dtype=np.int16))).tolist() == [32_124, -32_124]


def test_floats_beyond_full_scale_are_clipped() -> None:
    assert to_int16(np.array([2.0, -2.0, 0.0], dtype=np.float32)).tolist() == [32_767, -32_767, 0]


def test_a_silent_frame_is_silent_and_20_ms_long() -> None:
    assert len(SILENT_FRAME) == FRAME == 160
    assert not decode(SILENT_FRAME).any()
