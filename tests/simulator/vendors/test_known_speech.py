"""The simulated ear: words are heard by the audio that arrived."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.vendors.known_speech import Ear, KnownSpeech, spread_words

NOISE = np.random.default_rng(7).integers(0, 255, 24_000, dtype=np.uint8).tobytes()
TEXT = "i would like to book a table"
WORDS = TEXT.split()
RECORDING = spread_words(b"\xff" * 1_600 + NOISE + b"\xff" * 800, TEXT, 200, 3_200)
SPEECH = KnownSpeech([RECORDING])


def heard(audio: bytes, piece: int = 160) -> list[str]:
    ear = Ear(SPEECH)
    for at in range(0, len(audio), piece):
        ear.feed(audio[at : at + piece])
    return [word.text for word in ear.words]


@pytest.mark.parametrize("piece", [160, 80, 7, 4_000])
def test_all_words_are_heard_however_the_audio_is_cut(piece: int) -> None:
    assert heard(RECORDING.ulaw, piece) == WORDS


def test_words_of_lost_audio_are_missing_and_words_of_repeated_audio_come_twice() -> None:
    second, third = (round(word.start_ms * 8) for word in RECORDING.words[1:3])
    without = RECORDING.ulaw[:second] + RECORDING.ulaw[third:]
    assert heard(without) == [WORDS[0], *WORDS[2:]]
    assert heard(RECORDING.ulaw[:third] + RECORDING.ulaw[second:]) == [*WORDS[:2], *WORDS[1:]]


def test_silence_and_unknown_audio_hold_no_words() -> None:
    assert not heard(b"\xff" * 16_000)
    assert not heard(bytes(reversed(RECORDING.ulaw)))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 500))
def test_the_audio_may_begin_anywhere(before: int) -> None:
    assert heard(b"\xff" * before + RECORDING.ulaw) == WORDS


def test_a_word_is_heard_when_its_audio_has_come() -> None:
    ear = Ear(SPEECH)
    end = round(RECORDING.words[0].end_ms * 8)
    assert not ear.feed(RECORDING.ulaw[: end - 160])
    (word,) = ear.feed(RECORDING.ulaw[end - 160 : end + 160])
    assert word.text == WORDS[0]
    assert word.end_ms == pytest.approx(RECORDING.words[0].end_ms, abs=4)
