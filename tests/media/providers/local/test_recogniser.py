"""What the recogniser gives the model, and what it makes of the model's answers."""

from collections.abc import Sequence

import numpy as np
import pytest
import soundfile  # type: ignore[import-untyped]  # ships no types
import soxr  # type: ignore[import-untyped]  # ships no types
from hypothesis import given
from hypothesis import strategies as st

from media.audio import mulaw
from media.providers.local.moonshine import RATE, Floats, Hypothesis
from media.providers.local.recogniser import LEVEL_DB, LONGEST_S, MARGIN_S, Recogniser, pieces
from media.providers.local.speech import PHONE_RATE

SURE = -0.05


class FakeModel:
    """Says what it is told to, and remembers what it was given."""

    def __init__(self, *answers: Hypothesis) -> None:
        self.answers = list(answers)
        self.given: list[Floats] = []

    def transcribe(self, samples: Floats) -> Hypothesis:
        self.given.append(samples)
        return self.answers.pop(0)


def tone(seconds: float, level: float = 0.1, rate: int = PHONE_RATE) -> Floats:
    time = np.arange(int(seconds * rate)) / rate
    wave: Floats = (level * np.sqrt(2) * np.sin(2 * np.pi * 300 * time)).astype(np.float32)
    return wave


def pcm(samples: Floats) -> bytes:
    return np.rint(samples * 32_767).clip(-32_768, 32_767).astype("<i2").tobytes()


def phone(samples: Floats, rate: int) -> bytes:
    """As the telephone network would carry it: 8 kHz, mu-law, and back to 16 bits."""
    return mulaw.decode(mulaw.encode(pcm(soxr.resample(samples, rate, PHONE_RATE))))


def hear(answers: Sequence[Hypothesis], audio: bytes) -> str:
    return Recogniser(FakeModel(*answers)).transcribe(audio, PHONE_RATE).text


@pytest.mark.parametrize("audio", [b"", pcm(tone(0.01)), pcm(tone(3, level=0.001)), bytes(48_000)])
def test_silence_is_no_work_for_the_model(audio: bytes) -> None:
    assert hear([], audio) == ""


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_the_model_gets_its_own_rate_level_and_margin(rate: int) -> None:
    model = FakeModel(Hypothesis("Yes.", SURE))
    Recogniser(model).transcribe(pcm(np.concatenate((tone(2, 0, rate), tone(1, 0.02, rate), tone(3, 0, rate)))), rate)
    (samples,) = model.given
    margin = int(MARGIN_S * RATE)
    assert not samples[:margin].any()
    assert not samples[-margin:].any()
    assert abs(len(samples) / RATE - (1 + 2 * 0.2 + 2 * MARGIN_S)) < 0.1
    middle = samples[len(samples) // 2 - 4_000 : len(samples) // 2 + 4_000]
    assert 10 * np.log10(np.square(middle).mean()) == pytest.approx(LEVEL_DB, abs=0.5)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (Hypothesis("Yes, please.", SURE), "Yes, please."),
        (Hypothesis("You", SURE), ""),
        (Hypothesis("You know.", SURE), "You know."),
        (Hypothesis("\u266a\u266a\u266a", SURE), ""),
        (Hypothesis("\u266a La la \u266a", SURE), "La la"),
        (Hypothesis("Thank you for watching!", SURE), ""),
        (Hypothesis("Thank you.", SURE), "Thank you."),
        (Hypothesis("Ah, ah, uh?", SURE), ""),
        (Hypothesis("Uh-huh.", SURE), "Uh-huh."),
        (Hypothesis("...", SURE), ""),
        (Hypothesis("Two, two, two, two", SURE, looped=True), ""),
        (Hypothesis("An old guess", -1.5), ""),
        (Hypothesis("Good-bye till to-morrow.", SURE), "Goodbye till tomorrow."),
    ],
)
def test_what_is_no_speech_is_no_text(answer: Hypothesis, text: str) -> None:
    assert hear([answer], pcm(tone(1))) == text


def test_confidence_is_the_tokens_mean_probability() -> None:
    model = FakeModel(Hypothesis("Yes.", float(np.log(0.8))))
    assert Recogniser(model).transcribe(pcm(tone(1)), PHONE_RATE).confidence == pytest.approx(0.8)


