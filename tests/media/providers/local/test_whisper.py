"""Whisper base: the text of its tokens, and what it hears."""

import numpy as np
import pytest
import soundfile  # type: ignore[import-untyped]  # ships no types
import soxr  # type: ignore[import-untyped]  # ships no types

from media.providers.local import models
from media.providers.local.models import ModelCorrupt, ModelFile, SpeechModelError
from media.providers.local.moonshine import RATE
from media.providers.local.whisper import Whisper, decode_tokens


@pytest.fixture(scope="module")
def whisper() -> Whisper:
    return Whisper()


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ([], ""),
        (["\u0120Yes", ",", "\u0120please", ".", "<|endoftext|>"], "Yes, please."),
        (["\u0120caf", "\u00c3\u00a9"], "caf\u00e9"),
        (["\u0120caf", "\u00c3"], "caf"),  # half a character
        (["\u0120\u00e2\u0124\u00ac", "5"], "\u20ac5"),
    ],
)
def test_tokens_are_bytes_in_printable_characters(tokens: list[str], text: str) -> None:
    assert decode_tokens(tokens) == text


@pytest.mark.speech
def test_a_human_voice_is_recognized(whisper: Whisper, samples_folder: str) -> None:
    stereo, rate = soundfile.read(f"{samples_folder}/jfk.flac", dtype="float32")
    hypothesis = whisper.transcribe(soxr.resample(stereo.mean(axis=1), rate, RATE))
    assert "what your country can do for you" in hypothesis.text.lower()
    assert -0.3 < hypothesis.log_prob <= 0
    assert not hypothesis.looped


@pytest.mark.speech
@pytest.mark.parametrize(("tokens", "looped"), [(15, True), (26, False)])
def test_a_text_has_as_many_tokens_as_somebody_could_say(
    whisper: Whisper, samples_folder: str, monkeypatch: pytest.MonkeyPatch, tokens: int, looped: bool
) -> None:
    """The recording's text has 25: with one token more to spare it is whole."""
    monkeypatch.setattr("media.providers.local.whisper.TOKENS_A_SECOND", 0)
    monkeypatch.setattr("media.providers.local.whisper.SPARE_TOKENS", tokens)
    stereo, rate = soundfile.read(f"{samples_folder}/jfk.flac", dtype="float32")
    hypothesis = whisper.transcribe(soxr.resample(stereo.mean(axis=1), rate, RATE))
    assert (hypothesis.looped, hypothesis.text.lower().endswith("for your country.")) == (looped, not looped)


@pytest.mark.speech
@pytest.mark.parametrize("seconds", [0.1, 1.003])
def test_noise_of_any_length_is_unlikely(whisper: Whisper, seconds: float) -> None:
    noise = np.random.default_rng(1).standard_normal(int(seconds * RATE)).astype(np.float32) * np.float32(0.05)
    assert whisper.transcribe(noise).log_prob < -0.5


def test_a_wrong_or_another_models_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        wrong = ModelFile(models.WHISPER_CONFIG.package, models.WHISPER_CONFIG.path, "0" * 64)
        patched.setattr(models, "WHISPER_CONFIG", wrong)
        with pytest.raises(ModelCorrupt, match=r"config\.json: its SHA-256"):
            Whisper()
    monkeypatch.setattr(models, "WHISPER_WEIGHTS", models.WHISPER_WEIGHTS[1:])
    with pytest.raises(SpeechModelError, match=r"config\.json: "):
        Whisper()
