"""What the completeness model sees."""

from enum import StrEnum
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.turn import completeness_features as features
from media.turn.completeness_features import MAX_WORDS, extract_features, last_words
from media.turn.expected_reply import ExpectedReply


class LaterReply(StrEnum):
    DATE = "date"


def test_figures_are_seen_by_their_length_only() -> None:
    assert last_words("Call 555-1234, at 9am!") == ["call", "###", "####", ",", "at", "#am"]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("It broke. Can you fix it?", "it broke . can you fix it"),
        ("It broke! Can you fix it", "it broke . can you fix it"),
        ("It broke... Can you", "it broke . can you"),
        ("... It costs 3.50, at least.", "it costs # ## , at least"),
        ("it broke . can you", "it broke . can you"),
        ("Is it a.m.? Well.", "is it a m . well"),
        (". ! ?,", ""),
        ("If it broke, send it back,", "if it broke , send it back"),
        ("Well, ... it broke", "well . it broke"),
    ],
)
def test_a_mark_counts_between_sentences_and_not_at_the_end(text: str, seen: str) -> None:
    assert last_words(text) == seen.split()


def test_a_text_that_is_shortened_begins_with_a_word() -> None:
    words = last_words("one. " + "word " * (MAX_WORDS - 1) + "last")
    assert words == ["word"] * (MAX_WORDS - 1) + ["last"]
    assert last_words("one. " + "word " * MAX_WORDS) == ["word"] * MAX_WORDS


def test_the_last_sentence_looks_the_same_behind_another_one_but_for_what_is_before_it() -> None:
    alone, behind = (last_words(text) for text in ("Please send my new card", "It broke. Please send my new card"))
    one, other = (extract_features(words, ExpectedReply.REPLY) for words in (alone, behind))
    assert one.words[1:] == other.words[1:]
    different = [place for place, pair in enumerate(zip(one.counts, other.counts, strict=True)) if pair[0] != pair[1]]
    assert different == [features.COUNTS - 2, features.COUNTS - 1]


def test_a_kind_of_reply_that_was_not_trained_counts_as_a_reply() -> None:
    later = cast(ExpectedReply, LaterReply.DATE)
    assert extract_features(["the", "third"], later) == extract_features(["the", "third"], ExpectedReply.REPLY)


def test_what_was_asked_changes_only_its_own_features() -> None:
    reply, digits = (extract_features(["four"], asked) for asked in (ExpectedReply.REPLY, ExpectedReply.DIGITS))
    assert (reply.words, reply.endings) == (digits.words, digits.endings)
    assert sum(one != other for one, other in zip(reply.counts, digits.counts, strict=True)) == 2
    assert sum(one != other for one, other in zip(reply.ngrams, digits.ngrams, strict=True)) == 2


@settings(max_examples=30, deadline=None)
@given(text=st.text(max_size=3_000), asked=st.sampled_from(ExpectedReply))
def test_any_text_has_as_many_features(text: str, asked: ExpectedReply) -> None:
    words = last_words(text)
    found = extract_features(words, asked)
    assert len(words) <= features.MAX_WORDS
    assert (len(found.ngrams), len(found.endings)) == (features.NGRAMS, features.ENDINGS)
    assert len(found.words) == features.LAST_WORDS + features.FIRST_WORDS
    assert len(found.counts) == features.COUNTS
    assert max(found.ngrams) < features.NGRAM_BUCKETS
    assert all(0 <= count <= 2 for count in found.counts)