def test_long_speech_is_heard_in_pieces_and_joined() -> None:
    audio = pcm(np.concatenate([tone(10), tone(0.3, 0), tone(10), tone(0.3, 0), tone(5)]))
    model = FakeModel(Hypothesis("One", SURE), Hypothesis("You", SURE), Hypothesis("three.", SURE))
    assert Recogniser(model).transcribe(audio, PHONE_RATE).text == "One three."
    assert all(len(samples) / RATE < LONGEST_S + 1 for samples in model.given)


@given(st.integers(0, 40 * RATE), st.integers(0, 2**32 - 1))
def test_pieces_are_the_whole_speech(length: int, seed: int) -> None:
    speech = np.random.default_rng(seed).standard_normal(length, np.float32)
    cut = pieces(speech)
    assert np.array_equal(np.concatenate(cut), speech)
    assert all(len(piece) <= LONGEST_S * RATE for piece in cut)
    assert all(len(piece) >= LONGEST_S * RATE / 2 for piece in cut[:-1])


def test_a_piece_ends_where_it_is_quiet() -> None:
    speech = np.concatenate((tone(11, rate=RATE), tone(0.2, 0, RATE), tone(8, rate=RATE)))
    first, _ = pieces(speech)
    assert 11.0 < len(first) / RATE < 11.2


@pytest.mark.parametrize(("audio", "rate"), [(b"\0", 8_000), (bytes(1_000), 7_999), (bytes(1_000), 96_000)])
def test_senseless_audio_is_refused(audio: bytes, rate: int) -> None:
    with pytest.raises(ValueError, match="sample"):
        Recogniser(FakeModel()).transcribe(audio, rate)


@pytest.mark.speech
def test_hears_a_human_over_the_telephone(recogniser: Recogniser, samples_folder: str) -> None:
    stereo, rate = soundfile.read(f"{samples_folder}/jfk.flac", dtype="float32")
    heard = recogniser.transcribe(phone(stereo.mean(axis=1), rate), PHONE_RATE)
    assert "what your country can do for you, ask what you can do for your country" in heard.text.lower()
    assert heard.confidence > 0.8


@pytest.mark.speech
def test_a_minute_of_speech_loses_nothing(recogniser: Recogniser, samples_folder: str) -> None:
    stereo, rate = soundfile.read(f"{samples_folder}/jfk.flac", dtype="float32")
    heard = recogniser.transcribe(phone(stereo.mean(axis=1), rate) * 5, PHONE_RATE).text.lower()
    assert heard.count("fellow american") == heard.count("for your country") == 5


def noises() -> dict[str, Floats]:
    """What reaches a telephone that is no speech; 8 kHz."""
    random = np.random.default_rng(1)
    time = np.arange(3 * PHONE_RATE) / PHONE_RATE
    hiss = random.standard_normal(3 * PHONE_RATE).astype(np.float32)
    knocks = np.zeros(3 * PHONE_RATE, np.float32)
    for at in (4_000, 9_000, 15_000):
        knocks[at : at + 800] = 0.3 * random.standard_normal(800) * np.exp(-np.arange(800) / 100)
    chord = sum(np.sin(2 * np.pi * pitch * time) for pitch in (262, 330, 392, 523))
    return {
        "faint hiss": hiss * np.float32(0.001),
        "hiss": hiss * np.float32(0.03),
        "short hiss": hiss[:3_200] * np.float32(0.03),
        "breath": hiss * (0.05 * np.abs(np.sin(2 * np.pi * 0.4 * time)) ** 4).astype(np.float32),
        "hum": (0.05 * np.sin(2 * np.pi * 50 * time)).astype(np.float32),
        "ringing": (0.1 * np.sin(2 * np.pi * 440 * time) + 0.1 * np.sin(2 * np.pi * 480 * time)).astype(np.float32),
        "music": (0.05 * chord * np.exp(-3 * ((time * 4) % 1))).astype(np.float32),
        "knocks": knocks,
    }


@pytest.mark.speech
@pytest.mark.parametrize("kind", sorted(noises()))
def test_nothing_is_heard_in_noise(recogniser: Recogniser, kind: str) -> None:
    assert recogniser.transcribe(phone(noises()[kind], PHONE_RATE), PHONE_RATE).text == ""
