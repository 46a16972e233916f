"""Whole calls with a real voice detector, whose audio was held up on its way and comes at once."""

from pathlib import Path

import pytest
import soundfile  # type: ignore[import-untyped]  # ships no types
import soxr  # type: ignore[import-untyped]  # ships no types

from media.audio import mulaw
from media.server.pulse import Pulse
from media.turn.model import SILERO
from media.turn.vad import VadEngine
from shared.events import AgentSaid, CallerSaid
from tests.calls.stage import SILENCE, Stage
from tests.virtual_time import run_virtual

CLIP = Path(__file__).parents[2] / "config/samples/jfk.flac"


@pytest.fixture(scope="module")
def phrase() -> bytes:
    """1.8 s of speech, as a phone line brings it."""
    wave, rate = soundfile.read(CLIP, dtype="float32", always_2d=True)
    clip = wave[int(0.3 * rate) : int(2.1 * rate)].mean(axis=1)
    return mulaw.encode((soxr.resample(clip, rate, 8_000) * 32_767).astype("<i2").tobytes())


@pytest.mark.parametrize(
    ("spoken_ms", "silence_ms"), [(1_800, 200), (1_000, 1_000), (300, 1_700), (1_800, 2_000), (300, 4_000)]
)
def test_speech_that_comes_at_once_is_a_turn_and_answered(phrase: bytes, spoken_ms: int, silence_ms: int) -> None:
    async def call() -> None:
        engine = VadEngine(SILERO)
        pulse = Pulse(engine.run, lambda: None)
        stage = Stage(answers=["Of course."], track=engine.track())
        pulse.start()
        await stage.silence(1_000)
        await stage.burst(phrase[: spoken_ms * 8] + SILENCE * (silence_ms // 20), "and so my fellow americans")
        await stage.until_quiet()
        pulse.stop()
        (said,) = stage.of(CallerSaid)
        assert said.text == "and so my fellow americans"
        assert [answer.text for answer in stage.of(AgentSaid)] == ["Of course."]

    run_virtual(call())
