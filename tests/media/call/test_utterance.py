"""Which words were heard after a given time, and where speech resumes after a cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.audio.mulaw import BYTES_PER_MS
from media.call.utterance import Utterance
from media.providers.ports import TimedWord
from shared.providers.word_timing import TYPICAL_MS_PER_CHARACTER


def spoken(text: str, ms: int, *words: TimedWord, complete: bool = True) -> Utterance:
    utterance = Utterance(1, complete=complete)
    utterance.plan(text)
    utterance.receive(bytes(ms * BYTES_PER_MS), words)
    return utterance


def timed(*texts: str, each_ms: int = 400) -> tuple[TimedWord, ...]:
    return tuple(TimedWord(text, at * each_ms, (at + 1) * each_ms) for at, text in enumerate(texts))


def test_text_heard_to_its_end_is_returned_exactly_as_written() -> None:
    utterance = spoken("Hello,  Dr. Smith.\nGood day! ", 1_600, *timed("hello", "doctor", "smith", "good"))
    assert utterance.heard_text(1_600) == "Hello,  Dr. Smith.\nGood day!"


def test_word_counts_as_heard_once_most_of_it_has_sounded() -> None:
    utterance = spoken("We are open now.", 1_600, *timed("We", "are", "open", "now."))
    assert utterance.heard_text(0) == ""
    assert utterance.heard_text(239) == ""
    assert utterance.heard_text(240) == "We"
    assert utterance.heard_text(1_039) == "We are"
    assert utterance.heard_text(1_041) == "We are open"


def test_heard_words_are_as_the_model_wrote_them() -> None:
    utterance = spoken("Well, I can't - sorry!", 2_400, *timed("well", "i", "ca", "n't", "sorry"))
    assert utterance.heard_text(300) == "Well,"
    assert utterance.heard_text(1_100) == "Well, I"  # only half of "can't" has sounded
    assert utterance.heard_text(1_600) == "Well, I can't"


def test_differing_words_of_the_voice_are_used() -> None:
    utterance = spoken("It costs $3.50 today.", 2_800, *timed("it", "costs", "three", "dollars", "fifty", "today"))
    assert utterance.heard_text(850) == "It costs"
    assert utterance.heard_text(1_600) == "it costs three dollars"


def test_without_timings_words_share_the_audio_by_their_length() -> None:
    utterance = spoken("one two three four", 1_900)
    assert utterance.heard_text(950) == "one two"
    assert utterance.heard_text(1_300) == "one two three"


def test_typical_pace_is_assumed_until_the_length_is_known() -> None:
    utterance = spoken("one two three four", 5_000, complete=False)
    assert utterance.heard_text(8 * TYPICAL_MS_PER_CHARACTER) == "one two"


def test_text_without_any_audio_was_not_heard() -> None:
    assert spoken("...", 0).heard_text(0) == ""
    assert spoken("Hello there.", 0).heard_text(0) == ""


def test_resume_point_is_the_start_of_the_cut_word() -> None:
    utterance = spoken("We are open now.", 1_600, *timed("We", "are", "open", "now."))
    assert utterance.resume_point(0) == 0
    assert utterance.resume_point(799) == 400
    assert utterance.resume_point(800) == 800
    assert utterance.resume_point(1_600) == 1_600


def test_resume_point_in_a_pause_is_the_cut_itself() -> None:
    utterance = spoken("One. Two.", 2_000, TimedWord("One.", 0, 500), TimedWord("Two.", 1_500, 2_000))
    assert utterance.resume_point(900) == 900


def test_resume_point_without_words_is_the_cut_itself() -> None:
    assert spoken("", 1_000).resume_point(700) == 700


@given(
    texts=st.lists(st.text("abcäß'.-,", min_size=1, max_size=6), max_size=12),
    each_ms=st.integers(1, 500),
    first=st.integers(0, 7_000),
    more=st.integers(0, 500),
    has_timings=st.booleans(),
)
def test_heard_text_is_a_growing_prefix(
    texts: list[str], each_ms: int, first: int, more: int, has_timings: bool
) -> None:
    words = timed(*texts, each_ms=each_ms) if has_timings else ()
    utterance = spoken(" ".join(texts), each_ms * len(texts), *words)
    earlier, later = utterance.heard_text(first), utterance.heard_text(first + more)
    assert later.startswith(earlier)
    assert utterance.text.startswith(later)
    assert utterance.resume_point(first) <= max(first, 0)
    assert utterance.heard_text(utterance.audio_ms + 1) == utterance.text


def test_audio_ms_is_the_length_of_the_audio() -> None:
    assert spoken("Hi", 250).audio_ms == pytest.approx(250)


def test_a_filler_is_no_part_of_the_text_and_shifts_what_is_heard_after_it() -> None:
    """Two words, a filler of 1 s, two words: the voice's timings know nothing of the filler."""
    utterance = Utterance(1)
    utterance.insert("One moment, please.", bytes(600 * BYTES_PER_MS), began=0.0)
    utterance.plan("We are open now.")
    assert not utterance.words
    utterance.receive(bytes(800 * BYTES_PER_MS), timed("We", "are", "open", "now."))
    utterance.insert("Just a second.", bytes(1_000 * BYTES_PER_MS), began=1_400.0)
    utterance.receive(bytes(800 * BYTES_PER_MS), ())
    assert (utterance.speech_at, utterance.audio_ms) == (600, 3_200)
    heard = {ms: utterance.heard_text(ms) for ms in (600, 1_000, 1_400, 2_400, 2_640, 3_200)}
    assert list(heard.values()) == ["", "We", "We are", "We are", "We are open", "We are open now."]
    assert utterance.resume_point(1_100) == 1_000, "the word that was cut"
    assert utterance.resume_point(1_800) == 2_400, "after the filler that was cut"
    assert [insertion.heard_text(1_900) for insertion in utterance.insertions] == ["One moment, please.", "Just"]
    assert utterance.is_filler_at(2_000) and not utterance.is_filler_at(2_500)


def test_without_timings_a_filler_takes_no_share_of_the_words() -> None:
    utterance = Utterance(1)
    utterance.insert("One moment, please.", bytes(1_000 * BYTES_PER_MS), began=0.0)
    utterance.plan("one two three four")
    utterance.receive(bytes(1_900 * BYTES_PER_MS), ())
    utterance.complete = True
    assert utterance.heard_text(1_950) == "one two"
