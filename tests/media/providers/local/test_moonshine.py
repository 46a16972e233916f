"""The speech model and its vocabulary."""

import threading

import pytest
import soundfile  # type: ignore[import-untyped]  # ships no types
import soxr  # type: ignore[import-untyped]  # ships no types

from media.providers.local.moonshine import RATE, Moonshine, is_loop, read_tokens
from media.providers.local.speech import RecognitionAbandoned, RecognitionStop


def test_the_vocabulary_has_lengths_of_one_or_two_bytes() -> None:
    long = b"x" * 200
    data = b"\x01a" + b"\x00" + bytes((128 + 200 % 128, 1)) + long + b"\x05" + "\u2581hi".encode()
    assert read_tokens(data) == [b"a", b"", long, b" hi"]


@pytest.mark.speech
def test_a_human_voice_is_recognized(samples_folder: str) -> None:
    stereo, rate = soundfile.read(f"{samples_folder}/jfk.flac", dtype="float32")
    speech = soxr.resample(stereo.mean(axis=1), rate, RATE)
    hypothesis = Moonshine().transcribe(speech)
    assert "ask not what your country can do for you" in hypothesis.text.lower()
    assert -0.3 < hypothesis.log_prob <= 0
    assert not hypothesis.looped


@pytest.mark.speech
def test_recognition_can_be_stopped_before_and_while_it_runs(samples_folder: str) -> None:
    stereo, rate = soundfile.read(f"{samples_folder}/jfk.flac", dtype="float32")
    speech = soxr.resample(stereo.mean(axis=1), rate, RATE)
    model, stop = Moonshine(), RecognitionStop()
    stop.set()
    with pytest.raises(RecognitionAbandoned):
        model.transcribe(speech, stop)
    later = RecognitionStop()
    timer = threading.Timer(0.01, later.set)  # alone, the encoder takes 100 ms and more for these 11 s
    timer.start()
    with pytest.raises(RecognitionAbandoned):
        model.transcribe(speech, later)
    timer.join()
    assert "ask not" in model.transcribe(speech, RecognitionStop()).text.lower()


@pytest.mark.parametrize(
    ("tokens", "loops"),
    [
        ([], False),
        ([7] * 6, True),
        ([7] * 5, False),
        ([1, 2, 3, *([4, 5] * 6)], True),
        ([*([4, 5] * 6), 1], False),
        (list(range(8)) * 6, True),
        (list(range(9)) * 6, False),
    ],
)
def test_repeated_tokens_are_a_loop(tokens: list[int], loops: bool) -> None:
    assert is_loop(tokens) == loops
