"""The recognizer: the input of its model, and the use of the model's output."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
import soundfile  # type: ignore[import-untyped]  # ships no types
import soxr  # type: ignore[import-untyped]  # ships no types
from hypothesis import given
from hypothesis import strategies as st

from media.audio import mulaw
from media.providers.local.moonshine import RATE, Alternative, Floats, Hypothesis
from media.providers.local.recognizer import (
    FASTER,
    LEVEL_DB,
    MARGIN_S,
    MAX_PIECE_S,
    Recognizer,
    choose_text,
    split_pieces,
)
from media.providers.local.speech import PHONE_RATE, RecognitionStop

CERTAIN = -0.05


class FakeModel:
    """Returns the given hypotheses and records its input."""

    def __init__(self, *answers: Hypothesis) -> None:
        self.answers = list(answers)
        self.inputs: list[Floats] = []

    def transcribe(self, samples: Floats, stop: RecognitionStop | None) -> Hypothesis:
        self.inputs.append(samples)
        return self.answers.pop(0)

    def alternatives(self, samples: Floats) -> list[Alternative]:
        raise AssertionError("only short sounds have alternatives")


class FakeSecondModel(FakeModel):
    """The larger model."""

    def transcribe(self, samples: Floats, stop: RecognitionStop | None = None) -> Hypothesis:
        assert stop is None
        return super().transcribe(samples, None)


def tone(seconds: float, level: float = 0.1, rate: int = PHONE_RATE) -> Floats:
    time = np.arange(int(seconds * rate)) / rate
    wave: Floats = (level * np.sqrt(2) * np.sin(2 * np.pi * 300 * time)).astype(np.float32)
    return wave


def pcm(samples: Floats) -> bytes:
    return np.rint(samples * 32_767).clip(-32_768, 32_767).astype("<i2").tobytes()


def phone_audio(samples: Floats, rate: int) -> bytes:
    """Audio as the telephone network carries it: 8 kHz mu-law, decoded to 16 bits."""
    return mulaw.decode(mulaw.encode(pcm(soxr.resample(samples, rate, PHONE_RATE))))


def make_recognizer(model: FakeModel, *second: Hypothesis) -> Recognizer:
    return Recognizer(model, FakeSecondModel(*second))


def transcribe(answers: Sequence[Hypothesis], audio: bytes) -> str:
    return make_recognizer(FakeModel(*answers)).transcribe(audio, PHONE_RATE).text


@pytest.mark.parametrize("audio", [b"", pcm(tone(0.01)), pcm(tone(3, level=0.001)), bytes(48_000)])
def test_silence_is_not_given_to_the_model(audio: bytes) -> None:
    assert transcribe([], audio) == ""


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_the_model_gets_its_rate_level_and_margin(rate: int) -> None:
    model = FakeModel(Hypothesis("Yes.", CERTAIN))
    make_recognizer(model).transcribe(
        pcm(np.concatenate((tone(2, 0, rate), tone(1, 0.02, rate), tone(3, 0, rate)))), rate
    )
    (samples,) = model.inputs
    margin = int(MARGIN_S * RATE)
    assert not samples[:margin].any()
    assert not samples[-margin:].any()
    assert abs(len(samples) / RATE - (1 + 2 * 0.2 + 2 * MARGIN_S)) < 0.1
    middle = samples[len(samples) // 2 - 4_000 : len(samples) // 2 + 4_000]
    assert 10 * np.log10(np.square(middle).mean()) == pytest.approx(LEVEL_DB, abs=0.5)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (Hypothesis("Yes, please.", CERTAIN), "Yes, please."),
        (Hypothesis("You", CERTAIN), ""),
        (Hypothesis("You know.", CERTAIN), "You know."),
        (Hypothesis("\u266a\u266a\u266a", CERTAIN), ""),
        (Hypothesis("\u266a La la \u266a", CERTAIN), "La la"),
        (Hypothesis("Thank you for watching!", CERTAIN), ""),
        (Hypothesis("Thank you.", CERTAIN), "Thank you."),
        (Hypothesis("Ah, ah, uh?", CERTAIN), ""),
        (Hypothesis("Uh-huh.", CERTAIN), "Uh-huh."),
        (Hypothesis("...", CERTAIN), ""),
        (Hypothesis("Two, two, two, two", CERTAIN, looped=True), ""),
        (Hypothesis("An old guess", -1.5), ""),
        (Hypothesis("Good-bye till to-morrow.", CERTAIN), "Goodbye till tomorrow."),
    ],
)
def test_noise_output_gives_no_text(answer: Hypothesis, text: str) -> None:
    assert transcribe([answer, answer], pcm(tone(1))) == text


def test_confidence_is_the_tokens_mean_probability() -> None:
    model = FakeModel(Hypothesis("Yes.", float(np.log(0.8))))
    assert make_recognizer(model).transcribe(pcm(tone(2)), PHONE_RATE).confidence == pytest.approx(0.8)


UNSURE = -0.5


@pytest.mark.parametrize(
    ("second", "text"),
    [
        (Hypothesis("a table, for two", -0.4), "a table, for two"),
        (Hypothesis("A table for two!", -0.6), "A table for two."),
    ],
)
def test_the_larger_model_confirms_an_uncertain_text(second: Hypothesis, text: str) -> None:
    model, larger = FakeModel(Hypothesis("A table for two.", UNSURE)), FakeSecondModel(second)
    recognition = Recognizer(model, larger).transcribe(pcm(tone(2)), PHONE_RATE)
    assert (recognition.text, recognition.hearings) == (text, 2)
    assert np.array_equal(model.inputs[0], larger.inputs[0])


@pytest.mark.parametrize(
    ("second", "third", "text"),
    [
        (Hypothesis("A table for two.", -0.6), Hypothesis("A table for two!", -0.7), "A table for two."),
        (Hypothesis("A cable, a two.", -0.6), Hypothesis("A table for you.", -0.7), "A table for you."),
        (Hypothesis("A cable, a two.", -0.3), Hypothesis("Able men.", -0.9), "A cable, a two."),
        (Hypothesis("You", CERTAIN), Hypothesis("A table A table", CERTAIN, looped=True), "A table for you."),
    ],
)
def test_of_three_hearings_the_text_that_agrees_best_is_taken(second: Hypothesis, third: Hypothesis, text: str) -> None:
    model, larger = FakeModel(Hypothesis("A table for you.", UNSURE)), FakeSecondModel(second, third)
    recognition = Recognizer(model, larger).transcribe(pcm(tone(2)), PHONE_RATE)
    assert (recognition.text, recognition.hearings) == (text, 3)
    heard, faster = (len(samples) / RATE - 2 * MARGIN_S for samples in larger.inputs)
    assert faster == pytest.approx(heard / FASTER, abs=0.001)


@pytest.mark.parametrize(("noise", "hearings"), [(0.01, 2), (0.004, 1)])
def test_without_noise_a_little_less_certainty_will_do(noise: float, hearings: int) -> None:
    audio = pcm(np.concatenate([tone(1), tone(0.5, noise)] * 2))
    recognizer = make_recognizer(FakeModel(Hypothesis("Yes.", -0.3)), Hypothesis("Yes.", -0.3))
    assert recognizer.transcribe(audio, PHONE_RATE).hearings == hearings


@pytest.mark.parametrize(("noise", "hearings"), [(0.01, 3), (0.004, 2)])
def test_on_a_line_without_noise_an_uncertain_utterance_is_heard_twice(noise: float, hearings: int) -> None:
    audio = pcm(np.concatenate([tone(1), tone(0.5, noise)] * 2))
    larger = FakeSecondModel(*[Hypothesis("A table for two.", UNSURE + 0.1)] * 2)
    recognition = Recognizer(FakeModel(Hypothesis("A table for you.", UNSURE)), larger).transcribe(audio, PHONE_RATE)
    assert (recognition.text, recognition.hearings) == ("A table for two.", hearings)


def test_the_third_hearing_is_without_what_comes_long_before_loud_speech() -> None:
    model = FakeModel(Hypothesis("A table for you.", UNSURE))
    larger = FakeSecondModel(Hypothesis("A cable for you.", UNSURE), Hypothesis("A table for you.", UNSURE))
    Recognizer(model, larger).transcribe(pcm(np.concatenate((tone(2, 0.02), tone(2, 0.1)))), PHONE_RATE)
    whole, without_lead = (len(samples) / RATE - 2 * MARGIN_S for samples in larger.inputs)
    assert whole == pytest.approx(4, abs=0.01)
    assert without_lead * FASTER == pytest.approx(2.5, abs=0.1)


@given(
    st.lists(
        st.builds(
            Hypothesis, st.lists(st.sampled_from(["a", "table", "for"]), max_size=4).map(" ".join), st.floats(-1, 0)
        ),
        min_size=1,
        max_size=3,
    )
)
def test_a_text_is_chosen_wherever_there_is_one(heard: list[Hypothesis]) -> None:
    chosen = choose_text(heard)
    assert any(chosen is one for one in heard)
    assert chosen.text or not any(one.text for one in heard)
    if len(heard) == 2 and all(one.text for one in heard):
        assert chosen.log_prob == max(one.log_prob for one in heard)


@pytest.mark.parametrize(
    ("one", "other", "text"),
    [
        (Hypothesis("Oh, what?", -0.48), Hypothesis("Uh-huh.", -0.9), "Uh-huh."),
        (Hypothesis("Uh-huh.", -0.9), Hypothesis("Oh, what?", -0.3), "Oh, what?"),
        (Hypothesis("Stop!", -0.5), Hypothesis("Top.", -0.2), "Stop!"),
        (Hypothesis("Right.", -0.5), Hypothesis("Wait.", -0.4), "Wait."),
        (Hypothesis("Right.", -0.5), Hypothesis("Write to my wife.", -0.4), "Write to my wife."),
        (Hypothesis("Thank you.", -0.6), Hypothesis("A cue", -0.5), "A cue"),
    ],
)
def test_a_short_reply_is_likelier_than_other_words_as_short(one: Hypothesis, other: Hypothesis, text: str) -> None:
    assert choose_text([one, other]).text == choose_text([other, one]).text == text


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        (Hypothesis("A joke oh", -1.5), Hypothesis("A joke, oh, I get it.", -0.45), "A joke, oh, I get it."),
        (Hypothesis("no no no no", UNSURE, looped=True), Hypothesis("No, thanks.", -0.3), "No, thanks."),
        (Hypothesis("A joke oh", -1.5), Hypothesis("An old guess", -0.65), ""),
        (Hypothesis("A joke oh", -1.5), Hypothesis("An old guess", -1.4), ""),
        (Hypothesis("A joke oh", -1.5), Hypothesis("You", CERTAIN), ""),
    ],
)
def test_an_unreliable_text_is_replaced_by_one_that_is_surer(first: Hypothesis, second: Hypothesis, text: str) -> None:
    model = FakeModel(first, second)
    recognition = make_recognizer(model).transcribe(pcm(tone(2)), PHONE_RATE)
    assert (recognition.text, recognition.hearings) == (text, 2)
    assert len(model.inputs) == 2, "the larger model makes sentences of noise"


def test_what_is_certain_or_noise_or_can_be_stopped_is_heard_once() -> None:
    for answer, stop in (
        (Hypothesis("Yes.", CERTAIN), None),
        (Hypothesis("You", UNSURE), None),
        (Hypothesis("A table for", UNSURE), RecognitionStop()),
    ):
        model = FakeModel(answer)
        assert make_recognizer(model).transcribe(pcm(tone(1)), PHONE_RATE, stop).hearings == 1
        assert len(model.inputs) == 1


def test_long_speech_is_transcribed_in_pieces_and_joined() -> None:
    audio = pcm(np.concatenate([tone(10), tone(0.3, 0), tone(10), tone(0.3, 0), tone(5)]))
    model = FakeModel(Hypothesis("One", CERTAIN), Hypothesis("You", CERTAIN), Hypothesis("three.", CERTAIN))
    assert make_recognizer(model).transcribe(audio, PHONE_RATE).text == "One three."
    assert all(len(samples) / RATE < MAX_PIECE_S + 1 for samples in model.inputs)


@pytest.mark.parametrize("hearings", [1, 2])
def test_an_uncertain_utterance_is_heard_less_often_while_others_wait(hearings: int) -> None:
    model, larger = FakeModel(Hypothesis("A table for you.", UNSURE)), FakeSecondModel(Hypothesis("A cable", -0.9))
    answers = iter([False] * (hearings - 1) + [True])
    recognition = Recognizer(model, larger).transcribe(pcm(tone(2)), PHONE_RATE, others_wait=lambda: next(answers))
    assert (recognition.text, recognition.hearings) == ("A table for you.", hearings)


def test_only_the_pieces_in_doubt_are_heard_again() -> None:
    audio = pcm(np.concatenate([tone(10), tone(0.3, 0), tone(10), tone(0.3, 0), tone(5)]))
    model = FakeModel(Hypothesis("One", CERTAIN), Hypothesis("who", UNSURE), Hypothesis("three.", CERTAIN))
    larger = FakeSecondModel(Hypothesis("two", CERTAIN), Hypothesis("two", CERTAIN))
    recognition = Recognizer(model, larger).transcribe(audio, PHONE_RATE)
    assert (recognition.text, recognition.hearings) == ("One two three.", 3)
    assert recognition.confidence == pytest.approx(math.exp(CERTAIN))
    assert len(larger.inputs) == 2


@given(st.integers(0, 40 * RATE), st.integers(0, 2**32 - 1))
def test_pieces_are_the_whole_speech(length: int, seed: int) -> None:
    speech = np.random.default_rng(seed).standard_normal(length, np.float32)
    cut = split_pieces(speech)
    assert np.array_equal(np.concatenate(cut), speech)
    assert all(len(piece) <= MAX_PIECE_S * RATE for piece in cut)
    assert all(len(piece) >= MAX_PIECE_S * RATE / 2 for piece in cut[:-1])


def test_a_piece_ends_where_it_is_quiet() -> None:
    speech = np.concatenate((tone(11, rate=RATE), tone(0.2, 0, RATE), tone(8, rate=RATE)))
    first, _ = split_pieces(speech)
    assert 11.0 < len(first) / RATE < 11.2


@pytest.mark.parametrize(("audio", "rate"), [(b"\0", 8_000), (bytes(1_000), 7_999), (bytes(1_000), 96_000)])
def test_invalid_audio_is_refused(audio: bytes, rate: int) -> None:
    with pytest.raises(ValueError, match="sample"):
        make_recognizer(FakeModel()).transcribe(audio, rate)


@pytest.mark.speech
def test_human_speech_over_the_telephone_is_recognized(recognizer: Recognizer, samples_folder: str) -> None:
    stereo, rate = soundfile.read(f"{samples_folder}/jfk.flac", dtype="float32")
    recognition = recognizer.transcribe(phone_audio(stereo.mean(axis=1), rate), PHONE_RATE)
    assert "what your country can do for you, ask what you can do for your country" in recognition.text.lower()
    assert recognition.confidence > 0.8


@pytest.mark.speech
def test_minute_of_speech_is_transcribed_completely(recognizer: Recognizer, samples_folder: str) -> None:
    stereo, rate = soundfile.read(f"{samples_folder}/jfk.flac", dtype="float32")
    recognition = recognizer.transcribe(phone_audio(stereo.mean(axis=1), rate) * 5, PHONE_RATE).text.lower()
    assert recognition.count("fellow american") == recognition.count("for your country") == 5


def noises() -> dict[str, Floats]:
    """Sounds other than speech on a telephone line; 8 kHz."""
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
def test_noise_gives_no_text(recognizer: Recognizer, kind: str) -> None:
    assert recognizer.transcribe(phone_audio(noises()[kind], PHONE_RATE), PHONE_RATE).text == ""
