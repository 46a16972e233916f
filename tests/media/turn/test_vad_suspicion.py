"""Sounds over the agent, as the detector and the model see them before it is known whether they are speech."""

import numpy as np
import pytest

from media.turn.onnx_models import SILERO
from media.turn.vad import VadEngine, VoiceTrack
from tests.media.turn.waves import RATE, Wave, frames, noise, read_speech, silence


@pytest.fixture(scope="module")
def speech() -> Wave:
    return read_speech()


@pytest.fixture
def engine() -> VadEngine:
    return VadEngine(SILERO)


def lowered_after_ms(track: VoiceTrack, wave: Wave) -> tuple[int | None, int | None]:
    """After how much of a sound over the agent it may be speech, and is; the engine never runs."""
    suspected = known = None
    for number, frame in enumerate(frames(wave), 1):
        track.push(frame)
        if track.may_be_speech() and suspected is None:
            suspected = 20 * number
        if track.speaking and known is None:
            known = 20 * number
    return suspected, known


def test_a_word_over_the_agent_is_suspected_before_it_is_known_and_waits_for_no_run(
    engine: VadEngine, speech: Wave
) -> None:
    track = engine.track()
    track.may_be_speech()
    lowered_after_ms(track, silence(400))
    suspected, known = lowered_after_ms(track, speech[int(0.3 * RATE) : int(1.3 * RATE)])
    assert suspected is not None and known is not None and suspected < known <= 260
    assert not track.may_be_speech(), "it is known"


def test_while_nobody_asks_the_first_windows_wait_for_the_run(engine: VadEngine, speech: Wave) -> None:
    track = engine.track()
    for frame in frames(np.concatenate([silence(400), speech[int(0.3 * RATE) : int(0.4 * RATE)]])):
        track.push(frame)
    assert engine.pending and not track.speech.suspicion.is_raised


@pytest.mark.parametrize("kind", ["click", "ring", "keys"])
def test_clicks_and_tones_over_the_agent_are_not_suspected(engine: VadEngine, kind: str) -> None:
    time = np.arange(300 * 8) / RATE
    sounds = {
        "click": noise(20, 0.3, 3) * np.exp(-np.arange(160) / 30),
        "ring": 0.1 * np.sin(2 * np.pi * 440 * time),
        "keys": 0.2 * (np.sin(2 * np.pi * 770 * time) + np.sin(2 * np.pi * 1_336 * time)),
    }
    track = engine.track()
    wave = np.concatenate([silence(500), sounds[kind], silence(500)] * 3)
    assert lowered_after_ms(track, wave) == (None, None)
