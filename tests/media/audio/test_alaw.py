"""G.711 A-law, all codes, and its conversion to mu-law."""

import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from media.audio import alaw, mulaw

CODES = bytes(range(256))


def linear(code: int) -> int:
    """Recommendation G.711's A-law at 16 bits, by its rule: even bits inverted, sign, 3-bit segment, 4-bit interval."""
    bits = code ^ 0x55
    segment, interval = bits >> 4 & 7, bits & 15
    size = 2 * interval + 1 if segment == 0 else 2 * interval + 33 << segment - 1
    return size * 8 if bits & 0x80 else -size * 8


def samples(pcm: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(pcm) // 2}h", pcm)


def test_every_code_has_its_value() -> None:
    assert samples(alaw.decode(CODES)) == tuple(linear(code) for code in range(256))


def test_known_values() -> None:
    assert samples(alaw.decode(b"\xd5\x55\xaa\x2a")) == (8, -8, 32256, -32256)
    assert samples(alaw.decode(alaw.SILENCE)) == (8,)


def test_every_code_survives_a_round_trip() -> None:
    assert alaw.encode(alaw.decode(CODES)) == CODES


def test_conversion_to_mu_law_equals_conversion_through_linear() -> None:
    assert alaw.to_ulaw(CODES) == mulaw.encode(alaw.decode(CODES))
    assert alaw.from_ulaw(CODES) == alaw.encode(mulaw.decode(CODES))


def test_silence_stays_silent() -> None:
    assert alaw.from_ulaw(mulaw.SILENCE) == alaw.SILENCE
    assert abs(samples(mulaw.decode(alaw.to_ulaw(alaw.SILENCE)))[0]) <= 8


def test_conversion_between_the_laws_loses_at_most_half_an_interval() -> None:
    """Each conversion loses at most half an interval of the coarser law: a sixteenth of the value."""
    for convert, decode_old, decode_new in (
        (alaw.to_ulaw, alaw.decode, mulaw.decode),
        (alaw.from_ulaw, mulaw.decode, alaw.decode),
    ):
        old = np.array(samples(decode_old(CODES)))
        new = np.array(samples(decode_new(convert(CODES))))
        assert np.all(np.abs(new - old) <= np.abs(old) / 16 + 8)


@given(st.binary())
def test_conversion_does_not_change_the_length(codes: bytes) -> None:
    assert len(alaw.to_ulaw(codes)) == len(alaw.from_ulaw(codes)) == len(codes)
