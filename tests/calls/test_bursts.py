"""Whole calls with a real voice detector and caller audio that is delayed and arrives at once."""

from pathlib import Path

import pytest
import soundfile  # type: ignore[import-untyped]  # ships no types
import soxr  # type: ignore[import-untyped]  # ships no types

from media.audio import mulaw
from media.server.ticker import CallTicker
from media.turn.onnx_models import SILERO
from media.turn.vad import VadEngine
from shared.events import AgentSaid, CallerSaid
from tests.calls.scripted_call import SILENCE, ScriptedCall
from tests.virtual_time import run_virtual

CLIP = Path(__file__).parents[2] / "config/samples/jfk.flac"


@pytest.fixture(scope="module")
def phrase() -> bytes:
    """1.8 s of speech in mu-law."""
    wave, rate = soundfile.read(CLIP, dtype="float32", always_2d=True)
    clip = wave[int(0.3 * rate) : int(2.1 * rate)].mean(axis=1)
    return mulaw.encode((soxr.resample(clip, rate, 8_000) * 32_767).astype("<i2").tobytes())


@pytest.mark.parametrize(
    ("spoken_ms", "silence_ms"), [(1_800, 200), (1_000, 1_000), (300, 1_700), (1_800, 2_000), (300, 4_000)]
)
def test_delayed_speech_is_a_turn_and_is_answered(phrase: bytes, spoken_ms: int, silence_ms: int) -> None:
    async def call() -> None:
        engine = VadEngine(SILERO)
        ticker = CallTicker(engine.run, lambda: None)
        scripted = ScriptedCall(answers=["Of course."], track=engine.track())
        ticker.start()
        await scripted.silence(1_000)
        await scripted.burst(phrase[: spoken_ms * 8] + SILENCE * (silence_ms // 20), "and so my fellow americans")
        await scripted.listen_until_quiet()
        ticker.stop()
        (said,) = scripted.events_of(CallerSaid)
        assert said.text == "and so my fellow americans"
        assert [answer.text for answer in scripted.events_of(AgentSaid)] == ["Of course."]

    run_virtual(call())
