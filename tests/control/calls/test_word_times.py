"""Times of words: the vendor's where they can be right, estimates elsewhere, and nothing of what was redacted."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.calls.recordings.rules import Stretch, find_stretches
from control.calls.records.word_times import (
    make_words,
    redact_utterance,
    split_word_times,
    vendor_times,
    with_word_times,
)
from control.redaction.finder import SensitiveSpan

CARD = "[redacted: card number]"


def utterance(text: str, word_ms: Sequence[int] = (), start_ms: int = 1_000, end_ms: int = 2_000) -> dict[str, Any]:
    said: dict[str, Any] = {"speaker": "caller", "text": text, "start_ms": start_ms, "end_ms": end_ms}
    return {**said, "word_ms": list(word_ms)} if word_ms else said


def test_words_have_the_vendors_times_where_it_told_them() -> None:
    words = list(make_words(utterance("Yes, please.", (1_020, 1_300, 1_350, 1_900))))
    assert [(word.text, word.start_ms, word.end_ms, word.timing) for word in words] == [
        ("Yes,", 1_020, 1_300, "vendor"),
        ("please.", 1_350, 1_900, "vendor"),
    ]


@pytest.mark.parametrize(
    "word_ms",
    [
        (),
        (1_020, 1_300),
        (1_020, 1_300, 1_350),
        (1_350, 1_900, 1_020, 1_300),
        (1_020, 1_300, 1_900, 1_350),
        (1_020, 1_300, 1_350, 3_001),
        (-1, 1_300, 1_350, 1_900),
    ],
    ids=["none", "too few", "odd", "out of order", "ends before it begins", "long after", "long before"],
)
def test_words_share_the_utterance_where_the_vendors_times_cannot_be_right(word_ms: tuple[int, ...]) -> None:
    words = list(make_words(utterance("Yes, please.", word_ms)))
    assert [(word.text, word.start_ms, word.end_ms, word.timing) for word in words] == [
        ("Yes,", 1_000, 1_384, "estimated"),
        ("please.", 1_384, 2_000, "estimated"),
    ]


@given(st.text(max_size=40), st.integers(0, 10_000), st.integers(0, 10_000))
def test_estimates_fill_the_utterance_in_order(text: str, start_ms: int, length_ms: int) -> None:
    words = list(make_words(utterance(text, start_ms=start_ms, end_ms=start_ms + length_ms)))
    assert " ".join(word.text for word in words) == " ".join(text.split())
    if words:
        edges = [start_ms, *(word.end_ms for word in words)]
        assert [word.start_ms for word in words] == edges[:-1] and edges[-1] == start_ms + length_ms
        assert edges == sorted(edges)


def test_a_placeholder_has_the_time_of_the_words_that_it_stands_for() -> None:
    text = "Card 4111 1111, then jo@example.com now."
    times = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
    spans = [SensitiveSpan(0, 5, 14, "card_number"), SensitiveSpan(0, 21, 35, "email")]
    redacted = redact_utterance(utterance(text, times), spans)
    assert redacted["text"] == f"Card {CARD}, then [redacted: email] now."
    assert redacted["word_ms"] == [0, 1, 2, 5, 6, 7, 8, 9, 10, 11]
    again = redact_utterance(redacted, [SensitiveSpan(0, 0, 4, "national_id")])
    assert again["text"].startswith("[redacted: national id] [redacted: card number], then")
    assert again["word_ms"] == redacted["word_ms"]


@st.composite
def redactions(draw: st.DrawFn) -> tuple[str, list[SensitiveSpan]]:
    """A text, and stretches of it that begin and end in words."""
    text = " ".join(draw(st.lists(st.text("ab1@.", min_size=1, max_size=5), min_size=1, max_size=8)))
    letters = [at for at, one in enumerate(text) if one != " "]
    edges = sorted(draw(st.lists(st.sampled_from(letters), max_size=6, unique=True)))
    pairs = zip(edges[::2], edges[1::2], strict=False)
    return text, [SensitiveSpan(0, start, end + 1, "email") for start, end in pairs]


@given(redactions())
def test_each_word_left_keeps_its_time_and_each_placeholder_covers_its_words(
    case: tuple[str, list[SensitiveSpan]],
) -> None:
    text, spans = case
    count = len(text.split())
    redacted = redact_utterance(utterance(text, range(2 * count)), spans)
    words = list(make_words({**redacted, "start_ms": 0, "end_ms": 2 * count}))
    assert {word.timing for word in words} == {"vendor"}
    before = dict(zip(range(count), text.split(), strict=True))
    for word in words:
        if "[redacted" not in word.text:
            assert word.text == before[word.start_ms // 2] and word.end_ms == word.start_ms + 1
    covered = {at for word in words for at in range(word.start_ms // 2, word.end_ms // 2 + 1)}
    assert covered == set(range(count))


def test_only_the_words_that_were_left_out_are_silent_where_their_vendor_told_the_times() -> None:
    """And what was not understood beside them. A word may be 200 ms earlier in the recording than on the clock."""
    said = utterance(f"My card is {CARD} for today.", (1_000, 1_200, 1_200, 1_500, 1_500, 1_700, 1_900, 5_000, 5_300,
                                                       5_500, 5_500, 5_900), end_ms=6_000)  # fmt: skip
    assert find_stretches([said]) == [Stretch(1_700 - 450, 5_300 + 250)]
    assert find_stretches([utterance(CARD, (1_900, 1_950))]) == [Stretch(1_000 - 450, 2_000 + 250)]


@pytest.mark.parametrize("word_ms", [(), (1_900, 5_000), (1_000, 9_000, 9_100, 9_200)])
def test_the_whole_turn_is_silent_where_times_are_unknown_or_cannot_be_right(word_ms: tuple[int, ...]) -> None:
    assert find_stretches([utterance(f"It is {CARD}", word_ms, end_ms=6_000)]) == [Stretch(750, 6_250)]


def test_times_are_stored_beside_the_utterances_and_hold_no_text() -> None:
    said = [utterance("One two.", (1_000, 1_400, 1_500, 2_000)), utterance("Three.", start_ms=3_000, end_ms=3_300)]
    plain, times = split_word_times(said)
    assert "word_ms" not in repr(plain) and "One" not in repr(times)
    assert with_word_times(plain, times) == said
    assert with_word_times(plain, None) == plain


def test_times_that_the_version_before_left_behind_do_not_count() -> None:
    """It redacts an utterance, or adds others, and does not know of the times."""
    plain, times = split_word_times(
        [utterance("It is one two.", (1_000, 1_100, 1_100, 1_200, 1_300, 1_400, 1_500, 1_600))]
    )
    redacted = [{**plain[0], "text": f"It is {CARD}."}]
    assert not vendor_times(with_word_times(redacted, times)[0])
