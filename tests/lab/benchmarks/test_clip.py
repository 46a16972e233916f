"""Recorded speech as phone audio."""

import base64
from pathlib import Path

import numpy as np
import pytest
import soundfile  # type: ignore[import-untyped]  # ships no types
from hypothesis import given
from hypothesis import strategies as st

from lab.benchmarks.clip import FRAME, encode, levels, load_phrase, phrases, speech_frames

CLIP = Path(__file__).parents[3] / "config" / "samples" / "jfk.flac"


def decode(code: int) -> int:
    """The expansion of ITU-T G.711, to 16 bits."""
    inverted = ~code & 0xFF
    magnitude = (((inverted & 0x0F) << 3) + 132 << ((inverted >> 4) & 7)) - 132
    return -magnitude if inverted & 0x80 else magnitude


@given(st.floats(-1.0, 1.0, width=32))
def test_mu_law_error_is_at_most_half_a_step(sample: float) -> None:
    wide = max(-32635, min(32635, int(sample * 32767)))
    (code,) = encode(np.array([sample], dtype=np.float32)).tolist()
    step = max(8, abs(wide) // 16)
    assert abs(decode(code) - wide) <= step


def test_silence_is_ff() -> None:
    assert encode(np.zeros(3, dtype=np.float32)).tobytes() == b"\xff\xff\xff"


def test_phrases_are_separated_by_300_ms() -> None:
    speech = np.zeros(100, dtype=np.bool_)
    speech[[10, 11, 25, 60]] = True
    assert phrases(speech) == [(10, 26), (60, 61)]
    speech[40] = True  # 14 quiet frames before it, 19 after it
    assert phrases(speech) == [(10, 41), (60, 61)]


def test_speech_is_within_20_db_of_the_loudest() -> None:
    tone = np.sin(np.arange(FRAME) / 3).astype(np.float32)
    samples = np.concatenate([tone, tone * 0.2, tone * 0.05])
    assert speech_frames(levels(samples)).tolist() == [True, True, False]


def test_the_phrase_of_the_shipped_recording() -> None:
    phrase = load_phrase(CLIP, 1)
    assert (phrase.start_ms, phrase.end_ms) == (340, 2120)
    assert len(phrase.frames) == 89
    assert {len(base64.b64decode(frame)) for frame in phrase.frames} == {FRAME}


def test_missing_phrase_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "one.wav"
    soundfile.write(path, np.sin(np.arange(16_000) / 5), 16_000)
    assert load_phrase(path, 1).start_ms == 0
    with pytest.raises(ValueError, match="has 1 phrases, not 2"):
        load_phrase(path, 2)
