"""Where sound begins."""

import pytest

from media.audio.level import BLOCK_MS, find_sound
from media.audio.mulaw import SILENCE, encode


def tone(dbfs: float, ms: int) -> bytes:
    """A square wave, whose peak is its RMS."""
    peak = round(32_768 * 10 ** (dbfs / 20))
    return encode((peak.to_bytes(2, "little", signed=True) + (-peak).to_bytes(2, "little", signed=True)) * (ms * 4))


@pytest.mark.parametrize(
    ("audio", "found"),
    [
        (b"", None),
        (SILENCE * 8_000, None),
        (tone(-55, 500), None),
        (tone(-40, 20), 0),
        (SILENCE * 800 + tone(-40, 20), 100),
        (SILENCE * 840 + tone(-40, 20), 100),
        (SILENCE * 800 + tone(-20, BLOCK_MS - 1), None),
    ],
)
def test_first_audible_block(audio: bytes, found: int | None) -> None:
    assert find_sound(audio) == found


def test_what_was_looked_at_is_left_out() -> None:
    audio = tone(-20, 20) + SILENCE * 160 + tone(-20, 20)
    assert (find_sound(audio, 0), find_sound(audio, 20), find_sound(audio, 50)) == (0, 40, 50)
