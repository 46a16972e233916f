"""Short sounds: several hearings, and the text that is likeliest in all of them."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.audio import mulaw
from media.providers.local.moonshine import RATE, Alternative, Floats, Hypothesis
from media.providers.local.recognizer import Recognizer
from media.providers.local.short_sounds import SHORT_S, WAYS, Hearing, hear_short, is_short, likeliest, spoken_words
from media.providers.local.speech import PHONE_RATE, RecognitionStop
from media.providers.local.voice import Voice

UNSURE, SURE = -0.4, -0.1


class FakeModel:
    """Returns one text, and the given alternatives of each further hearing; records its input."""

    def __init__(self, first: Hypothesis, *heard: Sequence[Alternative]) -> None:
        self.first = first
        self.heard = list(heard)
        self.inputs: list[Floats] = []

    def transcribe(self, samples: Floats, stop: RecognitionStop | None = None) -> Hypothesis:
        self.inputs.append(samples)
        return self.first

    def alternatives(self, samples: Floats) -> Sequence[Alternative]:
        self.inputs.append(samples)
        return self.heard.pop(0)


def tone(seconds: float) -> bytes:
    time = np.arange(int(seconds * PHONE_RATE)) / PHONE_RATE
    pcm: bytes = np.rint(3_000 * np.sin(2 * np.pi * 300 * time)).astype("<i2").tobytes()
    return pcm


def heard(*texts: str, weight: float = 1.0) -> Hearing:
    """The texts, each 0.6 times as likely as the one before."""
    return Hearing([Alternative(text, -1.0 - 0.5 * at) for at, text in enumerate(texts)], weight)


def alternatives(*texts: str) -> list[Alternative]:
    return [Alternative(text, -1.0 - 0.5 * at) for at, text in enumerate(texts)]


def is_noise(text: str) -> bool:
    return text in ("", "You")


@pytest.mark.parametrize(
    ("hearings", "text"),
    [
        ([heard("Task word.", "Password."), heard("Password", "Bus ward.")], "Password."),
        ([heard("Sixteen.", "16th"), heard("Sixteenth.", "Sixty")], "16th"),
        ([heard("All right.", "Or write."), heard("Alright", "A kite")], "All right."),
        ([heard("Rod here!", "Right here!"), heard("Right here.", weight=0.2)], "Rod here!"),
        ([heard("Paul K.", "Okay."), heard("Poke.", "Ok", "Paul K.")], "Okay."),
        ([heard("You", "Yes.")], "Yes."),
        ([heard("You"), heard("")], ""),
        ([heard()], ""),
        ([], ""),
    ],
)
def test_takes_the_text_that_is_likeliest_in_all_hearings(hearings: list[Hearing], text: str) -> None:
    assert likeliest(hearings, is_noise) == text


def test_a_usual_reply_wins_against_a_text_that_is_a_little_likelier() -> None:
    assert likeliest([heard("Now.", "No.")], is_noise) == "No."
    assert likeliest([heard("Now.", "Gnaw.", "Know.", "No.")], is_noise) == "Now."


def test_yes_and_no_are_preferred_alike() -> None:
    assert likeliest([heard("Yes.", "No.")], is_noise) == "Yes."
    assert likeliest([heard("No.", "Yes.")], is_noise) == "No."


@pytest.mark.parametrize(
    ("one", "other"), [("15th.", "Fifteenth!"), ("OK", "Okay."), ("5 p.m.", "Five PM"), ("C.M.U.", "CMU")]
)
def test_the_same_words_may_be_written_differently(one: str, other: str) -> None:
    assert spoken_words(one) == spoken_words(other)


@given(st.lists(st.lists(st.text("aN ,1", max_size=5), max_size=4), max_size=4))
def test_takes_a_text_that_some_hearing_lists(texts: list[list[str]]) -> None:
    taken = likeliest([heard(*each) for each in texts], lambda text: not spoken_words(text))
    assert taken in [text for each in texts for text in each] or not any(spoken_words(t) for e in texts for t in e)


def test_a_short_sound_is_heard_in_several_ways() -> None:
    lists = [alternatives("Melf.", "Mouth."), alternatives("Math."), alternatives("Mouth.")]
    model, larger = FakeModel(Hypothesis("Melf.", UNSURE), *lists), FakeModel(Hypothesis("", 0), alternatives("Mouth"))
    recognition = Recognizer(model, larger).transcribe(tone(1), PHONE_RATE)
    assert (recognition.text, recognition.hearings) == ("Mouth.", 2)
    assert recognition.confidence == pytest.approx(np.exp(UNSURE))
    lengths = [len(samples) / RATE for samples in model.inputs]
    assert lengths == pytest.approx([1.6, *(1 / speed + 2 * margin for margin, speed in WAYS)], abs=0.001)


def test_the_larger_models_repetitions_count_for_the_words_once() -> None:
    first, larger = FakeModel(Hypothesis("", 0), *[alternatives("Knows.", "Nose.")] * 3), FakeModel(Hypothesis("", 0))
    larger.heard = [alternatives("Nose Nose", "Nose Nose Nose")]
    assert likeliest(hear_short(np.ones(RATE, np.float32), first, larger, lambda: False), is_noise) == "Nose."
    larger.heard, first.heard = [alternatives("Five. Five.")], [alternatives("Five five.")] * 3
    assert likeliest(hear_short(np.ones(RATE, np.float32), first, larger, lambda: False), is_noise) == "Five five."


@pytest.mark.parametrize("waits_after", range(5))
def test_no_further_hearing_begins_while_others_wait(waits_after: int) -> None:
    model = FakeModel(Hypothesis("Melf.", UNSURE), *[alternatives("Mouth.")] * 3)
    answers = iter([False] * waits_after + [True] * 2)
    recognition = Recognizer(model, FakeModel(Hypothesis("", 0))).transcribe(
        tone(1), PHONE_RATE, others_wait=lambda: next(answers)
    )
    assert recognition.text == "Melf."
    assert len(model.inputs) == max(1, waits_after)


@pytest.mark.parametrize(
    ("first", "seconds", "stop"),
    [
        (Hypothesis("Yes.", SURE), 1.0, None),
        (Hypothesis("Yes.", -0.24), SHORT_S, None),
        (Hypothesis("You", UNSURE), 1.0, None),
        (Hypothesis("Yes.", UNSURE), 1.0, RecognitionStop()),
    ],
)
def test_sure_long_or_unwanted_sounds_and_noise_are_heard_once(
    first: Hypothesis, seconds: float, stop: RecognitionStop | None
) -> None:
    model = FakeModel(first)
    assert Recognizer(model, FakeModel(Hypothesis("", 0))).transcribe(tone(seconds), PHONE_RATE, stop).hearings == 1
    assert len(model.inputs) == 1


def test_a_sound_is_short_by_its_length_whatever_its_rate() -> None:
    assert is_short(bytes(2 * 15_999), 8_000)
    assert is_short(bytes(2 * 31_999), 16_000)
    assert not is_short(bytes(2 * 16_000), 8_000)


def line(pcm: bytes) -> bytes:
    """A word as a call hands it over: 0.7 s before it and 0.2 s after it, on a line with some noise."""
    word = np.frombuffer(pcm, "<i2")
    sound = np.random.default_rng(1).normal(0, 20, len(word) + 7_200)
    sound[5_600 : 5_600 + len(word)] += word
    return mulaw.decode(mulaw.encode(np.rint(sound).clip(-32_768, 32_767).astype("<i2").tobytes()))


@pytest.mark.speech
@pytest.mark.parametrize(
    ("text", "recognized"),
    [
        *((word, f"{word}.") for word in ("Yes", "No", "Repeat", "Stop", "Help", "Operator", "Tuesday", "No thanks")),
        # These were taken for "Ansel" and "Faith" at the first hearing.
        *((word, f"{word}.") for word in ("Cancel", "Eight")),
    ],
)
def test_a_spoken_word_is_recognized(recognizer: Recognizer, voice: Voice, text: str, recognized: str) -> None:
    audio = line(voice.synthesize(f"{text}.").pcm)
    assert is_short(audio, PHONE_RATE)
    assert recognizer.transcribe(audio, PHONE_RATE).text == recognized


@pytest.mark.speech
@pytest.mark.parametrize("seconds", [0.1, 0.3, 0.6])
@pytest.mark.parametrize("kind", ["hiss", "burst"])
def test_a_short_noise_gives_no_words(recognizer: Recognizer, kind: str, seconds: float) -> None:
    random, count = np.random.default_rng(3), int(seconds * PHONE_RATE)
    shape = np.exp(-np.arange(count) / 200) if kind == "burst" else np.ones(count)
    noise = 3_000 * shape * random.standard_normal(count)
    assert recognizer.transcribe(line(np.rint(noise).astype("<i2").tobytes()), PHONE_RATE).text == ""
