"""What the completeness model sees."""

from enum import StrEnum
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from media.turn import completeness_features as features
from media.turn.completeness_features import extract_features, last_words
from media.turn.expected_reply import ExpectedReply


class LaterReply(StrEnum):
    DATE = "date"


def test_figures_are_seen_by_their_length_only() -> None:
    assert last_words("Call 555-1234, at 9am!") == ["call", "###", "####", "at", "#am"]


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
