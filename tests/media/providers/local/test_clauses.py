"""Where a text is split into clauses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.providers.local.clauses import MAX_LENGTH, pause_ms, split_clauses


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("Hello there.", ["Hello there."]),
        ("Well, I can help you.", ["Well, I can help you."]),
        ("Thank you for calling, how are you?", ["Thank you for calling, ", "how are you?"]),
        ("Yes. No! Why?", ["Yes. ", "No! ", "Why?"]),
        ("I spoke to Dr. Jones at 9 a.m. today", ["I spoke to Dr. Jones at 9 a.m. today"]),
        (
            "We close early today. We have bread, milk, and eggs.",
            ["We close early today. ", "We have bread, milk, and eggs."],
        ),
        ("Great! \U0001f44d", ["Great! \U0001f44d"]),
        ("\u2026", []),
        ("", []),
    ],
)
def test_text_is_split(text: str, cut: list[str]) -> None:
    assert split_clauses(text) == cut


def test_a_text_without_punctuation_is_split_too() -> None:
    cut = split_clauses("word " * 100)
    assert all(len(clause) <= MAX_LENGTH + len("word ") for clause in cut)
    assert len(cut) > 3


@given(st.text(st.sampled_from("ab ,.!?'$5")))
def test_clauses_are_the_whole_text(text: str) -> None:
    cut = split_clauses(text)
    assert "".join(cut) == (text if cut else "")


def test_a_sentence_is_followed_by_a_longer_pause_than_a_clause() -> None:
    assert pause_ms("Yes. ") == pause_ms("Really?") > pause_ms("First, ") > pause_ms("and") > 0
