"""Loudness, against the figures of ITU-R BS.1770."""

import numpy as np
import pytest

from media.audio import mulaw
from media.audio.loudness import measure_loudness


def tone(amplitude: float, seconds: float = 2.0, hz: float = 997.0) -> bytes:
    at = np.arange(round(seconds * mulaw.RATE)) / mulaw.RATE
    return mulaw.encode((amplitude * 32_000 * np.sin(2 * np.pi * hz * at)).astype("<i2").tobytes())


def test_a_tone_of_997_hz_is_3_lu_below_its_level() -> None:
    """BS.1770: a 0 dBFS sine of 997 Hz on one channel reads -3.01 LUFS."""
    assert measure_loudness(tone(1.0)) == pytest.approx(-3.2, abs=0.15)
    assert measure_loudness(tone(0.1)) == pytest.approx(-23.2, abs=0.15)


def test_pauses_do_not_count() -> None:
    """The blocks of 0.4 s at the edges of the pause do, in part; without the gate it would be 3 LU."""
    with_pauses = tone(0.5) + mulaw.SILENCE * mulaw.RATE * 4 + tone(0.5)
    assert measure_loudness(with_pauses) == pytest.approx(measure_loudness(tone(0.5)), abs=0.5)


@pytest.mark.parametrize("audio", [b"", tone(0.5, 0.3), mulaw.SILENCE * mulaw.RATE])
def test_without_speech_there_is_no_loudness(audio: bytes) -> None:
    assert measure_loudness(audio) is None


@pytest.mark.parametrize("db", [-9.0, -3.5, 6.0])
def test_a_gain_changes_the_loudness_by_its_decibels(db: float) -> None:
    before, after = measure_loudness(tone(0.2)), measure_loudness(tone(0.2).translate(mulaw.gain_table(db)))
    assert before is not None
    assert after == pytest.approx(before + db, abs=0.3)
