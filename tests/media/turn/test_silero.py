"""The flattened voice detector equals Silero's: same probability and state per window, alone and in a batch."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile  # type: ignore[import-untyped]  # ships no types
import soxr  # type: ignore[import-untyped]  # ships no types

from media.turn.onnx_models import SILERO, find_pipecat_file, open_session

CLIP = Path(__file__).parents[3] / "config/samples/jfk.flac"
# The published model, in pipecat.
ORIGINAL = Path("audio/vad/data/silero_vad.onnx")
RATE, CONTEXT, WINDOW, STATE = 8_000, 32, 256, 128
# Sums in another order differ in the last digits of 32-bit floats, and the state accumulates the difference.
NEARLY = 2e-4

Floats = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def speech() -> Floats:
    """Eleven seconds of speech at 8 kHz, cut to whole windows."""
    wave, rate = soundfile.read(CLIP, always_2d=True)
    samples = soxr.resample(wave.mean(axis=1), rate, RATE).astype(np.float32)
    return np.ascontiguousarray(samples[: len(samples) - len(samples) % WINDOW])


def run_both(lanes: Floats) -> tuple[Floats, Floats]:
    """Returns the probabilities of each window of each row, by the original and by ours, each with its own state."""
    original = open_session(find_pipecat_file(ORIGINAL), {"input", "state", "sr"}, 1)
    flat = open_session(SILERO, {"input", "state"}, 1)
    count = len(lanes)
    states = [np.zeros((2, count, STATE), np.float32) for _ in range(2)]
    padded = np.concatenate([np.zeros((count, CONTEXT), np.float32), lanes], axis=1)
    found: list[list[Floats]] = [[], []]
    for start in range(0, lanes.shape[1], WINDOW):
        window = np.ascontiguousarray(padded[:, start : start + CONTEXT + WINDOW])
        probability, states[0] = original.run(
            None, {"input": window, "state": states[0], "sr": np.array(RATE, dtype=np.int64)}
        )
        found[0].append(probability)
        probability, states[1] = flat.run(None, {"input": window, "state": states[1]})
        found[1].append(probability)
        np.testing.assert_allclose(states[1], states[0], atol=NEARLY)
    return np.concatenate(found[0], axis=1), np.concatenate(found[1], axis=1)


def test_speech_at_three_levels_gives_equal_results(speech: Floats) -> None:
    theirs, ours = run_both(np.stack([speech, speech * 0.1, speech * 0.01]))
    assert theirs[0].max() > 0.9 and theirs[0].min() < 0.05, "the sample has speech and pauses"
    np.testing.assert_allclose(ours, theirs, atol=NEARLY)


@pytest.mark.parametrize("count", [1, 2, 7, 64])
def test_batch_of_noise_and_silence_gives_equal_results(count: int) -> None:
    draw = np.random.default_rng(count)
    levels = np.geomspace(1e-4, 1.0, count, dtype=np.float32)[:, None]
    lanes = np.clip(draw.normal(size=(count, 40 * WINDOW)).astype(np.float32) * levels, -1, 1)
    lanes[:, 20 * WINDOW : 25 * WINDOW] = 0
    theirs, ours = run_both(lanes)
    np.testing.assert_allclose(ours, theirs, atol=NEARLY)
