"""G.711 mu-law, all codes."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from media.audio import mulaw

CODES = bytes(range(256))


def linear(code: int) -> int:
    """Recommendation G.711's mu-law at 16 bits, by its rule: complemented sign, 3-bit segment, 4-bit interval."""
    bits = ~code & 0xFF
    segment, interval = bits >> 4 & 7, bits & 15
    size = (2 * interval + 33 << segment) - 33 << 2
    return -size if bits & 0x80 else size


def samples(pcm: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(pcm) // 2}h", pcm)


def test_every_code_has_its_value() -> None:
    assert samples(mulaw.decode(CODES)) == tuple(linear(code) for code in range(256))


def test_known_values() -> None:
    assert samples(mulaw.decode(b"\xff\x7f\x00\x80\xfe\x7e")) == (0, 0, -32124, 32124, 8, -8)
    assert mulaw.decode(mulaw.SILENCE) == b"\x00\x00"


def test_every_code_but_minus_zero_survives_a_round_trip() -> None:
    assert mulaw.encode(mulaw.decode(CODES)) == CODES.replace(b"\x7f", b"\xff")


def test_overload_is_clipped() -> None:
    assert mulaw.encode(struct.pack("<2h", -32768, 32767)) == b"\x00\x80"


@given(st.integers(-32124, 32124))
def test_any_sample_survives_within_half_an_interval(sample: int) -> None:
    (back,) = samples(mulaw.decode(mulaw.encode(struct.pack("<h", sample))))
    half_interval = max(4, (abs(sample) + 132) // 32)
    assert abs(back - sample) <= half_interval + 4
