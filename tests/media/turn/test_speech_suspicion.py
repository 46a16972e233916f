"""The suspicion that a sound may be speech, on the model's probabilities alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.turn.speech_suspicion import SpeechSuspicion

LOUD_DB, QUIET_DB = 30.0, 3.0
Windows = list[tuple[float, float]]


def after(*windows: tuple[float, float]) -> SpeechSuspicion:
    """The suspicion after a sound's first windows: probabilities, and dB over the silence before."""
    suspicion = SpeechSuspicion()
    suspicion.begin()
    for window in windows:
        suspicion.add_window(*window)
    return suspicion


@pytest.mark.parametrize(
    ("probabilities", "is_raised"),
    [([0.24], True), ([0.2], False), ([0.1, 0.17], True), ([0.06] * 6, False), ([0.1] * 6, True), ([0.02] * 6, False)],
)
def test_little_evidence_is_enough(probabilities: list[float], is_raised: bool) -> None:
    assert after(*((each, LOUD_DB) for each in probabilities)).is_raised is is_raised


def test_only_the_first_loud_windows_count() -> None:
    """Those of the silence before, which the gate's opening brings, take no place among them."""
    assert not after(*[(0.9, QUIET_DB)] * 20).is_raised
    assert after(*[(0.02, QUIET_DB)] * 20, (0.3, LOUD_DB)).is_raised
    assert after(*[(0.02, LOUD_DB)] * 5, (0.3, LOUD_DB)).is_raised
    assert not after(*[(0.02, LOUD_DB)] * 6, (0.9, LOUD_DB)).is_raised


def test_a_suspicion_ends_with_those_windows() -> None:
    """So one sound raises it once, however long it lasts."""
    assert after(*[(0.9, LOUD_DB)] * 6).is_raised
    assert not after(*[(0.9, LOUD_DB)] * 7).is_raised


def test_silence_within_the_sound_ends_it() -> None:
    assert not after((0.3, LOUD_DB), (0.9, QUIET_DB)).is_raised


def test_the_next_sound_is_looked_at_anew() -> None:
    suspicion = after((0.9, LOUD_DB))
    suspicion.end()
    suspicion.add_window(0.9, LOUD_DB)
    assert not suspicion.is_raised, "nothing has begun"
    suspicion.begin()
    suspicion.add_window(0.9, LOUD_DB)
    assert suspicion.is_raised


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 60)), max_size=6))
def test_it_is_never_raised_by_what_the_model_calls_no_speech(windows: Windows) -> None:
    if after(*windows).is_raised:
        assert any(probability > 0.03 and rise_db >= 12 for probability, rise_db in windows)
