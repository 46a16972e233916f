"""The simulated voice: its words are found again, whole, cut, twice and under other audio."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.carrier.mulaw import FRAME, decode
from simulator.vendors.voice import clip_samples, find_words, speak, word_times, words

TEXT = "Thank you for calling, I can certainly help you with that today."
VOCABULARY = words(TEXT)


def test_words_are_found_in_order_and_in_place() -> None:
    found = find_words(decode(speak(TEXT)), VOCABULARY)
    assert [(word.text, word.start_ms) for word in found] == [(word.text, word.start_ms) for word in word_times(TEXT)]


def test_a_word_that_is_missing_or_comes_twice_is_seen() -> None:
    audio = speak("thank you") + speak("you for") + speak("today")
    assert [word.text for word in find_words(decode(audio), VOCABULARY)] == ["thank", "you", "you", "for", "today"]


def test_a_word_cut_before_its_middle_is_not_found() -> None:
    audio = speak("certainly")
    assert not find_words(decode(audio[: len(audio) // 3]), VOCABULARY)
    assert [word.text for word in find_words(decode(audio[: len(audio) * 3 // 4]), VOCABULARY)] == ["certainly"]


def test_words_are_found_under_a_second_speaker() -> None:
    agent, caller = decode(speak("thank you")).astype(int), decode(speak("with that")).astype(int)
    both = (agent[: len(caller)] + caller[: len(agent)])[:]
    found = {word.text for word in find_words(np.clip(both, -32_768, 32_767).astype(np.int16), VOCABULARY)}
    assert found == {"thank", "you", "with", "that"}


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=8), st.integers(0, 3 * FRAME))
def test_any_sequence_at_any_offset(texts: list[str], offset: int) -> None:
    audio = b"\xff" * offset + speak(" ".join(texts))
    assert [word.text for word in find_words(decode(audio), VOCABULARY)] == texts


def test_clips_are_whole_frames() -> None:
    assert all(len(clip_samples(word)) % FRAME == 0 for word in VOCABULARY)
