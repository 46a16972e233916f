"""DTMF tones: what a receiver of its own reads from them, their levels and times, and how they are told from speech."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.audio import dtmf, mulaw
from simulator.carrier.mulaw import decode
from tests.dtmf_decoder import decode_keys

KEYS = "0123456789*#ABCD"


@settings(max_examples=15, deadline=None)
@given(st.text(alphabet=KEYS + "w,W", max_size=6))
def test_receiver_reads_the_keys(text: str) -> None:
    tones = dtmf.make_tones(text)
    assert decode_keys(tones) == "".join(key for key in text if key in KEYS)
    assert len(tones) == 8 * dtmf.duration_ms(text)


def test_tone_and_gap_last_100_ms_each() -> None:
    samples = decode(dtmf.make_tones("5w5"))
    loud = np.abs(samples.astype(int)) > 300
    assert loud[:800].any() and not loud[800 : 1_600 + 4_000].any() and loud[5_600:6_400].any()
    assert dtmf.duration_ms("5w5") == 200 + 500 + 200
    assert dtmf.duration_ms(",W") == 1_500


@pytest.mark.parametrize("key", KEYS)
def test_levels_are_minus_9_and_minus_7_dbm0(key: str) -> None:
    samples = decode(dtmf.make_tones(key))[:800].astype(float)
    time = np.arange(800) / 8_000
    for hertz, level in zip(dtmf.frequencies(key), (-9.0, -7.0), strict=True):
        amplitude = 2 / 800 * abs(samples @ np.exp(-2j * np.pi * hertz * time))
        assert 20 * np.log10(amplitude / 32_124) + 3.17 == pytest.approx(level, abs=0.3)


def test_share_tells_the_key_from_others_and_from_noise() -> None:
    frame = mulaw.decode(dtmf.make_tones("5")[160:320])
    assert dtmf.tone_share(frame, "5") > 0.95
    assert max(KEYS, key=lambda key: dtmf.tone_share(frame, key)) == "5"
    noise = np.random.default_rng(1).normal(0, 2_000, 160).astype("<i2").tobytes()
    assert dtmf.tone_share(noise, "5") < 0.2
    assert dtmf.tone_share(bytes(320), "5") == 0.0


@pytest.mark.parametrize("text", ["12x", "a", "1 2", "+1", "\uff11"])
def test_other_characters_are_no_dial_string(text: str) -> None:
    assert not dtmf.is_dial_string(text)


def test_what_is_no_key_has_no_tones() -> None:
    for text in ("x", "", "12"):
        with pytest.raises(ValueError, match="not a telephone key"):
            dtmf.frequencies(text)
