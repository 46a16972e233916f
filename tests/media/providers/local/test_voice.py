"""The voice: speech, its level, and word timings."""

import re
from collections.abc import Sequence

import numpy as np
import pytest

from media.providers.local.recognizer import Recognizer
from media.providers.local.speech import PHONE_RATE, SynthesizedSpeech
from media.providers.local.vits import HOP, RATE, Sound
from media.providers.local.voice import EDGE_MS, PEAK, Voice

HOP_MS = HOP / RATE * 1_000


class LetterPronouncer:
    """Returns each word as its own phonemes."""

    def phonemes(self, words: Sequence[str]) -> list[str]:
        return list(words)


class ToneModel:
    """Every phoneme is a tone of ten frames (116 ms); spaces and marks are silent, one frame long."""

    def __init__(self) -> None:
        self.phonemes: list[str] = []

    def synthesize(self, phonemes: Sequence[str]) -> Sound:
        self.phonemes = list(phonemes)
        frames = [10 if phoneme.isalpha() else 1 for phoneme in phonemes]
        ends = np.cumsum([2, *frames]) * HOP  # two frames of silence for the start mark
        loud = np.repeat([0, *(phoneme.isalpha() for phoneme in phonemes), 0], [2 * HOP, *np.diff(ends), 3 * HOP])
        wave = np.sin(np.arange(len(loud)) * 2 * np.pi * 500 / RATE) * loud * 0.3
        return Sound(wave.astype(np.float32), tuple(int(end) for end in ends))


def speak(text: str) -> tuple[SynthesizedSpeech, str]:
    """Returns the speech of a text, and the phonemes given to the model."""
    model = ToneModel()
    return Voice(LetterPronouncer(), model).synthesize(text), "".join(model.phonemes)


def test_words_are_timed_by_their_phonemes() -> None:
    speech, _ = speak(" Hi, you.")
    first, last = speech.words
    assert (first.text, last.text) == (" Hi, ", "you.")
    # the sound begins EDGE_MS after the speech; between the words are a comma and a space
    assert first.start_ms == pytest.approx(EDGE_MS, abs=1)
    assert first.end_ms == pytest.approx(EDGE_MS + 20 * HOP_MS, abs=1)
    assert last.start_ms == pytest.approx(first.end_ms + 2 * HOP_MS, abs=0.1)
    assert last.end_ms == pytest.approx(last.start_ms + 30 * HOP_MS, abs=0.1)
    assert speech.ms == pytest.approx(last.end_ms + EDGE_MS, abs=1)


def test_a_number_is_one_written_word_of_many_spoken_ones() -> None:
    speech, phonemes = speak("It is $5.20 now")
    assert phonemes == "it is five dollars and twenty cents now."
    assert [word.text for word in speech.words] == ["It ", "is ", "$5.20 ", "now"]
    assert speech.words[2].end_ms - speech.words[2].start_ms == pytest.approx(
        HOP_MS * (10 * len("fivedollarsandtwentycents") + 4), abs=0.1
    )


def test_groups_of_a_telephone_number_are_separated_by_pauses() -> None:
    speech, phonemes = speak("(415) 555-0192!")
    assert phonemes == "four one five, five five five, zero one nine two!"
    first, last = speech.words
    # the pause belongs to neither word
    assert last.start_ms - first.end_ms == pytest.approx(2 * HOP_MS, abs=0.1)


def test_silent_words_take_no_time() -> None:
    speech, _ = speak("\U0001f44d great \U0001f44d")
    thumb, great, last = speech.words
    assert (thumb.start_ms, thumb.end_ms) == (0, 0)
    assert last.start_ms == last.end_ms == great.end_ms


@pytest.mark.parametrize("text", ["", "  ", "\u2026", "\U0001f44d"])
def test_a_text_without_words_is_silent(text: str) -> None:
    speech = Voice(LetterPronouncer(), ToneModel()).synthesize(text)
    assert speech.pcm == b""
    assert "".join(word.text for word in speech.words) == text


def test_speech_has_telephone_level_and_no_click_at_its_ends() -> None:
    speech, _ = speak("aaaa")
    samples = np.frombuffer(speech.pcm, "<i2") / 32_768
    assert samples[0] == samples[-1] == 0
    assert 0.1 < np.abs(samples).max() <= PEAK
    voiced = samples[np.abs(samples) > 0.02]
    assert 20 * np.log10(np.sqrt(np.square(voiced).mean())) == pytest.approx(-20, abs=1)


SENTENCES = [
    "Thank you for calling, how can I help you today?",
    "Your appointment is at 3:30 p.m. on Tuesday, March 14th.",
    "The number is (415) 555-0192.",
    "It costs $120 with Dr. Jones.",
]


@pytest.mark.speech
@pytest.mark.parametrize("text", SENTENCES)
def test_the_real_voice_speaks_every_word_in_order(voice: Voice, text: str) -> None:
    speech = voice.synthesize(text)
    assert "".join(word.text for word in speech.words) == text
    times = [time for word in speech.words for time in (word.start_ms, word.end_ms)]
    assert times == sorted(times)
    assert all(word.end_ms - word.start_ms > 30 for word in speech.words)
    assert speech.words[0].start_ms < 100
    assert speech.ms - 400 < speech.words[-1].end_ms <= speech.ms + 20


@pytest.mark.speech
def test_synthesized_speech_is_recognized(voice: Voice, recognizer: Recognizer) -> None:
    recognition = recognizer.transcribe(voice.synthesize("Please hold on, I will check that for you.").pcm, PHONE_RATE)
    assert re.sub("[,.]", "", recognition.text.lower()) == "please hold on i will check that for you"


@pytest.mark.speech
def test_speech_cut_at_a_word_s_end_ends_with_that_word(voice: Voice, recognizer: Recognizer) -> None:
    speech = voice.synthesize("We are open from Monday to Friday, and closed on Saturday.")
    for last in (4, 6, 9):
        samples = int(speech.words[last].end_ms * PHONE_RATE / 1_000)
        recognition = recognizer.transcribe(speech.pcm[: 2 * samples], PHONE_RATE).text.lower()
        assert recognition.replace(",", "").rstrip(".").split()[-1] == speech.words[last].text.lower().strip(" ,.")
